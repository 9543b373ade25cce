package web

import (
	"fmt"
	"math/rand/v2"
	"strconv"

	"alertrelay/relay/site"
)

// chunkEnd is the last chunk of a response (RFC 9112 7.1).
const chunkEnd = "0\r\n\r\n"

// appendChunk appends a chunk, none without content, because that would be the
// last one.
func appendChunk(b, content []byte) []byte {
	if len(content) == 0 {
		return b
	}
	b = strconv.AppendInt(b, int64(len(content)), 16)
	b = append(b, "\r\n"...)
	b = append(b, content...)
	return append(b, "\r\n"...)
}

// startFlow is the head of an endless response, with the header template.
func (c *subscriber) startFlow(origin, added string) []byte {
	h := head{
		status: "200 OK", contentType: c.contentType(), length: unknownLength,
		http10: c.http10, keepAlive: c.keepAlive, origin: origin, unbuffered: !c.loc.Module,
		added: added, zipped: c.special != nil && c.special.zip != nil,
	}
	b := h.append(make([]byte, 0, 512))
	header := c.format.Header()
	if c.special == nil {
		return append(b, header...)
	}
	return c.special.append(b, header, c.special.padding.afterHeader(len(header)))
}

const eventStream = "text/event-stream; charset=utf-8"

func (c *subscriber) contentType() string {
	if c.mode == site.ModeEventSource {
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
	if c.special != nil {
		if c.out = c.special.collect(c, w); len(c.out) > 0 {
			return c.out, false
		}
	} else if b := w.collect(c); b != nil {
		return b, true
	}
	switch {
	case c.sub.Ended():
		c.out = c.endFlow(false)
	case asked&askPing != 0:
		c.asked.And(^askPing)
		c.out = c.ping()
	}
	return c.out, false
}

// ping is what is written when nothing else was for the ping interval.
func (c *subscriber) ping() []byte {
	if c.special == nil {
		return c.format.ping
	}
	var filler []byte
	if c.mode == site.ModeStream { // on an event stream it is a comment
		filler = c.special.padding.afterMessage(c.format.ping)
	}
	return c.special.append(nil, c.format.ping, filler)
}

// endFlow is the end of an endless response: the footer and what ends the
// framing. When the server stops, a browser is told to come back a little later,
// and not all at once.
func (c *subscriber) endFlow(stopping bool) []byte {
	c.ending = true
	var b []byte
	retry := ""
	if stopping && c.mode == site.ModeEventSource && !c.loc.Module {
		retry = fmt.Sprintf("retry: %d\n\n", 1000+rand.IntN(3000))
	}
	if c.special != nil {
		b = c.special.end(c.special.append(b, []byte(retry), c.format.Footer()))
	} else {
		if retry != "" && !c.http10 {
			retry = fmt.Sprintf("%x\r\n%s\r\n", len(retry), retry)
		}
		b = append(append(b, retry...), c.format.Footer()...)
	}
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
