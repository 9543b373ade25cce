// Storms: when more changes in the view than anybody can follow, a line counts
// them instead of flashes and sounds. The table stays right all the while.

import { t } from './lang.js';

const MANY = 50; // changes per second that begin a storm
const SECONDS = 10; // that are counted
const CALM = 5; // quieter seconds that end one

export class Storm {
  active = false;

  #buckets = []; // {firing, ended, other} by second, the newest last
  #now = { firing: 0, ended: 0, other: 0 };
  #quiet = 0;
  #notices;

  constructor(notices) {
    this.#notices = notices;
    setInterval(() => this.#tick(), 1000);
  }

  /** note counts a change. */
  note({ after, event }) {
    if (!after || after.endedAt !== null) this.#now.ended++;
    else if (event.kind === 'firing') this.#now.firing++;
    else this.#now.other++;
    if (!this.active && total(this.#now) > MANY) this.#set(true);
  }

  #tick() {
    const last = total(this.#now);
    this.#buckets.push(this.#now);
    if (this.#buckets.length > SECONDS) this.#buckets.shift();
    this.#now = { firing: 0, ended: 0, other: 0 };
    if (!this.active) return;
    this.#quiet = last > MANY / 2 ? 0 : this.#quiet + 1;
    if (this.#quiet >= CALM) return this.#set(false);
    this.#show();
  }

  #set(active) {
    this.active = active;
    this.#quiet = 0;
    if (active) {
      document.body.dataset.storm = '';
      this.#show();
    } else {
      delete document.body.dataset.storm;
      this.#notices.set('storm', '');
    }
  }

  #show() {
    const sum = { firing: 0, ended: 0, other: 0 };
    for (const b of [...this.#buckets, this.#now]) for (const k of Object.keys(sum)) sum[k] += b[k];
    this.#notices.set('storm', t('storm', total(sum), this.#buckets.length + 1, sum.firing, sum.ended));
  }
}

const total = (b) => b.firing + b.ended + b.other;
