package relay

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// Head is a place in the stream: the last message that is contained in
// something. The zero Head is the place before all messages.
type Head struct {
	Seq uint64
	// Time is when the store took that message.
	Time time.Time
}

// Snapshots gives the state of channels at a place in the stream. It may be asked
// by several goroutines at once.
type Snapshots interface {
	// Snapshot returns the newest message of every active channel that one of reqs
	// covers (Request.Covers), by sequence, each channel once; and how far the
	// stream has been taken into account: it is exactly the state after all
	// messages up to head, and no other. head may be ahead of the hub by what the
	// hub is about to get, and behind it.
	//
	// The entries come from NewEntry, the same for all who ask, so that each is
	// rendered once. The slice is read-only from then on and may be shared. While
	// the state is not known, because the stream is being read from its beginning,
	// the error is ErrNotReady.
	Snapshot(reqs []Request) (entries []*Entry, head Head, err error)
}

// Covers reports whether the request asks for the channel, by its name or by a
// wildcard.
func (r Request) Covers(channel string) bool { return Match(r.Channel, channel) }

// Follow begins a subscription with what is active now: the entries of a
// snapshot, a control entry IDSnapshot, whose message has the place of the
// snapshot as its Seq and Time, and then everything that has a greater sequence,
// in the order of the stream, each message once. Other than history it comes
// whole: with the ends of channels, with messages that are not stored, and with
// those that newcomers are not shown any more.
//
// Where it can go on from the cursor just so, with nothing missing, there is no
// snapshot, and resumed is true. That is where the message that the cursor names
// is in the buffer; everything else gets a new snapshot, which is right after any
// absence. Backtracks of reqs do not count.
//
// Errors are those of Subscribe and of state, and that of ctx if it ends before
// the hub has come to where the snapshot is.
func (h *Hub) Follow(ctx context.Context, reqs []Request, from Cursor, state Snapshots, notify func()) (s *Subscription, resumed bool, err error) {
	// First of all the subscription has its rings, so that a channel's end is read
	// if it comes while the snapshot is made.
	if s, err = h.Subscribe(reqs, Cursor{InOrder: true}, notify); err != nil {
		return nil, false, err
	}
	if s.resume(from) {
		return s, true, nil
	}
	if err = s.begin(ctx, reqs, state); err != nil {
		s.Close()
		return nil, false, err
	}
	return s, false, nil
}

// begin takes a snapshot and goes on from there.
func (s *Subscription) begin(ctx context.Context, reqs []Request, state Snapshots) error {
	entries, head, err := state.Snapshot(reqs)
	if err != nil {
		return err
	}
	h := s.hub
	if h.epoch.Load() != s.epoch {
		return ErrNotReady
	}
	// What is in the snapshot must be in the rings too, to be passed over there.
	// The hub gets it a moment after the state.
	if err := h.WaitApplied(ctx, head.Seq); err != nil {
		return fmt.Errorf("relay: follow: %w", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.ready.Load() || h.epoch.Load() != s.epoch { // nobody knows of which stream it is
		return ErrNotReady
	}
	s.goOn(head.Seq)
	mark := snapshotEnd(len(entries), head)
	if s.page = entries; len(entries) == 0 {
		s.page = []*Entry{mark}
	} else {
		s.mark = mark
	}
	return nil
}

// resume goes on from the cursor if nothing is missing after it.
func (s *Subscription) resume(from Cursor) bool {
	h := s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.ready.Load() || h.epoch.Load() != s.epoch || !h.exact(s.slots, from) {
		return false
	}
	s.goOn(from.Tag)
	return true
}

// exact reports whether everything that has come after the cursor is in the
// slots' rings.
func (h *Hub) exact(slots []slot, from Cursor) bool {
	live := h.ofEpoch()
	held := h.holds(from)
	if from.EventID == nil && from.HasTag && from.Tag == 0 && from.Time.Unix() == 0 {
		held = len(live) == 0 || live[0].pos == h.epochPos+1 // the beginning of all
	}
	// What was loaded has no ends of channels in it.
	if !held || from.Tag < h.loadedSeq {
		return false
	}
	for i := len(live) - 1; i >= 0 && live[i].msg.Seq > from.Tag; i-- {
		// Of a channel that has ended and begun anew the ring has not all.
		for j := range slots {
			if r := slots[j].ring; live[i].channel != r && live[i].channel.name == r.name {
				return false
			}
		}
	}
	return true
}

// goOn places all slots after a sequence of this epoch. What the buffer has lost
// of it comes from the archive.
func (s *Subscription) goOn(seq uint64) {
	h := s.hub
	live := h.ofEpoch()
	lost := len(live) > 0 && live[0].msg.Seq > seq+1
	for i := range s.slots {
		sl := &s.slots[i]
		r := sl.ring
		r.mu.RLock()
		*sl = slot{ring: r, next: r.after(seq, h.epochPos), seam: r.end(), pos: h.pos, seen: seq, whole: true}
		r.mu.RUnlock()
		if lost {
			sl.cold = &coldRead{from: seq + 1, next: sl.next}
		}
	}
	s.mixed = len(s.slots) > 1
}

// snapshotEnd is the entry that ends a snapshot. Its text is what events carry.
func snapshotEnd(count int, head Head) *Entry {
	if head.Seq == 0 {
		head.Time = time.Unix(0, 0).UTC()
	}
	b := []byte(`{"id":` + strconv.Itoa(IDSnapshot) + `,"time":"` + FormatTime(head.Time) + `","tag":"`)
	b = strconv.AppendUint(b, head.Seq, 10)
	b = append(b, `","count":`...)
	b = strconv.AppendInt(b, int64(count), 10)
	return &Entry{control: IDSnapshot, msg: Message{Seq: head.Seq, Time: head.Time, Text: append(b, '}')}}
}
