// The list of all channels: rates and subscribers, renewed while somebody looks.

import { addressOf, byId, el, setText } from './dom.js';
import { Rows } from './rows.js';
import { Channels, rateText } from './stats.js';
import { clock } from './time.js';

const EVERY = 5_000;
const PATIENCE = 15_000;
const SOON = 1_000; // after a failure, doubled up to EVERY

/** showChannels shows the list for as long as the page is there. */
export function showChannels(root) {
  byId('find').hidden = false;
  byId('scroll').hidden = false;
  const channels = new Channels();
  const sort = { by: 'name', descending: false };
  let asOf = null; // when the numbers came, in ms
  let problem = '';
  let timer = 0;
  let asking = false;
  let failures = 0;

  const rows = new Rows(byId('scroll'), byId('channels').tBodies[0], makeRow, (row, c) => updateRow(root, row, c));

  function show() {
    const visible = channels.view(byId('filter').value, sort.by, sort.descending);
    byId('channels').ariaRowCount = String(visible.length + 1);
    rows.show(visible);
    const all = channels.all.length;
    const n = visible.length;
    setText(byId('shown'), n === all ? `${all} ${all === 1 ? 'channel' : 'channels'}` : `${n} of ${all} channels`);
    byId('none').hidden = asOf === null || n > 0;
    setText(byId('none'), all === 0 ? 'There are no channels yet.' : 'No channel has such a name.');
    for (const th of document.querySelectorAll('#channels th')) {
      const by = th.dataset.sort;
      th.ariaSort = by !== sort.by ? 'none' : sort.descending ? 'descending' : 'ascending';
    }
  }

  function showState() {
    const current = asOf !== null && problem === '';
    const kind = current ? 'live' : problem ? 'dead' : 'connecting';
    document.body.dataset.state = kind;
    setText(byId('state'), current ? 'Current' : problem ? 'NOT CURRENT' : 'Connecting');
    setText(byId('detail'), [asOf === null ? '' : `as of ${clock(asOf)}`, problem].filter(Boolean).join('; '));
  }

  async function refresh() {
    clearTimeout(timer);
    if (document.visibilityState !== 'visible' || asking) return; // coming back asks again
    asking = true;
    try {
      const response = await fetch(new URL('channels-stats?id=ALL', root), {
        headers: { Accept: 'application/json' }, cache: 'no-store', signal: AbortSignal.timeout(PATIENCE),
      });
      if (!response.ok) throw new Error(response.headers.get('X-Nginx-PushStream-Explain') || `the relay answered ${response.status}`);
      const { infos } = await response.json();
      channels.update(infos, performance.now());
      asOf = Date.now();
      problem = '';
      failures = 0;
    } catch (error) {
      problem = error instanceof TypeError ? 'no connection' : error.message;
      failures++;
    }
    asking = false;
    show();
    showState();
    timer = setTimeout(refresh, problem ? Math.min(SOON * 2 ** (failures - 1), EVERY) : EVERY);
  }

  byId('filter').addEventListener('input', () => {
    byId('scroll').scrollTop = 0;
    show();
  });
  byId('channels').tHead.addEventListener('click', (event) => {
    const by = event.target.closest('th')?.dataset.sort;
    if (!by) return;
    // Names from a to z, numbers from the largest.
    sort.descending = by === sort.by ? !sort.descending : by !== 'name';
    sort.by = by;
    show();
  });
  document.addEventListener('visibilitychange', refresh);
  addEventListener('online', refresh);
  show();
  showState();
  refresh();
}

function makeRow() {
  return el('tr', '', el('td', 'name', el('a', 'channel')), el('td', 'number'), el('td', 'number'), el('td', 'number'), el('td', 'number'));
}

function updateRow(root, row, c) {
  const [name, rate, published, stored, subscribers] = row.cells;
  const a = name.firstChild;
  if (a.textContent !== c.name) {
    a.textContent = c.name;
    a.title = c.name;
    a.href = addressOf(root, c.name);
  }
  setText(rate, rateText(c.rate));
  setText(published, String(c.published));
  setText(stored, String(c.stored));
  setText(subscribers, String(c.subscribers));
}
