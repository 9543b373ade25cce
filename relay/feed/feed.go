// Package feed joins the store, the hub and the tracker of alerts, which do not
// know each other: the stream goes to the tracker and then to the hub, and the
// tracker writes to the store.
package feed

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"alertrelay/alerts/track"
	"alertrelay/relay"
	"alertrelay/relay/store"
)

// BucketName is the name of the bucket with what is firing now, for people with
// the nats command too.
const BucketName = "alerts_now"

// Sink takes the stream (store.Sink). The tracker gets each message before the
// hub does: whoever was told of a message by the hub finds it in a snapshot.
type Sink struct {
	*relay.Hub
	Tracker *track.Tracker
}

// Load implements store.Sink.
func (s Sink) Load(m relay.Message) {
	s.Tracker.Load(m)
	s.Hub.Load(m)
}

// Append implements store.Sink.
func (s Sink) Append(m relay.Message) {
	s.Tracker.Append(m)
	s.Hub.Append(m)
}

// Delete implements store.Sink.
func (s Sink) Delete(d relay.Deletion) {
	s.Tracker.Delete(d)
	s.Hub.Delete(d)
}

// Reset implements store.Sink.
func (s Sink) Reset() {
	s.Tracker.Reset()
	s.Hub.Reset()
}

// Log is the stream as the tracker's event log.
type Log struct {
	*store.Store
	Hub *relay.Hub
}

// Applied implements track.EventLog.
func (l Log) Applied(ctx context.Context) error {
	seq, _, err := l.Head(ctx)
	if err != nil {
		return err
	}
	return l.WaitApplied(ctx, seq)
}

// WaitApplied implements track.EventLog.
func (l Log) WaitApplied(ctx context.Context, seq uint64) error {
	if err := l.Hub.WaitApplied(ctx, seq); err != nil {
		return fmt.Errorf("feed: %w: %w", relay.ErrUnavailable, err)
	}
	return nil
}

// Bucket is the bucket with what is firing as the tracker's. It is opened when it
// is watched: until then the store may not be there.
type Bucket struct {
	store  *store.Store
	opened atomic.Pointer[store.Bucket]
}

// NewBucket makes a Bucket that Watch opens.
func NewBucket(s *store.Store) *Bucket { return &Bucket{store: s} }

// Put implements track.Bucket.
func (b *Bucket) Put(ctx context.Context, key string, data []byte, expect uint64, ttl time.Duration) (uint64, error) {
	opened := b.opened.Load()
	if opened == nil {
		return 0, errNotOpen
	}
	return opened.Put(ctx, key, data, expect, ttl)
}

// Delete implements track.Bucket.
func (b *Bucket) Delete(ctx context.Context, key string, expect uint64) error {
	opened := b.opened.Load()
	if opened == nil {
		return errNotOpen
	}
	return opened.Delete(ctx, key, expect)
}

// Get implements track.Bucket.
func (b *Bucket) Get(ctx context.Context, key string) (track.Value, error) {
	opened := b.opened.Load()
	if opened == nil {
		return track.Value{}, errNotOpen
	}
	e, err := opened.Get(ctx, key)
	if err != nil {
		return track.Value{}, err
	}
	return value(e), nil
}

// Watch implements track.Bucket.
func (b *Bucket) Watch(ctx context.Context, to track.Watcher) error {
	opened, err := b.store.OpenBucket(ctx, store.BucketOptions{
		Name: BucketName, Description: "What is firing now: one key for each active alert, and for each source",
	})
	if err != nil {
		if ctx.Err() != nil {
			return nil //nolint:nilerr // stopped while it waited
		}
		return err
	}
	b.opened.Store(opened)
	return opened.Watch(ctx, watcher{to})
}

var errNotOpen = fmt.Errorf("feed: %w: the bucket is not open yet", relay.ErrUnavailable)

// watcher is a tracker's Watcher as the store's.
type watcher struct{ track.Watcher }

func (w watcher) Entry(e store.BucketEntry) { w.Value(value(e)) }

func value(e store.BucketEntry) track.Value {
	v := track.Value{Key: e.Key, Data: e.Value, Revision: e.Revision}
	if e.Deleted {
		v.Data = nil
	}
	return v
}

// Snapshots are those of the tracker, for the hub.
type Snapshots struct{ Tracker *track.Tracker }

// Snapshot implements relay.Snapshots.
func (s Snapshots) Snapshot(reqs []relay.Request) (entries []*relay.Entry, head relay.Head, err error) {
	entries, at, ok := s.Tracker.Snapshot(func(channel string) bool {
		return slices.ContainsFunc(reqs, func(r relay.Request) bool { return r.Covers(channel) })
	})
	if !ok {
		return nil, relay.Head{}, relay.ErrNotReady
	}
	return entries, relay.Head(at), nil
}
