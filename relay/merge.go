package relay

import "time"

// merge collects entries of several rings in the order of the stream.
func (s *Subscription) merge(buf []*Entry, commit uint64, now time.Time) []*Entry {
	for i := range s.slots {
		s.slots[i].peek = s.slots[i].next
	}
	n := 0
	for n < len(buf) {
		var first *Entry
		from := -1
		for i := range s.slots {
			sl := &s.slots[i]
			if sl.done {
				continue
			}
			e, state := sl.head(commit, now)
			if state == slotLags { // it comes before what the other rings hold
				return buf[:n]
			}
			if state == slotDone && sl.peek == sl.next {
				sl.done = true
				s.left--
			}
			if e != nil && (first == nil || e.pos < first.pos) {
				first, from = e, i
			}
		}
		if first == nil {
			break
		}
		buf[n] = first
		n++
		s.took(from, false)
		for i := from + 1; i < len(s.slots); i++ { // a channel and a wildcard over it
			if sl := &s.slots[i]; !sl.done {
				if e, _ := sl.head(commit, now); e == first {
					s.took(i, true)
				}
			}
		}
	}
	return buf[:n]
}

// took notes that merge has gone over the head of a slot.
func (s *Subscription) took(i int, skipped bool) {
	s.slots[i].peek++
	if last := len(s.runs) - 1; last >= 0 && s.runs[last].slot == i && !skipped && !s.runs[last].skipped {
		s.runs[last].n++
		return
	}
	s.runs = append(s.runs, run{slot: i, n: 1, skipped: skipped})
}

// head returns the entry at peek, nil if there is none yet.
func (sl *slot) head(commit uint64, now time.Time) (*Entry, slotState) {
	r := sl.ring
	r.mu.RLock()
	defer r.mu.RUnlock()
	if sl.peek < r.base {
		return nil, slotLags
	}
	for sl.peek < r.end() {
		e := r.at(sl.peek)
		if e.pos > commit {
			return nil, slotOpen
		}
		if sl.peek < sl.seam {
			if sl.whole || e.replayable(sl.pos, now) {
				return e, slotOpen
			}
		} else if !e.loaded {
			return e, slotOpen
		}
		if sl.peek != sl.next {
			return nil, slotLags // let what was collected be consumed first
		}
		sl.peek++
		sl.next++
	}
	if r.dead {
		return nil, slotDone
	}
	return nil, slotOpen
}
