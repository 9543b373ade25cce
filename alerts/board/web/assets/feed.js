// Following channels: one connection after another, each going on where the one
// before stood.
//
// An event stream is read with fetch rather than EventSource, because the relay's
// pings are comments, which EventSource keeps to itself: only so can silence be
// told from quiet. Where event streams do not get through (a proxy holds them
// back), long polls do the work, and now and then the stream is tried again.

import { EventParser, ID_DELETED, ID_GAP, parseMessage, parseMessages } from './wire.js';

/** How long a connection may be silent: the relay pings every 10 s. */
export const SILENCE = 15_000;

const FIRST_BYTE = 8_000; // an event stream begins with a comment at once
const LONG_POLL = 10_000; // then we ask again, so that silence shows
const ANSWER = 8_000; // a poll is answered at once
const PROBE_FIRST = 60_000; // when to try event streams again, doubled up to
const PROBE_LAST = 600_000;
const RETRY_FIRST = 250; // when to try to connect again, doubled up to
const RETRY_LAST = 8_000;
const STEADY = 5_000; // a connection that held so long begins that anew
const REFUSED = 30_000; // when to ask again after a refusal
const POLL_PAUSE = 100; // between two long polls
const HISTORY = 50; // messages to begin with
const REMEMBER = 1_000; // messages known by name, so that none is shown twice

/** Ended: the connection is over, and why, in words for people. */
class Ended extends Error {
  /** wait is how long the relay wants to be left alone, in milliseconds. */
  constructor(why, wait = 0) {
    super(why);
    this.wait = wait;
  }
}

/** TimedOut: nothing came in time. */
class TimedOut extends Ended {}

/**
 * Feed follows the channels of one path, "ops/db.>", from start to stop.
 *
 * It calls onMessages(messages, unreadable) with what came, in order, each message
 * once; onNote(text) with what is no message (gaps, deleted channels); and
 * onState() whenever live, heard, transport, problem or retryAt change.
 */
export class Feed {
  live = false; // a connection stands and bytes came lately
  heard = null; // when bytes came last, in ms
  transport = ''; // 'event stream' or 'long polling'
  problem = ''; // why the last connection ended
  retryAt = null; // when the next attempt begins, in ms

  #base;
  #elements;
  #on;
  #cursor = null; // {time, tag} of the last message
  #seen = new Set();
  #request = null; // {controller, deadline} of the connection
  #stopped = false;
  #wake = null; // ends a wait between attempts
  #probeAt = 0;
  #probeDelay = PROBE_FIRST;
  #probe = null; // controller of a running probe
  #streamsPass = false; // a probe said so
  #clock = null;

  constructor(base, path, on) {
    this.#base = base;
    this.#elements = path.split('/').filter((e) => e !== '');
    this.#on = on;
  }

  start() {
    this.#clock = setInterval(() => this.check(), 1000);
    this.#run();
  }

  stop() {
    this.#stopped = true;
    clearInterval(this.#clock);
    this.#probe?.abort();
    this.#request?.controller.abort(new Ended('stopped'));
    this.#wake?.();
  }

  /** hurry tries again now: the network is back, or somebody looks. */
  hurry() {
    this.check();
    this.#wake?.();
  }

  /**
   * check ends a connection that was silent too long. Timers stand still while a
   * computer sleeps, so it compares clock times, each second and on waking up.
   */
  check() {
    const now = Date.now();
    const request = this.#request;
    if (request && now > request.deadline) request.controller.abort(new TimedOut('nothing came for too long'));
    if (this.live && this.transport === 'long polling' && now > this.#probeAt && !this.#probe) this.#tryStream();
  }

  async #run() {
    let connect = this.#stream;
    let failures = 0;
    while (!this.#stopped) {
      const before = this.heard;
      const began = Date.now();
      this.retryAt = null;
      this.#on.state();
      let ended;
      try {
        await connect.call(this);
      } catch (error) {
        ended = error instanceof Ended ? error : new Ended('no connection');
      }
      if (this.#stopped) return;
      const useful = this.heard !== before;
      if (useful && Date.now() - began > STEADY) failures = 0;
      this.#request = null;

      if (connect === this.#longPoll) {
        connect = this.#stream;
        if (!ended) continue; // a probe came through
      } else if (!useful) {
        connect = this.#longPoll; // at once
        this.problem = ended.message;
        continue;
      }
      this.live = false;
      this.problem = ended.message;
      const delay = Math.min(RETRY_FIRST * 2 ** failures++, RETRY_LAST);
      // Half of it random, so that boards do not come back all at once.
      await this.#sleep(Math.max(ended.wait, delay / 2 + Math.random() * (delay / 2)));
    }
  }

  /** #stream reads an event stream until it ends; it always throws. */
  async #stream() {
    const response = await this.#get('ev/', FIRST_BYTE);
    if (!/^text\/event-stream\b/i.test(response.headers.get('Content-Type') ?? '')) {
      throw new Ended('the answer is no event stream');
    }
    const reader = response.body.getReader();
    const decoder = new TextDecoder();
    const parser = new EventParser();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) throw new Ended('the relay ended the connection', Math.min(parser.retry ?? 0, REFUSED));
      this.#hear('event stream');
      this.#request.deadline = Date.now() + SILENCE;
      const events = parser.push(decoder.decode(value, { stream: true }));
      const messages = events.map((e) => parseMessage(e.data) ?? (e.type === 'gap' ? { id: ID_GAP } : null));
      this.#deliver(messages.filter(Boolean), messages.filter((m) => !m).length);
      if (messages.some((m) => m?.id === ID_DELETED && this.#names(m.channel))) {
        // This connection will not follow a channel that is made anew.
        throw new Ended('the channel was deleted');
      }
    }
  }

  /** #longPoll asks again and again; it returns when event streams pass. */
  async #longPoll() {
    this.#streamsPass = false;
    if (this.transport !== 'long polling') this.#probeDelay = PROBE_FIRST;
    await this.#ask('poll/', ANSWER);
    this.#probeAt = Date.now() + this.#probeDelay;
    while (!this.#streamsPass) {
      try {
        await this.#ask('lp/', LONG_POLL);
        await new Promise((resolve) => setTimeout(resolve, POLL_PAUSE));
      } catch (error) {
        if (!(error instanceof TimedOut)) throw error;
        // Nothing to tell, or nobody there? This is answered at once.
        await this.#ask('poll/', ANSWER);
      }
    }
  }

  /** #ask polls once. */
  async #ask(location, patience) {
    const response = await this.#get(location, patience);
    const { messages, unreadable } = parseMessages(response.status === 200 ? await response.text() : '');
    this.#hear('long polling');
    // Several channels' histories may come one after another.
    messages.sort((a, b) => Number(a.tag) - Number(b.tag));
    if (response.headers.has('X-Alertrelay-Gap') && !messages.some((m) => m.id === ID_GAP)) this.#on.note(GAP);
    this.#deliver(messages, unreadable);
  }

  /** #tryStream finds out whether event streams pass, beside the long poll. */
  async #tryStream() {
    const probe = new AbortController();
    this.#probe = probe;
    const timer = setTimeout(() => probe.abort(), FIRST_BYTE);
    try {
      const response = await fetch(this.#url('ev/'), { signal: probe.signal, cache: 'no-store' });
      const first = response.ok && (await response.body.getReader().read());
      if (first && !first.done) {
        this.#streamsPass = true;
        this.#request?.controller.abort(new TimedOut('event streams pass again'));
      }
    } catch {
      // They do not.
    }
    clearTimeout(timer);
    probe.abort();
    this.#probe = null;
    this.#probeDelay = Math.min(this.#probeDelay * 2, PROBE_LAST);
    this.#probeAt = Date.now() + this.#probeDelay;
  }

  /** #get begins a request that ends when nothing comes for so long. */
  async #get(location, patience) {
    const controller = new AbortController();
    this.#request = { controller, deadline: Date.now() + patience };
    const response = await fetch(this.#url(location), { signal: controller.signal, cache: 'no-store' });
    if (response.ok || response.status === 304) return response;
    const explain = response.headers.get('X-Nginx-PushStream-Explain')?.replace(/\.$/, '');
    const after = Number(response.headers.get('Retry-After')) * 1000 || 0;
    const wait = Math.max(Math.min(after, 60_000), response.status < 500 ? REFUSED : 0);
    throw new Ended(explain || `the relay answered ${response.status}`, wait);
  }

  /**
   * #url is where the next request goes. Until a message has come it asks for the
   * last ones; from then on for all after the one that came last.
   */
  #url(location) {
    const path = this.#elements.map((element) => {
      const [, channel, backtrack] = /^(.*?)(\.b\d+)?$/s.exec(element);
      return encodeURIComponent(channel + (this.#cursor ? '' : (backtrack ?? `.b${HISTORY}`)));
    });
    const url = new URL(location + path.join('/'), this.#base);
    if (this.#cursor) {
      // Not URLSearchParams, which writes "+" for a space.
      url.search = `?time=${encodeURIComponent(this.#cursor.time)}&tag=${encodeURIComponent(this.#cursor.tag)}`;
    }
    return url;
  }

  #hear(transport) {
    const changed = !this.live || this.transport !== transport;
    this.live = true;
    this.heard = Date.now();
    this.transport = transport;
    this.problem = '';
    if (changed) this.#on.state();
  }

  /** #deliver hands on what came, leaving out what has come before. */
  #deliver(all, unreadable) {
    let messages = [];
    const flush = () => {
      if (messages.length > 0 || unreadable > 0) this.#on.messages(messages, unreadable);
      messages = [];
      unreadable = 0;
    };
    for (const m of all) {
      if (m.id <= 0) {
        flush(); // so that a note stands at its place
        if (m.id === ID_GAP) this.#on.note(GAP);
        if (m.id === ID_DELETED) this.#on.note(`The channel ${m.channel} was deleted.`);
        continue;
      }
      const name = `${m.tag} ${m.time}`;
      if (this.#seen.has(name)) continue;
      this.#seen.add(name);
      if (this.#seen.size > REMEMBER) this.#seen.delete(this.#seen.values().next().value);
      if (m.time && m.tag) this.#cursor = { time: m.time, tag: m.tag };
      messages.push(m);
    }
    flush();
  }

  #names(channel) {
    return this.#elements.some((e) => e.replace(/\.b\d+$/, '') === channel);
  }

  async #sleep(ms) {
    this.retryAt = Date.now() + ms;
    this.#on.state();
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = null;
  }
}

const GAP = 'Messages are missing here: the relay does not keep them any more.';
