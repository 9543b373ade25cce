// What can be done about an alert.

import { api, forgetToken, whoami } from './api.js';
import { ask, button, checkbox, field, flash, input } from './dialog.js';
import { t } from './lang.js';
import { format } from './matcher.js';
import { keep, settings } from './settings.js';
import { brief, el, setText } from './text.js';
import { linksOf } from './row.js';
import { moment, now } from './time.js';

const PREVIEW_WAIT = 300; // ms after the last change
const DURATIONS = ['30m', '1h', '2h', '4h', '8h', '1d', '3d', '7d'];
const UNITS = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** askForToken is for api.js. */
export function askForToken(wasWrong) {
  const token = input('', { type: 'password', required: '' });
  return ask(t('tokenTitle'), [el('p', '', t(wasWrong ? 'tokenWrong' : 'tokenWanted')), field(t('token'), token, t('tokenKept'))],
    [{ text: t('go'), primary: true, run: () => token.value.trim() || undefined }]);
}

/** ack says that somebody has an alert in hand. */
export async function ack(alert) {
  const author = authorField(await whoami(), () => ack(alert));
  const comment = input('', { maxlength: 1000 });
  if (author.isKnown) comment.setAttribute('autofocus', '');
  return ask(t('ackTitle', brief(alert.name, 80)), [about(alert), author.field, field(t('comment'), comment, t('ackMeans'))], [{
    text: t('ack'),
    primary: true,
    run: async () => {
      await api('POST', `alerts/${encodeURIComponent(alert.id)}/ack`, { by: author.name(), comment: comment.value.trim() });
      return true;
    },
  }]);
}

/** unack takes that back. */
export async function unack(alert) {
  const author = authorField(await whoami(), () => unack(alert));
  return ask(t('unackTitle', brief(alert.name, 80)), [about(alert), author.field], [{
    text: t('unack'),
    primary: true,
    run: async () => {
      await api('DELETE', `alerts/${encodeURIComponent(alert.id)}/ack?${new URLSearchParams({ by: author.name() })}`);
      return true;
    },
  }]);
}

/** silence makes a silence at the alert's source, after showing what it would match. */
export async function silence(alert) {
  const author = authorField(await whoami(), () => silence(alert));
  const chosen = new Set(Object.keys(alert.labels));
  const matchers = () => Object.entries(alert.labels).filter(([name]) => chosen.has(name)).map(([name, value]) => format(name, '=', value));
  const preview = el('p', 'preview');
  preview.setAttribute('role', 'status');
  const look = previewer(alert.source, matchers, preview);
  const boxes = Object.entries(alert.labels).map(([name, value]) => checkbox(`${brief(name, 60)}="${brief(value, 100)}"`, true, (on) => {
    if (on) chosen.add(name);
    else chosen.delete(name);
    look();
  }));
  const length = el('select', '', ...DURATIONS.map((d) => {
    const o = el('option', '', t('durationText', d.slice(0, -1), t({ m: 'minutes', h: 'hours', d: 'days' }[d.at(-1)])));
    o.value = d;
    return o;
  }));
  length.value = '2h';
  const until = el('small');
  const showUntil = () => setText(until, t('until', moment(now() + parseInt(length.value, 10) * UNITS[length.value.at(-1)])));
  length.addEventListener('change', showUntil);
  showUntil();
  const comment = input('', { maxlength: 1000, required: '' });
  look();
  return ask(t('silenceTitle', brief(alert.source, 20)), [
    el('fieldset', 'labels', el('legend', '', t('silenceLabels')), ...boxes), preview,
    el('label', 'field', el('span', '', t('howLong')), length, until), author.field, field(t('comment'), comment),
  ], [{
    text: t('silence'),
    primary: true,
    run: async () => {
      if (chosen.size === 0) throw new Error(t('silenceAll'));
      if (!comment.value.trim()) throw new Error(t('commentWanted'));
      await api('POST', 'silences', {
        source: alert.source, matchers: matchers(), duration: length.value, createdBy: author.name(), comment: comment.value.trim(),
      });
      return true;
    },
  }]);
}

/** unsilence ends the silence that keeps an alert back. */
export function unsilence(alert) {
  return ask(t('unsilenceTitle'), [about(alert), el('p', '', brief(alert.suppression.comment, 300))], [{
    text: t('unsilence'),
    primary: true,
    run: async () => {
      await api('DELETE', `silences/${encodeURIComponent(alert.source)}/${encodeURIComponent(alert.suppression.id)}`);
      return true;
    },
  }]);
}

/** copy puts an alert on the clipboard as text. */
export async function copy(alert) {
  await navigator.clipboard.writeText(asText(alert));
}

/** asText is an alert as plain text, for a ticket or a chat. */
export function asText(alert) {
  const lines = [`[${alert.status.toUpperCase()}] ${alert.labels.severity ?? ''} ${alert.name}`.replace(/ +/g, ' ')];
  if (alert.summary) lines.push(alert.summary);
  lines.push(`${t('since', new Date(alert.startsAt).toISOString())}`);
  if (alert.ack) lines.push(t('ackedBy', alert.ack.by) + (alert.ack.comment ? `: ${alert.ack.comment}` : ''));
  for (const [name, value] of Object.entries(alert.labels)) lines.push(`  ${format(name, '=', value)}`);
  for (const { name, address } of linksOf(alert)) lines.push(`${name}: ${address}`);
  return lines.join('\n');
}

function about(alert) {
  return el('p', 'about', brief(alert.summary || alert.channel, 200));
}

/**
 * authorField shows who acts: the name of the token as text, which cannot be changed,
 * or without one an input. name() is that name. again opens the dialog anew, for
 * somebody else's token.
 */
function authorField(name, again) {
  if (name) {
    const other = button(t('otherToken'), () => {
      forgetToken();
      again().catch((error) => error.cancelled || flash(error.message));
    });
    return { isKnown: true, field: el('div', 'field author', el('span', '', t('author')), el('strong', '', brief(name, 100)), other), name: () => name };
  }
  const by = input(settings.by, { maxlength: 100, required: '' });
  return {
    isKnown: settings.by !== '',
    field: field(t('yourName'), by),
    name: () => {
      const given = by.value.trim();
      if (!given) throw new Error(t('nameWanted'));
      keep({ by: given });
      return given;
    },
  };
}

/** previewer asks what a silence would match, once nothing has changed for a moment. */
function previewer(source, matchers, out) {
  let timer = 0;
  let asked = 0;
  return () => {
    clearTimeout(timer);
    const all = matchers();
    setText(out, all.length === 0 ? t('silenceAll') : '…');
    if (all.length === 0) return;
    timer = setTimeout(async () => {
      const mine = ++asked;
      let text;
      try {
        const { total, alerts = [] } = await api('POST', 'silences/preview', { source, matchers: all });
        const names = [...new Set(alerts.map((a) => a.labels?.alertname).filter(Boolean))];
        text = t('silencePreview', total, brief(names.slice(0, 5).join(', ') + (names.length > 5 ? ' …' : ''), 200));
      } catch (error) {
        text = error.message;
      }
      if (mine === asked) setText(out, text);
    }, PREVIEW_WAIT);
  };
}
