package store

import (
	"context"
	"sync"

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

// Run reads the stream into the sink until ctx ends; then it returns nil, after
// it has saved the counts. First come what is retained and, with CaughtUp, the
// end of it; then what is published. A server that is away is waited for. A
// stream that has gone back or was made anew is read again, after Reset; one
// that was deleted is made again. The error is relay.ErrUnavailable when the
// connection is closed for good.
func (s *Store) Run(ctx context.Context, sink Sink) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := newReader(s, sink)
	if err := r.begin(ctx); err != nil {
		return ended(ctx, err)
	}
	c := &counts{store: s, sink: sink, reader: r}
	var wg sync.WaitGroup
	wg.Go(func() { c.run(ctx) })
	err := r.follow(ctx)
	cancel()
	wg.Wait()
	r.repairs.Wait()
	return err
}
