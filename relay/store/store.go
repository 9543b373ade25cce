package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"alertrelay/relay"
)

// Options configure a Store. The zero value of each field means the default.
type Options struct {
	// Prefix is the first token of all subjects, "alerts". Control messages go
	// under Prefix+"ctl".
	Prefix string
	// Stream is the stream's name, "ALERTS".
	Stream string
	// MaxMsgsPerChannel is how many messages of a channel are to be kept, 100.
	MaxMsgsPerChannel int
	// Slack is how many more the stream keeps, 10,000. The server removes the
	// oldest when a new one comes, read or not: a burst to one channel that is
	// longer than both numbers can outrun Run, and what is removed before it
	// comes to it is Missed.
	Slack int
	// MaxAge is how long the stream keeps a message, 30 days.
	MaxAge time.Duration
	// MaxBytes is how much the stream keeps, 1 GiB; then the oldest go.
	MaxBytes int64
	// Replicas is the number of servers that keep the stream, 1. An existing
	// stream keeps its own number if this is 0.
	Replicas int
	// Limits gives the limits of a channel's group; nil means none.
	Limits func(channel string) relay.Limits
	// WarmBytes is how much of the stream is read into the sink at the start,
	// 64 MiB.
	WarmBytes int64
	// PublishTimeout is how long a publish waits for its acknowledgement, 5 s.
	PublishTimeout time.Duration
	// Log takes what operators should know; nil discards it.
	Log *slog.Logger
}

func (o *Options) setDefaults() error {
	if o.MaxMsgsPerChannel < 0 || o.Slack < 0 || o.MaxAge < 0 || o.MaxBytes < 0 || o.Replicas < 0 || o.WarmBytes < 0 || o.PublishTimeout < 0 {
		return errors.New("store: options must not be negative")
	}
	if o.Prefix == "" {
		o.Prefix = "alerts"
	}
	if escape(o.Prefix) != o.Prefix || strings.HasPrefix(o.Prefix, "$") || strings.HasPrefix(o.Prefix, "_INBOX") {
		return fmt.Errorf("store: Prefix %q cannot begin a subject of ours", o.Prefix)
	}
	if o.Stream == "" {
		o.Stream = "ALERTS"
	}
	if strings.ContainsAny(o.Stream, " .*>/\\\t\r\n") {
		return fmt.Errorf("store: Stream %q is not a stream's name", o.Stream)
	}
	if o.MaxMsgsPerChannel == 0 {
		o.MaxMsgsPerChannel = 100
	}
	if o.Slack == 0 {
		o.Slack = 10_000
	}
	if o.MaxAge == 0 {
		o.MaxAge = 30 * 24 * time.Hour
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = 1 << 30
	}
	if o.Limits == nil {
		o.Limits = func(string) relay.Limits { return relay.Limits{} }
	}
	if o.WarmBytes == 0 {
		o.WarmBytes = 64 << 20
	}
	if o.PublishTimeout == 0 {
		o.PublishTimeout = 5 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return nil
}

// Store is the stream of all channels. Everything may be called by several
// goroutines, but Run only once.
type Store struct {
	*stream
	opts    Options
	control string // prefix of control messages
	js      jetstream.JetStream
	acks    *acks
	log     *slog.Logger

	open     atomic.Bool   // the stream is there, with our settings
	replicas atomic.Int64  // of the stream
	created  atomic.Int64  // when the stream was, in Unix nanoseconds: it tells streams of one name apart
	sweeps   chan struct{} // has an element for each History that runs
	foreign  atomic.Uint64
	missed   atomic.Uint64
}

// New makes a Store that is to be opened: until then it refuses everything with
// relay.ErrUnavailable, and asks no server. The connection, which may not be there
// yet, stays the caller's, to be closed after Run has returned.
func New(nc *nats.Conn, o Options) (*Store, error) {
	if err := o.setDefaults(); err != nil {
		return nil, err
	}
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	s := &Store{stream: &stream{nc: nc, name: o.Stream}, opts: o, control: o.Prefix + "ctl", sweeps: make(chan struct{}, historiesMax), js: js, log: o.Log.With("component", "store")}
	s.gate = s.whenOpen
	if s.acks, err = newAcks(nc, o.Stream); err != nil {
		return nil, err
	}
	return s, nil
}

// Open makes a Store and opens it.
func Open(ctx context.Context, nc *nats.Conn, o Options) (*Store, error) {
	s, err := New(nc, o)
	if err != nil {
		return nil, err
	}
	if err := s.Open(ctx); err != nil {
		s.acks.close()
		return nil, err
	}
	return s, nil
}

// Open makes the stream, or brings its settings up to date, and returns when
// that is done. While there is no NATS, it waits until ctx ends or the connection
// is closed; then the error is relay.ErrUnavailable. Every other error is one that
// does not pass by itself. A Store that is open stays so.
func (s *Store) Open(ctx context.Context) error {
	if s.open.Load() {
		return nil
	}
	if err := s.ensureSoon(ctx, s.ensureStream); err != nil {
		return err
	}
	s.open.Store(true)
	return nil
}

// Waiting says what Open waits for, in words for people; empty when the Store is
// open.
func (s *Store) Waiting() string {
	if s.open.Load() { // which is asked often
		return ""
	}
	at := "NATS at " + strings.Join(s.nc.Servers(), ", ") // without passwords
	switch {
	case s.nc.IsConnected():
		return at + " is there, and its JetStream is not ready yet"
	case errors.Is(s.nc.LastError(), nats.ErrAuthorization):
		return at + " refuses the credentials"
	}
	return at + " is not reachable yet"
}

var errNotOpen = errors.New("the stream is not open yet")

// whenOpen refuses what is asked of a Store before it is open: the stream may not
// be one that keeps what it acknowledges.
func (s *Store) whenOpen(op string) error {
	if s.open.Load() {
		return nil
	}
	return unavailable(op, errNotOpen)
}

const retryInterval = 250 * time.Millisecond

// sleep reports false if ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Healthy reports whether JetStream answers and has the stream.
func (s *Store) Healthy(ctx context.Context) error {
	_, err := s.state(ctx)
	return err
}

// Foreign counts messages in the stream that belong to no channel: their subject
// is not one that Subject makes, or they are control messages of a kind unknown
// here. They are passed over.
func (s *Store) Foreign() uint64 { return s.foreign.Load() }

// Missed counts messages that were removed from the stream while Run was reading
// and before it came to them. Subscribers have not got them. It happens when
// more is published to one channel at once than MaxMsgsPerChannel and Slack.
func (s *Store) Missed() uint64 { return s.missed.Load() }
