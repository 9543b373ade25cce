package store

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// An epoch is the time in which a sequence of the stream means one message. It
// ends when the stream is made anew, or goes back: a restored backup, a lost
// tail after a power cut. A consumer would go on as if nothing had happened and
// skip what gets the old sequences again, so the reader remembers some of what
// it has read, and compares.
type epoch struct {
	created time.Time
	floor   uint64      // the stream was at least this long at the beginning
	ready   atomic.Bool // the sink has caught up, its counts are worth keeping

	mu      sync.Mutex // guards what follows
	last    anchor
	samples [8]anchor // older ones, for when last has been removed
	n       int
}

// anchor is a message that was in the stream.
type anchor struct {
	seq uint64
	at  time.Time
}

const sampleEvery = 32 // messages

// passed notes a message.
func (e *epoch) passed(seq uint64, at time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if newest := e.samples[e.n%len(e.samples)].seq; e.last.seq >= newest+sampleEvery {
		e.n++
		e.samples[e.n%len(e.samples)] = e.last
	}
	e.last = anchor{seq, at}
}

func (e *epoch) lastTime() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.last.at
}

// anchors are the messages to compare, newest first.
func (e *epoch) anchors() []anchor {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := make([]anchor, 0, len(e.samples)+1)
	if e.last.seq > 0 {
		all = append(all, e.last)
	}
	for i := range e.samples {
		if a := e.samples[(e.n+len(e.samples)-i)%len(e.samples)]; a.seq > 0 && a.seq < e.last.seq {
			all = append(all, a)
		}
	}
	return all
}

// sameStream asks whether the stream is still that of the epoch. An error of
// codeStreamNotFound is the answer no; other errors are no answer.
func (f *follower) sameStream(ctx context.Context) (st state, same bool, err error) {
	e, pos := f.epoch.Load(), f.pos.Load()
	st, err = f.stream.state(ctx)
	if err != nil {
		return st, false, err
	}
	if !st.created.Equal(e.created) || st.last < pos || st.last < e.floor {
		return st, false, nil
	}
	for _, a := range e.anchors() {
		if a.seq == st.last && a.at.Equal(st.lastTime) {
			// Asking for the message would have the server read the block that it is
			// in, and keep it: up to 8 MB for each stream that nothing happens in.
			return st, true, nil
		}
		at, ok, err := f.stream.storedAt(ctx, a.seq)
		if err != nil {
			return st, false, err
		}
		if ok {
			return st, at.Equal(a.at), nil
		}
	}
	return st, true, nil // all were removed by retention, or nothing was read
}
