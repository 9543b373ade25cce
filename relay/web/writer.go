package web

import (
	"runtime"
	"time"

	"alertrelay/relay"
)

const (
	maxBatch   = 64 << 10 // bytes in one write, unless a frame alone is larger
	maxEntries = 128      // messages in one write
	maxTurns   = 8        // writes to one subscriber while others wait
	popBatch   = 32       // subscribers taken from the queue at a time
)

// writer writes to those subscribers that have something to read. There are as
// many as processors.
type writer struct {
	server *Server
	raw    *rawWriter
	space  [maxEntries]*relay.Entry

	// What was put together last. Subscribers of one channel stand in the queue
	// together and mostly want the same.
	entries []*relay.Entry
	frames  [][]byte
	format  *framed
	joined  []byte
	buf     []byte
}

func newWriter(s *Server) *writer {
	return &writer{server: s, raw: newRawWriter(), buf: make([]byte, 0, maxBatch)}
}

func (w *writer) run() {
	var batch [popBatch]*subscriber
	for {
		ready := w.server.queue.pop(batch[:])
		if len(ready) == 0 {
			return
		}
		for i, c := range ready {
			if c.state.CompareAndSwap(queued, running) {
				w.serve(c)
			}
			ready[i] = nil
		}
		w.forget()
		// Where there are fewer processors than work, what was published in the
		// meantime gets to the rings before the next subscribers have their
		// turn, and goes out in the same write.
		runtime.Gosched()
	}
}

// forget lets go of messages: the writer may have nothing to do for long.
func (w *writer) forget() {
	clear(w.space[:])
	clear(w.entries)
	clear(w.frames)
	w.entries, w.frames, w.joined, w.format = w.entries[:0], w.frames[:0], nil, nil
}

// serve writes to the subscriber until nothing is left, the socket is full, or
// others should have their turn.
func (w *writer) serve(c *subscriber) {
	for range maxTurns {
		b, batch := c.out, false
		if len(b) == 0 {
			if c.ending {
				c.finish()
				return // terminated by its reader
			}
			if b, batch = c.compose(w); len(b) == 0 {
				if c.ending {
					continue
				}
				if c.rest() {
					return
				}
				continue
			}
		}
		n, err := c.write(w, b)
		if err != nil {
			c.drop()
			return
		}
		c.last.Store(w.server.wheel.time())
		if batch {
			c.out = w.taken(c, n)
		} else if c.out = b[n:]; n == len(b) {
			c.out = nil // not to hold the bytes before it
		}
		if n < len(b) {
			w.server.workers.Go(c.park)
			return
		}
	}
	c.requeue()
}

// write gives the connection what it takes without waiting; one under TLS waits,
// in a goroutine of its own.
func (c *subscriber) write(w *writer, b []byte) (n int, err error) {
	if c.secure != nil {
		return c.secure.write(c.conn, b, sendTimeout(c.loc.Connection))
	}
	return c.socket.write(w.raw, b)
}

// compose says what to write next: nothing, c.out, or a batch of messages from
// the subscription.
func (c *subscriber) compose(w *writer) (b []byte, batch bool) {
	if c.poll != nil {
		c.answer(w)
		return c.out, false
	}
	return c.flow(w)
}

// collect puts the next messages of a subscription together. It returns nil if
// there are none.
func (w *writer) collect(c *subscriber) []byte {
	for {
		entries := c.sub.Peek(w.space[:])
		if len(entries) == 0 {
			return nil
		}
		if b := w.join(c, entries); len(b) > 0 {
			return b
		}
		c.sub.Advance(w.entries) // they render to nothing (quirk 17)
	}
}

// join gives the frames of entries as one piece, or of as many as fit.
func (w *writer) join(c *subscriber, entries []*relay.Entry) []byte {
	if w.same(c.format, entries) {
		return w.joined
	}
	w.entries, w.frames, w.format = append(w.entries[:0], entries...), w.frames[:0], c.format
	size, filled, only := 0, 0, []byte(nil)
	for i, e := range entries {
		var frame []byte
		if e.Control() != relay.IDGap || !c.loc.Module {
			frame = e.Frame(c.format.Format)
		}
		if size > 0 && size+len(frame) > maxBatch {
			w.entries = w.entries[:i]
			break
		}
		w.frames = append(w.frames, frame)
		if size += len(frame); len(frame) > 0 {
			filled++
			only = frame
		}
	}
	if filled == 1 {
		w.joined = only // shared by all, not copied
		return w.joined
	}
	w.buf = w.buf[:0]
	for _, f := range w.frames {
		w.buf = append(w.buf, f...)
	}
	w.joined = w.buf
	return w.joined
}

// same reports whether entries are what was put together last.
func (w *writer) same(format *framed, entries []*relay.Entry) bool {
	if w.format != format || len(w.entries) == 0 || len(w.entries) > len(entries) ||
		len(w.entries) < len(entries) && len(w.joined) < maxBatch/2 {
		return false
	}
	for i, e := range w.entries {
		if entries[i] != e {
			return false
		}
	}
	return true
}

// taken moves the cursor over what the socket took of a batch, and returns the
// rest of the message that it took in part.
func (w *writer) taken(c *subscriber, n int) (rest []byte) {
	count := 0
	for i, f := range w.frames {
		count = i + 1
		if n < len(f) {
			rest = f[n:]
			break
		}
		n -= len(f)
	}
	c.sub.Advance(w.entries[:count])
	w.server.metrics.deliver(c.mode, count)
	return rest
}

// park waits until the socket takes something again. It owns the subscriber
// meanwhile.
func (c *subscriber) park() {
	err := c.conn.SetWriteDeadline(time.Now().Add(sendTimeout(c.loc.Connection)))
	n := 0
	if err == nil {
		n, err = c.socket.writeSome(c.out)
	}
	if err != nil {
		c.drop()
		return
	}
	_ = c.conn.SetWriteDeadline(time.Time{})
	c.last.Store(c.server.wheel.time())
	c.out = c.out[n:]
	c.requeue()
}
