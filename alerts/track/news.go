package track

import "time"

// That nothing is heard of an alert says something about it only if something could
// have been heard: the relay listened, and the sender was there (alerts that a relay
// or a sender has slept through are not over because of that).

// directLife is how long an alert whose sender tells its end stays without another
// word: Prometheus says each minute that it goes on, and tells an end some four
// minutes ahead.
const directLife = 5 * time.Minute

// hearing is how well a source can be heard.
type hearing struct {
	// silent: it has said nothing for longer than it may.
	silent bool
	// since is when it was heard again after that, or when something that it said
	// was refused.
	since time.Time
}

// missed notes that a source has said something that could not be taken.
func (t *Tracker) missed(source string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.heard[source].IsZero() { // it has no alerts that wait for news
		return
	}
	h := t.hearing[source]
	h.since = t.now()
	t.hearing[source] = h
}

// noteSilence notes whether a source says nothing for too long.
func (t *Tracker) noteSilence(silent map[string]bool, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for source, h := range t.hearing {
		if h.silent && !silent[source] {
			t.hearing[source] = hearing{since: now}
		}
	}
	for source := range silent {
		h := t.hearing[source]
		h.silent = true
		t.hearing[source] = h
	}
}

// noNews is what it means that the time of an alert is over.
type noNews int

const (
	unknown    noNews = iota // its sender has had no time yet to say it again
	senderGone               // its sender says nothing at all
	expired
)

// meaning says what it means that an alert of the source was not heard of since
// lastSeen. direct: its sender tells when it ends. mu is held.
func (t *Tracker) meaning(source string, lastSeen time.Time, direct bool, now time.Time) noNews {
	h := t.hearing[source]
	if h.silent {
		return senderGone
	}
	life := directLife
	if !direct {
		_, life = t.sourceOf(source).lifetimes()
	}
	if since := later(t.startedAt, h.since); lastSeen.Before(since) && now.Before(since.Add(life)) {
		return unknown
	}
	return expired
}
