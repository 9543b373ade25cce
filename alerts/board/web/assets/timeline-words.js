// The timeline's words, in the language of the page.

const EN = {
  open: 'Time travel', close: 'Close', strip: 'Time', play: 'Play', pause: 'Pause', speed: 'Speed', at: 'At', window: 'Show',
  earlier: 'Event before', later: 'Next event', live: 'Back to live', all: 'all', again: 'Try again',
  keys: 'Arrows move the time, with Shift ten times as far; comma and full stop go from event to event, the space bar plays, Escape goes back to live.',
  reading: (n) => `Reading the history: ${n} events …`,
  nothing: 'Nothing has happened yet.',
  failed: (why) => `The history cannot be read: ${why}.`,
  cut: 'There is more than can be shown here; the newest part is missing.',
  state: (n) => `${n} firing`,
  events: (n, from, to) => `${n} events from ${from} to ${to}`,
};

const ZH = {
  open: '时间回溯', close: '关闭', strip: '时间', play: '播放', pause: '暂停', speed: '速度', at: '时刻', window: '范围',
  earlier: '上一事件', later: '下一事件', live: '回到实时', all: '全部', again: '重试',
  keys: '方向键移动时间，按住 Shift 移动十倍；逗号和句号在事件间跳转，空格键播放，Esc 回到实时。',
  reading: (n) => `正在读取历史：${n} 个事件…`,
  nothing: '尚无任何事件。',
  failed: (why) => `无法读取历史：${why}。`,
  cut: '历史过多，最新的部分未显示。',
  state: (n) => `${n} 个告警`,
  events: (n, from, to) => `${from} 至 ${to} 共 ${n} 个事件`,
};

/** word is a text by its name; some take values. */
export function word(name, ...values) {
  const text = (/^zh\b/i.test(document.documentElement.lang) ? ZH : EN)[name];
  return typeof text === 'function' ? text(...values) : text;
}
