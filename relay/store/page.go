package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"alertrelay/relay"
)

const (
	pageMessages = 1000
	pageBytes    = 8 << 20
)

// pageRequest asks for a batch of messages in one direct get.
type pageRequest struct {
	Seq       uint64     `json:"seq,omitempty"`
	StartTime *time.Time `json:"start_time,omitempty"`
	NextFor   string     `json:"next_by_subj"`
	Batch     int        `json:"batch"`
	MaxBytes  int        `json:"max_bytes,omitempty"`
}

type page struct {
	msgs []storedMsg
	more bool // there are more that match
}

// storedMsg is a message as the stream has it.
type storedMsg struct {
	subject string
	seq     uint64
	at      time.Time
	pending uint64 // matching messages after it; of a page
	last    uint64 // sequence of the message before it in the page
	header  nats.Header
	data    []byte
}

var errTorn = errors.New("a part of the answer is missing")

// page makes one batched direct get. It may bring less than it was asked for,
// with more set; never a hole.
func (s *stream) page(ctx context.Context, r pageRequest) (page, error) {
	const op = "read history"
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	body, err := json.Marshal(r)
	if err != nil {
		return page{}, fmt.Errorf("store: %s: %w", op, err)
	}
	// Not a SubscribeSync: it takes an empty message with a header "Status: 503"
	// for no answer, and any publisher can have stored one (TestForgedHeaders).
	answers := make(chan *nats.Msg, r.Batch+1)
	inbox := s.nc.NewInbox()
	sub, err := s.nc.ChanSubscribe(inbox, answers)
	if err != nil {
		return page{}, unavailable(op, err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := s.nc.PublishRequest("$JS.API.DIRECT.GET."+s.name, inbox, body); err != nil {
		return page{}, unavailable(op, err)
	}
	p := page{msgs: make([]storedMsg, 0, min(r.Batch, 64))}
	for doubt := false; ; {
		var m *nats.Msg
		select {
		case m = <-answers:
		case <-ctx.Done():
			return page{}, unavailable(op, ctx.Err())
		}
		var before uint64
		if n := len(p.msgs); n > 0 {
			before = p.msgs[n-1].seq
		}
		got, kind := answer(m)
		switch {
		case kind == answerEnd && doubt:
			return s.pageOfOne(ctx, r, p)
		case kind == answerEnd && got.last != before, kind == answerMessage && !doubt && got.last != before:
			return page{}, unavailable(op, errTorn) // a reconnect in the middle of it
		case kind == answerEnd:
			p.more = got.pending > 0
			return p, nil
		case kind == answerNothing:
			return p, nil
		case kind == answerError:
			return page{}, unavailable(op, errors.New("status "+m.Header.Get(headerStatus)))
		case kind == answerDoubtful:
			doubt = true // what follows will be asked for again
		case !doubt:
			p.msgs = append(p.msgs, got)
		}
	}
}

// pageOfOne ends a page in front of a message whose headers cannot be trusted.
// If that is the first one, it is asked for in another way.
func (s *stream) pageOfOne(ctx context.Context, r pageRequest, p page) (page, error) {
	p.more = true
	if len(p.msgs) > 0 {
		return p, nil
	}
	got, err := s.stored(ctx, "read history", getRequest{Seq: r.Seq, StartTime: r.StartTime, NextFor: r.NextFor})
	if errors.Is(err, relay.ErrNoMessage) { // removed meanwhile
		return page{}, nil
	}
	p.msgs = append(p.msgs, got)
	return p, err
}

type answerKind int

const (
	answerMessage  answerKind = iota
	answerEnd                 // of the batch; with last and pending
	answerNothing             // nothing matches
	answerError               // another status
	answerDoubtful            // a message, but what the headers say may be the publisher's
)

// answer takes what a direct get brings apart. The server puts its own headers
// behind those of the publisher: the last value of each is its own.
func answer(m *nats.Msg) (got storedMsg, kind answerKind) {
	if !whole(m) {
		return storedMsg{}, answerDoubtful
	}
	got = storedMsg{
		subject: lastValue(m.Header, headerSubject), header: m.Header, data: m.Data,
		pending: number(m.Header, headerPending), last: number(m.Header, headerLast),
	}
	if got.seq = number(m.Header, headerSequence); got.seq == 0 { // only a message has one
		switch m.Header.Get(headerStatus) {
		case "204":
			return got, answerEnd
		case "404":
			return got, answerNothing
		}
		return got, answerError
	}
	var err error
	if got.at, err = time.Parse(time.RFC3339Nano, lastValue(m.Header, headerTime)); err != nil {
		return got, answerDoubtful
	}
	return got, answerMessage
}

// whole reports whether the headers that were decoded are all there are. A
// publisher can end its headers with an empty line and go on behind it: the
// library stops there, and what the server has put at the end is not seen.
func whole(m *nats.Msg) bool {
	const most = 64 // headers; the server's own alone are longer than the slack that leaves
	const first, last = len("NATS/1.0\r\n"), len("\r\n")
	size, n := first+last, 0
	for name, values := range m.Header {
		for _, value := range values {
			size += len(name) + len(":") + len(value) + len("\r\n")
			n++
		}
	}
	have := m.Size() - len(m.Subject) - len(m.Reply) - len(m.Data)
	return n > 0 && n <= most && have <= size+n // a space after each colon
}

// number is the last value of a header as a number, 0 if it is none.
func number(h nats.Header, name string) uint64 {
	n, err := strconv.ParseUint(lastValue(h, name), 10, 64)
	if err != nil {
		return 0
	}
	return n
}
