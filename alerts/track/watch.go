package track

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"alertrelay/alerts"
)

// noteInterval is how often the bucket is told when a source was last heard of.
const noteInterval = 10 * time.Second

// heardRecord is the value of a source's key in the bucket.
type heardRecord struct {
	Source    string    `json:"source"`
	LastHeard time.Time `json:"lastHeard"`
}

// hear notes that a source has spoken. That other relays hear of it is not worth
// refusing what it said.
func (t *Tracker) hear(ctx context.Context, source string) {
	if source == "" {
		return
	}
	now := t.now()
	t.mu.Lock()
	t.heard[source] = now
	due := now.Sub(t.noted[source]) >= noteInterval
	if due {
		t.noted[source] = now
	}
	t.mu.Unlock()
	if !due {
		return
	}
	data, err := json.Marshal(heardRecord{source, now.UTC().Truncate(time.Millisecond)})
	if err != nil {
		return
	}
	key := metaPrefix + source
	revision := uint64(0)
	if v, err := t.bucket.Get(ctx, key); err == nil {
		revision = v.Revision
	}
	if _, err := t.bucket.Put(ctx, key, data, revision, 0); err != nil {
		t.log.Debug("the bucket does not say that the source was heard of", "source", source, "err", err)
	}
}

func (t *Tracker) applyHeard(source string, data []byte) {
	var r heardRecord
	if json.Unmarshal(data, &r) != nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if r.LastHeard.After(t.heard[source]) {
		t.heard[source] = r.LastHeard
	}
}

// Heard says when each source was last heard of, by any relay.
func (t *Tracker) Heard() map[string]time.Time {
	t.mu.RLock()
	defer t.mu.RUnlock()
	heard := make(map[string]time.Time, len(t.heard))
	for source, at := range t.heard {
		if source != ownSource {
			heard[source] = at
		}
	}
	return heard
}

// watch has an alert of our own fire for each source and each watchdog that is
// silent, and resolves it when it is heard of again.
func (t *Tracker) watch(ctx context.Context, now time.Time) error {
	s := t.settings.Load()
	var errs []error
	for name, source := range s.Sources {
		if source.SilentAfter > 0 {
			a := own("SourceSilent", "critical", map[string]string{"source": name})
			errs = append(errs, t.bark(ctx, a, t.heardOf(name), source.SilentAfter, now, "Nothing was heard from source "+name))
		}
	}
	for _, dog := range s.Watchdogs {
		a := own("WatchdogMissing", "critical", map[string]string{"watchdog": dog.Match.String()})
		errs = append(errs, t.bark(ctx, a, t.lastMatching(dog.Match), dog.Within, now, "Nothing was heard of "+dog.Match.String()))
	}
	return errors.Join(errs...)
}

func (t *Tracker) heardOf(source string) time.Time {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.heard[source]
}

// lastMatching is when an alert that matches was last said to fire.
func (t *Tracker) lastMatching(m alerts.Matchers) time.Time {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var last time.Time
	for _, it := range t.items {
		if it.known.lastSeen.After(last) && it.source != ownSource && m.Match(it.value) {
			last = it.known.lastSeen
		}
	}
	return last
}

// bark reports an alert if last is too long ago, and that it is over if it is not.
// What was never heard of is waited for from the start on; until then, what was
// found firing goes on.
func (t *Tracker) bark(ctx context.Context, a alerts.Alert, last time.Time, within time.Duration, now time.Time, silence string) error {
	fires := len(t.activeChannels(a.ID())) > 0
	since := last
	if since.Before(t.startedAt) {
		since = t.startedAt
	}
	silent := now.Sub(since) > within
	switch {
	case silent == fires, !silent && last.Before(t.startedAt) && now.Sub(last) > within:
		return nil
	case silent:
		a.StartsAt = now.UTC().Truncate(time.Millisecond)
		a.Annotations = map[string]string{
			"summary":     fmt.Sprintf("%s for more than %s", silence, within),
			"description": "What it would report is not known. Nothing is resolved because of that.",
		}
	default:
		a.Status, a.EndsAt = alerts.Resolved, now.UTC().Truncate(time.Millisecond)
	}
	_, err := t.report(ctx, &a)
	return err
}
