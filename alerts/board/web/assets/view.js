// What is looked at and how: all of it is in the address, so that a view is saved
// as a bookmark and shared as a link.

import { root } from '../client.js';
import { BadMatcher, compile, parseMatchers } from './matcher.js';

/** base is where the relay is; it may be under a path. */
export const base = new URL(root);

/** SORTS within a group. */
export const SORTS = ['severity', 'newest', 'oldest', 'name'];

/** HIDABLE are the kinds of rows that can be left out. */
export const HIDABLE = ['acked', 'suppressed', 'ended'];

/** readView reads the address. */
export function readView() {
  const q = new URLSearchParams(location.search);
  const has = (name) => q.has(name) && !/^(0|false|no)$/.test(q.get(name));
  const match = q.getAll('match').map((m) => m.trim()).filter(Boolean).join(', ');
  const sort = q.get('sort');
  const channels = channelsOfAddress(q);
  return {
    channels,
    shows: coverer(channels),
    ...matching(match),
    group: q.has('group') ? q.get('group').trim() : 'severity', // empty: no groups
    sort: SORTS.includes(sort) ? sort : 'severity',
    hide: new Set((q.get('hide') ?? '').split(',').filter((h) => HIDABLE.includes(h))),
    kiosk: has('kiosk'),
    rotate: seconds(q.get('rotate')),
    theme: ['dark', 'light'].includes(q.get('theme')) ? q.get('theme') : '',
  };
}

/** matching is a filter: its text, its test, and what is wrong with it; then the one before stays. */
export function matching(match, before = { matchers: [], test: () => true }) {
  try {
    const matchers = parseMatchers(match);
    return { match, matchers, test: compile(matchers), problem: null };
  } catch (error) {
    if (!(error instanceof BadMatcher)) throw error;
    return { match, matchers: before.matchers, test: before.test, problem: error };
  }
}

/** writeView puts a view into the address. */
export function writeView(view) {
  const url = new URL(location.href);
  const set = (name, value, normal) => (value === normal ? url.searchParams.delete(name) : url.searchParams.set(name, value));
  set('match', view.match, '');
  set('group', view.group, 'severity');
  set('sort', view.sort, 'severity');
  set('hide', [...view.hide].join(','), '');
  if (url.href !== location.href) history.replaceState(history.state, '', url);
}

/** addressOf is the board of a channel. */
export const addressOf = (channel) => new URL(`board/${encodeURIComponent(channel)}`, base).href;

/** coverer tells whether an alert's channel is one of those looked at, or covered by a wildcard. */
function coverer(channels) {
  if (channels.includes('>')) return () => true;
  const patterns = channels.map((c) => c.split('.'));
  return (alert) => {
    const tokens = alert.channel.split('.');
    return patterns.some((p) => covers(p, tokens));
  };
}

function covers(pattern, tokens) {
  for (let i = 0; i < pattern.length; i++) {
    if (pattern[i] === '>') return tokens.length > i;
    if (pattern[i] !== '*' && pattern[i] !== tokens[i]) return false;
  }
  return pattern.length === tokens.length;
}

function channelsOfAddress(q) {
  const root = base.pathname;
  const path = location.pathname.startsWith(root) ? location.pathname.slice(root.length) : '';
  const named = path.startsWith('board/') ? path.slice('board/'.length).split('/') : (q.get('channel') ?? '').split('/').map(encodeURIComponent);
  const channels = named.map(decode).map((c) => c.trim()).filter(Boolean);
  return channels.length > 0 ? channels : ['>'];
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function seconds(text) {
  const [, n, unit] = /^(\d{1,5})(s|m)?$/.exec(text ?? '') ?? [];
  return n ? Math.max(3, Number(n) * (unit === 'm' ? 60 : 1)) : 0;
}
