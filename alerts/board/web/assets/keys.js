// The keyboard does everything.

import { isOpen } from './dialog.js';

/** KEYS and what they do, as help shows them. */
export const KEYS = [
  ['j k ↓ ↑', 'key_move'], ['PgDn PgUp g G', 'key_far'], ['Enter', 'key_open'], ['Esc', 'key_close'], ['x', 'key_fold'], ['/', 'key_filter'],
  ['a', 'key_ack'], ['u', 'key_unack'], ['s', 'key_silence'], ['c', 'key_copy'], ['h', 'key_sources'], ['m', 'key_mute'], ['l', 'key_log'], ['?', 'key_help'],
];

/** setUpKeys has keys call the actions of the same names; unknown keys do nothing. */
export function setUpKeys(table, actions) {
  const page = () => Math.max(1, table.page - 2);
  const bound = {
    j: () => table.move(1), ArrowDown: () => table.move(1),
    k: () => table.move(-1), ArrowUp: () => table.move(-1),
    PageDown: () => table.move(page()), PageUp: () => table.move(-page()),
    g: () => table.selectAt(0), Home: () => table.selectAt(0),
    G: () => table.selectAt(Infinity), End: () => table.selectAt(Infinity),
    Enter: actions.open, o: actions.open, Escape: actions.close, x: actions.fold,
    '/': actions.filter, a: actions.ack, u: actions.unack, s: actions.silence, c: actions.copy,
    h: actions.sources, m: actions.mute, l: actions.log, '?': actions.help,
  };
  addEventListener('keydown', (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || isOpen() || e.isComposing) return;
    const at = e.target.closest?.('input, textarea, select, button, a, summary');
    if (at?.matches('input:not([type="checkbox"]), textarea, select')) return;
    if (at && (e.key === 'Enter' || e.key === ' ')) return; // it is its own
    const run = Object.hasOwn(bound, e.key) ? bound[e.key] : null;
    if (!run) return;
    e.preventDefault();
    run();
  });
}
