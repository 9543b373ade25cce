// The one dialog of the page.

import { t } from './lang.js';
import { el, setText } from './text.js';

let close = () => {};

/**
 * ask opens the dialog with a title, contents and buttons [{text, primary, run}].
 * run may be asynchronous: while it runs the buttons wait, what it throws is shown,
 * and the dialog closes with what it returns unless that is undefined. The promise
 * is of that, null if the dialog is left otherwise.
 */
export function ask(title, contents, buttons = []) {
  close(null);
  const dialog = document.getElementById('dialog');
  const from = document.activeElement;
  return new Promise((resolve) => {
    const problem = el('p', 'problem');
    problem.setAttribute('role', 'alert');
    const form = el('form', '', el('h2', '', title), ...contents, problem);
    form.method = 'dialog';
    close = (value) => {
      close = () => {};
      dialog.close();
      dialog.replaceChildren();
      from?.focus?.();
      resolve(value);
    };
    const mine = close;
    const foot = el('p', 'dialog-buttons', button(t('cancel'), () => close(null)));
    if (buttons.length === 0) foot.firstChild.textContent = t('close');
    const run = async (b) => {
      problem.textContent = '';
      for (const e of foot.children) e.disabled = true;
      try {
        const value = await b.run();
        if (value !== undefined && close === mine) close(value);
      } catch (error) {
        if (close === mine) problem.textContent = error.message;
        else flash(error.message); // another dialog has taken its place, that asked for a token
      }
      for (const e of foot.children) e.disabled = false;
    };
    for (const b of buttons) {
      const e = b.primary ? el('button', 'primary', b.text) : button(b.text, () => run(b)); // one that submits, for the enter key
      foot.append(e);
    }
    form.append(foot);
    form.addEventListener('submit', (e) => {
      e.preventDefault();
      const primary = buttons.find((b) => b.primary);
      if (primary && !foot.lastChild.disabled) run(primary);
    });
    dialog.oncancel = (e) => { // not onclose, which comes late, and then is about another
      e.preventDefault();
      close(null);
    };
    dialog.setAttribute('aria-label', title);
    dialog.replaceChildren(form);
    dialog.showModal();
    (form.querySelector('[autofocus]') ?? form.querySelector('input, textarea, select') ?? foot.firstChild).focus();
  });
}

/** isOpen reports whether a dialog is. */
export const isOpen = () => document.getElementById('dialog').open;

/** button is a button that does something. */
export function button(text, run) {
  const b = el('button', '', text);
  b.type = 'button';
  b.addEventListener('click', run);
  return b;
}

/** field is a labelled input. */
export function field(label, input, hint = '') {
  return el('label', 'field', el('span', '', label), input, hint && el('small', '', hint));
}

/** input is an input with a value. */
export function input(value = '', attributes = {}) {
  const i = el(attributes.rows ? 'textarea' : 'input');
  i.value = value;
  i.autocomplete = 'off';
  for (const [k, v] of Object.entries(attributes)) i.setAttribute(k, v);
  return i;
}

/** checkbox is a labelled checkbox. */
export function checkbox(text, checked, change) {
  const box = el('input');
  box.type = 'checkbox';
  box.checked = checked;
  box.addEventListener('change', () => change(box.checked));
  return el('label', 'check', box, el('span', '', text));
}

let flashing = 0;

/** flash says something for a moment. */
export function flash(text) {
  const line = document.getElementById('flash');
  setText(line, text);
  line.hidden = false;
  clearTimeout(flashing);
  flashing = setTimeout(() => (line.hidden = true), 2_000);
}
