// On a wall nobody scrolls: rows are as large as lets all of them be seen, and what
// does not fit is turned to page by page, or at least counted.

import { t } from './lang.js';
import { setText } from './text.js';

/** setUpKiosk fits the rows of a table to the screen. */
export function setUpKiosk(board, table, foot) {
  const style = document.documentElement.style; // through the CSSOM, which the policy allows
  let pageAt = 0;
  const pages = () => {
    const heights = table.items.length;
    const per = table.page;
    return { per, count: Math.max(1, Math.ceil(heights / per)) };
  };
  const fit = () => {
    const { innerHeight } = window;
    const room = table.clientHeight - 1;
    const least = Math.max(26, innerHeight * 0.03);
    const most = Math.max(30, innerHeight * 0.052);
    const height = Math.floor(Math.max(least, Math.min(most, room / Math.max(1, table.items.length))));
    style.setProperty('--row-px', `${height}px`);
    style.setProperty('--group-px', `${height}px`);
    style.setProperty('--kiosk-font', `${(height * 0.47).toFixed(1)}px`);
    table.measure();
    show();
  };
  const show = () => {
    const { per, count } = pages();
    if (pageAt >= count) pageAt = 0;
    table.scrollTop = pageAt * per * table.rowHeight;
    const below = table.items.length - per;
    foot.hidden = count < 2;
    if (count > 1) setText(foot, board.view.rotate ? t('page', pageAt + 1, count) : t('more', below));
  };
  board.addEventListener('shown', fit);
  addEventListener('resize', fit);
  if (board.view.rotate) {
    setInterval(() => {
      pageAt++;
      show();
    }, board.view.rotate * 1000);
  }
  keepAwake();
}

/** keepAwake has the screen stay on, where the browser can. */
function keepAwake() {
  const lock = () => navigator.wakeLock?.request('screen').catch(() => {});
  document.addEventListener('visibilitychange', () => document.hidden || lock());
  lock();
}
