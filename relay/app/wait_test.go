package app_test

import (
	"context"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"alertrelay/relay/app"
	"alertrelay/relay/relaytest"
)

// waitingRelay is a relay whose NATS may be away.
type waitingRelay struct {
	t    *testing.T
	url  string
	stop context.CancelFunc
	done chan error
}

func startWaiting(t *testing.T, n *relaytest.NATS) *waitingRelay {
	t.Helper()
	cfg := relaytest.Config(t, relaytest.UseNATS(n))
	cfg.NATS.URL = strings.Replace(cfg.NATS.URL, "//", "//ada:geheim@", 1) // which the server does not mind
	a, err := app.New(t.Context(), cfg, cfg.Log.Logger(t.Output()))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background()) //nolint:usetesting // it ends in a cleanup
	r := &waitingRelay{t: t, url: "http://" + cfg.Listen, stop: stop, done: make(chan error, 1)}
	go func() { r.done <- a.Run(ctx) }()
	t.Cleanup(stop)
	return r
}

// ended waits for Run to return.
func (r *waitingRelay) ended() error {
	r.t.Helper()
	select {
	case err := <-r.done:
		return err
	case <-time.After(patience):
		r.t.Fatal("Run does not end")
		return nil
	}
}

// ask sends a request. The text is the whole answer; status 0 means that there was
// none.
func (r *waitingRelay) ask(method, path, body string) (status int, h http.Header, text string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err.Error()
	}
	defer resp.Body.Close()
	var b strings.Builder
	_ = resp.Write(&b)
	return resp.StatusCode, resp.Header, b.String()
}

func (r *waitingRelay) ready() bool {
	r.t.Helper()
	status, _, _ := r.ask(http.MethodGet, "/-/ready", "")
	return status == http.StatusOK
}

// While an external NATS is away at the start, HTTP is served: the relay says what
// it waits for, and whoever wants something of it is told to come back, even where
// the answer would be that there is no such channel.
func TestServesBeforeNATS(t *testing.T) {
	n := relaytest.StartNATS(t)
	n.Stop()
	r := startWaiting(t, n)
	if status, _, text := r.ask(http.MethodGet, "/-/healthy", ""); status != http.StatusOK {
		t.Errorf("healthy: got %d %s", status, text)
	}
	want := "alertrelay is not ready: NATS at " + n.URL + " is not reachable yet.\n"
	if status, _, text := r.ask(http.MethodGet, "/-/ready", ""); status != http.StatusServiceUnavailable || !strings.Contains(text, want) {
		t.Errorf("ready: got %d %s, want %s", status, text, want)
	}
	alert, err := os.ReadFile("../../alerts/testdata/alertmanager/alertmanager-0.25.0-group3-firing.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ method, path, body string }{
		{http.MethodPost, "/pub?id=ops", "x"},
		{http.MethodGet, "/pub?id=ops", ""},
		{http.MethodDelete, "/pub?id=ops", ""},
		{http.MethodGet, "/ev/ops", ""},
		{http.MethodGet, "/lp/ops", ""},
		{http.MethodGet, "/poll/ops", ""},
		{http.MethodGet, "/channels-stats", ""},
	} {
		if status, h, text := r.ask(c.method, c.path, c.body); status != http.StatusServiceUnavailable || h.Get("Retry-After") == "" {
			t.Errorf("%s %s: got %s, want 503 and when to come back", c.method, c.path, text)
		}
	}
	if status, _, text := r.ask(http.MethodPost, "/in/alertmanager/am", string(alert)); status != http.StatusServiceUnavailable {
		t.Errorf("alerts: got %s, want 503", text)
	}
	if status, _, text := r.ask(http.MethodGet, "/metrics", ""); status != http.StatusOK || !strings.Contains(text, "alertrelay_ready 0") {
		t.Errorf("metrics: got %d", status)
	}

	n.Restart()
	relaytest.Eventually(t, "the relay is ready", r.ready)
	if status, _, text := r.ask(http.MethodPost, "/pub?id=ops", "hello"); status != http.StatusOK {
		t.Errorf("publish: got %s", text)
	}
	if status, _, text := r.ask(http.MethodGet, "/poll/ops.b1", ""); status != http.StatusOK || !strings.Contains(text, `"text":"hello"`) {
		t.Errorf("poll: got %s", text)
	}
	if status, _, text := r.ask(http.MethodPost, "/in/alertmanager/am", string(alert)); status != http.StatusOK {
		t.Errorf("alerts: got %s", text)
	}
	r.stop()
	if err := r.ended(); err != nil {
		t.Error(err)
	}
}

func TestStopBeforeNATS(t *testing.T) {
	n := relaytest.StartNATS(t)
	n.Stop()
	r := startWaiting(t, n)
	relaytest.Eventually(t, "it serves", func() bool {
		status, _, _ := r.ask(http.MethodGet, "/-/healthy", "")
		return status == http.StatusOK
	})
	begin := time.Now()
	r.stop()
	if err := r.ended(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took > grace {
		t.Errorf("stopping took %s", took)
	}
}

// A stream that would not keep what it acknowledges does not become another by
// waiting: the relay ends, and nothing was published to it.
func TestStreamThatCannotBeUsed(t *testing.T) {
	n := relaytest.StartNATS(t)
	js, err := jetstream.New(relaytest.Connect(t, n.URL))
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.CreateStream(t.Context(), jetstream.StreamConfig{
		Name: "ALERTS", Subjects: []string{"alerts.>", "alertsctl.>"}, Storage: jetstream.MemoryStorage,
	})
	if err != nil {
		t.Fatal(err)
	}
	r := startWaiting(t, n)
	if err := r.ended(); err == nil || !strings.Contains(err.Error(), "stream ALERTS exists and cannot be used: it is not kept in files") {
		t.Errorf("got %v", err)
	}
	if status, _, _ := r.ask(http.MethodGet, "/-/healthy", ""); status != 0 {
		t.Errorf("it still serves: got %d", status)
	}
	if info, err := stream.Info(t.Context()); err != nil || info.State.LastSeq != 0 {
		t.Errorf("got %+v, %v", info, err)
	}
}
