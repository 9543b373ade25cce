// The board: what is active, as plain lines.

import { follow, parseEvent, root } from '../client.js';

const path = location.pathname.slice(new URL(root).pathname.length);
const channels = path.startsWith('board/') ? path.slice('board/'.length).split('/').map(decodeURIComponent) : ['>'];
const active = new Map(); // by channel

function show() {
  const lines = [...active].map(([channel, message]) => {
    const li = document.createElement('li');
    const event = parseEvent(message);
    li.textContent = event ? `${event.status} ${event.labels.alertname} ${channel}` : channel;
    return li;
  });
  document.getElementById('list').replaceChildren(...lines);
}

follow(channels, {
  mode: 'now',
  onSnapshot(messages) {
    active.clear();
    for (const m of messages) active.set(m.channel, m);
    show();
  },
  onMessage(message) {
    const status = parseEvent(message)?.status;
    if (status === undefined) return;
    if (status === 'resolved' || status === 'expired') active.delete(message.channel);
    else active.set(message.channel, message);
    show();
  },
  onDeleted(channel) {
    active.delete(channel);
    show();
  },
  onState(state) {
    document.getElementById('state').textContent = state.live ? 'Live' : 'NOT LIVE';
  },
});
