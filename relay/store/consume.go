package store

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"alertrelay/relay"
)

// Sink takes what the stream has, in its order, from one goroutine. Counts alone
// is called by another. relay.Hub is one; what the methods mean is said there.
type Sink interface {
	Restore(s relay.ChannelState)
	Load(m relay.Message)
	CaughtUp()
	Append(m relay.Message)
	Delete(d relay.Deletion)
	Reset()
	Create(m relay.Mark)
	Expire(m relay.Mark)
	Advance(seq uint64)
	Counts() []relay.ChannelState
}

const (
	lookInterval = 2 * time.Second        // between looks at the stream
	warmInterval = 100 * time.Millisecond // the same, while the sink waits to catch up
)

var (
	errNewEpoch = errors.New("store: the stream is not the one that was read")
	errSilent   = errors.New("store: the consumer has messages and does not deliver them")
)

// Run reads the stream into the sink until ctx ends; then it returns nil, after
// it has saved the counts. First come what is retained and, with CaughtUp, the
// end of it; then what is published. A server that is away is waited for. A
// stream that has gone back or was made anew is read again, after Reset; one
// that was deleted is made again. The error is relay.ErrUnavailable when the
// connection is closed for good.
func (s *Store) Run(ctx context.Context, sink Sink) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := &reader{store: s, sink: sink, log: s.log, channels: make(map[string]string)}
	if err := r.begin(ctx); err != nil {
		return r.end(ctx, err)
	}
	c := &counts{store: s, sink: sink, reader: r}
	var wg sync.WaitGroup
	wg.Go(func() { c.run(ctx) })
	var err error
	for ctx.Err() == nil && err == nil {
		switch failed := r.consume(ctx); {
		case ctx.Err() != nil:
		case errors.Is(failed, errNewEpoch):
			err = r.renew(ctx)
		default:
			s.log.Debug("consumer ended, making another", "err", failed, "seq", r.pos.Load())
			err = r.pause(ctx)
		}
	}
	err = r.end(ctx, err)
	cancel()
	wg.Wait()
	r.repairs.Wait()
	return err
}

// end says whether Run has ended as it should.
func (r *reader) end(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // that is how Run ends
	}
	return err
}

// pause waits before another try. The error says why there is no use in one.
func (r *reader) pause(ctx context.Context) error {
	if r.store.nc.IsClosed() {
		return unavailable("read the stream", nats.ErrConnectionClosed)
	}
	if !sleep(ctx, retryInterval) {
		return ctx.Err()
	}
	return nil
}

// consume reads on from the reader's position until something is wrong with the
// consumer or with the stream.
func (r *reader) consume(ctx context.Context) error {
	p, err := r.store.newPull(ctx, r.pos.Load()+1)
	if isCode(err, codeStreamNotFound) {
		return errNewEpoch
	}
	if err != nil {
		return err
	}
	defer p.close()
	// While there was no consumer, the stream may have gone back and grown past
	// our position. This is the last moment to see it.
	switch _, same, err := r.sameStream(ctx); {
	case isCode(err, codeStreamNotFound) || err == nil && !same:
		return errNewEpoch
	case err != nil:
		return err
	}
	r.silent = 0
	for ctx.Err() == nil {
		if err := r.readOn(ctx, p); err != nil {
			return err
		}
		if err := r.look(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// readOn takes messages until it is time to look at the stream.
func (r *reader) readOn(ctx context.Context, p *pull) error {
	interval := lookInterval
	if r.warm {
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
			r.take(ctx, m, meta)
		}
	}
	return nil
}

// look is made every few seconds, and more often while the sink waits to catch
// up: is it still the same stream, and is there something that has not come?
func (r *reader) look(ctx context.Context, p *pull) error {
	if ctx.Err() != nil {
		return nil //nolint:nilerr // the caller looks too
	}
	r.tellMissed()
	st, same, err := r.sameStream(ctx)
	switch {
	case isCode(err, codeStreamNotFound) || err == nil && !same:
		return errNewEpoch
	case err != nil:
		r.log.Debug("look at the stream", "err", err)
		return nil // the server is away; the consumer will say so
	}
	idle := r.taken == r.seen
	r.seen = r.taken
	if !idle {
		r.silent = 0
		return nil
	}
	rest, gone, err := p.rest(ctx)
	switch {
	case gone:
		return err
	case err != nil:
		r.log.Debug("look at the consumer", "err", err)
		return nil
	case rest == 0:
		// All there is has been taken. What else the stream has counted was
		// removed before it could be delivered.
		r.silent = 0
		r.passed(st.last)
		return nil
	}
	if r.silent++; r.silent > 1 && !r.warm || r.silent > 20 {
		return errSilent
	}
	return nil
}
