// The page: what connects the parts.

import { follow } from '../client.js';
import { Board } from './board.js';
import './head.js';
import { t, translate } from './lang.js';
import { Live } from './live.js';
import './table.js';
import { setText } from './text.js';
import { clock, now } from './time.js';
import { setUpTimeline } from './timeline.js';
import { setUpTools } from './tools.js';
import { base, readView } from './view.js';

const byId = (id) => document.getElementById(id);

translate(document);
if (new URLSearchParams(location.search).has('kiosk')) document.body.dataset.kiosk = '';

const view = readView();
export const board = new Board({ table: byId('table'), counts: byId('counts'), empty: byId('empty'), past: byId('past'), summary: byId('summary') }, view);
const live = new Live({ badge: byId('live'), cover: byId('cover') }, () => board.ask());
board.watch(live);
setUpTools(board);

setUpTimeline(board, byId('timeline'), base, [byId('past').querySelector('button')]);
setText(byId('title').querySelector('.channel'), view.channels[0] === '>' ? t('allChannels') : view.channels.join('  '));
setInterval(() => setText(byId('clock'), clock(now())), 500);
board.ask();

const following = follow(withMeta(view.channels), {
  mode: 'now',
  onSnapshot: (messages) => board.takeSnapshot(messages),
  onMessage: (message) => board.takeMessage(message),
  onGap: () => {},
  onDeleted: (channel) => board.takeDeleted(channel),
  onState: () => live.check(),
});
live.watch(() => following.state);
addEventListener('online', () => following.retry());
document.addEventListener('visibilitychange', () => document.hidden || live.kind === 'live' || following.retry());

/** withMeta also follows what the relay says about itself. */
function withMeta(channels) {
  return channels;
}
