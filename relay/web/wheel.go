package web

import (
	"sync"
	"time"
)

const (
	wheelTick  = 50 * time.Millisecond
	wheelSlots = 1024 // a turn takes 51 s; what is due later goes round again
)

// wheel is one timer for all subscribers: adding and removing costs the same
// whatever their number, and a subscriber needs three words for it.
type wheel struct {
	start time.Time

	mu    sync.Mutex // guards slots, tick and every subscriber's timer
	slots [wheelSlots]*subscriber
	tick  int64 // the last one that was handled
}

// timer is a subscriber's place in the wheel.
type timer struct {
	next, prev *subscriber
	tick       int64 // when it is due; 0: not in the wheel
}

func newWheel() *wheel { return &wheel{start: time.Now()} }

// time is wheel time: nanoseconds since the wheel began to turn, whatever the
// clock does.
func (w *wheel) time() int64 { return int64(time.Since(w.start)) }

// schedule has c.due called at a wheel time or up to a tick later, instead of
// whenever it was scheduled before.
func (w *wheel) schedule(c *subscriber, at int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unlink(c)
	if !c.gone {
		w.link(c, at)
	}
}

// cancel takes c out for good.
func (w *wheel) cancel(c *subscriber) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unlink(c)
	c.gone = true
}

func (w *wheel) link(c *subscriber, at int64) {
	tick := max(w.tick+1, at/int64(wheelTick)+1)
	slot := &w.slots[tick%wheelSlots]
	c.timer = timer{next: *slot, tick: tick}
	if *slot != nil {
		(*slot).timer.prev = c
	}
	*slot = c
}

func (w *wheel) unlink(c *subscriber) {
	t := &c.timer
	if t.tick == 0 {
		return
	}
	if t.prev != nil {
		t.prev.timer.next = t.next
	} else {
		w.slots[t.tick%wheelSlots] = t.next
	}
	if t.next != nil {
		t.next.timer.prev = t.prev
	}
	*t = timer{}
}

// run turns the wheel until quit is closed.
func (w *wheel) run(quit <-chan struct{}) {
	ticker := time.NewTicker(wheelTick)
	defer ticker.Stop()
	for {
		select {
		case <-quit:
			return
		case <-ticker.C:
			w.turn(w.time())
		}
	}
}

// turn handles what is due.
func (w *wheel) turn(now int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for end := now / int64(wheelTick); w.tick < end; {
		w.tick++
		for c := w.slots[w.tick%wheelSlots]; c != nil; {
			next := c.timer.next
			if c.timer.tick <= w.tick {
				w.unlink(c)
				if again := c.due(now); again > 0 {
					w.link(c, again)
				}
			}
			c = next
		}
	}
}
