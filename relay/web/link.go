package web

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"alertrelay/relay/site"
)

// link is a connection as net/http has it. It knows where it came in and what is
// read on it, and gives net/http's deadlines the times that the configuration
// has: net/http knows one time for all, and these are of servers and locations.
// It also has net/http's answers begin as nginx's do. A subscriber takes the
// connection out of it.
type link struct {
	net.Conn // TLS, if there is any
	server   *Server
	key      string // of the socket
	tls      bool
	tuned    time.Duration // what tune was told; 0 for unix sockets
	early    []byte        // was read already, and comes first

	phase atomic.Uint32 // set by the goroutine of the connection; net/http reads in another too

	// What follows belongs to the goroutine of the connection.
	keepalive time.Duration // until the next request
	requests  int           // that the connection has carried
	nginx     bool          // the answer that comes is to begin as nginx's
	publisher bool          // and is a publisher's
	head      []byte        // of that answer, as far as it is written
}

// Phases: what net/http reads.
const (
	heading  uint32 = iota // a TLS handshake, a request's header
	handling               // a body, or whether the client closes
	waiting                // for the next request
	back                   // the same, on a connection that is new to net/http
)

// SetReadDeadline replaces the time. That net/http sets it once when it begins to
// wait for a request, and again when that begins to come, is pinned by
// TestKeepalive and TestHeaderTimeout.
func (l *link) SetReadDeadline(t time.Time) error {
	if !t.IsZero() && time.Until(t) > 0 { // one in the past wakes a reader
		switch l.phase.Load() {
		case heading:
			t = time.Now().Add(l.server.headerTimeout(l))
		case waiting:
			t = time.Now().Add(l.keepalive)
			l.phase.Store(heading)
		case back:
			t = time.Now().Add(l.keepalive)
		}
	}
	return l.Conn.SetReadDeadline(t)
}

// next counts a request. It reports whether there may be another.
func (l *link) next(c site.Connection) bool {
	l.phase.Store(handling)
	l.requests++
	l.keepalive = c.KeepaliveTimeout
	return c.KeepaliveTimeout > 0 && l.requests < c.KeepaliveRequests
}

// tune has the kernel give up a dead peer as the location says.
func (l *link) tune(timeout time.Duration) {
	under := l.Conn
	if secure, ok := under.(*tls.Conn); ok {
		under = secure.NetConn()
	}
	if tcp, ok := under.(*net.TCPConn); ok && l.tuned != timeout {
		_ = tune(tcp, timeout) // without it a dead peer is found later
		l.tuned = timeout
	}
}

// SetDeadline is not replaced.
func (l *link) SetDeadline(t time.Time) error { return l.Conn.SetDeadline(t) }

// Read gives what was read already, then what comes.
func (l *link) Read(p []byte) (int, error) {
	n, err := l.read(p)
	if n > 0 && l.phase.CompareAndSwap(back, heading) { // net/http has set its deadline, and does not again
		_ = l.SetReadDeadline(time.Now().Add(defaultTime)) // the time is replaced
	}
	return n, err
}

func (l *link) read(p []byte) (int, error) {
	if len(l.early) > 0 {
		n := copy(p, l.early)
		if l.early = l.early[n:]; len(l.early) == 0 {
			l.early = nil
		}
		return n, nil
	}
	n, err := l.Conn.Read(p)
	var plain tls.RecordHeaderError
	if l.tls && errors.As(err, &plain) && plain.Conn != nil {
		_, _ = plain.Conn.Write([]byte(plainToTLS)) // the client's trouble
	}
	return n, err
}

// plainToTLS answers what is no handshake, most likely plain HTTP.
const plainToTLS = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\nThis port speaks HTTPS.\n"

// Write has the answer begin as nginx's, where it is to. That each answer of
// net/http begins with a Write is pinned by TestStatusLines.
func (l *link) Write(p []byte) (int, error) {
	if !l.nginx {
		return l.Conn.Write(p)
	}
	b := p
	if len(l.head) > 0 {
		b = append(l.head, p...)
	}
	if !bytes.Contains(b, []byte("\r\n\r\n")) { // net/http's buffer is smaller than the head
		l.head = bytes.Clone(b)
		return len(p), nil
	}
	l.head = nil
	answer, final := asNginx(b, l.publisher)
	l.nginx = !final
	if _, err := l.Conn.Write(answer); err != nil {
		return 0, err // net/http closes, however much was written
	}
	return len(p), nil
}

// CloseWrite lets the client read to the end.
func (l *link) CloseWrite() error {
	if half, ok := l.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// linkKey finds the link in a request's context.
type linkKey struct{}

func withLink(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, linkKey{}, c)
}

// returned is a listener whose connections are those that a subscriber is done
// with: net/http serves the next request on them.
type returned struct {
	addr  net.Addr
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newReturned(addr net.Addr) *returned {
	return &returned{addr: addr, conns: make(chan net.Conn), done: make(chan struct{})}
}

// Accept waits for the next connection.
func (l *returned) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close ends Accept.
func (l *returned) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

// Addr is any address.
func (l *returned) Addr() net.Addr { return l.addr }

// give hands a connection back. It is closed if the server stops.
func (l *returned) give(c *link) {
	select {
	case l.conns <- c:
	case <-l.done:
		c.Close()
	}
}
