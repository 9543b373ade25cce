// What is known of the connection, in words, without hope: "live" is said only
// while bytes come.

import { SILENCE } from './feed.js';
import { moment } from './time.js';

const BRIEF = 3_000; // so long an interruption is "reconnecting"

/**
 * describe says what a feed's state is: kind is 'connecting', 'live' or 'dead';
 * state is what changes rarely (it is read aloud); detail may change each second.
 */
export function describe(feed, now) {
  const silent = feed.heard === null ? Infinity : now - feed.heard;
  if (feed.live && silent < SILENCE + 1_000) {
    return { kind: 'live', state: 'Live', detail: `over ${feed.transport}` };
  }
  const detail = [feed.problem, retry(feed, now)].filter(Boolean).join('; ');
  if (feed.heard === null) {
    if (!feed.problem) return { kind: 'connecting', state: 'Connecting', detail: '' };
    return { kind: 'dead', state: 'NOT LIVE, not connected yet', detail };
  }
  if (silent < BRIEF) return { kind: 'connecting', state: 'Reconnecting', detail: feed.problem };
  return { kind: 'dead', state: `NOT LIVE since ${moment(feed.heard)}`, detail };
}

function retry(feed, now) {
  if (feed.retryAt === null) return 'trying again now';
  return `trying again in ${Math.max(1, Math.ceil((feed.retryAt - now) / 1000))} s`;
}
