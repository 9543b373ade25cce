package relay

import (
	"sort"
	"time"
)

const (
	// forgetInterval is how long what was rendered of an entry is kept, at least: for
	// most entries it is wanted once, by all who follow. The buffer holds for hours.
	forgetInterval = 20 * time.Second
	// maxForget bounds what one sweep does: subscribers wait meanwhile.
	maxForget = 20_000
)

// forgetting is where dropping what was rendered is.
type forgetting struct {
	at    time.Time // when head was noted
	head  uint64    // position of the newest entry then
	upTo  uint64    // and of the one before: entries until then are old enough
	after uint64    // what comes after this position is looked at next
}

// forgetFrames drops what was rendered of entries that have been there for a while.
// Whoever comes to one of them later renders it again, for all who do. Hub.mu is
// held.
func (h *Hub) forgetFrames(now time.Time) {
	f := &h.forgetting
	if now.Sub(f.at).Abs() >= forgetInterval {
		f.at, f.head, f.upTo = now, h.pos, f.head
	}
	first := sort.Search(len(h.log), func(i int) bool { return h.log[i].pos > f.after })
	for _, e := range h.log[first:min(first+maxForget, len(h.log))] {
		if e.pos > f.upTo {
			f.after = 0
			return
		}
		e.Forget()
		f.after = e.pos
	}
	if first+maxForget >= len(h.log) {
		f.after = 0
	}
}
