// Texts from the network, made harmless to look at. They only ever become text
// nodes; what is left to guard against is what text itself can do.

// Characters that are not seen and change what is: control characters, marks of
// direction, zero-width ones, tags. A joiner within an emoji stays.
const HIDDEN = new RegExp([
  '(?<![\\p{Extended_Pictographic}\\u{1f3fb}-\\u{1f3ff}\\ufe0f])\\u200d', '\\u200d(?!\\p{Extended_Pictographic})',
  '[\\0-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u00ad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180e\\u200b\\u200c\\u200e\\u200f' +
  '\\u2028-\\u202e\\u2060-\\u206f\\u3164\\ufeff\\uffa0\\ufff9-\\ufffb\\u{e0000}-\\u{e0fff}]',
].join('|'), 'gu');

/** inert shows characters that are not seen by their numbers: ‹U+202E›. */
export function inert(text) {
  return text.replace(HIDDEN, (c) => `‹U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}›`);
}

/** brief is a text for one line: inert, cut, without line ends. */
export function brief(text, longest = 300) {
  const short = text.length > longest ? `${text.slice(0, longest)}…` : text;
  return inert(short.replace(/[ \t\r\n]+/g, ' '));
}

/** el makes an element with classes and children: elements and texts; others are left out. */
export function el(tag, className, ...children) {
  const e = document.createElement(tag);
  if (className) e.className = className;
  for (const c of children) if (c instanceof Node || (typeof c === 'string' && c !== '')) e.append(c);
  return e;
}

/** setText leaves an element alone that says it already: what changes is drawn and read aloud. */
export function setText(e, text) {
  if (e.textContent !== text) e.textContent = text;
}

/** webAddress is an absolute address of the web, null for any other text. */
export function webAddress(text) {
  if (typeof text !== 'string' || text.length > 4096 || !/^https?:\/\//i.test(text)) return null;
  const url = URL.parse ? URL.parse(text) : parse(text);
  return url && (url.protocol === 'https:' || url.protocol === 'http:') ? url.href : null;
}

function parse(text) {
  try {
    return new URL(text);
  } catch {
    return null;
  }
}

/** outside is a link out of the board, null if the address is none of the web. */
export function outside(address, text, className = '') {
  const href = webAddress(address);
  if (!href) return null;
  const a = el('a', className, text);
  a.href = href;
  a.target = '_blank';
  a.rel = 'noopener noreferrer';
  a.referrerPolicy = 'no-referrer';
  return a;
}
