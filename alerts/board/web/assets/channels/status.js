// What is known of the connection, in words, without hope: "live" is said only
// while bytes come.

import { moment } from './time.js';

const BRIEF = 3_000; // so long an interruption is "reconnecting"
const TRANSPORTS = { sse: 'event stream', ws: 'WebSocket', lp: 'long polling' };

/**
 * describe says what a follower's state is: kind is 'connecting', 'live' or 'dead';
 * state is what changes rarely (it is read aloud); detail may change each second.
 */
export function describe(s, now) {
  if (s.live) return { kind: 'live', state: 'Live', detail: `over ${TRANSPORTS[s.transport]}` };
  const detail = [s.problem, retry(s, now)].filter(Boolean).join('; ');
  if (s.heardAt === null) {
    if (!s.problem) return { kind: 'connecting', state: 'Connecting', detail: '' };
    return { kind: 'dead', state: 'NOT LIVE, not connected yet', detail };
  }
  if (!s.stopped && now - s.heardAt < BRIEF) return { kind: 'connecting', state: 'Reconnecting', detail: s.problem };
  return { kind: 'dead', state: `NOT LIVE since ${moment(s.heardAt)}`, detail };
}

function retry(s, now) {
  if (s.stopped) return 'load the page again to try again';
  if (s.retryAt === null) return 'trying again now';
  return `trying again in ${Math.max(1, Math.ceil((s.retryAt - now) / 1000))} s`;
}
