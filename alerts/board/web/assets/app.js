// The page: the channel in the URL is followed by a feed, which fills the list.

import { Feed } from './feed.js';
import { MessageList } from './list.js';
import { describe } from './status.js';

const byId = (id) => document.getElementById(id);
const base = new URL('.', document.baseURI); // the relay may be under a path

let feed = null;
let channel = '';

const list = new MessageList(byId('list'), showCount);

/** follow begins anew with another channel. */
function follow(name) {
  feed?.stop();
  channel = name;
  byId('channel').value = name;
  list.clear();
  feed = new Feed(base, name, {
    messages(messages, unreadable) {
      list.addMessages(messages);
      if (unreadable > 0) list.addNote(`${unreadable} ${unreadable === 1 ? 'message' : 'messages'} could not be read.`);
    },
    note: (text) => list.addNote(text),
    state: showState,
  });
  feed.start();
  showState();
  showCount();
}

/** go follows a channel and keeps it in the URL. */
function go(name) {
  const url = new URL(location.href);
  url.search = `?channel=${encodeURIComponent(name)}`;
  history.pushState(null, '', url);
  follow(name);
}

const channelOfURL = () => new URLSearchParams(location.search).get('channel')?.trim() || '>';

function showState() {
  const { kind, state, detail } = describe(feed, Date.now());
  document.body.dataset.state = kind;
  setText(byId('state'), state);
  setText(byId('detail'), detail);
  document.title = `${kind === 'dead' ? '⚠ NOT LIVE: ' : ''}${channel} – alertrelay`;
}

/** setText leaves an element alone that says it already, and so is read once. */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function showCount() {
  const n = list.total;
  const counted = `${n} ${n === 1 ? 'message' : 'messages'}, newest first`;
  setText(byId('count'), counted + (list.isFull ? '; the older ones are not shown any more' : ''));
  byId('count').hidden = list.isEmpty;
  byId('empty').hidden = !list.isEmpty;
  const target = /[*>/]/.test(channel) ? 'ops' : channel;
  setText(byId('try'), `curl -d hello '${new URL('pub', base)}?id=${encodeURIComponent(target)}'`);
  const waiting = list.paused && list.waiting > 0 ? ` (${list.waiting} new)` : '';
  setText(byId('pause'), list.paused ? `Resume${waiting}` : 'Pause');
  byId('pause').setAttribute('aria-pressed', String(list.paused));
}

byId('follow').addEventListener('submit', (event) => {
  event.preventDefault();
  const name = byId('channel').value.trim();
  if (name) go(name);
});

byId('pause').addEventListener('click', () => list.pause(!list.paused));

byId('list').addEventListener('click', (event) => {
  const link = event.target.closest('a[data-channel]');
  if (!link || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  go(link.dataset.channel);
  byId('channel').focus();
});

addEventListener('popstate', () => follow(channelOfURL()));
addEventListener('online', () => feed.hurry());
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible') feed.hurry();
});
setInterval(showState, 1000);

follow(channelOfURL());
