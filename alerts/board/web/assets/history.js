// What was, at any time: the events of the past, and the states between them.
//
// An event says all that is known of its alert, so a state is the newest event of
// each channel. Every so often a state is kept as a snapshot: to find another, take
// the snapshot before it and apply the events since.

/** How long alerts that have ended stay in a state, in ms: as on the board. */
export const KEEP_ENDED = 15 * 60_000;

const STRIDE = 1_000; // events between two snapshots, or as many as a state has alerts
const PAGE = 100_000; // events of one answer, the most there may be
const MOST = 500_000; // events that are held; about 500 bytes each

/** CLASSES of events: the levels of severity, the worst first, and what has ended. */
export const CLASSES = ['critical', 'error', 'warning', 'info', 'other', 'ended'];

const ENDED = CLASSES.indexOf('ended');
const isEnded = (alert) => alert.status === 'resolved' || alert.status === 'expired';

/** HistoryError: the history cannot be read, and why, in words for people. */
export class HistoryError extends Error {}

/**
 * History holds events in the order in which the relay stored them.
 *
 * An event's time is when the relay got the notification, by the relay's clock
 * (updatedAt), but not later than when it was stored, and not earlier than the event
 * before it: times never go back. What an alert was before its first event that is
 * kept is told by that event, as far as it can be: unless it begins an incident, the
 * alert was firing since it started.
 */
export class History {
  #toAlert;
  #times = []; // ms; of the same index as the three below
  #alerts = [];
  #classes = [];
  #firing = []; // how many fire after it
  #snapshots = []; // {index, alerts}: the state before the event of the index
  #last = new Map(); // channel -> its newest alert
  #tag = 0; // of the newest event
  #complete = true;
  #newest = { state: new Map(), ended: new Map() }; // after the last event

  #state = new Map(); // of #moment
  #moment = -Infinity;
  #next = 0; // the event after #moment
  #ended = new Map(); // channel -> when it ended, in their order, of #state

  /** toAlert(event, channel, tag, stored) makes what states consist of; null is left out. */
  constructor(toAlert) {
    this.#toAlert = toAlert;
  }

  /** size is how many events there are. */
  get size() {
    return this.#times.length;
  }

  /** begin is the time of the first event and end that of the last, NaN without any. */
  get begin() {
    return this.size === 0 ? NaN : this.#times[0];
  }

  get end() {
    return this.size === 0 ? NaN : this.#times[this.size - 1];
  }

  /** isComplete is false if there was more than can be held, and the newest is missing. */
  get isComplete() {
    return this.#complete;
  }

  /** snapshots is how many states are kept. */
  get snapshots() {
    return this.#snapshots.length;
  }

  /**
   * load reads what the relay at base (a URL with a slash at its end) has of channels
   * since a time ('7d', or RFC 3339), and the alerts that have had no event since.
   * onProgress(events) is called now and then. It throws HistoryError, and what
   * fetch does if signal aborts it.
   */
  async load(base, channels, { since = '30d', signal, onProgress = () => {} } = {}) {
    const read = [];
    const of = channels.map((c) => `channel=${encodeURIComponent(c)}`).join('&');
    for (let after = 0, n = PAGE; n === PAGE && read.length < MOST;) {
      n = 0;
      const from = after === 0 ? `since=${encodeURIComponent(since)}` : `after=${after}`;
      const response = await get(new URL(`api/v1/history?${of}&${from}&format=ndjson&limit=${PAGE}`, base), signal);
      for await (const some of lines(response)) {
        for (const line of some) {
          if (line === '') continue;
          n++;
          const event = parse(line);
          const tag = Number(event?.tag);
          if (tag > after) after = tag;
          const alert = event && this.#alertOf(event, tag);
          if (alert) read.push(alert);
        }
        onProgress(read.length);
      }
      this.#complete = n < PAGE;
    }
    const active = await get(new URL(`api/v1/alerts?${of}&limit=${PAGE}`, base), signal);
    const { alerts = [] } = (await active.json()) ?? {};
    this.#build(read, alerts.map((a) => ({ ...a, tag: a.seq })));
  }

  /** fill takes events as load reads them, and active alerts; for those who have them. */
  fill(events, active = []) {
    this.#build(events.map((e) => this.#alertOf(e, Number(e.tag))).filter(Boolean), active);
  }

  /** append adds the next event, an alert that toAlert made; older ones are passed over. */
  append(alert) {
    if (!(alert.tag > this.#tag)) return;
    this.#push(Math.max(this.size > 0 ? this.end : -Infinity, alert.updatedAt), alert);
  }

  /** indexAt is how many events there were at a time. */
  indexAt(at) {
    let low = 0;
    let high = this.size;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#times[middle] <= at) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** before and after are the times of the events next to a time, NaN without one. */
  before(at) {
    let i = this.indexAt(at) - 1;
    while (i >= 0 && this.#times[i] >= at) i--;
    return i < 0 ? NaN : this.#times[i];
  }

  after(at) {
    const i = this.indexAt(at);
    return i === this.size ? NaN : this.#times[i];
  }

  /** firingAt is how many fire at a time. */
  firingAt(at) {
    const i = this.indexAt(at);
    return i === 0 ? 0 : this.#firing[i - 1];
  }

  /**
   * at is the state at a time: a map from channels to alerts that are active, or have
   * ended not long before. It is right until at is called again.
   */
  at(moment) {
    const index = this.indexAt(moment);
    if (moment < this.#moment || index - this.#next > STRIDE) this.#restore(index);
    for (; this.#next < index; this.#next++) apply(this.#state, this.#ended, this.#alerts[this.#next]);
    this.#moment = moment;
    sweep(this.#state, this.#ended, moment);
    return this.#state;
  }

  /** alertAt is one channel's alert at a time, null if there is none. */
  alertAt(channel, moment) {
    return this.at(moment).get(channel) ?? null;
  }

  /**
   * density counts events in slices of the same length between two times: counts[c]
   * has those of CLASSES[c] per slice, and firing how many fired at most in it.
   */
  density(from, to, slices) {
    const counts = CLASSES.map(() => new Uint32Array(slices));
    const firing = new Uint32Array(slices);
    const width = (to - from) / slices;
    let i = this.indexAt(from - 1);
    let level = i === 0 ? 0 : this.#firing[i - 1];
    let filled = 0; // slices whose firing is begun
    for (const end = this.indexAt(to); i < end; i++) {
      const slice = Math.min(slices - 1, Math.max(0, Math.floor((this.#times[i] - from) / width)));
      while (filled <= slice) firing[filled++] = level;
      level = this.#firing[i];
      firing[slice] = Math.max(firing[slice], level);
      counts[this.#classes[i]][slice]++;
    }
    while (filled < slices) firing[filled++] = level;
    return { counts, firing };
  }

  /** #alertOf makes an alert of an event. Its parts that are those of the event before are shared. */
  #alertOf(event, tag) {
    const stored = Date.parse(event.time);
    const alert = this.#toAlert(event, event.channel, tag, stored);
    if (!alert) return null;
    if (stored < alert.updatedAt) alert.updatedAt = stored;
    const before = this.#last.get(alert.channel);
    if (before) {
      for (const part of ['labels', 'annotations', 'links', 'values']) {
        if (alert[part] && before[part] && sameTexts(alert[part], before[part])) alert[part] = before[part];
      }
      for (const part of ['channel', 'id', 'source', 'fingerprint', 'receiver', 'generatorURL', 'externalURL', 'summary', 'name']) {
        if (alert[part] === before[part]) alert[part] = before[part]; // one string, not two that are equal
      }
    }
    this.#last.set(alert.channel, alert);
    return alert;
  }

  #build(read, active) {
    let time = -Infinity;
    const events = read.map((alert) => ({ time: (time = Math.max(time, alert.updatedAt)), alert }));
    const begin = events[0]?.time ?? Infinity;
    const known = new Set();
    const older = [];
    for (const { time, alert } of events) {
      if (known.has(alert.channel)) continue;
      known.add(alert.channel);
      const since = alert.startsAt;
      if (alert.kind !== 'firing' && since < time) older.push({ time: Math.max(since, begin), alert: firingBefore(alert) });
    }
    const last = read.at(-1)?.tag ?? 0;
    for (const a of active) {
      const alert = this.#toAlert(a, a.channel, Number(a.tag), Date.parse(a.time));
      if (!alert || known.has(alert.channel) || (last > 0 && alert.tag > last)) continue;
      older.push({ time: last > 0 ? begin : alert.updatedAt, alert });
    }
    older.sort((a, b) => a.time - b.time);
    this.#last.clear();
    for (const { time, alert } of merge(older, events)) this.#push(time, alert);
    this.#tag = Math.max(this.#tag, last);
  }

  #push(time, alert) {
    const { size } = this;
    const snapshot = this.#snapshots.at(-1);
    if (!snapshot || size - snapshot.index >= Math.max(STRIDE, snapshot.alerts.size)) {
      // What ended long ago is left out; what ends is known by then.
      if (snapshot) sweep(this.#newest.state, this.#newest.ended, time);
      this.#snapshots.push({ index: size, alerts: new Map(this.#newest.state) });
    }
    const before = this.#newest.state.get(alert.channel);
    const fired = before !== undefined && before.status === 'firing' ? 1 : 0;
    apply(this.#newest.state, this.#newest.ended, alert);
    const fires = alert.status === 'firing' ? 1 : 0;
    this.#times.push(time);
    this.#alerts.push(alert);
    this.#classes.push(isEnded(alert) ? ENDED : Math.max(0, CLASSES.indexOf(alert.level)));
    this.#firing.push((size === 0 ? 0 : this.#firing[size - 1]) + fires - fired);
    if (alert.tag > this.#tag) this.#tag = alert.tag;
  }

  #restore(index) {
    let low = 0;
    let high = this.#snapshots.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#snapshots[middle].index <= index) low = middle + 1;
      else high = middle;
    }
    const snapshot = this.#snapshots[low - 1];
    this.#state = new Map(snapshot?.alerts);
    this.#next = snapshot?.index ?? 0;
    this.#ended.clear();
    const ended = [...this.#state.values()].filter(isEnded).sort((a, b) => a.updatedAt - b.updatedAt);
    for (const alert of ended) this.#ended.set(alert.channel, alert.updatedAt);
  }
}

function apply(state, ended, alert) {
  ended.delete(alert.channel);
  if (alert.kind === 'moved') { // it goes on in another channel, with its own event
    state.delete(alert.channel);
    return;
  }
  state.set(alert.channel, alert);
  if (isEnded(alert)) ended.set(alert.channel, alert.updatedAt);
}

function sweep(state, ended, now) {
  for (const [channel, at] of ended) {
    if (now - at <= KEEP_ENDED) break;
    ended.delete(channel);
    state.delete(channel);
  }
}

/** firingBefore is what an alert was before its first event that is known. */
const firingBefore = (alert) => ({
  ...alert, tag: 0, kind: 'firing', status: 'firing', reason: '', endsAt: null, endedAt: null,
  ack: null, suppression: null, movedTo: '', flaps: 0, updatedAt: alert.startsAt,
});

/** merge puts two lists in the order of their times; older first at the same time. */
function merge(older, events) {
  const all = [];
  let i = 0;
  for (const e of events) {
    while (i < older.length && older[i].time <= e.time) all.push(older[i++]);
    all.push(e);
  }
  return all.concat(older.slice(i));
}

function sameTexts(a, b) {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}

async function get(url, signal) {
  let response;
  try {
    response = await fetch(url, { signal, headers: { Accept: url.search.includes('ndjson') ? 'application/x-ndjson' : 'application/json' } });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new HistoryError('no connection to the relay');
  }
  if (response.ok) return response;
  let why = '';
  try {
    why = (await response.json()).error;
  } catch { /* it is not ours */ }
  throw new HistoryError(typeof why === 'string' && why ? why : `the relay answers ${response.status}`);
}

/** lines are those of an answer, some at a time, as they come. One that is cut off throws. */
async function* lines(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    let part;
    try {
      part = await reader.read();
    } catch (error) {
      if (error?.name === 'AbortError') throw error;
      throw new HistoryError('the answer was cut off');
    }
    if (part.done) break;
    const complete = (rest + part.value).split('\n');
    rest = complete.pop();
    if (complete.length > 0) yield complete;
  }
  yield [rest];
}

function parse(line) {
  try {
    const event = JSON.parse(line);
    return typeof event?.channel === 'string' ? event : null;
  } catch {
    return null;
  }
}
