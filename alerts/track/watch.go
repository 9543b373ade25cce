package track

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"alertrelay/alerts"
	"alertrelay/relay"
)

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
	due := now.Sub(t.noted[source]) >= t.settings.Load().noteInterval
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
	silent := make(map[string]bool)
	for name, source := range s.Sources {
		if source.SilentAfter > 0 {
			missing, err := t.bark(ctx, now, ward{
				alert: own("SourceSilent", "critical", map[string]string{"source": name}), within: source.SilentAfter,
				silence: "Nothing was heard from source " + name,
				last:    func() time.Time { return t.heardOf(name) },
				look:    func() error { return t.lookHeard(ctx, name) },
			})
			if errs = append(errs, err); missing {
				silent[name] = true
			}
		}
	}
	for _, dog := range s.Watchdogs {
		missing, err := t.bark(ctx, now, ward{
			alert: own("WatchdogMissing", "critical", map[string]string{"watchdog": dog.Match.String()}), within: dog.Within,
			silence: "Nothing was heard of " + dog.Match.String(),
			last:    func() time.Time { at, _ := t.lastMatching(dog.Match); return at },
			look:    func() error { return t.lookMatching(ctx, dog.Match) },
		})
		errs = append(errs, err)
		if _, source := t.lastMatching(dog.Match); missing && source != "" {
			silent[source] = true
		}
	}
	t.noteSilence(silent, now)
	return errors.Join(errs...)
}

func (t *Tracker) heardOf(source string) time.Time {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.heard[source]
}

// lookHeard takes what the bucket says of a source now.
func (t *Tracker) lookHeard(ctx context.Context, source string) error {
	v, err := t.bucket.Get(ctx, metaPrefix+source)
	switch {
	case errors.Is(err, relay.ErrNoMessage):
		return nil
	case err != nil:
		return fmt.Errorf("track: bucket: source %s: %w", source, err)
	}
	t.applyHeard(source, v.Data)
	return nil
}

// matches reports whether an alert is one that a watchdog is for.
func matches(m alerts.Matchers, it *item) bool { return it.source != ownSource && m.Match(it.value) }

// lastMatching is when an alert that matches was last said to fire, and by which
// source.
func (t *Tracker) lastMatching(m alerts.Matchers) (at time.Time, source string) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var last stamp
	for _, it := range t.items {
		if it.known.lastSeen > last && matches(m, it) {
			last, source = it.known.lastSeen, it.source
		}
	}
	return last.time(), source
}

// lookMatching takes what the bucket says now of the alerts that match.
func (t *Tracker) lookMatching(ctx context.Context, m alerts.Matchers) error {
	for _, channel := range t.channelsOf(func(it *item) bool { return it.active() && matches(m, it) }) {
		if _, err := t.look(ctx, channel); err != nil {
			return err
		}
	}
	return nil
}

// ward is what is to be heard of from time to time.
type ward struct {
	alert   alerts.Alert // that it is not
	within  time.Duration
	silence string           // what has happened then
	last    func() time.Time // when it was heard of, as far as is known
	look    func() error     // takes what other relays have heard that is not known yet
}

// bark reports the alert if the ward was heard of too long ago, and that it is over if
// it was not. What was never heard of is waited for from the start on; until then,
// what was found firing goes on. It tells whether the ward is missing.
func (t *Tracker) bark(ctx context.Context, now time.Time, w ward) (missing bool, err error) {
	a := w.alert
	fires := len(t.activeChannels(a.ID())) > 0
	silent := func() bool { return now.Sub(later(w.last(), t.startedAt)) > w.within }
	if silent() && !fires {
		if err := w.look(); err != nil {
			return true, err
		}
	}
	switch last := w.last(); {
	case silent() == fires, !silent() && last.Before(t.startedAt) && now.Sub(last) > w.within:
		return fires, nil
	case silent():
		missing = true
		a.StartsAt = now.UTC().Truncate(time.Millisecond)
		a.Annotations = map[string]string{
			"summary":     fmt.Sprintf("%s for more than %s", w.silence, w.within),
			"description": "What it would report is not known. Nothing is resolved because of that.",
		}
	default:
		a.Status, a.EndsAt = alerts.Resolved, now.UTC().Truncate(time.Millisecond)
	}
	_, err = t.report(ctx, &a)
	return missing, err
}
