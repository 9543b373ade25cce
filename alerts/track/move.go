package track

import (
	"context"
	"slices"
	"time"

	"alertrelay/alerts"
)

// move takes alerts that the routes want in other channels there: first they fire
// in the new channel, then they end in the old one, so that a crash in between
// leaves them in both and the next try takes them out of one.
func (t *Tracker) move(ctx context.Context) error {
	if !t.isReady() {
		return nil // load has it done again
	}
	for _, channel := range t.channelsOf((*item).active) {
		if err := t.moveOne(ctx, channel); err != nil {
			return err
		}
	}
	return nil
}

func (t *Tracker) moveOne(ctx context.Context, channel string) error {
	s, err := t.last(ctx, channel)
	if err != nil || !s.active() {
		return err
	}
	wanted := t.settings.Load().Router.Channels(s.event.Alert())
	if slices.Contains(wanted, channel) {
		return nil
	}
	here := t.record(channel)
	for _, to := range wanted {
		_, err := t.change(ctx, to, lifetime{heard: true, until: here.expiresAt, forever: here.expiresAt.IsZero()}, func(there *state, now time.Time) (outcome, alerts.Event) {
			if there.active() {
				return unchanged, alerts.Event{}
			}
			e := s.event
			e.Kind, e.Reason, e.UpdatedAt = alerts.KindFiring, "moved from "+channel, now.UTC().Truncate(time.Millisecond)
			return stored, e
		})
		if err != nil {
			return err
		}
	}
	_, err = t.change(ctx, channel, lifetime{}, func(s *state, now time.Time) (outcome, alerts.Event) {
		if !s.active() {
			return notActive, alerts.Event{}
		}
		e := s.event
		e.Kind, e.Status, e.Reason, e.MovedTo = alerts.KindMoved, alerts.Resolved, "", wanted[0]
		e.UpdatedAt = now.UTC().Truncate(time.Millisecond)
		return stored, e
	})
	return err
}
