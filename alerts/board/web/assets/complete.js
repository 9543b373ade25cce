// The filter's box, with suggestions from what is on the board.

import { t } from './lang.js';
import { exactly, format, valueOf } from './matcher.js';
import { brief, el } from './text.js';

const MOST = 12;
const FRESH = 3_000; // ms that collected values are used

/**
 * MatchBox completes matchers in an input: names of labels, then values, with how
 * often there are. onInput(text, done) is called with each change.
 */
export class MatchBox {
  #input;
  #list;
  #alerts;
  #onInput;
  #items = [];
  #at = -1;
  #collected = null; // {at, values: name -> value -> count}

  constructor(input, list, { alerts, onInput }) {
    this.#input = input;
    this.#list = list;
    this.#alerts = alerts;
    this.#onInput = onInput;
    input.addEventListener('input', () => this.#typed());
    input.addEventListener('click', () => this.#suggest());
    input.addEventListener('keydown', (e) => this.#key(e));
    input.addEventListener('blur', () => {
      this.#close();
      onInput(input.value, true);
    });
    list.addEventListener('mousedown', (e) => { // before the input loses the focus
      e.preventDefault();
      const li = e.target.closest('li');
      if (li) this.#take(Number(li.dataset.at));
    });
  }

  #typed() {
    this.#onInput(this.#input.value, false);
    this.#suggest();
  }

  #key(e) {
    const open = this.#items.length > 0;
    if (e.key === 'Escape') {
      if (open) this.#close();
      else this.#input.blur();
    } else if (e.key === 'ArrowDown' && !open) this.#suggest();
    else if (e.key === 'ArrowDown') this.#select(this.#at + 1);
    else if (e.key === 'ArrowUp' && open) this.#select(this.#at - 1);
    else if ((e.key === 'Enter' || e.key === 'Tab') && open && this.#at >= 0) this.#take(this.#at);
    else if (e.key === 'Enter') {
      this.#close();
      this.#onInput(this.#input.value, true);
      if (this.#input.getAttribute('aria-invalid') !== 'true') this.#input.blur();
    } else return;
    e.preventDefault();
    e.stopPropagation();
  }

  /** #segment is the matcher that is being written: where it begins, and its parts. */
  #segment() {
    const before = this.#input.value.slice(0, this.#input.selectionStart ?? Infinity);
    let start = 0;
    let quoted = false;
    for (let i = 0; i < before.length; i++) {
      if (quoted && before[i] === '\\') i++;
      else if (before[i] === '"') quoted = !quoted;
      else if (!quoted && (before[i] === ',' || before[i] === '{')) start = i + 1;
    }
    while (before[start] === ' ') start++;
    const [, name, op, value] = /^\s*("(?:[^"\\]|\\.)*"?|[^\s=!~]*)\s*(=~|!~|!=|=)?\s*(.*)$/s.exec(before.slice(start));
    return { start, end: before.length, name: name.replace(/^"|"$/g, ''), op, value: value.replace(/^"/, ''), done: /^"(?:[^"\\]|\\.)*"\s*$/.test(value) };
  }

  #suggest() {
    const s = this.#segment();
    const values = this.#values();
    const wanted = (s.op ? s.value : s.name).toLowerCase();
    const counts = s.op ? values.get(s.name) ?? new Map() : new Map([...values].map(([name, of]) => [name, sum(of)]));
    const hits = s.done ? [] : [...counts].filter(([text]) => text !== '' && text.length < 300 && text.toLowerCase().includes(wanted))
      .sort((a, b) => Number(b[0].toLowerCase().startsWith(wanted)) - Number(a[0].toLowerCase().startsWith(wanted)) || b[1] - a[1]).slice(0, MOST);
    this.#items = hits.map(([text, n]) => (s.op
      ? { text, n, insert: format(s.name, s.op, s.op.includes('~') ? exactly(text) : text) }
      : { text, n, insert: `${format(text, '=', '').slice(0, -3)}=`, more: true }));
    if (!s.op && s.name.length > 1) {
      this.#items.push({ text: t('searchNames', s.name), insert: format('alertname', '=~', `(?i).*${exactly(s.name)}.*`) });
    }
    this.#draw();
  }

  #values() {
    if (this.#collected && performance.now() - this.#collected.at < FRESH) return this.#collected.values;
    const values = new Map();
    const add = (name, value) => {
      let of = values.get(name);
      if (!of) values.set(name, (of = new Map()));
      of.set(value, (of.get(value) ?? 0) + 1);
    };
    for (const a of this.#alerts().values()) {
      for (const name in a.labels) add(name, a.labels[name]);
      for (const name of ['source', 'status']) add(name, valueOf(a, name));
    }
    this.#collected = { at: performance.now(), values };
    return values;
  }

  #draw() {
    this.#at = -1;
    this.#list.replaceChildren(...this.#items.map((item, i) => {
      const li = el('li', '', el('span', '', brief(item.text, 120)), item.n !== undefined && el('span', 'n', t('nAlerts', item.n)));
      li.id = `completion-${i}`;
      li.dataset.at = i;
      li.setAttribute('role', 'option');
      return li;
    }));
    this.#list.hidden = this.#items.length === 0;
    this.#input.setAttribute('aria-expanded', String(this.#items.length > 0));
    this.#input.removeAttribute('aria-activedescendant');
  }

  #select(at) {
    const n = this.#items.length;
    this.#at = ((at % n) + n) % n;
    [...this.#list.children].forEach((li, i) => li.setAttribute('aria-selected', String(i === this.#at)));
    this.#list.children[this.#at].scrollIntoView({ block: 'nearest' });
    this.#input.setAttribute('aria-activedescendant', `completion-${this.#at}`);
  }

  #take(at) {
    const { insert, more } = this.#items[at];
    const { start, end } = this.#segment();
    const { value } = this.#input;
    this.#input.value = value.slice(0, start) + insert + value.slice(end);
    this.#input.setSelectionRange(start + insert.length, start + insert.length);
    this.#onInput(this.#input.value, !more);
    if (more) this.#suggest();
    else this.#close();
  }

  #close() {
    this.#items = [];
    this.#draw();
  }
}

const sum = (counts) => [...counts.values()].reduce((a, b) => a + b, 0);
