package web

import (
	"errors"
	"net"
	"sync"
	"syscall"
	"time"
)

// tuned is a listener whose connections are set up for us. Go sets TCP_NODELAY
// and keep-alive probes itself.
type tuned struct {
	net.Listener
	sendTimeout time.Duration
}

// Accept waits for the next connection.
func (l tuned) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tune(tcp, l.sendTimeout) // without it a dead peer is found later
	}
	return c, nil
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

// Addr is that of the listener proper.
func (l *returned) Addr() net.Addr { return l.addr }

// give hands a connection back, with bytes of it that were read already. It is
// closed if the server stops.
func (l *returned) give(c net.Conn, early []byte) {
	select {
	case l.conns <- &earlyConn{Conn: c, early: early}:
	case <-l.done:
		c.Close()
	}
}

// earlyConn is a connection of which something was read already.
type earlyConn struct {
	net.Conn
	early []byte
}

// Read gives what was read already, then what comes.
func (c *earlyConn) Read(p []byte) (int, error) {
	if len(c.early) > 0 {
		n := copy(p, c.early)
		if c.early = c.early[n:]; len(c.early) == 0 {
			c.early = nil
		}
		return n, nil
	}
	return c.Conn.Read(p)
}

// bare takes the connection out of an earlyConn, with what was read of it.
func bare(c net.Conn) (conn net.Conn, early []byte) {
	if e, ok := c.(*earlyConn); ok {
		return e.Conn, e.early
	}
	return c, nil
}

// socketOf finds the socket to write to.
func socketOf(c net.Conn) (socket, error) {
	s, ok := c.(syscall.Conn)
	if !ok {
		return socket{}, errors.New("web: the connection has no socket")
	}
	return newSocket(s)
}
