// The page: what connects the parts.

import { follow } from '../client.js';
import { setUpActions } from './actions.js';
import { Board } from './board.js';
import './head.js';
import { Heard } from './heard.js';
import { setUpKiosk } from './kiosk.js';
import { t, translate } from './lang.js';
import { Live } from './live.js';
import { EventLog } from './log.js';
import { Notices } from './notices.js';
import { addRecent } from './recent.js';
import { Sources } from './sources.js';
import { Storm } from './storm.js';
import './table.js';
import { brief, setText } from './text.js';
import { clock, now } from './time.js';
import { setUpTimeline } from './timeline.js';
import { setUpTools } from './tools.js';
import { base, readView } from './view.js';

const byId = (id) => document.getElementById(id);

translate(document);

const view = readView();
const table = byId('table');

/** board is what other modules hold on to: its state, showPast and showNow. */
export const board = new Board({ table, counts: byId('counts'), empty: byId('empty'), past: byId('past'), filtered: byId('filtered'), summary: byId('summary') }, view);
const live = new Live({ badge: byId('live'), cover: byId('cover') }, () => board.ask());
board.watch(live);
const notices = new Notices(byId('notices'));
addRecent(board);
const sources = new Sources(board, notices);
const heard = new Heard(byId('sources'), sources, board);
const storm = new Storm(notices);
const log = new EventLog(byId('log'));

const filter = setUpTools(board);
setUpActions({ board, live, table, filter, sources, heard, storm, log });
if (view.kiosk) {
  document.body.dataset.kiosk = '';
  setUpKiosk(board, table, byId('foot'));
}
setUpTimeline(board, byId('timeline'), base, [byId('past').querySelector('button')]);
setText(byId('title'), view.channels[0] === '>' ? t('allChannels') : brief(view.channels.join('  '), 200));
const showClock = () => setText(byId('clock'), clock(now()));
showClock();
setInterval(showClock, 500);
board.ask();

// What the relay says about itself belongs on every board, if it may be read.
const own = view.channels.some((c) => c === '>' || c.startsWith('_meta')) ? [] : ['_meta.>'];
let following = start([...view.channels, ...own]);
live.watch(() => following.state);

function start(channels) {
  return follow(channels, {
    mode: 'now',
    onSnapshot: (messages) => board.takeSnapshot(messages),
    onMessage: (message) => board.takeMessage(message),
    onGap: () => notices.set('gap', t('missing')),
    onDeleted: (channel) => board.takeDeleted(channel),
    onState: (state) => {
      if (state.stopped && channels.length > view.channels.length) following = start(view.channels);
      live.check();
    },
  });
}

// A page that is left may be kept for the way back, with its connection: after six
// the browser has none left for the next.
addEventListener('pagehide', () => following.close());
addEventListener('pageshow', (e) => {
  if (e.persisted) following = start([...view.channels, ...own]);
});
addEventListener('online', () => following.retry());
document.addEventListener('visibilitychange', () => {
  if (!document.hidden && live.kind !== 'live') following.retry();
});
