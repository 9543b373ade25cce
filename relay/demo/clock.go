package demo

import (
	"sync"
	"time"
)

// Clock stands where it is set, until it is let go: then it is the machine's. The
// zero value is the machine's. It may be used by several goroutines at once.
type Clock struct {
	mu sync.Mutex // guards what follows
	at time.Time  // zero: the machine's
}

// Now is the clock's time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.at.IsZero() {
		return time.Now()
	}
	return c.at
}

// Set has the clock stand at a time; the zero time lets it go.
func (c *Clock) Set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = at
}
