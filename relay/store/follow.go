package store

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"alertrelay/relay"
)

const (
	lookInterval = 2 * time.Second        // between looks at the stream
	warmInterval = 100 * time.Millisecond // the same, while somebody waits for what is retained
)

var (
	errNewEpoch = errors.New("store: the stream is not the one that was read")
	errSilent   = errors.New("store: the consumer has messages and does not deliver them")
)

// follower reads a stream in its order, for ever: a server that is away is waited
// for, a consumer that has ended is made again after the position, and a stream
// that is not the same any more is noticed. It belongs to one goroutine.
type follower struct {
	stream *stream
	taker  taker
	log    *slog.Logger

	pos   atomic.Uint64 // sequence up to which all has been taken
	epoch atomic.Pointer[epoch]

	taken  uint64 // messages so far
	seen   uint64 // taken, at the last look
	silent int    // looks since something should have come
	said   string // the trouble that the log has
}

// taker is whose follower it is. It keeps the position and the epoch.
type taker interface {
	// take takes the next message.
	take(ctx context.Context, msg *nats.Msg, meta *nats.MsgMetadata)
	// waiting reports whether what is retained has not all been taken: looks
	// come more often then.
	waiting() bool
	// connected comes before reading begins, and before it goes on with another
	// consumer. errNewEpoch has it begin anew.
	connected() error
	// looked comes with each look at the stream, with the state it has.
	// errNewEpoch has it begin anew.
	looked(st state) error
	// allTaken tells that there was nothing more in the stream at this state.
	allTaken(st state)
	// renew begins a new epoch. The error says why that will never be.
	renew(ctx context.Context) error
}

// follow reads until ctx ends; then it returns nil. Otherwise the error is
// relay.ErrUnavailable: the connection is closed for good.
func (f *follower) follow(ctx context.Context) error {
	var err error
	for ctx.Err() == nil && err == nil {
		switch failed := f.consume(ctx); {
		case ctx.Err() != nil:
		case errors.Is(failed, errNewEpoch):
			err = f.taker.renew(ctx)
		default:
			f.log.Debug("consumer ended, making another", "err", failed, "seq", f.pos.Load())
			err = f.pause(ctx)
		}
	}
	return ended(ctx, err)
}

// ended says whether reading has ended as it should.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // that is how it ends
	}
	return err
}

// pause waits before another try. The error says why there is no use in one.
func (f *follower) pause(ctx context.Context) error {
	if f.stream.nc.IsClosed() {
		return unavailable("read the stream", nats.ErrConnectionClosed)
	}
	if !sleep(ctx, retryInterval) {
		return ctx.Err()
	}
	return nil
}

// consume reads on from the position until something is wrong with the
// consumer or with the stream.
func (f *follower) consume(ctx context.Context) error {
	p, err := f.stream.newPull(ctx, start{seq: f.pos.Load() + 1})
	if isCode(err, codeStreamNotFound) {
		return errNewEpoch
	}
	if err != nil {
		return err
	}
	defer p.close()
	// While there was no consumer, the stream may have gone back and grown past
	// our position. This is the last moment to see it.
	switch _, same, err := f.sameStream(ctx); {
	case isCode(err, codeStreamNotFound) || err == nil && !same:
		return errNewEpoch
	case err != nil:
		return err
	}
	f.silent = 0
	if err := f.taker.connected(); err != nil {
		return err
	}
	for ctx.Err() == nil {
		if err := f.readOn(ctx, p); err != nil {
			return err
		}
		if err := f.look(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// readOn takes messages until it is time to look at the stream.
func (f *follower) readOn(ctx context.Context, p *pull) error {
	interval := lookInterval
	if f.taker.waiting() {
		interval = warmInterval
	}
	wait, cancel := context.WithTimeout(ctx, interval)
	defer cancel()
	for wait.Err() == nil {
		m, meta, err := p.next(wait)
		if err != nil {
			return err
		}
		if m != nil {
			f.taken++
			f.taker.take(ctx, m, meta)
		}
	}
	return nil
}

// look is made every few seconds, and more often while somebody waits:
// is it still the same stream, and is there something that has not come?
func (f *follower) look(ctx context.Context, p *pull) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // the caller looks too
	}
	st, same, err := f.sameStream(ctx)
	switch {
	case isCode(err, codeStreamNotFound) || err == nil && !same:
		return errNewEpoch
	case err != nil:
		f.log.Debug("look at the stream", "err", err)
		return nil // the server is away; the consumer will say so
	}
	if err := f.taker.looked(st); err != nil {
		return err
	}
	idle := f.taken == f.seen
	f.seen = f.taken
	if !idle {
		f.silent = 0
		return nil
	}
	rest, gone, err := p.rest(ctx)
	switch {
	case gone:
		return err
	case err != nil:
		f.log.Debug("look at the consumer", "err", err)
		return nil
	case rest == 0:
		// All there is has been taken. What else the stream has counted was
		// removed before it could be delivered.
		f.silent = 0
		f.taker.allTaken(st)
		return nil
	}
	if f.silent++; f.silent > 1 && !f.taker.waiting() || f.silent > 20 {
		return errSilent
	}
	return nil
}

// trouble says in the log why the stream cannot be read, once. A server that is
// away is in the log already.
func (f *follower) trouble(err error) {
	if errors.Is(err, relay.ErrUnavailable) {
		f.log.Debug("the stream cannot be read yet", "err", err)
		return
	}
	if err.Error() != f.said {
		f.said = err.Error()
		f.log.Error("the stream cannot be read", "err", err)
	}
}
