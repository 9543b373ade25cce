// What keys, buttons and alerts do: the panel, dialogs, sounds, notifications.

import * as act from './act.js';
import { setTokenAsker } from './api.js';
import { ask, button, checkbox, flash } from './dialog.js';
import { isActive } from './event.js';
import { KEYS, setUpKeys } from './keys.js';
import { t } from './lang.js';
import { Notifier } from './notify.js';
import { Panel } from './panel.js';
import { LEVELS } from './severity.js';
import { keep, settings } from './settings.js';
import { Sound } from './sound.js';
import { el, setText } from './text.js';

/** setUpActions connects the parts of a page. */
export function setUpActions({ board, live, table, filter, sources, heard, storm, log }) {
  const byId = (id) => document.getElementById(id);
  setTokenAsker(act.askForToken);

  const can = (action, alert) => ({
    ack: sources.available && isActive(alert) && !alert.ack,
    unack: sources.available && isActive(alert) && Boolean(alert.ack),
    silence: isActive(alert) && alert.status !== 'suppressed' && sources.hasAPI(alert.source),
    unsilence: alert.suppression?.kind === 'silence' && alert.suppression.id !== '' && sources.hasAPI(alert.source),
    copy: Boolean(navigator.clipboard),
  })[action];
  let running = false; // it asks who acts, or its dialog is open
  const run = async (action, alert) => {
    if (!alert || !can(action, alert) || board.past || running) return;
    running = true;
    try {
      await act[action](alert);
      if (action === 'copy') flash(t('copied'));
    } catch (error) {
      if (!error.cancelled) flash(error.message);
    } finally {
      running = false;
    }
  };
  const panel = new Panel(byId('panel'), { can, run, onFilter: (m) => filter.add(m) });
  setInterval(() => panel.tick(), 1000);
  const at = () => panel.alert ?? (table.selected?.channel ? table.selected : null);
  const fold = (item) => item?.key && board.fold(item.value);
  const open = (item) => (item?.key ? fold(item) : item && panel.open(item));
  table.addEventListener('open', (e) => open(e.detail));
  table.addEventListener('select', (e) => panel.channel !== null && e.detail.channel && panel.open(e.detail));
  board.addEventListener('shown', () => panel.update((board.past?.alerts ?? board.state.alerts).get(panel.channel)));

  const sound = new Sound(showSound);
  const notifier = new Notifier((channel) => {
    const alert = board.state.alerts.get(channel);
    if (alert) panel.open(alert);
  });
  const news = (alert) => {
    sound.note(alert.level);
    notifier.note(alert);
  };
  board.addEventListener('transition', ({ detail }) => {
    log.add(detail);
    if (!detail.inView) return;
    storm.note(detail);
    if (isNews(detail)) news(detail.after);
  });
  board.addEventListener('snapshot', ({ detail }) => {
    // What began while the board was away is news, too; what was there at the start is not.
    for (const a of detail.missed) if (a.status === 'firing' && !a.ack && board.isInView(a)) news(a);
    showSound();
  });
  let was = live.kind;
  setInterval(() => {
    if (live.kind === 'dead' && was === 'live') sound.note('dead');
    was = live.kind;
  }, 500);

  function showSound() {
    const wanted = !settings.muted && Object.values(settings.sounds).some(Boolean);
    setText(byId('sound'), t(!wanted ? 'soundOff' : sound.blocked ? 'soundBlocked' : 'soundOn'));
    byId('sound').classList.toggle('blocked', wanted && sound.blocked);
  }
  const mute = () => {
    keep({ muted: !settings.muted });
    showSound();
    flash(t(settings.muted ? 'soundOff' : 'soundOn'));
  };
  showSound();

  const toggleLog = () => byId('open-log').setAttribute('aria-expanded', String(log.toggle()));
  const help = () => ask(t('help'), [
    el('dl', 'keys', ...KEYS.flatMap(([keys, name]) => [el('dt', '', ...keys.split(' ').map((k) => el('kbd', '', k))), el('dd', '', t(name))])),
    el('p', '', t('helpMore')),
  ]);
  byId('sound').addEventListener('click', () => soundDialog(sound, notifier).then(showSound));
  byId('open-log').addEventListener('click', toggleLog);
  byId('help').addEventListener('click', help);

  setUpKeys(table, {
    open: () => open(table.selected),
    close: () => panel.close() || (!byId('log').hidden && toggleLog()) || (board.past && board.showNow()),
    fold: () => fold(table.selected),
    filter: filter.focus,
    ack: () => run('ack', at()), unack: () => run('unack', at()), silence: () => run('silence', at()), copy: () => run('copy', at()),
    sources: () => heard.open(), mute, log: toggleLog, help,
  });
}

/** isNews: an alert wants somebody that did not before. */
function isNews({ before, after, wasActive }) {
  if (!after || after.status !== 'firing' || after.ack) return false;
  if (before && isActive(before)) return before.status === 'suppressed' || after.flaps > before.flaps;
  return !wasActive; // active in another channel, from where it has moved
}

/** soundDialog is what sounds and what does not. */
function soundDialog(sound, notifier) {
  const levels = el('fieldset', 'labels', el('legend', '', t('soundFor')), ...[...LEVELS, 'dead'].map((level) => el('span', 'sound-line',
    checkbox(t(level === 'dead' ? 'live_dead' : level), settings.sounds[level], (on) => keep({ sounds: { ...settings.sounds, [level]: on } })),
    button(t('test'), () => sound.test(level)))));
  const notify = checkbox(t('notify'), notifier.enabled, async (on) => {
    const given = on && (await notifier.ask());
    keep({ notify: given });
    notify.firstChild.checked = given;
    setText(refused, on && !given ? t('notifyRefused') : '');
  });
  const refused = el('p', 'problem');
  return ask(t('soundTitle'), [checkbox(t('mute'), settings.muted, (on) => keep({ muted: on })), levels, notify, refused, el('p', 'quiet', t('soundMeans'))]);
}
