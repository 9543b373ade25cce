package web

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"alertrelay/relay"
	"alertrelay/relay/site"
)

// subscriber is one connection that messages are written to. See the package's
// documentation for its way. There may be a hundred thousand, so it is small:
// what only polls or WebSockets need is behind a pointer.
type subscriber struct {
	server *Server
	loc    *location
	sub    *relay.Subscription
	format *framed
	conn   net.Conn
	socket socket

	state atomic.Uint32 // who owns out and ending: see the constants
	asked atomic.Uint32 // what others want of the owner: ask bits
	timer timer         // guarded by wheel.mu
	end   int64         // when its time is up, in wheel time; 0: never. Set at the beginning
	last  atomic.Int64  // when something was last written, in wheel time

	out    []byte // goes first: what the socket did not take, or an answer
	ending bool   // nothing comes after out

	finished  atomic.Bool // all was written; the reader takes the connection over
	gone      bool        // no timer any more; guarded by wheel.mu
	keepAlive bool
	http10    bool
	mode      site.Mode // the location's, or what a header made of it
	first     [1]byte   // what the reader waits for
	requests  uint32    // that the connection has carried

	poll *poll // of polls and long polls, else nil
	peer *peer // of WebSockets, else nil

	special *special // of padded and compressed streams, else nil
	secure  *secure  // of connections that cannot be written without waiting, else nil
}

// States. Who moves a subscriber from queued to running owns it until it is idle
// or queued again.
const (
	running    uint32 = iota // at work, and at the very beginning
	runningOn                // at work, and woken meanwhile
	idle                     // waits for a wake-up
	queued                   // waits for a writer
	terminated               // for ever
)

// What is asked of a subscriber's owner.
const (
	askPing uint32 = 1 << iota // nothing was written for the ping interval
	askEnd                     // the time is up
	askStop                    // the server stops
	askPeer                    // the WebSocket has a frame to send, or hangs up
	askGone                    // the client of a poll has closed its side
)

func newSubscriber(s *Server, loc *location, mode site.Mode) *subscriber {
	c := &subscriber{server: s, loc: loc, mode: mode}
	if c.ends() {
		c.poll = &poll{answered: make(chan struct{})}
	}
	return c
}

// ends reports whether the response is one answer, and not endless.
func (c *subscriber) ends() bool { return c.mode == site.ModePoll || c.mode == site.ModeLongPoll }

// wake has a writer look at the subscriber. Anybody may call it, at any time.
func (c *subscriber) wake() {
	for {
		switch state := c.state.Load(); state {
		case idle:
			if c.state.CompareAndSwap(idle, queued) {
				c.enqueue()
				return
			}
		case running:
			if c.state.CompareAndSwap(running, runningOn) {
				return
			}
		default:
			return
		}
	}
}

// ask wakes the subscriber with a wish.
func (c *subscriber) ask(bit uint32) {
	c.asked.Or(bit)
	c.wake()
}

// requeue is called by the owner: it wants another turn after the others.
func (c *subscriber) requeue() {
	c.state.Store(queued)
	c.enqueue()
}

// enqueue has the subscriber's own writer look at it, or one of all.
func (c *subscriber) enqueue() {
	if c.secure != nil {
		c.secure.signal()
		return
	}
	c.server.queue.push(c)
}

// rest is called by the owner when there is nothing to do. It reports false if
// there is again.
func (c *subscriber) rest() bool {
	if c.state.CompareAndSwap(running, idle) {
		return true
	}
	c.state.Store(running)
	return false
}

// hijack takes the connection over from net/http and sends the response on its
// way.
func (c *subscriber) hijack(w http.ResponseWriter, q *visit, origin string) {
	_, rw, err := http.NewResponseController(w).Hijack()
	if err != nil { // not HTTP/1
		c.sub.Close()
		refusal{http.StatusHTTPVersionNotSupported, "This location needs HTTP/1.1."}.write(w)
		return
	}
	if !c.takeOver(q.link) {
		return
	}
	early := buffered(rw.Reader)
	if c.poll == nil {
		c.out = c.startFlow(origin, q.added(http.StatusOK)+q.vary(c.contentType())+q.snapshotHeader())
	} else {
		c.poll.origin = origin
	}
	key := q.link.key
	c.start(func() { c.watch(early, key) })
}

// takeOver makes the link's connection the subscriber's, or closes both.
func (c *subscriber) takeOver(l *link) bool {
	l.tune(sendTimeout(c.loc.Connection))
	conn := l.Conn // net/http has read all that was early
	err := conn.SetDeadline(time.Time{})
	c.conn = conn
	if l.tls {
		c.secure = newSecure()
	} else if err == nil {
		c.socket, err = socketOf(conn)
	}
	if err != nil || !c.server.add(c) {
		c.closeSub()
		conn.Close()
		return false
	}
	return true
}

// start gives the subscriber to the writers and its connection to a reader.
func (c *subscriber) start(reader func()) {
	now := c.server.wheel.time()
	c.last.Store(now)
	ttl := c.loc.TTL
	switch c.mode {
	case site.ModeLongPoll:
		ttl = c.loc.PollTTL
	case site.ModePoll:
		ttl = pollDeadline
	}
	if ttl > 0 {
		c.end = now + int64(ttl)
	}
	if at, ok := c.next(now); ok {
		c.server.wheel.schedule(c, at)
	}
	if c.sub != nil && c.poll == nil {
		c.sub.Announce()
	}
	if c.secure != nil {
		c.server.workers.Go(c.writeOwn)
	}
	c.requeue()
	go reader()
}

// next is when the wheel is to call due; ok is false if never.
func (c *subscriber) next(now int64) (at int64, ok bool) {
	at = c.end
	if c.loc.PingInterval > 0 && c.poll == nil {
		if ping := c.last.Load() + int64(c.loc.PingInterval); at == 0 || ping < at {
			at = max(ping, now)
		}
	}
	return at, at > 0
}

// due is called by the wheel; it says when to be called again, 0 for never.
func (c *subscriber) due(now int64) (again int64) {
	if c.end > 0 && now >= c.end {
		c.ask(askEnd)
		return 0
	}
	if c.loc.PingInterval > 0 && c.poll == nil && now-c.last.Load() >= int64(c.loc.PingInterval) {
		c.last.Store(now)
		c.ask(askPing)
	}
	at, ok := c.next(now)
	if !ok {
		return 0
	}
	return at
}

// buffered copies what net/http has read behind the request.
func buffered(r *bufio.Reader) []byte {
	n := r.Buffered()
	if n == 0 {
		return nil
	}
	b, _ := r.Peek(n)
	return append([]byte(nil), b...)
}

// maxEarly bounds what a client may send while its response is open: a request
// pipelined behind a long poll fits.
const maxEarly = 4096

var errTooEarly = errors.New("web: the client sends too much behind its request")

// watch waits for the client to close, or for the response to end; then it
// tidies up.
func (c *subscriber) watch(early []byte, key string) {
	early, err := c.readEarly(early)
	finished := c.finished.Load() && errors.Is(err, os.ErrDeadlineExceeded)
	if errors.Is(err, io.EOF) && c.poll != nil {
		finished, c.keepAlive = c.answerLast(), false
	}
	c.terminate()
	switch {
	case !finished:
		c.conn.Close()
	case c.keepAlive && c.conn.SetDeadline(time.Time{}) == nil:
		again := &link{
			Conn: c.conn, server: c.server, key: key, tls: c.secure != nil, early: early, requests: int(c.requests),
			tuned: sendTimeout(c.loc.Connection), keepalive: c.loc.KeepaliveTimeout,
		}
		again.phase.Store(back)
		c.server.back.give(again)
	default:
		linger(c.conn)
	}
}

// answerLast has a poll answered whose client has closed its side: it may only
// have no further requests. It reports false if there was nothing to say.
func (c *subscriber) answerLast() bool {
	c.ask(askGone)
	timer := time.NewTimer(pollDeadline + time.Second)
	defer timer.Stop()
	select {
	case <-c.poll.answered:
		return true
	case <-timer.C:
		return false
	}
}

// readEarly reads until there is an error, which there will be.
func (c *subscriber) readEarly(early []byte) ([]byte, error) {
	buf := c.first[:]
	for {
		n, err := c.conn.Read(buf)
		early = append(early, buf[:n]...)
		switch {
		case err != nil:
			return early, err
		case len(early) > maxEarly:
			return early, errTooEarly
		}
		buf = make([]byte, maxEarly)
	}
}

// terminate ends everything but the connection.
func (c *subscriber) terminate() {
	c.state.Store(terminated)
	c.server.wheel.cancel(c)
	c.closeSub()
	if c.secure != nil {
		c.secure.end(c.conn)
	}
	c.server.remove(c)
}

func (c *subscriber) closeSub() {
	if c.sub != nil {
		c.sub.Close()
	}
}

// drop is called by the owner when the connection is of no use any more. The
// reader notices.
func (c *subscriber) drop() {
	c.conn.Close()
	if c.poll != nil {
		close(c.poll.answered)
	}
	if c.peer != nil {
		c.peer.drop()
	}
}

// finish is called by the owner when the last byte is written. The reader then
// has the connection.
func (c *subscriber) finish() {
	c.finished.Store(true)
	if c.peer != nil {
		c.peer.finish(c.conn)
		return
	}
	if c.poll != nil {
		close(c.poll.answered)
	}
	_ = c.conn.SetReadDeadline(time.Unix(1, 0)) // wakes the reader
}

const lingerTime = time.Second

// linger closes a connection so that the client can read what was sent: closing
// with something unread resets the connection (RFC 9112 9.6).
func linger(conn net.Conn) {
	defer conn.Close()
	if half, ok := conn.(interface{ CloseWrite() error }); !ok || half.CloseWrite() != nil {
		return
	}
	if conn.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
		_, _ = io.Copy(io.Discard, io.LimitReader(conn, 256<<10))
	}
}
