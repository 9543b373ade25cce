// Severities in five levels. Senders have their own words; a level has a colour, a
// shape and a word, any one of which is enough to tell it.

/** LEVELS, the worst first. */
export const LEVELS = ['critical', 'error', 'warning', 'info', 'other'];

const WORDS = {
  critical: ['critical', 'crit', 'page', 'emergency', 'emerg', 'disaster', 'fatal', 'alert', 'p1', 'sev1'],
  error: ['error', 'err', 'major', 'high', 'p2', 'sev2'],
  warning: ['warning', 'warn', 'minor', 'average', 'medium', 'p3', 'sev3'],
  info: ['info', 'information', 'informational', 'notice', 'low', 'debug', 'p4', 'p5', 'sev4', 'sev5'],
};

const levels = new Map(Object.entries(WORDS).flatMap(([level, words]) => words.map((w) => [w, level])));

/** levelOf is the level of a severity label. */
export function levelOf(severity) {
  return levels.get((severity ?? '').toLowerCase()) ?? 'other';
}

/** rankOf is 0 for the worst level. */
export const rankOf = (level) => LEVELS.indexOf(level);
