package track_test

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"

	"alertrelay/alerts"
	"alertrelay/alerts/track"
	"alertrelay/embedded"
	"alertrelay/relay"
	"alertrelay/relay/feed"
	"alertrelay/relay/store"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// The server ends these a moment after WaitForShutdown.
		goleak.IgnoreTopFunction("github.com/nats-io/nats-server/v2/server.(*fileStore).expireMsgs"))
}

// rig is a relay as far as alerts go, on a server that others may use too.
type rig struct {
	*track.Tracker
	t     testing.TB
	store *store.Store
	hub   *relay.Hub
	stop  func()
}

// setup is what a test wants to be different.
type setup struct {
	settings track.Settings
	now      func() time.Time
	events   func(track.EventLog) track.EventLog
	bucket   func(track.Bucket) track.Bucket
	metrics  *track.Metrics
	warm     int64 // how much of the stream is read at the start; 0 means all
}

func startServer(t testing.TB) *embedded.Server {
	t.Helper()
	server, err := embedded.Start(t.Context(), embedded.Options{Dir: t.TempDir()})
	must(t, err)
	t.Cleanup(func() { must(t, server.Stop()) })
	return server
}

// start runs a tracker and waits until it knows what is firing.
func start(t testing.TB, server *embedded.Server, o setup) *rig {
	t.Helper()
	nc, err := server.Connect(store.NATSOptions(nil)...)
	must(t, err)
	// Enough that no test loses events to the limit of a channel.
	s, err := store.Open(t.Context(), nc, store.Options{MaxMsgsPerChannel: 1000, WarmBytes: o.warm})
	must(t, err)
	hub, err := relay.NewHub(relay.HubOptions{Archive: s.Archive, StoredAt: s.StoredAt})
	must(t, err)
	if o.settings.Router == nil {
		o.settings.Router = router(t)
	}
	var events track.EventLog = feed.Log{Store: s, Hub: hub}
	var bucket track.Bucket = feed.NewBucket(s)
	if o.events != nil {
		events = o.events(events)
	}
	if o.bucket != nil {
		bucket = o.bucket(bucket)
	}
	tr, err := track.New(track.Options{Events: events, Bucket: bucket, Now: o.now, Metrics: o.metrics}, o.settings)
	must(t, err)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 2)
	go func() { ended <- s.Run(ctx, feed.Sink{Hub: hub, Tracker: tr}) }()
	go func() { ended <- tr.Run(ctx) }()
	r := &rig{Tracker: tr, t: t, store: s, hub: hub}
	r.stop = func() {
		if cancel == nil {
			return
		}
		cancel()
		cancel = nil
		for range 2 {
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
		hub.Close()
		nc.Close()
	}
	t.Cleanup(r.stop)
	eventually(t, "the tracker is ready", func() bool {
		_, _, err := r.List(track.Query{})
		return err == nil
	})
	return r
}

func router(t testing.TB, routes ...alerts.Route) *alerts.Router {
	t.Helper()
	r, err := alerts.ParseRoutes("", routes)
	must(t, err)
	return r
}

// record reports alerts and gives the result.
func (r *rig) record(reports ...alerts.Alert) alerts.Result {
	r.t.Helper()
	result, err := r.Record(r.t.Context(), alerts.Batch{Source: "am", Alerts: reports})
	must(r.t, err)
	return result
}

// history are the events of a channel or wildcard.
func (r *rig) history(channel string) []alerts.Event {
	r.t.Helper()
	msgs, err := r.store.Archive(r.t.Context(), relay.ArchiveQuery{Channel: channel})
	must(r.t, err)
	var events []alerts.Event
	for _, m := range msgs {
		e, err := alerts.ParseEvent(m.Text)
		must(r.t, err)
		events = append(events, e)
	}
	return events
}

// kinds are those of the events, "firing resolved".
func kinds(events []alerts.Event) string {
	s := ""
	for i, e := range events {
		if i > 0 {
			s += " "
		}
		s += string(e.Kind)
	}
	return s
}

// current is the only alert there is, once the relay has caught up.
func (r *rig) current(q track.Query) []track.Current {
	r.t.Helper()
	must(r.t, feed.Log{Store: r.store, Hub: r.hub}.Applied(r.t.Context()))
	list, _, err := r.List(q)
	must(r.t, err)
	return list
}

func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !condition(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not in time: " + what)
		}
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// firing is an alert of one team.
func firing(name string) alerts.Alert {
	labels := map[string]string{"alertname": name, "team": "db", "severity": "critical"}
	return alerts.Alert{
		Source: "am", Fingerprint: alerts.Fingerprint(labels), Status: alerts.Firing, Labels: labels,
		StartsAt: time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC), Receiver: "relay", GroupKey: "{}", ExternalURL: "http://am1",
	}
}

func resolved(a alerts.Alert) alerts.Alert {
	a.Status, a.EndsAt = alerts.Resolved, a.StartsAt.Add(time.Minute)
	return a
}

func TestFirstPath(t *testing.T) {
	r := start(t, startServer(t), setup{})
	a := firing("DiskFull")
	if got := r.record(a, firing("Other")); got.Stored != 2 {
		t.Fatalf("got %+v", got)
	}
	if got := r.record(a); got.Deduplicated != 1 {
		t.Fatalf("got %+v", got)
	}
	list := r.current(track.Query{})
	if len(list) != 2 || list[0].Status != alerts.Firing {
		t.Fatalf("got %+v", list)
	}
	if got := r.record(resolved(a)); got.Stored != 1 {
		t.Fatalf("got %+v", got)
	}
	if list = r.current(track.Query{}); len(list) != 1 || list[0].Labels["alertname"] != "Other" {
		t.Fatalf("got %+v", list)
	}
	if got := kinds(r.history("db.critical.DiskFull." + a.ID())); got != "firing resolved" {
		t.Errorf("got %s", got)
	}
}
