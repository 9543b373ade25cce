// The relay in a browser: following channels and what is active in them.
//
//   import { follow, parseEvent } from '/client.js';
//
//   const f = follow(['db.>', 'ops'], {
//     mode: 'now',
//     onSnapshot(messages) { … },
//     onMessage(message) { … },
//     onState(state) { … },
//   });
//   f.close();
//
// CLIENT.md beside the program's source says more.

import { Follower } from './client/follower.js';

/**
 * root is the address of the relay that this module came from, with a slash at its
 * end: also behind a proxy that has the relay under a path.
 */
export const root = new URL('.', import.meta.url).href;

/**
 * @typedef {object} Message
 * @property {string} channel
 * @property {number} id counts the messages of the channel, for people; 0 in a snapshot
 * @property {string} tag the place in the stream; it counts up, over all channels
 * @property {Date} time whole seconds, of the relay's clock
 * @property {string} text
 * @property {string} eventId what the publisher gave, '' if nothing
 *
 * @typedef {object} State
 * @property {boolean} live a connection stands, bytes came within the last 15 s, and
 *   in mode now a snapshot is complete
 * @property {number} since when live changed to what it is, in ms of this machine's
 *   clock; of what is not live any more, when something was heard last
 * @property {number|null} heardAt when bytes came last, in ms; null: never
 * @property {''|'sse'|'ws'|'lp'} transport the one that was of use last
 * @property {string} problem why the last connection ended, in words; '' while live
 * @property {number|null} retryAt when the next attempt begins, in ms; null: one is
 *   under way, or none will be
 * @property {boolean} stopped the relay has refused, or close was called: nothing
 *   happens any more
 * @property {number|null} skew the relay's clock minus this machine's in ms, to about
 *   half a second; null while not known
 *
 * @typedef {{time: string, tag: string}} Cursor a place in the stream
 *
 * @typedef {object} Options
 * @property {string} [base] address of the relay; that of this module
 * @property {'live'|'now'} [mode] live: messages from now on, or from since, last or
 *   cursor. now: first what is active
 * @property {string|Date|number} [since] live: messages since then: '10m', a time as
 *   RFC 3339 text, a Date or its milliseconds
 * @property {number} [last] live: begin with so many messages of each channel
 * @property {Cursor} [cursor] go on from a place that another follow had
 * @property {('sse'|'ws'|'lp')[]} [transports] the ways to use, the best first
 * @property {(messages: Message[], head: {time: Date, tag: string, count: number}) => void}
 *   [onSnapshot] mode now: this is all that is active; whatever was known is void
 * @property {(message: Message) => void} [onMessage] in order, each once
 * @property {(channel: string) => void} [onGap] messages are missing here, which the
 *   relay does not keep any more; '' if it does not say of which channel
 * @property {(channel: string) => void} [onDeleted] a channel has ended
 * @property {(count: number) => void} [onUnreadable] so many messages made no sense
 * @property {(state: State) => void} [onState] something in the state has changed,
 *   other than heardAt
 */

/**
 * follow follows channels and wildcards until close() is called or the relay refuses.
 *
 * @param {string|string[]} channels
 * @param {Options} [options]
 * @returns {{readonly state: State, readonly cursor: Cursor|null, retry(): void, close(): void}}
 */
export function follow(channels, options = {}) {
  const follower = new Follower(channels, { ...options, base: options.base ?? root });
  follower.start();
  return {
    get state() {
      return follower.state;
    },
    get cursor() {
      return follower.cursor && { ...follower.cursor };
    },
    /** retry tries at once, also when the relay has refused. */
    retry: () => follower.retry(),
    /** close ends it: no function is called any more. */
    close: () => follower.close(),
  };
}

/**
 * parseEvent gives the alert event that the text of a message is, null if it is
 * none. Its labels and annotations are objects whose values are strings.
 *
 * @param {{text: string}} message
 */
export function parseEvent(message) {
  const { text } = message;
  if (typeof text !== 'string' || !text.startsWith('{')) return null;
  let event;
  try {
    event = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof event.status !== 'string' || typeof event.fingerprint !== 'string' || !isMap(event.labels)) return null;
  event.labels = texts(event.labels);
  event.annotations = isMap(event.annotations) ? texts(event.annotations) : {};
  return event;
}

const isMap = (o) => typeof o === 'object' && o !== null && !Array.isArray(o);

/** texts has the values as text, in an object without a prototype: names are anything. */
function texts(map) {
  const out = Object.create(null);
  for (const [name, value] of Object.entries(map)) out[name] = typeof value === 'string' ? value : JSON.stringify(value);
  return out;
}
