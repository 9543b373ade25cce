package relaytest

import (
	"testing"

	"github.com/nats-io/nats.go"

	"alertrelay/embedded"
	"alertrelay/relay/conf"
)

// NATS is a NATS server of its own, for relays that use an external one. Only the
// test's own goroutine may start and stop it.
type NATS struct {
	// URL is where it is, also after Restart.
	URL string

	t       testing.TB
	options embedded.Options
	server  *embedded.Server // nil while it is stopped
}

// StartNATS starts a NATS server with JetStream, listening on loopback.
func StartNATS(t testing.TB) *NATS {
	t.Helper()
	address := FreeAddress(t)
	n := &NATS{URL: "nats://" + address, t: t, options: embedded.Options{Dir: t.TempDir(), Listen: address, ListenRequired: true}}
	t.Cleanup(func() {
		if n.server != nil {
			n.Stop()
		}
	})
	n.Restart()
	return n
}

// Stop stops it; its clients lose their connections.
func (n *NATS) Stop() {
	n.t.Helper()
	if err := n.server.Stop(); err != nil {
		n.t.Errorf("stop NATS: %v", err)
	}
	n.server = nil
}

// Restart starts it with what it has stored, after stopping it if it runs.
func (n *NATS) Restart() {
	n.t.Helper()
	if n.server != nil {
		n.Stop()
	}
	var err error
	if n.server, err = embedded.Start(n.t.Context(), n.options); err != nil {
		n.t.Fatal(err)
	}
}

// Connect makes a NATS client.
func Connect(t testing.TB, url string) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(url)
	if err != nil {
		t.Fatalf("connect to NATS at %s: %v", url, err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// UseNATS has a relay use an external server.
func UseNATS(n *NATS) func(*conf.Config) {
	return func(c *conf.Config) { c.NATS.URL = n.URL }
}

// SubscribeNATS follows all channels as "nats sub" does.
func SubscribeNATS(t testing.TB, url string) *nats.Subscription {
	t.Helper()
	nc := Connect(t, url)
	s, err := nc.SubscribeSync("alerts.>")
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil { // the server knows of it
		t.Fatal(err)
	}
	return s
}

// NextNATS is the next message, "subject text".
func NextNATS(t testing.TB, s *nats.Subscription) string {
	t.Helper()
	m, err := s.NextMsg(Patience)
	if err != nil {
		t.Fatalf("NATS subscriber: %v", err)
	}
	return m.Subject + " " + string(m.Data)
}
