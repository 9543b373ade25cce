// What is known of the channels, from one answer of the statistics to the next.

/**
 * Channels keeps the newest numbers of each channel. The rate is that between the
 * last two answers.
 */
export class Channels {
  /** all is {name, published, stored, subscribers, rate} of each; rate is in messages per second, null at first. */
  all = [];

  #before = new Map();
  #at = null;

  /** update takes the "infos" of an answer, and when it came, in ms of a clock that nobody sets. */
  update(infos, at) {
    const seconds = this.#at === null ? null : Math.max(at - this.#at, 1) / 1000;
    const now = new Map();
    this.all = infos.map((info) => {
      const name = String(info.channel);
      const published = Number(info.published_messages);
      const before = this.#before.get(name);
      now.set(name, published);
      let rate = null;
      if (seconds !== null) {
        // A channel that is new, or that was deleted and made anew, began at 0.
        const from = before === undefined || before > published ? 0 : before;
        rate = (published - from) / seconds;
      }
      return { name, published, stored: Number(info.stored_messages), subscribers: Number(info.subscribers), rate };
    });
    this.#before = now;
    this.#at = at;
  }

  /** view is the channels that a filter lets pass, in order. */
  view(filter, by, descending) {
    const passes = matcher(filter);
    const rows = this.all.filter((c) => passes(c.name));
    const sign = descending ? -1 : 1;
    rows.sort((a, b) => (by === 'name' ? 0 : sign * ((a[by] ?? -1) - (b[by] ?? -1))) || (by === 'name' ? sign : 1) * compare(a.name, b.name));
    return rows;
  }
}

const compare = (a, b) => (a < b ? -1 : Number(a > b));

/** matcher is a function of a name: a wildcard as subscribers have it, else a part of the name. */
export function matcher(filter) {
  const wanted = filter.trim();
  if (!/[*>]/.test(wanted)) {
    const part = wanted.toLowerCase();
    return (name) => name.toLowerCase().includes(part);
  }
  const tokens = wanted.split('.');
  const rest = tokens.at(-1) === '>';
  return (name) => {
    const parts = name.split('.');
    if (rest ? parts.length < tokens.length : parts.length !== tokens.length) return false;
    return tokens.every((t, i) => t === '*' || (rest && i === tokens.length - 1) || t === parts[i]);
  };
}

/** rateText is a rate as people say it: per second, minute or hour. */
export function rateText(rate) {
  if (rate === null) return '–';
  if (rate === 0) return '0';
  if (rate >= 1) return `${rate >= 100 ? Math.round(rate) : rate.toFixed(1)}/s`;
  return `${Math.max(1, Math.round(rate * 60))}/min`;
}
