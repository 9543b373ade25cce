// What the relay's answers look like: event streams, and JSON objects one after
// another.

/** Ids of messages that come from the relay itself. */
export const ID_DELETED = -2;
export const ID_GAP = -4;
export const ID_SNAPSHOT = -5; // a snapshot ends; time and tag are its place

/** No message is larger than this; what does not end by then is no event stream. */
const LONGEST = 32 << 20;

/**
 * EventParser takes an event stream apart (WHATWG HTML 9.2.6). Comments, the
 * relay's pings, are no events; whoever reads the stream has seen their bytes.
 */
export class EventParser {
  #rest = '';
  #type = '';
  #id = undefined;
  #data = [];

  /** The milliseconds of the last "retry:", null if there was none. */
  retry = null;

  /**
   * push takes the next piece of the stream and returns the events it ends:
   * {type, id, data}. The id is that of the event's own lines, undefined if it has
   * none: unlike a browser's it is not handed on to the next event.
   */
  push(text) {
    const events = [];
    const all = this.#rest + text;
    let start = 0;
    for (;;) {
      const end = nextLineEnd(all, start);
      // A CR at the very end may be the first half of CR LF.
      if (end < 0 || (all[end] === '\r' && end + 1 === all.length)) break;
      this.#line(all.slice(start, end), events);
      start = all.startsWith('\r\n', end) ? end + 2 : end + 1;
    }
    this.#rest = all.slice(start);
    if (this.#rest.length > LONGEST) throw new RangeError('a line without an end');
    return events;
  }

  #line(line, events) {
    if (line === '') {
      if (this.#data.length > 0) events.push({ type: this.#type, id: this.#id, data: this.#data.join('\n') });
      this.#type = '';
      this.#id = undefined;
      this.#data = [];
      return;
    }
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'data') this.#data.push(value);
    else if (field === 'event') this.#type = value;
    else if (field === 'id') this.#id = value;
    else if (field === 'retry' && /^\d+$/.test(value)) this.retry = Number(value);
  }
}

function nextLineEnd(text, from) {
  const lf = text.indexOf('\n', from);
  if (lf === from || lf < 0) return lf < 0 ? text.indexOf('\r', from) : lf;
  const cr = text.slice(from, lf).indexOf('\r');
  return cr < 0 ? lf : from + cr;
}

/**
 * parseMessages reads the messages in the body of a poll, or in a frame: JSON
 * objects with nothing, or line ends, between them. What cannot be read is left out
 * and counted.
 */
export function parseMessages(body) {
  const messages = [];
  let unreadable = 0;
  for (const piece of objects(body)) {
    const message = parseMessage(piece);
    if (message) messages.push(message);
    else unreadable++;
  }
  return { messages, unreadable };
}

/** parseMessage reads one message, null if it is none. */
export function parseMessage(json) {
  try {
    const m = JSON.parse(json);
    if (typeof m !== 'object' || m === null || typeof m.id !== 'number') return null;
    return {
      channel: String(m.channel ?? ''),
      id: m.id,
      tag: String(m.tag ?? ''),
      time: new Date(m.time ?? NaN),
      text: typeof m.text === 'string' ? m.text : JSON.stringify(m.text ?? ''),
      eventId: String(m.eventid ?? ''),
    };
  } catch {
    return null;
  }
}

/**
 * objects cuts a text between top-level JSON objects. Splitting at "}{" will not
 * do: a message's text may hold that.
 */
function* objects(text) {
  let depth = 0;
  let start = 0;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (quoted) {
      if (c === '\\') i++;
      else if (c === '"') quoted = false;
    } else if (c === '"') {
      quoted = true;
    } else if (c === '{') {
      if (depth++ === 0) start = i;
    } else if (c === '}' && depth > 0 && --depth === 0) {
      yield text.slice(start, i + 1);
    }
  }
  if (depth > 0) yield text.slice(start);
}

/** A place in the stream: everything after it is still to come. */

/** placeOf is the place right after a message, null if it has none. */
export function placeOf(message) {
  if (!/^\d+$/.test(message.tag) || Number.isNaN(message.time.getTime())) return null;
  return { time: message.time.toUTCString(), tag: message.tag };
}

/** placeOfHeaders is where an answer says the stream stands, null if it does not. */
export function placeOfHeaders(headers) {
  const time = headers.get('Last-Modified');
  const tag = /^(?:W\/)?"?(\d+)"?$/.exec(headers.get('Etag') ?? '')?.[1];
  if (!time || tag === undefined || Number.isNaN(Date.parse(time))) return null;
  return { time, tag };
}

/**
 * isAfter reports whether one place is later than another. Tags count up, unless
 * the relay begins anew with an empty store: then the time is later. The clock may
 * be put back: then the tag is higher.
 */
export function isAfter(place, other) {
  return Number(place.tag) > Number(other.tag) || Date.parse(place.time) > Date.parse(other.time);
}
