// What can be chosen above the table.

import { MatchBox } from './complete.js';
import { t } from './lang.js';
import { keep, settings } from './settings.js';
import { brief, el, setText } from './text.js';
import { HIDABLE, matching, SORTS, writeView } from './view.js';

const PATIENCE = 900; // ms before what is half written is called wrong

const GROUPS = ['severity', 'team', 'alertname', 'instance', 'job', 'cluster', 'namespace', 'source', 'status'];

/** setUpTools makes the tools of a board work. */
export function setUpTools(board) {
  const byId = (id) => document.getElementById(id);
  setUpTheme(board.view);
  const choose = (change) => {
    const view = { ...board.view, ...change };
    writeView(view);
    board.look(view);
  };

  const group = byId('group');
  const groups = GROUPS.includes(board.view.group) || board.view.group === '' ? GROUPS : [board.view.group, ...GROUPS];
  group.append(...groups.map((g) => option(g, brief(g, 40))), option('', t('noGroups')));
  group.value = board.view.group;
  group.addEventListener('change', () => choose({ group: group.value }));

  const sort = byId('sort');
  sort.append(...SORTS.map((s) => option(s, t(`sort_${s}`))));
  sort.value = board.view.sort;
  sort.addEventListener('change', () => choose({ sort: sort.value }));

  for (const kind of HIDABLE) {
    const box = el('input');
    box.type = 'checkbox';
    box.checked = !board.view.hide.has(kind);
    box.addEventListener('change', () => {
      const hide = new Set(board.view.hide);
      if (box.checked) hide.delete(kind);
      else hide.add(kind);
      choose({ hide });
    });
    byId('hide').append(el('label', '', box, el('span', '', t(kind))));
  }

  return setUpFilter(board, choose);
}

/** setUpFilter returns {set(text), add(matcher), focus()} of the filter's box. */
function setUpFilter(board, choose) {
  const byId = (id) => document.getElementById(id);
  const input = byId('matchers');
  const problem = byId('match-problem');
  let timer = 0;
  const show = () => {
    const { problem: bad, match } = board.view;
    byId('unmatch').hidden = match === '';
    problem.hidden = !bad;
    input.setAttribute('aria-invalid', String(Boolean(bad)));
    if (bad) setText(problem, `${t('matchNothing')} ${brief(bad.message, 300)}`);
  };
  const filter = (text, done) => {
    clearTimeout(timer);
    // Half a matcher would match nothing: what was there stays until there is a value.
    if (!done && /[=~]\s*"?$/.test(text)) return;
    choose(matching(text.trim(), board.view));
    if (done || !board.view.problem) show();
    else timer = setTimeout(show, PATIENCE);
  };
  new MatchBox(input, byId('completions'), { alerts: () => board.state.alerts, onInput: filter });
  const set = (text) => {
    input.value = text;
    filter(text, true);
  };
  input.value = board.view.match;
  byId('unmatch').addEventListener('click', () => {
    set('');
    input.focus();
  });
  byId('tools').addEventListener('submit', (e) => e.preventDefault());
  show();
  return {
    set,
    add: (matcher) => set(board.view.match && !board.view.problem ? `${board.view.match.replace(/,\s*$/, '')}, ${matcher}` : matcher),
    focus: () => input.focus(),
  };
}

function option(value, text) {
  const o = el('option', '', text);
  o.value = value;
  return o;
}

/** setUpTheme sets dark or light: the address, what was chosen here, the system. */
function setUpTheme(view) {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const apply = () => {
    const theme = view.theme || settings.theme || (view.kiosk || dark.matches ? 'dark' : 'light');
    document.documentElement.dataset.theme = theme;
  };
  dark.addEventListener('change', apply);
  document.getElementById('theme').addEventListener('click', () => {
    keep({ theme: document.documentElement.dataset.theme === 'dark' ? 'light' : 'dark' });
    view.theme = '';
    apply();
  });
  apply();
}
