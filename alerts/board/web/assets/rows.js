// From a state to the rows of the table: filtered, grouped, sorted, counted.

import { isEnded } from './event.js';
import { LEVELS } from './severity.js';
import { valueOf } from './matcher.js';

/** tierOf orders rows by what they want of somebody: 0 now, 1 in hand, 2 kept back, 3 over. */
export function tierOf(alert) {
  if (isEnded(alert)) return 3;
  if (alert.status === 'suppressed') return 2;
  return alert.ack ? 1 : 0;
}

const SORTERS = {
  severity: (a, b) => tierOf(a) - tierOf(b) || a.rank - b.rank || b.startsAt - a.startsAt || byName(a, b),
  newest: (a, b) => last(b) - last(a) || byName(a, b),
  oldest: (a, b) => (tierOf(a) === 3) - (tierOf(b) === 3) || a.startsAt - b.startsAt || byName(a, b),
  name: (a, b) => byName(a, b),
};

const last = (a) => a.endedAt ?? a.startsAt;
const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
const byName = (a, b) => compare(a.name, b.name) || compare(a.channel, b.channel);

/** arrange returns {items, counts}: items are alerts, each group's after its {group, key, ...}. */
export function arrange(alerts, view, closed) {
  const kept = [];
  const counts = newCounts();
  for (const a of alerts.values()) {
    if (!view.shows(a)) continue;
    counts.all.add(a.id);
    if (!view.test(a)) continue;
    if (isHidden(a, view.hide)) {
      counts.hidden++;
      continue;
    }
    kept.push(a);
    count(counts, a);
  }
  counts.all = counts.all.size;
  kept.sort(SORTERS[view.sort]);
  return { items: view.group === '' ? kept : grouped(kept, view.group, closed), counts };
}

function isHidden(a, hide) {
  if (hide.size === 0) return false;
  const tier = tierOf(a);
  return (tier === 1 && hide.has('acked')) || (tier === 2 && hide.has('suppressed')) || (tier === 3 && hide.has('ended'));
}

function newCounts() {
  return {
    levels: Object.fromEntries(LEVELS.map((l) => [l, { firing: 0, acked: 0 }])),
    firing: 0, acked: 0, suppressed: 0, stale: 0, ended: 0, hidden: 0, rows: 0,
    seen: new Set(), all: new Set(),
  };
}

/** count counts an alert once, also if it is in several channels. */
function count(counts, a) {
  counts.rows++;
  if (counts.seen.has(a.id)) return;
  counts.seen.add(a.id);
  const tier = tierOf(a);
  if (tier === 3) counts.ended++;
  else if (tier === 2) counts.suppressed++;
  else {
    const level = counts.levels[a.level];
    level.firing++;
    counts.firing++;
    if (a.status === 'stale') counts.stale++;
    if (a.ack) {
      level.acked++;
      counts.acked++;
    }
  }
}

function grouped(kept, label, closed) {
  const groups = new Map();
  for (const a of kept) {
    const value = valueOf(a, label);
    let g = groups.get(value);
    if (!g) groups.set(value, (g = { group: label, value, key: `group ${value}`, alerts: [], tier: 9, rank: 9, counts: newCounts(), closed: closed.has(value) }));
    const tier = tierOf(a);
    if (label === 'severity' || tier < g.tier || (tier === g.tier && a.rank < g.rank)) {
      g.tier = label === 'severity' ? 0 : tier;
      g.rank = a.rank;
      g.level = a.level;
    }
    g.alerts.push(a);
    count(g.counts, a);
  }
  const items = [];
  // Groups without a value last; those that want somebody first.
  for (const g of [...groups.values()].sort((a, b) => (a.value === '') - (b.value === '') || a.tier - b.tier || a.rank - b.rank || compare(a.value, b.value))) {
    items.push(g);
    if (!g.closed) for (const a of g.alerts) items.push(a);
  }
  return items;
}
