package track_test

import (
	"sync/atomic"
	"testing"
	"time"

	"alertrelay/alerts/track"
)

// clock goes like the real one, and ahead of it; or it stands until it is set on.
type clock struct {
	stands time.Time // zero: it goes
	ahead  atomic.Int64
}

func newClock() *clock { return &clock{} }

func (c *clock) now() time.Time {
	now := c.stands
	if now.IsZero() {
		now = time.Now()
	}
	return now.Add(time.Duration(c.ahead.Load()))
}

func (c *clock) add(d time.Duration) { c.ahead.Add(int64(d)) }

// settle waits until all relays know what is stored, and has each sweep.
func settle(t testing.TB, rigs ...*rig) {
	t.Helper()
	for range 2 {
		for _, r := range rigs {
			must(t, r.Stream.Log().Applied(t.Context()))
		}
		for _, r := range rigs {
			must(t, track.Sweep(r.Tracker, t.Context()))
		}
	}
}
