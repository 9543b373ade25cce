// Package alertstest starts, for the tests of package alerts and those below it, a
// relay as far as alerts go: an embedded NATS server, a store and its hub, and a
// tracker, joined as package relay/app joins them. Whole relays, with HTTP, are
// package relaytest's.
//
//	r := alertstest.Start(t, alertstest.Server(t, embedded.Options{}), alertstest.Options{})
//	_, err := r.Record(t.Context(), alerts.Batch{Source: "am", Alerts: []alerts.Alert{alertstest.Firing("DiskFull")}})
//
// Everything is ended by t.Cleanup, and what goes wrong fails the test.
//
// # Files
//
//   - stream: the server, and a store and hub on it
//   - rig: a tracker on them
//   - alert: alerts that senders report
//   - golden: what decoders make of bodies
package alertstest
