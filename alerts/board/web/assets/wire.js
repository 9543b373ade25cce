// What the relay's answers look like: event streams, and JSON objects one after
// another.

/** Ids of messages that come from the relay itself. */
export const ID_DELETED = -2;
export const ID_GAP = -4;

/**
 * EventParser takes an event stream apart (WHATWG HTML 9.2.6). Comments, the
 * relay's pings, are no events; whoever reads the stream has seen their bytes.
 */
export class EventParser {
  #rest = '';
  #type = '';
  #data = [];

  /** The milliseconds of the last "retry:", null if there was none. */
  retry = null;

  /** push takes the next piece of the stream and returns the events it ends. */
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
    return events;
  }

  #line(line, events) {
    if (line === '') {
      if (this.#data.length > 0) events.push({ type: this.#type, data: this.#data.join('\n') });
      this.#type = '';
      this.#data = [];
      return;
    }
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'data') this.#data.push(value);
    else if (field === 'event') this.#type = value;
    else if (field === 'retry' && /^\d+$/.test(value)) this.retry = Number(value);
  }
}

function nextLineEnd(text, from) {
  const lf = text.indexOf('\n', from);
  const cr = text.indexOf('\r', from);
  if (lf < 0 || cr < 0) return Math.max(lf, cr);
  return Math.min(lf, cr);
}

/**
 * parseMessages reads the messages in the body of a poll: JSON objects with
 * nothing, or line ends, between them. What cannot be read is left out and counted.
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
      id: m.id,
      channel: String(m.channel ?? ''),
      text: typeof m.text === 'string' ? m.text : JSON.stringify(m.text ?? ''),
      tag: String(m.tag ?? ''),
      time: String(m.time ?? ''),
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
