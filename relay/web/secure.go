package web

import (
	"net"
	"time"
)

// secure is what a subscriber over TLS needs. What is written there has to be
// encrypted first, in order and whole, so that it cannot be tried without waiting:
// each such subscriber has a goroutine that writes, some 5 KB more than others.
type secure struct {
	wake chan struct{}
	done chan struct{} // closed when the subscriber ends
}

func newSecure() *secure {
	return &secure{wake: make(chan struct{}, 1), done: make(chan struct{})}
}

func (s *secure) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// end ends the writer. What is being written has a moment more.
func (s *secure) end(conn net.Conn) {
	close(s.done)
	_ = conn.SetWriteDeadline(time.Now().Add(flushDeadline)) // after done is closed: see write
}

// tlsRecord is the most that one record of TLS holds (RFC 8446 5.1).
const tlsRecord = 16 << 10

// write writes all of b, a record at a time: each has its time, so that a client
// that takes a little now and then is not given up.
func (s *secure) write(conn net.Conn, b []byte, timeout time.Duration) (n int, err error) {
	for n < len(b) {
		if err := conn.SetWriteDeadline(time.Now().Add(timeout)); err != nil {
			return n, err
		}
		select {
		case <-s.done: // end may have set its deadline before
			return n, net.ErrClosed
		default:
		}
		m, err := conn.Write(b[n:min(len(b), n+tlsRecord)])
		n += m
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// writeOwn is the writer of one subscriber, until it ends.
func (c *subscriber) writeOwn() {
	w := &writer{server: c.server}
	for {
		select {
		case <-c.secure.wake:
			if c.state.CompareAndSwap(queued, running) {
				w.serve(c)
				w.forget()
				w.buf = nil
			}
		case <-c.secure.done:
			return
		}
	}
}
