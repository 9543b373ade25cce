// The table: of any number of rows only those in sight are elements.

import { groupElement, rowElement, ageRow } from './row.js';
import { el } from './text.js';
import { t } from './lang.js';

const BEYOND = 6; // rows kept ready above and below
const FRESH = 4_000; // ms that a change is seen

/**
 * AlertTable shows items of arrange(). Alerts are --row-px high and the heads of
 * groups --group-px. It sends "open" with the item in detail, and "select".
 */
export class AlertTable extends HTMLElement {
  #items = [];
  #grouping = '';
  #rows = new Map(); // key -> {element, item}
  #index = new Map(); // key -> place in items; made when asked for
  #selected = null; // key
  #height = 34; // of an alert
  #headHeight = 34; // of a group's head
  #tops = new Float64Array(1); // where each item begins; the last is where all end
  #body = el('div', 'rows');
  #space = el('div', 'space');
  #sticky = el('div', 'sticky');
  #fresh = new Map(); // key -> until when
  #asked = 0;

  connectedCallback() {
    if (this.#space.isConnected) return;
    this.tabIndex = 0;
    this.setAttribute('role', 'grid');
    this.setAttribute('aria-label', t('table'));
    this.#space.append(this.#body);
    this.#sticky.setAttribute('aria-hidden', 'true');
    this.append(this.#sticky, this.#space);
    this.addEventListener('scroll', () => this.#ask(), { passive: true });
    this.addEventListener('click', (e) => this.#click(e));
    this.measure();
    new ResizeObserver(() => this.measure()).observe(this);
  }

  /** measure reads the heights again, after the style has changed. */
  measure() {
    const style = getComputedStyle(this);
    const height = parseFloat(style.getPropertyValue('--row-px'));
    const head = parseFloat(style.getPropertyValue('--group-px'));
    if (height !== this.#height || head !== this.#headHeight) {
      const anchor = this.#anchor();
      this.#height = height;
      this.#headHeight = head;
      this.#lay();
      this.#return(anchor);
    }
    this.#ask();
  }

  /** #lay computes where each item begins. */
  #lay() {
    const tops = new Float64Array(this.#items.length + 1);
    let top = 0;
    this.#items.forEach((item, i) => {
      tops[i] = top;
      top += item.key ? this.#headHeight : this.#height;
    });
    tops[this.#items.length] = top;
    this.#tops = tops;
    this.#space.style.height = `${top}px`;
  }

  /** #at is the place of the item at a height. */
  #at(y) {
    let low = 0;
    let high = this.#items.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.#tops[middle] <= y) low = middle;
      else high = middle;
    }
    return low;
  }

  /** contentHeight is how high all rows are. */
  get contentHeight() {
    return this.#tops[this.#items.length];
  }

  get rowHeight() {
    return this.#height;
  }

  get items() {
    return this.#items;
  }

  /** show takes other items. What is in sight stays where it is, unless the top is. */
  show(items, grouping) {
    const regroup = grouping !== this.#grouping;
    const anchor = this.scrollTop > 0 ? this.#anchor() : null;
    this.#items = items;
    this.#grouping = grouping;
    this.#index = null;
    if (regroup) this.#forget();
    this.#lay();
    this.setAttribute('aria-rowcount', String(items.length));
    this.#return(anchor);
    this.#ask();
  }

  /** mark has a row show for a moment that it changed. */
  mark(channel) {
    this.#fresh.set(channel, performance.now() + FRESH);
  }

  /** tick brings what is in sight up to date with the clock. */
  tick() {
    for (const { element, item } of this.#rows.values()) if (!item.key) ageRow(element, item);
  }

  get selected() {
    const at = this.#selected === null ? undefined : this.#place(this.#selected);
    return at === undefined ? null : this.#items[at];
  }

  /** select selects an item by its place. */
  selectAt(at, scroll = true) {
    const item = this.#items[Math.max(0, Math.min(at, this.#items.length - 1))];
    if (!item) return;
    this.#selected = keyOf(item);
    if (scroll) this.#reveal(this.#place(this.#selected));
    this.#ask();
    this.dispatchEvent(new CustomEvent('select', { detail: item }));
  }

  /** move selects the item so many further down. */
  move(by) {
    const at = this.#selected === null ? undefined : this.#place(this.#selected);
    if (at !== undefined) return this.selectAt(at + by);
    return this.selectAt(this.#at(by > 0 ? this.scrollTop : this.scrollTop + this.clientHeight - this.#height));
  }

  /** page is how many rows are in sight. */
  get page() {
    return Math.max(1, Math.floor(this.clientHeight / this.#height));
  }

  #reveal(at) {
    const [top, end] = [this.#tops[at], this.#tops[at + 1]];
    const head = this.#grouping === '' ? 0 : this.#headHeight; // which the sticky one covers
    if (top < this.scrollTop + head) this.scrollTop = top - head;
    else if (end > this.scrollTop + this.clientHeight) this.scrollTop = end - this.clientHeight;
  }

  #click(e) {
    if (e.target.closest('a')) return;
    const row = e.target.closest('.row');
    if (!row) return;
    const key = row.dataset.key;
    const at = this.#place(key);
    if (at === undefined) return;
    this.selectAt(at, row.closest('.sticky') !== null);
    if (String(getSelection()) !== '') return; // text was selected
    this.dispatchEvent(new CustomEvent('open', { detail: this.#items[at] }));
  }

  #anchor() {
    const at = this.#at(this.scrollTop);
    const item = this.#items[at];
    return item ? { key: keyOf(item), offset: this.scrollTop - this.#tops[at] } : null;
  }

  /** #return has what was at the top be there again. */
  #return(anchor) {
    const at = anchor && this.#place(anchor.key);
    if (at !== null && at !== undefined && anchor.offset + this.#tops[at] > 0) this.scrollTop = this.#tops[at] + anchor.offset;
  }

  #place(key) {
    this.#index ??= new Map(this.#items.map((item, i) => [keyOf(item), i]));
    return this.#index.get(key);
  }

  #forget() {
    for (const { element } of this.#rows.values()) element.remove();
    this.#rows.clear();
  }

  #ask() {
    if (this.#asked === 0) this.#asked = requestAnimationFrame(() => this.#render());
  }

  /** #render brings the elements in line with the items in sight, changing as few as can be. */
  #render() {
    this.#asked = 0;
    const first = Math.max(0, this.#at(this.scrollTop) - BEYOND);
    const last = Math.min(this.#items.length, this.#at(this.scrollTop + this.clientHeight) + 1 + BEYOND);
    const seen = new Set();
    const moment = performance.now();
    let next = null; // going up, so that each row knows the one after it
    for (let i = last - 1; i >= first; i--) {
      const item = this.#items[i];
      const key = keyOf(item);
      seen.add(key);
      let row = this.#rows.get(key);
      if (row?.item !== item) {
        const element = item.key ? groupElement(item) : rowElement(item, this.#grouping);
        element.dataset.key = key;
        row?.element.replaceWith(element);
        row = { element, item };
        this.#rows.set(key, row);
      }
      const { element } = row;
      if (element.nextSibling !== next || element.parentNode !== this.#body) this.#body.insertBefore(element, next);
      next = element;
      element.setAttribute('aria-rowindex', String(i + 1));
      element.classList.toggle('selected', key === this.#selected);
      element.classList.toggle('fresh', (this.#fresh.get(key) ?? 0) > moment);
    }
    for (const [key, { element }] of this.#rows) {
      if (seen.has(key)) continue;
      element.remove();
      this.#rows.delete(key);
    }
    this.#body.style.transform = `translateY(${this.#tops[first]}px)`;
    this.#stick();
    this.#speak();
    for (const [key, until] of this.#fresh) if (until < moment) this.#fresh.delete(key);
  }

  /** #stick keeps the head of the group in sight that the first row belongs to. */
  #stick() {
    let at = this.#at(this.scrollTop);
    while (at >= 0 && this.#items[at] && !this.#items[at].key) at--;
    const group = this.scrollTop > 0 && this.#grouping !== '' ? this.#items[at] : null;
    if (group !== this.#stuck) {
      this.#stuck = group;
      const head = group ? [groupElement(group)] : [];
      for (const e of head) e.dataset.key = keyOf(group);
      this.#sticky.replaceChildren(...head);
    }
  }

  #stuck = null;

  /** #speak tells assistive technology which row is selected. */
  #speak() {
    this.#rows.forEach(({ element }) => element.removeAttribute('id'));
    const row = this.#rows.get(this.#selected);
    if (row) {
      row.element.id = 'selected-row';
      this.setAttribute('aria-activedescendant', 'selected-row');
    } else this.removeAttribute('aria-activedescendant');
  }
}

const keyOf = (item) => item.key ?? item.channel;

customElements.define('alert-table', AlertTable);
