// Time travel: a strip of what happened when, on which a moment is chosen. The page
// shows what was then; the moment is in the address, so that it can be shared.

import { toAlert } from './event.js';
import { History, HistoryError } from './history.js';
import { Strip } from './strip.js';
import { word } from './timeline-words.js';

/** SPEEDS of playing. */
export const SPEEDS = [1, 5, 10, 30, 60];

const WINDOWS = [['1h', 3_600_000], ['6h', 21_600_000], ['24h', 86_400_000], ['7d', 604_800_000]];
const STEP = 400; // arrows go through what is shown in so many steps
const ADDRESS = 300; // ms after which a moment gets into the address: browsers refuse to write it often
const FRAME = 100; // ms between two states while it plays

/**
 * <ar-timeline> is the scrubber. It is closed until open() is called, its button is
 * pressed, or the address has a moment when start() is.
 */
export class Timeline extends HTMLElement {
  history = null; // null while none is read
  at = null; // the moment in ms, null while live

  #o = null;
  #strip = null;
  #parts = null;
  #reading = null; // AbortController
  #playing = 0; // the speed, 0 while it does not
  #tick = 0; // the timer's
  #played = 0; // when it last went on
  #asked = false; // a frame is
  #writing = 0; // the timer of the address
  #dragged = false;

  /**
   * start takes the options and reads the address:
   *   base, channels   where the relay is, and of which channels
   *   onMoment(alerts, at)  shows a map from channels to alerts, those of the time at
   *   onLive()         shows what is
   *   toAlert          makes an alert of an event; the board's
   */
  start(options) {
    this.#o = { toAlert, ...options };
    this.#make();
    addEventListener('popstate', () => this.#address());
    this.#address();
  }

  get isOpen() {
    return this.#parts !== null && !this.#parts.body.hidden;
  }

  get speed() {
    return this.#playing;
  }

  /** open shows the strip, and goes to a moment if there is one; it resolves when the history is read. */
  async open(at = null) {
    const { body, toggle } = this.#parts;
    body.hidden = false;
    toggle.setAttribute('aria-expanded', 'true');
    if (!this.history && !(await this.#read())) return;
    if (at !== null) this.go(at);
    else this.#show();
  }

  /** close hides it; what is shown is live again. */
  close() {
    this.live();
    this.#reading?.abort();
    this.#parts.body.hidden = true;
    this.#parts.toggle.setAttribute('aria-expanded', 'false');
    this.history = null; // it is read anew: there will be more then
  }

  /** go shows what was at a time, or the time next to it of which something is known. */
  go(at) {
    if (!this.history || !Number.isFinite(at)) return;
    const { begin } = this.history;
    this.at = Math.round(Math.min(Math.max(at, Number.isNaN(begin) ? at : begin), Date.now()));
    if (this.at < this.#strip.from || this.at > this.#strip.to) this.#look(this.#parts.window.value, this.at);
    this.#o.onMoment(this.history.at(this.at), this.at);
    this.#write();
    this.#show();
  }

  /** live goes back to what is. */
  live() {
    this.pause();
    if (this.at === null) return;
    this.at = null;
    this.#o.onLive();
    this.#write();
    this.#show();
  }

  /** play goes on at so many times the speed of then; at the end it is live. */
  play(speed = Number(this.#parts.speed.value)) {
    if (!this.history || this.history.size === 0) return;
    if (this.at === null) this.go(this.#strip.from);
    this.#playing = speed;
    this.#played = performance.now();
    clearInterval(this.#tick);
    this.#tick = setInterval(() => this.#goOn(), FRAME);
    this.#show();
  }

  pause() {
    clearInterval(this.#tick);
    this.#playing = 0;
    if (this.#parts) this.#show();
  }

  /** take takes an event that has just come. */
  take(alert) {
    if (!this.history) return;
    const atEnd = this.#strip.to >= this.history.end;
    this.history.append(alert);
    if (atEnd && this.history.end > this.#strip.to) this.#strip.to = this.history.end + (this.#strip.to - this.#strip.from) / 50;
    this.#show();
  }

  async #read() {
    this.#reading?.abort();
    const reading = (this.#reading = new AbortController());
    const history = new History(this.#o.toAlert);
    const { note, again, body } = this.#parts;
    again.hidden = true;
    body.dataset.state = 'reading';
    note.textContent = word('reading', 0);
    try {
      await history.load(this.#o.base, this.#o.channels, {
        signal: reading.signal,
        onProgress: (n) => (note.textContent = word('reading', n)),
      });
    } catch (error) {
      if (reading.signal.aborted) return false;
      if (!(error instanceof HistoryError)) throw error;
      body.dataset.state = 'failed';
      note.textContent = word('failed', error.message);
      again.hidden = false;
      return false;
    }
    if (reading.signal.aborted) return false;
    body.dataset.state = history.size === 0 ? 'empty' : 'ready';
    this.history = history;
    note.textContent = history.size === 0 ? word('nothing') : history.isComplete ? '' : word('cut');
    this.#look('all');
    return true;
  }

  /** #look shows a part of the history, around a time. */
  #look(window, around = this.at ?? Date.now()) {
    const now = Date.now();
    const { begin } = this.history;
    const whole = now - (Number.isNaN(begin) ? now - 3_600_000 : begin);
    const length = Math.min(window === 'all' ? Infinity : Number(window), Math.max(whole * 1.02, 60_000));
    this.#strip.to = window === 'all' ? now : Math.min(now, around + length / 2);
    this.#strip.from = this.#strip.to - length;
    this.#parts.window.value = window;
    this.#show();
  }

  #goOn() {
    const now = performance.now();
    const next = this.at + (now - this.#played) * this.#playing;
    this.#played = now;
    if (next >= Date.now()) this.live();
    else this.go(next);
  }

  #make() {
    if (this.#parts) return;
    const button = (name, text, title) => {
      const b = document.createElement('button');
      b.type = 'button';
      b.className = name;
      b.textContent = text;
      if (title) b.title = b.ariaLabel = title;
      return b;
    };
    const choice = (name, options, value) => {
      const select = document.createElement('select');
      select.className = name;
      select.append(...options.map(([text, v]) => new Option(text, v)));
      select.value = value;
      const label = document.createElement('label');
      label.append(word(name), ' ', select);
      return [select, label];
    };
    const toggle = button('toggle', word('open'));
    const body = document.createElement('div');
    body.className = 'body';
    body.hidden = true;
    const slider = document.createElement('div');
    slider.className = 'strip';
    slider.tabIndex = 0;
    slider.setAttribute('role', 'slider');
    slider.setAttribute('aria-label', word('strip'));
    slider.title = word('keys');
    const canvas = document.createElement('canvas');
    slider.append(canvas);
    const controls = document.createElement('div');
    controls.className = 'controls';
    const play = button('play', '', word('play'));
    const earlier = button('earlier', '‹', word('earlier'));
    const later = button('later', '›', word('later'));
    play.append(document.createElement('i'));
    const [speed, speedLabel] = choice('speed', SPEEDS.map((s) => [`${s}×`, s]), 10);
    const [window, windowLabel] = choice('window', [[word('all'), 'all'], ...WINDOWS], 'all');
    const at = document.createElement('input');
    at.type = 'datetime-local';
    at.step = '1';
    at.className = 'at';
    const atLabel = document.createElement('label');
    atLabel.append(word('at'), ' ', at);
    const now = button('now', word('live'));
    const close = button('close', '✕', word('close'));
    const state = document.createElement('output');
    state.className = 'state';
    const note = document.createElement('p');
    note.className = 'note';
    note.setAttribute('role', 'status');
    const again = button('again', word('again'));
    controls.append(earlier, play, later, speedLabel, atLabel, state, now, windowLabel, close);
    body.append(slider, controls, note, again);
    this.append(toggle, body);
    this.#parts = { toggle, body, slider, canvas, play, earlier, later, speed, window, at, now, close, state, note, again };
    this.#strip = new Strip(canvas);
    toggle.setAttribute('aria-expanded', 'false');
    toggle.addEventListener('click', () => (this.isOpen ? this.close() : this.open()));
    close.addEventListener('click', () => {
      this.close();
      toggle.focus();
    });
    again.addEventListener('click', () => this.open(momentOfAddress()));
    play.addEventListener('click', () => (this.#playing ? this.pause() : this.play()));
    speed.addEventListener('change', () => this.#playing && this.play());
    window.addEventListener('change', () => this.history && this.#look(window.value));
    at.addEventListener('change', () => {
      const moment = new Date(at.value).getTime();
      this.pause();
      if (!Number.isNaN(moment)) this.go(moment);
      this.#show();
    });
    now.addEventListener('click', () => this.live());
    earlier.addEventListener('click', () => this.#toEvent(-1));
    later.addEventListener('click', () => this.#toEvent(1));
    slider.addEventListener('keydown', (e) => this.#key(e));
    slider.addEventListener('pointerdown', (e) => this.#drag(e));
    new ResizeObserver(() => this.#show()).observe(canvas);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#show());
    new MutationObserver(() => this.#show()).observe(document.documentElement, { attributeFilter: ['data-theme'] });
  }

  #toEvent(direction) {
    this.pause();
    if (!this.history) return;
    const from = this.at ?? Date.now();
    const to = direction < 0 ? this.history.before(from) : this.history.after(from);
    if (!Number.isNaN(to)) this.go(to);
  }

  #key(e) {
    if (!this.history || e.ctrlKey || e.metaKey || e.altKey) return;
    const length = this.#strip.to - this.#strip.from;
    const step = Math.max(1_000, Math.round(length / STEP / 1_000) * 1_000) * (e.shiftKey ? 10 : 1);
    const from = this.at ?? Math.min(Date.now(), this.#strip.to);
    const move = {
      ArrowLeft: -step, ArrowDown: -step, ArrowRight: step, ArrowUp: step, PageDown: -length / 10, PageUp: length / 10,
    }[e.key];
    if (move !== undefined) {
      this.pause();
      if (from + move >= Date.now()) this.live();
      else this.go(from + move);
    } else if (e.key === 'Home') this.go(this.#strip.from);
    else if (e.key === 'End' || e.key === 'Escape') this.live();
    else if (e.key === ' ') this.#playing ? this.pause() : this.play();
    else if (e.key === ',') this.#toEvent(-1);
    else if (e.key === '.') this.#toEvent(1);
    else return;
    e.preventDefault();
    e.stopPropagation();
  }

  #drag(e) {
    if (!this.history || this.history.size === 0 || e.button !== 0) return;
    const { slider, canvas } = this.#parts;
    this.pause();
    slider.setPointerCapture(e.pointerId);
    slider.focus({ preventScroll: true });
    let x = e.clientX;
    let asked = false;
    const move = () => {
      asked = false;
      this.go(this.#strip.timeAt(x - canvas.getBoundingClientRect().left));
    };
    const moved = (m) => {
      ({ clientX: x } = m);
      if (asked) return;
      asked = true;
      requestAnimationFrame(move); // moves come more often than pictures
    };
    const done = () => {
      slider.removeEventListener('pointermove', moved);
      this.#dragged = false;
    };
    this.#dragged = true;
    slider.addEventListener('pointermove', moved);
    slider.addEventListener('pointerup', done, { once: true });
    slider.addEventListener('pointercancel', done, { once: true });
    move();
    e.preventDefault();
  }

  /** #show draws with the next frame. */
  #show() {
    if (this.#asked) return;
    this.#asked = true;
    const draw = () => {
      this.#asked = false;
      this.#draw();
    };
    if (document.hidden) setTimeout(draw, FRAME);
    else requestAnimationFrame(draw);
  }

  #draw() {
    const { slider, play, at, now, state, earlier, later } = this.#parts;
    if (!this.history || !this.isOpen) return;
    const moment = this.at ?? Date.now();
    this.#strip.draw(this.history, this.at);
    slider.setAttribute('aria-valuemin', Math.round(this.#strip.from / 1000));
    slider.setAttribute('aria-valuemax', Math.round(this.#strip.to / 1000));
    slider.setAttribute('aria-valuenow', Math.round(moment / 1000));
    const firing = word('state', this.history.firingAt(moment));
    slider.setAttribute('aria-valuetext', `${new Date(moment).toLocaleString(document.documentElement.lang || undefined)}, ${firing}`);
    const empty = this.history.size === 0;
    for (const b of [play, earlier, later]) b.disabled = empty;
    const label = this.#playing ? 'pause' : 'play';
    if (play.dataset.does !== label) {
      play.dataset.does = label;
      play.title = play.ariaLabel = word(label);
    }
    now.disabled = this.at === null;
    state.textContent = this.at === null ? '' : firing;
    if (document.activeElement !== at || this.#playing || this.#dragged) at.value = this.at === null ? '' : localTime(moment);
  }

  /** #address goes to what the address says. */
  #address() {
    const at = momentOfAddress();
    if (at !== null && at !== this.at) this.open(at);
    else if (at === null && this.at !== null) this.live();
  }

  #write() {
    clearTimeout(this.#writing);
    this.#writing = setTimeout(() => {
      const url = new URL(location.href);
      if (this.at === null) url.searchParams.delete('at');
      else url.searchParams.set('at', stamp(this.at));
      // Colons need no escape, and people read addresses.
      const href = url.href.replace(/([?&]at=[^&#]*)/, (s) => s.replaceAll('%3A', ':'));
      if (href !== location.href) history.replaceState(history.state, '', href);
    }, ADDRESS);
  }
}

/** stamp is a time as in RFC 3339, without what is 0 of a second. */
export const stamp = (ms) => new Date(ms).toISOString().replace(/\.000Z$/, 'Z');

/** momentOfAddress is the time that the address says in ms, null if it says none. */
export function momentOfAddress() {
  const text = new URLSearchParams(location.search).get('at') ?? '';
  const ms = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d/.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(ms) ? null : ms;
}

const two = (n) => String(n).padStart(2, '0');

function localTime(ms) {
  const d = new Date(ms);
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}T${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}`;
}

customElements.define('ar-timeline', Timeline);

/**
 * setUpTimeline puts a timeline into a place of the page of a board, which has
 * view.channels, showPast(alerts, at), showNow() and sends "transition" with an
 * event. back are other elements that go back to live when they are pressed.
 */
export function setUpTimeline(board, place, base, back = []) {
  const timeline = document.createElement('ar-timeline');
  place.append(timeline);
  board.addEventListener('transition', (e) => timeline.take(e.detail.event));
  for (const e of back) e.addEventListener('click', () => timeline.live());
  timeline.start({
    base, channels: board.view.channels,
    onMoment: (alerts, at) => board.showPast(alerts, at),
    onLive: () => board.showNow(),
  });
  return timeline;
}
