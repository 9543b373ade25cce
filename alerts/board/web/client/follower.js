// Following channels: one connection after another, each going on where the one
// before stood.

import { Skew } from './skew.js';
import { Busy, Ended, Refused, Silent, ask, openSocket, transports } from './transports.js';
import { ID_DELETED, ID_GAP, ID_SNAPSHOT, isAfter, placeOf } from './wire.js';

/** Times in ms. Those of the relay: a ping after 10 s, a long poll of 30 s. */
const TIMING = {
  silence: 15_000, // how long a connection may bring nothing
  quiet: 9_000, // after which a connection whose pings cannot be seen is polled beside
  firstByte: 6_000, // an event stream begins with a comment at once
  answer: 5_000, // a poll is answered at once
  probe: 60_000, // when to try a better transport again, doubled up to
  probeLast: 600_000,
  retry: 250, // when to try to connect again, doubled up to
  retryLast: 8_000,
  refused: 60_000, // when to ask again if something before the relay refuses
};

const STEADY = 5_000; // a connection that held so long begins those anew
const UNSTEADY = 3; // after so many that did not, another transport has its turn
const SUSPENDED = 5_000; // the clock ticks each second, unless the machine sleeps

/** Connection is one attempt by one transport. */
class Connection {
  began = Date.now();
  /** useful: the transport passes whatever is in between. */
  useful = false;
  /** deadline is when the connection has been silent too long, if its pings can be seen. */
  deadline = Infinity;
  /** polled: its pings cannot be seen. */
  polled = false;
  /** suspect: a poll beside it has brought what it should have. */
  suspect = false;
  /** isFirst: no message has come yet. */
  isFirst = true;
  /** fresh is the snapshot that is on its way, null if none is. */
  fresh = null;

  #controller = new AbortController();

  constructor(name, index, from) {
    this.name = name;
    this.index = index; // in the order of preference
    this.from = from;
  }

  get signal() {
    return this.#controller.signal;
  }

  end(why) {
    this.#controller.abort(why);
  }

  beginSnapshot() {
    this.fresh ??= [];
  }
}

/** Follower is what follow() of client.js returns a view of. */
export class Follower {
  timing;
  /** cursor is the place after which everything is still to come, null at the start. */
  cursor = null;
  /** delivered counts messages. */
  delivered = 0;

  #base;
  #elements;
  #now;
  #last;
  #since; // as the relay takes it, '' for none
  #order; // names of transports, the best first
  #on;

  #live = false;
  #liveSince = Date.now();
  #heardAt = null;
  #transport = '';
  #problem = '';
  #retryAt = null;
  #stopped = false; // refused by the relay
  #closed = false;
  #skew = new Skew();
  #told = '';

  #connection = null;
  #verifying = false;
  #synced = false; // mode now: a snapshot has come, or there is no need
  #wake = null; // ends a wait between attempts
  #failures = 0;
  #probing = false;
  #probeFrom = 0; // the index that is in use since #probeAt was set
  #probeAt = 0;
  #probeDelay;
  #better = null; // the transport that a probe came through by
  #clock;
  #lastCheck = Date.now();
  #offset = Date.now() - performance.now();
  #onVisible = () => document.visibilityState === 'visible' && this.#hurry();
  #onNetwork = () => this.#hurry();

  constructor(channels, options) {
    const o = options;
    const mode = o.mode ?? 'live';
    this.timing = { ...TIMING, ...o.timing };
    this.#base = new URL(o.base, globalThis.document?.baseURI);
    this.#elements = (typeof channels === 'string' ? [channels] : [...channels]).flatMap((c) => String(c).split('/')).filter((e) => e !== '');
    this.#order = [...(o.transports ?? ['sse', 'ws', 'lp'])];
    this.#now = mode === 'now';
    this.#last = Number(o.last ?? 0);
    this.#since = sinceText(o.since);
    this.cursor = o.cursor ?? null;
    this.#on = o;
    this.#synced = !this.#now;
    this.#probeDelay = this.timing.probe;

    if (this.#elements.length === 0) throw new TypeError('follow: no channels');
    // A browser takes these for a place in the path, even if they are escaped.
    if (this.#elements.some((e) => e === '.' || e === '..')) throw new TypeError('follow: "." and ".." are no channels');
    if (!this.#now && mode !== 'live') throw new TypeError(`follow: unknown mode ${mode}`);
    if (this.#now && (this.#last || this.#since)) throw new TypeError('follow: mode now begins with what is active, not with since or last');
    if (this.#last && this.#since) throw new TypeError('follow: since or last, not both');
    if (!Number.isInteger(this.#last) || this.#last < 0) throw new TypeError('follow: last is a number of messages');
    const unknown = this.#order.find((t) => !Object.hasOwn(transports, t));
    if (unknown !== undefined || this.#order.length === 0) throw new TypeError(`follow: unknown transport ${unknown}`);
  }

  start() {
    this.#clock = setInterval(() => this.#check(), 1000);
    globalThis.addEventListener?.('online', this.#onNetwork);
    globalThis.addEventListener?.('offline', this.#onNetwork);
    globalThis.document?.addEventListener('visibilitychange', this.#onVisible);
    this.#run();
  }

  close() {
    this.#closed = true;
    clearInterval(this.#clock);
    globalThis.removeEventListener?.('online', this.#onNetwork);
    globalThis.removeEventListener?.('offline', this.#onNetwork);
    globalThis.document?.removeEventListener('visibilitychange', this.#onVisible);
    this.#connection?.end(new Ended('closed'));
    this.#wake?.();
    this.#setLive(false);
    this.#retryAt = null;
  }

  /** retry tries at once, also after a refusal. */
  retry() {
    if (this.#closed) return;
    this.#failures = 0;
    if (this.#stopped) {
      this.#stopped = false;
      this.#run();
    } else {
      this.#hurry();
    }
  }

  get state() {
    const silent = this.#heardAt === null ? Infinity : Date.now() - this.#heardAt;
    return {
      live: this.#live && silent <= this.timing.silence + 1000,
      since: this.#liveSince,
      heardAt: this.#heardAt,
      transport: this.#transport,
      problem: this.#problem,
      retryAt: this.#retryAt,
      stopped: this.#stopped || this.#closed,
      skew: this.#skew.value,
    };
  }

  // What transports ask and tell.

  /** needsPlace: without one, what comes before the first message could be lost. */
  get needsPlace() {
    return !this.cursor && !this.#now && !this.#since;
  }

  /** url is where the next request goes. */
  url(location) {
    const history = this.cursor || this.#now || this.#since ? 0 : this.#last;
    const path = this.#elements.map((element) => {
      const [, channel, own] = /^(.*?)(\.b\d+)?$/s.exec(element);
      const backtrack = this.cursor || this.#since ? '' : (own ?? (history ? `.b${history}` : ''));
      return encodeURIComponent(channel + backtrack);
    });
    const url = new URL(location + path.join('/'), this.#base);
    // Not URLSearchParams, which writes "+" for a space.
    const query = [];
    if (this.#now) query.push('mode=now');
    if (this.cursor) query.push(`time=${encodeURIComponent(this.cursor.time)}`, `tag=${encodeURIComponent(this.cursor.tag)}`);
    else if (this.#since) query.push(`since=${encodeURIComponent(this.#since)}`);
    url.search = query.length > 0 ? `?${query.join('&')}` : '';
    return url;
  }

  /** hear: something came from the relay. */
  hear(connection) {
    if (this.#closed || connection !== this.#connection) return;
    this.#heardAt = Date.now();
    if (!connection.useful) return; // a poll came through, but not yet what it begins
    this.#transport = connection.name;
    this.#problem = '';
    this.#retryAt = null;
    // What is shown in the middle of a snapshot is not what is.
    if (!connection.fresh && this.#synced) this.#setLive(true);
    this.#tell();
  }

  answered(response, asked) {
    this.#skew.answered(response.headers.get('Date'), asked, Date.now());
    // "10m" is before the relay's now, and stays there until a message has come.
    const ago = /^(\d+)([smhd])$/.exec(this.#since);
    const date = Date.parse(response.headers.get('Date'));
    if (ago && response.ok && !Number.isNaN(date)) {
      this.#since = String(Math.floor(date / 1000) - Number(ago[1]) * { s: 1, m: 60, h: 3600, d: 86400 }[ago[2]]);
    }
  }

  /** take takes one message, in order. */
  take(connection, message) {
    if (this.#closed || connection !== this.#connection) return;
    const isFirst = connection.isFirst;
    connection.isFirst = false;
    switch (message.id) {
      case ID_SNAPSHOT:
        return this.#endSnapshot(connection, message);
      case ID_GAP:
        return this.#call('onGap', message.channel);
      case ID_DELETED:
        return this.#call('onDeleted', message.channel);
    }
    if (message.id < 0) return;
    if (connection.fresh) {
      connection.fresh.push(message);
      return;
    }
    const place = placeOf(message);
    if (place && this.cursor && !isAfter(place, this.cursor)) {
      // It has come already; or, where headers cannot be seen, this is the first
      // message of a snapshot.
      if (isFirst && this.#now && connection.from && !isAfter(place, connection.from)) connection.fresh = [message];
      return;
    }
    if (place) this.cursor = place;
    this.delivered++;
    this.#skew.stamped(message.time.getTime(), Date.now());
    this.#call('onMessage', message);
  }

  #endSnapshot(connection, end) {
    const messages = connection.fresh;
    connection.fresh = null;
    if (!messages && !connection.isFirst && snapshotCount(end) !== 0) {
      // A snapshot that looked like news. Ask for one without a place to go on from.
      this.cursor = null;
      throw new Ended('the relay could not go on');
    }
    this.replace(messages ?? [], placeOf(end));
    this.hear(connection);
  }

  /** replace: what was known is void, this is all there is. */
  replace(messages, place) {
    if (this.#closed) return;
    this.#synced = true;
    this.cursor = place;
    this.delivered += messages.length;
    const head = { time: new Date(place?.time ?? NaN), tag: place?.tag ?? '', count: messages.length };
    this.#call('onSnapshot', messages, head);
  }

  /** advance: there is nothing else up to that place. */
  advance(place) {
    if (!this.cursor || isAfter(place, this.cursor)) this.cursor = place;
  }

  unreadable(count) {
    if (count > 0) this.#call('onUnreadable', count);
  }

  /** names reports whether a channel is followed by its name. */
  names(channel) {
    return this.#elements.some((e) => e.replace(/\.b\d+$/, '') === channel);
  }

  // Connecting.

  async #run() {
    let preferred = 0;
    let unsteady = 0; // connections that were short, or refused for now, in a row
    rounds: while (!this.#stopped && !this.#closed) {
      // One round: the transport that was of use last, then the others.
      const round = [preferred, ...[...this.#order.keys()].filter((i) => i !== preferred)];
      let ended;
      let refusals = 0;
      for (const i of round) {
        const began = Date.now();
        let useful;
        ({ ended, useful } = await this.#connect(i));
        if (this.#closed) return;
        if (this.#better !== null) {
          preferred = this.#better;
          this.#better = null;
          continue rounds;
        }
        if (ended instanceof Refused) {
          if (ended.byRelay) return this.#stop(ended);
          refusals++;
          continue; // a proxy may let another pass
        }
        const lasted = Date.now() - began;
        if (useful) preferred = i;
        if (useful && lasted > STEADY) {
          this.#failures = 0;
          unsteady = 0;
          if (i === 0 && lasted > this.timing.probe) this.#probeDelay = this.timing.probe;
        }
        // The same once more, unless it brings nothing, or again and again too little.
        if (ended instanceof Silent || !(useful || ended instanceof Busy)) continue;
        if (++unsteady < UNSTEADY) break;
        unsteady = 0;
      }
      this.#problem = ended.message;
      const delay = Math.min(this.timing.retry * 2 ** this.#failures++, this.timing.retryLast);
      const least = refusals === round.length ? this.timing.refused : ended.wait;
      // Random, so that not all who follow a relay come back to it at once.
      await this.#sleep(least + delay / 2 + Math.random() * (delay / 2));
    }
  }

  /** #connect follows one connection to its end: why it ended, and if it was of use. */
  async #connect(index) {
    const name = this.#order[index];
    const connection = new Connection(name, index, this.cursor);
    this.#connection = connection;
    this.#retryAt = null;
    if (this.#probeFrom !== index) {
      this.#probeFrom = index;
      this.#probeAt = Date.now() + this.#probeDelay;
    }
    this.#tell();
    let ended;
    try {
      await transports[name](this, connection);
    } catch (error) {
      const why = connection.signal.aborted ? connection.signal.reason : error;
      ended = why instanceof Ended ? why : new Ended('no connection');
    }
    connection.end(ended); // whatever is still on its way
    this.#connection = null;
    if (!this.#closed && this.#better === null) {
      this.#setLive(false);
      this.#problem = ended.message;
    }
    this.#tell();
    return { ended, useful: connection.useful };
  }

  #stop(refused) {
    this.#stopped = true;
    this.#problem = refused.message;
    this.#setLive(false);
    this.#tell();
  }

  async #sleep(ms) {
    this.#retryAt = Date.now() + ms;
    this.#tell();
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = null;
  }

  /** #hurry looks and tries now: the network has changed, or somebody looks. */
  #hurry() {
    this.#check();
    this.#wake?.();
    if (this.#connection && this.#live) this.#verify(this.#connection);
  }

  /**
   * #check looks at the clock, each second and on waking up. Timers stand still
   * while a machine sleeps, so it compares times.
   */
  #check() {
    const now = Date.now();
    const slept = now - this.#lastCheck > SUSPENDED;
    this.#lastCheck = now;
    const offset = now - performance.now();
    if (Math.abs(offset - this.#offset) > 500) {
      this.#offset = offset;
      this.#skew.forget(); // this machine's clock was set
      if (this.#connection && this.#live) this.#verify(this.#connection);
    }
    const connection = this.#connection;
    if (connection?.polled) {
      if (slept || now - this.#heardAt > this.timing.quiet) this.#verify(connection);
    } else if (connection && now > connection.deadline) {
      connection.end(new Silent('nothing came for too long'));
    }
    if (this.#live && connection && connection.index > 0 && now > this.#probeAt && !this.#probing) this.#tryBetter(connection);
    this.#tell();
  }

  /** #verify asks the relay whether there is something that has not come. */
  async #verify(connection) {
    if (this.#verifying) return;
    this.#verifying = true;
    try {
      const missed = await ask(this, connection, 'poll/', this.timing.answer);
      if (missed > 0 && connection.suspect) connection.end(new Silent('messages are held back'));
      connection.suspect = missed > 0 && connection.polled;
    } catch (error) {
      // "Not now" says nothing about a stream whose pings can be seen.
      const answered = error instanceof Busy || error instanceof Refused;
      if (connection.polled || !answered) connection.end(error instanceof Ended ? error : new Ended('no connection'));
    }
    this.#verifying = false;
  }

  /** #tryBetter finds out whether a better transport passes, beside the one in use. */
  async #tryBetter(connection) {
    this.#probing = true;
    for (const [index, name] of this.#order.slice(0, connection.index).entries()) {
      const passes = await this.#passes(name, connection.signal);
      if (connection.signal.aborted) break;
      if (passes) {
        this.#better = index;
        connection.end(new Ended('a better way is open again'));
        break;
      }
    }
    this.#probing = false;
    this.#probeDelay = Math.min(this.#probeDelay * 2, this.timing.probeLast);
    this.#probeAt = Date.now() + this.#probeDelay;
  }

  /** #passes tries a transport: it passes if something comes in time. */
  async #passes(name, signal) {
    const probe = new AbortController();
    const stop = () => probe.abort(signal.reason);
    const timer = setTimeout(() => probe.abort(), this.timing.firstByte);
    signal.addEventListener('abort', stop);
    try {
      if (name === 'ws') {
        (await openSocket(this, probe.signal)).close();
        return true;
      }
      const response = await fetch(this.url('ev/'), { signal: probe.signal, cache: 'no-store' });
      return response.ok && !(await response.body.getReader().read()).done;
    } catch {
      return false;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      probe.abort();
    }
  }

  // Telling.

  #setLive(live) {
    if (this.#live === live) return;
    this.#live = live;
    this.#liveSince = live ? Date.now() : (this.#heardAt ?? Date.now());
  }

  /** #tell calls onState if there is something to tell. */
  #tell() {
    if (this.#closed) return;
    const state = this.state;
    const skew = state.skew === null ? null : Math.round(state.skew / 500);
    const { live, transport, problem, retryAt, stopped } = state;
    const told = JSON.stringify([live, transport, problem, retryAt, stopped, skew]);
    if (told === this.#told) return;
    this.#told = told;
    this.#call('onState', state);
  }

  /** #call calls a function of the user; what it throws is its own. */
  #call(name, ...args) {
    try {
      this.#on[name]?.(...args);
    } catch (error) {
      reportError(error);
    }
  }
}

/** snapshotCount is how many messages a snapshot had, undefined if it does not say. */
function snapshotCount(end) {
  try {
    return JSON.parse(end.text).count;
  } catch {
    return undefined;
  }
}

function sinceText(since) {
  if (since === undefined || since === null || since === '') return '';
  if (typeof since === 'string') return since;
  const ms = Number(since);
  if (Number.isNaN(ms)) throw new TypeError('follow: since is no time');
  return String(Math.floor(ms / 1000));
}
