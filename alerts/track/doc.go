// Package track knows what every alert is now, and makes an event of each change.
//
// # The way of a report
//
//	Record(Batch)                what a sender says of its alerts
//	      |
//	   channels                  those of the routes, and where the alert is
//	      |
//	   Last(channel)             the last event: the state
//	      |
//	   state.next                the state machine, without side effects
//	      |                 \
//	   Publish, if stored     nothing, if unchanged
//	      |                 /
//	   keep                      the bucket: when it was last heard of
//
// # The two stores
//
// The event log has what has changed, and the bucket what is active now with the
// time when it was last heard of. An event is stored only if the event that it
// follows from is still the channel's last, so of any number of relays and copies
// one makes it. The bucket is written after the log, and also under the condition
// that nobody has written meanwhile. A crash in between leaves it behind; whoever
// looks at the alert next, or the sweep of any relay, mends it. The other way round, an
// active alert of which the log has no event any more, because it was too old or
// the stream is another one, is published again with what the bucket says.
//
// # In memory
//
// The Tracker gets every message before the hub does (Load, Append), and so knows
// the state at each place in the stream: that is what snapshots are of. What it
// knows is for showing and for finding; what is stored is decided by what the log
// says.
//
// # Files
//
//   - step: the state machine
//   - record: from a report to an event
//   - bucket: what is kept beside the events
//   - items, labels, list: what is known now, and telling it
//   - run: reading it at the start, alerts that nobody speaks of any more, repair
//   - news: whether silence about an alert means anything
//   - group, watch: alerts that are missing from their group, sources and alerts
//     that are silent, alerts that were left out
//   - move: alerts that belong into other channels after the routes have changed
//   - ack: what people say
package track
