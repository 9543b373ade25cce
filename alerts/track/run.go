package track

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"alertrelay/alerts"
	"alertrelay/relay"
)

const (
	sweepInterval = time.Second
	// sweepTimeout bounds one sweep, retryWait is the time between tries when the
	// store is away.
	sweepTimeout = 30 * time.Second
	retryWait    = time.Second
	// repairAfter is how long the bucket may say something else than the log before
	// it is mended: whoever stored the event is about to write it.
	repairAfter = 5 * time.Second
)

// Run finds out what is firing, and keeps watch until ctx ends: over alerts that
// nobody speaks of any more, sources and alerts that are silent, and a bucket that
// a crash has left behind the log. It returns nil when ctx ends.
func (t *Tracker) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	caughtUp := make(chan struct{}, 1)
	g.Go(func() error { return t.bucket.Watch(ctx, &watcher{t: t, caughtUp: func() { poke(caughtUp) }}) })
	g.Go(func() error {
		select {
		case <-caughtUp:
		case <-ctx.Done():
			return nil
		}
		poke(t.reload)
		return t.loop(ctx)
	})
	if err := g.Wait(); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}

func (t *Tracker) loop(ctx context.Context) error {
	tick := time.NewTicker(sweepInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.reload:
			if !t.try(ctx, "what is firing cannot be read", t.load) {
				poke(t.reload)
				continue
			}
			poke(t.moved)
		case <-t.moved:
			if !t.try(ctx, "alerts cannot be moved to the channels of the new routes", t.move) {
				poke(t.moved)
			}
		case <-tick.C:
			if t.isReady() {
				t.try(ctx, "alerts cannot be looked after", t.sweep)
			}
		}
	}
}

// try reports whether it went well. If not it waits a moment.
func (t *Tracker) try(ctx context.Context, trouble string, do func(context.Context) error) bool {
	err := do(ctx)
	if err == nil || ctx.Err() != nil {
		return true
	}
	t.log.Warn("will be tried again", "trouble", trouble, "err", err)
	select {
	case <-time.After(retryWait):
	case <-ctx.Done():
	}
	return false
}

// load reads the last event of every alert. Then it waits until the stream has
// been given to Append as far: until that is so, alerts would be ahead of the head.
func (t *Tracker) load(ctx context.Context) error {
	epoch := t.stream()
	var newest Head
	err := t.events.LastOfEach(ctx, func(m relay.Message) error {
		newest = Head{m.Seq, m.Time}
		if e, ok := eventOf(&m); ok {
			t.mu.Lock()
			defer t.mu.Unlock()
			if t.epoch != epoch {
				return errReset
			}
			t.set(&m, &e)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("track: last events: %w", err)
	}
	if err := t.restate(ctx); err != nil {
		return err
	}
	if err := t.events.Applied(ctx); err != nil {
		return fmt.Errorf("track: %w", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.epoch != epoch {
		return errReset
	}
	if newest.Seq > t.head.Seq {
		t.head = newest // none of the messages after it was one for Append
	}
	t.ready = true
	return nil
}

var errReset = errors.New("track: the stream has become another one meanwhile")

// stream is a number that every stream has another of.
func (t *Tracker) stream() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.epoch
}

// restate has the log say again what is active by the bucket, and of which the log
// has no event any more.
func (t *Tracker) restate(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for _, channel := range t.channelsOf(func(it *item) bool { return it.seq == 0 && it.known.revision > 0 }) {
		g.Go(func() error { return t.repair(ctx, channel) })
	}
	return g.Wait()
}

// channelsOf are the channels of the items that are wanted.
func (t *Tracker) channelsOf(want func(*item) bool) []string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var channels []string
	for _, it := range t.items {
		if want(it) {
			channels = append(channels, it.channel)
		}
	}
	return channels
}

// sweep looks at every alert once.
func (t *Tracker) sweep(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, sweepTimeout)
	defer cancel()
	now := t.now()
	watched := t.watch(ctx, now)
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for _, channel := range t.due(now) {
		g.Go(func() error { return t.age(gctx, channel) })
	}
	for _, channel := range t.differing(now) {
		g.Go(func() error { return t.repair(gctx, channel) })
	}
	err := g.Wait()
	t.dropEnded(now)
	t.forgetFrames(now)
	return errors.Join(watched, err)
}

// due are the channels of alerts that nothing was heard of for too long.
func (t *Tracker) due(now time.Time) []string {
	return t.channelsOf(func(it *item) bool {
		k := &it.known
		return it.active() && k.revision > 0 &&
			t.becomes(it.source, it.status, k.lastSeen.time(), k.staleAt.time(), k.expiresAt.time(), now) != ""
	})
}

// becomes is what an alert of this source and status is for want of news: expired,
// stale, or empty if it goes on as it is. mu is held.
func (t *Tracker) becomes(source string, status alerts.Status, lastSeen, staleAt, expiresAt, now time.Time) alerts.Kind {
	stale := passed(staleAt, now)
	if passed(expiresAt, now) {
		switch t.meaning(source, lastSeen, staleAt.IsZero(), now) {
		case expired:
			return alerts.KindExpired
		case senderGone:
			stale = true
		}
	}
	if stale && status == alerts.Firing {
		return alerts.KindStale
	}
	return ""
}

func passed(at, now time.Time) bool { return !at.IsZero() && at.Before(now) }

// age makes an alert stale or has it expire, if that is what its record says now:
// another relay may have heard of it just before.
func (t *Tracker) age(ctx context.Context, channel string) error {
	r, revision, err := t.read(ctx, channel)
	if err != nil {
		return err
	}
	if revision == 0 {
		return nil // another relay has ended it; its event is on the way
	}
	t.noteRecord(channel, r, revision)
	o, err := t.change(ctx, channel, lifetime{lastSeen: r.LastSeen}, func(s *state, now time.Time) (outcome, alerts.Event) {
		if !s.active() || r.EventSeq != s.eventSeq { // it was heard of just now: the record comes after the event
			return notActive, alerts.Event{}
		}
		e := s.event
		e.UpdatedAt = now.UTC().Truncate(time.Millisecond)
		t.mu.RLock()
		e.Kind = t.becomes(e.Source, e.Status, r.LastSeen, r.StaleAt, r.ExpiresAt, now)
		t.mu.RUnlock()
		switch e.Reason = ReasonNoNews; e.Kind {
		case alerts.KindExpired:
			e.Status, e.Ack, e.Suppression = alerts.Expired, nil, nil
		case alerts.KindStale:
			e.Status = alerts.Stale
		default:
			return unchanged, alerts.Event{}
		}
		return stored, e
	})
	if k := t.record(channel); err == nil && o == stored && k.heardAfter(r.LastSeen) {
		return t.revive(ctx, channel, k.record())
	}
	return err
}

// revive takes back what age has said of an alert that was heard of in that moment:
// the report has found it firing, and so is no event.
func (t *Tracker) revive(ctx context.Context, channel string, r *Record) error {
	_, err := t.change(ctx, channel, lifetime{as: r}, func(s *state, now time.Time) (outcome, alerts.Event) {
		e := s.after(&alerts.Alert{}, alerts.KindFresh, now)
		switch {
		case s.event.Kind == alerts.KindExpired:
			e.Kind = alerts.KindFiring
		case s.event.Kind != alerts.KindStale:
			return unchanged, e // it is something else by now
		}
		e.Status = alerts.Firing
		return stored, e
	})
	return err
}

// ReasonNoNews is the reason of what happens because nothing was heard.
const ReasonNoNews = "no news"

// differing are the channels whose record has not been what their last event says
// for a while.
func (t *Tracker) differing(now time.Time) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var channels []string
	for _, it := range t.items {
		differs := it.known.revision > 0
		if it.active() {
			differs = it.known.revision == 0 || it.known.eventSeq != it.seq
		}
		switch {
		case !differs:
			it.since = 0
		case it.since == 0:
			it.since = stampOf(now)
		case now.Sub(it.since.time()) >= repairAfter:
			channels = append(channels, it.channel)
			it.since = stampOf(now) // once more, if it goes wrong
		}
	}
	return channels
}

// repair brings a channel's record up to date with its last event, or has the log
// say again what it has lost.
func (t *Tracker) repair(ctx context.Context, channel string) error {
	_, err := t.change(ctx, channel, lifetime{}, func(s *state, _ time.Time) (outcome, alerts.Event) {
		if s.active() && s.seq == 0 {
			return stored, s.restated()
		}
		return unchanged, alerts.Event{}
	})
	return err
}

// dropEnded forgets alerts that ended a while ago.
func (t *Tracker) dropEnded(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, it := range t.items {
		if !it.active() && it.known.revision == 0 && now.Sub(it.updated.time()) > recentTime {
			t.drop(it)
		}
	}
}

// forgetInterval is how long what was rendered for snapshots is kept: it is shared
// by all who open a screen at about the same time, and as large as the events.
const forgetInterval = time.Minute

func (t *Tracker) forgetFrames(now time.Time) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if now.Sub(t.forgotten).Abs() < forgetInterval {
		return
	}
	t.forgotten = now // the loop alone reads and writes it
	for _, it := range t.items {
		if it.entry != nil {
			it.entry.Forget()
		}
	}
}
