// The relay's API. Where it wants a token, that is asked for once and kept until
// the browser's tab is closed.

import { base } from './view.js';

const TOKEN = 'alertrelay.token';

/** Refused is an answer that is no success: its status, and why in the relay's words. */
export class Refused extends Error {
  cancelled = false; // a token was asked for, and none given
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

let askToken = async () => null;
let asking = null;

/** setTokenAsker takes a function that asks for a token: it promises a text, or null. */
export function setTokenAsker(ask) {
  askToken = ask;
}

/** api asks /api/v1/<path> and returns the JSON of the answer. It throws Refused. */
export async function api(method, path, body = null, { silent = false } = {}) {
  for (let attempt = 0; ; attempt++) {
    const token = sessionStorage.getItem(TOKEN);
    const response = await fetch(new URL(`api/v1/${path}`, base), {
      method,
      cache: 'no-store',
      headers: { ...(token && { Authorization: `Bearer ${token}` }), ...(body && { 'Content-Type': 'application/json' }) },
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(20_000),
    });
    if (response.ok) return response.status === 204 ? null : response.json();
    const refused = new Refused(response.status, await reason(response));
    if (response.status === 401 && !silent && attempt < 2) {
      sessionStorage.removeItem(TOKEN);
      asking ??= askToken(attempt > 0 || token !== null).finally(() => (asking = null));
      const given = await asking;
      if (given) {
        sessionStorage.setItem(TOKEN, given);
        continue;
      }
      refused.cancelled = true;
    }
    throw refused;
  }
}

/**
 * whoami is the name of the token, '' if it has none or none is wanted. Where one is
 * wanted and there is none, it is asked for.
 */
export async function whoami() {
  try {
    const { name } = await api('GET', 'whoami');
    return typeof name === 'string' ? name : '';
  } catch (error) {
    if (error instanceof Refused && error.status === 404) return ''; // an older relay
    throw error;
  }
}

/** forgetToken has the next one asked for. */
export function forgetToken() {
  sessionStorage.removeItem(TOKEN);
}

async function reason(response) {
  try {
    const { error, field } = await response.json();
    if (typeof error === 'string') return field ? `${field}: ${error}` : error;
  } catch {
    // No JSON: a proxy's page.
  }
  return `${response.status} ${response.statusText}`.trim();
}
