package cli

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"
)

const (
	trimInterval = 5 * time.Second
	// burstBytes is how much is allocated in an interval that is not quiet.
	burstBytes = 16 << 20
	// Memory is given back after as many quiet intervals: first when NATS does not
	// have in memory any more what it has written, which is so for 10 s, then when
	// what was rendered is forgotten, which takes up to a minute.
	quietFirst, quietThen = 3, 13
)

// trimming gives memory back to the system after each burst, until the function
// that it returns is called. Taking in 20,000 alerts needs 250 MB, and holding them
// a third of that; by itself the runtime keeps the rest for long.
func trimming() (stop func()) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(trimInterval)
		defer tick.Stop()
		sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
		var b bursts
		for {
			select {
			case <-tick.C:
			case <-done:
				return
			}
			metrics.Read(sample)
			if b.over(sample[0].Value.Uint64()) {
				runtime.GC() // what lies in pools goes with the second one
				debug.FreeOSMemory()
			}
		}
	})
	return func() {
		close(done)
		wg.Wait()
	}
}

// bursts tells when a burst of allocations is over: a while ago, and longer ago. The
// zero value waits for the end of the start, which is one.
type bursts struct {
	allocated uint64
	quiet     int // intervals since the last burst
}

// over takes what was allocated so far, at the end of an interval.
func (b *bursts) over(allocated uint64) bool {
	if allocated-b.allocated >= burstBytes {
		b.quiet = 0
	} else {
		b.quiet++
	}
	b.allocated = allocated
	return b.quiet == quietFirst || b.quiet == quietThen
}
