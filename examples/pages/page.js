// What the example pages share: which relay and channel, where to go on, and
// showing a message. Arguments: ?relay=http://host:port and ?channel=ops (or
// several, "ops/db.>").
'use strict';

const args = new URLSearchParams(location.search);
const channel = args.get('channel') || document.documentElement.dataset.channel || 'ops';
const relay = relayURL();

function relayURL() {
  const own = location.protocol === 'file:' ? 'http://127.0.0.1:8080' : location.origin;
  const url = new URL(args.get('relay') || own);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new Error('?relay= must be an http or https URL');
  return url.href.replace(/\/+$/, '');
}

// The message that came last. Its time and tag are the place to go on from:
// nothing is lost and nothing comes twice.
let last = null;

// address is where a location of the relay has what is still to be shown: at
// first the last five messages of each channel, then all that follow the last one.
function address(place) {
  const channels = channel.split('/').map((c) => encodeURIComponent(last ? c : `${c}.b5`)).join('/');
  const cursor = last ? `?time=${encodeURIComponent(last.time)}&tag=${last.tag}` : '';
  return relay + place + channels + cursor;
}

// show puts a message on the page, as text and never as HTML.
function show(message) {
  if (message.id === -2) return note(`channel ${message.channel} was deleted`);
  if (message.id === -4) return note('messages are missing here: the relay does not keep them any more');
  if (message.id <= 0) return; // pings and timeouts
  last = message;
  const li = document.createElement('li');
  li.dataset.id = message.id;
  li.dataset.channel = message.channel;
  li.textContent = message.text;
  add(li);
}

function note(text) {
  const li = document.createElement('li');
  li.className = 'note';
  li.textContent = text;
  add(li);
}

function add(li) {
  const list = document.getElementById('list');
  list.prepend(li);
  while (list.childElementCount > 200) list.lastElementChild.remove();
}

function state(text) {
  document.getElementById('state').textContent = `${channel} at ${relay}: ${text}`;
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// messages reads the body of a poll: JSON objects one after another, {..}{..}.
// A text may hold "}{" too, so this looks for where each object ends.
function messages(body) {
  const found = [];
  for (let start = 0, end = body.indexOf('}'); end >= 0; end = body.indexOf('}', end + 1)) {
    try {
      found.push(JSON.parse(body.slice(start, end + 1)));
      start = end + 1;
    } catch {
      // That brace stood in a text.
    }
  }
  // Each channel's last messages may come one channel after another.
  return found.sort((a, b) => a.tag - b.tag);
}
