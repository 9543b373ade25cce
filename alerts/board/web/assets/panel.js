// The details of one alert, beside the table.

import { isEnded } from './event.js';
import { button } from './dialog.js';
import { t } from './lang.js';
import { format } from './matcher.js';
import { ageRow, ageText, linkName, linksOf, notes, reasonText, severityBadge } from './row.js';
import { brief, el, inert, outside, webAddress } from './text.js';
import { clock, day, moment } from './time.js';
import { addressOf, base } from './view.js';

const SHORT = 600; // characters of a text that are shown at first
const STEP = 20_000; // and with each "show more"

/**
 * Panel shows an alert until it is closed, and follows its changes. do(action,
 * alert) is called for its buttons; can(action, alert) says which there are.
 */
export class Panel {
  channel = null;
  #alert = null;
  #root;
  #can;
  #do;
  #onFilter;

  constructor(root, { can, run, onFilter }) {
    this.#root = root;
    this.#can = can;
    this.#do = run;
    this.#onFilter = onFilter;
  }

  get alert() {
    return this.#alert;
  }

  open(alert) {
    this.channel = alert.channel;
    this.#draw(alert);
    this.#root.hidden = false;
    this.#root.scrollTop = 0;
  }

  close() {
    if (this.channel === null) return false;
    this.channel = null;
    this.#alert = null;
    this.#root.hidden = true;
    this.#root.replaceChildren();
    return true;
  }

  /** update draws anew if the alert has changed; undefined: it is gone. */
  update(alert) {
    if (this.channel === null || alert === this.#alert) return;
    if (!alert) this.close();
    else this.#draw(alert);
  }

  /** tick brings it up to date with the clock. */
  tick() {
    if (this.#alert) ageRow(this.#root, this.#alert);
  }

  #draw(alert) {
    this.#alert = alert;
    const name = inert(alert.name || t('noName'));
    const { scrollTop } = this.#root;
    const close = button('✕', () => this.close());
    close.setAttribute('aria-label', t('close'));
    this.#root.setAttribute('aria-label', `${t('details')}: ${brief(alert.name, 100)}`);
    this.#root.dataset.status = alert.status;
    this.#root.replaceChildren(...[
      el('div', 'panel-head', severityBadge(alert), el('span', 'state', t(alert.status), ' '), close),
      longText('h2', name, 200),
      alert.summary && longText('p', inert(alert.summary), SHORT),
      el('p', 'panel-notes', ...notes(alert)),
      alert.reason && el('p', 'quiet', reasonText(alert)),
      el('p', 'panel-buttons', ...['ack', 'unack', 'silence', 'unsilence', 'copy'].filter((a) => this.#can(a, alert)).map((a) => this.#button(a, alert))),
      el('p', 'panel-links', ...linksOf(alert).map(({ name: n, address }) => outside(address, linkName(n)))),
      facts([
        [t('sinceWhen'), `${day(alert.startsAt)} ${clock(alert.startsAt)}`],
        isEnded(alert) ? [t('endedWhen'), moment(alert.endedAt)] : [t('lasts'), el('span', 'age', ageText(alert))],
        [t('lastChange'), moment(alert.updatedAt)],
        alert.flaps > 0 && [t('flapping'), String(alert.flaps)],
        [t('source'), alert.source],
        alert.receiver && [t('receiver'), alert.receiver],
      ]),
      section(t('labels'), Object.entries(alert.labels), (n, v) => this.#filters(n, v)),
      section(t('annotations'), Object.entries(alert.annotations).filter(([, v]) => v !== alert.summary)),
      alert.annotationsCut && el('p', 'quiet', t('annotationsCut')),
      section(t('values'), Object.entries(alert.values)),
      el('p', 'panel-channel', this.#channel(alert.channel)),
    ].filter(Boolean));
    this.#root.scrollTop = scrollTop;
  }

  #button(action, alert) {
    const b = button(t(action), () => this.#do(action, alert));
    b.dataset.action = action;
    return b;
  }

  #filters(name, value) {
    if (value.length > 500) return [];
    return [['=', '+'], ['!=', '−']].map(([op, sign]) => {
      const b = button(sign, () => this.#onFilter(format(name, op, value)));
      b.title = t(op === '=' ? 'filterFor' : 'filterOut');
      b.setAttribute('aria-label', `${b.title}: ${brief(name, 60)}`);
      return b;
    });
  }

  #channel(channel) {
    const board = el('a', '', brief(channel, 300));
    board.href = addressOf(channel);
    const raw = el('a', '', t('messages'));
    raw.href = new URL(`channels/${encodeURIComponent(channel)}`, base).href;
    return el('span', '', board, ' · ', raw);
  }
}

function facts(pairs) {
  return el('dl', 'facts', ...pairs.filter(Boolean).flatMap(([name, value]) => [el('dt', '', name), el('dd', '', typeof value === 'string' ? brief(value) : value)]));
}

function section(title, pairs, tools = () => []) {
  if (pairs.length === 0) return null;
  return el('section', '', el('h3', '', title), el('dl', 'pairs', ...pairs.flatMap(([name, value]) => [
    el('dt', '', brief(name, 200)), el('dd', '', webAddress(value) ? outside(value, brief(value, 200)) : longText('span', inert(value), SHORT), ...tools(name, value)),
  ])));
}

/** longText shows the beginning of a text, and more of it piece by piece. */
export function longText(tag, text, shown) {
  const e = el(tag, 'long', text.slice(0, shown));
  if (text.length <= shown) return e;
  const more = button('', () => {
    const end = Math.min(text.length, shown + STEP);
    more.before(text.slice(shown, end));
    shown = end;
    if (shown === text.length) more.remove();
    else label();
  });
  more.className = 'show-more';
  const label = () => (more.textContent = t('showMore', text.length - shown));
  label();
  e.append(more);
  return e;
}

