// Package relay is the heart of alertrelay: channels, their recent messages, and
// the subscribers that read them. It imports the standard library only.
//
// A channel is a ring of its last messages. A subscriber is a cursor. Slow is
// just "in the past".
//
// # The way of a message
//
//	Alertmanager ...        POST /pub, WebSocket          nats pub alerts.ops
//	      |                        |                            |
//	   alerts                  relay/web                        |
//	      \------ Publisher ------/                             |
//	                  |                                         |
//	         relay/store.Publish ----> JetStream stream <-------/
//	                                        | one ordered consumer
//	                                 relay/store.Run
//	                                        | store.Sink
//	                                   Hub.Append             one ring per channel
//	                                        | wakes
//	                                 Subscription.Peek
//	                                        | Entry.Frame     rendered once, shared
//	     relay/web: poll  long-poll  SSE  stream  WebSocket
//
// Messages go one way. Nothing flows back up but the publisher's Receipt and,
// through queues on which nobody waits, what RunLifecycle has to say: events, and
// the marks of channels that begin or end without a message.
//
// # Files
//
//   - message, errors: what travels, and what can go wrong
//   - path, wildcard, cursor: what a subscriber asks for
//   - template, format: how a message looks on the wire
//   - entry, ring, hub: what is in memory, and the sink side that fills it
//   - followers: who reads a ring, and waking them
//   - forget: what was rendered is not kept for long
//   - settings: what of it can change at run time
//   - class: channels that are counted apart
//   - subscribe, subscription, merge: placing a cursor, and reading with it, from
//     several rings in one order
//   - follow: beginning with what is active now, and going on exactly from there
//   - archive: history that is older than the memory
//   - applied, stats: how far the stream has been read, and the numbers
//   - lifecycle, events: where channels begin and end, and telling of it
//
// # Invariants
//
//   - There is one sink goroutine, and it calls in the order of the stream. Every
//     entry gets a position from it; Hub.commit is published after all rings hold
//     the entry, and a read takes nothing beyond the commit it saw at its start.
//   - An entry never changes, but for frames rendered on demand.
//   - Nothing is queued per subscriber. What has left the buffer before a
//     subscriber read it comes from the Archive; what retention has removed is
//     told as a gap. A snapshot is read first, from a list of entries that all who
//     ask for it share.
//   - Whether a channel exists, and how its messages are numbered, is decided by
//     the stream alone, so that relays agree. What only this relay knows, a ring
//     that a subscriber has made, has ring.born 0 until the stream has it.
//   - A ring's entries are addressed by ordinals that outlive eviction, so a cursor
//     is a number and knows exactly how many entries it has missed.
package relay
