package relay

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Subscribe begins a subscription to the channels and wildcards of reqs, which
// must be checked (CheckID, CheckWildcard) and not empty. A backtrack wins over
// the cursor for its channel. Nothing is lost or doubled between history and
// live. If retention has passed the cursor by, a gap notice comes first.
//
// notify is called as Peek says, from any goroutine, possibly with many others
// waiting: it must be quick and must not call the hub. nil is for Next.
//
// Channels that a wildcard of the same path covers are dropped, so that a
// message comes once. Errors: ErrNotReady, ErrTooManySubscribers,
// ErrTooManyChannels.
func (h *Hub) Subscribe(reqs []Request, from Cursor, notify func()) (*Subscription, error) {
	reqs = h.uncovered(reqs)
	if len(reqs) == 0 {
		return nil, ErrNoChannel
	}
	s := &Subscription{hub: h, notify: notify, left: len(reqs), mixed: from.InOrder}
	s.init(len(reqs))

	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.ready.Load() {
		return nil, ErrNotReady
	}
	s.epoch = h.epoch.Load()
	if err := h.admit(reqs); err != nil {
		return nil, err
	}
	now := time.Now()
	held := h.holds(from)
	for _, req := range reqs {
		r := h.channels[req.Channel]
		if IsWildcard(req.Channel) {
			r = h.wildcards[req.Channel]
			s.mixed = true
		} else if r == nil {
			r = h.channel(req.Channel)
			h.events.emit(makeChannel, r.name, 0)
		}
		s.slots = append(s.slots, h.plan(r, req, from, held, now))
	}
	s.mixed = s.mixed && len(s.slots) > 1
	if gap := h.gap(s.slots, from, now); gap != nil {
		s.page = append(s.page, gap)
	}
	for i := range s.slots {
		s.slots[i].ring.add(s)
	}
	h.subscribers.Add(1)
	return s, nil
}

// Replay is what a poll gets.
type Replay struct {
	// Entries are the messages since the cursor, channel after channel. There
	// are no control entries among them.
	Entries []*Entry
	// Time and Tag are those of the newest of them: the next cursor.
	Time time.Time
	Tag  uint64
	// Gap is true if retention has passed the cursor by.
	Gap bool
}

// Replay returns what the channels hold since the cursor, and waits for nothing
// but the archive, until ctx ends. It creates channels as Subscribe does. Errors
// as Subscribe, and that of ctx.
func (h *Hub) Replay(ctx context.Context, reqs []Request, from Cursor) (Replay, error) {
	s, err := h.Subscribe(reqs, from, nil)
	if err != nil {
		return Replay{}, err
	}
	defer s.Close()
	return s.Drain(ctx)
}

// Drain consumes the history that is still to be read: what was there when the
// subscription began. It waits for the archive until ctx ends. It is for
// subscriptions made without notify.
func (s *Subscription) Drain(ctx context.Context) (Replay, error) {
	var rep Replay
	var buf [64]*Entry
	for s.Replaying() {
		got := s.Peek(buf[:])
		for _, e := range got {
			switch {
			case e.control == IDGap:
				rep.Gap = true
			case e.control != 0: // deleted meanwhile: a poll sees an empty channel
			default:
				rep.Entries = append(rep.Entries, e)
				if e.msg.Seq > rep.Tag {
					rep.Time, rep.Tag = e.msg.Time, e.msg.Seq
				}
			}
		}
		s.Advance(got)
		if len(got) > 0 || !s.busy.Load() {
			continue
		}
		select {
		case <-s.wakeCh:
		case <-ctx.Done():
			return Replay{}, fmt.Errorf("relay: replay: %w", ctx.Err())
		}
	}
	return rep, nil
}

// covers reports whether a channel falls under a wildcard. Events are followed by
// name only: a location that gives away all channels does not give away those.
func (h *Hub) covers(wildcard, channel string) bool {
	return channel != h.opts.EventsChannel && Match(wildcard, channel)
}

// EventsChannel is the id of the events channel; empty if there is none.
func (h *Hub) EventsChannel() string { return h.opts.EventsChannel }

// uncovered drops what a wildcard among reqs covers.
func (h *Hub) uncovered(reqs []Request) []Request {
	for _, w := range reqs {
		if !IsWildcard(w.Channel) {
			continue
		}
		var kept []Request
		for _, r := range reqs {
			if r.Channel == w.Channel || IsWildcard(r.Channel) || !h.covers(w.Channel, r.Channel) {
				kept = append(kept, r)
			}
		}
		reqs = kept
	}
	return reqs
}

// admit checks the limits, and makes the rings of wildcards, before anything
// else is made.
func (h *Hub) admit(reqs []Request) error {
	for _, req := range reqs {
		if IsWildcard(req.Channel) {
			if _, err := h.wildcardRing(req.Channel); err != nil {
				return err
			}
			continue
		}
		r := h.channels[req.Channel]
		if r == nil {
			continue
		}
		if limit := r.limits.MaxSubscribers; limit > 0 && int(r.subscribers.Load()) >= limit {
			return ErrTooManySubscribers
		}
	}
	return h.room(reqs)
}

// holds reports whether the message that the cursor names is in the buffer,
// whatever its channel: the same sequence, in the same second. What follows it is
// then wanted, whatever the clock did meanwhile.
func (h *Hub) holds(from Cursor) bool {
	if !from.named() || from.EventID != nil {
		return false
	}
	live := h.ofEpoch()
	i, ok := slices.BinarySearchFunc(live, from.Tag, func(e *Entry, seq uint64) int { return cmp.Compare(e.msg.Seq, seq) })
	return ok && live[i].msg.Time.Unix() == from.Time.Unix()
}

// plan places the cursor in a ring (protocol 7.3). held says that the message it
// names is in the buffer.
func (h *Hub) plan(r *ring, req Request, from Cursor, held bool, now time.Time) slot {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.active = now
	r.expire(now, h.pos)
	sl := slot{ring: r, next: r.end(), seam: r.end(), pos: h.pos, seen: h.headSeq}
	switch {
	case req.Backtrack > 0:
		sl.next = r.backtrack(&sl, req.Backtrack, now)
		if short := req.Backtrack - r.replayableFrom(&sl, now); short > 0 && h.hasCold(r) {
			sl.cold = &coldRead{tail: short, next: sl.next}
		}
	case held:
		sl.next = r.after(from.Tag, h.epochPos)
	case !from.isZero():
		start, sure := r.resume(&sl, from, now)
		if sl.next = start; !sure && h.hasCold(r) {
			sl.cold = &coldRead{cursor: from, next: start}
		}
	}
	if sl.next < r.end() { // should it leave the buffer before it is read
		sl.seen = r.at(sl.next).msg.Seq - 1
	}
	return sl
}

// hasCold reports whether the archive may have retained messages of the ring
// that the ring does not hold.
func (h *Hub) hasCold(r *ring) bool {
	if !r.wildcard {
		return r.cold > 0
	}
	for _, c := range h.channels {
		c.mu.RLock()
		cold := c.cold
		c.mu.RUnlock()
		if cold > 0 && h.covers(r.name, c.name) {
			return true
		}
	}
	return false
}

// first is the ordinal where history begins.
func (r *ring) first() uint64 {
	if r.wildcard {
		return r.base
	}
	return max(r.base, r.view)
}

// backtrack returns the ordinal of the first of the last n replayable entries.
func (r *ring) backtrack(sl *slot, n int, now time.Time) uint64 {
	found := r.end()
	for ord := r.end(); ord > r.first() && n > 0; {
		ord--
		if r.at(ord).replayable(sl.pos, now) {
			found = ord
			n--
		}
	}
	return found
}

// replayableFrom counts the replayable entries from the slot's cursor on.
func (r *ring) replayableFrom(sl *slot, now time.Time) int {
	n := 0
	for ord := sl.next; ord < r.end(); ord++ {
		if r.at(ord).replayable(sl.pos, now) {
			n++
		}
	}
	return n
}

// resume returns the ordinal of the first entry that the cursor asks for, the
// ring's end if there is none. It is sure if no message older than the ring can
// be asked for.
func (r *ring) resume(sl *slot, from Cursor, now time.Time) (ord uint64, sure bool) {
	for ord := r.first(); ord < r.end(); ord++ {
		e := r.at(ord)
		if !e.replayable(sl.pos, now) {
			continue
		}
		if from.EventID != nil && e.msg.EventID != nil && *e.msg.EventID == *from.EventID {
			return ord + 1, true
		}
		if from.passedBy(e.msg.Time, e.msg.Seq) {
			return ord, sure
		}
		// An entry before the place was seen. With an event id an older message
		// may still have it, and the oldest counts.
		sure = from.EventID == nil
	}
	return r.end(), sure
}

// gap returns the notice for a cursor that retention has passed by, nil if
// nothing is missing. A cursor at the epoch asks for what is there.
func (h *Hub) gap(slots []slot, from Cursor, now time.Time) *Entry {
	if from.Time.Unix() <= 0 {
		return nil
	}
	for i := range slots {
		r := slots[i].ring
		missing := h.missing(r, from)
		if r.wildcard {
			for _, c := range h.channels {
				if missing {
					break
				}
				missing = h.covers(r.name, c.name) && h.missing(c, from)
			}
		}
		if missing {
			return gapEntry(r.name, slots[i].firstSeq(now), now)
		}
	}
	return nil
}

// missing reports whether a message after the cursor is not retained any more.
func (h *Hub) missing(r *ring, from Cursor) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if from.HasTag && from.Tag > 0 {
		return r.dropped > from.Tag
	}
	return r.droppedAt > from.Time.Unix()
}

// firstSeq is the sequence of the first entry in the ring that will be read, 0 if
// there is none.
func (sl *slot) firstSeq(now time.Time) uint64 {
	r := sl.ring
	r.mu.RLock()
	defer r.mu.RUnlock()
	for ord := max(sl.next, r.base); ord < r.end(); ord++ {
		if e := r.at(ord); e.replayable(sl.pos, now) {
			return e.msg.Seq
		}
	}
	return 0
}

// gapEntry tells a subscriber that messages are missing, and with which it goes
// on.
func gapEntry(channel string, first uint64, now time.Time) *Entry {
	text := "messages are missing: they are older than what is kept"
	if first > 0 {
		text += "; the first one still there has tag " + strconv.FormatUint(first, 10)
	}
	return &Entry{control: IDGap, msg: Message{Channel: channel, Time: now, Text: []byte(text)}}
}
