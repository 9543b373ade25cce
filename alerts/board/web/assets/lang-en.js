// English.

export default {
  // Severities and states
  critical: 'critical', error: 'error', warning: 'warning', info: 'info', other: 'other',
  firing: 'firing', suppressed: 'suppressed', stale: 'stale', resolved: 'resolved', expired: 'expired', ended: 'ended', acked: 'acked',
  noSeverity: 'no severity', noName: '(no alertname)', noLabel: (name) => `no ${name}`,
  ofThemAcked: (n) => `${n} acked`,

  // Times
  second: 's', minute: 'm', hour: 'h', day: 'd',
  since: (at) => `since ${at}`, until: (at) => `until ${at}`, left: (d) => `${d} left`,

  // Being live
  live_live: 'Live', live_connecting: 'Connecting', live_dead: 'NOT LIVE',
  heard: (s) => `heard ${s} s ago`,
  notLive: (at) => `NOT LIVE since ${at}`, neverLive: 'NOT LIVE: not connected yet',
  notLiveMeans: 'what is shown is from then',
  retryIn: (s) => `trying again in ${s} s`, retryNow: 'trying again now',
  past: (at) => `PAST: ${at}`, backToNow: 'Back to now',
  missing: 'Messages were missed; everything was read again.',

  // The table
  table: 'Alerts', skip: 'Skip to the alerts', details: 'Details',
  nothingFiring: 'Nothing is firing', nothingHere: 'Nothing is firing in this view',
  nothingMatches: (n) => `None of ${n} alerts match the filter`,
  loading: 'Reading what is firing …', cannotRead: 'What is firing is not known',
  filtered: (n, all) => `${n} of ${all} shown`,
  nFiring: (n) => `${n} firing`,
  ackedBy: (who) => `acked by ${who}`,
  silencedBy: (who) => `silenced by ${who}`,
  kind_silence: 'silenced', kind_inhibition: 'inhibited by another alert', kind_group: 'missing from its group', kind_: 'suppressed',
  staleNote: (at) => `not heard of since ${at}`, staleWhy: 'The sender should have said something about it by now.',
  expiredNote: 'no news, taken off', expiredWhy: 'The sender has said nothing for so long that the relay took it off. It is not known to be over.',
  resolvedNote: (d) => `resolved after ${d}`, endedUnseen: 'ended while this board was not live', unseenWhy: 'When and how it ended was not seen.',
  reconciledWhy: 'The sender’s API does not list it any more.',
  flaps: (n) => `fired anew ${n}×`,
  link_runbook: 'Runbook', link_dashboard: 'Dashboard', link_panel: 'Panel', link_graph: 'Graph', link_silence: 'Silence', link_sender: 'Sender',
  more: (n) => `${n} more below`, page: (i, n) => `page ${i} of ${n}`,

  // Filters
  filters: 'Filters and views', filter: 'Filter', filterHint: 'Filter: severity="critical", team=~"db|web"   ( / )', clear: 'Clear', completions: 'Suggestions',
  groupBy: 'Group', sortBy: 'Sort', show: 'Show', noGroups: 'no groups',
  sort_severity: 'severity', sort_newest: 'newest', sort_oldest: 'oldest', sort_name: 'name',
  searchNames: (text) => `names with “${text}”`, nAlerts: (n) => `${n}`,
  matchBrace: 'the braces are not closed: } is missing',
  matchComma: (rest) => `expected a comma before “${rest}”`,
  matchMany: 'there are more than 64 matchers',
  matchName: (rest) => `expected a label’s name before “${rest}”`,
  matchOperator: (name, rest) => `expected =, !=, =~ or !~ after “${name}”, not “${rest}”`,
  matchUnfinished: (name) => `“${name}” is only a name: add =, !=, =~ or !~ and a value`,
  matchQuotes: 'values are quoted with "',
  matchUnclosed: 'the quote is not closed',
  matchRegexp: (why) => `not a regular expression: ${why}`,
  matchLookaround: 'lookaround and back references are not possible',
  matchNested: 'a repetition of repetitions, such as (a+)+, is not possible',
  matchNothing: 'The filter is not used:',

  allChannels: 'All alerts',
  notices: 'Notices', log: 'Log', theme: 'Dark or light', help: 'Keys and help',

  // Sources and storms
  sourceSilent: (name, at, ago) => `Source ${name} is silent: last heard ${at}, ${ago} ago. Alerts of it may be missing.`,
  sourceNever: (name) => `Source ${name} has never been heard of.`,
  sources: 'Sources', lastHeard: 'Last heard', state: 'State', never: 'never', ago: (d) => `${d} ago`, asOf: (at) => `as of ${at}`,
  nSources: (n) => (n === 0 ? 'no sources' : n === 1 ? '1 source' : `${n} sources`), sourcesUnknown: 'sources unknown',
  nSilent: (n, all) => `${n} of ${all} silent`, nFailing: (n, all) => `API of ${n} of ${all} fails`, nNever: (n, all) => `${n} of ${all} never heard`,
  oldest: 'oldest', oldestHeard: (at) => `the longest ago at ${at}`,
  state_silent: 'silent', state_never: 'never heard', state_heard: 'heard',
  limit: (d) => `silent after ${d}`, noLimit: 'no silent_after is set',
  apiGood: (ago) => `Its API answered ${ago}.`, apiNotYet: 'Its API was not asked yet.', apiFails: (why) => `Its API: ${why}.`,
  apiLastGood: (ago) => `It last answered ${ago}.`, apiNeverGood: 'It has not answered yet.',
  loadingSources: 'Asking the relay …', sourcesAsOf: (at) => `As of ${at}, asked every 30 s.`,
  sourcesOld: (at, why) => `The relay cannot be asked. What is known is from ${at}${why ? `: ${why}` : '.'}`,
  sourcesNotTold: (why) => `The relay cannot be asked, so nothing is known: ${why}`, noSense: 'its answer makes no sense',
  noSources: 'No source is configured, and none was heard of.',
  storm: (n, s, firing, ended) => `Storm: ${n} changes in ${s} s, ${firing} fired and ${ended} ended. The table is right; the log has them all.`,

  // The log
  logEmpty: 'Nothing has changed since this board was opened.', logCount: (n, shown) => `${n} changes since this board was opened; the newest ${shown}`,
  event_firing: 'fires', event_updated: 'updated', event_resolved: 'resolved', event_expired: 'expired', event_stale: 'stale', event_fresh: 'heard again',
  event_suppressed: 'suppressed', event_unsuppressed: 'unsuppressed', event_acked: 'acked', event_unacked: 'unacked', event_moved: 'moved', event_: 'changed',

  // Details
  sinceWhen: 'Fires since', endedWhen: 'Ended', lasts: 'For', lastChange: 'Last change', flapping: 'Fired anew', source: 'Source', receiver: 'Receiver',
  labels: 'Labels', annotations: 'Annotations', values: 'Values', annotationsCut: 'The annotations were too large and were left out.',
  showMore: (n) => `show more (${n} characters)`, messages: 'messages', filterFor: 'Show only these', filterOut: 'Leave these out',

  // Acting
  ack: 'Ack', unack: 'Unack', silence: 'Silence', unsilence: 'End the silence', copy: 'Copy', copied: 'Copied', cancel: 'Cancel', close: 'Close', go: 'Go on',
  ackTitle: (name) => `Ack ${name}`, unackTitle: (name) => `Take back the ack of ${name}`, unsilenceTitle: 'End the silence', silenceTitle: (source) => `Silence in ${source}`,
  yourName: 'Your name', author: 'Author', otherToken: 'Another token', comment: 'Comment', ackMeans: 'Everybody sees it until the alert ends.',
  nameWanted: 'Your name is wanted.', commentWanted: 'A comment is wanted: why, and what to do when it comes back.',
  silenceLabels: 'Alerts with all of these labels', silenceAll: 'Choose at least one label.', howLong: 'For',
  silencePreview: (n, names) => `Matches ${n} ${n === 1 ? 'alert' : 'alerts'} now${names ? `: ${names}` : ''}`,
  minutes: 'minutes', hours: 'hours', days: 'days', durationText: (n, unit) => `${n} ${n === '1' ? unit.replace(/s$/, '') : unit}`,
  tokenTitle: 'A token is wanted', tokenWanted: 'The relay lets only those change something who have a token.', tokenWrong: 'That token is not right.',
  token: 'Token', tokenKept: 'It is kept until this tab is closed.',

  // Sound
  soundOn: 'Sound on', soundOff: 'Sound off', soundBlocked: 'Click for sound', soundTitle: 'Sound and notifications', soundFor: 'A sound for', test: 'Test', mute: 'Mute all',
  soundMeans: 'Only for what begins while this board is open. Many at once are one sound.',
  notify: 'Notifications while this window is not in front', notifyRefused: 'The browser does not allow it.', nNew: (n) => `${n} new alerts`,

  // Keys
  key_move: 'next, previous', key_far: 'a page, the first, the last', key_open: 'details, or fold a group', key_close: 'close', key_fold: 'fold a group', key_filter: 'filter',
  key_ack: 'ack', key_unack: 'take an ack back', key_silence: 'silence', key_copy: 'copy as text', key_sources: 'sources: when each was last heard', key_mute: 'mute', key_log: 'log', key_help: 'this help',
  helpMore: 'The address has the whole view: bookmark it, or share it. ?kiosk is for walls, &rotate=20s turns pages, ?theme=dark and ?lang=zh choose.',
};
