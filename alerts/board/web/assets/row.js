// A row of the table as elements.

import { isEnded } from './event.js';
import { t } from './lang.js';
import { LEVELS } from './severity.js';
import { brief, el, outside, setText } from './text.js';
import { clock, duration, moment, shown } from './time.js';

const MOST_LABELS = 12; // more are in the details

/** shape is the sign of a level or a status, drawn by the style sheet. */
export function shape(kind) {
  const s = el('i', `shape ${kind}`);
  s.setAttribute('aria-hidden', 'true');
  return s;
}

/** severityBadge has colour, shape and the sender's own word. */
export function severityBadge(alert) {
  const word = alert.labels.severity || t('noSeverity');
  return el('span', `badge ${alert.level}`, shape(alert.level), el('b', '', brief(word, 24)));
}

/** rowElement is the row of an alert; aged by ageRow. */
export function rowElement(alert, grouping) {
  const row = el('div', 'row',
    cell('c-sev', severityBadge(alert)),
    cell('c-age', ageElement(alert)),
    cell('c-name', el('strong', '', brief(alert.name || t('noName'), 200))),
    cell('c-text', brief(alert.summary)),
    cell('c-labels', ...labelChips(alert, grouping)),
    cell('c-note', ...notes(alert)),
    cell('c-links', ...rowLinks(alert)));
  row.setAttribute('role', 'row');
  row.dataset.channel = alert.channel;
  row.dataset.status = alert.status;
  row.dataset.level = alert.level;
  if (alert.ack) row.dataset.acked = '';
  ageRow(row, alert);
  return row;
}

/** groupElement is the head of a group. */
export function groupElement(g) {
  const name = g.value === '' ? t('noLabel', g.group) : brief(g.value, 120);
  const head = el('div', 'row group', el('span', 'c-group',
    el('i', 'fold'), el('span', 'key', `${brief(g.group, 60)} `), el('strong', '', name), el('span', 'group-counts', ...groupCounts(g.counts))));
  head.firstChild.setAttribute('role', 'gridcell');
  head.setAttribute('role', 'row');
  head.dataset.group = g.value;
  head.dataset.level = g.level;
  head.setAttribute('aria-expanded', String(!g.closed));
  return head;
}

function groupCounts(counts) {
  const parts = LEVELS.filter((l) => counts.levels[l].firing > 0)
    .map((l) => el('span', `count ${l}`, shape(l), `${counts.levels[l].firing} ${t(l)}`));
  for (const [n, name] of [[counts.acked, 'acked'], [counts.suppressed, 'suppressed'], [counts.stale, 'stale'], [counts.ended, 'ended']]) {
    if (n > 0) parts.push(el('span', 'count quiet', `${n} ${t(name)}`));
  }
  return parts;
}

/** ageRow brings what goes with the clock up to date: how long the alert lasts, and its silence. */
export function ageRow(row, alert) {
  const age = row.querySelector('.age');
  if (age) setText(age, ageText(alert));
  const silence = row.querySelector('.note.suppressed');
  if (silence && alert.suppression?.until) setText(silence.lastChild, suppressionText(alert.suppression));
}

/** ageText is how long an alert fires, or when it ended. */
export function ageText(alert) {
  return isEnded(alert) ? clock(alert.endedAt) : duration(shown() - alert.startsAt);
}

function ageElement(alert) {
  const age = el('time', 'age');
  age.dateTime = new Date(alert.startsAt).toISOString();
  age.title = t('since', moment(alert.startsAt));
  return age;
}

function cell(className, ...children) {
  const c = el('span', className, ...children);
  c.setAttribute('role', 'gridcell');
  return c;
}

function labelChips(alert, grouping) {
  const chips = [];
  for (const [name, value] of Object.entries(alert.labels)) {
    if (name === 'alertname' || name === 'severity' || name === grouping) continue;
    if (chips.length === MOST_LABELS) break;
    chips.push(chip(name, value, 60));
  }
  return chips;
}

/** chip is a label, cut. */
export function chip(name, value, longest) {
  return el('span', 'chip', el('span', 'key', `${brief(name, 60)}=`), el('bdi', '', brief(value, longest)));
}

/** notes say what is special about an alert: why it is kept back, who has it in hand. */
export function notes(alert) {
  const all = [];
  const note = (kind, text, title = '') => {
    const n = el('span', `note ${kind}`, shape(kind), text);
    if (title) n.title = title;
    all.push(n);
  };
  if (alert.status === 'suppressed') {
    const why = suppressionText(alert.suppression);
    note('suppressed', why, why);
  } else if (alert.status === 'stale') note('stale', t('staleNote', moment(alert.updatedAt)), t('staleWhy'));
  else if (alert.status === 'expired') note('expired', t('expiredNote'), t('expiredWhy'));
  else if (isEnded(alert)) note('resolved', t(alert.reason === 'unseen' ? 'endedUnseen' : 'resolvedNote', duration(alert.endedAt - alert.startsAt)), reasonText(alert));
  if (alert.ack) {
    const text = t('ackedBy', brief(alert.ack.by || '?', 60)) + (alert.ack.comment ? `: ${brief(alert.ack.comment, 200)}` : '');
    note('acked', text, alert.ack.at ? `${text} (${moment(alert.ack.at)})` : text);
  }
  if (alert.flaps > 0) note('flaps', t('flaps', alert.flaps));
  return all;
}

/** suppressionText is why an alert is kept back, by whom, until when, and how long that is. */
function suppressionText(s) {
  if (!s) return t('suppressed');
  const parts = [s.by ? t('silencedBy', brief(s.by, 60)) : t(`kind_${s.kind}`)];
  if (s.until) parts.push(t('until', moment(s.until)));
  if (s.until > shown()) parts.push(`(${t('left', duration(s.until - shown()))})`);
  return parts.join(' ') + (s.comment ? `: ${brief(s.comment, 200)}` : '');
}

/** reasonText explains a reason of the relay's. */
export function reasonText(alert) {
  const known = { reconciled: 'reconciledWhy', 'no news': 'expiredWhy', unseen: 'unseenWhy' }[alert.reason];
  return known ? t(known) : brief(alert.reason, 200);
}

/** linksOf are the links of an alert, the most useful first: [{text, address}]. */
export function linksOf(alert) {
  const { annotations: a, links } = alert;
  const all = [
    ['runbook', a.runbook_url ?? a.runbook ?? links.runbook],
    ['dashboard', a.dashboard_url ?? a.dashboard ?? links.dashboard],
    ['panel', links.panel],
    ['graph', alert.generatorURL],
    ['silence', links.silence],
    ...Object.entries(links).filter(([name]) => !['runbook', 'dashboard', 'panel', 'silence'].includes(name)),
    ['sender', alert.externalURL],
  ];
  return all.filter(([, address]) => address).map(([name, address]) => ({ name, address }));
}

function rowLinks(alert) {
  return linksOf(alert).slice(0, 2).map(({ name, address }) => outside(address, linkName(name))).filter(Boolean);
}

/** linkName is a link's word. */
export function linkName(name) {
  const known = t(`link_${name}`);
  return known.startsWith('link_') ? brief(name, 30) : known;
}
