package web

import (
	"context"
	"crypto/sha1" //nolint:gosec // RFC 6455 4.2.2 wants it
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"

	"alertrelay/relay"
	"alertrelay/relay/site"
)

// webSocket serves a request at a WebSocket location: handshake first, then what
// a subscriber may be refused for (protocol 10.1).
func (s *Server) webSocket(w http.ResponseWriter, q *visit) {
	r, loc := q.r, q.loc
	h := w.Header()
	if r.Method != http.MethodGet {
		h.Set("Connection", "close")
		notAllowed(w, http.MethodGet)
		return
	}
	setNoCache(h)
	if f := checkHandshake(r.Header); f != nil {
		h.Set("Connection", "close")
		if *f == errWSVersion {
			h["Sec-WebSocket-Version"] = []string{"8, 13"}
		}
		s.refused(w, *f, loc.Mode)
		return
	}
	c := newSubscriber(s, loc, site.ModeWebSocket)
	c.format = loc.frame
	refused := c.begin(q)
	_, rw, err := http.NewResponseController(w).Hijack()
	if err != nil { // not HTTP/1
		c.closeSub()
		refusal{http.StatusHTTPVersionNotSupported, "This location needs HTTP/1.1."}.write(w)
		return
	}
	if !c.takeOver(q.link) {
		return
	}
	c.out = upgraded(r.Header.Get("Sec-WebSocket-Key"), q.added(http.StatusSwitchingProtocols)+q.snapshotHeader())
	early := buffered(rw.Reader)
	if refused != nil {
		s.metrics.refuse(site.ModeWebSocket, refused.status)
		c.out, c.ending = append(c.out, refused.closeFrame()...), true
		c.start(func() { c.watch(early, q.link.key) })
		return
	}
	c.out = append(c.out, c.format.Header()...)
	c.peer = newPeer(c, early)
	if loc.AllowPublish {
		c.peer.publish, _ = s.elements(q.set.channels.of(q), false)
		c.peer.publish = slices.DeleteFunc(c.peer.publish, func(req relay.Request) bool { return s.withEvents([]relay.Request{req}) })
		c.peer.unstored = !q.set.store
	}
	c.start(c.peer.run)
}

// checkHandshake wants all four headers, with any values, and a version that is
// known.
func checkHandshake(h http.Header) *refusal {
	for _, name := range []string{"Connection", "Upgrade", "Sec-Websocket-Key", "Sec-Websocket-Version"} {
		if _, ok := h[name]; !ok {
			return &errNoMasked
		}
	}
	if v := h.Get("Sec-WebSocket-Version"); v != "13" && v != "8" {
		return &errWSVersion
	}
	return nil
}

// upgraded is the answer to a handshake.
func upgraded(key, added string) []byte {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // RFC 6455 4.2.2 wants it
	b := make([]byte, 0, 512)
	b = append(b, "HTTP/1.1 101 Switching Protocols\r\nExpires: "+expires+"\r\nCache-Control: "+cacheControl+
		"\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "...)
	b = base64.StdEncoding.AppendEncode(b, sum[:])
	b = append(b, added...)
	return append(b, "\r\n\r\n"...)
}

// closeFrame is the refusal as a close frame.
func (f refusal) closeFrame() []byte {
	explain, err := json.Marshal(f.explain)
	if err != nil { // a string always marshals
		panic(err)
	}
	return closeFrame(closePolicy, `{"http_status": `+strconv.Itoa(f.status)+`, "explain":`+string(explain)+"}")
}

// Close codes (RFC 6455 7.4.1, and its registry).
const (
	closePolicy   = 1008
	closeNotUTF8  = 1007
	closeTryLater = 1013
)

// closeFrame is a close frame; the reason may have up to 123 bytes.
func closeFrame(code int, reason string) []byte {
	reason = reason[:min(len(reason), 123)]
	b := append(make([]byte, 0, 128), wsClose[0], byte(2+len(reason)), byte(code>>8), byte(code))
	return append(b, reason...)
}

// received publishes a client's text to the channels of its connection. There is
// no answer to say that it failed, so the connection ends. What melody has read
// behind the frame that ended it does not count.
func (p *peer) received(text []byte) {
	if len(p.publish) == 0 || len(text) == 0 || p.hungUp() {
		return
	}
	s := p.c.server
	ctx, cancel := context.WithTimeout(context.Background(), s.opts.PublishTimeout)
	defer cancel()
	err := s.publishTo(ctx, p.publish, relay.Publication{Text: text, Unstored: p.unstored})
	if err != nil {
		s.log.Warn("websocket publish refused", "remote", p.c.conn.RemoteAddr(), "err", err)
		p.hangUp(closeFrame(closeTryLater, refuse(err).explain))
		return
	}
	s.metrics.publish(len(p.publish), 0)
}
