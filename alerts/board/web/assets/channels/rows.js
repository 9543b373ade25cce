// A table of which only the rows in sight are elements.

const HEIGHT = 34; // of a row in px, as in the style sheet
const MARGIN = 10; // rows beside those in sight

/**
 * Rows shows an array in a <tbody> inside of an element that scrolls. make makes
 * the row of an item, and update puts another item into it.
 */
export class Rows {
  #scroll;
  #body;
  #make;
  #update;
  #items = [];
  #top;
  #bottom;
  #due = false;

  constructor(scroll, body, make, update) {
    this.#scroll = scroll;
    this.#body = body;
    this.#make = make;
    this.#update = update;
    this.#top = spacer();
    this.#bottom = spacer();
    body.replaceChildren(this.#top, this.#bottom);
    scroll.addEventListener('scroll', () => this.#soon(), { passive: true });
    new ResizeObserver(() => this.#soon()).observe(scroll);
  }

  show(items) {
    this.#items = items;
    this.#render();
  }

  #soon() {
    if (this.#due) return;
    this.#due = true;
    requestAnimationFrame(() => {
      this.#due = false;
      this.#render();
    });
  }

  #render() {
    const { scrollTop, clientHeight } = this.#scroll;
    const items = this.#items;
    const first = Math.max(0, Math.min(items.length, Math.floor(scrollTop / HEIGHT) - MARGIN));
    const end = Math.min(items.length, first + Math.ceil(clientHeight / HEIGHT) + 2 * MARGIN);
    let row = this.#top.nextSibling;
    for (let i = first; i < end; i++) {
      if (row === this.#bottom) {
        row = this.#make();
        this.#body.insertBefore(row, this.#bottom);
      }
      row.ariaRowIndex = String(i + 2); // the head is the first
      this.#update(row, items[i]);
      row = row.nextSibling;
    }
    while (row !== this.#bottom) {
      const next = row.nextSibling;
      row.remove();
      row = next;
    }
    setHeight(this.#top, first * HEIGHT);
    setHeight(this.#bottom, (items.length - end) * HEIGHT);
  }
}

function spacer() {
  const tr = document.createElement('tr');
  tr.className = 'space';
  tr.ariaHidden = 'true';
  tr.append(document.createElement('td'));
  return tr;
}

function setHeight(tr, px) {
  tr.firstChild.style.height = `${px}px`;
  tr.hidden = px === 0;
}
