// Who sends alerts, and whether each still does: a board without alerts is good
// news only if it would hear of them.

import { api, Refused } from './api.js';
import { isActive } from './event.js';
import { t } from './lang.js';
import { brief } from './text.js';
import { duration, moment, now, parseTime } from './time.js';

const EVERY = 30_000;
const OWN = 'relay'; // the source of the relay's own alerts

export class Sources {
  available = false; // the relay has an API
  #list = [];
  #board;
  #notices;

  constructor(board, notices) {
    this.#board = board;
    this.#notices = notices;
    board.addEventListener('snapshot', () => this.refresh());
    board.addEventListener('shown', () => this.#show());
    setInterval(() => document.hidden || this.refresh(), EVERY);
  }

  /** refresh asks again. That it cannot be asked shows elsewhere, as not live. */
  async refresh() {
    try {
      const { sources } = await api('GET', 'sources', null, { silent: true });
      this.#list = Array.isArray(sources) ? sources.filter((s) => typeof s?.name === 'string') : [];
      this.available = true;
    } catch (error) {
      if (error instanceof Refused) this.#list = [];
      if (error instanceof Refused && error.status === 404) this.available = false;
      else if (error instanceof Refused && error.status === 401) this.available = true; // with a token it will
    }
    this.#show();
  }

  /** hasAPI reports whether the relay can make silences at a source. */
  hasAPI(name) {
    return this.#list.some((s) => s.name === name && Boolean(s.configured?.api));
  }

  #show() {
    const silent = new Set();
    for (const a of this.#board.state.alerts.values()) {
      if (a.source !== OWN || !isActive(a)) continue;
      const about = a.name === 'SourceSilent' ? a.labels.source : a.id;
      silent.add(`source ${about}`);
      this.#notices.set(`source ${about}`, `${brief(a.name, 60)}: ${brief(a.summary || about || '')} (${t('since', moment(a.startsAt))})`, true);
    }
    for (const s of this.#list) {
      if (s.silent !== true) continue;
      silent.add(`source ${s.name}`);
      const heard = parseTime(s.lastHeard);
      this.#notices.set(`source ${s.name}`, heard === null ? t('sourceNever', brief(s.name, 40)) : t('sourceSilent', brief(s.name, 40), moment(heard), duration(now() - heard)), true);
    }
    this.#notices.keep('source ', silent);
  }
}
