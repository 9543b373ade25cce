// The ways messages come. Each is a function that follows one connection to its
// end, and always throws why it ended.

import { EventParser, ID_DELETED, ID_GAP, parseMessage, parseMessages, placeOfHeaders } from './wire.js';

/** Ended: a connection is over, and why, in words for people. */
export class Ended extends Error {
  /** wait is how long the relay wants to be left alone, in milliseconds. */
  constructor(why, wait = 0) {
    super(why);
    this.wait = wait;
  }
}

/** Silent: nothing came in time. */
export class Silent extends Ended {}

/** Busy: not now, says the relay or a proxy. */
export class Busy extends Ended {}

/** Refused: the request is not served. byRelay: the relay itself says so, and why. */
export class Refused extends Ended {
  constructor(why, byRelay) {
    super(why);
    this.byRelay = byRelay;
  }
}

export const transports = { sse, ws, lp };

const LONG_POLL = 45_000; // the relay answers after 30 s
const LONGEST_WAIT = 60_000;

/**
 * sse reads an event stream. Not with EventSource: the relay's pings are comments,
 * which that keeps to itself, and only by them can silence be told from quiet.
 */
async function sse(follower, connection) {
  const { timing } = follower;
  if (follower.needsPlace) await ask(follower, connection, 'poll/', timing.answer);
  const { response } = await request(follower, connection, 'ev/', timing.firstByte);
  if (!/^text\/event-stream\b/i.test(response.headers.get('Content-Type') ?? '')) {
    throw new Ended('the answer is no event stream');
  }
  if (response.headers.get('X-Alertrelay-Snapshot') === 'begin') connection.beginSnapshot();
  connection.deadline = Date.now() + timing.firstByte;
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  const parser = new EventParser();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) throw new Ended('the relay ended the connection', Math.min(parser.retry ?? 0, LONGEST_WAIT));
    connection.deadline = Date.now() + timing.silence;
    connection.useful = true;
    follower.hear(connection);
    for (const event of parser.push(decoder.decode(value, { stream: true }))) {
      const message = parseMessage(event.data) ?? (event.type === 'gap' ? gap() : null);
      if (!message) {
        follower.unreadable(1);
        continue;
      }
      // Messages of a snapshot are no places to go on from, and say so with an empty id.
      if (event.id === '' && message.id >= 0 && connection.isFirst) connection.beginSnapshot();
      follower.take(connection, message);
      if (message.id === ID_DELETED && follower.names(message.channel)) {
        // This connection will not follow a channel that is made anew.
        throw new Ended('the channel was deleted');
      }
    }
  }
}

/**
 * ws reads a WebSocket. Its pings are hidden from scripts as well, so when it is
 * quiet the follower polls beside it.
 */
async function ws(follower, connection) {
  await ask(follower, connection, 'poll/', follower.timing.answer);
  const socket = await openSocket(follower, connection.signal);
  try {
    connection.useful = true;
    connection.polled = true;
    follower.hear(connection);
    await new Promise((_, reject) => {
      const guard = (f) => (event) => {
        try {
          f(event);
        } catch (error) {
          reject(error);
        }
      };
      socket.onclose = guard((event) => {
        throw closed(event);
      });
      socket.onmessage = guard((event) => {
        connection.suspect = false;
        follower.hear(connection);
        const { messages, unreadable } = parseMessages(String(event.data));
        follower.unreadable(unreadable);
        for (const message of messages) {
          follower.take(connection, message);
          if (message.id === ID_DELETED && follower.names(message.channel)) throw new Ended('the channel was deleted');
        }
      });
      connection.signal.addEventListener('abort', () => reject(connection.signal.reason));
      if (connection.signal.aborted) reject(connection.signal.reason);
    });
  } finally {
    socket.onclose = null;
    socket.onmessage = null;
    socket.close();
  }
}

/** openSocket returns a socket that is open; what came with its opening is still to be read. */
export function openSocket(follower, signal) {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const url = follower.url('ws/');
    url.protocol = url.protocol.replace('http', 'ws');
    const socket = new WebSocket(url);
    const fail = (error) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      socket.onopen = null;
      socket.onclose = null;
      socket.close();
      reject(error);
    };
    const onAbort = () => fail(signal.reason);
    const timer = setTimeout(() => fail(new Silent('the WebSocket did not open')), follower.timing.firstByte);
    signal.addEventListener('abort', onAbort);
    socket.onclose = (event) => fail(event.code === 1006 ? new Ended('the WebSocket did not open') : closed(event));
    socket.onopen = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      resolve(socket);
    };
  });
}

/** closed tells a refusal, which comes in a close frame, from an end. */
function closed(event) {
  if (event.code === 1008) {
    try {
      const { http_status: status, explain } = JSON.parse(event.reason);
      return refusal(status, explain, 0);
    } catch {
      // It is none.
    }
  }
  return new Ended('the relay ended the connection');
}

/** lp polls, each answer when there is something. */
async function lp(follower, connection) {
  await ask(follower, connection, 'poll/', follower.timing.answer);
  connection.useful = true;
  connection.polled = true;
  follower.hear(connection);
  for (;;) {
    const before = follower.cursor?.tag;
    const asked = Date.now();
    await ask(follower, connection, 'lp/', LONG_POLL);
    connection.suspect = false;
    // A little apart, so that a burst comes in few answers, and more if an answer
    // came at once and brought nothing: that must not become a busy loop.
    const idle = follower.cursor?.tag === before && Date.now() - asked < 1000;
    await pause(idle ? 1000 : 50, connection.signal);
  }
}

/** ask polls once and delivers the answer. It returns how many messages were new. */
export async function ask(follower, connection, location, patience) {
  const { response, release } = await request(follower, connection, location, patience);
  let text;
  try {
    text = response.status === 200 ? await readAll(response, connection.signal, follower.timing.silence) : '';
  } finally {
    release();
  }
  if (connection.signal.aborted) throw connection.signal.reason;
  const { messages, unreadable } = parseMessages(text);
  follower.unreadable(unreadable);
  // The histories of several channels come one after another.
  messages.sort((a, b) => Number(a.tag) - Number(b.tag));
  const place = placeOfHeaders(response.headers);
  if (response.headers.get('X-Alertrelay-Snapshot') === 'end') {
    follower.replace(messages.filter((m) => m.id >= 0), place);
    follower.hear(connection);
    return 0;
  }
  if (response.headers.has('X-Alertrelay-Gap') && !messages.some((m) => m.id === ID_GAP)) messages.unshift(gap());
  const before = follower.delivered;
  for (const message of messages) follower.take(connection, message);
  if (place) follower.advance(place);
  follower.hear(connection);
  return follower.delivered - before;
}

/**
 * request begins a request that fails when no answer comes in time. The body ends
 * with the connection, until release is called.
 */
async function request(follower, connection, location, patience) {
  const controller = new AbortController();
  const stop = () => controller.abort(connection.signal.reason);
  connection.signal.addEventListener('abort', stop);
  if (connection.signal.aborted) stop();
  const release = () => connection.signal.removeEventListener('abort', stop);
  const timer = setTimeout(() => controller.abort(new Silent('nothing came for too long')), patience);
  const asked = Date.now();
  let response;
  try {
    response = await fetch(follower.url(location), { signal: controller.signal, cache: 'no-store' });
  } catch (error) {
    release();
    throw error instanceof Ended ? error : new Ended('no connection');
  } finally {
    clearTimeout(timer);
  }
  follower.answered(response, asked);
  if (response.ok || response.status === 304) return { response, release };
  release();
  controller.abort(); // the body is of no interest
  throw refusal(response.status, response.headers.get('X-Nginx-PushStream-Explain'), retryAfter(response.headers));
}

/** refusal is the error for an answer that is none of ours or a refusal of ours. */
function refusal(status, explain, wait) {
  const why = explain?.replace(/\.$/, '') || `the relay answered ${status}`;
  const temporary = status >= 500 || status < 400 || status === 408 || status === 425 || status === 429;
  return temporary ? new Busy(why, Math.min(wait, LONGEST_WAIT)) : new Refused(why, Boolean(explain));
}

/** retryAfter reads the header of that name, seconds or a date, in ms. */
function retryAfter(headers) {
  const value = headers.get('Retry-After');
  if (!value) return 0;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now();
  return Math.max(0, ms) || 0;
}

/** readAll reads a body, as long as it goes on coming. */
async function readAll(response, signal, patience) {
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let text = '';
  for (;;) {
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Silent('nothing came for too long')), patience);
    });
    const read = reader.read().catch((error) => {
      throw signal.aborted ? signal.reason : error;
    });
    try {
      const { done, value } = await Promise.race([read, late]);
      if (done) return text + decoder.decode();
      text += decoder.decode(value, { stream: true });
    } catch (error) {
      reader.cancel().catch(() => {});
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** pause waits, or throws when the signal is aborted. */
function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal.addEventListener('abort', stop);
    if (signal.aborted) stop();
  });
}

const gap = () => ({ channel: '', id: ID_GAP, tag: '0', time: new Date(0), text: '', eventId: '' });
