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
  #root;
  #form = 'alert';
  #queue = []; // {message} or {note, at}, oldest first
  #messages = new WeakMap(); // by their elements
  #timer = 0;
  #onChange;

  constructor(list, root, onChange) {
    this.#list = list;
    this.#root = root;
    this.#onChange = onChange;
  }

  get isEmpty() {
    return this.#list.childElementCount === 0 && this.#queue.length === 0;
  }

  get isFull() {
    return this.#list.childElementCount >= LIMIT;
  }

  addMessage(message) {
    this.total++;
    this.waiting++;
    this.#add({ message });
  }

  addNote(note) {
    this.#add({ note, at: Date.now() });
  }

  /** show shows all messages in another form: 'alert', 'raw' or 'json'. */
  show(form) {
    this.#form = form;
    for (const li of [...this.#list.children]) {
      const message = this.#messages.get(li);
      if (message) li.replaceWith(this.#element({ message }));
    }
  }

  pause(paused) {
    this.paused = paused;
    this.#schedule();
    this.#onChange();
  }

  #add(item) {
    this.#queue.push(item);
    if (this.#queue.length > 2 * LIMIT) this.#queue = this.#queue.slice(-LIMIT);
    this.#schedule();
    if (this.paused) this.#onChange();
  }

  #element({ message, note, at }) {
    if (!message) return noteElement(note, at);
    const li = messageElement(message, this.#form, this.#root);
    this.#messages.set(li, message);
    return li;
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
    for (const item of this.#queue.slice(-LIMIT).reverse()) fragment.append(this.#element(item));
    this.#queue = [];
    this.waiting = 0;
    this.#list.prepend(fragment);
    while (this.#list.childElementCount > LIMIT) this.#list.lastElementChild.remove();
    this.#onChange();
  }
}
