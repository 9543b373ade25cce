// The log: every change that was seen, the newest first. Entries keep a few words
// of an alert and not the alert, so that a long watch costs little.

import { t } from './lang.js';
import { shape } from './row.js';
import { brief, el } from './text.js';
import { moment } from './time.js';
import { base } from './view.js';

const KEPT = 5_000;
const SHOWN = 300;
const PAUSE = 500; // ms between two drawings

export class EventLog {
  #entries = new Array(KEPT);
  #count = 0;
  #section;
  #timer = 0;

  constructor(section) {
    this.#section = section;
    section.setAttribute('aria-label', t('log'));
  }

  /** add takes a transition. */
  add({ event, inView }) {
    if (!inView) return;
    this.#entries[this.#count++ % KEPT] = {
      at: event.updatedAt, kind: event.kind, level: event.level, name: brief(event.name, 100),
      text: brief(event.summary, 160), by: brief(event.ack?.by ?? event.suppression?.by ?? '', 60), channel: event.channel,
    };
    if (!this.#section.hidden && this.#timer === 0) this.#timer = setTimeout(() => this.#draw(), PAUSE);
  }

  /** toggle opens or closes it, and returns whether it is open. */
  toggle() {
    this.#section.hidden = !this.#section.hidden;
    if (!this.#section.hidden) this.#draw();
    return !this.#section.hidden;
  }

  #draw() {
    this.#timer = 0;
    const lines = [];
    for (let i = this.#count - 1; i >= Math.max(0, this.#count - Math.min(KEPT, SHOWN)); i--) lines.push(line(this.#entries[i % KEPT]));
    const head = el('p', 'log-head', el('strong', '', t('log')), el('span', '', this.#count === 0 ? t('logEmpty') : t('logCount', this.#count, lines.length)));
    this.#section.replaceChildren(head, el('ol', '', ...lines));
  }
}

function line(entry) {
  const a = el('a', 'c-name', entry.name || t('noName'));
  a.href = new URL(`channels/${encodeURIComponent(entry.channel)}`, base).href;
  return el('li', '', el('time', '', moment(entry.at)), el('span', `kind ${entry.kind}`, shape(entry.level), t(`event_${entry.kind}`)), a,
    el('span', 'c-text', [entry.by, entry.text].filter(Boolean).join(': ')));
}
