package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"alertrelay/relay"
	"alertrelay/relay/site"
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
	// Waiting says what the store is waiting for before it is open, until when the
	// locations answer 503; empty once it is, nil if it always was.
	Waiting func() string
	// Peers are the other relays; nil means that there are none.
	Peers Peers
	// Now tells what is active, for mode=now; nil means that there is none.
	Now relay.Snapshots
	// Site is what is served where. Its servers must have addresses. It must not
	// be changed any more.
	Site site.Site
	// Next serves the paths that no location matches, on the addresses that
	// NextAt has by their site.Listen.Key; nil means that there are none.
	Next   http.Handler
	NextAt []string
	// MaxChannelID bounds a channel's id, in bytes, up to 1024, which is the default:
	// what the store can take whatever has to be escaped.
	MaxChannelID int
	// MaxElements bounds the channels of one request, 1,000.
	MaxElements int
	// PublishTimeout bounds a publish from the end of its body to its answer, 10 s.
	PublishTimeout time.Duration
	// MaxFrame bounds a message that a WebSocket client publishes, in bytes, 8 MiB:
	// what the embedded NATS server takes.
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
	if o.MaxChannelID < 0 || o.MaxElements < 0 || o.PublishTimeout < 0 || o.MaxFrame < 0 {
		return errors.New("web: options must not be negative")
	}
	if o.MaxChannelID > maxChannelID {
		return fmt.Errorf("web: MaxChannelID is %d, and must not be over %d", o.MaxChannelID, maxChannelID)
	}
	setDefault(&o.MaxElements, 1000)
	setDefault(&o.MaxChannelID, maxChannelID)
	setDefault(&o.PublishTimeout, 10*time.Second)
	setDefault(&o.MaxFrame, 8<<20)
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
	opts    Options
	hub     *relay.Hub
	routing atomic.Pointer[routing]
	maxID   atomic.Int64 // bytes of a channel's id
	log     *slog.Logger
	metrics *Metrics
	http    *http.Server
	melody  *webSockets
	host    string
	started time.Time

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

	serving sync.WaitGroup // net/http's listeners
	failed  chan error     // what ended one of them, the first
	doors   sync.Mutex     // guards what follows
	sockets map[string]*Socket
}

// New makes a Server. Its errors name the option or the location.
func New(o Options) (*Server, error) {
	if err := o.setDefaults(); err != nil {
		return nil, err
	}
	rt, err := newRouting(o.Site, nil)
	if err != nil {
		return nil, err
	}
	s := &Server{
		opts: o, hub: o.Hub, metrics: o.Metrics, host: hostName(), started: time.Now(),
		log:    o.Log.With("component", "web"),
		failed: make(chan error, 1), sockets: make(map[string]*Socket),
		queue: newQueue(), wheel: newWheel(), quit: make(chan struct{}), subs: make(map[*subscriber]struct{}),
	}
	rt.nextAt = o.NextAt
	s.routing.Store(rt)
	s.LimitChannelID(o.MaxChannelID)
	s.none.L = &s.mu
	s.melody = newWebSockets(o.MaxFrame)
	s.http = &http.Server{
		Handler: s,
		// Any time: what the configuration says takes its place in link.
		ReadHeaderTimeout: site.DefaultHeaderTimeout,
		IdleTimeout:       site.DefaultConnection().KeepaliveTimeout,
		MaxHeaderBytes:    32 << 10,
		ConnContext:       withLink,
		ConnState: func(c net.Conn, state http.ConnState) {
			if l, ok := c.(*link); ok && state == http.StateIdle {
				l.phase.Store(waiting)
			}
		},
		DisableGeneralOptionsHandler: true,                                                // each request is counted
		ErrorLog:                     slog.NewLogLogger(s.log.Handler(), slog.LevelDebug), // what clients do wrong
	}
	s.http.Protocols = new(http.Protocols)
	s.http.Protocols.SetHTTP1(true) // a subscriber takes its connection over
	return s, nil
}

// ServeHTTP finds the server and the location of a request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.requests.Add(1)
	defer s.requests.Add(-1)
	q := &visit{r: r}
	q.link, _ = r.Context().Value(linkKey{}).(*link)
	if !s.locate(q) { // the address has just been taken out of the configuration
		w.Header().Set("Connection", "close")
		http.NotFound(w, r)
		return
	}
	reply := s.route(q)
	q.link.nginx = reply != nil || q.loc != nil && q.loc.Module
	q.link.publisher = q.loc != nil && q.loc.Mode.Publishes()
	c := q.connection()
	more := q.link.next(c)
	q.keep = more && r.ProtoAtLeast(1, 1) && !r.Close
	switch {
	case !more, r.Close: // net/http would say so only to HTTP/1.1
		w.Header()["Connection"] = []string{"close"}
	case q.keep && q.loc != nil:
		w.Header()["Connection"] = keepAliveValue // nginx always says so
	}
	if r.ContentLength != 0 {
		// A body that does not come would hold the connection for ever: net/http
		// waits for what a handler has left of it.
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout(c))) // where it cannot be, there is none
	}
	if q.loc != nil && len(q.loc.headers) > 0 {
		w = &adding{ResponseWriter: w, q: q}
	}
	s.serve(w, q, reply)
}

// locate finds the server.
func (s *Server) locate(q *visit) bool {
	rt := s.routing.Load()
	a := rt.at(q.link.key, q.local())
	if a == nil {
		return false
	}
	q.routing, q.address = rt, a
	q.host = a.find(q.hostname(), q)
	return true
}

// route finds the location, and what a return answers; nil if there is none.
func (s *Server) route(q *visit) *reply {
	var ok bool
	if q.path, ok = normalize(q.r.URL.Path); !ok {
		return &reply{code: http.StatusBadRequest}
	}
	if reply, _ := q.run(q.host.steps); reply != nil {
		return reply
	}
	if q.loc, _ = q.host.tree.find(q); q.loc == nil {
		return nil
	}
	q.set = q.loc.settings
	reply, _ := q.run(q.loc.steps)
	return reply
}

func (s *Server) serve(w http.ResponseWriter, q *visit, reply *reply) {
	switch {
	case q.r.RequestURI == "*" && q.r.Method == http.MethodOptions: // of the server as a whole
		empty(w, http.StatusOK)
	case reply != nil:
		reply.write(w, q)
	case q.loc == nil && slices.Contains(q.routing.nextAt, q.address.at.Key()):
		s.opts.Next.ServeHTTP(w, q.r)
	case q.loc == nil:
		http.NotFound(w, q.r)
	case strings.IndexByte(q.path, 0) >= 0:
		errNULPath.write(w)
	case q.loc.Module && q.loc.MaxBody > 0 && q.r.ContentLength > q.loc.MaxBody: // before all that the module says
		s.metrics.refuse(q.loc.Mode, http.StatusRequestEntityTooLarge)
		tooLarge(w)
	case q.loc.Mode == site.ModeNone:
		empty(w, http.StatusNotFound)
	case q.loc.Mode.Publishes():
		s.publisher(w, q)
	case q.loc.Mode == site.ModeStatistics:
		s.statistics(w, q)
	default:
		s.subscribe(w, q)
	}
}

// headerTimeout is how long the header of a request may take at an address: only
// the header says which server is meant.
func (s *Server) headerTimeout(l *link) time.Duration {
	if a := s.routing.Load().at(l.key, l.LocalAddr()); a != nil {
		return orDefault(a.def.HeaderTimeout)
	}
	return site.DefaultHeaderTimeout
}
