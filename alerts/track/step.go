package track

import (
	"maps"
	"time"

	"alertrelay/alerts"
	"alertrelay/relay"
)

// outcome is what became of a report in one channel. Of several channels the
// largest counts.
type outcome int

const (
	// notActive: a report that ends, holds back or acknowledges what is not there.
	notActive outcome = iota
	// outdated: a resolve of an incident before the one that goes on, or a report
	// that came later than newer ones.
	outdated
	// lateCopy: the other member of a cluster still says that it fires.
	lateCopy
	// unchanged: the channel says so already.
	unchanged
	// stored: there is a new event.
	stored
)

const (
	// lateCopyWindow is how long after a resolve the other member of a cluster may
	// still deliver what it had to say before.
	lateCopyWindow = 30 * time.Second
	// clockSlack is how far the clocks of senders and ours may be apart before a
	// resolve is taken for older than it is.
	clockSlack = 5 * time.Second
)

// state is what is known of an alert in one channel before a report.
type state struct {
	seq uint64 // of the channel's last message; 0: it has none
	// event is the last one. If seq is 0 it may be there nevertheless: it was too
	// old to be kept, and is known from the bucket.
	event alerts.Event
	// eventSeq is the event's sequence: seq, or what that was before the log lost
	// it.
	eventSeq uint64
	// lastSeen is when it was last reported to fire; firedAt is when the relay got
	// the report that began the incident. Zero if that is not known.
	lastSeen, firedAt time.Time
	// saidAt is when the sender last said, by its clock, that it fires; keptAt that
	// it keeps the alert back; endedAt when the incident before was over. Zero if
	// the sender does not tell.
	saidAt, keptAt, endedAt time.Time
}

// newState takes a message that is no event for one: its sequence counts, and
// its status is none.
func newState(m relay.Message) state {
	s := state{seq: m.Seq, eventSeq: m.Seq}
	if e, err := alerts.ParseEvent(m.Text); err == nil {
		s.event, s.saidAt = e, e.ReportedAt
	}
	return s
}

// recall adds what the bucket says.
func (s *state) recall(k *known) {
	s.lastSeen, s.keptAt = k.lastSeen.time(), k.keptAt.time()
	if k.eventSeq != s.eventSeq && s.event.Kind == alerts.KindFiring { // it says nothing of this incident
		s.firedAt, s.saidAt, s.endedAt = s.event.UpdatedAt, s.event.ReportedAt, time.Time{}
		return
	}
	s.firedAt, s.saidAt, s.endedAt = k.firedAt.time(), later(s.event.ReportedAt, k.saidAt.time()), k.endedAt.time()
}

// active reports whether the alert is on the screens.
func (s *state) active() bool { return s.event.Status.Active() }

// foreign reports whether the last message is none of ours. Then each report gets
// its event: nobody knows what the screens show, and saying it again does no harm.
func (s *state) foreign() bool { return s.seq > 0 && s.event.Status == "" }

// next says what a report means in this state. If that is stored, the event is
// what to store. updates has a changed annotation be an event.
func (s *state) next(a *alerts.Alert, now time.Time, updates bool) (outcome, alerts.Event) {
	switch a.Status {
	case alerts.Firing:
		return s.fires(a, now, updates)
	case alerts.Resolved:
		return s.resolves(a, now)
	case alerts.Suppressed:
		return s.suppressed(a, now)
	default:
		return s.acknowledged(a, now)
	}
}

func (s *state) fires(a *alerts.Alert, now time.Time, updates bool) (outcome, alerts.Event) {
	e := alerts.NewEvent(a, now)
	if !s.active() {
		if s.event.Status == alerts.Resolved && s.event.Kind != alerts.KindMoved && s.isLateCopy(a, now) {
			return lateCopy, e
		}
		if e.StartsAt.IsZero() { // a sender need not say when it began
			if e.StartsAt = a.ReportedAt; e.StartsAt.IsZero() {
				e.StartsAt = e.UpdatedAt
			}
		}
		return stored, e
	}
	e.Ack, e.Flaps = s.event.Ack, s.event.Flaps
	if !a.ReportedAt.IsZero() {
		e.ReportedAt = later(a.ReportedAt, s.saidAt)
	}
	if !s.event.StartsAt.IsZero() { // of one incident the earliest counts
		e.StartsAt = s.event.StartsAt
	}
	switch {
	case s.isNewIncident(a):
		e.Kind, e.StartsAt, e.Ack = alerts.KindUpdated, a.StartsAt, nil
		e.Flaps++
	case s.event.Status == alerts.Suppressed:
		e.Kind = alerts.KindUnsuppressed
	case s.event.Status == alerts.Stale:
		e.Kind = alerts.KindFresh
	case a.Changing && !maps.Equal(a.Labels, s.event.Labels),
		updates && !s.event.AnnotationsCut && !maps.Equal(a.Annotations, s.event.Annotations):
		e.Kind = alerts.KindUpdated
	case s.seq > 0:
		return unchanged, e
	}
	return stored, e
}

// isNewIncident: it began anew, and its resolve has not come. A report that does not
// say when it began is of the incident that goes on. Prometheus' replicas may each
// have a beginning of their own.
func (s *state) isNewIncident(a *alerts.Alert) bool {
	since := s.event.StartsAt
	if a.Direct && s.lastSeen.After(since) {
		since = s.lastSeen
	}
	// Of what a relay has to say itself, each finds out when it looks.
	return !s.event.StartsAt.IsZero() && a.StartsAt.After(since) && a.Source != ownSource
}

// isLateCopy: only the sender's address tells a late copy from an alert that
// fires again. One sender in order may fire, resolve and fire within seconds with
// the same startsAt, after it had lost sight of Prometheus for a while.
func (s *state) isLateCopy(a *alerts.Alert, now time.Time) bool {
	age := now.Sub(s.event.UpdatedAt) // by the clocks of two relays, so it may be negative
	return !a.StartsAt.IsZero() && a.StartsAt.Equal(s.event.StartsAt) &&
		a.ExternalURL != "" && s.event.ExternalURL != "" && a.ExternalURL != s.event.ExternalURL &&
		age < lateCopyWindow && age > -lateCopyWindow
}

func (s *state) resolves(a *alerts.Alert, now time.Time) (outcome, alerts.Event) {
	switch {
	case s.foreign() && a.Labels != nil:
		return stored, alerts.NewEvent(a, now)
	case s.event.Status == alerts.Resolved && s.event.Kind != alerts.KindMoved:
		return unchanged, alerts.Event{}
	case !s.active():
		return notActive, alerts.Event{}
	case s.isOutdated(a):
		return outdated, alerts.Event{}
	}
	e := s.after(a, alerts.KindResolved, now)
	e.Status, e.EndsAt, e.Ack, e.Suppression = alerts.Resolved, a.EndsAt, nil, nil
	if a.Labels != nil {
		e.Labels, e.Annotations, e.AnnotationsCut = a.Labels, a.Annotations, false
	}
	if a.ExternalURL != "" {
		e.ExternalURL = a.ExternalURL
	}
	return stored, e
}

// isOutdated: the resolve is of an earlier incident, or another replica has seen
// the alert fire since.
func (s *state) isOutdated(a *alerts.Alert) bool {
	ours := a.StartsAt.IsZero() && s.event.StartsAt.Equal(s.firedAt) // the sender did not say when it began
	switch {
	case !a.ReportedAt.IsZero() && !s.saidAt.IsZero():
		// Both by the sender's clock, however long they were on the way.
		return a.ReportedAt.Before(s.saidAt)
	case a.Direct && !a.EndsAt.IsZero():
		return s.lastSeen.After(a.EndsAt.Add(clockSlack))
	case !a.EndsAt.IsZero() && !ours:
		// The beginning is by the clock of whoever says the end, so that it does not
		// matter if the clock of the one who reports it is behind. Only of an alert
		// that fires again with the same startsAt they do not tell the incident.
		return s.event.StartsAt.After(a.EndsAt) || !a.ReportedAt.IsZero() && a.EndsAt.Before(s.endedAt.Add(clockSlack))
	case !a.ReportedAt.IsZero():
		return s.firedAt.After(a.ReportedAt) || !ours && s.event.StartsAt.After(a.ReportedAt)
	}
	return false
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func (s *state) suppressed(a *alerts.Alert, now time.Time) (outcome, alerts.Event) {
	if !s.active() {
		return notActive, alerts.Event{}
	}
	why := *a.Suppression
	if why.Since = a.ReportedAt; why.Since.IsZero() {
		why.Since = now.UTC().Truncate(time.Millisecond)
	}
	if have := s.event.Suppression; have != nil {
		same := have.Kind == why.Kind && have.ID == why.ID && have.Until.Equal(why.Until)
		// That an alert is missing from its group says less than why it is.
		if same || why.Kind == alerts.MissingFromGroup {
			return unchanged, alerts.Event{}
		}
		if why.Since.Before(have.Since) || why.Since.Before(s.keptAt) {
			return outdated, alerts.Event{}
		}
	} else if !a.ReportedAt.IsZero() && s.firedSince(a.ReportedAt) {
		return outdated, alerts.Event{}
	}
	e := s.after(a, alerts.KindSuppressed, now)
	e.Status, e.Suppression = alerts.Suppressed, &why
	return stored, e
}

// firedSince reports whether the sender has said that the alert fires since it said
// something else: by its own clock, if it has told the time of both.
func (s *state) firedSince(saidAt time.Time) bool {
	if !s.event.ReportedAt.IsZero() {
		return saidAt.Before(s.saidAt)
	}
	return s.event.UpdatedAt.After(saidAt)
}

func (s *state) acknowledged(a *alerts.Alert, now time.Time) (outcome, alerts.Event) {
	if !s.active() {
		return notActive, alerts.Event{}
	}
	if have := s.event.Ack; have != nil && have.By == a.By && have.Comment == a.Comment {
		return unchanged, alerts.Event{}
	}
	e := s.after(a, alerts.KindAcked, now)
	e.Ack = &alerts.Ack{By: a.By, Comment: a.Comment, At: e.UpdatedAt}
	return stored, e
}

// restated is the event of an active alert that the log has lost: too old, or of a
// stream that is no more.
func (s *state) restated() alerts.Event {
	e := s.event
	e.Kind = alerts.Kind(e.Status)
	return e
}

// after is the next event of the same incident, nothing else having changed.
func (s *state) after(a *alerts.Alert, kind alerts.Kind, now time.Time) alerts.Event {
	e := s.event
	e.Kind, e.Reason, e.UpdatedAt = kind, a.Reason, now.UTC().Truncate(time.Millisecond)
	return e
}
