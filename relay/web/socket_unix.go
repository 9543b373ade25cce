//go:build unix

package web

import (
	"errors"
	"syscall"
)

// socket writes to a connection without ever waiting for it.
type socket struct {
	raw syscall.RawConn
}

func newSocket(c syscall.Conn) (socket, error) {
	raw, err := c.SyscallConn()
	return socket{raw}, err
}

// rawWriter is a write(2) in the form that syscall.RawConn wants. Each writer has
// one, so that a write allocates nothing.
type rawWriter struct {
	b    []byte
	n    int
	err  error
	wait bool // until something was taken
	do   func(fd uintptr) (done bool)
}

func newRawWriter() *rawWriter {
	w := &rawWriter{}
	w.do = w.write
	return w
}

func (w *rawWriter) write(fd uintptr) bool {
	for {
		n, err := syscall.Write(int(fd), w.b)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if errors.Is(err, syscall.EAGAIN) {
			w.n, w.err = 0, nil
			return !w.wait
		}
		w.n, w.err = max(n, 0), err
		return true
	}
}

// write gives the socket what it takes of b now: n may be less than all of it,
// and 0, without an error.
func (s socket) write(w *rawWriter, b []byte) (n int, err error) {
	w.b, w.wait = b, false
	err = s.raw.Write(w.do)
	w.b = nil
	if err == nil {
		err = w.err
	}
	return w.n, err
}

// writeSome is write, but waits until the socket takes something or its write
// deadline passes.
func (s socket) writeSome(b []byte) (n int, err error) {
	w := newRawWriter()
	w.b, w.wait = b, true
	if err := s.raw.Write(w.do); err != nil {
		return 0, err
	}
	return w.n, w.err
}
