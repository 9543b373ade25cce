package track

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"alertrelay/alerts"
	"alertrelay/relay"
)

const (
	// parallel is how many alerts of one request are worked on at once. On two
	// busy cores 16, 64 and 128 were alike, and 256 half as fast.
	parallel = 64
	// maxTries bounds how often one alert is tried again after others have
	// changed its channel.
	maxTries = 16
)

// Record stores an event for each report that needs one, and returns when all are
// stored and in the bucket. Different alerts go at the same time, the same alert
// twice in its order. An error other than *alerts.TooLargeError means that some
// may not be stored; doing it again is right.
func (t *Tracker) Record(ctx context.Context, batch alerts.Batch) (alerts.Result, error) {
	result, err := t.take(ctx, batch)
	if err != nil {
		t.missed(batch.Source)
	}
	return result, err
}

func (t *Tracker) take(ctx context.Context, batch alerts.Batch) (alerts.Result, error) {
	if !t.isReady() {
		return alerts.Result{}, relay.ErrNotReady
	}
	reports := batch.Alerts
	t.learn(batch)
	if err := t.follow(ctx, reports); err != nil {
		return alerts.Result{}, err
	}
	outcomes := make([]outcome, len(reports))
	tooLarge := make([]bool, len(reports))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for _, same := range byIdentity(reports) {
		g.Go(func() error {
			for _, i := range same {
				o, err := t.report(gctx, &reports[i])
				if errors.Is(err, relay.ErrTooLarge) { // the others can be stored
					tooLarge[i] = true
					continue
				}
				if err != nil {
					return err
				}
				outcomes[i] = o
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return alerts.Result{}, err
	}
	if err := t.group(ctx, batch); err != nil {
		return alerts.Result{}, err
	}
	if err := t.truncation(ctx, batch); err != nil {
		return alerts.Result{}, err
	}
	if !batch.Asked {
		t.hear(ctx, batch.Source)
	}
	var result alerts.Result
	var err error
	for i := range reports {
		if tooLarge[i] {
			err = errors.Join(err, &alerts.TooLargeError{Index: i})
			continue
		}
		count(&result, outcomes[i])
	}
	return result, err
}

// count adds one alert's outcome.
func count(r *alerts.Result, o outcome) {
	r.Received++
	switch o {
	case stored:
		r.Stored++
	case unchanged:
		r.Deduplicated++
	case lateCopy:
		r.LateCopies++
		r.Ignored++
	default:
		r.Ignored++
	}
}

// learn takes the repeat interval that the sender tells.
func (t *Tracker) learn(batch alerts.Batch) {
	if batch.RepeatInterval <= 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.repeats[batch.Source] = batch.RepeatInterval
}

// follow waits until the tracker knows of all that was stored before, by other
// relays too, if that decides about a report: the channel of an alert whose labels
// change, or that are not told, is the one where it is.
func (t *Tracker) follow(ctx context.Context, reports []alerts.Alert) error {
	for i := range reports {
		if a := &reports[i]; a.Changing || a.Labels == nil {
			return t.events.Applied(ctx)
		}
	}
	return nil
}

// byIdentity groups the indices of the same alert, all in the order given.
func byIdentity(reports []alerts.Alert) [][]int {
	groups := make([][]int, 0, len(reports))
	at := make(map[string]int, len(reports))
	for i := range reports {
		id := reports[i].ID()
		g, ok := at[id]
		if !ok {
			g = len(groups)
			at[id] = g
			groups = append(groups, nil)
		}
		groups[g] = append(groups[g], i)
	}
	return groups
}

// report goes through the channels of one alert.
func (t *Tracker) report(ctx context.Context, a *alerts.Alert) (outcome, error) {
	if a.Status == alerts.Firing && !a.EndsAt.IsZero() && a.EndsAt.Before(t.now()) {
		ended := *a
		ended.Status = alerts.Resolved
		a = &ended
	}
	updates := t.settings.Load().Updates
	var best outcome
	channels, wanted := t.channels(a)
	for i, channel := range channels {
		o, err := t.change(ctx, channel, expiry(a), func(s *state, now time.Time) (outcome, alerts.Event) {
			if i >= wanted && !s.active() {
				return notActive, alerts.Event{} // another relay has moved it away (TestReportBeforeMove)
			}
			return s.next(a, now, updates)
		})
		if err != nil {
			return 0, err
		}
		best = max(best, o)
	}
	return best, nil
}

// channels are those that the routes say, of which there are as many as wanted, and
// those where the alert is: it may have come there by other routes. One whose labels
// change stays where it is.
func (t *Tracker) channels(a *alerts.Alert) (channels []string, wanted int) {
	active := t.activeChannels(a.ID())
	if a.Labels == nil || a.Changing && len(active) > 0 {
		return active, len(active)
	}
	channels = t.settings.Load().Router.Channels(a)
	wanted = len(channels)
	for _, c := range active {
		if !slices.Contains(channels, c) {
			channels = append(channels, c)
		}
	}
	return channels, wanted
}

// change stores the event that decide wants in one channel, if it wants one. What
// it wants depends on the event before, so it is stored only if that is the last
// one; otherwise the channel is looked at again. Then the bucket is brought up to
// date: a refresh is a change of the bucket only.
//
// The first try goes by what is in memory, which is often right and costs nothing.
// That it was right is what the log says when it stores the event, or the bucket
// when it takes the refresh. That there is nothing to do is believed only after a
// look at the log.
func (t *Tracker) change(ctx context.Context, channel string, until lifetime, decide func(*state, time.Time) (outcome, alerts.Event)) (outcome, error) {
	elsewhere := uint64(0) // the sequence of another message with our DedupID
	s, seen := t.remembered(channel), false
	for range maxTries {
		now := t.now()
		o, e := decide(&s, now)
		if (until.direct || !until.reportedAt.IsZero()) && o == stored && s.active() {
			// Whether it was seen to fire since decides, and that may have been said
			// to another relay just now.
			known, err := t.look(ctx, channel)
			if err != nil {
				return 0, err
			}
			s.recall(&known)
			o, e = decide(&s, now)
		}
		switch {
		case o == stored:
			if e.Kind == alerts.KindFiring && e.StartsAt.Equal(s.event.StartsAt) {
				until.endedAt = s.event.EndsAt
			}
			receipt, sent, err := t.publish(ctx, channel, e, s.seq, dedupID(&e, s.seq, elsewhere))
			switch {
			case errors.Is(err, relay.ErrConflict):
			case err != nil:
				return 0, err
			case !receipt.Duplicate:
				t.metrics.event(&sent)
				if t.ackEnded != nil && s.event.Ack != nil && sent.Ack == nil && sent.Kind != alerts.KindMoved {
					t.ackEnded(&s.event)
				}
				return stored, t.keep(ctx, channel, receipt.Seq, &sent, until, now)
			default:
				// Either it is in this channel, which the next look will show; or the
				// id was used elsewhere within the store's window: in another channel
				// of the alert, or in this one before it was deleted. Without another
				// id the event would be lost (TestChannelDeleted, TestContinue).
				elsewhere = receipt.Seq
			}
		case seen && o == unchanged:
			// After a try: what another relay stored, or we did without hearing so.
			return o, t.refresh(ctx, channel, &s, until, now)
		case seen:
			return o, nil
		case o == unchanged && s.active():
			if done, err := t.refreshOnce(ctx, channel, &s, until, now); done || err != nil {
				return o, err
			}
		}
		var err error
		if s, err = t.last(ctx, channel); err != nil {
			return 0, err
		}
		seen = true
	}
	return 0, t.restless(channel)
}

// dedupID has the sequence of the event before in it, and not startsAt: an alert
// may fire again with the same startsAt.
func dedupID(e *alerts.Event, prevSeq, elsewhere uint64) string {
	id := e.Source + "/" + e.Fingerprint + "/" + strconv.FormatUint(prevSeq, 10) + "/" + string(e.Kind)
	if elsewhere > 0 {
		id += "/" + strconv.FormatUint(elsewhere, 10)
	}
	return id
}

// last is the state of a channel as the log has it now.
func (t *Tracker) last(ctx context.Context, channel string) (state, error) {
	m, _, err := t.events.Last(ctx, channel)
	if errors.Is(err, relay.ErrNoMessage) {
		return t.fromBucket(ctx, channel)
	}
	if err != nil {
		return state{}, fmt.Errorf("track: channel %s: %w", channel, err)
	}
	s, known := newState(m), t.record(channel)
	s.recall(&known)
	return s, nil
}

// publish leaves the annotations out if the event is too large with them: an
// alert without a description is better than none. It returns what was published.
func (t *Tracker) publish(ctx context.Context, channel string, e alerts.Event, prevSeq uint64, id string) (relay.Receipt, alerts.Event, error) {
	for {
		text, err := e.Encode()
		if err != nil {
			return relay.Receipt{}, e, err
		}
		// No EventType: browsers give an SSE message with one only to listeners of
		// that name, and pages use onmessage.
		receipt, err := t.events.Publish(ctx, relay.Publication{Channel: channel, Text: text, DedupID: id, ExpectLast: &prevSeq})
		if errors.Is(err, relay.ErrTooLarge) && len(e.Annotations) > 0 {
			e.Annotations, e.AnnotationsCut = nil, true
			continue
		}
		if err != nil {
			err = fmt.Errorf("track: channel %s: %w", channel, err)
		}
		return receipt, e, err
	}
}
