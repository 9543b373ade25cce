// The board: the state, the view, and the parts of the page that show them.

import { isActive, parseEvent } from './event.js';
import { setIcon } from './live.js';
import { summaryOf, worstOf } from './head.js';
import { arrange } from './rows.js';
import { AlertState } from './state.js';
import { t } from './lang.js';
import { setText } from './text.js';
import { day, clock, now, setPast } from './time.js';

const SLICE = 12; // ms of a frame that reading messages may take
const CALM = 2_500; // ms between two sentences read aloud

/**
 * Board keeps the state of what is followed. What comes is read in slices between
 * frames, in its order. It sends "transition" with {before, after, message} for
 * what is seen live, "message" for what is no event, "shown" with the counts.
 */
export class Board extends EventTarget {
  state = new AlertState();
  counts = null;
  past = null; // {alerts, at} while another time is shown
  closed = new Set(); // groups that are folded

  #parts;
  #live;
  #queue = [];
  #next = 0; // in the queue
  #reading = false;
  #asked = false;
  #cost = 0; // ms that arranging took last
  #shownAt = 0;
  #spoken = 0;

  constructor(parts, view) {
    super();
    this.#parts = parts;
    this.view = view;
    setInterval(() => this.#tick(), 1000);
  }

  /** watch has the board say what its connection is. */
  watch(live) {
    this.#live = live;
  }

  get live() {
    return this.#live;
  }

  /** takeSnapshot, takeMessage and takeDeleted are for client.js. */
  takeSnapshot(messages) {
    this.#queue.length = this.#next = 0; // it says more than what waits
    this.#push({ snapshot: messages });
  }

  takeMessage(message) {
    this.#push({ message });
  }

  takeDeleted(channel) {
    this.#push({ deleted: channel });
  }

  /** look shows another view. */
  look(view) {
    this.view = view;
    this.ask();
  }

  /** isInView reports whether the view has an alert. */
  isInView(alert) {
    return this.view.shows(alert) && this.view.test(alert);
  }

  /** fold folds a group, or unfolds it. */
  fold(value) {
    if (!this.closed.delete(value)) this.closed.add(value);
    this.ask();
  }

  /** showPast shows what was at another time (ms) instead of what is. */
  showPast(alerts, at) {
    this.past = { alerts, at };
    setPast(at);
    document.body.dataset.past = '';
    this.#parts.past.hidden = false;
    setText(this.#parts.past.firstElementChild, t('past', `${day(at)} ${clock(at)}`));
    this.#show();
  }

  /** showNow ends it. */
  showNow() {
    this.past = null;
    setPast(null);
    delete document.body.dataset.past;
    this.#parts.past.hidden = true;
    this.#show();
  }

  #push(item) {
    this.#queue.push(item);
    if (this.#reading) return;
    this.#reading = true;
    queueMicrotask(() => this.#read());
  }

  #read() {
    const until = performance.now() + SLICE;
    while (this.#next < this.#queue.length && performance.now() < until) {
      const item = this.#queue[this.#next++];
      if (item.message) this.#apply(item.message);
      else if (item.snapshot) this.#replace(item.snapshot);
      else this.state.remove(item.deleted);
    }
    if (this.#next < this.#queue.length) setTimeout(() => this.#read(), 4);
    else {
      this.#queue.length = this.#next = 0;
      this.#reading = false;
    }
    this.ask();
  }

  #replace(messages) {
    const again = this.#live.snapshot;
    const alerts = messages.map(parseEvent).filter((a) => a && isActive(a));
    const missed = again ? alerts.filter((a) => !this.state.isActive(a.id)) : [];
    this.state.replace(alerts, now());
    this.#live.snapshot = true;
    this.#live.check();
    this.dispatchEvent(new CustomEvent('snapshot', { detail: { again, missed } }));
    this.#show(); // at once: it is what everybody waits for
  }

  #apply(message) {
    const alert = parseEvent(message);
    if (!alert) {
      this.dispatchEvent(new CustomEvent('message', { detail: message }));
      return;
    }
    const wasActive = this.state.isActive(alert.id);
    const change = this.state.apply(alert);
    if (!change) return;
    this.#parts.table.mark(alert.channel);
    this.dispatchEvent(new CustomEvent('transition', { detail: { ...change, event: alert, wasActive, inView: this.isInView(alert) } }));
  }

  /** ask has the page drawn anew with the next frame, or later if that takes long. */
  ask() {
    if (this.#asked) return;
    this.#asked = true;
    const wait = Math.min(1_000, this.#cost * 8) - (performance.now() - this.#shownAt);
    const draw = () => (document.hidden ? setTimeout(() => this.#show(), 200) : requestAnimationFrame(() => this.#show()));
    if (wait > 16) setTimeout(draw, wait);
    else draw();
  }

  #show() {
    this.#asked = false;
    const began = performance.now();
    const { items, counts } = arrange(this.past?.alerts ?? this.state.alerts, this.view, this.closed);
    this.counts = this.#live.snapshot || this.past ? counts : null;
    this.#parts.counts.show(this.counts);
    this.#parts.table.show(items, this.view.group);
    this.#parts.table.tick();
    this.#showFiltered(counts);
    this.#showEmpty(counts);
    this.#cost = performance.now() - began;
    this.#shownAt = performance.now();
    this.title();
    this.#speak();
    this.dispatchEvent(new CustomEvent('shown', { detail: this.counts }));
  }

  /** #showFiltered says that there is more than is shown. */
  #showFiltered(counts) {
    const shown = counts.seen.size;
    const on = this.view.matchers.length > 0 || this.view.hide.size > 0;
    this.#parts.filtered.hidden = !on || !this.counts;
    if (on) setText(this.#parts.filtered, t('filtered', shown, counts.all));
  }

  #showEmpty(counts) {
    const { empty } = this.#parts;
    const [, strong, span] = empty.children;
    empty.hidden = counts.rows > 0;
    if (counts.rows > 0) return;
    const kind = !this.counts ? (this.#live.kind === 'dead' ? 'dead' : 'loading') : counts.all > 0 ? 'filtered' : 'calm';
    empty.dataset.kind = kind;
    setText(strong, { loading: t('loading'), dead: t('cannotRead'), filtered: t('nothingMatches', counts.all), calm: t('nothingFiring') }[kind]);
    setText(span, kind === 'calm' ? this.view.channels.join('  ') : '');
  }

  /** title says in the browser's tab what the page says. */
  title() {
    const place = this.view.channels.join(' ');
    let head = '';
    if (this.#live.kind === 'dead') head = `⚠ ${t('live_dead')}`;
    else if (this.past) head = t('past', `${day(this.past.at)} ${clock(this.past.at)}`);
    else if (this.counts) head = `(${this.counts.firing})`;
    else head = t('live_connecting');
    const title = `${head} ${place === '>' ? '' : `${place} `}– alertrelay`;
    if (document.title !== title) document.title = title;
    setIcon(this.#live.kind !== 'live' ? this.#live.kind : this.past ? 'past' : this.counts && worstOf(this.counts) === 'critical' ? 'critical' : 'live');
  }

  #speak() {
    if (!this.counts || performance.now() - this.#spoken < CALM) return;
    const text = summaryOf(this.counts);
    if (this.#parts.summary.textContent !== text) this.#spoken = performance.now();
    setText(this.#parts.summary, text);
  }

  #tick() {
    this.#parts.table.tick();
    const { revision } = this.state;
    this.state.sweep(now());
    if (this.state.revision !== revision) this.ask();
    else if (this.counts) this.#speak();
  }
}
