// A message as elements.

import { parseEvent } from '../../client.js';
import { addressOf, copy, el } from './dom.js';
import { parseTime, timeElement } from './time.js';

const LONGEST = 20_000; // characters of a text that are put on the page
const LONG = 500; // more is folded, and so are more than LONG_LINES lines
const LONG_LINES = 8;

/** messageElement is the list item of a message, in the form 'alert', 'raw' or 'json'. */
export function messageElement(message, form, root) {
  const event = form === 'alert' ? parseEvent(message) : null;
  const li = event ? alertElement(message, event, root) : textElement(message, form, root);
  li.dataset.tag = message.tag;
  return li;
}

/** noteElement is the list item of something that is no message. */
export function noteElement(text, at) {
  return el('li', 'note', timeElement(at), ' ', text);
}

function textElement(message, form, root) {
  return el('li', 'message',
    el('div', 'head', channelLink(message.channel, root), when(message), copyButton(message)),
    folded(form === 'json' ? pretty(message.text) : message.text),
    message.eventId && el('div', 'foot', `event ${message.eventId}`));
}

/** pretty indents JSON, and leaves alone what is none. */
function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function copyButton(message) {
  const button = el('button', 'more', 'Copy');
  button.type = 'button';
  button.title = 'Copy the text as it came';
  button.addEventListener('click', async () => {
    button.textContent = (await copy(message.text)) ? 'Copied' : 'Cannot copy';
    setTimeout(() => (button.textContent = 'Copy'), 2000);
  });
  return button;
}

// Each status has a sign and a word of its own; colour only repeats them.
const STATUS_SIGNS = {
  firing: '▲', resolved: '✓', suppressed: '◌', unsuppressed: '△', updated: '△',
  stale: '?', expired: '×', acked: '●', unacked: '○',
};

const SEVERITY_SIGNS = {
  critical: '◆◆◆', page: '◆◆◆', error: '◆◆', major: '◆◆', warning: '◆◆', minor: '◆', info: '◆', none: '',
};

function alertElement(message, alert, root) {
  const labels = alert.labels;
  const notes = alert.annotations;
  const summary = [notes.summary, notes.message, notes.title, notes.description].find(isText);
  const description = isText(notes.description) && notes.description !== summary ? notes.description : null;
  const name = isText(labels.alertname) ? labels.alertname : '(no alertname)';

  return el('li', `message alert ${known(STATUS_SIGNS, alert.status) ?? 'other'}`,
    el('div', 'head',
      badge('badge', STATUS_SIGNS, alert.status),
      el('strong', 'name', name),
      isText(labels.severity) && badge(`severity ${known(SEVERITY_SIGNS, labels.severity) ?? 'other'}`, SEVERITY_SIGNS, labels.severity),
      when(message), copyButton(message)),
    summary && el('p', 'summary', cut(summary)),
    description && folded(description, 'description'),
    labelList(labels),
    el('div', 'foot',
      channelLink(message.channel, root),
      period(alert),
      alert.annotationsCut === true && el('span', '', 'annotations too large, left out'),
      isText(alert.reason) && el('span', '', `reason: ${alert.reason}`),
      outside(alert.generatorURL, 'source'),
      outside(notes.runbook_url, 'runbook'),
      outside(notes.dashboard_url ?? alert.dashboardURL, 'dashboard')));
}

const isText = (v) => typeof v === 'string' && v !== '';

/** known is the key as it may stand in a class, undefined if it is not of the table. */
function known(table, key) {
  const k = String(key).toLowerCase();
  return Object.hasOwn(table, k) ? k : undefined;
}

function badge(className, signs, word) {
  const sign = el('span', 'sign', signs[known(signs, word)] ?? '•');
  sign.setAttribute('aria-hidden', 'true');
  return el('span', className, sign.textContent && sign, cut(word, 40));
}

/** labelList shows the labels that are not in the head already. */
function labelList(labels) {
  const names = Object.keys(labels).filter((n) => n !== 'alertname' && n !== 'severity').sort();
  if (names.length === 0) return null;
  return el('ul', 'labels', ...names.slice(0, 60).map((n) =>
    el('li', '', el('span', 'key', cut(n, 100)), el('span', 'value', cut(String(labels[n]), 300)))));
}

/** period says since when, and until when, an alert was firing. */
function period(alert) {
  const from = parseTime(alert.startsAt);
  if (from === null) return null;
  const until = alert.status === 'resolved' ? parseTime(alert.endsAt) : null;
  return el('span', '', until === null ? 'since ' : 'from ', timeElement(from), ...(until === null ? [] : [' to ', timeElement(until)]));
}

/** channelLink goes to the page of the message's channel alone. */
function channelLink(channel, root) {
  const a = el('a', 'channel', channel);
  a.href = addressOf(root, channel);
  return a;
}

/** outside is a link that leaves the page, if it is one that a page may have. */
function outside(href, text) {
  if (!isText(href) || !/^https?:\/\//i.test(href)) return null;
  const a = el('a', 'outside', text);
  a.href = href;
  a.target = '_blank';
  a.rel = 'noopener noreferrer';
  a.title = href;
  return a;
}

function when(message) {
  const id = el('span', 'id', `#${message.id}`);
  id.title = `message ${message.id} of ${message.channel}, tag ${message.tag}`;
  return el('span', 'when', id, timeElement(message.time.getTime()));
}

function cut(text, longest = LONGEST) {
  return text.length <= longest ? text : `${text.slice(0, longest)}… (${text.length} characters in all)`;
}

/** folded shows the beginning of a long text, and the rest on demand. */
function folded(text, className = 'text') {
  const p = el('p', className, cut(text));
  if (text.length <= LONG && text.split('\n', LONG_LINES + 1).length <= LONG_LINES) return p;
  p.classList.add('folded');
  const more = el('button', 'more', 'Show all');
  more.type = 'button';
  more.setAttribute('aria-expanded', 'false');
  more.addEventListener('click', () => {
    const isFolded = p.classList.toggle('folded');
    more.setAttribute('aria-expanded', String(!isFolded));
    more.textContent = isFolded ? 'Show all' : 'Show less';
  });
  return el('div', '', p, more);
}
