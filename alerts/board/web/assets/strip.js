// The strip: what happened when, drawn on a canvas. Bars are events by severity,
// their heights logarithmic; the line is how many fired.

import { CLASSES } from './history.js';

const BAR = 3; // CSS pixels of a slice
const AXIS = 16; // of the times below
const COLOURS = { critical: '#b3001b', error: '#b84500', warning: '#f2b600', info: '#0b5cad', other: '#5a626d', ended: '#8b95a1', line: '#cfd5dc', text: '#14181d', quiet: '#535c67', past: '#5b2d8e' };
const STEPS = [1, 5, 15, 30, 60, 300, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800].map((s) => s * 1000);

/** Strip draws a history between two times. */
export class Strip {
  from = 0;
  to = 1;

  #canvas;
  #background = null; // all but the cursor
  #key = ''; // what it was drawn of

  constructor(canvas) {
    this.#canvas = canvas;
  }

  /** timeAt is the time at an x of the canvas, in CSS pixels; xAt the other way. */
  timeAt(x) {
    return this.from + (Math.min(Math.max(x, 0), this.#canvas.clientWidth) / this.#canvas.clientWidth) * (this.to - this.from);
  }

  xAt(time) {
    return ((time - this.from) / (this.to - this.from)) * this.#canvas.clientWidth;
  }

  /** draw draws the history with a cursor at a time; null: none. */
  draw(history, at) {
    const canvas = this.#canvas;
    const { clientWidth: width, clientHeight: height } = canvas;
    if (width === 0 || height === 0) return;
    const scale = window.devicePixelRatio || 1;
    if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(height * scale);
      this.#key = '';
    }
    const style = getComputedStyle(canvas);
    const colour = (name) => style.getPropertyValue(`--${name}`).trim() || COLOURS[name];
    const key = [this.from, this.to, history.size, width, height, scale, colour('text')].join();
    if (key !== this.#key) {
      this.#key = key;
      this.#background ??= document.createElement('canvas');
      this.#background.width = canvas.width;
      this.#background.height = canvas.height;
      const g = this.#background.getContext('2d');
      g.scale(scale, scale);
      this.#bars(g, history, width, height - AXIS, colour);
      this.#axis(g, width, height, colour);
    }
    const g = canvas.getContext('2d');
    g.setTransform(1, 0, 0, 1, 0, 0);
    g.clearRect(0, 0, canvas.width, canvas.height);
    g.drawImage(this.#background, 0, 0);
    if (at === null) return;
    g.scale(scale, scale);
    const x = Math.round(this.xAt(at));
    g.globalAlpha = 0.12;
    g.fillStyle = colour('past');
    g.fillRect(x, 0, width - x, height - AXIS);
    g.globalAlpha = 1;
    g.fillRect(x - 1, 0, 3, height - AXIS);
    g.beginPath();
    g.moveTo(x - 6, 0);
    g.lineTo(x + 7, 0);
    g.lineTo(x + 0.5, 8);
    g.fill();
  }

  #bars(g, history, width, height, colour) {
    const slices = Math.max(1, Math.floor(width / BAR));
    const { counts, firing } = history.density(this.from, this.to, slices);
    let most = 1;
    let mostFiring = 1;
    for (let i = 0; i < slices; i++) {
      most = Math.max(most, counts.reduce((sum, c) => sum + c[i], 0));
      mostFiring = Math.max(mostFiring, firing[i]);
    }
    const unit = (height - 4) / Math.log2(1 + most);
    for (let i = 0; i < slices; i++) {
      const all = counts.reduce((sum, c) => sum + c[i], 0);
      if (all === 0) continue;
      const tall = Math.max(2, unit * Math.log2(1 + all));
      let y = height;
      // The worst at the bottom, where they can be compared.
      CLASSES.forEach((name, c) => {
        if (counts[c][i] === 0) return;
        const part = Math.max(1, (tall * counts[c][i]) / all);
        g.fillStyle = colour(name);
        g.globalAlpha = name === 'ended' ? 0.45 : 1;
        g.fillRect(i * BAR, Math.max(0, y - part), BAR - 1, part);
        y -= part;
      });
    }
    g.globalAlpha = 1;
    g.strokeStyle = colour('text');
    g.lineWidth = 1.5;
    g.beginPath();
    for (let i = 0; i < slices; i++) {
      const y = height - 2 - ((height - 6) * firing[i]) / mostFiring;
      g.lineTo(i * BAR, y);
      g.lineTo((i + 1) * BAR, y);
    }
    g.stroke();
  }

  #axis(g, width, height, colour) {
    const span = this.to - this.from;
    const step = STEPS.find((s) => (width * s) / span >= 72) ?? STEPS.at(-1);
    g.fillStyle = colour('quiet');
    g.strokeStyle = colour('line');
    g.lineWidth = 1;
    g.font = '11px system-ui, sans-serif';
    g.textBaseline = 'bottom';
    const offset = new Date(this.from).getTimezoneOffset() * 60_000; // midnight is the reader's
    for (let at = Math.ceil((this.from - offset) / step) * step + offset; at < this.to; at += step) {
      const x = Math.round(this.xAt(at)) + 0.5;
      g.beginPath();
      g.moveTo(x, height - AXIS);
      g.lineTo(x, height - AXIS + 4);
      g.stroke();
      if (x < width - 40) g.fillText(label(at, step), x + 3, height);
    }
  }
}

const two = (n) => String(n).padStart(2, '0');

function label(at, step) {
  const d = new Date(at);
  const time = `${two(d.getHours())}:${two(d.getMinutes())}${step < 60_000 ? `:${two(d.getSeconds())}` : ''}`;
  if (step >= 86_400_000 || time === '00:00') return `${d.getDate()} ${d.toLocaleDateString(document.documentElement.lang || undefined, { month: 'short' })}`;
  return time;
}
