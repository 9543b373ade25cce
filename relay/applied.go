package relay

import (
	"container/heap"
	"context"
	"sync"
	"sync/atomic"
)

// applied follows how far the stream has been put into the rings, and wakes
// those who wait for a sequence.
type applied struct {
	seq atomic.Uint64

	mu      sync.Mutex // guards waiters
	waiters waiters
}

type waiter struct {
	seq  uint64
	done chan struct{}
}

type waiters []waiter

func (w waiters) Len() int           { return len(w) }
func (w waiters) Less(i, j int) bool { return w[i].seq < w[j].seq }
func (w waiters) Swap(i, j int)      { w[i], w[j] = w[j], w[i] }
func (w *waiters) Push(x any)        { *w = append(*w, x.(waiter)) }
func (w *waiters) Pop() any {
	last := (*w)[len(*w)-1]
	*w = (*w)[:len(*w)-1]
	return last
}

// advance moves to seq and releases who waited for it.
func (a *applied) advance(seq uint64) {
	if seq > a.seq.Load() {
		a.seq.Store(seq)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(a.waiters) > 0 && a.waiters[0].seq <= seq {
		close(heap.Pop(&a.waiters).(waiter).done)
	}
}

// reset begins again at 0. Whoever waits is released: what it waits for belongs
// to a stream that is no more.
func (a *applied) reset() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seq.Store(0)
	for _, w := range a.waiters {
		close(w.done)
	}
	a.waiters = nil
}

// wait blocks until seq has been reached or ctx ends. Who gives up is taken off
// the list only when its sequence passes: the publish has been acknowledged, so
// it will.
func (a *applied) wait(ctx context.Context, seq uint64) error {
	if a.seq.Load() >= seq {
		return nil
	}
	a.mu.Lock()
	if a.seq.Load() >= seq {
		a.mu.Unlock()
		return nil
	}
	w := waiter{seq, make(chan struct{})}
	heap.Push(&a.waiters, w)
	a.mu.Unlock()
	select {
	case <-w.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
