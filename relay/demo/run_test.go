package demo_test

import (
	"bufio"
	"context"
	"net/http"
	"testing"
	"time"

	"alertrelay/alerts"
	"alertrelay/relay/app"
	"alertrelay/relay/conf"
	"alertrelay/relay/demo"
	"alertrelay/relay/relaytest"
)

// TestARelayTakesAll runs the demonstration against a relay, and looks at what it
// made of the past.
func TestARelayTakesAll(t *testing.T) {
	cfg := relaytest.Config(t, demo.Configure, func(c *conf.Config) { c.Listen = relaytest.FreeAddress(t) })
	sim, err := demo.New(demo.Options{Start: time.Now(), Past: 6 * time.Hour, Speed: 60})
	if err != nil {
		t.Fatal(err)
	}
	log := cfg.Log.Logger(t.Output())
	told := make(chan int, 1)
	runner := &demo.Runner{
		URL: "http://" + cfg.Listen, Sim: sim, Clock: new(demo.Clock), Log: log,
		Told: func(n int) { told <- n },
		Refused: func(r demo.Request, status int, answer string) {
			t.Errorf("%s: refused with %d: %s\n%s", r.Path, status, answer, r.Body)
		},
	}
	began := time.Now()
	runner.Begin()
	a, err := app.New(t.Context(), cfg, log, app.Clock(runner.Clock.Now))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	relayDone, runnerDone := make(chan error, 1), make(chan error, 1)
	go func() { relayDone <- a.Run(ctx) }()
	talking, hush := context.WithCancel(ctx)
	go func() { runnerDone <- runner.Run(talking) }()
	defer func() {
		hush()
		if err := <-runnerDone; err != nil {
			t.Errorf("the demonstration ended with: %v", err)
		}
		stop()
		if err := <-relayDone; err != nil {
			t.Errorf("the relay stopped with: %v", err)
		}
		sent, refused := runner.Sent()
		t.Logf("%d requests sent, %d refused", sent, refused)
	}()
	select {
	case n := <-told:
		t.Logf("the past took %d requests and %s", n, time.Since(began))
	case <-time.After(2 * time.Minute):
		t.Fatal("the past is still being told after 2 minutes")
	}

	counts := make(map[alerts.Kind]int)
	var last time.Time
	for _, e := range history(t, runner.URL) {
		if e.UpdatedAt.Before(last) && e.UpdatedAt.Before(began) { // of the present several are made at a time
			t.Errorf("an event of %s after one of %s", e.UpdatedAt, last)
		}
		last = e.UpdatedAt
		counts[e.Kind]++
		if age := began.Sub(e.UpdatedAt); age > 6*time.Hour+time.Minute {
			t.Errorf("an event is %s old", age)
		}
	}
	for _, kind := range []alerts.Kind{
		alerts.KindFiring, alerts.KindResolved, alerts.KindAcked, alerts.KindSuppressed, alerts.KindUnsuppressed,
		alerts.KindStale, alerts.KindFresh,
	} {
		if counts[kind] == 0 {
			t.Errorf("there is no event %q in the past: %v", kind, counts)
		}
	}
	if counts[alerts.KindExpired] > 0 {
		t.Errorf("%d alerts expired", counts[alerts.KindExpired])
	}
	before := len(history(t, runner.URL))
	time.Sleep(10 * time.Second) // the present runs by the machine's clock
	if after := len(history(t, runner.URL)); after <= before {
		t.Errorf("nothing happened in 10 s of the present: %d events, then %d", before, after)
	}
}

func history(t *testing.T, url string) []alerts.Event {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/api/v1/history?format=ndjson&since=1h", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var events []alerts.Event
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		e, err := alerts.ParseEvent(lines.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	if err := lines.Err(); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status, err)
	}
	return events
}
