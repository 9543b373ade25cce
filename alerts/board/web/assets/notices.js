// Lines between the header and the table, while there is something to say.

import { el, setText } from './text.js';

export class Notices {
  #list;
  #lines = new Map();

  constructor(list) {
    this.#list = list;
  }

  /** set shows a line by its name, or changes it; an empty text takes it away. */
  set(name, text, bad = false) {
    let line = this.#lines.get(name);
    if (text === '') {
      line?.remove();
      this.#lines.delete(name);
      return;
    }
    if (!line) {
      line = el('li', '', el('i', 'shape warning'), el('span'));
      this.#lines.set(name, line);
      this.#list.append(line);
    }
    line.classList.toggle('bad', bad);
    setText(line.lastChild, text);
  }

  /** keep takes away the lines whose name begins so and is not among these. */
  keep(prefix, names) {
    for (const name of this.#lines.keys()) if (name.startsWith(prefix) && !names.has(name)) this.set(name, '');
  }
}
