// Notifications of the browser, for a board that is in no window in sight.

import { LEVELS } from './severity.js';
import { settings } from './settings.js';
import { t } from './lang.js';
import { brief } from './text.js';

const GATHER = 1_500; // ms that are one notification
const PAUSE = 5_000;

export class Notifier {
  #alerts = [];
  #more = 0;
  #timer = 0;
  #shownAt = -Infinity;
  #onOpen;

  constructor(onOpen) {
    this.#onOpen = onOpen;
  }

  /** note has an alert notified of soon, together with others. */
  note(alert) {
    if (!this.enabled || (document.visibilityState === 'visible' && document.hasFocus())) return;
    if (this.#alerts.length < 200) this.#alerts.push(alert);
    else this.#more++;
    this.#timer ||= setTimeout(() => this.#show(), Math.max(GATHER, this.#shownAt + PAUSE - performance.now()));
  }

  get enabled() {
    return settings.notify && globalThis.Notification?.permission === 'granted';
  }

  /** ask asks the browser for permission, and returns whether it is given. */
  async ask() {
    return (await globalThis.Notification?.requestPermission()) === 'granted';
  }

  #show() {
    this.#timer = 0;
    this.#shownAt = performance.now();
    const alerts = this.#alerts.splice(0);
    const n = alerts.length + this.#more;
    this.#more = 0;
    if (n === 0) return;
    alerts.sort((a, b) => a.rank - b.rank);
    const worst = alerts[0];
    const title = n === 1 ? `${brief(worst.labels.severity ?? '', 20).toUpperCase()} ${brief(worst.name, 80)}` : t('nNew', n);
    const body = n === 1 ? brief(worst.summary, 200) : LEVELS.map((l) => [l, alerts.filter((a) => a.level === l).length])
      .filter(([, count]) => count > 0).map(([l, count]) => `${count} ${t(l)}`).join(', ');
    try {
      const notification = new Notification(title, { body, tag: 'alertrelay', silent: true });
      notification.addEventListener('click', () => {
        window.focus();
        this.#onOpen(worst.channel);
        notification.close();
      });
    } catch {
      // Phones want a service worker for it.
    }
  }
}
