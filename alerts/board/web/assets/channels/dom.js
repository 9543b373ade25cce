// Elements. Every text goes in as text; there is no markup in strings.

export const byId = (id) => document.getElementById(id);

/** el makes an element with a class, and children: elements and texts; others are left out. */
export function el(tag, className, ...children) {
  const e = document.createElement(tag);
  if (className) e.className = className;
  e.append(...children.filter((c) => c instanceof Node || (typeof c === 'string' && c !== '')));
  return e;
}

/** setText leaves an element alone that says it already, and so is read aloud once. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** addressOf is the page of a channel. */
export const addressOf = (root, channel) => new URL(`channels/${channel.split('/').map(encodeURIComponent).join('/')}`, root).href;

/** copy puts a text on the clipboard, and says whether that went well. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // There is none on plain HTTP; then a selection is copied.
  }
  const area = document.createElement('textarea');
  area.value = text;
  area.className = 'clip';
  document.body.append(area);
  area.select();
  const done = document.execCommand('copy');
  area.remove();
  return done;
}
