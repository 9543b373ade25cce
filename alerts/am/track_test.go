package am_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"alertrelay/alerts"
	"alertrelay/alerts/am"
	"alertrelay/alerts/track"
	"alertrelay/embedded"
	"alertrelay/relay"
	"alertrelay/relay/feed"
	"alertrelay/relay/store"
)

// rig is a relay as far as alerts go, on an embedded server.
type rig struct {
	t       *testing.T
	tracker *track.Tracker
	store   *store.Store
	log     feed.Log
	seen    uint64 // the last sequence that events has told
}

func startRig(t *testing.T) *rig {
	t.Helper()
	server, err := embedded.Start(t.Context(), embedded.Options{Dir: t.TempDir()})
	must(t, err)
	t.Cleanup(func() { must(t, server.Stop()) })
	nc, err := server.Connect(store.NATSOptions(nil)...)
	must(t, err)
	t.Cleanup(nc.Close)
	s, err := store.Open(t.Context(), nc, store.Options{})
	must(t, err)
	hub, err := relay.NewHub(relay.HubOptions{Archive: s.Archive, StoredAt: s.StoredAt})
	must(t, err)
	t.Cleanup(hub.Close)
	router, err := alerts.ParseRoutes("", nil)
	must(t, err)
	r := &rig{t: t, store: s, log: feed.Log{Store: s, Hub: hub}}
	r.tracker, err = track.New(track.Options{Events: r.log, Bucket: feed.NewBucket(s)}, track.Settings{Router: router})
	must(t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var wg sync.WaitGroup
	for _, run := range []func(context.Context) error{
		r.tracker.Run,
		func(ctx context.Context) error { return s.Run(ctx, feed.Sink{Hub: hub, Tracker: r.tracker}) },
	} {
		wg.Go(func() {
			if err := run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	eventually(t, "the tracker is ready", r.tracker.Ready)
	return r
}

// events are those since the last call, "alertname kind reason", once the tracker
// knows of them.
func (r *rig) events() []string {
	r.t.Helper()
	must(r.t, r.log.Applied(r.t.Context()))
	var told []string
	must(r.t, r.store.History(r.t.Context(), store.HistoryQuery{Channel: ">", After: r.seen}, func(m relay.Message) error {
		r.seen = m.Seq
		e, err := alerts.ParseEvent(m.Text)
		if err == nil {
			told = append(told, e.Labels["alertname"]+" "+string(e.Kind)+" "+e.Reason)
		}
		return err
	}))
	return told
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// holder is what of a Tracker a Reconciler needs.
type holder struct{ tracker *track.Tracker }

func (h holder) Known(source string) ([]am.Held, error) {
	list, _, err := h.tracker.List(track.Query{Ended: true, Channel: func(channel string) bool {
		return strings.Contains(channel, "."+source+"-") // the last token is the alert's id
	}})
	if err != nil {
		return nil, err
	}
	held := make([]am.Held, 0, len(list))
	for _, c := range list {
		held = append(held, am.Held{Event: c.Event, LastSeen: c.LastSeen, StaleAt: c.StaleAt})
	}
	return held, nil
}

// What a Tracker makes of what a Reconciler reports.
func TestTracker(t *testing.T) {
	t.Parallel()
	local := startRig(t)
	h := holder{local.tracker}
	s := startAlertmanager(t, plainConfig)
	c := newClient(t, am.Options{URLs: []string{s.url}})
	r, err := am.NewReconciler(am.ReconcilerOptions{Source: "am", Client: c, Holder: h, Recorder: local.tracker, MinUptime: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	silencer := am.Silencer{Client: c, Holder: h, Source: "am"}
	expect := func(looks int, want ...string) {
		t.Helper()
		for range looks {
			if err := r.Look(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Millisecond) // events have whole milliseconds
		}
		if got := local.events(); !slices.Equal(got, want) {
			t.Errorf("got events %q, want %q", got, want)
		}
	}
	silence := func(name string) string {
		t.Helper()
		id, err := silencer.Create(t.Context(), am.Silence{
			Matchers: []am.Matcher{{Name: "alertname", Value: name, IsEqual: true}}, EndsAt: time.Now().Add(time.Hour), CreatedBy: "ada", Comment: "x",
		})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}

	// Adopted, and suppressed at once.
	first := silence("DiskFull")
	s.add(t, time.Time{}, "DiskFull", "team=db")
	s.has(t, "DiskFull")
	expect(1)
	expect(1, "DiskFull firing reconciled", "DiskFull suppressed ")
	expect(2)
	// Silenced no longer, and then again.
	if err := silencer.Expire(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	expect(2, "DiskFull unsuppressed reconciled")
	silence("DiskFull")
	expect(2, "DiskFull suppressed ")
	// The resolve of which no webhook tells.
	s.add(t, time.Now(), "DiskFull", "team=db")
	s.has(t)
	expect(1)
	expect(3, "DiskFull resolved reconciled")
	// A webhook's alert goes the same way.
	a := firing(map[string]string{"alertname": "Latency"})
	if _, err := local.tracker.Record(t.Context(), alerts.Batch{Source: "am", Alerts: []alerts.Alert{a}}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * time.Millisecond)
	expect(1, "Latency firing ")
	expect(2, "Latency resolved reconciled")
}
