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

// StoredAt tells when the store took the message with this sequence; ok is false
// if it has none.
type StoredAt func(ctx context.Context, seq uint64) (t time.Time, ok bool, err error)

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
	number uint64 // id of the first of them, 0 if that is not known
	next   uint64 // ordinal to go on from
}

// archive runs the reads on behalf of subscriptions.
type archive struct {
	read    Archive
	at      StoredAt
	readers chan struct{}
	ctx     context.Context //nolint:containedctx // the hub's life; reads outlive the calls that begin them
	cancel  context.CancelFunc
	wg      sync.WaitGroup
}

func (a *archive) init(read Archive, at StoredAt) {
	a.read, a.at = read, at
	a.readers = make(chan struct{}, archiveReaders)
	a.ctx, a.cancel = context.WithCancel(context.Background())
}

// query asks the archive for messages. ok is false when the hub is closed.
func (a *archive) query(q ArchiveQuery) (msgs []Message, ok bool) {
	if a.read == nil {
		return nil, true
	}
	ok = a.ask(func() (err error) {
		msgs, err = a.read(a.ctx, q)
		return err
	})
	return msgs, ok
}

// holds reports whether the cursor names a message that is stored: the same
// sequence, in the same second. ok is false when the hub is closed.
func (a *archive) holds(c Cursor) (held, ok bool) {
	if a.at == nil || !c.named() {
		return false, true
	}
	ok = a.ask(func() error {
		t, stored, err := a.at(a.ctx, c.Tag)
		held = stored && t.Unix() == c.Time.Unix()
		return err
	})
	return held, ok
}

// ask calls read until it gives no error, because a subscriber waits out a store
// that is away. It reports false when the hub is closed.
func (a *archive) ask(read func() error) bool {
	for {
		select {
		case a.readers <- struct{}{}:
		case <-a.ctx.Done():
			return false
		}
		err := read()
		<-a.readers
		if err == nil {
			return true
		}
		select {
		case <-time.After(archiveRetry):
		case <-a.ctx.Done():
			return false
		}
	}
}

// fetch reads older history in the background: for slot i if its replay comes
// before that of the next, or else for all slots that need it. Until it is done,
// the subscription belongs to the reader; then notify is called.
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
	slots := s.slots[i : i+1]
	if s.mixed || slots[0].next >= slots[0].seam {
		slots = s.slots
	}
	bases, before, epoch := s.hub.coldBefore(slots)
	var parts []coldPart
	for i := range slots {
		sl := &slots[i]
		if sl.done {
			continue
		}
		if sl.cold == nil {
			if sl.cold = sl.lag(bases[i]); sl.cold == nil {
				continue
			}
		}
		part, ok := s.readCold(sl, bases[i].ord, before, epoch)
		if !ok {
			return
		}
		parts = append(parts, part)
	}
	s.epoch = epoch
	s.place(parts)
}

// ringBase is where a ring begins: the ordinal of its first entry, and the id of
// its first message.
type ringBase struct{ ord, id uint64 }

// coldBefore returns where each slot's ring begins, and the sequence of the first
// message of this epoch in the buffer. All rings lose entries in one order, so
// what is before it is the archive's for all slots, and comes before what any of
// the rings holds.
func (h *Hub) coldBefore(slots []slot) (bases []ringBase, before, epoch uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	bases = make([]ringBase, len(slots))
	for i := range slots {
		r := slots[i].ring
		r.mu.RLock()
		bases[i].ord = r.base
		if !r.wildcard {
			bases[i].id = r.oldestID()
		}
		r.mu.RUnlock()
	}
	before = h.applied.seq.Load() + 1
	if live := h.ofEpoch(); len(live) > 0 {
		before = live[0].msg.Seq
	}
	return bases, before, h.epoch.Load()
}

// ofEpoch is the part of the log that came since the stream began anew: in it
// sequences grow.
func (h *Hub) ofEpoch() []*Entry {
	i, _ := slices.BinarySearchFunc(h.log, h.epochPos+1, func(e *Entry, pos uint64) int { return cmp.Compare(e.pos, pos) })
	return h.log[i:]
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

// readCold asks the archive for a slot's cold history before a sequence. ok is
// false if the hub is closed.
func (s *Subscription) readCold(sl *slot, base, before, epoch uint64) (part coldPart, ok bool) {
	h, r, c := s.hub, sl.ring, sl.cold
	now := time.Now()
	part = coldPart{slot: sl, base: base, last: before - 1}
	if s.epoch != epoch { // sequences mean something else now
		part.gap = gapEntry(r.name, before, now)
		return part, true
	}
	held, ok := h.archive.holds(c.cursor)
	if !ok {
		return part, false
	}
	if held { // what follows that message is wanted, whatever the clock did
		c.from, c.next = c.cursor.Tag+1, 0
		c.cursor = Cursor{}
	}
	msgs, ok := h.archive.query(h.coldQuery(r, c, before, now))
	if !ok {
		return part, false
	}
	part.more = c.reads(r) == readPages && len(msgs) >= archivePage
	if part.more && c.number > 0 {
		for i := range msgs {
			msgs[i].ID = c.number + uint64(i)
		}
	} else {
		h.numberArchived(msgs)
	}
	if c.number > 0 {
		c.number += uint64(len(msgs))
	}
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

// coldQuery says what to ask the archive for.
func (h *Hub) coldQuery(r *ring, c *coldRead, before uint64, now time.Time) ArchiveQuery {
	q := ArchiveQuery{Channel: r.name, From: c.from, Before: before, Limit: archivePage}
	if !r.wildcard && r.limits.MaxAge > 0 {
		q.Since = now.Add(-r.limits.MaxAge)
	}
	r.mu.RLock()
	cold := int(r.cold)
	r.mu.RUnlock()
	switch c.reads(r) {
	case readTail:
		q.Tail = min(c.tail, archiveTail)
	case readCounted:
		q.Tail = min(max(cold, 1), archiveTail)
	case readAllTail:
		q.Tail = archiveTail
	case readPages:
	}
	if c.cursor.EventID == nil && c.cursor.Time.After(q.Since) {
		q.Since = c.cursor.Time
	}
	return q
}

// coldReads are the ways to read cold history.
type coldReads uint8

const (
	readPages   coldReads = iota // forward, a page at a time
	readTail                     // the last so many
	readCounted                  // what the ring counts as cold
	readAllTail                  // as much as is allowed: an event id may be anywhere in it
)

func (c *coldRead) reads(r *ring) coldReads {
	switch {
	case c.tail > 0:
		return readTail
	case c.cursor.isZero():
		return readPages
	case !r.wildcard:
		return readCounted
	case c.cursor.EventID != nil:
		return readAllTail
	}
	return readPages
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
			if p.slot.ring.wildcard && m.Channel == s.hub.opts.EventsChannel {
				continue
			}
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
		if sl.seen >= m.Seq && (sl.ring.name == m.Channel || s.hub.covers(sl.ring.name, m.Channel)) {
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
// from the oldest that is known. That is exact where msgs reach up to the ring.
// Only the pages of a wildcard that is far behind do not, and there ids are lower
// than they should be until the last page.
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
				r.mu.RLock()
				id = r.oldestID()
				r.mu.RUnlock()
			}
		}
		id = max(id, 2) - 1
		next[m.Channel] = id
		m.ID = id
	}
}

// oldestID is the id of the oldest message in the ring, or the next one's.
func (r *ring) oldestID() uint64 {
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
