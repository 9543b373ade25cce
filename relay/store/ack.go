package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"alertrelay/relay"
)

// acks matches the server's acknowledgements with the publishes that wait for
// them. One subscription serves all of them, as nats.go does for requests; doing
// it here lets a publish outlive a reconnect and be sent again.
type acks struct {
	nc     *nats.Conn
	sub    *nats.Subscription
	prefix string // of the reply subjects, with the dot
	plain  []byte // how the server begins an ack without anything special

	// reconnects is how often the connection was found again, when somebody last
	// looked. Looking for each publish would cost a lock on the connection; a
	// stale value only makes a slow publish be sent again in vain.
	reconnects atomic.Uint64

	mu      sync.Mutex // guards what follows
	waiting map[string]chan ack
	next    uint64
}

type ack struct {
	receipt relay.Receipt
	err     error
}

var ackChans = sync.Pool{New: func() any { return make(chan ack, 1) }}

// newAcks subscribes. The subscription ends with the connection, or close.
func newAcks(nc *nats.Conn, stream string) (*acks, error) {
	a := &acks{nc: nc, prefix: nc.NewInbox() + ".", plain: fmt.Appendf(nil, `{"stream":%q,"seq":`, stream), waiting: make(map[string]chan ack)}
	var err error
	if a.sub, err = nc.Subscribe(a.prefix+"*", a.receive); err != nil {
		return nil, unavailable("subscribe to acknowledgements", err)
	}
	if err := a.sub.SetPendingLimits(-1, -1); err != nil { // dropping one would fail a publish that worked
		a.close()
		return nil, unavailable("subscribe to acknowledgements", err)
	}
	return a, nil
}

func (a *acks) close() { _ = a.sub.Unsubscribe() }

func (a *acks) receive(m *nats.Msg) {
	token := strings.TrimPrefix(m.Subject, a.prefix)
	a.mu.Lock()
	ch := a.waiting[token]
	delete(a.waiting, token)
	a.mu.Unlock()
	if ch != nil {
		ch <- a.parse(m)
	}
}

const resendAfter = 500 * time.Millisecond

// publish sends the message and waits for its acknowledgement. If the connection
// was lost and found in between, the message is sent once more; its Nats-Msg-Id
// keeps it from being stored twice. resent tells that.
func (a *acks) publish(m *nats.Msg, timeout time.Duration) (r relay.Receipt, resent bool, err error) {
	ch := ackChans.Get().(chan ack)
	a.mu.Lock()
	a.next++
	token := strconv.FormatUint(a.next, 36)
	a.waiting[token] = ch
	a.mu.Unlock()
	m.Reply = a.prefix + token
	before := a.reconnects.Load()

	if err := a.nc.PublishMsg(m); err != nil {
		a.forget(token, ch)
		return relay.Receipt{}, false, publishError(err)
	}
	deadline := time.Now().Add(timeout)
	timer := time.NewTimer(min(resendAfter, timeout))
	defer timer.Stop()
	for {
		select {
		case got := <-ch:
			ackChans.Put(ch)
			return got.receipt, resent, got.err
		case <-timer.C:
		}
		left := time.Until(deadline)
		if left <= 0 || a.nc.IsClosed() {
			a.forget(token, ch)
			return relay.Receipt{}, resent, unavailable("publish", errNoAck)
		}
		timer.Reset(min(resendAfter, left))
		if resent || !a.nc.IsConnected() {
			continue
		}
		if now := a.nc.Stats().Reconnects; now != before {
			a.reconnects.Store(now)
			resent = a.nc.PublishMsg(m) == nil
		}
	}
}

var errNoAck = errors.New("no acknowledgement in time")

// forget gives up waiting. The channel is reused only if nobody can be about to
// send on it.
func (a *acks) forget(token string, ch chan ack) {
	a.mu.Lock()
	_, waiting := a.waiting[token]
	delete(a.waiting, token)
	a.mu.Unlock()
	if waiting {
		ackChans.Put(ch)
	}
}

func (a *acks) parse(m *nats.Msg) ack {
	if digits, ok := bytes.CutPrefix(m.Data, a.plain); ok && len(digits) > 1 {
		if seq, err := strconv.ParseUint(string(digits[:len(digits)-1]), 10, 64); err == nil {
			return ack{receipt: relay.Receipt{Seq: seq}}
		}
	}
	if len(m.Data) == 0 && m.Header.Get(headerStatus) == "503" {
		return ack{err: unavailable("publish", nats.ErrNoResponders)}
	}
	var answer struct {
		Error     *apiError `json:"error"`
		Seq       uint64    `json:"seq"`
		Duplicate bool      `json:"duplicate"`
	}
	if err := json.Unmarshal(m.Data, &answer); err != nil {
		return ack{err: unavailable("publish", fmt.Errorf("acknowledgement: %w", err))}
	}
	if answer.Error != nil {
		return ack{err: publishError(answer.Error)}
	}
	if answer.Seq == 0 {
		return ack{err: unavailable("publish", errors.New("acknowledgement without a sequence"))}
	}
	return ack{receipt: relay.Receipt{Seq: answer.Seq, Duplicate: answer.Duplicate}}
}

// publishError gives the errors that callers tell apart; every other is the
// store's trouble.
func publishError(err error) error {
	switch {
	case isCode(err, codeWrongLastSequence) || isCode(err, codeWrongLastConstant):
		return fmt.Errorf("store: publish: %w: %w", relay.ErrConflict, err)
	case errors.Is(err, nats.ErrMaxPayload) || isCode(err, codeMessageTooLarge) || isCode(err, codeHeaderTooLarge):
		return fmt.Errorf("store: publish: %w: %w", relay.ErrTooLarge, err)
	}
	return unavailable("publish", err)
}
