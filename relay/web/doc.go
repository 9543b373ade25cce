// Package web is the HTTP side of the relay: publishers, statistics and
// subscribers as nginx-push-stream-module serves them ("protocol" in comments),
// on locations that the configuration describes. It is the only code that talks
// to browsers, and the only one that knows melody.
//
// # The way of a subscriber
//
//	request -> admit            is it a location, a channel, a limit?
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
// # Files
//
//   - location, builtin, values: what is served where, and what a request says
//   - server, listen, errors, headers, health, metrics: around it
//   - publish, statistics, info: answers of net/http
//   - admit, subscriber: from a request to a subscriber
//   - queue, writer, wheel, trim: who writes when, and memory given back
//   - flow, answer: what is written: an endless response, or one answer
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
package web
