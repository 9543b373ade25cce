package relay

import (
	"context"
	"time"
)

// A channel begins and ends at a place of the stream, so that all relays agree
// when, and number its messages alike. It begins with its first message or, if
// there is an events channel, with the mark of a subscriber that came first; until
// then the ring that a subscriber has made is this relay's alone, and ring.born
// is 0. It ends with a Deletion or, if relays share the stream, with the mark of a
// relay that found it idle.

// Mark is the beginning or the end of a channel, without a message, at its place
// in the stream's order.
type Mark struct {
	Seq     uint64
	Channel string
	// Last, of an end, is the sequence after which the channel was idle.
	Last uint64
	// Loaded is true if this happened before the relay started.
	Loaded bool
}

// Create notes that a subscriber of some relay has made the channel, if it is
// new.
func (h *Hub) Create(m Mark) {
	h.mu.Lock()
	r := h.channel(m.Channel)
	if r.born == 0 {
		r.mu.Lock()
		r.lastSeq = max(r.lastSeq, m.Seq)
		r.mu.Unlock()
		h.begin(r, m.Seq, m.Loaded)
	}
	h.mu.Unlock()
	h.applied.advance(m.Seq)
}

// begin notes where the stream begins a channel.
func (h *Hub) begin(r *ring, seq uint64, loaded bool) {
	r.born = seq
	if !loaded {
		h.events.emit(eventCreated, r.name, seq)
	}
}

// bornAt is the sequence at which the channel began; 0 if there is none.
func (h *Hub) bornAt(id string) uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r := h.channels[id]; r != nil {
		return r.born
	}
	return 0
}

// Expire ends a channel that was idle, unless something has happened to it since.
// One that has a subscriber, who came while that was being said, begins anew: its
// numbers must be those of the other relays, where it is gone.
func (h *Hub) Expire(m Mark) {
	h.mu.Lock()
	defer h.applied.advance(m.Seq)
	defer h.mu.Unlock()
	r := h.channels[m.Channel]
	if r == nil || m.Channel == h.opts.EventsChannel {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.born == 0 || r.last() > m.Last {
		return
	}
	r.forget(h.pos)
	h.ends.Add(1)
	if !m.Loaded {
		h.events.emit(eventDestroyed, r.name, m.Seq)
	}
	if r.subscribers.Load() == 0 {
		delete(h.channels, m.Channel)
		return
	}
	r.published, r.counted, r.lastSeq, r.born = 0, 0, m.Seq, 0
	h.events.emit(makeChannel, r.name, 0)
}

// last is the sequence of the last thing that happened to the channel in the
// stream.
func (r *ring) last() uint64 { return max(r.lastSeq, r.counted) }

// lapsed reports whether a channel that was loaded had ended by then: the stream
// still has messages of it, but they are too old to be shown, and no counts were
// kept.
func (r *ring) lapsed(now time.Time, pos uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire(now, pos)
	n := len(r.entries)
	return r.counted == 0 && r.stored+r.cold == 0 && n > 0 && r.expired(r.entries[n-1], now)
}

// ending is a deletion that is to be told.
type ending struct {
	seq uint64
	at  time.Time
}

// destroyedDelay is how long after a deletion it is told, at least: events of its
// subscribers, at whatever relay, come first (protocol 11.2).
const destroyedDelay = time.Second

// end keeps a deletion until the sweep tells it.
func (h *Hub) end(r *ring, seq uint64) {
	if h.events == nil || r.born == 0 || !h.ready.Load() {
		return
	}
	h.tellEnd(r.name)
	h.endings[r.name] = ending{seq, time.Now()}
}

// tellEnd tells a deletion that was kept: because it is time, or because the
// channel begins again.
func (h *Hub) tellEnd(channel string) {
	if e, kept := h.endings[channel]; kept {
		delete(h.endings, channel)
		h.events.emit(eventDestroyed, channel, e.seq)
	}
}

// tellEnds tells all deletions that were kept.
func (h *Hub) tellEnds() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for channel := range h.endings {
		h.tellEnd(channel)
	}
}

// idleChannel is a channel that could end.
type idleChannel struct {
	name string
	last uint64
}

const (
	maxIdle    = 10_000           // channels that one sweep ends
	idleBatch  = 500              // channels that other relays are asked about at a time
	idleRepeat = 10 * time.Second // before a channel that did not end is tried again
)

// stillIdle reports whether nothing has happened since the sweep.
func (h *Hub) stillIdle(c idleChannel) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.channels[c.name]
	if r == nil {
		return false
	}
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.last() == c.last && r.idle(time.Now(), h.settings.Load().Inactivity)
}

// expire ends the channels that sweeps find idle, unless another relay has
// subscribers. One that fails is found again.
func (t *teller) expire(ctx context.Context) {
	for {
		select {
		case <-t.hub.idleWake:
		case <-ctx.Done():
			return
		}
		t.hub.mu.Lock()
		idle := t.hub.idle
		t.hub.idle = nil
		t.hub.mu.Unlock()
		for len(idle) > 0 && ctx.Err() == nil {
			n := min(len(idle), idleBatch)
			if err := t.expireBatch(ctx, idle[:n]); err != nil {
				t.log.Debug("idle channels are not ended", "err", err)
				break
			}
			idle = idle[n:]
		}
	}
}

func (t *teller) expireBatch(ctx context.Context, idle []idleChannel) error {
	var busy map[string]int
	if t.watched != nil {
		names := make([]string, len(idle))
		for i := range idle {
			names[i] = idle[i].name
		}
		var err error
		if busy, err = t.watched(ctx, names...); err != nil {
			return err
		}
	}
	for _, c := range idle {
		if busy[c.name] > 0 || !t.hub.stillIdle(c) {
			continue
		}
		if _, err := t.store.ExpireChannel(ctx, c.name, c.last); err != nil {
			return err
		}
	}
	return nil
}
