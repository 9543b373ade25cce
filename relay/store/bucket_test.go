package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"alertrelay/relay"
)

func (r *rig) bucket(s *Store, o BucketOptions) *Bucket {
	r.t.Helper()
	if o.Name == "" {
		o.Name = "alerts_now"
	}
	b, err := s.OpenBucket(r.t.Context(), o)
	if err != nil {
		r.t.Fatal(err)
	}
	return b
}

func put(t testing.TB, b *Bucket, key, value string, expect uint64, ttl time.Duration) uint64 {
	t.Helper()
	revision, err := b.Put(t.Context(), key, []byte(value), expect, ttl)
	if err != nil {
		t.Fatalf("put %s: %v", key, err)
	}
	return revision
}

// watched writes down what a Watch tells.
type watched struct {
	mu      sync.Mutex // guards what follows
	lines   []string   // "key=value", "-key", "caught up", "reset"
	last    uint64
	errs    []error
	changed chan struct{}
}

func (w *watched) note(line string) {
	w.lines = append(w.lines, line)
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

func (w *watched) Entry(e BucketEntry) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e.Revision <= w.last {
		w.errs = append(w.errs, fmt.Errorf("revision %d comes after %d", e.Revision, w.last))
	}
	if w.last = e.Revision; e.Time.IsZero() {
		w.errs = append(w.errs, errors.New("an entry has no time"))
	}
	if e.Deleted {
		w.note("-" + e.Key)
		return
	}
	w.note(e.Key + "=" + string(e.Value))
}

func (w *watched) CaughtUp() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.note("caught up")
}

func (w *watched) Reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = 0
	w.note("reset")
}

// until waits for a line that comes last, and returns all since the last until.
func (w *watched) until(t testing.TB, last string) []string {
	t.Helper()
	timeout := time.After(patience)
	for {
		w.mu.Lock()
		for i, line := range w.lines {
			if line == last {
				lines := w.lines[:i+1]
				w.lines = w.lines[i+1:]
				err := errors.Join(w.errs...)
				w.mu.Unlock()
				if err != nil {
					t.Fatal(err)
				}
				return lines
			}
		}
		lines := w.lines
		w.mu.Unlock()
		select {
		case <-w.changed:
		case <-timeout:
			t.Fatalf("timeout: %q never came; got %q", last, lines)
		}
	}
}

func (w *watched) want(t testing.TB, last string, want ...string) {
	t.Helper()
	got := w.until(t, last)
	if g, w := strings.Join(got, " "), strings.Join(append(want, last), " "); g != w {
		t.Errorf("got %s, want %s", g, w)
	}
}

// watchBucket watches and returns a function that ends it.
func watchBucket(t testing.TB, b *Bucket) (w *watched, stop func()) {
	t.Helper()
	w = &watched{changed: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Watch(ctx, w) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Error("Watch:", err)
			}
		case <-time.After(patience):
			t.Error("Watch does not end")
		}
	})
	t.Cleanup(stop)
	return w, stop
}

func TestBucket(t *testing.T) {
	rig := newRig(t)
	b := rig.bucket(rig.open(Options{}), BucketOptions{})
	ctx := t.Context()
	if e, err := b.Get(ctx, "db.a"); !errors.Is(err, relay.ErrNoMessage) || e.Revision != 0 {
		t.Errorf("of a key that never was: got %+v, %v", e, err)
	}
	one := put(t, b, "db.a", "one", 0, 0)
	_, err := b.Put(ctx, "db.a", []byte("other"), 0, 0)
	wantError(t, err, relay.ErrConflict)
	_, err = b.Put(ctx, "db.a", []byte("other"), one+1, 0)
	wantError(t, err, relay.ErrConflict)
	two := put(t, b, "db.a", "two", one, 0)
	if e, err := b.Get(ctx, "db.a"); err != nil || e.Key != "db.a" || string(e.Value) != "two" || e.Revision != two || e.Deleted || time.Since(e.Time) > time.Minute {
		t.Errorf("got %+v, %v", e, err)
	}

	wantError(t, b.Delete(ctx, "db.a", one), relay.ErrConflict)
	wantError(t, b.Delete(ctx, "db.a", 0), relay.ErrConflict)
	if err := b.Delete(ctx, "db.a", two); err != nil {
		t.Fatal(err)
	}
	e, err := b.Get(ctx, "db.a")
	if !errors.Is(err, relay.ErrNoMessage) || !e.Deleted || e.Revision <= two {
		t.Errorf("of a deleted key: got %+v, %v", e, err)
	}
	_, err = b.Put(ctx, "db.a", []byte("other"), two, 0)
	wantError(t, err, relay.ErrConflict)
	three := put(t, b, "db.a", "three", 0, 0) // over the marker
	if err := b.Delete(ctx, "db.a", three); err != nil {
		t.Fatal(err)
	}
	e, _ = b.Get(ctx, "db.a")
	put(t, b, "db.a", "four", e.Revision, 0)

	_, err = b.Put(ctx, "big", make([]byte, 9<<20), 0, 0)
	wantError(t, err, relay.ErrTooLarge)
	for _, key := range []string{"", ".", "a.", ".a", "a..b", "a b", "a*", ">", "a.>", "ä", "a%20", strings.Repeat("x", 5000)} {
		if _, err := b.Put(ctx, key, nil, 0, 0); err == nil {
			t.Errorf("put of key %.20q: no error", key)
		}
		if _, err := b.Get(ctx, key); err == nil || errors.Is(err, relay.ErrNoMessage) {
			t.Errorf("get of key %.20q: got %v", key, err)
		}
	}
}

func TestBucketSettings(t *testing.T) {
	rig := newRig(t)
	s := rig.open(Options{})
	rig.bucket(s, BucketOptions{Name: "mine", MaxBytes: 1 << 20, MarkerTTL: time.Minute})
	js := rig.client()
	// What nats.go makes and what we make are the same.
	if _, err := js.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: "theirs", MaxBytes: 1 << 20, LimitMarkerTTL: time.Minute}); err != nil {
		t.Fatal(err)
	}
	config := func(name string) string {
		stream, err := js.Stream(t.Context(), "KV_"+name)
		if err != nil {
			t.Fatal(err)
		}
		cfg := stream.CachedInfo().Config
		cfg.Name, cfg.Subjects = "", nil
		return fmt.Sprintf("%+v", cfg)
	}
	if mine, theirs := config("mine"), config("theirs"); mine != theirs {
		t.Errorf("got\n%s, want\n%s", mine, theirs)
	}
	// One that is there is brought up to date, and keeps what is in it.
	kv, err := js.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: "old", History: 5, Description: "kept", TTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := kv.PutString(t.Context(), "a", "x"); err != nil {
			t.Fatal(err)
		}
	}
	b := rig.bucket(s, BucketOptions{Name: "old"})
	status, err := kv.Status(t.Context())
	if err != nil || status.History() != 1 || status.TTL() != 0 || status.LimitMarkerTTL() != 10*time.Minute || status.Values() != 1 {
		t.Errorf("got %+v, %v", status, err)
	}
	if e, err := b.Get(t.Context(), "a"); err != nil || string(e.Value) != "x" {
		t.Errorf("got %+v, %v", e, err)
	}
	if _, err := js.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: "memory", Storage: jetstream.MemoryStorage}); err != nil {
		t.Fatal(err)
	}
	for _, o := range []BucketOptions{{Name: "memory"}, {Name: ""}, {Name: "a.b"}, {Name: "x", MaxBytes: -1}, {Name: "x", MarkerTTL: time.Millisecond}} {
		if _, err := s.OpenBucket(t.Context(), o); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
}

// A full bucket refuses new keys, and takes new values of those it has.
func TestBucketFull(t *testing.T) {
	rig := newRig(t)
	b := rig.bucket(rig.open(Options{}), BucketOptions{MaxBytes: 64 << 10})
	value := strings.Repeat("x", 1000)
	revision := put(t, b, "first", value, 0, 0)
	var err error
	for i := 0; i < 100 && err == nil; i++ {
		_, err = b.Put(t.Context(), strconv.Itoa(i), []byte(value), 0, 0)
	}
	wantError(t, err, relay.ErrUnavailable)
	put(t, b, "first", value, revision, 0)
}

// Of several writers each knows whether it was the one.
func TestBucketRace(t *testing.T) {
	rig := newRig(t)
	const writers, each = 4, 250
	rig.bucket(rig.open(Options{}), BucketOptions{})
	var wg sync.WaitGroup
	for range writers {
		b := rig.bucket(rig.open(Options{}), BucketOptions{})
		wg.Go(func() {
			for range each {
				if err := increment(t.Context(), b, "n"); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b := rig.bucket(rig.open(Options{}), BucketOptions{})
	if e, err := b.Get(t.Context(), "n"); err != nil || string(e.Value) != strconv.Itoa(writers*each) {
		t.Errorf("got %s, %v, want %d", e.Value, err, writers*each)
	}
}

func increment(ctx context.Context, b *Bucket, key string) error {
	for {
		n, revision := 0, uint64(0)
		e, err := b.Get(ctx, key)
		switch {
		case err == nil:
			if n, err = strconv.Atoi(string(e.Value)); err != nil {
				return err
			}
			revision = e.Revision
		case !errors.Is(err, relay.ErrNoMessage):
			return err
		}
		_, err = b.Put(ctx, key, []byte(strconv.Itoa(n+1)), revision, 0)
		if !errors.Is(err, relay.ErrConflict) {
			return err
		}
	}
}

// A client of NATS reads what we wrote, and we what it wrote.
func TestBucketIsOneOfNATS(t *testing.T) {
	rig := newRig(t)
	b := rig.bucket(rig.open(Options{}), BucketOptions{})
	w, _ := watchBucket(t, b)
	ctx := t.Context()
	kv, err := rig.client().KeyValue(ctx, "alerts_now")
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := kv.WatchAll(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = theirs.Stop() }()
	want := func(want, ours string) {
		t.Helper()
		w.want(t, ours)
		select {
		case e := <-theirs.Updates():
			got := "nothing more"
			if e != nil {
				got = fmt.Sprintf("%v %s=%s", e.Operation(), e.Key(), e.Value())
			}
			if got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		case <-time.After(patience):
			t.Fatal("timeout: ", want)
		}
	}
	want("nothing more", "caught up")
	one := put(t, b, "db.a", "one", 0, 0)
	want("KeyValuePutOp db.a=one", "db.a=one")
	if e, err := kv.Get(ctx, "db.a"); err != nil || string(e.Value()) != "one" || e.Revision() != one {
		t.Errorf("got %v, %v", e, err)
	}
	if err := b.Delete(ctx, "db.a", one); err != nil {
		t.Fatal(err)
	}
	want("KeyValuePurgeOp db.a=", "-db.a")
	if _, err := kv.Get(ctx, "db.a"); !errors.Is(err, jetstream.ErrKeyNotFound) {
		t.Errorf("got %v", err)
	}
	if _, err := kv.Create(ctx, "db.a", []byte("two")); err != nil {
		t.Fatal(err)
	}
	want("KeyValuePutOp db.a=two", "db.a=two")
	if err := kv.Delete(ctx, "db.a"); err != nil {
		t.Fatal(err)
	}
	want("KeyValueDeleteOp db.a=", "-db.a")
	put(t, b, "db.a", "three", 0, 0)
	want("KeyValuePutOp db.a=three", "db.a=three")
	if err := kv.Purge(ctx, "db.a"); err != nil {
		t.Fatal(err)
	}
	want("KeyValuePurgeOp db.a=", "-db.a")
}

// What has expired is told, and can be written again; a write puts the end off.
func TestBucketExpiry(t *testing.T) {
	rig := newRig(t)
	b := rig.bucket(rig.open(Options{}), BucketOptions{MarkerTTL: 2 * time.Second})
	w, _ := watchBucket(t, b)
	w.want(t, "caught up")
	begin := time.Now()
	put(t, b, "short", "x", 0, 2*time.Second)
	kept := put(t, b, "kept", "x", 0, 2*time.Second)
	w.want(t, "kept=x", "short=x")
	kept = put(t, b, "kept", "y", kept, time.Hour)
	deleted := put(t, b, "deleted", "x", 0, time.Hour)
	w.want(t, "deleted=x", "kept=y")
	if err := b.Delete(t.Context(), "deleted", deleted); err != nil {
		t.Fatal(err)
	}
	w.want(t, "-short", "-deleted")
	if took := time.Since(begin); took < 1900*time.Millisecond || took > 6*time.Second {
		t.Errorf("it expired after %v, want 2s", took)
	}
	e, err := b.Get(t.Context(), "short")
	if !errors.Is(err, relay.ErrNoMessage) || !e.Deleted || e.Revision == 0 {
		t.Errorf("of an expired key: got %+v, %v", e, err)
	}
	put(t, b, "short", "again", 0, 1500*time.Millisecond)
	// The markers go without a trace, and without being marked themselves.
	w.want(t, "-short", "short=again")
	eventually(t, "the markers expire", func() bool {
		st, err := b.state(t.Context())
		return err == nil && st.msgs == 1
	})
	put(t, b, "short", "once more", 0, 0)
	w.want(t, "short=once more")
	if e, err := b.Get(t.Context(), "kept"); err != nil || e.Revision != kept {
		t.Errorf("got %+v, %v", e, err)
	}
}

func TestWatchOverRestart(t *testing.T) {
	rig := newRig(t)
	b := rig.bucket(rig.open(Options{}), BucketOptions{})
	a := put(t, b, "a", "1", 0, 0)
	put(t, b, "b", "1", 0, 0)
	put(t, b, "c", "1", 0, 0)
	w, stop := watchBucket(t, b)
	w.want(t, "caught up", "a=1", "b=1", "c=1")
	rig.stop()
	_, err := b.Put(t.Context(), "a", []byte("away"), a, 0)
	wantError(t, err, relay.ErrUnavailable)
	rig.start()
	// Another writes before we are back.
	other := rig.bucket(rig.open(Options{}), BucketOptions{})
	a = put(t, other, "a", "2", a, 0)
	c, err := other.Get(t.Context(), "c")
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Delete(t.Context(), "c", c.Revision); err != nil {
		t.Fatal(err)
	}
	put(t, other, "d", "1", 0, 0)
	w.want(t, "d=1", "a=2", "-c")
	eventually(t, "we are back too", func() bool {
		_, err = b.Put(t.Context(), "a", []byte("3"), a, 0)
		return err == nil
	})
	w.want(t, "a=3")
	stop()
	w, _ = watchBucket(t, other)
	w.want(t, "caught up", "b=1", "-c", "d=1", "a=3")
}

func TestWatchBeginsAnew(t *testing.T) {
	const name = "KV_alerts_now"
	for what, change := range map[string]func(*testing.T, *rig, *Store, *Bucket){
		"deleted and made by another": func(t *testing.T, rig *rig, s *Store, b *Bucket) {
			js := rig.client()
			if err := js.DeleteStream(t.Context(), name); err != nil {
				t.Fatal(err)
			}
			rig.bucket(s, BucketOptions{})
			for i := range 5 { // past the revisions there were
				put(t, b, "other"+strconv.Itoa(i), "x", 0, 0)
			}
		},
		"emptied": func(t *testing.T, rig *rig, _ *Store, b *Bucket) {
			stream, err := rig.client().Stream(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			if err := stream.Purge(t.Context()); err != nil {
				t.Fatal(err)
			}
		},
		"wiped by a rollup": func(t *testing.T, rig *rig, _ *Store, b *Bucket) {
			_, err := rig.client().PublishMsg(t.Context(), &nats.Msg{Subject: b.prefix + "other", Header: nats.Header{headerRollup: {"all"}}})
			if err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(what, func(t *testing.T) {
			rig := newRig(t)
			s := rig.open(Options{})
			b := rig.bucket(s, BucketOptions{})
			put(t, b, "a", "1", 0, 0)
			put(t, b, "b", "1", 0, 0)
			w, _ := watchBucket(t, b)
			w.want(t, "caught up", "a=1", "b=1")
			change(t, rig, s, b)
			w.until(t, "reset")
			for _, line := range w.until(t, "caught up") {
				if strings.HasPrefix(line, "a=") || strings.HasPrefix(line, "b=") {
					t.Errorf("got %s", line)
				}
			}
			put(t, b, "end", "x", 0, 0)
			w.until(t, "end=x")
		})
	}
	t.Run("deleted", func(t *testing.T) {
		rig := newRig(t)
		b := rig.bucket(rig.open(Options{}), BucketOptions{})
		put(t, b, "a", "1", 0, 0)
		w, _ := watchBucket(t, b)
		w.want(t, "caught up", "a=1")
		if err := rig.client().DeleteStream(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		w.want(t, "caught up", "reset")
		put(t, b, "a", "2", 0, 0)
		w.want(t, "a=2")
	})
}

// Markers that came and went while the watch was away are not missed.
func TestWatchIsAwayForLong(t *testing.T) {
	rig := newRig(t)
	b := rig.bucket(rig.open(Options{}), BucketOptions{MarkerTTL: time.Second})
	a := put(t, b, "a", "1", 0, 0)
	put(t, b, "b", "1", 0, 0)
	w, _ := watchBucket(t, b)
	w.want(t, "caught up", "a=1", "b=1")
	rig.stop()
	time.Sleep(time.Second)
	rig.start()
	other := rig.bucket(rig.open(Options{}), BucketOptions{MarkerTTL: time.Second})
	if err := other.Delete(t.Context(), "a", a); err != nil {
		t.Fatal(err)
	}
	w.until(t, "reset")
	w.until(t, "caught up")
}

// A watch is not stopped, and its keys are not mixed up, by what others write.
func TestWatchForgedHeaders(t *testing.T) {
	rig := newRig(t)
	b := rig.bucket(rig.open(Options{}), BucketOptions{})
	w, _ := watchBucket(t, b)
	w.want(t, "caught up")
	for i, h := range forgeries {
		key := "forged" + strconv.Itoa(i)
		rig.rawPublish(b.prefix+key, h)
		put(t, b, "after"+strconv.Itoa(i), "x", 0, 0)
		w.want(t, "after"+strconv.Itoa(i)+"=x", key+"=")
		if e, err := b.Get(t.Context(), key); err != nil || e.Key != key {
			t.Errorf("got %+v, %v", e, err)
		}
	}
	rig.rawPublish(b.prefix+"not%a.key", "NATS/1.0\r\n\r\n")
	put(t, b, "end", "x", 0, 0)
	w.want(t, "end=x")
}

func BenchmarkPut(b *testing.B) {
	rig := newRig(b)
	bucket := rig.bucket(rig.open(Options{}), BucketOptions{})
	value := make([]byte, 800)
	var mu sync.Mutex
	n := 0
	b.SetParallelism(32) // times the processors
	b.RunParallel(func(pb *testing.PB) {
		mu.Lock()
		n++
		key := "db.critical.DiskFull.am-" + strconv.Itoa(n)
		mu.Unlock()
		var revision uint64
		for pb.Next() {
			var err error
			if revision, err = bucket.Put(b.Context(), key, value, revision, time.Hour); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
