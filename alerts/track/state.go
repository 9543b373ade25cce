package track

import (
	"time"

	"alertrelay/alerts"
	"alertrelay/relay"
)

// outcome is what became of an alert in one channel. Of several channels the
// largest counts.
type outcome int

const (
	// notFiring: a resolve of what is not known to fire.
	notFiring outcome = iota
	// staleResolve: a resolve that ended before the incident that fires now began.
	staleResolve
	// lateCopy: the other member of a cluster still says that it fires.
	lateCopy
	// deduplicated: the channel says so already.
	deduplicated
	// stored: there is a new event.
	stored
)

// lateCopyWindow is how long after a resolve the other member of a cluster may
// still deliver what it had to say before.
const lateCopyWindow = 30 * time.Second

// state is what the last event of a channel says.
type state struct {
	seq   uint64    // 0: the channel has no message
	at    time.Time // when the store took it
	event alerts.Event
}

// newState takes a message that is no event for one: its sequence counts, and
// its status is neither firing nor resolved.
func newState(m relay.Message) state {
	s := state{seq: m.Seq, at: m.Time}
	if e, err := alerts.ParseEvent(m.Text); err == nil {
		s.event = e
	}
	return s
}

// next says what an alert means in this state; stored means that it should get an
// event. After a message whose status is another, each alert gets its event:
// nobody knows what the screens show, and saying it again does no harm.
func (s *state) next(a *alerts.Alert, now time.Time) outcome {
	last := s.event.Status
	switch {
	case a.Status == last:
		return deduplicated
	case a.Status == alerts.Firing && last == alerts.Resolved && s.isLateCopy(a, now):
		return lateCopy
	case a.Status == alerts.Resolved && s.seq == 0:
		return notFiring
	case a.Status == alerts.Resolved && !a.EndsAt.IsZero() && s.event.StartsAt.After(a.EndsAt):
		return staleResolve
	}
	return stored
}

// isLateCopy: only the sender's address tells a late copy from an alert that
// fires again. One sender in order may fire, resolve and fire within seconds with
// the same startsAt, after it had lost sight of Prometheus for a while.
func (s *state) isLateCopy(a *alerts.Alert, now time.Time) bool {
	age := now.Sub(s.at) // by two clocks, so it may be negative
	return !a.StartsAt.IsZero() && a.StartsAt.Equal(s.event.StartsAt) &&
		a.ExternalURL != "" && s.event.ExternalURL != "" && a.ExternalURL != s.event.ExternalURL &&
		age < lateCopyWindow && age > -lateCopyWindow
}

// eventAfter is the event of an alert in this state.
func (s *state) eventAfter(a *alerts.Alert, now time.Time) alerts.Event {
	e := alerts.NewEvent(a, now)
	if a.Status == alerts.Resolved && s.event.Status == alerts.Firing && !s.event.StartsAt.IsZero() {
		e.StartsAt = s.event.StartsAt
	}
	return e
}
