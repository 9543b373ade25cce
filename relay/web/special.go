package web

import (
	"bytes"
	"compress/gzip"

	"alertrelay/relay"
)

// special is what a stream needs whose bytes are not those of others: padded for
// its user agent, or compressed, which costs an encoder of some hundred KB for
// each. Nothing of it is on the way of other subscribers.
type special struct {
	padding *padding
	zip     *gzip.Writer
	zipped  bytes.Buffer
	http10  bool
}

// newSpecial returns nil if the stream is like others.
func newSpecial(q *visit, zip bool) *special {
	p := q.loc.padding(q)
	if p == nil && !zip {
		return nil
	}
	s := &special{padding: p, http10: !q.r.ProtoAtLeast(1, 1)}
	if zip {
		s.zip = newZipper(&s.zipped, q.loc.Gzip.Level)
	}
	return s
}

// append appends pieces of the stream: each a chunk, or all compressed in one that
// can be read at once.
func (s *special) append(b []byte, pieces ...[]byte) []byte {
	for _, p := range pieces {
		switch {
		case len(p) == 0:
		case s.zip != nil:
			_, _ = s.zip.Write(p) // a Buffer takes everything
		default:
			b = s.chunk(b, p)
		}
	}
	if s.zip == nil {
		return b
	}
	_ = s.zip.Flush()
	return s.takeZipped(b)
}

// end ends the stream.
func (s *special) end(b []byte) []byte {
	if s.zip != nil {
		_ = s.zip.Close()
		b = s.takeZipped(b)
	}
	return b
}

func (s *special) takeZipped(b []byte) []byte {
	b = s.chunk(b, s.zipped.Bytes())
	s.zipped.Reset()
	return b
}

func (s *special) chunk(b, content []byte) []byte {
	if s.http10 {
		return append(b, content...)
	}
	return appendChunk(b, content)
}

// collect takes the next messages of the subscription, as they go on the wire.
// The cursor moves at once: what the socket does not take stays with the
// subscriber.
func (s *special) collect(c *subscriber, w *writer) []byte {
	var out []byte
	for len(out) == 0 {
		entries := c.sub.Peek(w.space[:])
		if len(entries) == 0 {
			return nil
		}
		var pieces [][]byte
		size, taken := 0, 0
		for _, e := range entries {
			if e.Control() == relay.IDGap && c.loc.Module {
				taken++
				continue
			}
			frame := e.Frame(c.format.Format)
			if size > 0 && size+len(frame) > maxBatch {
				break
			}
			filler := s.padding.afterMessage(frame)
			pieces = append(pieces, frame, filler)
			size += len(frame) + len(filler)
			taken++
		}
		if size > 0 {
			out = s.append(nil, pieces...)
		}
		c.sub.Advance(entries[:taken])
		c.server.metrics.deliver(c.mode, taken)
	}
	return out
}
