// Times as people read them, by the relay's clock: a board on a wall may have any.

import { t } from './lang.js';

let skew = 0; // the relay's clock minus ours, in ms

/** setSkew says how far the relay's clock is ahead of this machine's. */
export function setSkew(ms) {
  if (Number.isFinite(ms)) skew = ms;
}

/** now is the relay's time in ms. */
export const now = () => Date.now() + skew;

let past = null; // what the page shows, in ms; null: what is

/** setPast says that the page shows what was at a time, null that it shows what is. */
export function setPast(ms) {
  past = ms;
}

/** shown is the time in ms that the page shows. */
export const shown = () => past ?? now();

const two = (n) => String(n).padStart(2, '0');

/** clock is the local time of day, hh:mm:ss. */
export function clock(ms) {
  const d = new Date(ms);
  return `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
}

/** moment is clock, with the date before it unless that is today. */
export function moment(ms) {
  const d = new Date(ms);
  if (d.toDateString() === new Date(now()).toDateString()) return clock(ms);
  return `${day(ms)} ${clock(ms)}`;
}

/** day is the date, with the year if that is another. */
export function day(ms) {
  const d = new Date(ms);
  const year = d.getFullYear() === new Date(now()).getFullYear() ? undefined : 'numeric';
  return d.toLocaleDateString(document.documentElement.lang || undefined, { day: 'numeric', month: 'short', year });
}

/** duration is how long something lasts, in its two largest units: 3h 12m. */
export function duration(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s}${t('second')}`;
  if (s < 3600) return `${Math.floor(s / 60)}${t('minute')} ${two(s % 60)}${t('second')}`;
  if (s < 86400) return `${Math.floor(s / 3600)}${t('hour')} ${two(Math.floor(s / 60) % 60)}${t('minute')}`;
  return `${Math.floor(s / 86400)}${t('day')} ${two(Math.floor(s / 3600) % 24)}${t('hour')}`;
}

/** parseTime reads a time of an alert in ms, null if there is none. */
export function parseTime(value) {
  const ms = typeof value === 'string' ? Date.parse(value) : NaN;
  return Number.isNaN(ms) || ms <= 0 ? null : ms; // 0001-01-01 means none
}
