// From the text of a message to an alert as the board knows it. What a message
// says is not trusted to have any shape.

import { levelOf, rankOf } from './severity.js';
import { parseTime } from './time.js';

const ACTIVE = new Set(['firing', 'suppressed', 'stale']);
const ENDED = new Set(['resolved', 'expired']);

/** isActive: it is on the screens until something is heard. */
export const isActive = (alert) => ACTIVE.has(alert.status);

/** isEnded: it is shown for a while yet. */
export const isEnded = (alert) => !ACTIVE.has(alert.status);

/** parseEvent makes an alert of a message {channel, id, tag, time, text}, null if it is no event. */
export function parseEvent(message) {
  if (message.text[0] !== '{') return null;
  let e;
  try {
    e = JSON.parse(message.text);
  } catch {
    return null;
  }
  return toAlert(e, message.channel, Number(message.tag), message.time instanceof Date ? message.time.getTime() : NaN);
}

/** toAlert makes an alert of an event, or of an alert of the API; null if it is none. */
export function toAlert(e, channel, tag, at) {
  if (!isMap(e) || !(ACTIVE.has(e.status) || ENDED.has(e.status)) || typeof e.id !== 'string' || !isMap(e.labels)) return null;
  const labels = texts(e.labels);
  const annotations = texts(e.annotations);
  const level = levelOf(labels.severity);
  const updatedAt = parseTime(e.updatedAt) ?? (Number.isNaN(at) ? Date.now() : at);
  const startsAt = parseTime(e.startsAt);
  return {
    channel,
    tag,
    id: e.id,
    source: text(e.source),
    fingerprint: text(e.fingerprint),
    kind: text(e.event),
    status: e.status,
    reason: text(e.reason),
    labels,
    annotations,
    annotationsCut: e.annotationsCut === true,
    startsAt: startsAt ?? updatedAt,
    endsAt: parseTime(e.endsAt),
    updatedAt,
    generatorURL: text(e.generatorURL),
    externalURL: text(e.externalURL),
    receiver: text(e.receiver),
    links: texts(e.links),
    values: texts(e.values),
    ack: isMap(e.ack) ? { by: text(e.ack.by), comment: text(e.ack.comment), at: parseTime(e.ack.at) } : null,
    suppression: isMap(e.suppression) ? {
      kind: text(e.suppression.kind), id: text(e.suppression.id), by: text(e.suppression.by),
      comment: text(e.suppression.comment), until: parseTime(e.suppression.until), since: parseTime(e.suppression.since),
    } : null,
    movedTo: text(e.movedTo),
    flaps: Number.isInteger(e.flaps) ? e.flaps : 0,
    name: labels.alertname ?? '',
    summary: annotations.summary ?? annotations.message ?? annotations.title ?? annotations.description ?? '',
    level,
    rank: rankOf(level),
    endedAt: ENDED.has(e.status) ? updatedAt : null,
  };
}

const isMap = (o) => typeof o === 'object' && o !== null && !Array.isArray(o);
const text = (v) => (typeof v === 'string' ? v : '');

/** texts is an object of texts, without a prototype: a label may be called constructor. */
function texts(o) {
  const all = Object.create(null);
  if (isMap(o)) for (const [k, v] of Object.entries(o)) if (typeof v === 'string') all[k] = v;
  return all;
}
