package relay

import "time"

// forgetInterval is how long what was rendered of an entry is kept, at least: for
// most entries it is wanted once, by all who follow. The buffer holds for hours.
const forgetInterval = 20 * time.Second

// forgetFrames drops what was rendered of all entries that were there when it did
// so the last time. Whoever comes to one of them later renders it again, for all
// who do. Hub.mu is held.
func (h *Hub) forgetFrames(now time.Time) {
	if now.Sub(h.forgotten).Abs() < forgetInterval {
		return
	}
	for _, e := range h.log {
		if e.pos > h.forgetTo {
			break
		}
		e.Forget()
	}
	h.forgotten, h.forgetTo = now, h.pos
}
