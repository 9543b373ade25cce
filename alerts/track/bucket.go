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

const (
	defaultRepeat = 4 * time.Hour
	defaultGroup  = 5 * time.Minute
	// backstop is how long after its expiry an alert leaves the bucket by itself,
	// if every relay is down.
	backstop = time.Hour
	// metaPrefix begins the keys that are no channels: sources.<name> says when a
	// source was last heard of.
	metaPrefix = "_meta.sources."
)

// Record is the value of an active alert's key in the bucket, which is its
// channel. Its JSON is the event's, and these.
type Record struct {
	alerts.Event
	Channel string `json:"channel"`
	// EventSeq is the sequence of the event.
	EventSeq uint64 `json:"eventSeq"`
	// LastSeen is when the sender last said that the alert is there.
	LastSeen time.Time `json:"lastSeen"`
	// StaleAt and ExpiresAt are when it is taken for stale and for expired if
	// nothing more is heard. Zero: never.
	StaleAt   time.Time `json:"staleAt,omitzero"`
	ExpiresAt time.Time `json:"expiresAt,omitzero"`
	// FiredAt is when the relay got the report that began the incident. By the
	// sender's clock, KeptAt is when it last said that it keeps the alert back, and
	// EndedAt when the incident before was over.
	FiredAt time.Time `json:"firedAt,omitzero"`
	KeptAt  time.Time `json:"keptAt,omitzero"`
	EndedAt time.Time `json:"endedAt,omitzero"`
	// Pinned: its labels may change, and it stays in this channel. By itself it
	// ends only if its source is known to repeat.
	Pinned bool `json:"pinned,omitempty"`
}

// lifetime is what a report says of how long an alert stays without another.
type lifetime struct {
	heard  bool      // the report says that the alert is there now
	direct bool      // it is of one of several replicas
	until  time.Time // when it ends by itself; zero: as the source repeats
	pinned bool      // it does not end by itself, unless the source has an interval

	reportedAt time.Time // of the report, by the sender's clock
	kept       bool      // it says that the alert is kept back, and not that it fires
	endedAt    time.Time // when the incident before was over, by the sender's clock

	receiver, groupKey string // of the group it was reported in; empty: as before

	as *Record // if set, it goes on as this record says, and none of the above counts

	// lastSeen is when the alert was last heard of, if it ends for want of news: the
	// record of one that was heard of since stays.
	lastSeen time.Time
}

func expiry(a *alerts.Alert) lifetime {
	return lifetime{
		heard:  a.Status == alerts.Firing || a.Status == alerts.Suppressed && a.Suppression.Kind != alerts.MissingFromGroup,
		direct: a.Direct, until: a.ExpiresAt, pinned: a.Changing,
		reportedAt: a.ReportedAt, kept: a.Status == alerts.Suppressed, receiver: a.Receiver, groupKey: a.GroupKey,
	}
}

// extend sets the times of a record after a report.
func (t *Tracker) extend(r *Record, l lifetime, now time.Time) {
	if !l.heard {
		return
	}
	now = now.UTC().Truncate(time.Millisecond)
	r.LastSeen = now
	r.Pinned = r.Pinned || l.pinned
	if l.kept {
		r.KeptAt = later(r.KeptAt, l.reportedAt)
	} else {
		r.ReportedAt = later(r.ReportedAt, l.reportedAt)
	}
	if l.groupKey != "" {
		r.Receiver, r.GroupKey = l.receiver, l.groupKey
	}
	s := t.source(r.Source)
	switch {
	case !l.until.IsZero():
		r.StaleAt, r.ExpiresAt = time.Time{}, l.until.UTC().Truncate(time.Millisecond)
	case (r.Pinned || r.Source == ownSource) && s.RepeatInterval == 0:
		r.StaleAt, r.ExpiresAt = time.Time{}, time.Time{}
	default:
		stale, expired := s.lifetimes()
		r.StaleAt, r.ExpiresAt = now.Add(stale), now.Add(expired)
	}
}

// ttl is how long the record may stay without a word from any relay.
func (r *Record) ttl(now time.Time) time.Duration {
	if r.ExpiresAt.IsZero() {
		return 0
	}
	return max(r.ExpiresAt.Sub(now), 0) + backstop
}

// keep brings the bucket up to date after a look at the channel's last event: seq
// and e. If it has ended, there is nothing to keep.
func (t *Tracker) keep(ctx context.Context, channel string, seq uint64, e *alerts.Event, l lifetime, now time.Time) error {
	known := t.record(channel)
	if !e.Status.Active() {
		if known.revision == 0 { // the relay that wrote it may be another, and just before
			r, revision, err := t.read(ctx, channel)
			if err != nil {
				return err
			}
			known.eventSeq, known.revision, known.lastSeen = r.EventSeq, revision, stampOf(r.LastSeen)
		}
		if known.heardAfter(l.lastSeen) {
			return nil
		}
		return t.forget(ctx, channel, seq, known, l.lastSeen)
	}
	r, revision := known.record(), known.revision
	for range maxTries {
		if ahead, err := t.isAhead(ctx, channel, r.EventSeq, seq); ahead || err != nil {
			return err
		}
		err := t.put(ctx, channel, seq, e, r, revision, l, now)
		if !errors.Is(err, relay.ErrConflict) {
			return err
		}
		if r, revision, err = t.read(ctx, channel); err != nil {
			return err
		}
	}
	return t.restless(channel)
}

// put writes a record over the one of this revision, of which r is what is known.
func (t *Tracker) put(ctx context.Context, channel string, seq uint64, e *alerts.Event, r *Record, revision uint64, l lifetime, now time.Time) error {
	if l.as != nil {
		as := *l.as
		r = &as
	}
	receiver, groupKey, saidAt := r.Receiver, r.GroupKey, r.ReportedAt
	r.Event, r.Channel, r.EventSeq = *e, channel, seq
	if groupKey != "" && l.groupKey == "" {
		r.Receiver, r.GroupKey = receiver, groupKey
	}
	if e.Kind != alerts.KindFiring {
		r.ReportedAt = later(r.ReportedAt, saidAt)
	}
	if !l.endedAt.IsZero() {
		r.EndedAt = l.endedAt
	}
	if l.as == nil {
		if e.Kind == alerts.KindFiring || r.FiredAt.IsZero() || e.StartsAt.After(r.FiredAt) {
			r.FiredAt = e.UpdatedAt
		}
		at := now
		if !l.heard && r.LastSeen.IsZero() { // the bucket has lost it: it was heard of at the latest then
			l.heard, at = true, e.UpdatedAt
		}
		t.extend(r, l, at)
	}
	for {
		data, err := r.encode()
		if err != nil {
			return err
		}
		written, err := t.bucket.Put(ctx, channel, data, revision, r.ttl(now))
		if errors.Is(err, relay.ErrTooLarge) && len(r.Annotations) > 0 {
			r.Annotations, r.AnnotationsCut = nil, true
			continue
		}
		if err != nil {
			return fmt.Errorf("track: bucket: channel %s: %w", channel, err)
		}
		t.noteRecord(channel, r, written)
		return nil
	}
}

// refresh brings the bucket up to date after a report that has changed nothing.
func (t *Tracker) refresh(ctx context.Context, channel string, s *state, l lifetime, now time.Time) error {
	known := t.record(channel)
	if !s.active() {
		return t.forget(ctx, channel, s.seq, known, time.Time{})
	}
	if known.revision > 0 && known.eventSeq == s.eventSeq && (!l.heard || known.says(l, now, t.settings.Load().quiet)) {
		return nil
	}
	return t.keep(ctx, channel, s.eventSeq, &s.event, l, now)
}

// refreshOnce is refresh for a state that was not looked up. It is done if the
// bucket takes it: whoever ends an alert takes it out of the bucket before saying
// so, and then this write is refused.
func (t *Tracker) refreshOnce(ctx context.Context, channel string, s *state, l lifetime, now time.Time) (done bool, err error) {
	known := t.record(channel)
	if known.revision == 0 || known.eventSeq != s.seq || known.says(l, now, t.settings.Load().quiet) {
		return false, nil
	}
	err = t.put(ctx, channel, s.seq, &s.event, known.record(), known.revision, l, now)
	if errors.Is(err, relay.ErrConflict) {
		return false, nil
	}
	return err == nil, err
}

// says reports whether a record was written just before that says the same as one
// written now would.
func (k *known) says(l lifetime, now time.Time, quiet time.Duration) bool {
	reported := k.saidAt
	if l.kept {
		reported = k.keptAt
	}
	same := k.groupKey == l.groupKey && k.receiver == l.receiver || l.groupKey == ""
	return same && stampOf(l.reportedAt) <= reported && now.Sub(k.lastSeen.time()).Abs() < quiet
}

// heardAfter reports whether there is a record that is of a later report than that at
// lastSeen, if that is set.
func (k *known) heardAfter(lastSeen time.Time) bool {
	return !lastSeen.IsZero() && k.revision > 0 && k.lastSeen > stampOf(lastSeen)
}

// read gives a channel's record as it is now; a zero one if there is none.
func (t *Tracker) read(ctx context.Context, channel string) (*Record, uint64, error) {
	v, err := t.bucket.Get(ctx, channel)
	if errors.Is(err, relay.ErrNoMessage) {
		return &Record{}, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("track: bucket: channel %s: %w", channel, err)
	}
	r := &Record{}
	if err := json.Unmarshal(v.Data, r); err != nil || r.Channel != channel {
		r = &Record{} // somebody else has written it: ours is right
	}
	return r, v.Revision, nil
}

// look is what the bucket says of a channel now, and not only what has come here.
func (t *Tracker) look(ctx context.Context, channel string) (known, error) {
	r, revision, err := t.read(ctx, channel)
	if err != nil {
		return known{}, err
	}
	if r.ID != "" {
		t.noteRecord(channel, r, revision)
	}
	return t.record(channel), nil
}

// forget takes an alert out of the bucket that the event of this sequence has
// ended. A record that is not known of yet is found by the sweep. If lastSeen is set,
// one that was heard of since stays.
func (t *Tracker) forget(ctx context.Context, channel string, seq uint64, known known, lastSeen time.Time) error {
	eventSeq, revision := known.eventSeq, known.revision
	for range maxTries {
		if revision == 0 {
			return nil
		}
		if ahead, err := t.isAhead(ctx, channel, eventSeq, seq); ahead || err != nil {
			return err
		}
		err := t.bucket.Delete(ctx, channel, revision)
		if err == nil {
			t.noteGone(channel, revision)
			return nil
		}
		if !errors.Is(err, relay.ErrConflict) {
			return fmt.Errorf("track: bucket: channel %s: %w", channel, err)
		}
		r, now, err := t.read(ctx, channel)
		if err != nil {
			return err
		}
		if !lastSeen.IsZero() && r.LastSeen.After(lastSeen) {
			t.noteRecord(channel, r, now)
			return nil
		}
		eventSeq, revision = r.EventSeq, now
	}
	return t.restless(channel)
}

// isAhead reports whether a record with this eventSeq is of an event after the one
// of seq: another relay was faster. If the log has no such event, the record is of
// a channel that was deleted, or of a stream that is no more.
func (t *Tracker) isAhead(ctx context.Context, channel string, eventSeq, seq uint64) (bool, error) {
	if eventSeq <= seq {
		return false, nil
	}
	m, _, err := t.events.Last(ctx, channel)
	if errors.Is(err, relay.ErrNoMessage) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("track: channel %s: %w", channel, err)
	}
	return m.Seq >= eventSeq, nil
}

func (t *Tracker) restless(channel string) error {
	return fmt.Errorf("track: channel %s: %w: it has changed %d times meanwhile", channel, relay.ErrUnavailable, maxTries)
}

// fromBucket is the state of a channel that the log has no event of: it may have
// been too old to be kept, and the alert fires still. If the channel was deleted,
// there is none.
func (t *Tracker) fromBucket(ctx context.Context, channel string) (state, error) {
	remembered := t.remembered(channel)
	if !remembered.active() && t.record(channel).revision == 0 {
		return state{}, nil
	}
	if err := t.events.Applied(ctx); err != nil {
		return state{}, err
	}
	r, revision, err := t.read(ctx, channel)
	if err != nil {
		return state{}, err
	}
	if revision == 0 { // the bucket has lost it too
		if remembered = t.remembered(channel); !remembered.active() {
			return state{}, nil
		}
		remembered.seq = 0
		return remembered, nil
	}
	if !r.Status.Active() || t.deleted(channel, r.EventSeq) {
		return state{}, nil
	}
	s := state{event: r.Event, eventSeq: r.EventSeq}
	s.lastSeen, s.firedAt = r.LastSeen, r.FiredAt
	s.saidAt, s.keptAt, s.endedAt = r.ReportedAt, r.KeptAt, r.EndedAt
	return s, nil
}

func (r *Record) encode() ([]byte, error) {
	if r.Labels == nil {
		r.Labels = map[string]string{}
	}
	if r.Annotations == nil {
		r.Annotations = map[string]string{}
	}
	data, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("track: record: %w", err)
	}
	return data, nil
}
