package web

import (
	"runtime/debug"
	"time"
)

const (
	trimInterval = 2 * time.Second
	trimGrowth   = 1000 // subscribers
)

// trim gives memory back after many have come: what net/http needed to read
// their requests is several times what a subscriber needs, and a relay that only
// waits would keep it for long.
func (s *Server) trim(quit <-chan struct{}) {
	ticker := time.NewTicker(trimInterval)
	defer ticker.Stop()
	for before := 0; ; {
		select {
		case <-quit:
			return
		case <-ticker.C:
		}
		s.mu.Lock()
		now := len(s.subs)
		s.mu.Unlock()
		if now > before+before/4+trimGrowth {
			debug.FreeOSMemory()
			before = now
		}
		before = min(before, now)
	}
}
