// The messages of a channel, as they come.

import { follow } from '../../client.js';
import { addressOf, byId, setText } from './dom.js';
import { MessageList } from './list.js';
import { describe } from './status.js';

const HISTORY = 50; // messages to begin with
const GAP = 'Messages are missing here: the relay does not keep them any more.';

/** showMessages shows them for as long as the page is there. */
export function showMessages(root, channel) {
  for (const id of ['follow', 'hint', 'viewer']) byId(id).hidden = false;
  byId('channel').value = channel;
  const list = new MessageList(byId('list'), root, showCount);
  let follower = null;

  function showState() {
    const { kind, state, detail } = describe(follower.state, Date.now());
    document.body.dataset.state = kind;
    setText(byId('state'), state);
    setText(byId('detail'), detail);
    document.title = `${kind === 'dead' ? '⚠ NOT LIVE: ' : ''}${channel} – alertrelay`;
  }

  function showCount() {
    const n = list.total;
    const counted = `${n} ${n === 1 ? 'message' : 'messages'}, newest first`;
    setText(byId('count'), counted + (list.isFull ? '; the older ones are not shown any more' : ''));
    byId('count').hidden = list.isEmpty;
    byId('empty').hidden = !list.isEmpty;
    const target = /[*>/]/.test(channel) ? 'ops' : channel;
    setText(byId('try'), `curl -d hello '${new URL('pub', root)}?id=${encodeURIComponent(target)}'`);
    const waiting = list.paused && list.waiting > 0 ? ` (${list.waiting} new)` : '';
    setText(byId('pause'), list.paused ? `Resume${waiting}` : 'Pause');
    byId('pause').setAttribute('aria-pressed', String(list.paused));
  }

  byId('follow').addEventListener('submit', (event) => {
    event.preventDefault();
    const name = byId('channel').value.trim();
    if (name) location.assign(addressOf(root, name));
  });
  byId('pause').addEventListener('click', () => list.pause(!list.paused));
  byId('form').addEventListener('change', () => list.show(byId('form').value));

  follower = follow(channel, {
    last: HISTORY,
    onMessage: (message) => list.addMessage(message),
    onGap: () => list.addNote(GAP),
    onDeleted: (name) => list.addNote(`The channel ${name} was deleted.`),
    onUnreadable: (n) => list.addNote(`${n} ${n === 1 ? 'message' : 'messages'} could not be read.`),
    onState: () => follower && showState(),
  });
  setInterval(showState, 1000);
  showState();
  showCount();
}
