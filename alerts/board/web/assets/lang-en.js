// English.

export default {
  // Severities and states
  critical: 'critical', error: 'error', warning: 'warning', info: 'info', other: 'other',
  firing: 'firing', suppressed: 'suppressed', stale: 'stale', resolved: 'resolved', expired: 'expired', ended: 'ended', acked: 'acked',
  noSeverity: 'no severity', noName: '(no alertname)', noLabel: (name) => `no ${name}`,
  ofThemAcked: (n) => `${n} acked`,

  // Times
  second: 's', minute: 'm', hour: 'h', day: 'd',
  since: (at) => `since ${at}`, until: (at) => `until ${at}`,

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
};
