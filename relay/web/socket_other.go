//go:build !unix

package web

import (
	"errors"
	"net"
	"os"
	"syscall"
	"time"
)

// socket writes to a connection without waiting for it longer than a moment:
// these systems offer no more.
type socket struct {
	conn net.Conn
}

const moment = time.Millisecond

func newSocket(c syscall.Conn) (socket, error) {
	conn, ok := c.(net.Conn)
	if !ok {
		return socket{}, errors.New("no net.Conn")
	}
	return socket{conn}, nil
}

type rawWriter struct{}

func newRawWriter() *rawWriter { return &rawWriter{} }

// write gives the socket what it takes of b now: n may be less than all of it,
// and 0, without an error.
func (s socket) write(_ *rawWriter, b []byte) (n int, err error) {
	if err := s.conn.SetWriteDeadline(time.Now().Add(moment)); err != nil {
		return 0, err
	}
	n, err = s.conn.Write(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = nil
	}
	return n, err
}

// writeSome is write, but waits until the socket takes something or its write
// deadline passes.
func (s socket) writeSome(b []byte) (n int, err error) {
	n, err = s.conn.Write(b)
	if n > 0 {
		err = nil
	}
	return n, err
}
