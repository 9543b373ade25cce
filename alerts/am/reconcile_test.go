package am_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"alertrelay/alerts"
	"alertrelay/alerts/am"
	"alertrelay/relay/relaytest"
)

func newReconciler(t *testing.T, c *am.Client, b *board, minUptime time.Duration) *am.Reconciler {
	t.Helper()
	r, err := am.NewReconciler(am.ReconcilerOptions{Source: "am", Client: c, Holder: b, Recorder: b, MinUptime: minUptime})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// look looks once, and checks what is reported.
func look(t *testing.T, r *am.Reconciler, b *board, want ...string) {
	t.Helper()
	if err := r.Look(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := b.news(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Alertmanager's webhook says nothing of an alert that resolves while it is
// silenced: the alert that stays on the screens for ever.
func TestResolvedWhileSilenced(t *testing.T) {
	t.Parallel()
	s := startAlertmanager(t, plainConfig)
	c := newClient(t, am.Options{URLs: []string{s.url}})
	b := newBoard()
	r := newReconciler(t, c, b, time.Nanosecond)
	silencer := am.Silencer{Client: c, Holder: b, Source: "am"}

	labels := map[string]string{"alertname": "DiskFull", "severity": "critical"}
	s.add(t, time.Time{}, "DiskFull", "severity=critical")
	b.hear(t, firing(labels))
	b.news()
	look(t, r, b)

	matchers, err := am.ParseMatchers(`alertname=~"Disk.*"`, `severity="critical"`)
	if err != nil {
		t.Fatal(err)
	}
	until := time.Now().Add(2 * time.Hour)
	id, err := silencer.Create(t.Context(), am.Silence{Matchers: matchers, EndsAt: until, CreatedBy: "ada", Comment: "disk swap"})
	if err != nil {
		t.Fatal(err)
	}
	look(t, r, b, "DiskFull suppressed")
	if h := r.Health(); h.Err != nil || h.LastGood.IsZero() || h.Alerts != 1 {
		t.Errorf("got %+v", h)
	}
	got := b.held("DiskFull").Suppression
	if got.Kind != alerts.Silenced || got.ID != id || got.By != "ada" || got.Comment != "disk swap" || got.Until.Sub(until).Abs() > time.Second {
		t.Errorf("got %+v", got)
	}
	look(t, r, b) // nothing new

	s.add(t, time.Now(), "DiskFull", "severity=critical")
	s.has(t)
	young := newReconciler(t, c, b, 5*time.Minute)
	for range 3 {
		look(t, young, b)
	}
	look(t, r, b)
	look(t, r, b, "DiskFull resolved reconciled")
	look(t, r, b)
	if h := r.Health(); h.Err != nil || h.LastTry.IsZero() || h.Alerts != 0 {
		t.Errorf("got %+v", h)
	}
}

func TestInhibited(t *testing.T) {
	t.Parallel()
	s := startAlertmanager(t, plainConfig+`inhibit_rules: [{source_matchers: [alertname="NodeDown"], target_matchers: [alertname="DiskFull"]}]`+"\n")
	b := newBoard()
	r := newReconciler(t, newClient(t, am.Options{URLs: []string{s.url}}), b, time.Nanosecond)
	b.hear(t, firing(map[string]string{"alertname": "DiskFull"}))
	b.hear(t, firing(map[string]string{"alertname": "NodeDown"}))
	b.news()
	s.add(t, time.Time{}, "DiskFull")
	s.add(t, time.Time{}, "NodeDown")
	s.has(t, "DiskFull", "NodeDown")
	relaytest.Eventually(t, "it is suppressed", func() bool {
		if err := r.Look(t.Context()); err != nil {
			t.Fatal(err)
		}
		return b.held("DiskFull").Status == alerts.Suppressed
	})
	want := alerts.Suppression{Kind: alerts.Inhibited, ID: alerts.Fingerprint(map[string]string{"alertname": "NodeDown"})}
	if got := *b.held("DiskFull").Suppression; got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	b.news()
	s.add(t, time.Now(), "NodeDown")
	s.has(t, "DiskFull")
	relaytest.Eventually(t, "it fires again", func() bool {
		if err := r.Look(t.Context()); err != nil {
			t.Fatal(err)
		}
		return b.held("DiskFull").Status == alerts.Firing
	})
}

// What the webhook has missed is adopted, with all that is known of it.
func TestAdopted(t *testing.T) {
	t.Parallel()
	s := startAlertmanager(t, plainConfig)
	b := newBoard()
	r := newReconciler(t, newClient(t, am.Options{URLs: []string{s.url}}), b, time.Nanosecond)
	s.add(t, time.Time{}, "DiskFull", "instance=ü,1", "--annotation=summary=90 %", "--generator-url=http://prom.example/graph")
	s.has(t, "DiskFull")
	look(t, r, b)
	look(t, r, b, "DiskFull firing reconciled")
	got := b.held("DiskFull")
	if got.Annotations["summary"] != "90 %" || got.GeneratorURL != "http://prom.example/graph" || got.StartsAt.IsZero() || got.Receiver != "nobody" || got.Labels["instance"] != "ü,1" {
		t.Errorf("got %+v", got)
	}
	if want := alerts.Fingerprint(got.Labels); got.Fingerprint != want {
		t.Errorf("got fingerprint %s, want %s", got.Fingerprint, want)
	}
	look(t, r, b)
}

// An Alertmanager that was started anew is empty until Prometheus sends again.
func TestRestartClearsNothing(t *testing.T) {
	t.Parallel()
	s := startAlertmanager(t, plainConfig)
	b := newBoard()
	var log bytes.Buffer
	o := am.ReconcilerOptions{
		Source: "am", Client: newClient(t, am.Options{URLs: []string{s.url}}), Holder: b, Recorder: b, MinUptime: 3 * time.Second,
		Log: slog.New(slog.NewTextHandler(&log, nil)), Metrics: am.NewMetrics(prometheus.NewRegistry()),
	}
	r, err := am.NewReconciler(o)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		b.hear(t, firing(map[string]string{"alertname": fmt.Sprint("Disk", i)}))
	}
	b.news()
	s.stop(t)
	for range 3 {
		if err := r.Look(t.Context()); !errors.Is(err, am.ErrUnreachable) {
			t.Errorf("got %v, want ErrUnreachable", err)
		}
	}
	if h := r.Health(); h.Err == nil || !h.LastGood.IsZero() || h.LastTry.IsZero() {
		t.Errorf("got %+v", h)
	}
	s.start(t)
	began := time.Now()
	for time.Since(began) < time.Second {
		look(t, r, b)
	}
	if h := r.Health(); h.Err != nil || h.LastGood.Before(began) {
		t.Errorf("got %+v", h)
	}
	relaytest.Eventually(t, "they are cleared when it is old enough", func() bool {
		if err := r.Look(t.Context()); err != nil {
			t.Fatal(err)
		}
		return len(b.news()) == 10
	})
	for text, want := range map[string]int{"cannot be compared": 1, "are compared with the Alertmanager's again": 1, "the Alertmanager has no alert": 1} {
		if got := strings.Count(log.String(), text); got != want {
			t.Errorf("%q is in the log %d times, want %d:\n%s", text, got, want, log.String())
		}
	}
}

// A member that Prometheus does not reach has no alerts. The others know better.
func TestMembersDisagree(t *testing.T) {
	t.Parallel()
	lost, knows := startAlertmanager(t, plainConfig), startAlertmanager(t, plainConfig)
	knows.add(t, time.Time{}, "DiskFull")
	knows.has(t, "DiskFull")
	b := newBoard()
	r := newReconciler(t, newClient(t, am.Options{URLs: []string{lost.url, knows.url}}), b, time.Nanosecond)
	b.hear(t, firing(map[string]string{"alertname": "DiskFull"}))
	b.news()
	for range 4 {
		look(t, r, b)
	}
	knows.add(t, time.Now(), "DiskFull")
	knows.has(t)
	look(t, r, b, "DiskFull resolved reconciled")
}

// A silence that ends soon is an alert of our own, until it is extended.
func TestSilenceEndsSoon(t *testing.T) {
	t.Parallel()
	s := startAlertmanager(t, plainConfig)
	c := newClient(t, am.Options{URLs: []string{s.url}})
	b := newBoard()
	now := time.Now()
	r, err := am.NewReconciler(am.ReconcilerOptions{Source: "am", Client: c, Holder: b, Recorder: b, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	s.add(t, time.Time{}, "DiskFull")
	b.hear(t, firing(map[string]string{"alertname": "DiskFull"}))
	b.news()
	silencer := am.Silencer{Client: c, Holder: b, Source: "am"}
	silence := am.Silence{Matchers: []am.Matcher{{Name: "alertname", Value: "DiskFull", IsEqual: true}}, EndsAt: now.Add(2 * time.Hour), CreatedBy: "ada", Comment: "disk swap"}
	if silence.ID, err = silencer.Create(t.Context(), silence); err != nil {
		t.Fatal(err)
	}
	now = time.Now()
	look(t, r, b, "DiskFull suppressed")
	now = now.Add(110 * time.Minute)
	if err := r.Look(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := b.news(); !slices.Contains(got, "SilenceExpiring firing") {
		t.Errorf("got %q", got)
	}
	if got := b.held("SilenceExpiring"); got.Source != alerts.OwnSource || got.Labels["silence"] != silence.ID || got.Annotations["by"] != "ada" {
		t.Errorf("got %+v", got)
	}
	silence.EndsAt = silence.EndsAt.Add(8 * time.Hour)
	if _, err = silencer.Create(t.Context(), silence); err != nil {
		t.Fatal(err)
	}
	if err := r.Look(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := b.news(); !slices.Contains(got, "SilenceExpiring resolved") {
		t.Errorf("got %q", got)
	}
}

// What the relay has is not known at its start, and that is not "nothing".
func TestHolderIsNotReady(t *testing.T) {
	t.Parallel()
	s := fake(t, map[string]string{
		"/api/v2/status": `{"uptime":"2026-11-22T07:12:15Z","versionInfo":{"version":"0.34.2"}}`,
		"/api/v2/alerts": `[{"fingerprint":"3ed2017067eac33e","labels":{"alertname":"A"},"startsAt":"2026-11-22T07:12:15Z","status":{"state":"active"}}]`,
	})
	b := newBoard()
	b.err = errors.New("not ready")
	r := newReconciler(t, newClient(t, am.Options{URLs: []string{s.URL}}), b, 0)
	for range 3 {
		if err := r.Look(t.Context()); !errors.Is(err, b.err) {
			t.Errorf("got %v", err)
		}
	}
	b.err = nil
	look(t, r, b)
	look(t, r, b, "A firing reconciled")
}

// A failed look between two good ones neither clears nor counts.
func TestFailedLooks(t *testing.T) {
	t.Parallel()
	var broken atomic.Bool
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case broken.Load():
			fmt.Fprint(w, "null")
		case strings.HasSuffix(r.URL.Path, "/status"):
			fmt.Fprint(w, `{"uptime":"2026-11-22T07:12:15Z"}`)
		default:
			fmt.Fprint(w, "[]")
		}
	}))
	t.Cleanup(s.Close)
	b := newBoard()
	reg := prometheus.NewRegistry()
	r, err := am.NewReconciler(am.ReconcilerOptions{
		Source: "am", Client: newClient(t, am.Options{URLs: []string{s.URL}}), Holder: b, Recorder: b, Metrics: am.NewMetrics(reg),
	})
	if err != nil {
		t.Fatal(err)
	}
	b.hear(t, firing(map[string]string{"alertname": "A"}))
	b.news()
	look(t, r, b)
	broken.Store(true)
	for range 3 {
		if err := r.Look(t.Context()); err == nil {
			t.Error("got no error")
		}
	}
	if got := b.news(); got != nil {
		t.Errorf("got %q", got)
	}
	broken.Store(false)
	look(t, r, b, "A resolved reconciled")
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := make(map[string]float64)
	for _, f := range families {
		m := f.GetMetric()[0]
		values[f.GetName()] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
	}
	if values["alertrelay_alerts_reconcile_looks_total"] != 5 || values["alertrelay_alerts_reconcile_failures_total"] != 3 ||
		time.Since(time.Unix(int64(values["alertrelay_alerts_reconcile_last_success_timestamp_seconds"]), 0)) > time.Minute {
		t.Errorf("got %v, want 5 looks of which 3 failed, and the last good one just now", values)
	}
}

// Run, Look and Healthy at the same time, and the end of all of it.
func TestRun(t *testing.T) {
	t.Parallel()
	s := fake(t, map[string]string{"/api/v2/status": `{"uptime":"2026-11-22T07:12:15Z"}`, "/api/v2/alerts": `[]`})
	r := newReconciler(t, newClient(t, am.Options{URLs: []string{s.URL}}), newBoard(), 0)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := r.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	for range 8 {
		wg.Go(func() {
			for range 5 {
				if err := r.Look(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	relaytest.Eventually(t, "it is healthy", func() bool {
		h := r.Health()
		return !h.LastGood.IsZero() && h.Err == nil
	})
	cancel()
	wg.Wait()
	if err := r.Health().Err; err != nil {
		t.Errorf("its end is no failure: %v", err)
	}
}

func TestReconcilerOptions(t *testing.T) {
	t.Parallel()
	c := newClient(t, am.Options{URLs: []string{"http://am"}})
	b := newBoard()
	good := am.ReconcilerOptions{Source: "am", Client: c, Holder: b, Recorder: b}
	for _, tt := range []struct {
		change func(*am.ReconcilerOptions)
		want   string
	}{
		{func(o *am.ReconcilerOptions) { o.Source = "" }, "Source"},
		{func(o *am.ReconcilerOptions) { o.Source = "relay" }, "Source"},
		{func(o *am.ReconcilerOptions) { o.Holder = nil }, "Holder"},
		{func(o *am.ReconcilerOptions) { o.Interval = time.Second }, "Interval: must be at least 5s"},
		{func(o *am.ReconcilerOptions) { o.MinUptime = -1 }, "MinUptime"},
	} {
		o := good
		tt.change(&o)
		if _, err := am.NewReconciler(o); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v, want %q", err, tt.want)
		}
	}
}
