package alerts_test

import (
	"context"
	"errors"
	"flag"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"alertrelay/alerts"
	"alertrelay/alerts/alertstest"
	"alertrelay/alerts/track"
	"alertrelay/embedded"
	"alertrelay/relay"
	"alertrelay/relay/feed"
	"alertrelay/relay/store"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) {
	flag.Parse()
	goleak.VerifyTestMain(m,
		// The server ends these a moment after WaitForShutdown.
		goleak.IgnoreTopFunction("github.com/nats-io/nats-server/v2/server.(*fileStore).expireMsgs"))
}

func startServer(t testing.TB) *embedded.Server { return alertstest.Server(t, embedded.Options{}) }

// opened is a store that is read into a hub and into the trackers of the test.
type opened struct {
	*alertstest.Stream
	mu       sync.Mutex // guards trackers
	trackers []*track.Tracker
}

// openStore makes one more connection to the server, as another relay would.
func openStore(t testing.TB, server *embedded.Server) *opened {
	t.Helper()
	o := &opened{Stream: alertstest.Open(t, server, store.Options{})}
	alertstest.Background(t, func(ctx context.Context) error { return o.Run(ctx, sink{o.Hub, o}) })
	return o
}

// sink gives the stream to all trackers, and then to the hub.
type sink struct {
	*relay.Hub
	to *opened
}

func (s sink) each(do func(*track.Tracker)) {
	s.to.mu.Lock()
	defer s.to.mu.Unlock()
	for _, tr := range s.to.trackers {
		do(tr)
	}
}

func (s sink) Load(m relay.Message) {
	s.each(func(tr *track.Tracker) { tr.Load(m) })
	s.Hub.Load(m)
}

func (s sink) Append(m relay.Message) {
	s.each(func(tr *track.Tracker) { tr.Append(m) })
	s.Hub.Append(m)
}

func (s sink) Delete(d relay.Deletion) {
	s.each(func(tr *track.Tracker) { tr.Delete(d) })
	s.Hub.Delete(d)
}

// eventStore is an opened store, or one with something changed.
type eventStore interface {
	relay.Publisher
	Last(ctx context.Context, channel string) (m relay.Message, dedupID string, err error)
	base() *opened
}

func (o *opened) base() *opened { return o }

// eventLog publishes and reads by a store with something changed.
type eventLog struct {
	feed.Log
	changed eventStore
}

func (l eventLog) Publish(ctx context.Context, p relay.Publication) (relay.Receipt, error) {
	return l.changed.Publish(ctx, p)
}

func (l eventLog) Last(ctx context.Context, channel string) (m relay.Message, dedupID string, err error) {
	return l.changed.Last(ctx, channel)
}

// newTracker runs a tracker and waits until it knows what is firing.
func newTracker(t testing.TB, events eventStore, router *alerts.Router, now func() time.Time) *track.Tracker {
	t.Helper()
	s := events.base()
	tr, err := track.New(track.Options{
		Events: eventLog{s.Log(), events}, Bucket: feed.NewBucket(s.Store), Now: now,
	}, track.Settings{Router: router})
	must(t, err)
	s.mu.Lock()
	s.trackers = append(s.trackers, tr)
	s.mu.Unlock()
	alertstest.Background(t, tr.Run)
	for _, _, err = tr.List(track.Query{}); err != nil; _, _, err = tr.List(track.Query{}) {
		time.Sleep(time.Millisecond)
	}
	return tr
}

// setup is what a test wants to be different. Events is required; Router is the
// default one if it is nil.
type setup struct {
	Events                                   eventStore
	Router                                   *alerts.Router
	MaxBodyBytes, MaxInFlightBytes           int64
	MaxRequests                              int
	WaitTimeout, ReadTimeout, RequestTimeout time.Duration
	Metrics                                  *alerts.Metrics
	Log                                      *slog.Logger
	Now                                      func() time.Time
}

// serve runs an Intake.
func serve(t testing.TB, o setup) *httptest.Server {
	t.Helper()
	if o.Router == nil {
		o.Router = alertstest.Router(t)
	}
	in, err := alerts.New(alerts.Options{
		Recorder:     newTracker(t, o.Events, o.Router, o.Now),
		MaxBodyBytes: o.MaxBodyBytes, MaxInFlightBytes: o.MaxInFlightBytes, MaxRequests: o.MaxRequests,
		WaitTimeout: o.WaitTimeout, ReadTimeout: o.ReadTimeout, RequestTimeout: o.RequestTimeout,
		Metrics: o.Metrics, Log: o.Log, Now: o.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/in/alertmanager/{source}", in.Handler(alerts.Alertmanager()))
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return srv
}

// post returns the status and the body of the answer.
func post(t testing.TB, srv *httptest.Server, source, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+"/in/alertmanager/"+source, strings.NewReader(body))
	must(t, err)
	res, err := srv.Client().Do(req)
	if err != nil {
		t.Error(err)
		return 0, ""
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Error(err)
	}
	return res.StatusCode, strings.TrimSpace(string(answer))
}

// mustPost expects the answer to a request that is taken.
func mustPost(t testing.TB, srv *httptest.Server, body, want string) {
	t.Helper()
	if status, got := post(t, srv, "am", body); status != http.StatusOK || got != want {
		t.Fatalf("got %d %s, want 200 %s", status, got, want)
	}
}

func payload(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "alertmanager", "alertmanager-"+name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// history returns the events of a channel or wildcard.
func history(t testing.TB, s *opened, channel string) []alerts.Event {
	t.Helper()
	return s.History(t, channel)
}

// statuses are those of the events, "firing resolved".
func statuses(events []alerts.Event) string {
	var s []string
	for _, e := range events {
		s = append(s, string(e.Status))
	}
	return strings.Join(s, " ")
}

// clock is a time that moves when it is told to.
type clock struct{ ahead time.Duration }

func (c *clock) now() time.Time { return time.Now().Add(c.ahead) }

// interrupted is the real store with something happening between reading a
// channel and publishing to it.
type interrupted struct {
	*opened
	before func(p relay.Publication)
}

func (s interrupted) Publish(ctx context.Context, p relay.Publication) (relay.Receipt, error) {
	s.before(p)
	return s.opened.Publish(ctx, p)
}

func must(t testing.TB, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}
