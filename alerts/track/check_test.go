package track_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"alertrelay/alerts"
	"alertrelay/alerts/alertstest"
	"alertrelay/alerts/track"
	"alertrelay/embedded"
	"alertrelay/relay"
	"alertrelay/relay/feed"
	"alertrelay/relay/store"
)

// faults are what goes wrong between a tracker and the store.
type faults struct {
	loseAcks atomic.Int64 // so many publishes are stored, and seem to have failed
	putsFail atomic.Int64 // so many writes to the bucket fail before anything is written
	deaf     atomic.Bool  // what the bucket says is not heard
	ttl      func(time.Duration) time.Duration
}

// into has the faults happen to what a test sets up.
func (f *faults) into(o alertstest.Options) alertstest.Options {
	o.Events = func(l track.EventLog) track.EventLog { return faultyLog{l, f} }
	o.Bucket = func(b track.Bucket) track.Bucket { return faultyBucket{b, f} }
	return o
}

var errFault = fmt.Errorf("a fault of the test: %w", relay.ErrUnavailable)

// takes reports whether there is one more of n.
func takes(n *atomic.Int64) bool {
	for {
		have := n.Load()
		if have <= 0 {
			return false
		}
		if n.CompareAndSwap(have, have-1) {
			return true
		}
	}
}

type faultyLog struct {
	track.EventLog
	*faults
}

func (l faultyLog) Publish(ctx context.Context, p relay.Publication) (relay.Receipt, error) {
	r, err := l.EventLog.Publish(ctx, p)
	if err == nil && (takes(&l.loseAcks) || takes(&of(ctx).loseAcks)) {
		return relay.Receipt{}, errFault
	}
	return r, err
}

// of are the faults of one call.
func of(ctx context.Context) *faults {
	if f, ok := ctx.Value(faultsKey{}).(*faults); ok {
		return f
	}
	return &faults{}
}

type faultsKey struct{}

// with has the faults happen to one call, if its relay has faults.
func (f *faults) with(ctx context.Context) context.Context {
	return context.WithValue(ctx, faultsKey{}, f)
}

type faultyBucket struct {
	track.Bucket
	*faults
}

func (b faultyBucket) Put(ctx context.Context, key string, data []byte, expect uint64, ttl time.Duration) (uint64, error) {
	if isAlert(key) && (takes(&b.putsFail) || takes(&of(ctx).putsFail)) {
		return 0, errFault
	}
	if b.ttl != nil && isAlert(key) {
		ttl = b.ttl(ttl)
	}
	return b.Bucket.Put(ctx, key, data, expect, ttl)
}

func (b faultyBucket) Delete(ctx context.Context, key string, expect uint64) error {
	if isAlert(key) && (takes(&b.putsFail) || takes(&of(ctx).putsFail)) {
		return errFault
	}
	return b.Bucket.Delete(ctx, key, expect)
}

func (b faultyBucket) Watch(ctx context.Context, to track.Watcher) error {
	return b.Bucket.Watch(ctx, faultyWatcher{to, b.faults})
}

type faultyWatcher struct {
	track.Watcher
	*faults
}

func (w faultyWatcher) Value(v track.Value) {
	if !w.deaf.Load() {
		w.Watcher.Value(v)
	}
}

func isAlert(key string) bool { return !strings.HasPrefix(key, "_meta.sources.") }

// client is a connection of somebody with the nats command.
func client(t testing.TB, server *embedded.Server) jetstream.JetStream {
	t.Helper()
	nc, err := server.Connect(store.NATSOptions(nil)...)
	must(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	must(t, err)
	return js
}

// records are what the bucket has of alerts, by channel.
func records(t testing.TB, js jetstream.JetStream) map[string]track.Record {
	t.Helper()
	kv, err := js.KeyValue(t.Context(), feed.BucketName)
	must(t, err)
	all := make(map[string]track.Record)
	keys, err := kv.Keys(t.Context())
	if errors.Is(err, jetstream.ErrNoKeysFound) {
		return all
	}
	must(t, err)
	for _, key := range keys {
		if !isAlert(key) {
			continue
		}
		e, err := kv.Get(t.Context(), key)
		must(t, err)
		var r track.Record
		must(t, json.Unmarshal(e.Value(), &r))
		all[key] = r
	}
	return all
}

// fold is the last event of each channel where an alert is active, of the history
// up to a sequence.
func fold(t testing.TB, r *rig, upTo uint64) map[string]relay.Message {
	t.Helper()
	msgs, err := r.Stream.Archive(t.Context(), relay.ArchiveQuery{Channel: ">", Before: upTo + 1})
	must(t, err)
	last := make(map[string]relay.Message)
	for _, m := range msgs {
		e, err := alerts.ParseEvent(m.Text)
		if err != nil {
			continue // somebody else's
		}
		if e.Status.Active() {
			last[m.Channel] = m
		} else {
			delete(last, m.Channel)
		}
	}
	return last
}

// agree checks what must be so when everything has come to rest: relays, bucket
// and log say the same.
func agree(t testing.TB, js jetstream.JetStream, rigs ...*rig) {
	t.Helper()
	settle(t, rigs...)
	inBucket := records(t, js)
	for i, r := range rigs {
		entries, head, ok := r.Snapshot(func(string) bool { return true })
		if !ok {
			t.Fatal("not ready")
		}
		want := fold(t, r, head.Seq)
		if got := len(entries); got != len(want) {
			t.Errorf("relay %d: snapshot has %d alerts, the history has %d", i, got, len(want))
		}
		for _, e := range entries {
			m := e.Message()
			if w := want[m.Channel]; w.Seq != m.Seq || string(w.Text) != string(m.Text) {
				t.Errorf("relay %d: %s: snapshot has event %d, the history %d", i, m.Channel, m.Seq, w.Seq)
			}
		}
		if !slices.IsSortedFunc(entries, func(a, b *relay.Entry) int { return int(a.Message().Seq) - int(b.Message().Seq) }) {
			t.Errorf("relay %d: the snapshot is not in order", i)
		}
		list, _, err := r.List(track.Query{})
		must(t, err)
		channels := 0
		for _, c := range list {
			channels += len(c.Channels)
			for _, channel := range c.Channels {
				if _, ok := want[channel]; !ok {
					t.Errorf("relay %d: lists %s in %s, where it is not active", i, c.ID, channel)
				}
			}
		}
		if channels != len(want) {
			t.Errorf("relay %d: lists %d channels, the history has %d", i, channels, len(want))
		}
		if len(inBucket) != len(want) {
			t.Errorf("the bucket has %d alerts, the history %d", len(inBucket), len(want))
		}
		for channel, m := range want {
			r, ok := inBucket[channel]
			e, _ := alerts.ParseEvent(m.Text)
			if !ok || r.EventSeq != m.Seq || r.Status != e.Status || r.Kind != e.Kind || r.Channel != channel {
				t.Errorf("%s: the bucket has %s %s of event %d (%t), the log %s %s of %d", channel, r.Kind, r.Status, r.EventSeq, ok, e.Kind, e.Status, m.Seq)
			}
		}
	}
}

// repaired is agree after the time in which the relays mend the bucket.
func repaired(t testing.TB, c *clock, js jetstream.JetStream, rigs ...*rig) {
	t.Helper()
	settle(t, rigs...)
	c.add(6 * time.Second)
	agree(t, js, rigs...)
}

// refused reports alerts, which must fail.
func (r *rig) refused(reports ...alerts.Alert) {
	r.t.Helper()
	if result, err := r.Record(r.t.Context(), alerts.Batch{Source: "am", Alerts: reports}); err == nil {
		r.t.Fatalf("got %+v, want an error", result)
	}
}

func channelOf(a alerts.Alert) string {
	return "db.critical." + a.Labels["alertname"] + "." + a.ID()
}
