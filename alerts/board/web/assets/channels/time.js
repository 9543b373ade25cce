// Times as people read them: the clock on the wall, and the date if it is not
// today's.

const two = (n) => String(n).padStart(2, '0');

/** clock is the local time of day, hh:mm:ss. */
export function clock(ms) {
  const d = new Date(ms);
  return `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
}

/** moment is clock, with the date before it unless that is today. */
export function moment(ms) {
  const d = new Date(ms);
  const now = new Date();
  if (d.toDateString() === now.toDateString()) return clock(ms);
  const year = d.getFullYear() === now.getFullYear() ? undefined : 'numeric';
  return `${d.toLocaleDateString(undefined, { day: 'numeric', month: 'short', year })} ${clock(ms)}`;
}

/** parseTime reads a time of an alert in ms, null if there is none. */
export function parseTime(value) {
  const ms = typeof value === 'string' ? Date.parse(value) : NaN;
  return Number.isNaN(ms) || ms <= 0 ? null : ms; // 0001-01-01 means none
}

/** timeElement shows a time in ms; the exact one is its title. */
export function timeElement(ms) {
  const t = document.createElement('time');
  if (Number.isNaN(ms)) return t;
  t.dateTime = new Date(ms).toISOString();
  t.title = t.dateTime;
  t.textContent = moment(ms);
  return t;
}
