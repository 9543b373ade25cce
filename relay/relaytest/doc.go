// Package relaytest starts real relays for tests, publishes to them and subscribes
// to them on every transport. There are no mocks in it: a relay is the program's
// own app.New and Run, in this process, with its store in a temporary directory.
//
//	r := relaytest.Start(t)
//	sub := r.Subscribe(client.WebSocket, "ops")
//	r.Publish("ops", "hello")
//	r.Restart()
//	r.Publish("ops", "last")
//	got := sub.Until("last") // hello, last
//
// Everything is ended by t.Cleanup. What goes wrong fails the test, and waiting
// is for a condition, for Patience at most.
//
// # Files
//
//   - relay: a relay
//   - subscription: what a subscriber of it has seen
//   - http: requests of others than its client
//   - nats: a NATS server beside it, and NATS clients
//   - gate: a proxy before it, which fails
//   - chromium, tab: a browser, and a page in it
//   - program, build: other programs that tests run, of others and of ours
//   - main: TestMain
//   - address, files, wait, log: the rest
package relaytest
