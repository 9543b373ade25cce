package relay

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"
)

// Archive reads retained messages that the hub's buffer does not hold, oldest
// first. It is asked from several goroutines at once, a few at a time.
type Archive func(ctx context.Context, q ArchiveQuery) ([]Message, error)

// ArchiveQuery says which messages are wanted. Zero fields set no bound.
type ArchiveQuery struct {
	// Channel is a channel or a wildcard.
	Channel string
	// From and Before bound the stream sequence: from From on, below Before.
	From, Before uint64
	// Since is the earliest time wanted.
	Since time.Time
	// Tail asks for the last so many of them; 0 asks for the first Limit.
	Tail, Limit int
}

const (
	archivePage    = 1_000  // messages read at a time
	archiveTail    = 10_000 // messages of history that one backtrack reads at most
	archiveReaders = 4      // reads at a time, for all subscribers
	archiveRetry   = time.Second
)

// coldRead is history that the archive has to give before a slot goes on with
// its ring.
type coldRead struct {
	tail   int    // the last so many messages, or
	cursor Cursor // those after it, if it is not zero
	from   uint64 // from this sequence on
	expect uint64 // how many there should be, 0 if that is not known
	next   uint64 // ordinal to go on from
}

// archive runs the reads on behalf of subscriptions.
type archive struct {
	read    Archive
	readers chan struct{}
	ctx     context.Context //nolint:containedctx // the hub's life; reads outlive the calls that begin them
	cancel  context.CancelFunc
	wg      sync.WaitGroup
}

func (a *archive) init(read Archive) {
	a.read = read
	a.readers = make(chan struct{}, archiveReaders)
	a.ctx, a.cancel = context.WithCancel(context.Background())
}

// query asks the archive until it answers, because a subscriber waits out a
// store that is away. ok is false when the hub is closed.
func (a *archive) query(q ArchiveQuery) (msgs []Message, ok bool) {
	if a.read == nil {
		return nil, true
	}
	for {
		select {
		case a.readers <- struct{}{}:
		case <-a.ctx.Done():
			return nil, false
		}
		msgs, err := a.read(a.ctx, q)
		<-a.readers
		if err == nil {
			return msgs, true
		}
		select {
		case <-time.After(archiveRetry):
		case <-a.ctx.Done():
			return nil, false
		}
	}
}

// fetch reads older history in the background: for slot i, or for all slots that
// need it if their history comes in one order. Until it is done, the subscription
// belongs to the reader; then notify is called.
func (s *Subscription) fetch(i int) {
	s.busy.Store(true)
	s.hub.archive.wg.Go(func() {
		s.readArchive(i)
		s.busy.Store(false)
		if !s.closed.Load() {
			s.notify()
		}
	})
}

func (s *Subscription) readArchive(i int) {
	if !s.mixed {
		if part, ok := s.readCold(&s.slots[i]); ok {
			s.place([]coldPart{part})
		}
		return
	}
	var parts []coldPart
	for i := range s.slots {
		sl := &s.slots[i]
		if sl.done {
			continue
		}
		if sl.cold == nil {
			if sl.cold = sl.lag(); sl.cold == nil {
				continue
			}
		}
		part, ok := s.readCold(sl)
		if !ok {
			return
		}
		parts = append(parts, part)
	}
	s.place(parts)
}

// coldPart is what the archive gave for one slot.
type coldPart struct {
	slot *slot
	base uint64 // ordinal of the ring's first entry, which comes after msgs
	msgs []Message
	more bool   // the archive has more of it
	last uint64 // sequence up to which all that is wanted is in msgs
	gap  *Entry // nil: nothing is missing
}

// readCold asks the archive for a slot's cold history. ok is false if the hub is
// closed.
func (s *Subscription) readCold(sl *slot) (part coldPart, ok bool) {
	h, r, c := s.hub, sl.ring, sl.cold
	r.mu.RLock()
	base, before, cold := r.base, h.applied.seq.Load()+1, int(r.cold)
	if len(r.entries) > 0 {
		before = r.entries[0].msg.Seq
	}
	r.mu.RUnlock()

	now := time.Now()
	part = coldPart{slot: sl, base: base, last: before - 1}
	if epoch := h.epoch.Load(); s.epoch != epoch { // sequences mean something else now
		s.epoch = epoch
		part.gap = gapEntry(r.name, before, now)
		return part, true
	}
	q := ArchiveQuery{Channel: r.name, From: c.from, Before: before, Limit: archivePage}
	if !r.wildcard && r.limits.MaxAge > 0 {
		q.Since = now.Add(-r.limits.MaxAge)
	}
	switch {
	case c.tail > 0:
		q.Tail = min(c.tail, archiveTail)
	case c.cursor.isZero():
	case !r.wildcard:
		q.Tail = min(max(cold, 1), archiveTail)
	case c.cursor.EventID != nil:
		q.Tail = archiveTail
	}
	if c.cursor.EventID == nil && c.cursor.Time.After(q.Since) {
		q.Since = c.cursor.Time
	}
	msgs, ok := h.archive.query(q)
	if !ok {
		return part, false
	}
	h.numberArchived(msgs)
	part.more = q.Tail == 0 && len(msgs) >= archivePage
	if part.more {
		part.last = msgs[len(msgs)-1].Seq
	} else if uint64(len(msgs)) < c.expect {
		first := before
		if len(msgs) > 0 {
			first = msgs[0].Seq
		}
		part.gap = gapEntry(r.name, first, now)
	}
	c.expect -= min(c.expect, uint64(len(msgs)))
	if !c.cursor.isZero() {
		start, found := c.cursor.startIn(msgs)
		msgs = msgs[start:]
		if found {
			c.cursor = Cursor{}
			c.next = 0 // all of the ring comes after it
		}
	}
	part.msgs = msgs
	return part, true
}

// place puts what the archive gave into the page, in the order of the stream,
// and the slots behind it. Where a slot has more than was read, the others are
// cut there too, to go on together.
func (s *Subscription) place(parts []coldPart) {
	cut := ^uint64(0)
	for _, p := range parts {
		if p.more {
			cut = min(cut, p.last)
		}
	}
	now := time.Now()
	var page []*Entry
	for _, p := range parts {
		if p.gap != nil {
			s.page = append(s.page, p.gap)
		}
		for _, m := range p.msgs {
			if m.Seq <= cut && !s.covered(p.slot, &m) && !s.hub.opts.tooOld(&m, now) {
				page = append(page, &Entry{msg: m})
			}
		}
		sl := p.slot
		if p.more || p.last > cut {
			sl.seen = min(p.last, cut)
			sl.cold.from, sl.cold.tail = sl.seen+1, 0
			continue
		}
		sl.seen = p.last
		sl.next, sl.cold = max(sl.cold.next, p.base), nil
	}
	slices.SortStableFunc(page, func(a, b *Entry) int { return cmp.Compare(a.msg.Seq, b.msg.Seq) })
	s.page = append(s.page, page...)
}

// covered reports whether another slot of the subscription has given the message
// already: wildcards may overlap.
func (s *Subscription) covered(by *slot, m *Message) bool {
	for i := range s.slots {
		sl := &s.slots[i]
		if sl == by {
			return false
		}
		if sl.seen >= m.Seq && Match(sl.ring.name, m.Channel) {
			return true
		}
	}
	return false
}

func (o *HubOptions) tooOld(m *Message, now time.Time) bool {
	age := o.Limits(m.Channel).MaxAge
	return age > 0 && m.Time.Add(age).Before(now)
}

// startIn returns the index of the first message that the cursor asks for
// (protocol 7.3). found is false if the place is not among msgs.
func (c Cursor) startIn(msgs []Message) (i int, found bool) {
	for i := range msgs {
		m := &msgs[i]
		if c.HasTag && m.Seq == c.Tag && !c.Time.IsZero() && m.Time.Unix() == c.Time.Unix() {
			return i + 1, true
		}
	}
	for i := range msgs {
		m := &msgs[i]
		if c.EventID != nil && m.EventID != nil && *m.EventID == *c.EventID {
			return i + 1, true
		}
		if c.passedBy(m.Time, m.Seq) {
			return i, true
		}
	}
	return len(msgs), false
}

// numberArchived gives messages older than the rings their ids, counting back
// from the oldest that is known. That is exact where msgs reach up to the ring;
// further back it is as good as people need.
func (h *Hub) numberArchived(msgs []Message) {
	h.mu.Lock()
	defer h.mu.Unlock()
	next := make(map[string]uint64)
	for i := len(msgs) - 1; i >= 0; i-- {
		m := &msgs[i]
		id, known := next[m.Channel]
		if !known {
			id = 1
			if r := h.channels[m.Channel]; r != nil {
				id = r.oldestID()
			}
		}
		id = max(id, 2) - 1
		next[m.Channel] = id
		m.ID = id
	}
}

// oldestID is the id of the oldest message in the ring, or the next one's.
func (r *ring) oldestID() uint64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, e := range r.entries {
		if e.control == 0 {
			return e.msg.ID
		}
	}
	return r.published + 1
}

// Close ends reads from the archive and waits for them. Subscriptions are not
// closed: who made them does that.
func (h *Hub) Close() {
	h.archive.cancel()
	h.archive.wg.Wait()
}
