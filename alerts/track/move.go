package track

import (
	"context"
	"slices"
	"time"

	"alertrelay/alerts"
)

// move takes alerts that the routes want in other channels, or in more, there: first they fire
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
	s := t.remembered(channel)
	here := t.record(channel)
	wanted := t.settings.Load().Router.Channels(s.event.Alert())
	stays := slices.Contains(wanted, channel)
	if here.pinned || stays && !slices.ContainsFunc(wanted, func(to string) bool { return !t.isActive(to) }) {
		return nil
	}
	s, err := t.last(ctx, channel)
	if err != nil || !s.active() {
		return err
	}
	var as lifetime
	if here.revision > 0 {
		as.as = here.record()
	}
	for _, to := range wanted {
		_, err := t.change(ctx, to, as, func(there *state, now time.Time) (outcome, alerts.Event) {
			switch {
			case there.active() && there.event.Ack == nil && s.event.Ack != nil:
				// A report was there first, and knew nothing of it.
				e := there.after(&alerts.Alert{}, alerts.KindAcked, now)
				e.Ack = s.event.Ack
				return stored, e
			case there.active():
				return unchanged, alerts.Event{}
			}
			e := s.event
			e.Kind, e.Reason, e.UpdatedAt = alerts.KindFiring, "", now.UTC().Truncate(time.Millisecond)
			if !stays {
				e.Reason = "moved from " + channel
			}
			return stored, e
		})
		if err != nil {
			return err
		}
	}
	if stays {
		return nil
	}
	_, err = t.change(ctx, channel, lifetime{}, func(s *state, now time.Time) (outcome, alerts.Event) {
		if !s.active() {
			return notActive, alerts.Event{}
		}
		e := s.event
		e.Kind, e.Status, e.Reason, e.MovedTo = alerts.KindMoved, alerts.Resolved, "", wanted[0]
		e.Ack, e.Suppression = nil, nil // they are there now
		e.UpdatedAt = now.UTC().Truncate(time.Millisecond)
		return stored, e
	})
	return err
}
