// What somebody chose in this browser. Where storage is refused, for this page only.

const KEY = 'alertrelay.settings';

const normal = { muted: false, notify: false, theme: '', by: '', sounds: { critical: true, error: true, warning: true, info: false, other: false, dead: true } };

function read() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? '{}');
    return { ...normal, ...kept, sounds: { ...normal.sounds, ...kept.sounds } };
  } catch {
    return structuredClone(normal);
  }
}

/** settings as they are. */
export const settings = read();

/** keep changes settings and keeps them. */
export function keep(change) {
  Object.assign(settings, change);
  try {
    localStorage.setItem(KEY, JSON.stringify(settings));
  } catch {
    // They hold until the page is closed.
  }
}
