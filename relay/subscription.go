package relay

import (
	"context"
	"sync/atomic"
	"time"
)

// A Subscription is a cursor over one or more rings. Replay and live are the
// same read: first what the subscriber missed, channel after channel in the
// order it asked for, then what comes, in the order of the stream, each message
// once.
//
// It is owned by one goroutine at a time, which may call Peek, Advance, Next and
// Ended. Close may be called by any.
type Subscription struct {
	hub    *Hub
	notify func()
	wakeCh chan struct{} // for Next; nil if notify is the caller's
	armed  atomic.Bool   // the owner has seen the end and waits for notify
	closed atomic.Bool
	// busy is true while the archive is read on the subscription's behalf; the
	// reader then owns all below.
	busy atomic.Bool

	told atomic.Uint32 // whether events tell of it: the constants of Announce

	slots []slot
	runs  []run    // where what Peek returned came from
	page  []*Entry // entries of a snapshot or from the archive, and gap notices: before all else
	mark  *Entry   // the end of the snapshot, after page; nil: none
	left  int      // slots that are not done
	mixed bool     // replay is in the order of the stream too, not slot by slot
	epoch uint64   // the hub's when it subscribed or last went over a gap

	// One channel is the rule; its subscription allocates nothing more.
	oneSlot [1]slot
	oneRun  [1]run
}

// slot is the cursor in one ring.
type slot struct {
	ring *ring
	next uint64    // ordinal of the next entry to read
	peek uint64    // ordinal of the next entry to return, while merging
	seam uint64    // what is below is replay, the rest is live
	pos  uint64    // the hub's position at the seam
	seen uint64    // sequence of the last message read
	cold *coldRead // what the archive has to give before next; nil: nothing
	done bool      // the channel has been deleted, and that was read
	// whole has everything below the seam read, and not only what newcomers are
	// shown.
	whole bool
}

// run says that n entries in a row were returned from a slot. A skipped run was
// not returned, because another slot had the same entry.
type run struct {
	slot, n int
	skipped bool
}

func (s *Subscription) init(n int) {
	if n == 1 {
		s.slots = s.oneSlot[:0]
	} else {
		s.slots = make([]slot, 0, n)
	}
	s.runs = s.oneRun[:0]
	if s.notify == nil {
		s.wakeCh = make(chan struct{}, 1)
		s.notify = s.signal
	}
}

func (s *Subscription) signal() {
	select {
	case s.wakeCh <- struct{}{}:
	default:
	}
}

// wakeUp notifies the owner, once after each Peek that found nothing.
func (s *Subscription) wakeUp() {
	if s.armed.Load() && s.armed.CompareAndSwap(true, false) {
		s.notify()
	}
}

// Peek returns the entries that come next, as many as are there and fit in buf,
// without consuming them: Advance does. It never blocks. When it returns none,
// notify is called once as soon as there is something, or the subscription has
// Ended, and not before that.
func (s *Subscription) Peek(buf []*Entry) []*Entry {
	for {
		if s.busy.Load() || s.closed.Load() {
			return nil
		}
		if s.left == 0 && len(s.page) == 0 {
			return nil
		}
		if len(s.page) > 0 {
			return buf[:copy(buf, s.page)]
		}
		if got := s.read(buf); len(got) > 0 {
			return got
		}
		if s.busy.Load() || s.left == 0 {
			return nil
		}
		s.armed.Store(true)
		if !s.behind() || !s.armed.CompareAndSwap(true, false) {
			return nil // notify will be called, or is being called
		}
	}
}

// Advance consumes taken, which is a prefix of what the last Peek returned.
func (s *Subscription) Advance(taken []*Entry) {
	n := len(taken)
	if n == 0 {
		return
	}
	if len(s.page) > 0 {
		if s.page = s.page[n:]; len(s.page) > 0 {
			return
		}
		if s.page = nil; s.mark != nil {
			s.page, s.mark = []*Entry{s.mark}, nil
		}
		return
	}
	var seen uint64
	for i := range s.runs {
		r := &s.runs[i]
		sl := &s.slots[r.slot]
		k := min(n, r.n)
		if r.skipped {
			k = r.n
		} else if n == 0 {
			break
		} else {
			seen = taken[len(taken)-n+k-1].msg.Seq
			n -= k
		}
		sl.next += uint64(k)
		sl.seen = seen
		if k < r.n {
			break
		}
	}
	s.runs = s.runs[:0]
}

// Ended reports whether all channels of the subscription have been deleted and
// everything has been read. Nothing will come any more.
func (s *Subscription) Ended() bool {
	return !s.busy.Load() && s.left == 0 && len(s.page) == 0
}

// Next waits until there is something and consumes it: up to len(buf) entries.
// It is for subscriptions made without notify. Errors: that of ctx; ErrClosed
// when the subscription is closed or has Ended.
func (s *Subscription) Next(ctx context.Context, buf []*Entry) ([]*Entry, error) {
	for {
		if got := s.Peek(buf); len(got) > 0 {
			s.Advance(got)
			return got, nil
		}
		if s.closed.Load() || s.Ended() {
			return nil, ErrClosed
		}
		select {
		case <-s.wakeCh:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Close ends the subscription. notify is not called any more, but for a call
// that is under way. Calling it again does nothing.
func (s *Subscription) Close() {
	if !s.closed.CompareAndSwap(false, true) {
		return
	}
	s.armed.Store(false)
	s.hub.subscribers.Add(-1)
	if s.told.Swap(leftSubscriber) == toldSubscriber {
		s.leave()
	}
	for i := range s.slots {
		s.slots[i].ring.remove()
	}
	if s.wakeCh != nil {
		s.signal()
	}
}

// Where events stand with a subscription.
const (
	untold         uint32 = iota
	telling               // by Announce, which looks again when it is done
	toldSubscriber        // Close tells that it has left
	leftSubscriber        // closed
)

// Announce tells on the events channel that there is a subscriber, once, and that
// it has left when it is closed. It is for those that stay: a poll that is
// answered at once is no client that has subscribed (protocol 11.2).
func (s *Subscription) Announce() {
	e := s.hub.events
	if e == nil || !s.told.CompareAndSwap(untold, telling) {
		return
	}
	for i := range s.slots {
		if r := s.slots[i].ring; r.name != e.channel {
			r.enter(e)
		}
	}
	if !s.told.CompareAndSwap(telling, toldSubscriber) {
		s.leave()
	}
}

func (s *Subscription) leave() {
	e := s.hub.events
	for i := range s.slots {
		if r := s.slots[i].ring; r.name != e.channel {
			r.leave(e)
		}
	}
}

// Replaying reports whether history is still to be read: what was there when the
// subscription began.
func (s *Subscription) Replaying() bool {
	if s.busy.Load() || len(s.page) > 0 {
		return true
	}
	for i := range s.slots {
		if sl := &s.slots[i]; sl.cold != nil || sl.next < sl.seam {
			return true
		}
	}
	return false
}

// Latest returns the newest message, stored or not, of those that the channels of
// these entries had when the subscription began; nil if none is in the buffer. A
// poll that was sent the entries may go on from it, because all channels were
// looked at in one moment (protocol 8.2, quirk 34). Wildcards have none.
func (s *Subscription) Latest(of []*Entry) *Message {
	replayed := make(map[string]bool, 1)
	for _, e := range of {
		if e.control == 0 {
			replayed[e.msg.Channel] = true
		}
	}
	var latest *Message
	for i := range s.slots {
		sl := &s.slots[i]
		if m := sl.beforeSeam(); m != nil && replayed[sl.ring.name] && (latest == nil || m.Seq > latest.Seq) {
			latest = m
		}
	}
	return latest
}

// beforeSeam is the last message before the seam, if it is in the buffer.
func (sl *slot) beforeSeam() *Message {
	r := sl.ring
	r.mu.RLock()
	defer r.mu.RUnlock()
	if sl.seam <= r.base || r.wildcard {
		return nil
	}
	return &r.at(sl.seam - 1).msg
}

// read collects what the rings hold: replay slot by slot, then live.
func (s *Subscription) read(buf []*Entry) []*Entry {
	commit := s.hub.commit.Load()
	s.runs = s.runs[:0]
	if sl := &s.slots[0]; len(s.slots) == 1 && sl.cold == nil && sl.next >= sl.seam {
		return s.readLive(sl, buf, commit)
	}
	now := time.Now()
	for i := range s.slots {
		sl := &s.slots[i]
		if sl.done {
			continue
		}
		if sl.cold != nil || sl.lags() {
			s.fetch(i)
			return nil
		}
		if sl.next < sl.seam && !s.mixed {
			if got := sl.replay(buf, now); len(got) > 0 {
				s.runs = append(s.runs, run{slot: i, n: len(got)})
				return got
			}
		}
	}
	if len(s.slots) > 1 {
		return s.merge(buf, commit, now)
	}
	return s.readLive(&s.slots[0], buf, commit)
}

// readLive reads what came after the seam in the only slot: the common case.
func (s *Subscription) readLive(sl *slot, buf []*Entry, commit uint64) []*Entry {
	got, state := sl.live(buf, commit)
	switch state {
	case slotLags:
		s.fetch(0)
	case slotDone:
		sl.done = true
		s.left--
	case slotOpen:
		if len(got) > 0 {
			s.runs = append(s.runs, run{slot: 0, n: len(got)})
		}
	}
	return got
}

// lags reports whether what comes next has left the buffer.
func (sl *slot) lags() bool {
	sl.ring.mu.RLock()
	defer sl.ring.mu.RUnlock()
	return sl.next < sl.ring.base
}

// lag returns what the archive has to give because it has left the buffer, where
// the ring now begins at base, before it was read; nil if nothing has.
func (sl *slot) lag(base ringBase) *coldRead {
	if sl.next >= base.ord {
		return nil
	}
	c := &coldRead{from: sl.seen + 1, expect: base.ord - sl.next, next: base.ord}
	if base.id > c.expect {
		c.number = base.id - c.expect
	}
	return c
}

// replay collects a run of history. What is not to be replayed at its beginning
// is passed over; further on it ends the run.
func (sl *slot) replay(buf []*Entry, now time.Time) []*Entry {
	r := sl.ring
	r.mu.RLock()
	defer r.mu.RUnlock()
	n := 0
	for ord := sl.next; ord >= r.base && ord < min(sl.seam, r.end()) && n < len(buf); ord++ {
		e := r.at(ord)
		if sl.whole || e.replayable(sl.pos, now) {
			buf[n] = e
			n++
			continue
		}
		if n > 0 {
			break
		}
		sl.next++
	}
	return buf[:n]
}

// slotState is what reading a slot found beside entries.
type slotState uint8

const (
	slotOpen slotState = iota
	slotLags           // what comes next has left the buffer
	slotDone           // the channel has been deleted, and all was read
)

// live collects a run of what came after the seam, up to commit.
func (sl *slot) live(buf []*Entry, commit uint64) ([]*Entry, slotState) {
	r := sl.ring
	r.mu.RLock()
	defer r.mu.RUnlock()
	if sl.next < r.base {
		return nil, slotLags
	}
	n := 0
	for ord := sl.next; ord < r.end() && n < len(buf); ord++ {
		e := r.at(ord)
		if e.pos > commit {
			break
		}
		if !e.loaded {
			buf[n] = e
			n++
			continue
		}
		if n > 0 {
			break
		}
		sl.next++
	}
	if n == 0 && r.dead && sl.next >= r.end() {
		return nil, slotDone
	}
	return buf[:n], slotOpen
}

// behind reports whether a ring has something that was not read.
func (s *Subscription) behind() bool {
	commit := s.hub.commit.Load()
	for i := range s.slots {
		sl := &s.slots[i]
		if sl.done {
			continue
		}
		r := sl.ring
		r.mu.RLock()
		more := sl.next < r.end() && (sl.next < r.base || r.at(sl.next).pos <= commit)
		r.mu.RUnlock()
		if more {
			return true
		}
	}
	return false
}
