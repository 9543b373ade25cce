// The list on the page: newest first, bounded, and at rest while paused.

import { messageElement, noteElement } from './render.js';

const LIMIT = 500;
const BATCH = 30; // ms; not an animation frame: those do not come while a page is hidden

/**
 * MessageList shows messages and notes in an <ol>. What comes is put on the page
 * in batches, however much that is, and waits while the list is paused. Of what
 * waits only the newest LIMIT are kept.
 */
export class MessageList {
  paused = false;

  /** Messages since the last clear, and those of them that wait. */
  total = 0;
  waiting = 0;

  #list;
  #queue = []; // functions that make elements, oldest first
  #timer = 0;
  #onChange;

  constructor(list, onChange) {
    this.#list = list;
    this.#onChange = onChange;
  }

  get isEmpty() {
    return this.#list.childElementCount === 0 && this.#queue.length === 0;
  }

  get isFull() {
    return this.#list.childElementCount >= LIMIT;
  }

  addMessages(messages) {
    this.total += messages.length;
    this.waiting += messages.length;
    this.#add(messages.map((m) => () => messageElement(m)));
  }

  addNote(text) {
    const at = Date.now();
    this.#add([() => noteElement(text, at)]);
  }

  pause(paused) {
    this.paused = paused;
    this.#schedule();
    this.#onChange();
  }

  clear() {
    this.#queue = [];
    this.total = 0;
    this.waiting = 0;
    this.#list.replaceChildren();
    this.#onChange();
  }

  #add(makers) {
    this.#queue.push(...makers);
    if (this.#queue.length > LIMIT) this.#queue.splice(0, this.#queue.length - LIMIT);
    this.#schedule();
    if (this.paused) this.#onChange();
  }

  #schedule() {
    if (this.paused || this.#timer || this.#queue.length === 0) return;
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      if (!this.paused) this.#show();
    }, BATCH);
  }

  #show() {
    const fragment = document.createDocumentFragment();
    for (const make of this.#queue.reverse()) fragment.append(make());
    this.#queue = [];
    this.waiting = 0;
    this.#list.prepend(fragment);
    while (this.#list.childElementCount > LIMIT) this.#list.lastElementChild.remove();
    this.#onChange();
  }
}
