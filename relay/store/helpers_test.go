package store

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"alertrelay/embedded"
	"alertrelay/relay"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// The server ends this a moment after WaitForShutdown.
		goleak.IgnoreTopFunction("github.com/nats-io/nats-server/v2/server.(*fileStore).expireMsgs"))
}

const patience = 20 * time.Second

// rig is a NATS server on a directory and an address that stay the same when it
// is stopped and started.
type rig struct {
	t      testing.TB
	dir    string
	listen string
	server *embedded.Server
}

// newRig starts a server. Tests with one run side by side, because they wait for
// the clock and the disk more than they work.
func newRig(t testing.TB) *rig {
	t.Helper()
	if t, ok := t.(*testing.T); ok {
		t.Parallel()
	}
	r := &rig{t: t, dir: t.TempDir(), listen: "127.0.0.1:0"}
	t.Cleanup(r.stop)
	r.start()
	return r
}

func (r *rig) start() {
	r.t.Helper()
	s, err := embedded.Start(context.Background(), embedded.Options{Dir: r.dir, Listen: r.listen, ListenRequired: true})
	if err != nil {
		r.t.Fatal(err)
	}
	u, err := url.Parse(s.ClientURL())
	if err != nil {
		r.t.Fatal(err)
	}
	r.server, r.listen = s, "127.0.0.1:"+u.Port()
}

func (r *rig) stop() {
	if r.server == nil {
		return
	}
	if err := r.server.Stop(); err != nil {
		r.t.Error(err)
	}
	r.server = nil
}

// connect makes a connection as the program does in external mode.
func (r *rig) connect() *nats.Conn {
	r.t.Helper()
	nc, err := Connect("nats://"+r.listen, nil, nats.ReconnectWait(20*time.Millisecond), nats.ReconnectJitter(0, 0))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(nc.Close)
	return nc
}

// open opens a store.
func (r *rig) open(o Options) *Store {
	r.t.Helper()
	s, err := Open(r.t.Context(), r.connect(), o)
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// run runs the store into the sink and returns a function that ends it.
func run(t testing.TB, s *Store, sink Sink) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, sink) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Error("Run:", err)
			}
		case <-time.After(patience):
			t.Error("Run does not end")
		}
	})
	t.Cleanup(stop)
	return stop
}

// client is a JetStream client of somebody else.
func (r *rig) client() jetstream.JetStream {
	r.t.Helper()
	nc, err := nats.Connect("nats://" + r.listen)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		r.t.Fatal(err)
	}
	return js
}

func publish(t testing.TB, s *Store, p relay.Publication) relay.Receipt {
	t.Helper()
	receipt, err := s.Publish(t.Context(), p)
	if err != nil {
		t.Fatalf("publish to %q: %v", p.Channel, err)
	}
	return receipt
}

func text(channel, body string) relay.Publication {
	return relay.Publication{Channel: channel, Text: []byte(body)}
}

// fill publishes n messages with the numbers from first on, as fast as it goes.
func fill(t testing.TB, js jetstream.JetStream, first, n int, subject func(i int) string) {
	t.Helper()
	futures := make([]jetstream.PubAckFuture, 0, 1000)
	settle := func() {
		for _, f := range futures {
			select {
			case <-f.Ok():
			case err := <-f.Err():
				t.Fatal(err)
			case <-time.After(patience):
				t.Fatal("no acknowledgement")
			}
		}
		futures = futures[:0]
	}
	for i := first; i < first+n; i++ {
		f, err := js.PublishAsync(subject(i), []byte(strconv.Itoa(i)))
		if err != nil {
			t.Fatal(err)
		}
		if futures = append(futures, f); len(futures) == cap(futures) {
			settle()
		}
	}
	settle()
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("timeout: ", what)
		}
	}
}

func wantError(t testing.TB, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// call is what a recorder has been told.
type call struct {
	kind    string // "restore", "load", "append", "delete", "caught up", "reset"
	seq     uint64
	channel string
	text    string
}

func (c call) String() string { return fmt.Sprintf("%s %d %s %q", c.kind, c.seq, c.channel, c.text) }

// recorder is a Sink that writes down what it is told.
type recorder struct {
	mu       sync.Mutex // guards what follows
	calls    []call
	messages []relay.Message
	states   []relay.ChannelState
	ready    bool
	applied  uint64
	errs     []error
	changed  chan struct{}
}

func newRecorder() *recorder { return &recorder{changed: make(chan struct{}, 1)} }

func (r *recorder) note(c call) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, c)
	switch c.kind {
	case "load", "append", "delete", "create", "expire", "advance":
		if c.seq < r.applied || c.seq == r.applied && c.kind != "advance" {
			r.errs = append(r.errs, fmt.Errorf("%v comes after %d", c, r.applied))
		}
		r.applied = c.seq
	case "reset":
		r.applied, r.ready = 0, false
	case "caught up":
		if r.ready {
			r.errs = append(r.errs, errors.New("caught up twice"))
		}
		r.ready = true
	}
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

func (r *recorder) message(kind string, m relay.Message) {
	r.mu.Lock()
	r.messages = append(r.messages, m)
	r.mu.Unlock()
	r.note(call{kind, m.Seq, m.Channel, string(m.Text)})
}

func (r *recorder) Restore(s relay.ChannelState) {
	r.mu.Lock()
	r.states = append(r.states, s)
	r.mu.Unlock()
	r.note(call{kind: "restore", channel: s.Channel})
}
func (r *recorder) Load(m relay.Message)   { r.message("load", m) }
func (r *recorder) Append(m relay.Message) { r.message("append", m) }
func (r *recorder) CaughtUp()              { r.note(call{kind: "caught up"}) }
func (r *recorder) Reset()                 { r.note(call{kind: "reset"}) }
func (r *recorder) Advance(seq uint64)     { r.note(call{kind: "advance", seq: seq}) }
func (r *recorder) Delete(d relay.Deletion) {
	r.note(call{"delete", d.Seq, d.Channel, string(d.Text)})
}

func (r *recorder) Create(m relay.Mark) {
	r.note(call{"create", m.Seq, m.Channel, ""})
}

func (r *recorder) Expire(m relay.Mark) {
	r.note(call{"expire", m.Seq, m.Channel, fmt.Sprint(m.Last)})
}

func (r *recorder) Counts() []relay.ChannelState { return nil }

// wait waits until the calls so far are as wanted, and returns them.
func (r *recorder) wait(t testing.TB, what string, ok func(calls []call) bool) []call {
	t.Helper()
	timeout := time.After(patience)
	for {
		r.mu.Lock()
		calls, errs := slices.Clip(r.calls), r.errs
		r.mu.Unlock()
		if len(errs) > 0 {
			t.Fatal(errors.Join(errs...))
		}
		if ok(calls) {
			return calls
		}
		select {
		case <-r.changed:
		case <-timeout:
			t.Fatalf("timeout: %s; last calls: %v", what, calls[max(0, len(calls)-5):])
		}
	}
}

// waitReady waits until the sink has caught up.
func (r *recorder) waitReady(t testing.TB) {
	t.Helper()
	r.wait(t, "caught up", func([]call) bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.ready
	})
}

// waitSeq waits until the stream has been read up to a sequence.
func (r *recorder) waitSeq(t testing.TB, seq uint64) []call {
	t.Helper()
	return r.wait(t, fmt.Sprint("sequence ", seq), func([]call) bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.applied >= seq
	})
}

// of returns the calls of one kind.
func of(calls []call, kind string) []call {
	var got []call
	for _, c := range calls {
		if c.kind == kind {
			got = append(got, c)
		}
	}
	return got
}
