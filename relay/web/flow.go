package web

import (
	"fmt"
	"math/rand/v2"
)

// chunkEnd is the last chunk of a response (RFC 9112 7.1).
const chunkEnd = "0\r\n\r\n"

// startFlow is the head of an endless response, with the header template.
func (c *subscriber) startFlow(origin string) []byte {
	h := head{
		status: "200 OK", contentType: c.contentType(), length: unknownLength,
		http10: c.http10, keepAlive: c.keepAlive, origin: origin, unbuffered: !c.loc.Module,
	}
	return append(h.append(make([]byte, 0, 512)), c.format.Header()...)
}

const eventStream = "text/event-stream; charset=utf-8"

func (c *subscriber) contentType() string {
	if c.mode == EventSource {
		return eventStream
	}
	return c.loc.ContentType
}

// flow says what to write next on an endless response.
func (c *subscriber) flow(w *writer) (b []byte, batch bool) {
	if c.peer != nil {
		if b := c.peer.take(c); len(b) > 0 || c.ending {
			c.out = b
			return b, false
		}
	}
	asked := c.asked.Load()
	if asked&(askEnd|askStop) != 0 {
		c.out = c.endFlow(asked&askStop != 0)
		return c.out, false
	}
	if b := w.collect(c); b != nil {
		return b, true
	}
	switch {
	case c.sub.Ended():
		c.out = c.endFlow(false)
	case asked&askPing != 0:
		c.asked.And(^askPing)
		c.out = c.format.ping
	}
	return c.out, false
}

// endFlow is the end of an endless response: the footer and what ends the
// framing. When the server stops, a browser is told to come back a little later,
// and not all at once.
func (c *subscriber) endFlow(stopping bool) []byte {
	c.ending = true
	var b []byte
	if stopping && c.mode == EventSource && !c.loc.Module {
		retry := fmt.Sprintf("retry: %d\n\n", 1000+rand.IntN(3000))
		if !c.http10 {
			retry = fmt.Sprintf("%x\r\n%s\r\n", len(retry), retry)
		}
		b = append(b, retry...)
	}
	b = append(b, c.format.Footer()...)
	switch {
	case c.peer != nil:
		b = append(b, wsClose...)
	case !c.http10:
		b = append(b, chunkEnd...)
	}
	return b
}

var (
	wsPing  = []byte{0x89, 0}
	wsClose = []byte{0x88, 0}
)
