// When each source was last heard: in the header the worst of it in a few words, and
// all of it in a dialog.

import { ask } from './dialog.js';
import { t } from './lang.js';
import { shape } from './row.js';
import { brief, el, setText } from './text.js';
import { duration, moment } from './time.js';

const SHAPES = { silent: 'expired', failing: 'warning', never: 'stale', heard: 'resolved', none: 'stale', unknown: 'stale' };

/** Heard keeps the button in the header right, and opens the dialog. */
export class Heard {
  #button;
  #sources;
  #board;
  #table = null; // while the dialog is open

  constructor(button, sources, board) {
    this.#button = button;
    this.#sources = sources;
    this.#board = board;
    button.addEventListener('click', () => this.open());
    sources.addEventListener('told', () => this.#show());
    setInterval(() => document.hidden || this.#show(), 1000);
  }

  /** open opens the dialog, but not in the past: what is known is of now. */
  async open() {
    if (this.#board.past) return;
    this.#sources.refresh();
    const table = new SourceTable(this.#sources);
    this.#table = table;
    await ask(t('sources'), [table.element]);
    if (this.#table === table) this.#table = null;
  }

  #show() {
    this.#table?.show();
    const { asOf, problem, isOld } = this.#sources;
    this.#button.hidden = asOf === null && problem === '';
    if (this.#button.hidden) return;
    const all = this.#sources.all();
    const state = asOf === null ? 'unknown' : (all[0]?.state ?? 'none');
    const n = all.filter((s) => s.state === state).length;
    const oldest = all.reduce((least, s) => (s.heardAt !== null && (least === null || s.heardAt < least) ? s.heardAt : least), null);
    this.#button.dataset.state = isOld && (state === 'heard' || state === 'none') ? 'unknown' : state;
    const [sign, short, long, more] = this.#button.children;
    sign.className = `shape ${SHAPES[this.#button.dataset.state]}`;
    const words = {
      unknown: t('sourcesUnknown'), silent: t('nSilent', n, all.length), failing: t('nFailing', n, all.length), never: t('nNever', n, all.length), heard: t('nSources', n), none: t('nSources', 0),
    }[state];
    setText(long, words);
    setText(short, { unknown: '?', heard: String(n), none: '0' }[state] ?? `${n}/${all.length}`);
    const [oldestWord, age] = more.children;
    setText(oldestWord, isOld ? '' : oldest === null ? '' : t('oldest'));
    setText(age, isOld ? t('asOf', moment(asOf)) : oldest === null ? '' : duration(this.#sources.ago(oldest)));
    more.hidden = age.textContent === '';
    // Read aloud as times, because ages change each second.
    const label = [t('sources'), words, isOld ? t('asOf', moment(asOf)) : oldest === null ? '' : t('oldestHeard', moment(oldest))].filter(Boolean).join(', ');
    for (const attribute of ['aria-label', 'title']) if (this.#button.getAttribute(attribute) !== label) this.#button.setAttribute(attribute, label);
  }
}

/** SourceTable is all of them, changed in place so that it can be read and scrolled meanwhile. */
class SourceTable {
  element;
  #sources;
  #rows = new Map();
  #body = el('tbody');
  #table;
  #fresh = el('p', 'fresh-line');
  #empty = el('p', 'quiet');
  #scroll;

  constructor(sources) {
    this.#sources = sources;
    const head = el('tr', '', ...['source', 'lastHeard', 'state'].map((name) => {
      const th = el('th', '', t(name));
      th.scope = 'col';
      return th;
    }));
    this.#table = el('table', '', el('thead', '', head), this.#body);
    this.#scroll = el('div', 'scroll', this.#table);
    // Scrolled by keys, too.
    this.#scroll.tabIndex = 0;
    this.#scroll.setAttribute('role', 'region');
    this.#scroll.setAttribute('aria-label', t('sources'));
    this.#scroll.setAttribute('autofocus', '');
    this.#fresh.setAttribute('role', 'status');
    this.element = el('div', 'sources', this.#fresh, this.#empty, this.#scroll);
    this.show();
  }

  show() {
    const { asOf, problem, isOld } = this.#sources;
    const all = this.#sources.all();
    const why = brief(problem, 200);
    setText(this.#fresh, asOf === null ? (problem === '' ? t('loadingSources') : t('sourcesNotTold', why)) : isOld ? t('sourcesOld', moment(asOf), why) : t('sourcesAsOf', moment(asOf)));
    this.#fresh.classList.toggle('problem', isOld || (asOf === null && problem !== ''));
    this.element.classList.toggle('old', isOld);
    this.#empty.hidden = asOf === null || all.length > 0;
    setText(this.#empty, this.#empty.hidden ? '' : t('noSources'));
    this.#scroll.hidden = all.length === 0;
    const rows = all.map((s) => this.#row(s));
    if (rows.length !== this.#body.children.length || rows.some((r, i) => r !== this.#body.children[i])) this.#body.replaceChildren(...rows);
    for (const name of this.#rows.keys()) if (!this.#rows.get(name).isConnected && !rows.includes(this.#rows.get(name))) this.#rows.delete(name);
  }

  #row(s) {
    let row = this.#rows.get(s.name);
    if (!row) {
      const name = el('th', '', brief(s.name, 60));
      name.scope = 'row';
      row = el('tr', '', name, el('td', '', el('span'), el('small')), el('td', '', el('span', 'source-state', shape(''), el('b')), el('small'), el('small')));
      this.#rows.set(s.name, row);
    }
    const [, heard, state] = row.children;
    row.dataset.state = s.state;
    setText(heard.firstChild, s.heardAt === null ? t('never') : t('ago', duration(this.#sources.ago(s.heardAt))));
    setText(heard.lastChild, s.heardAt === null ? '' : moment(s.heardAt));
    const [sign, limit, asked] = state.children;
    const word = s.silent ? 'silent' : s.heardAt === null ? 'never' : 'heard';
    sign.firstChild.className = `shape ${SHAPES[word]}`;
    setText(sign.lastChild, t(`state_${word}`));
    setText(limit, s.limit === null ? t('noLimit') : t('limit', duration(s.limit)));
    setText(asked, this.#askedText(s.asked));
    asked.classList.toggle('problem', s.asked !== null && s.asked.error !== '');
    return row;
  }

  /** #askedText says how asking the source's API goes. */
  #askedText(asked) {
    if (asked === null) return '';
    const good = asked.goodAt === null ? '' : t('ago', duration(this.#sources.ago(asked.goodAt)));
    if (asked.error !== '') return `${t('apiFails', brief(asked.error, 300))} ${good ? t('apiLastGood', good) : t('apiNeverGood')}`;
    return good ? t('apiGood', good) : t('apiNotYet');
  }
}
