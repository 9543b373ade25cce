// Package am talks to Alertmanager's API, version 2: it compares what an
// Alertmanager has with what the relay shows, silences, and says what an
// Alertmanager's configuration should have for the relay.
//
// # Why
//
// Alertmanager's webhook says nothing of an alert that is silenced or inhibited,
// not even that it is over (alertmanager#226). What is on the screens would stay
// there. Its API knows.
//
// # The way of a look
//
//	Client.Look                 what one live member has: status, alerts, silences
//	      |
//	Holder.Known                what the relay has
//	      |
//	comparison.compare          the differences, without side effects
//	      |
//	Client.elsewhere            only if something is to be cleared: other members
//	      |
//	alerts.Recorder             they become events, as if a sender had reported them
//
// # Files
//
//   - client, request: the members of a cluster, and a request to one that is live
//   - decode: what they answer
//   - compare: from looks to reports
//   - reconcile: looking again and again
//   - expiring: an alert of our own for a silence that ends soon
//   - silence, ack: silencing, and silencing what somebody has acknowledged
//   - doctor, route, advice: what a configuration should have
//   - metrics
//
// # Invariants
//
//   - A look that failed clears nothing and counts as none. What does not begin as
//     a list of alerts is a failed look, never an empty one.
//   - An alert is cleared after two looks without it, one after the other, at
//     members that have been up for long enough to know it, and only if no other
//     live member has it.
//   - No error and no line of the log has a password, a token, or the text of an
//     alert.
package am
