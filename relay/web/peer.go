package web

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/gorilla/websocket"
	"github.com/olahol/melody"

	"alertrelay/relay"
)

// webSockets is melody, which reads clients' frames, answers pings and closes.
// Messages never go through it: its queue per session drops what is too much.
type webSockets struct {
	publishers *melody.Melody // where texts are published
	listeners  *melody.Melody // where they are ignored, and so need not be long
}

const (
	never         = 10 * 365 * 24 * time.Hour // of what melody does and we do ourselves
	socketBuffer  = 256                       // bytes to read client frames with: they are small and rare
	maxControl    = 4096                      // bytes of control frames that wait for the socket; then reading waits
	flushDeadline = time.Second
	maxIgnored    = 64 << 10 // bytes of a text that nobody wants
)

func newWebSockets(maxFrame int64) *webSockets {
	return &webSockets{publishers: newMelody(maxFrame), listeners: newMelody(min(maxFrame, maxIgnored))}
}

func newMelody(maxFrame int64) *melody.Melody {
	m := melody.New()
	m.Config = &melody.Config{
		WriteWait: 10 * time.Second, PongWait: never, PingPeriod: never,
		MaxMessageSize: maxFrame,
	}
	m.Upgrader = &websocket.Upgrader{
		ReadBufferSize: socketBuffer, WriteBufferSize: socketBuffer, WriteBufferPool: &sync.Pool{},
		CheckOrigin: func(*http.Request) bool { return true }, // as the module does (quirk 21)
	}
	peerOf := func(session *melody.Session) *peer {
		p, _ := session.WebsocketConnection().NetConn().(*peer) // what Hijack below gave
		return p
	}
	m.HandleMessage(func(session *melody.Session, text []byte) {
		p := peerOf(session)
		if !utf8.Valid(text) {
			p.hangUp(closeFrame(closeNotUTF8, "not UTF-8"))
			return
		}
		p.received(text)
	})
	m.HandleMessageBinary(func(session *melody.Session, _ []byte) { peerOf(session).hangUp(wsClose) })
	return m
}

// peer is the client's side of a WebSocket, and the net.Conn that melody is
// given: reading is reading, but what melody writes (pongs, closes) waits behind
// the frame that is being written.
type peer struct {
	c        *subscriber
	early    []byte          // read by net/http, not yet masked
	frames   masker          // what the client sends
	ready    []byte          // of it, not yet read by melody
	publish  []relay.Request // where texts go; none: they are ignored
	unstored bool            // and they are not kept
	shaken   bool            // melody has written its handshake, which is not sent
	lost     bool            // reading has failed: nothing can be sent any more

	mu      sync.Mutex // guards what follows
	room    sync.Cond  // in control, or there is no use in waiting for it
	control []byte     // to be sent
	hangup  bool       // and to be ended then
	flushed chan struct{}
	done    bool // flushed is closed
}

func newPeer(c *subscriber, early []byte) *peer {
	p := &peer{c: c, early: early, flushed: make(chan struct{})}
	p.room.L = &p.mu
	return p
}

// handshake stands in for every client's: ours has been answered already.
var handshake = &http.Request{Method: http.MethodGet, Header: http.Header{
	"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"},
	"Sec-Websocket-Key": {"AAAAAAAAAAAAAAAAAAAAAA=="},
}}

// run has melody read the connection to its end, and tidies up.
func (p *peer) run() {
	c := p.c
	m := c.server.melody.listeners
	if c.loc.AllowPublish {
		m = c.server.melody.publishers
	}
	_ = m.HandleRequest(melodyWriter{p}, handshake)
	if !p.lost {
		p.hangUp(nil)
		timer := time.NewTimer(flushDeadline)
		select {
		case <-p.flushed:
		case <-timer.C:
		}
		timer.Stop()
	}
	c.terminate()
	if p.lost {
		c.conn.Close()
		return
	}
	linger(c.conn)
}

// melodyWriter is the http.ResponseWriter from which melody gets the connection.
type melodyWriter struct{ p *peer }

// Header has nothing: the response is sent already.
func (melodyWriter) Header() http.Header { return nil }

// Write takes what melody says when it refuses a handshake, which it does not.
func (melodyWriter) Write(b []byte) (int, error) { return len(b), nil }

// WriteHeader is Write for the status.
func (melodyWriter) WriteHeader(int) {}

// Hijack gives the peer.
func (w melodyWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	nothing := bufio.NewReadWriter(bufio.NewReaderSize(strings.NewReader(""), 16), bufio.NewWriterSize(io.Discard, 16))
	return w.p, nothing, nil
}

// Read reads what the client sends.
func (p *peer) Read(b []byte) (int, error) {
	if p.hungUp() {
		return 0, io.EOF
	}
	for len(p.ready) == 0 {
		in := p.early
		p.early = nil
		if len(in) == 0 {
			n, err := p.c.conn.Read(b)
			if err != nil {
				p.lost = true
				return 0, err
			}
			in = b[:n]
		}
		p.ready = p.frames.append(p.ready[:0:0], in)
	}
	n := copy(b, p.ready)
	if p.ready = p.ready[n:]; len(p.ready) == 0 {
		p.ready = nil
	}
	return n, nil
}

// Write queues a control frame. It waits while a client does not read the answers
// to its own frames.
func (p *peer) Write(b []byte) (int, error) {
	if !p.shaken {
		p.shaken = true
		return len(b), nil
	}
	p.mu.Lock()
	for len(p.control)+len(b) > maxControl && !p.hangup && !p.done {
		p.room.Wait()
	}
	if p.hangup || p.done {
		p.mu.Unlock()
		return 0, net.ErrClosed
	}
	p.control = append(p.control, b...)
	p.mu.Unlock()
	p.c.ask(askPeer)
	return len(b), nil
}

// Close ends the connection when everything is written.
func (p *peer) Close() error {
	p.hangUp(nil)
	return nil
}

// hangUp ends the connection with a last frame.
func (p *peer) hangUp(frame []byte) {
	p.mu.Lock()
	if !p.hangup {
		p.control = append(p.control, frame...)
		p.hangup = true
		p.room.Broadcast()
	}
	p.mu.Unlock()
	p.c.ask(askPeer)
}

func (p *peer) hungUp() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hangup
}

// take gives the owner of the subscriber what is to be sent.
func (p *peer) take(c *subscriber) []byte {
	if c.asked.Load()&askPeer == 0 {
		return nil
	}
	c.asked.And(^askPeer)
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.control
	p.control = nil
	p.room.Broadcast()
	c.ending = c.ending || p.hangup
	return b
}

// finish is called when everything is written: the client may answer a close
// before the connection is closed.
func (p *peer) finish(conn net.Conn) {
	p.drop()
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_ = conn.SetReadDeadline(time.Now().Add(lingerTime))
}

// drop is called when nothing more will be written.
func (p *peer) drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.done {
		p.done = true
		close(p.flushed)
		p.room.Broadcast()
	}
}

// LocalAddr is the connection's.
func (p *peer) LocalAddr() net.Addr { return p.c.conn.LocalAddr() }

// RemoteAddr is the connection's.
func (p *peer) RemoteAddr() net.Addr { return p.c.conn.RemoteAddr() }

// SetDeadline does nothing: deadlines are the server's.
func (p *peer) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing.
func (p *peer) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing.
func (p *peer) SetWriteDeadline(time.Time) error { return nil }
