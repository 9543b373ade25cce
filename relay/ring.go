package relay

import (
	"sort"
	"sync"
	"sync/atomic"
	"time"
)

// A ring holds, in order, the entries of one channel, or of all channels under
// one wildcard, that are in the hub's buffer. Entries are addressed by ordinals
// that never change: the first entry ever has ordinal 0, and what leaves the
// buffer moves base. A subscriber's cursor is an ordinal.
//
// There may be tens of thousands, most of them with one message that nobody reads
// here: so a ring is 256 bytes and no more.
//
// Of a channel's entries those from view on are retained: they are what
// newcomers can be sent. Older ones stay as long as the buffer lasts for
// subscribers that have not read them yet. Retained messages that have left the
// buffer are cold: the archive has them.
type ring struct {
	name    string
	limits  Limits
	created uint64 // order of creation

	mu        sync.RWMutex // guards what follows
	entries   []*Entry
	base      uint64 // ordinal of entries[0]
	view      uint64 // ordinal from which entries are retained
	stored    uint64 // retained entries in the ring
	cold      uint64 // retained messages that only the archive has
	coldTime  int64  // Unix nanosecond of the last of them
	dropped   uint64 // sequence of the last message that is not retained any more
	droppedAt int64  // its second
	published uint64 // messages so far: the id of the last
	counted   uint64 // sequence up to which the restored published counts
	lastSeq   uint64
	active    time.Time // last publish, or beginning of a subscription
	dead      bool      // deleted: nothing will follow

	wildcard    bool // never changes
	subscribers atomic.Int32
	followers   atomic.Pointer[followers] // nil until one comes

	born  uint64 // sequence at which the stream begins the channel, 0: it does not; guarded by Hub.mu
	tried int64  // Unix second when it was last to be ended for being idle; guarded by Hub.mu

	wildcards []*ring // of a channel: the wildcards it falls under; guarded by Hub.mu
}

// end is the ordinal the next entry will get.
func (r *ring) end() uint64 { return r.base + uint64(len(r.entries)) }

// at returns the entry with this ordinal, which must be in the ring.
func (r *ring) at(ord uint64) *Entry { return r.entries[ord-r.base] }

// push adds an entry at the end. pos is the hub's position.
func (r *ring) push(e *Entry, pos uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entries = append(r.entries, e)
	if r.wildcard || e.control != 0 {
		return
	}
	r.lastSeq = e.msg.Seq
	if !e.msg.Stored {
		return
	}
	r.stored++
	if limit := r.limits.MaxMessages; limit > 0 {
		for r.stored+r.cold > uint64(limit) {
			if r.cold > 0 {
				r.cold--
				continue
			}
			r.dropOldest(pos)
		}
	}
}

// dropOldest takes the oldest retained entry out of the view.
func (r *ring) dropOldest(pos uint64) {
	for r.view < r.end() {
		e := r.at(r.view)
		r.view++
		if e.control == 0 && e.msg.Stored {
			e.out.Store(pos)
			r.stored--
			r.dropped, r.droppedAt = e.msg.Seq, e.msg.Time.Unix()
			return
		}
	}
}

// expire takes what is too old out of the view.
func (r *ring) expire(now time.Time, pos uint64) {
	if r.cold > 0 && r.tooOld(time.Unix(0, r.coldTime), now) {
		r.cold = 0
	}
	for r.stored > 0 {
		for e := r.at(r.view); e.control != 0 || !e.msg.Stored; e = r.at(r.view) {
			r.view++
		}
		if !r.expired(r.at(r.view), now) {
			return
		}
		r.cold = 0
		r.dropOldest(pos)
	}
}

func (r *ring) expired(e *Entry, now time.Time) bool { return r.tooOld(e.msg.Time, now) }

func (r *ring) tooOld(t, now time.Time) bool {
	return r.limits.MaxAge > 0 && t.Add(r.limits.MaxAge).Before(now)
}

// forget takes everything out of the view: the store has lost it or it has been
// deleted.
func (r *ring) forget(pos uint64) {
	for r.stored > 0 {
		r.dropOldest(pos)
	}
	r.cold = 0
}

// evict removes the first entry, which must be e if there is one, from memory.
func (r *ring) evict(e *Entry, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.entries) == 0 || r.entries[0] != e {
		return // a wildcard that came after e
	}
	if !r.wildcard && r.base >= r.view {
		r.view = r.base + 1
		if e.control == 0 && e.msg.Stored {
			r.stored--
			if r.expired(e, now) {
				r.dropped, r.droppedAt = e.msg.Seq, e.msg.Time.Unix()
			} else {
				r.cold++
				r.coldTime = e.msg.Time.UnixNano()
			}
		}
	}
	r.entries[0] = nil
	r.entries = r.entries[1:]
	r.base++
}

// after returns the ordinal of the first entry with a greater sequence, of those
// that came after the position epoch: from there on sequences grow.
func (r *ring) after(seq, epoch uint64) uint64 {
	i := sort.Search(len(r.entries), func(i int) bool {
		e := r.entries[i]
		return e.pos > epoch && e.msg.Seq > seq
	})
	return r.base + uint64(i)
}
