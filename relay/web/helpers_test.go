package web_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"alertrelay/embedded"
	"alertrelay/relay"
	"alertrelay/relay/site"
	"alertrelay/relay/store"
	"alertrelay/relay/web"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// The server ends this a moment after WaitForShutdown.
		goleak.IgnoreTopFunction("github.com/nats-io/nats-server/v2/server.(*fileStore).expireMsgs"))
}

const (
	patience = 20 * time.Second
	// quiet is how long nothing may come where nothing should. What is wrong
	// here is written in the same write as what is right, or right after it.
	quiet = 30 * time.Millisecond
)

// setup is what a server is made of beside its locations.
type setup struct {
	hub   relay.HubOptions
	store store.Options
	web   web.Options
	// site has what is of all channels, and servers beside the one that has the
	// locations.
	site site.Site
	// each changes every location of that server, and what is for none of them.
	each func(l *site.Location)
	// sink is what the stream is read into; nil means the hub.
	sink func(*relay.Hub) store.Sink
	// tlsName and roots are for clients, if the first socket speaks TLS.
	tlsName string
	roots   *x509.CertPool
	// restartable has NATS listen, so that it can be stopped and started again.
	restartable bool
	// join uses the NATS of another server, which must be restartable.
	join *server
}

// server is a relay that listens: embedded JetStream, store, hub and HTTP.
type server struct {
	t    testing.TB
	addr string
	dir  string
	tls  *tls.Config // of clients; nil: plain
	// sockets in the order of their addresses.
	sockets []*web.Socket
	opts    setup
	nats    *embedded.Server
	conn    *nats.Conn
	store   *store.Store
	peers   *store.Peers
	hub     *relay.Hub
	web     *web.Server
	stop    func() error // Shutdown, once

	killed atomic.Bool // the connection is closed, and errors are expected
}

// anyPort is the address of the server that has a test's locations.
const anyPort = "127.0.0.1:0"

// at is a location of the module's kind: exact, with the channels in the argument
// id; or a prefix if it ends with a slash, and the channels are what follows.
func at(mode site.Mode, path string, change ...func(*site.Location)) site.Location {
	match, channels := site.MatchExact, "$arg_id"
	if strings.HasSuffix(path, "/") {
		match, channels = site.MatchPrefix, "$rest"
	}
	l := site.NewLocation(mode, match, path, true)
	l.Channels, l.Store = site.ValueOf(channels), true
	for _, f := range change {
		f(&l)
	}
	return l
}

// withSendTimeout is how long clients may take nothing.
func withSendTimeout(d time.Duration) func(*setup) {
	return func(o *setup) { o.each = func(l *site.Location) { l.SendTimeout = d } }
}

// newServer serves the locations on a port of the loopback interface until the
// test ends.
func newServer(t testing.TB, locations []site.Location, change ...func(*setup)) *server {
	t.Helper()
	s := &server{t: t, dir: t.TempDir(), opts: setup{site: site.New(), each: func(*site.Location) {}}}
	for _, f := range change {
		f(&s.opts)
	}
	if join := s.opts.join; join != nil {
		s.nats, s.opts.restartable = join.nats, true
	} else {
		listen := ""
		if s.opts.restartable {
			listen = "127.0.0.1:0"
		}
		s.startNATS(listen)
		t.Cleanup(func() {
			if err := s.nats.Stop(); err != nil {
				t.Error(err)
			}
		})
	}
	s.connect()
	t.Cleanup(s.conn.Close)

	var err error
	if s.store, err = store.Open(t.Context(), s.conn, s.opts.store); err != nil {
		t.Fatal(err)
	}
	s.opts.hub.Archive, s.opts.hub.StoredAt = s.store.Archive, s.store.StoredAt
	s.opts.hub.Shared = func() bool { return !s.peers.Alone() }
	if s.hub, err = relay.NewHub(s.opts.hub); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.hub.Close)
	s.peers = s.store.NewPeers(s.hub)
	sink := store.Sink(s.hub)
	if s.opts.sink != nil {
		sink = s.opts.sink(s.hub)
	}
	s.run(func(ctx context.Context) error { return s.store.Run(ctx, sink) })
	s.run(s.hub.Run)
	s.run(s.peers.Run)
	s.run(func(ctx context.Context) error { return s.hub.RunLifecycle(ctx, s.store, s.peers.Watched, nil) })
	eventually(t, "the hub is ready", s.hub.Ready)

	o := s.opts.web
	o.Hub, o.Store, o.Peers, o.Site = s.hub, s.store, s.peers, s.opts.site
	if locations != nil {
		main := site.Server{Listen: []site.Listen{{Address: anyPort}}, HeaderTimeout: 10 * time.Second, Locations: locations}
		for i := range locations {
			s.opts.each(&locations[i])
		}
		probe := site.Location{Connection: site.DefaultConnection()}
		s.opts.each(&probe)
		main.Connection = probe.Connection
		o.Site.Servers = append([]site.Server{main}, o.Site.Servers...)
	}
	if s.web, err = web.New(o); err != nil {
		t.Fatal(err)
	}
	sockets, err := web.Listen(t.Context(), &o.Site)
	if err != nil {
		t.Fatal(err)
	}
	s.sockets = sockets
	s.addr = sockets[0].Addr().String()
	s.stop = sync.OnceValue(func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience) // it is called in cleanups
		defer cancel()
		return s.web.Shutdown(ctx)
	})
	served := make(chan error, 1)
	go func() { served <- s.web.Serve(sockets) }()
	t.Cleanup(func() {
		if err := errors.Join(s.stop(), <-served); err != nil {
			t.Error(err)
		}
	})
	if strings.HasPrefix(s.opts.tlsName, "relay") {
		s.tls = &tls.Config{RootCAs: s.opts.roots, ServerName: s.opts.tlsName}
	}
	s.get(t, "GET /nowhere") // Serve has begun: Shutdown may be called
	return s
}

func (s *server) startNATS(listen string) {
	s.t.Helper()
	var err error
	s.nats, err = embedded.Start(s.t.Context(), embedded.Options{Dir: s.dir, Listen: listen, ListenRequired: true})
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *server) connect() {
	s.t.Helper()
	var err error
	if s.opts.restartable {
		s.conn, err = store.Connect(s.nats.ClientURL(), nil, nats.ReconnectWait(20*time.Millisecond), nats.ReconnectJitter(0, 0))
	} else {
		s.conn, err = s.nats.Connect(store.NATSOptions(nil)...)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// stopNATS takes the store away; the function that is returned brings it back.
func (s *server) stopNATS() (start func()) {
	s.t.Helper()
	u, err := url.Parse(s.nats.ClientURL())
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.nats.Stop(); err != nil {
		s.t.Fatal(err)
	}
	return func() {
		s.t.Helper()
		s.startNATS("127.0.0.1:" + u.Port())
	}
}

// run runs f until the test ends.
func (s *server) run(f func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	s.t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil && !s.killed.Load() {
				s.t.Error(err)
			}
		case <-time.After(patience):
			s.t.Error("Run does not end")
		}
	})
}

// publish stores a message and waits until subscribers can have it. It returns
// its tag.
func (s *server) publish(p relay.Publication) uint64 {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := s.store.Publish(ctx, p)
	if err == nil {
		err = s.hub.WaitApplied(ctx, r.Seq)
	}
	if err != nil {
		s.t.Fatalf("publish to %q: %v", p.Channel, err)
	}
	return r.Seq
}

// say publishes texts to a channel.
func (s *server) say(channel string, texts ...string) (tag uint64) {
	s.t.Helper()
	for _, text := range texts {
		tag = s.publish(relay.Publication{Channel: channel, Text: []byte(text)})
	}
	return tag
}

func (s *server) remove(channel, text string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := s.store.DeleteChannel(ctx, channel, []byte(text))
	if err == nil {
		err = s.hub.WaitApplied(ctx, r.Seq)
	}
	if err != nil {
		s.t.Fatalf("delete %q: %v", channel, err)
	}
}

// subscribers waits until there are n subscribers on the whole server.
func (s *server) subscribers(n int) {
	s.t.Helper()
	eventually(s.t, fmt.Sprintf("there are %d subscribers", n), func() bool { return s.hub.Stats().Subscribers == n })
}

// listeners waits until a channel has n subscribers.
func (s *server) listeners(t testing.TB, channel string, n int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s has %d subscribers", channel, n), func() bool {
		stats, _ := s.hub.Channel(channel)
		return stats.Subscribers == n
	})
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("timeout: ", what)
		}
	}
}

// conn is a client's connection, on which bytes are what they are.
type conn struct {
	net.Conn
	t testing.TB
	r *bufio.Reader
}

func (s *server) dial(t testing.TB) *conn {
	t.Helper()
	network := "tcp"
	if strings.HasPrefix(s.addr, "/") {
		network = "unix"
	}
	c, err := new(net.Dialer).DialContext(t.Context(), network, s.addr)
	if err != nil {
		t.Fatal(err)
	}
	if s.tls != nil {
		c = tls.Client(c, s.tls)
	}
	t.Cleanup(func() { c.Close() })
	return &conn{c, t, bufio.NewReader(c)}
}

// open sends a request on a connection of its own.
func (s *server) open(t testing.TB, request string, headers ...string) *conn {
	t.Helper()
	c := s.dial(t)
	c.request(request, "", headers...)
	return c
}

// get sends a request on a connection of its own and reads the whole response.
func (s *server) get(t testing.TB, request string, headers ...string) *response {
	t.Helper()
	return s.do(t, request, "", headers...)
}

// do is get with a body.
func (s *server) do(t testing.TB, request, body string, headers ...string) *response {
	t.Helper()
	c := s.dial(t)
	defer c.Close()
	c.request(request, body, headers...)
	r := c.response()
	r.all()
	return r
}

// send writes bytes.
func (c *conn) send(text string) {
	c.t.Helper()
	c.deadline(patience)
	if _, err := io.WriteString(c, text); err != nil {
		c.t.Fatalf("send: %v", err)
	}
}

func (c *conn) deadline(d time.Duration) {
	c.t.Helper()
	if err := c.SetDeadline(time.Now().Add(d)); err != nil {
		c.t.Fatal(err)
	}
}

// request writes a request such as "GET /sub/a" or "GET /sub/a HTTP/1.0".
func (c *conn) request(line, body string, headers ...string) {
	c.t.Helper()
	c.send(request(line, body, headers...))
}

func request(line, body string, headers ...string) string {
	if !strings.Contains(line, " HTTP/") {
		line += " HTTP/1.1"
	}
	var b strings.Builder
	b.WriteString(line + "\r\nHost: h\r\n")
	for _, h := range headers {
		b.WriteString(h + "\r\n")
	}
	method, _, _ := strings.Cut(line, " ")
	if body != "" || method == "POST" || method == "PUT" {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	b.WriteString("\r\n" + body)
	return b.String()
}

// response is a response whose head has been read.
type response struct {
	c       *conn
	proto   string // "HTTP/1.1"
	status  string // "200 OK"
	headers []string
	left    int  // bytes of the body, or of the chunk
	chunked bool // else left counts, or the body goes on to the end
	toEOF   bool
	ended   bool // the body has been read
	body    string
	chunks  []string // the same, if chunked
	stream  bool     // what was read is not kept in body
}

// head reads a response's head; the error is io.EOF or io.ErrUnexpectedEOF if the
// connection was closed.
func (c *conn) head() (*response, error) {
	c.deadline(patience)
	line, err := c.line()
	if err != nil {
		return nil, err
	}
	r := &response{c: c}
	// net/http says HTTP/1.0 to a client that does, nginx never.
	if r.proto, r.status, _ = strings.Cut(line, " "); r.proto != "HTTP/1.1" && r.proto != "HTTP/1.0" {
		return nil, fmt.Errorf("no status line of a response: %q", line)
	}
	for {
		if line, err = c.line(); err != nil {
			return nil, err
		}
		if line == "" {
			break
		}
		r.headers = append(r.headers, line)
	}
	length, has := r.header("Content-Length")
	switch encoding, _ := r.header("Transfer-Encoding"); {
	case strings.HasPrefix(r.status, "304"), strings.HasPrefix(r.status, "204"), strings.HasPrefix(r.status, "101"):
		r.ended = true
	case encoding == "chunked":
		r.chunked = true
	case has:
		if r.left, err = strconv.Atoi(length); err != nil {
			return nil, err
		}
		r.ended = r.left == 0
	default:
		r.toEOF = true
	}
	return r, nil
}

func (c *conn) response() *response {
	c.t.Helper()
	r, err := c.head()
	if err != nil {
		c.t.Fatalf("response: %v", err)
	}
	return r
}

// line reads a line that ends with CR LF.
func (c *conn) line() (string, error) {
	line, err := c.r.ReadString('\n')
	if err != nil {
		if line != "" {
			err = io.ErrUnexpectedEOF
		}
		return "", err
	}
	text, ok := strings.CutSuffix(line, "\r\n")
	if !ok {
		return "", fmt.Errorf("line without CR: %q", line)
	}
	return text, nil
}

// header finds a header by its exact name.
func (r *response) header(name string) (value string, ok bool) {
	for _, h := range r.headers {
		if n, v, _ := strings.Cut(h, ": "); n == name {
			return v, true
		}
	}
	return "", false
}

// Read reads the body, without its framing.
func (r *response) Read(p []byte) (int, error) {
	if r.chunked && r.left == 0 && !r.ended {
		if err := r.nextChunk(); err != nil {
			return 0, err
		}
	}
	switch {
	case r.ended:
		return 0, io.EOF
	case r.toEOF:
		n, err := r.c.r.Read(p)
		r.ended = errors.Is(err, io.EOF)
		r.keep(p[:n])
		return n, err
	}
	n, err := r.c.r.Read(p[:min(r.left, len(p))])
	r.left -= n
	r.keep(p[:n])
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if r.left == 0 && err == nil {
		if !r.chunked {
			r.ended = true
		} else if end, lineErr := r.c.line(); lineErr != nil || end != "" {
			err = fmt.Errorf("a chunk ends with %q, %w", end, errors.Join(lineErr, io.ErrUnexpectedEOF))
		}
	}
	return n, err
}

func (r *response) keep(b []byte) {
	if r.stream {
		return
	}
	r.body += string(b)
	if r.chunked && len(b) > 0 {
		r.chunks[len(r.chunks)-1] += string(b)
	}
}

func (r *response) nextChunk() error {
	line, err := r.c.line()
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	size, err := strconv.ParseUint(line, 16, 31)
	if err != nil {
		return fmt.Errorf("chunk size: %w", err)
	}
	if r.left = int(size); size > 0 {
		if !r.stream {
			r.chunks = append(r.chunks, "")
		}
		return nil
	}
	r.ended = true
	if end, err := r.c.line(); err != nil || end != "" {
		return fmt.Errorf("the last chunk ends with %q, %w", end, errors.Join(err, io.ErrUnexpectedEOF))
	}
	return nil
}

// all reads the rest of the body and returns the whole.
func (r *response) all() string {
	r.c.t.Helper()
	r.c.deadline(patience)
	if _, err := io.Copy(io.Discard, readerOnly{r}); err != nil {
		r.c.t.Fatalf("body after %q: %v", r.body, err)
	}
	return r.body
}

type readerOnly struct{ io.Reader }

// until reads until the body so far satisfies ok, and returns it.
func (r *response) until(what string, ok func(body string) bool) string {
	r.c.t.Helper()
	r.c.deadline(patience)
	buf := make([]byte, 64<<10)
	for !ok(r.body) {
		if _, err := r.Read(buf); err != nil {
			r.c.t.Fatalf("%s: %v; body so far %q", what, err, r.body)
		}
	}
	return r.body
}

// silent checks that nothing comes.
func (c *conn) silent() {
	c.t.Helper()
	c.deadline(quiet)
	if b, err := c.r.ReadByte(); err == nil {
		rest, _ := c.r.Peek(c.r.Buffered())
		c.t.Errorf("got %q where nothing should come", string(b)+string(rest))
	} else if !isTimeout(err) {
		c.t.Errorf("the connection should be open: %v", err)
	}
}

// closed checks that the server closes, with nothing before it.
func (c *conn) closed() {
	c.t.Helper()
	c.deadline(patience)
	rest, err := io.ReadAll(c.r)
	if isTimeout(err) {
		c.t.Error("the server does not close the connection")
	}
	if len(rest) > 0 {
		c.t.Errorf("got %q before the server closed", rest)
	}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// take reads n bytes.
func (c *conn) take(n int) string {
	c.t.Helper()
	c.deadline(patience)
	b := make([]byte, n)
	if got, err := io.ReadFull(c.r, b); err != nil {
		c.t.Fatalf("got %q, then %v", b[:got], err)
	}
	return string(b)
}

// tryDial is dial for a server that may be gone.
func (s *server) tryDial(t testing.TB) (*conn, error) {
	c, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.addr)
	if err != nil {
		return nil, err
	}
	return &conn{c, t, bufio.NewReader(c)}, nil
}
