package web

import (
	"bytes"
	"net/http"
	"net/url"
	"time"

	"alertrelay/relay"
	"alertrelay/relay/site"
)

// poll is what a poll or a long poll needs beside being a subscriber.
type poll struct {
	from     relay.Cursor
	now      bool      // it asked for mode=now
	headTime time.Time // where the stream stood when the request came
	headTag  uint64
	origin   string
	// Headers that the location adds, to all answers but errors, or to all.
	added, addedAlways, vary string
	zip                      bool
	callback                 string // JSONP; empty: none
	got                      []*relay.Entry
	gap                      string       // what the notice says, empty: none
	mark                     *relay.Entry // the end of the snapshot that got is, else nil
	answered                 chan struct{}
}

// pollDeadline is how long a poll waits for history that only the store has.
const pollDeadline = 10 * time.Second

// answer collects what there is and, when that is all, makes the response of it.
func (c *subscriber) answer(w *writer) {
	p := c.poll
	for p.mark == nil {
		entries := c.sub.Peek(w.space[:])
		if len(entries) == 0 {
			break
		}
		for _, e := range entries {
			switch {
			case e.Control() == relay.IDGap:
				p.gap = string(e.Message().Text)
			case e.Control() == relay.IDDeleted && c.mode == site.ModePoll && !p.now: // the next poll sees an empty channel
			case e.Control() == relay.IDSnapshot:
				p.mark = e
			case p.mark != nil: // it is for the next poll, which goes on after the snapshot
			default:
				p.got = append(p.got, e)
			}
		}
		c.sub.Advance(entries)
	}
	asked := c.asked.Load()
	over := asked&(askEnd|askStop) != 0
	switch {
	case p.mark != nil:
		c.out, c.ending = c.found(), true
	case c.sub.Replaying() && !over:
		// The archive is being read, and wakes us.
	case c.sub.Replaying():
		c.out, c.ending = c.unavailable(), true
	case len(p.got) > 0:
		c.out, c.ending = c.found(), true
	case c.mode == site.ModePoll || over:
		c.out, c.ending = c.nothing(), true
	case asked&askGone != 0: // and a long poll has nothing to say
		c.ending = true
	default: // it waits
		c.sub.Announce()
	}
}

func (c *subscriber) head(status string) head {
	h := head{
		status: status, contentType: c.pollType(), length: unknownLength,
		http10: c.http10, keepAlive: c.keepAlive, origin: c.poll.origin,
		exposed: !c.loc.Module, added: c.poll.added,
	}
	if !c.loc.Module {
		h.gap = c.poll.gap
	}
	return h
}

// pollType is the content type of an answer (protocol 3.6).
func (c *subscriber) pollType() string {
	switch {
	case c.poll.callback != "":
		return "application/javascript"
	case c.loc.Mode == site.ModeEventSource && c.mode == site.ModeLongPoll:
		return eventStream
	}
	return c.loc.ContentType
}

// found is the answer with messages.
func (c *subscriber) found() []byte {
	p := c.poll
	h := c.head("200 OK")
	var newest *relay.Message
	size := 0
	for _, e := range p.got {
		if m := e.Message(); (e.Control() == 0 || p.now) && (newest == nil || m.Seq > newest.Seq) {
			newest = m
		}
		size += len(e.Frame(c.format.Format))
	}
	if c.loc.Module && newest != nil {
		if m := c.sub.Latest(p.got); m != nil && m.Seq > newest.Seq {
			newest = m // not stored (quirk 34)
		}
	}
	switch {
	case p.mark != nil:
		m := p.mark.Message()
		h.lastModified, h.tag, h.hasTag, h.snapshot = m.Time, m.Seq, true, true
		if p.callback != "" { // a script sees no headers
			p.got = append(p.got, p.mark)
		}
	case newest != nil:
		h.lastModified, h.tag, h.hasTag = newest.Time, newest.Seq, true
	case c.loc.Module: // deleted
		h.lastModified, h.tag, h.hasTag = time.Now(), 0, true
	default:
		c.stand(&h)
	}
	c.server.metrics.deliver(c.mode, len(p.got))
	c.zipped(&h)
	b := h.append(make([]byte, 0, 512+size))
	return c.body(b, p.got, nil)
}

// zipped says in the head how the body is encoded.
func (c *subscriber) zipped(h *head) {
	h.zipped = c.poll.zip
	h.added += c.poll.vary
}

// body appends header template, messages and footer, as JSONP if asked.
func (c *subscriber) body(b []byte, entries []*relay.Entry, control []byte) []byte {
	p := c.poll
	if p.callback == "" && !p.zip {
		b = append(b, c.format.Header()...)
		for _, e := range entries {
			b = append(b, e.Frame(c.format.Format)...)
		}
		b = append(b, control...)
		b = append(b, c.format.Footer()...)
		if !c.http10 {
			b = append(b, chunkEnd...)
		}
		return b
	}
	pieces := append(make([][]byte, 0, 2*len(entries)+6), c.format.Header())
	if p.callback != "" {
		pieces = append(pieces, []byte(p.callback), []byte("(["))
	}
	pieces = append(pieces, control)
	for i, e := range entries {
		if i > 0 && p.callback != "" {
			pieces = append(pieces, []byte(","))
		}
		pieces = append(pieces, e.Frame(c.format.Format))
	}
	if p.callback != "" {
		pieces = append(pieces, []byte("]);"))
	}
	pieces = append(pieces, c.format.Footer())
	if p.zip {
		pieces = [][]byte{c.loc.compress(bytes.Join(pieces, nil))}
	}
	if c.http10 {
		return append(b, bytes.Join(pieces, nil)...)
	}
	for _, piece := range pieces {
		b = appendChunk(b, piece)
	}
	return append(b, chunkEnd...)
}

// nothing is the answer without a message: a poll that found none, a long poll
// that waited in vain (protocol 8.2, 8.3).
func (c *subscriber) nothing() []byte {
	status := "304 Not Modified"
	withBody := c.mode == site.ModeLongPoll && c.loc.timeoutBody
	if withBody {
		status = "200 OK"
	}
	h := c.head(status)
	switch {
	case !c.loc.Module:
		c.stand(&h)
	case c.mode == site.ModeLongPoll:
		h.lastModified, h.tag, h.hasTag = time.Now(), 0, true
	default:
		c.echo(&h)
	}
	if withBody {
		c.zipped(&h)
		return c.body(h.append(nil), nil, c.format.timeout)
	}
	h.length = 0
	return h.append(nil)
}

// stand says where the stream stood when the request came: nothing that is there
// is sent again, and nothing is lost.
func (c *subscriber) stand(h *head) {
	switch {
	case c.poll.now && c.poll.from.Tag > c.poll.headTag: // the end of a channel was the last that came
		h.lastModified, h.tag, h.hasTag = c.poll.from.Time, c.poll.from.Tag, true
	case !c.poll.headTime.IsZero():
		h.lastModified, h.tag, h.hasTag = c.poll.headTime, c.poll.headTag, true
	case c.poll.from.Time.IsZero(): // nothing has ever come: what comes before the next poll is after this
		h.lastModified, h.tag, h.hasTag = time.Unix(0, 0), 0, true
	default:
		from := &c.poll.from
		h.lastModified, h.tag, h.hasTag = from.Time, from.Tag, from.HasTag
	}
}

// echo gives the client's cursor back.
func (c *subscriber) echo(h *head) {
	from := &c.poll.from
	if from.Time.Unix() > 0 { // quirk 37
		h.lastModified = from.Time
	}
	h.tag, h.hasTag = from.Tag, from.HasTag
}

// unavailable is the answer when the store does not give the history in time.
func (c *subscriber) unavailable() []byte {
	status := "503 Service Unavailable"
	if c.loc.Module {
		status = "503 " + phrases[http.StatusServiceUnavailable]
	}
	h := c.head(status)
	h.added = c.poll.addedAlways
	h.length = 0
	return h.append(nil)
}

const maxCallback = 256

// readCallback reads the JSONP argument (protocol 8.4); what is no name of a
// function is refused (quirk 20), an empty one is none (quirk 17).
func (c *subscriber) readCallback(r *http.Request) *refusal {
	raw, _ := argument(r.URL.RawQuery, "callback")
	name, err := url.PathUnescape(raw)
	if err != nil || len(name) > maxCallback {
		return &errCallback
	}
	for i := range len(name) {
		switch b := name[i]; {
		case b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z', b >= '0' && b <= '9', b == '_', b == '$', b == '.', b == '[', b == ']':
		default:
			return &errCallback
		}
	}
	if name != "" {
		c.poll.callback = name
		c.format = c.loc.plain
	}
	return nil
}
