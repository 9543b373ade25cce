// Package client publishes to a relay and subscribes to it, over HTTP and
// WebSocket, at the built-in locations (/pub, /ev/, /ws/, /lp/, /sub/, /poll/).
//
// A subscription goes on by itself after whatever ends its connection, at the
// place where it stood: each message carries a time and a tag, and a connection
// begins after the last ones seen. Built-in locations send the history of several
// channels in the order of the stream, so this is exact; nothing is lost and
// nothing comes twice as long as the relay retains it, and Notice tells when it
// does not.
//
// # Files
//
//   - client: the client, publishing, refusals
//   - message: what comes, and how it looks on the wire
//   - subscribe: going on, again and again
//   - alerts, silences: the API for alerts
//   - sse, websocket, poll, stream: one connection of each kind
package client
