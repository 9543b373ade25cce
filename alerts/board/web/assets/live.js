// Whether the board is live. It never says so on hope: only while something was
// heard from the relay lately.

import { t } from './lang.js';
import { moment, now, setSkew } from './time.js';
import { el, setText } from './text.js';

/** How old the last sign of life may be, in ms: the relay sends one every 10 s. */
const SILENCE = 17_000;

/**
 * Live keeps the state of the connection: kind is 'connecting' before the first
 * snapshot, 'live', or 'dead'. onChange is called when kind changes.
 */
export class Live {
  kind = 'connecting';
  since = null; // when it was last right, by the relay's clock, while dead
  snapshot = false; // whether there is something to show

  #source = () => ({});
  #began = Date.now();
  #onChange;
  #parts;

  constructor(parts, onChange) {
    this.#parts = parts;
    this.#onChange = onChange;
    setInterval(() => this.check(), 1000);
    document.addEventListener('visibilitychange', () => this.check());
    addEventListener('pageshow', () => this.check());
  }

  /** watch takes a function that gives the state of client.js. */
  watch(source) {
    this.#source = source;
    this.check();
  }

  /** check compares clock times, because timers stand still while a computer sleeps. */
  check() {
    const { live, heardAt: heard = null, skew = null } = this.#source();
    if (skew !== null) setSkew(skew);
    const quiet = Date.now() - (heard ?? this.#began);
    let kind = 'dead';
    if (live && heard !== null && quiet < SILENCE) kind = this.snapshot ? 'live' : 'connecting';
    else if (quiet < 3_000) kind = this.kind === 'dead' ? 'dead' : 'connecting'; // a brief interruption
    if (kind === 'dead') this.since = heard === null ? null : heard + now() - Date.now();
    const changed = kind !== this.kind;
    this.kind = kind;
    this.#show();
    if (changed) this.#onChange(kind);
  }

  #show() {
    const { badge, cover } = this.#parts;
    const { heardAt: heard = null, problem = '', retryAt = null } = this.#source();
    document.body.dataset.live = this.kind;
    setText(badge.querySelector('.word'), t(`live_${this.kind}`));
    setText(badge.querySelector('.more'), this.kind === 'live' && heard ? t('heard', Math.max(0, Math.round((Date.now() - heard) / 1000))) : '');
    cover.hidden = this.kind !== 'dead';
    if (this.kind !== 'dead') return;
    setText(cover.querySelector('.big'), this.since === null ? t('neverLive') : t('notLive', moment(this.since)));
    setText(cover.querySelector('.small'), [this.since === null ? '' : t('notLiveMeans'), problem, retryText(retryAt)].filter(Boolean).join(' · '));
  }
}

function retryText(at) {
  const left = at === null ? 0 : Math.ceil((at - Date.now()) / 1000);
  return left > 0 ? t('retryIn', left) : t('retryNow');
}

const ICONS = {
  live: '<rect width="32" height="32" rx="7" fill="#0b5cad"/><path d="M6 17h6l3-8 4 15 3-7h5" fill="none" stroke="#fff" stroke-width="3"/>',
  critical: '<rect width="32" height="32" rx="7" fill="#b3001b"/><path d="M16 5v14M16 23v4" stroke="#fff" stroke-width="5"/>',
  dead: '<rect width="32" height="32" fill="#b3001b"/><path d="M6 6l20 20M26 6L6 26" stroke="#fff" stroke-width="6"/>',
  past: '<rect width="32" height="32" fill="#6a3d9a"/><path d="M16 6v10l7 5" fill="none" stroke="#fff" stroke-width="4"/>',
  connecting: '<rect width="32" height="32" rx="7" fill="#5d6570"/><path d="M8 16h3M15 16h3M22 16h3" stroke="#fff" stroke-width="4"/>',
};

/** setIcon sets the page's icon. It is in the page already: a relay that is away serves none. */
export function setIcon(kind) {
  let link = document.querySelector('link[rel="icon"]');
  if (link?.dataset.kind === kind) return;
  link?.remove(); // browsers do not look at a changed one
  link = el('link');
  link.rel = 'icon';
  link.type = 'image/svg+xml';
  link.dataset.kind = kind;
  link.href = `data:image/svg+xml,${encodeURIComponent(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">${ICONS[kind]}</svg>`)}`;
  document.head.append(link);
}
