package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"alertrelay/relay"
)

// Store takes publications and ends channels. relay/store has one.
type Store interface {
	relay.Publisher
	// DeleteChannel ends a channel. text is what subscribers are told; empty
	// means the default. Errors as those of Publish.
	DeleteChannel(ctx context.Context, channel string, text []byte) (relay.Receipt, error)
}

// Peers are the other relays on the same stream, whose subscribers count too.
// relay/store has one. What it returns is not changed.
type Peers interface {
	// Alone reports whether there are none. It is asked for each request.
	Alone() bool
	// Stats asks them for their subscribers, in all and of the channels.
	Stats(ctx context.Context, channels ...string) []relay.PeerStats
	// StatsUnder is Stats for all channels whose ids begin with prefix.
	StatsUnder(ctx context.Context, prefix string) []relay.PeerStats
}

// Options configure a Server. Hub and Store are required; the zero value of
// other fields means the default.
type Options struct {
	Hub   *relay.Hub
	Store Store
	// Peers are the other relays; nil means that there are none.
	Peers Peers
	// Locations are served by this package.
	Locations []Location
	// Next serves all other paths; nil means that there are none.
	Next http.Handler
	// MaxChannelID bounds a channel's id, in bytes, up to 1024, which is the default:
	// what the store can take whatever has to be escaped.
	MaxChannelID int
	// MaxElements bounds the channels of one request, 1,000.
	MaxElements int
	// SendTimeout is how long a connection may take nothing of what is to be
	// sent before it is dropped, 60 s.
	SendTimeout time.Duration
	// PublishTimeout bounds a publish from the end of its body to its answer, 10 s.
	PublishTimeout time.Duration
	// BodyTimeout bounds the time for a request's body, 30 s.
	BodyTimeout time.Duration
	// MaxFrame bounds a WebSocket message of a client, in bytes, 1 MiB.
	MaxFrame int64
	// Metrics counts; nil does not.
	Metrics *Metrics
	// Log takes what operators should know; nil discards it.
	Log *slog.Logger
}

func (o *Options) setDefaults() error {
	if o.Hub == nil || o.Store == nil {
		return errors.New("web: Hub and Store are required")
	}
	if o.MaxChannelID < 0 || o.MaxElements < 0 || o.SendTimeout < 0 || o.PublishTimeout < 0 || o.BodyTimeout < 0 || o.MaxFrame < 0 {
		return errors.New("web: options must not be negative")
	}
	if o.MaxChannelID > maxChannelID {
		return fmt.Errorf("web: MaxChannelID is %d, and must not be over %d", o.MaxChannelID, maxChannelID)
	}
	setDefault(&o.MaxElements, 1000)
	setDefault(&o.MaxChannelID, maxChannelID)
	setDefault(&o.SendTimeout, time.Minute)
	setDefault(&o.PublishTimeout, 10*time.Second)
	setDefault(&o.BodyTimeout, 30*time.Second)
	setDefault(&o.MaxFrame, 1<<20)
	if o.Next == nil {
		o.Next = http.NotFoundHandler()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return nil
}

const maxChannelID = 1024

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Server serves HTTP.
type Server struct {
	opts      Options
	hub       *relay.Hub
	locations *locations
	log       *slog.Logger
	metrics   *Metrics
	http      *http.Server
	sockets   *webSockets
	host      string
	started   time.Time

	queue   *queue
	wheel   *wheel
	quit    chan struct{}
	workers sync.WaitGroup // writers, the wheel, trim, and parked subscribers

	stopping atomic.Bool
	requests atomic.Int64             // being handled
	mu       sync.Mutex               // guards what follows
	subs     map[*subscriber]struct{} // nil when the server is done
	none     sync.Cond                // subs is empty
	back     *returned                // nil before Serve
}

// New makes a Server. Its errors name the option or the location.
func New(o Options) (*Server, error) {
	if err := o.setDefaults(); err != nil {
		return nil, err
	}
	ls, err := newLocations(o.Locations)
	if err != nil {
		return nil, err
	}
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	s := &Server{
		opts: o, hub: o.Hub, locations: ls, metrics: o.Metrics, host: host, started: time.Now(),
		log:   o.Log.With("component", "web"),
		queue: newQueue(), wheel: newWheel(), quit: make(chan struct{}), subs: make(map[*subscriber]struct{}),
	}
	s.none.L = &s.mu
	s.sockets = newWebSockets(s)
	s.http = &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       75 * time.Second,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug), // what clients do wrong
	}
	return s, nil
}

// Serve serves connections of l until Shutdown; then it returns nil.
func (s *Server) Serve(l net.Listener) error {
	for range runtime.GOMAXPROCS(0) {
		s.workers.Go(newWriter(s).run)
	}
	s.workers.Go(func() { s.wheel.run(s.quit) })
	s.workers.Go(func() { s.trim(s.quit) })
	back := newReturned(l.Addr())
	s.mu.Lock()
	s.back = back
	s.mu.Unlock()
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { _ = s.http.Serve(back) })
	if err := s.http.Serve(tuned{l, s.opts.SendTimeout}); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("web: serve: %w", err)
	}
	return nil
}

// Shutdown ends the server in order: no new connections, then publishers get
// their answers, then streams end with their footer and waiting polls are
// answered. What is not done when ctx ends is cut off. Serve must have been
// called.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stopping.Store(true)
	closed := make(chan error, 1)
	go func() { closed <- s.http.Shutdown(ctx) }()
	// Streams are not net/http's any more: they go on until publishers are done,
	// or until half of the time is over, because ending streams needs some too.
	s.answerRequests(ctx)
	s.endSubscribers(ctx)
	err := s.closeConnections(closed)
	close(s.quit)
	s.queue.close()
	s.workers.Wait()
	if err != nil {
		return fmt.Errorf("web: shutdown: %w", err)
	}
	return nil
}

const (
	drainInterval  = 5 * time.Millisecond
	unfinishedTime = 500 * time.Millisecond // for what is written already to leave
)

// answerRequests waits until no handler is at work, for half of the time there
// is.
func (s *Server) answerRequests(ctx context.Context) {
	if end, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(end)/2)
		defer cancel()
	}
	ticker := time.NewTicker(drainInterval)
	defer ticker.Stop()
	for s.requests.Load() > 0 {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// closeConnections waits for net/http to close its connections. For those without
// a whole request it would wait for seconds, or until ctx ends: they are closed
// when nobody else is left.
func (s *Server) closeConnections(closed <-chan error) error {
	last := time.Now()
	ticker := time.NewTicker(drainInterval)
	defer ticker.Stop()
	for {
		select {
		case err := <-closed:
			if err != nil {
				err = errors.Join(err, s.http.Close())
			}
			return err
		case <-ticker.C:
			if s.requests.Load() > 0 {
				last = time.Now()
			} else if time.Since(last) > unfinishedTime {
				return errors.Join(s.http.Close(), <-closed)
			}
		}
	}
}

// endSubscribers asks all subscribers to end, and cuts off those that have not
// when ctx ends.
func (s *Server) endSubscribers(ctx context.Context) {
	s.eachSubscriber(func(c *subscriber) { c.ask(askStop) })
	defer context.AfterFunc(ctx, func() {
		s.eachSubscriber(func(c *subscriber) { c.conn.Close() })
	})()
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.subs) > 0 {
		s.none.Wait()
	}
	s.subs = nil // whoever comes now is too late
}

func (s *Server) eachSubscriber(do func(*subscriber)) {
	s.mu.Lock()
	all := make([]*subscriber, 0, len(s.subs))
	for c := range s.subs {
		all = append(all, c)
	}
	s.mu.Unlock()
	for _, c := range all {
		do(c)
	}
}

// ServeHTTP finds the location of a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.requests.Add(1)
	defer s.requests.Add(-1)
	loc := s.locations.find(r.URL.Path)
	if loc != nil && r.ProtoMajor == 1 && r.ProtoAtLeast(1, 1) && !r.Close {
		w.Header()["Connection"] = keepAliveValue // nginx always says so; net/http overrules it
	}
	if r.ContentLength != 0 {
		// A body that does not come would hold the connection for ever: net/http
		// waits for what a handler has left of it.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(s.opts.BodyTimeout)) // where it cannot be, there is none
	}
	switch {
	case loc == nil:
		s.opts.Next.ServeHTTP(w, r)
	case strings.IndexByte(r.URL.Path, 0) >= 0:
		errNULPath.write(w)
	case loc.Mode.publishes():
		s.publisher(w, r, loc)
	case loc.Mode == Statistics:
		s.statistics(w, r, loc)
	default:
		s.subscribe(w, r, loc)
	}
}

// add notes a subscriber. It reports false if the server is done with all of
// them.
func (s *Server) add(c *subscriber) bool {
	s.mu.Lock()
	if s.subs == nil {
		s.mu.Unlock()
		return false
	}
	s.subs[c] = struct{}{}
	s.mu.Unlock()
	s.metrics.connect(c.mode, 1)
	if s.stopping.Load() {
		c.asked.Or(askStop)
	}
	return true
}

func (s *Server) remove(c *subscriber) {
	s.metrics.connect(c.mode, -1)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.subs, c)
	if len(s.subs) == 0 {
		s.none.Broadcast()
	}
}
