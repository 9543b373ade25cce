'use strict';

// A small client of push_stream for tests. It is written from the description of
// what pushstream.js asks for and reads, and makes the same requests, with their
// oddities: a query that begins with "&", empty arguments, "If-Modified-Since:
// null".
//
// Its instances are numbered from 1: number 0 would send an empty streamid, and
// never find out that its iframe has begun.
(() => {
  const CLOSED = 0, CONNECTING = 1, OPEN = 2;

  const defaults = {
    mode: 'eventsource', // or websocket, stream, longpolling, jsonp
    origin: location.origin, // of the server
    prefixes: { publisher: '/pub', stream: '/sub', eventsource: '/ev', longpolling: '/lp', jsonp: '/lp', websocket: '/ws' },
    timeout: 30_000, // of a poll, which is given up two seconds later
    pingTimeout: 30_000, // between two messages of a stream
    reconnectOnTimeout: 3_000,
    reconnectOnLoad: 60_000,
    pollPause: 100, // between two polls
    openAfter: 150, // a poll that nobody has refused by then is taken for open
    autoReconnect: true,
    messagesControlByArgument: false,
    messagesPublishedAfter: undefined, // seconds ago, negative for all, or a Date
    lastEventId: '',
    channelsByArgument: false,
    extraParams: {},
    onmessage() {}, // (text, id, channel, eventid, isLastOfBatch, time)
    onchanneldeleted() {}, // (channel)
    onerror() {}, // ({type: 'load' or 'timeout', code: of a WebSocket})
    onstatuschange() {}, // (state)
  };

  const instances = [];
  let lastTime = 0;
  const clock = () => (lastTime = Math.max(lastTime + 1, Date.now()));

  class PushClient {
    constructor(options) {
      this.o = { ...defaults, ...options };
      this.o.prefixes = { ...defaults.prefixes, ...options.prefixes };
      this.number = instances.push(this);
      this.byArgument = this.o.messagesControlByArgument || this.o.mode === 'jsonp';
      this.channels = new Map(); // from name to backtrack
      this.state = CLOSED;
      this.tag = this.etag = '';
      this.time = startTime(this.o.messagesPublishedAfter);
      this.eventid = this.o.lastEventId;
      this.connection = null;
      this.reconnecting = 0;
      this.pings = 0;
    }

    addChannel(name, backtrack = 0) {
      this.channels.set(name, backtrack);
      this.reconnect();
    }

    removeChannel(name) {
      this.channels.delete(name);
      this.reconnect();
    }

    reconnect() {
      if (this.state !== CLOSED) {
        this.disconnect();
        this.connect();
      }
    }

    connect() {
      if (this.state !== CLOSED) return;
      clearTimeout(this.reconnecting);
      this.become(CONNECTING);
      this.connection = new transports[this.o.mode](this);
    }

    disconnect() {
      clearTimeout(this.reconnecting);
      this.end();
    }

    // sendMessage publishes over the WebSocket if there is one.
    sendMessage(text) {
      if (this.o.mode === 'websocket') {
        this.connection.socket.send(encodeURIComponent(text));
        return;
      }
      const xhr = new XMLHttpRequest();
      xhr.open('POST', `${this.o.origin}${this.o.prefixes.publisher}?id=/${[...this.channels.keys()].join('/')}&_=${clock()}`);
      xhr.setRequestHeader('Accept', 'application/json');
      xhr.setRequestHeader('Content-type', 'application/x-www-form-urlencoded');
      xhr.send(encodeURIComponent(text));
    }

    // What follows is for the transports.

    end() {
      this.connection?.close();
      this.connection = null;
      this.become(CLOSED);
    }

    become(state) {
      if (this.state === state) return;
      this.state = state;
      this.o.onstatuschange(state);
    }

    opened() {
      if (this.state === CONNECTING) this.become(OPEN);
    }

    failed(type, code) {
      this.end();
      this.o.onerror({ type, code });
      if (this.o.autoReconnect) {
        this.reconnecting = setTimeout(() => this.connect(), type === 'load' ? this.o.reconnectOnLoad : this.o.reconnectOnTimeout);
      }
    }

    // address is where to connect to. order names the arguments.
    address(order) {
      const known = this.byArgument && (this.time || this.eventid);
      const path = [...this.channels].map(([name, backtrack]) => name + (backtrack && !known ? '.b' + backtrack : '')).join('/');
      const now = clock();
      const args = {
        blank: [''],
        extra: Object.entries(this.o.extraParams).map(([k, v]) => `${k}=${encodeURIComponent(v)}`),
        now: ['_=' + now],
        streamid: ['streamid=' + this.number],
        callback: [`callback=PushStreamManager_${this.number}_onmessage_${now}`],
        cursor: ['tag=', 'time=', 'eventid='],
      };
      if (this.byArgument) {
        args.cursor = ['tag=' + this.tag, 'time=' + encodeURIComponent(this.time), 'eventid=' + (this.time ? '' : encodeURIComponent(this.eventid))];
      }
      let url = this.o.origin + this.o.prefixes[this.o.mode];
      if (!this.o.channelsByArgument) url += '/' + path;
      url += '?' + order.flatMap((name) => args[name]).join('&');
      if (this.o.channelsByArgument) url += '&channels=' + encodeURIComponent(path);
      return url;
    }

    // take takes a message in, which carries the cursor only if that is not in
    // headers.
    take(m, isLast, carriesCursor = true) {
      if (carriesCursor && m.time) {
        this.tag = Number(m.tag) || '';
        this.time = m.time;
        this.eventid = m.eventid;
      }
      if (m.id === -1) this.pings++;
      if (m.id === -2) this.o.onchanneldeleted(m.channel);
      if (m.id > 0) this.o.onmessage(typeof m.text === 'string' ? decodeURIComponent(m.text) : m.text, m.id, m.channel, m.eventid, isLast, m.time);
    }
  }

  function startTime(after) {
    if (after === undefined) return '';
    if (after instanceof Date) return after.toUTCString();
    return new Date(after < 0 ? 0 : Date.now() - after * 1000).toUTCString();
  }

  class EventSourceTransport {
    constructor(client) {
      this.source = new EventSource(client.address(['extra', 'now', 'cursor']));
      this.source.onopen = () => client.opened();
      this.source.onmessage = (e) => client.take(JSON.parse(e.data), true);
      this.source.onerror = () => {
        if (client.state === CONNECTING) client.failed('load'); // later it is the browser that comes back
      };
    }

    close() {
      this.source.onopen = this.source.onmessage = this.source.onerror = null;
      this.source.close();
    }
  }

  class WebSocketTransport {
    constructor(client) {
      this.socket = new WebSocket(client.address(['extra', 'now', 'cursor']).replace(/^http/, 'ws'));
      this.socket.onopen = () => client.opened();
      this.socket.onmessage = (e) => client.take(JSON.parse(e.data), true);
      this.socket.onclose = (e) => client.failed(e.code === 1006 ? 'load' : 'timeout', e.code);
    }

    close() {
      this.socket.onopen = this.socket.onmessage = this.socket.onclose = null;
      this.socket.close();
    }
  }

  class StreamTransport {
    constructor(client) {
      this.client = client;
      this.frame = document.createElement('iframe');
      this.frame.hidden = true;
      this.frame.src = client.address(['extra', 'now', 'streamid', 'cursor']);
      this.frame.onload = () => client.failed(client.state === OPEN ? 'timeout' : 'load'); // the answer is over
      document.body.append(this.frame);
    }

    register(w) {
      w.p = (id, channel, text, eventid, time, tag) => {
        if (this.client.connection !== this) return;
        this.alive();
        this.client.take({ id, channel, text, eventid, time, tag }, true);
      };
      this.alive();
      this.client.opened();
    }

    alive() {
      clearTimeout(this.silent);
      this.silent = setTimeout(() => this.client.failed('timeout'), this.client.o.pingTimeout);
    }

    close() {
      clearTimeout(this.silent);
      this.frame.onload = null;
      this.frame.remove();
    }
  }

  // Poll is what both ways of polling share.
  class Poll {
    constructor(client) {
      this.client = client;
      this.polls = 0;
      this.opening = setTimeout(() => client.opened(), client.o.openAfter);
      this.poll();
    }

    poll() {
      this.polls++;
      this.waiting = true;
      this.limit = setTimeout(() => {
        this.stop();
        this.answered([], false);
      }, this.client.o.timeout + 2_000);
      this.ask();
    }

    answered(messages, carriesCursor) {
      this.waiting = false;
      clearTimeout(this.limit);
      this.client.opened();
      // A callback may disconnect. The messages of the answer are still its.
      messages.forEach((m, i) => this.client.take(m, i === messages.length - 1, carriesCursor));
      if (this.client.connection === this) this.next = setTimeout(() => this.poll(), this.client.o.pollPause);
    }

    refused(status) {
      this.client.failed(status === 403 || this.client.state !== OPEN ? 'load' : 'timeout');
    }

    close() {
      clearTimeout(this.opening);
      clearTimeout(this.limit);
      clearTimeout(this.next);
      this.stop();
    }
  }

  class LongPolling extends Poll {
    ask() {
      const client = this.client;
      const xhr = this.xhr = new XMLHttpRequest();
      xhr.open('GET', client.address(['blank', 'extra', 'cursor', 'now']));
      if (!client.byArgument) {
        xhr.setRequestHeader('If-None-Match', client.etag || '0');
        xhr.setRequestHeader('If-Modified-Since', client.time || 'null');
      }
      xhr.onerror = () => this.refused(0);
      xhr.onload = () => {
        if (xhr.status !== 200 && xhr.status !== 304) return this.refused(xhr.status);
        if (!client.byArgument) {
          client.etag = xhr.getResponseHeader('Etag') ?? client.etag;
          client.time = xhr.getResponseHeader('Last-Modified') ?? client.time;
        }
        const pieces = xhr.status === 304 ? [] : xhr.responseText.replaceAll('}{', '}\r\n{').split('\r\n').filter((s) => s.trim());
        this.answered(pieces.map((s) => JSON.parse(s)), client.byArgument);
      };
      xhr.send();
    }

    stop() {
      this.xhr.onload = this.xhr.onerror = null;
      this.xhr.abort();
    }
  }

  class JSONP extends Poll {
    ask() {
      const client = this.client;
      const begin = Date.now();
      const script = this.script = document.createElement('script');
      script.src = client.address(['blank', 'extra', 'cursor', 'callback', 'now']);
      const name = /callback=(\w+)/.exec(script.src)[1];
      let messages = [];
      // A script that is no longer wanted is loaded all the same.
      window[name] = (list) => { messages = list; };
      script.onload = () => {
        delete window[name];
        script.remove();
        if (this.script === script) this.answered(messages, true);
      };
      script.onerror = () => {
        delete window[name];
        script.remove();
        if (this.script !== script) return;
        if (Date.now() - begin < client.o.timeout / 2) this.refused(403);
        else this.answered([], true);
      };
      document.head.append(script);
    }

    stop() {
      this.script = null;
    }
  }

  const transports = {
    eventsource: EventSourceTransport, websocket: WebSocketTransport, stream: StreamTransport, longpolling: LongPolling, jsonp: JSONP,
  };

  window.PushClient = PushClient;
  // What the header template of a stream calls.
  window.PushStream = {
    register(w) {
      const number = /streamid=(\d*)/.exec(w.location.href)?.[1];
      instances[number - 1]?.connection?.register(w);
    },
  };
})();
