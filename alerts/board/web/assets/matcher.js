// Matchers in Alertmanager's syntax: severity="critical", team=~"db|web". Several
// are separated by commas, and may stand in braces; all must hold.

import { t } from './lang.js';

/** BadMatcher says what is wrong with a text, in words, and where. */
export class BadMatcher extends Error {
  constructor(message, at) {
    super(message);
    this.at = at;
  }
}

const LONGEST = 2_000; // characters of a value that are compared with an expression

const OPERATORS = ['=~', '!~', '!=', '='];

/** parseMatchers returns [{name, op, value}]. It throws a BadMatcher. */
export function parseMatchers(text) {
  const p = new Parser(text);
  const matchers = p.all();
  for (const m of matchers) m.test = tester(m);
  return matchers;
}

/** compile makes one test of matchers: (alert) => boolean. */
export function compile(matchers) {
  return (alert) => matchers.every((m) => m.test(valueOf(alert, m.name)));
}

/** valueOf is what a matcher's name means: a label, or as in the relay's routes, source and status. */
export function valueOf(alert, name) {
  if (name === 'source') return alert.source;
  if (name === 'status') return alert.status;
  return alert.labels[name] ?? '';
}

/** format writes a matcher so that it can be read again. */
export function format(name, op, value) {
  const plain = /^[a-zA-Z_][a-zA-Z0-9_]*$/.test(name);
  return `${plain ? name : quote(name)}${op}${quote(value)}`;
}

/** exactly is a regular expression's text that matches a text and nothing else. */
export const exactly = (text) => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');

const quote = (text) => `"${text.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n')}"`;

function tester({ op, value, at }) {
  if (op === '=') return (v) => v === value;
  if (op === '!=') return (v) => v !== value;
  const expression = anchored(value, at);
  const test = (v) => expression.test(v.length > LONGEST ? v.slice(0, LONGEST) : v);
  return op === '=~' ? test : (v) => !test(v);
}

/**
 * anchored compiles a regular expression as RE2 would take it. What the browser
 * alone has is refused, and so is a repetition of repetitions, over which its
 * engine can brood for ever: a link to a board must not stop it.
 */
function anchored(source, at) {
  if (/\(\?(?:[=!]|<[=!])|\\[1-9]|\\k</.test(source)) throw new BadMatcher(t('matchLookaround'), at);
  if (repeatsRepetitions(source)) throw new BadMatcher(t('matchNested'), at);
  const flags = /^\(\?([is]+)\)/.exec(source);
  const body = `^(?:${flags ? source.slice(flags[0].length) : source})$`;
  try {
    return new RegExp(body, `${flags?.[1] ?? ''}u`);
  } catch (error) {
    try {
      return new RegExp(body, flags?.[1] ?? ''); // RE2 takes more escapes than those of "u"
    } catch {
      throw new BadMatcher(t('matchRegexp', String(error.message).replace(/^.*: /, '')), at);
    }
  }
}

/** repeatsRepetitions reports whether a group that has a repetition is repeated. */
function repeatsRepetitions(source) {
  const groups = [false]; // whether each open one has a repetition
  const tokens = source.replace(/\\./gs, 'x').replace(/\[[^\]]*\]/g, 'x').replace(/\(\?/g, '(');
  for (let i = 0; i < tokens.length; i++) {
    const repeated = /[*+]|\{\d+,/.test(tokens.slice(i + 1, i + 6).match(/^(?:[*+]|\{\d*,)/)?.[0] ?? '');
    if (tokens[i] === '(') groups.push(false);
    else if (tokens[i] === ')' && groups.length > 1) {
      const has = groups.pop();
      if (has && repeated) return true;
      groups[groups.length - 1] ||= has || repeated;
    } else if (repeated) groups[groups.length - 1] = true;
  }
  return false;
}

class Parser {
  constructor(text) {
    this.text = text;
    this.at = 0;
  }

  all() {
    const matchers = [];
    this.space();
    const braces = this.take('{');
    for (;;) {
      this.space();
      if (this.at === this.text.length || this.text[this.at] === '}') break;
      matchers.push(this.one());
      this.space();
      if (!this.take(',')) break;
    }
    if (braces && !this.take('}')) throw new BadMatcher(t('matchBrace'), this.at);
    this.space();
    if (this.at < this.text.length) throw new BadMatcher(t('matchComma', this.rest()), this.at);
    if (matchers.length > 64) throw new BadMatcher(t('matchMany'), 0);
    return matchers;
  }

  one() {
    const at = this.at;
    const name = this.text[this.at] === '"' ? this.quoted() : this.run(/[^\s=!~,{}"'`\\]+/y);
    if (!name) throw new BadMatcher(t('matchName', this.rest()), this.at);
    this.space();
    const op = OPERATORS.find((o) => this.take(o));
    if (!op) throw new BadMatcher(this.at === this.text.length ? t('matchUnfinished', name) : t('matchOperator', name, this.rest()), this.at);
    this.space();
    const value = this.text[this.at] === '"' ? this.quoted() : this.run(/[^\s,{}"'`]*/y);
    const next = this.text[this.at];
    if (next === "'" || next === '`') throw new BadMatcher(t('matchQuotes'), this.at);
    return { name, op, value, at };
  }

  quoted() {
    const begin = this.at++;
    let value = '';
    for (;;) {
      const c = this.text[this.at++];
      if (c === undefined) throw new BadMatcher(t('matchUnclosed'), begin);
      if (c === '"') return value;
      if (c !== '\\') {
        value += c;
        continue;
      }
      const escaped = this.text[this.at++];
      if (escaped === 'n') value += '\n';
      else if (escaped === '"' || escaped === '\\') value += escaped;
      else value += `\\${escaped ?? ''}`; // a regular expression's own
    }
  }

  run(pattern) {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0] ?? '';
    this.at += found.length;
    return found;
  }

  space() {
    this.run(/\s*/y);
  }

  take(what) {
    if (!this.text.startsWith(what, this.at)) return false;
    this.at += what.length;
    return true;
  }

  rest() {
    const rest = this.text.slice(this.at);
    return rest.length > 20 ? `${rest.slice(0, 20)}…` : rest;
  }
}
