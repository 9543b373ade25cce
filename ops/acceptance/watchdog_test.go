//go:build acceptance

package acceptance

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"alertrelay/alerts"
	"alertrelay/relay/relaytest"
)

// Feature 7: an alert that should always fire is missed after three minutes, and
// not before; when it is back, that is over.
func TestWatchdogMissing(t *testing.T) {
	t.Parallel()
	const within = 3 * time.Minute
	r := startRelay(t, `watchdogs: [{match: 'alertname="Watchdog"', within: 3m}]`)
	nc := relaytest.Connect(t, r.NATSURL)
	missing, err := nc.SubscribeSync("alerts._meta.critical.WatchdogMissing.*")
	if err != nil {
		t.Fatal(err)
	}
	next := func(wait time.Duration) (e alerts.Event, m *nats.Msg, at time.Time) {
		t.Helper()
		if m, err = missing.NextMsg(wait); err != nil {
			t.Fatalf("nothing on %s within %s: %v", missing.Subject, wait.Round(time.Second), err)
		}
		if e, err = alerts.ParseEvent(m.Data); err != nil {
			t.Fatal(err)
		}
		return e, m, time.Now()
	}
	var posted time.Time
	speak := func() {
		t.Helper()
		now := time.Now().UTC()
		body := fmt.Sprintf(`[{"labels":{"alertname":"Watchdog","severity":"none","team":"ops"},"startsAt":"2026-11-22T06:59:05Z","endsAt":%q}]`, now.Add(4*time.Minute).Format(time.RFC3339Nano))
		posted = time.Now()
		if status, text := post(t, r.URL+"/in/prom/api/v2/alerts", body); status != http.StatusOK {
			t.Fatalf("got %d %s", status, text)
		}
	}
	for range 5 { // as long as it is posted, nothing is said
		speak()
		if m, err := missing.NextMsg(8 * time.Second); err == nil {
			t.Fatalf("while it is posted: %s %s", m.Subject, m.Data)
		}
	}
	speak()
	e, m, at := next(within + 6*time.Second)
	if e.Status != alerts.Firing {
		t.Errorf("got %s", m.Data)
	}
	fired := at.Sub(posted)
	between(t, "WatchdogMissing fires", fired, within, within+5*time.Second)
	between(t, "by its own word it fires", e.UpdatedAt.Sub(posted), within-cutOff, within+5*time.Second)
	if !r.is("Watchdog", alerts.Firing) {
		t.Error("the alert that is missed has ended because of that")
	}
	_, sources := fetch(t, r.URL+"/api/v1/sources")
	if !strings.Contains(string(sources), `"name":"prom"`) || !strings.Contains(string(sources), `"lastHeard"`) {
		t.Errorf("the sources do not say when it was last heard of: %s", sources)
	}

	speak()
	e, m, at = next(10 * time.Second)
	if e.Status != alerts.Resolved {
		t.Errorf("got %s", m.Data)
	}
	over := at.Sub(posted)
	between(t, "WatchdogMissing is over", over, 0, 5*time.Second)
	r.hadEvents("WatchdogMissing", "firing resolved")
	t.Logf("%s fires %s after the last post, and is over %s after the next", m.Subject, brief(fired), brief(over))
}
