/**
 * Skew measures how far the relay's clock is from this machine's. Dates on the
 * wire are whole seconds, so each answer bounds the difference to about a second;
 * what several have in common is less.
 */
export class Skew {
  #low = -Infinity; // relay minus machine, in ms
  #high = Infinity;

  /** value is the relay's clock minus this machine's in ms, null while not known. */
  get value() {
    const between = (this.#low + this.#high) / 2;
    return Number.isFinite(between) ? Math.round(between) : null;
  }

  /** forget is for a clock that was set. */
  forget() {
    this.#low = -Infinity;
    this.#high = Infinity;
  }

  /** answered takes the Date of an answer, and when was asked and answered. */
  answered(date, asked, got) {
    const second = Date.parse(date);
    if (Number.isNaN(second)) return;
    const low = second - got;
    const high = second + 1000 - asked;
    if (low > this.#high || high < this.#low) this.forget(); // a clock was set, or runs differently
    this.#low = Math.max(this.#low, low);
    this.#high = Math.min(this.#high, high);
  }

  /** stamped takes the time of a message: the relay's clock was there already. */
  stamped(time, got) {
    const low = time - got;
    if (Number.isNaN(low) || low <= this.#low || this.#high === Infinity) return;
    this.#low = low;
    if (low > this.#high) this.#high = low + 1000;
  }
}
