// What ended before the board was opened, or while it was away, from the relay's
// API: the snapshot has only what is active.

import { api } from './api.js';
import { toAlert } from './event.js';

/** addRecent asks for it after each snapshot. Without an API the board goes on without it. */
export function addRecent(board) {
  board.addEventListener('snapshot', async () => {
    const query = new URLSearchParams([['status', 'resolved'], ['status', 'expired'], ...board.view.channels.map((c) => ['channel', c])]);
    try {
      const { alerts } = await api('GET', `alerts?${query}`, null, { silent: true });
      board.state.addEnded(alerts.map((a) => toAlert(a, a.channel, Number(a.seq), Date.parse(a.time))).filter(Boolean));
      board.ask();
    } catch {
      // An older relay, or no right to read: what ends from now on is seen anyway.
    }
  });
}
