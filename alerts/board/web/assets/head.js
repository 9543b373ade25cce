// The header: how many alerts of each severity, to be read from across the room.

import { t } from './lang.js';
import { LEVELS } from './severity.js';
import { shape } from './row.js';
import { el, setText } from './text.js';

const ALWAYS = new Set(['critical', 'warning', 'info']); // shown also when there are none

/** SeverityCounts is a tile for each level, and small ones for the rest. */
export class SeverityCounts extends HTMLElement {
  #tiles = new Map();

  connectedCallback() {
    if (this.#tiles.size > 0) return;
    for (const level of LEVELS) this.#add(level, 'tile');
    for (const other of ['suppressed', 'ended']) this.#add(other, 'tile small');
    this.show(null);
  }

  /** show takes counts of arrange(); null: nothing is known yet. */
  show(counts) {
    for (const level of LEVELS) {
      const c = counts?.levels[level];
      this.#set(level, c?.firing, c?.acked ? t('ofThemAcked', c.acked) : '');
      this.#tiles.get(level).hidden = !ALWAYS.has(level) && !c?.firing;
    }
    this.#set('suppressed', counts?.suppressed, '');
    this.#set('ended', counts?.ended, '');
  }

  #add(name, className) {
    const tile = el('div', `${className} ${name}`, el('span', 'number'), el('span', 'word', shape(name), el('b', '', t(name))), el('span', 'more'));
    this.#tiles.set(name, tile);
    this.append(tile);
  }

  #set(name, n, more) {
    const tile = this.#tiles.get(name);
    setText(tile.querySelector('.number'), n === undefined ? '–' : n.toLocaleString('en').replace(/,/g, '\u202f'));
    setText(tile.querySelector('.more'), more);
    tile.classList.toggle('none', !n);
  }
}

customElements.define('severity-counts', SeverityCounts);

/** summaryOf is the counts in a sentence, for those who hear the page. */
export function summaryOf(counts) {
  const levels = LEVELS.filter((l) => counts.levels[l].firing > 0).map((l) => `${counts.levels[l].firing} ${t(l)}`);
  return levels.length === 0 ? t('nothingFiring') : `${t('nFiring', counts.firing)}: ${levels.join(', ')}`;
}

/** worstOf is the worst level that fires and nobody has in hand, '' if there is none. */
export function worstOf(counts) {
  return LEVELS.find((l) => counts.levels[l].firing > counts.levels[l].acked) ?? '';
}

