// Package alerts takes what monitoring senders post and makes Alerts of it, and
// says which channels they belong to. It alone knows payloads.
//
// # The way of a notification
//
//	POST /in/<kind>/{source}
//	        |
//	     Intake        method, credentials, size, time and load; the answer
//	        | body
//	     Decoder       one per sender: body -> Batch of Alert
//	        |
//	     Recorder      package track: what has changed, by the Router's channels
//	        |
//	     the event log and the bucket, relay/store
//
// # Files
//
//   - alert, fingerprint, limits: what every sender's payload becomes, its identity
//     and its bounds
//   - alertmanager, grafana, prometheus, eventrecorder, pagerduty, cloudevents: the
//     senders; a new one is one more such file
//   - json: reading JSON so that an error tells the field and the byte
//   - token, pattern, matchers, route: the channel of an alert
//   - event: the JSON that is stored and shown
//   - auth: who may post
//   - deadletter: bodies that nothing gives a meaning to
//   - intake, body, metrics: the HTTP side
//
// # Packages below
//
//   - mapping: any other JSON, by paths that a configuration gives
//   - track: what every alert is now, and an event of each change
//   - am: an Alertmanager's API: what is really so, silences, and its configuration
//   - api: /api/v1
//   - board: the page
//
// # Invariants
//
//   - 200 is answered only after every event of the request is stored. Trouble of
//     ours is 503, never 429 or another 4xx: Alertmanager retries 5xx only.
//   - An alert is its source and its fingerprint. startsAt numbers an incident; it
//     is no identity, because a resolve may come with another.
//   - A label's value is one token of a subject, whatever it holds.
//   - The text of an alert is not logged, and errors do not quote it. Nor are
//     credentials.
package alerts
