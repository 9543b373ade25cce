// Sounds, made and not loaded. One for many: what comes within a moment is one
// sound, that of the worst, and then there is a pause.

import { LEVELS } from './severity.js';
import { settings } from './settings.js';

const GATHER = 400; // ms that are one sound
const PAUSE = 4_000; // ms between two

// [frequency in Hz, begin and length in s]; the worse, the more insistent.
const TUNES = {
  critical: [[880, 0, 0.16], [660, 0.2, 0.16], [880, 0.4, 0.16], [660, 0.6, 0.24]],
  error: [[740, 0, 0.16], [740, 0.24, 0.22]],
  warning: [[587, 0, 0.2], [494, 0.22, 0.26]],
  info: [[523, 0, 0.18]],
  other: [[440, 0, 0.18]],
  dead: [[220, 0, 0.35], [165, 0.4, 0.6]],
};

const RANKS = ['dead', ...LEVELS];

/** Sound plays for levels that settings want. Browsers allow it after a click or a key. */
export class Sound {
  #context = null;
  #worst = null;
  #timer = 0;
  #playedAt = -Infinity;
  #onChange;

  constructor(onChange) {
    this.#onChange = onChange;
    const wake = () => this.#open();
    for (const type of ['pointerdown', 'keydown']) addEventListener(type, wake, { capture: true, passive: true });
  }

  /** blocked: the browser has not been told yet that sounds are wanted. */
  get blocked() {
    return this.#context?.state !== 'running';
  }

  /** note has the sound of a level played soon, unless a worse one is. */
  note(level) {
    if (settings.muted || settings.sounds[level] !== true) return;
    if (this.#worst === null || RANKS.indexOf(level) < RANKS.indexOf(this.#worst)) this.#worst = level;
    if (this.#timer !== 0) return;
    const wait = Math.max(GATHER, this.#playedAt + PAUSE - performance.now());
    this.#timer = setTimeout(() => this.#play(), wait);
  }

  /** test plays the sound of a level now, also if muted. */
  async test(level) {
    this.#open();
    await this.#context?.resume();
    this.#tune(level);
  }

  #open() {
    if (!this.#context) {
      const Context = globalThis.AudioContext;
      if (!Context) return;
      this.#context = new Context();
      this.#context.addEventListener('statechange', () => this.#onChange());
    }
    if (this.#context.state === 'suspended') this.#context.resume().then(() => this.#onChange(), () => {});
  }

  #play() {
    const level = this.#worst;
    this.#worst = null;
    this.#timer = 0;
    if (settings.muted || level === null) return;
    if (!this.#context) this.#open(); // some browsers are set to allow it at once
    if (this.blocked) return; // it would sound whenever it is allowed, and mean nothing then
    this.#playedAt = performance.now();
    this.#tune(level);
  }

  #tune(level) {
    const context = this.#context;
    if (!context) return;
    for (const [frequency, begin, length] of TUNES[level]) {
      const at = context.currentTime + begin;
      const tone = context.createOscillator();
      const volume = context.createGain();
      tone.type = 'triangle';
      tone.frequency.value = frequency;
      volume.gain.setValueAtTime(0, at);
      volume.gain.linearRampToValueAtTime(0.4, at + 0.015);
      volume.gain.setValueAtTime(0.4, at + length - 0.04);
      volume.gain.linearRampToValueAtTime(0, at + length);
      tone.connect(volume).connect(context.destination);
      tone.start(at);
      tone.stop(at + length);
    }
  }
}
