// Package alerts takes what monitoring senders post, and makes of each alert a
// channel of its own with one event per change. It alone knows payloads.
//
// # The way of a notification
//
//	POST /in/alertmanager/{source}
//	        |
//	     Intake        method, size, time and load; the answer
//	        | body
//	     Decoder       one per sender: body -> Batch of Alert
//	        |
//	     Router        labels -> channels
//	        |
//	     recorder      last event of the channel + state machine -> event or not
//	        | compare-and-set
//	     EventLog      relay/store
//
// # Files
//
//   - alert, fingerprint: what every sender's payload becomes, and its identity
//   - alertmanager: a sender's payload; a new sender is one more such file
//   - pagerduty, cloudevents: two more; any other JSON is for package mapping
//   - deadletter: bodies that nothing gives a meaning to
//   - limits: what decoders outside of this package need
//   - json: reading JSON so that an error tells the field and the byte
//   - token, pattern, route: the channel of an alert
//   - event: the JSON that is stored and shown
//   - state, record: which alerts become events, and storing each of them once
//   - auth: who may post
//   - intake, body, metrics: the HTTP side
//
// # Invariants
//
//   - 200 is answered only after every event of the request is stored. Trouble of
//     ours is 503, never 429 or another 4xx: Alertmanager retries 5xx only.
//   - An alert is its source and its fingerprint. startsAt numbers an incident; it
//     is no identity, because a resolve may come with another.
//   - What a channel's last event says is the state. Two relays, a sender's
//     repeats and both members of a cluster agree through it: the sequence of that
//     event is the condition under which the next one is stored.
//   - A label's value is one token of a subject, whatever it holds.
//   - The text of an alert is not logged, and errors do not quote it.
package alerts
