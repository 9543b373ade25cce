// Who sends alerts, and whether each still does: a board without alerts is good
// news only if it would hear of them. heard.js shows it.

import { api, Refused } from './api.js';
import { isActive } from './event.js';
import { t } from './lang.js';
import { brief } from './text.js';
import { duration, moment, parseTime } from './time.js';

const EVERY = 30_000;
const OLD = 3 * EVERY; // of figures that nobody could renew: a computer slept, or a tab was hidden
const OWN = 'relay'; // the source of the relay's own alerts

/** STATES of a source, the worst first. */
export const STATES = ['silent', 'failing', 'never', 'heard'];

/**
 * Sources are as the relay told last, and stay so while it cannot be asked: problem
 * then says why. It sends "told" when there is something new.
 */
export class Sources extends EventTarget {
  available = false; // the relay has an API
  problem = '';

  #list = [];
  #asOf = null; // when the relay said so, by its clock
  #at = 0; // and by ours
  #asking = null;
  #board;
  #notices;

  constructor(board, notices) {
    super();
    this.#board = board;
    this.#notices = notices;
    board.addEventListener('snapshot', () => this.refresh());
    board.addEventListener('shown', () => this.#tell());
    document.addEventListener('visibilitychange', () => document.hidden || this.refresh());
    setInterval(() => document.hidden || this.refresh(), EVERY);
  }

  /** asOf is when the relay told what is known, by its clock in ms; null: it never did. */
  get asOf() {
    return this.#asOf;
  }

  /** isOld: the relay cannot be asked, or was not for too long. */
  get isOld() {
    return this.#asOf !== null && (this.problem !== '' || Date.now() - this.#at > OLD);
  }

  /** ago is how long before now a time of the relay was, in ms. It does not depend on the clock of this machine. */
  ago(time) {
    return Math.max(0, this.#asOf - time + Date.now() - this.#at);
  }

  /**
   * all are the sources, the worst first: {name, state, silent, heardAt, limit, asked},
   * with null for what is not so; asked, by the API, is {healthy, goodAt, error}.
   */
  all() {
    const silent = this.#ownAlerts();
    return this.#list.map((s) => {
      const isSilent = s.silent || silent.has(s.name);
      const failing = s.asked !== null && s.asked.error !== '';
      return { ...s, silent: isSilent, state: isSilent ? 'silent' : failing ? 'failing' : s.heardAt === null ? 'never' : 'heard' };
    }).sort((a, b) => STATES.indexOf(a.state) - STATES.indexOf(b.state) || (a.name < b.name ? -1 : 1));
  }

  /** refresh asks again. */
  refresh() {
    this.#asking ??= this.#ask().finally(() => (this.#asking = null));
    return this.#asking;
  }

  async #ask() {
    try {
      const { time, sources } = await api('GET', 'sources', null, { silent: true });
      const asOf = parseTime(time);
      if (asOf === null || !Array.isArray(sources)) throw new Error(t('noSense'));
      this.#list = sources.filter((s) => typeof s?.name === 'string').map(toSource);
      this.#asOf = asOf;
      this.#at = Date.now();
      this.problem = '';
      this.available = true;
    } catch (error) {
      this.problem = error.message || String(error);
      if (error instanceof Refused && error.status === 404) this.available = false;
      else if (error instanceof Refused && error.status === 401) this.available = true; // with a token it will
    }
    this.#tell();
  }

  /** hasAPI reports whether the relay can make silences at a source. */
  hasAPI(name) {
    return this.available && this.#list.some((s) => s.name === name && s.canSilence);
  }

  /** #ownAlerts are the names of the sources that the relay's own alerts say are silent. */
  #ownAlerts() {
    const names = new Set();
    for (const a of this.#board.state.alerts.values()) {
      if (a.source === OWN && isActive(a) && a.name === 'SourceSilent' && a.labels.source) names.add(a.labels.source);
    }
    return names;
  }

  #tell() {
    const silent = new Set();
    for (const a of this.#board.state.alerts.values()) {
      if (a.source !== OWN || !isActive(a)) continue;
      const about = a.name === 'SourceSilent' ? a.labels.source : a.id;
      silent.add(`source ${about}`);
      this.#notices.set(`source ${about}`, `${brief(a.name, 60)}: ${brief(a.summary || about || '')} (${t('since', moment(a.startsAt))})`, true);
    }
    for (const s of this.#list) {
      if (!s.silent) continue;
      silent.add(`source ${s.name}`);
      this.#notices.set(`source ${s.name}`, s.heardAt === null ? t('sourceNever', brief(s.name, 40)) : t('sourceSilent', brief(s.name, 40), moment(s.heardAt), duration(this.ago(s.heardAt))), true);
    }
    this.#notices.keep('source ', silent);
    this.dispatchEvent(new Event('told'));
  }
}

/** toSource reads a source of the API, whose shape is not trusted. */
function toSource(s) {
  const limit = s.configured?.silentAfterSeconds;
  const asked = typeof s.reconcile === 'object' && s.reconcile !== null ? s.reconcile : null;
  return {
    name: s.name,
    silent: s.silent === true,
    heardAt: parseTime(s.lastHeard),
    limit: Number.isFinite(limit) && limit > 0 ? limit * 1000 : null,
    canSilence: Boolean(s.configured?.api),
    asked: asked && { healthy: asked.healthy === true, goodAt: parseTime(asked.lastSuccess), error: typeof asked.error === 'string' ? asked.error : '' },
  };
}
