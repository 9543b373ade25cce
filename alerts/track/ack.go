package track

import (
	"cmp"
	"context"
	"errors"
	"time"

	"alertrelay/alerts"
)

// ErrNotActive is the error when no alert of this id is active.
var ErrNotActive = errors.New("track: no such alert is active")

// Acknowledge says that somebody has an alert in hand, for all relays and until it
// ends or fires anew. When it returns, Find shows it. Errors: ErrNotActive,
// relay.ErrUnavailable, relay.ErrNotReady.
func (t *Tracker) Acknowledge(ctx context.Context, id, by, comment string) error {
	a := alerts.Alert{Status: alerts.Acknowledged, By: by, Comment: comment}
	return t.byPerson(ctx, id, func(s *state, now time.Time) (outcome, alerts.Event) { return s.acknowledged(&a, now) })
}

// Unacknowledge takes that back. Errors as Acknowledge.
func (t *Tracker) Unacknowledge(ctx context.Context, id, by, comment string) error {
	return t.byPerson(ctx, id, func(s *state, now time.Time) (outcome, alerts.Event) {
		switch {
		case !s.active():
			return notActive, alerts.Event{}
		case s.event.Ack == nil:
			return unchanged, alerts.Event{}
		}
		e := s.after(&alerts.Alert{}, alerts.KindUnacked, now)
		e.Ack = nil
		if e.Reason = cmp.Or(comment, by); by != "" && comment != "" {
			e.Reason = by + ": " + comment
		}
		return stored, e
	})
}

func (t *Tracker) byPerson(ctx context.Context, id string, decide func(*state, time.Time) (outcome, alerts.Event)) error {
	if err := t.catchUp(ctx); err != nil {
		return err
	}
	best := notActive
	for _, channel := range t.activeChannels(id) {
		o, err := t.change(ctx, channel, lifetime{}, decide)
		if err != nil {
			return err
		}
		best = max(best, o)
	}
	if best == notActive {
		return ErrNotActive
	}
	return t.events.Applied(ctx)
}
