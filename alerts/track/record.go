package track

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"alertrelay/alerts"
	"alertrelay/relay"
)

// EventLog keeps the events, one channel per alert and route. Its methods may be
// called by several goroutines at once.
type EventLog interface {
	relay.Publisher
	// Last returns the newest message of a channel and the DedupID it was
	// published with. Errors: relay.ErrNoMessage if there is none,
	// relay.ErrUnavailable.
	Last(ctx context.Context, channel string) (m relay.Message, dedupID string, err error)
}

const (
	// parallel is how many alerts of one request are worked on at once. On two
	// busy cores 16, 64 and 128 were alike, and 256 half as fast.
	parallel = 64
	// maxTries bounds how often one alert is tried again after others have
	// changed its channel.
	maxTries = 16
)

// count adds one alert's outcome.
func count(r *alerts.Result, o outcome) {
	r.Received++
	switch o {
	case stored:
		r.Stored++
	case deduplicated:
		r.Deduplicated++
	case lateCopy:
		r.LateCopies++
		r.Ignored++
	default:
		r.Ignored++
	}
}

// Tracker makes events of what senders report.
type Tracker struct {
	events EventLog
	router *alerts.Router
	now    func() time.Time
}

// New makes a Tracker. now is the clock; nil means time.Now.
func New(events EventLog, router *alerts.Router, now func() time.Time) *Tracker {
	if now == nil {
		now = time.Now
	}
	return &Tracker{events: events, router: router, now: now}
}

// Record stores an event for each alert that needs one, and returns when all are
// stored. Different alerts go at the same time, the same alert twice in its
// order. An error other than *alerts.TooLargeError means that some may not be stored;
// doing it again is right.
func (t *Tracker) Record(ctx context.Context, batch alerts.Batch) (alerts.Result, error) {
	reports := batch.Alerts
	outcomes := make([]outcome, len(reports))
	tooLarge := make([]bool, len(reports))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for _, same := range byIdentity(reports) {
		g.Go(func() error {
			for _, i := range same {
				o, err := t.alert(ctx, &reports[i])
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

// alert goes through the channels of one alert.
func (t *Tracker) alert(ctx context.Context, a *alerts.Alert) (outcome, error) {
	if a.Status == alerts.Firing && !a.EndsAt.IsZero() && a.EndsAt.Before(t.now()) {
		ended := *a
		ended.Status = alerts.Resolved
		a = &ended
	}
	var best outcome
	for _, channel := range t.router.Channels(a) {
		o, err := t.channel(ctx, channel, a)
		if err != nil {
			return 0, err
		}
		best = max(best, o)
	}
	return best, nil
}

// channel stores the alert's event in one channel, if it needs one there. What is
// stored depends on the event that was read before, so it is stored only if that
// is still the last one; otherwise the channel is looked at again.
func (t *Tracker) channel(ctx context.Context, channel string, a *alerts.Alert) (outcome, error) {
	elsewhere := uint64(0) // the sequence of another message with our DedupID
	for range maxTries {
		s, err := t.last(ctx, channel)
		if err != nil {
			return 0, err
		}
		now := t.now()
		if o := s.next(a, now); o != stored {
			// After a try: what another relay stored, or we did without hearing so.
			return o, nil
		}
		receipt, err := t.publish(ctx, channel, s.eventAfter(a, now), s.seq, dedupID(a, s.seq, elsewhere))
		switch {
		case errors.Is(err, relay.ErrConflict):
		case err != nil:
			return 0, err
		case !receipt.Duplicate:
			return stored, nil
		default:
			// Either it is in this channel, which the next look will show; or the
			// id was used elsewhere within the store's window: in another channel
			// of the alert, or in this one before it was deleted. Without another
			// id the event would be lost (TestChannelDeleted, TestContinue).
			elsewhere = receipt.Seq
		}
	}
	return 0, fmt.Errorf("alerts: channel %s: %w: it has changed %d times meanwhile", channel, relay.ErrUnavailable, maxTries)
}

// dedupID has the sequence of the event before in it, and not startsAt: an alert
// may fire again with the same startsAt.
func dedupID(a *alerts.Alert, prevSeq, elsewhere uint64) string {
	id := a.Source + "/" + a.Fingerprint + "/" + strconv.FormatUint(prevSeq, 10) + "/" + string(a.Status)
	if elsewhere > 0 {
		id += "/" + strconv.FormatUint(elsewhere, 10)
	}
	return id
}

func (t *Tracker) last(ctx context.Context, channel string) (state, error) {
	m, _, err := t.events.Last(ctx, channel)
	if errors.Is(err, relay.ErrNoMessage) {
		return state{}, nil
	}
	if err != nil {
		return state{}, fmt.Errorf("alerts: channel %s: %w", channel, err)
	}
	return newState(m), nil
}

// publish leaves the annotations out if the event is too large with them: an
// alert without a description is better than none.
func (t *Tracker) publish(ctx context.Context, channel string, e alerts.Event, prevSeq uint64, id string) (relay.Receipt, error) {
	for {
		text, err := e.Encode()
		if err != nil {
			return relay.Receipt{}, err
		}
		// No EventType: browsers give an SSE message with one only to listeners of
		// that name, and pages use onmessage.
		receipt, err := t.events.Publish(ctx, relay.Publication{Channel: channel, Text: text, DedupID: id, ExpectLast: &prevSeq})
		if errors.Is(err, relay.ErrTooLarge) && len(e.Annotations) > 0 {
			e.Annotations, e.AnnotationsCut = nil, true
			continue
		}
		if err != nil {
			err = fmt.Errorf("alerts: channel %s: %w", channel, err)
		}
		return receipt, err
	}
}
