// Package web is the HTTP side of the relay: publishers, statistics and
// subscribers as nginx-push-stream-module serves them ("protocol" in comments),
// on the servers and locations of a site.Site. It is the only code that talks to
// browsers, and the only one that knows melody.
//
// # The way of a subscriber
//
//	request -> locate, route    which server, which location, what do its steps say?
//	        -> admit            is it a channel, a limit?
//	        -> Hub.Subscribe    a cursor
//	        -> hijack           net/http lets go of the connection
//	        -> subscriber       a cursor, a socket, a few words
//	 wake   -> queue -> writer  takes all frames that are there, one write(2)
//	 end    -> Server.returned  the connection goes back to net/http
//
// A subscriber is woken by its subscription, by the wheel (ping, time to live)
// or by a frame its client sent. It is then queued, once, until one of a few
// writers has its turn: that takes what is there without blocking. A socket that
// is full parks the subscriber until it takes something again; only then does it
// cost a goroutine, and when that takes longer than SendTimeout the connection
// is dropped. A goroutine per subscriber waits for the client to close.
//
// Two kinds cost more, and only themselves. TLS cannot be written without waiting,
// so that a subscriber over it has a goroutine that writes (secure). Bytes that are
// not those of others, because they are padded for a user agent or compressed, are
// made for each (special); a compressed stream has an encoder of some hundred KB.
//
// # Files
//
//   - routing, tree, location: a site ready to serve, and which part is meant
//   - visit, uri, values, variable, steps: what a request says, and what follows
//   - listen, link, reload: sockets, connections, another site while serving
//   - server, lifecycle: from a request to its location; beginning and ending
//   - errors, status, headers, health, metrics: around them
//   - publish, statistics, info: answers of net/http
//   - cluster: adding up what several relays have
//   - admit, beginning, subscriber: from a request to a subscriber
//   - queue, writer, wheel, trim: who writes when, and memory given back
//   - flow, answer: what is written: an endless response, or one answer
//   - secure, special, padding, gzip: what is written in another way
//   - websocket: the handshake, refusals, publishing
//   - peer, mask: the client's frames, and all of melody
//   - socket_*: writing without blocking
//
// # Invariants
//
//   - Between queue and writer a subscriber has one owner at a time (subscriber.state).
//   - Bytes of frames are shared and never changed.
//   - The goroutine that reads a connection ends its subscriber; others only ask
//     it to, by closing the socket or by a read deadline in the past.
//   - A routing never changes. A subscriber keeps the location that it came to,
//     also when another site is served; a location that is the same in both stays
//     the same value, so that what is rendered for it is shared.
//
// # Where a subscriber begins
//
// A request without more gets what comes from now on. On our own locations
// (Location.Module is false) it may say, beside the cursors of protocol 7.2:
//
//   - since=10m, since=2026-11-22T07:00:00Z or since=1795330800: history from that
//     second on. A cursor beats it, because a browser that comes back sends both.
//   - mode=now: first the newest message of every channel that is active, by tag,
//     then an end of the snapshot, then everything after it: each message once,
//     with the ends of channels (-2), and with what newcomers are not shown any
//     more. Options.Now knows what is active; without it the answer is 404.
//
// The end of the snapshot is a place to go on from, its entries are none: a client
// that goes on after one of them never hears of what ended before it. So
//
//   - an event of the snapshot has an empty id, which has a browser forget its place,
//     and is how a script tells it from the others. The end is an event of the type
//     snapshot-end, whose id is the place and whose data is
//     {"id":-5,"time":"Sun, 22 Nov 2026 07:00:00 GMT","tag":"17","count":2}
//   - on a stream and a WebSocket the end is a message with the id -5 and the place
//     as its time and tag, whose text is the same JSON. What begins with a snapshot
//     has the header X-Alertrelay-Snapshot: begin. A client that loses its connection
//     before the end must come back without time and tag
//   - the answer to a poll or a long poll is the snapshot, at once, with the place in
//     Last-Modified and Etag and the header X-Alertrelay-Snapshot: end. It is 200 with
//     no body if nothing is active. In JSONP, which has no headers, the end is the last
//     message
//
// With a cursor as well, mode=now goes on after it, without a snapshot, if the message
// that it names is in this relay's buffer and came while it ran, or was the last
// before: then nothing can be missing. Otherwise, with an event id that is a
// publisher's, and without a cursor, there is a snapshot, and whatever the client had
// is void at its end.
//
// # Several relays
//
// Relays on one stream find each other over NATS (store.Peers) and answer as one:
// subscribers of a channel and of the summary are those of all relays, and
// by_worker lists each relay. Messages and their numbers are the same everywhere,
// because the stream has them. A relay that does not answer within 300 ms is left
// out: then numbers of subscribers are too low, and a channel that exists only for
// its subscribers there is not found. No channel ends for being idle until it
// answers or has not been heard of for seven seconds. Numbers may be a second old. A limit of
// subscribers per channel counts those of each relay by itself: asking the others
// would make admission wait for them. The same is true of the limit of channels,
// and of how long an empty channel is idle.
//
// # Events
//
// With an events channel (relay.HubOptions) its messages are those of protocol
// 11.2. What differs, because the store takes time and there may be several relays:
//
//   - A channel that a publish creates is told of after that publish: the publish
//     is what creates it. One that a subscriber creates is told of before the
//     subscriber, so a connection on the events channel sees the creation of
//     another channel that it asks for, which the module should not show.
//   - Events of one channel are in order. Those of different channels may change
//     places.
//   - channel_created and channel_destroyed come once, however many relays there
//     are. client_subscribed and client_unsubscribed come from the relay that has
//     the subscriber; one that is killed tells of nobody leaving.
//   - channel_destroyed comes one to three seconds after a deletion, or at once
//     when the channel is made again before that.
//   - What happens while no relay runs is not told. While the store is away, 65,536
//     events wait; more are dropped and counted.
//   - Wildcards do not cover the events channel.
//   - The events count neither as published nor as stored in the summary (24).
//
// Items of protocol 13 about events, and their tests:
//
//	211-218, 221  TestEventsOfEachMode
//	219           TestEventsChannelStays
//	220           TestEventsOfManySubscribers
//	222, 223      TestTranscriptsE, TestEventsOfOneself
//	224           in part: tags are places in the stream, and grow
//	225           TestChecklistEventsAfterReload
//
// CHECKLIST.md has all other items.
//
// # What we choose where the module may be left (protocol section 14)
//
//   - An element repeated in a path counts once (quirk 9); empty elements are
//     skipped (8).
//   - Answers of publishers end when the relay itself has the message, so that
//     their counters include it.
//   - On our own locations (Location.Module is false) answers without a message
//     carry the place where the stream stands, never "now" with tag 0 (15).
//   - Polls and long polls are written as streams are, not by net/http, which
//     takes Content-Type off a 304.
//   - Wildcard channels, those with the prefix, need one without it in the same
//     path where wildcard_channel_max_qtd is in force, and also where
//     authorized_channels_only is (23): the documentation says so, and otherwise
//     the prefix would be a way around the authorization. Elsewhere they need
//     none: clients that follow only them work with the module.
//   - The events channel is refused to wildcards that have it in them, such as ">",
//     as it is to those who name it.
//   - The content type is default_type, whatever the path ends with (30): types
//     would make an HTML page of /sub/x.html, with any publisher's text.
//   - The channel limits go for publishers too, but what the store has taken is
//     never refused: several at once may get a little over them.
//   - An answer that net/http writes at a location of an nginx.conf has nginx's
//     status line and order of headers; on our own locations it has net/http's.
//   - Nothing is sent where nginx would show a page of its own (return, 404), but
//     for 413: clients of the module see that page, and so does section 16.
//   - There is no Server header, which section 16 leaves out.
package web
