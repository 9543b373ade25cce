package alertstest

import (
	"context"
	"errors"
	"sync"
	"testing"

	"alertrelay/alerts"
	"alertrelay/embedded"
	"alertrelay/relay"
	"alertrelay/relay/feed"
	"alertrelay/relay/store"
)

// Server starts a NATS server, in a directory of the test's.
func Server(t testing.TB, o embedded.Options) *embedded.Server {
	t.Helper()
	o.Dir = t.TempDir()
	server, err := embedded.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	return server
}

// Stream is the store, and the hub that it is to be read into.
type Stream struct {
	*store.Store
	Hub *relay.Hub
	// Close ends the connection to the server. It may be called twice, and is at the
	// end of the test.
	Close func()
}

// Open makes one more connection to the server, as another relay would. Unless o
// says otherwise, no test loses events to the limit of a channel.
func Open(t testing.TB, server *embedded.Server, o store.Options) *Stream {
	t.Helper()
	if o.MaxMsgsPerChannel == 0 {
		o.MaxMsgsPerChannel = 1000
	}
	nc, err := server.Connect(store.NATSOptions(nil)...)
	if err != nil {
		t.Fatal(err)
	}
	s := &Stream{Close: nc.Close}
	t.Cleanup(func() { s.Close() })
	if s.Store, err = store.Open(t.Context(), nc, o); err != nil {
		t.Fatal(err)
	}
	if s.Hub, err = relay.NewHub(relay.HubOptions{Archive: s.Archive, StoredAt: s.StoredAt}); err != nil {
		t.Fatal(err)
	}
	s.Close = sync.OnceFunc(func() {
		s.Hub.Close()
		nc.Close()
	})
	return s
}

// Log is the stream as a tracker's event log.
func (s *Stream) Log() feed.Log { return feed.Log{Store: s.Store, Hub: s.Hub} }

// History are the events of a channel or wildcard, in their order.
func (s *Stream) History(t testing.TB, channel string) []alerts.Event {
	t.Helper()
	msgs, err := s.Archive(t.Context(), relay.ArchiveQuery{Channel: channel})
	if err != nil {
		t.Fatal(err)
	}
	var events []alerts.Event
	for _, m := range msgs {
		e, err := alerts.ParseEvent(m.Text)
		if err != nil {
			t.Fatal(err)
		}
		if m.EventType != nil {
			t.Errorf("%s: got event type %q, want none", m.Channel, *m.EventType)
		}
		events = append(events, e)
	}
	return events
}

// Background runs something until stop is called, at the end of the test at the
// latest. stop waits until it has ended; an error of it fails the test.
func Background(t testing.TB, runs ...func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, len(runs))
	for _, run := range runs {
		go func() { ended <- run(ctx) }()
	}
	stop = sync.OnceFunc(func() {
		cancel()
		var err error
		for range runs {
			err = errors.Join(err, <-ended)
		}
		if err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return stop
}
