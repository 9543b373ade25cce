// What is known: the newest event of every channel. The table renders any such
// map, of now or of another time.

import { isActive, isEnded } from './event.js';

/** How long alerts that have ended stay, in ms. */
export const KEEP_ENDED = 15 * 60_000;

const MOST_ENDED = 3_000; // in a storm they stay for a shorter time

/**
 * AlertState is a map from channels to alerts. An alert is never changed, only
 * replaced, so that snapshots cost a map and share the rest.
 */
export class AlertState {
  /** revision grows with each change. */
  revision = 0;

  #alerts = new Map();
  #active = new Map(); // in how many channels an alert is active, by id
  #ended = new Set(); // channels of alerts that have ended, the oldest first

  get size() {
    return this.#alerts.size;
  }

  /** alerts is the map itself, for reading. */
  get alerts() {
    return this.#alerts;
  }

  /** isActive reports whether an alert is active in any channel. */
  isActive(id) {
    return this.#active.has(id);
  }

  #set(alert) {
    this.#take(alert.channel);
    this.#alerts.set(alert.channel, alert);
    if (isEnded(alert)) this.#ended.add(alert.channel);
    else this.#active.set(alert.id, (this.#active.get(alert.id) ?? 0) + 1);
  }

  /** #take takes a channel's alert out. */
  #take(channel) {
    const alert = this.#alerts.get(channel);
    if (!alert) return false;
    this.#alerts.delete(channel);
    this.#ended.delete(channel);
    const others = (this.#active.get(alert.id) ?? 0) - 1;
    if (isActive(alert)) {
      if (others > 0) this.#active.set(alert.id, others);
      else this.#active.delete(alert.id);
    }
    return true;
  }

  /** snapshot is a copy that stays as it is. */
  snapshot() {
    return new Map(this.#alerts);
  }

  /**
   * apply takes an event (event.js) and returns {before, after}: the alert as it
   * was and is, null where there is none. It returns null for what is known already.
   */
  apply(alert) {
    const before = this.#alerts.get(alert.channel) ?? null;
    if (before && alert.tag <= before.tag) return null;
    this.revision++;
    if (alert.kind === 'moved') { // it goes on in another channel, with its own event
      this.#take(alert.channel);
      return { before, after: null };
    }
    this.#set(alert);
    if (this.#ended.size > MOST_ENDED) this.remove(this.#ended.values().next().value);
    return { before, after: alert };
  }

  /** remove forgets a channel, which was deleted. */
  remove(channel) {
    if (this.#take(channel)) this.revision++;
  }

  /**
   * replace takes a snapshot of all that is active. What was active before and is
   * not in it has ended unseen; alerts whose end was seen stay.
   */
  replace(alerts, at) {
    const ids = new Set(alerts.map((a) => a.id));
    const before = this.#alerts;
    this.#alerts = new Map();
    this.#active.clear();
    this.#ended.clear();
    this.revision++;
    for (const a of before.values()) {
      if (ids.has(a.id)) continue;
      this.#set(isActive(a) ? { ...a, status: 'resolved', kind: 'resolved', reason: 'unseen', endedAt: at, ack: null, suppression: null } : a);
    }
    for (const a of alerts) this.#set(a);
  }

  /** addEnded takes alerts that ended before the board looked, where it knows no better. */
  addEnded(alerts) {
    for (const a of alerts) {
      const known = this.#alerts.get(a.channel);
      if (!isEnded(a) || (known && known.reason !== 'unseen' && known.tag >= a.tag)) continue;
      if (known && isActive(known)) continue;
      this.#set(a);
      this.revision++;
    }
  }

  /** sweep forgets what ended long ago. */
  sweep(now) {
    for (const channel of this.#ended) {
      if (now - this.#alerts.get(channel).endedAt > KEEP_ENDED) this.remove(channel);
    }
  }
}
