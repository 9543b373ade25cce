// The board's own words, in the language of ?lang= or else of the browser.

import en from './lang-en.js';
import zh from './lang-zh.js';

const asked = new URLSearchParams(location.search).get('lang') || navigator.language || 'en';
const words = /^zh\b/i.test(asked) ? zh : en;

document.documentElement.lang = words === zh ? 'zh-CN' : 'en';

/** t is a text by its name; some take values. What a language lacks is English. */
export function t(name, ...values) {
  const text = words[name] ?? en[name] ?? name;
  return typeof text === 'function' ? text(...values) : text;
}

/** translate puts texts where the page asks for them: data-t for the content, data-t-<attribute>. */
export function translate(root) {
  for (const e of root.querySelectorAll('[data-t]')) e.textContent = t(e.dataset.t);
  for (const attribute of ['title', 'placeholder', 'aria-label']) {
    for (const e of root.querySelectorAll(`[data-t-${attribute}]`)) e.setAttribute(attribute, t(e.getAttribute(`data-t-${attribute}`)));
  }
}
