package alertstest

import (
	"context"
	"testing"
	"time"

	"alertrelay/alerts"
	"alertrelay/alerts/track"
	"alertrelay/embedded"
	"alertrelay/relay/feed"
	"alertrelay/relay/relaytest"
	"alertrelay/relay/store"
)

// Options is what a test wants to be different.
type Options struct {
	Settings  track.Settings // Router is the default one if it is nil
	Now       func() time.Time
	Events    func(track.EventLog) track.EventLog // what stands between the tracker and the stream
	Bucket    func(track.Bucket) track.Bucket
	Metrics   *track.Metrics
	WarmBytes int64 // how much of the stream is read at the start; 0 means all
}

// Rig is a tracker on a stream that others may use too.
type Rig struct {
	*track.Tracker
	Stream *Stream
	// Stop ends it. It may be called twice, and is at the end of the test.
	Stop func()
}

// Start runs a tracker and waits until it knows what is firing.
func Start(t testing.TB, server *embedded.Server, o Options) *Rig {
	t.Helper()
	s := Open(t, server, store.Options{WarmBytes: o.WarmBytes})
	if o.Settings.Router == nil {
		o.Settings.Router = Router(t)
	}
	var events track.EventLog = s.Log()
	var bucket track.Bucket = feed.NewBucket(s.Store)
	if o.Events != nil {
		events = o.Events(events)
	}
	if o.Bucket != nil {
		bucket = o.Bucket(bucket)
	}
	tr, err := track.New(track.Options{Events: events, Bucket: bucket, Now: o.Now, Metrics: o.Metrics}, o.Settings)
	if err != nil {
		t.Fatal(err)
	}
	stop := Background(t, tr.Run, func(ctx context.Context) error { return s.Run(ctx, feed.Sink{Hub: s.Hub, Tracker: tr}) })
	r := &Rig{Tracker: tr, Stream: s, Stop: func() {
		stop()
		s.Close()
	}}
	relaytest.Eventually(t, "the tracker is ready", tr.Ready)
	return r
}

// Router sends alerts by these routes, or as it does without any.
func Router(t testing.TB, routes ...alerts.Route) *alerts.Router {
	t.Helper()
	r, err := alerts.ParseRoutes("", routes)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
