package app_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"alertrelay/alerts"
	"alertrelay/relay/apptest"
	"alertrelay/relay/relaytest"
)

const watchdogPost = `[{"labels":{"alertname":"Watchdog","severity":"none","team":"ops"},"startsAt":"2026-11-22T06:59:05Z"}]`

// An alert that should always fire, and a source that should always speak: that they
// are missing is an alert, which ends when they are back. Nothing else ends because of
// it.
func TestWatchdogs(t *testing.T) {
	t.Parallel()
	const within = 5 * time.Second
	r := relaytest.Start(t, apptest.Settings(t, `
sources: {am: {silent_after: 5s}, prom: {}}
watchdogs: [{match: ['alertname="Watchdog"', 'source="prom"'], within: 5s}]
`))
	const missing, silent = "_meta.critical.WatchdogMissing.>", "_meta.critical.SourceSilent.>"
	var posted time.Time
	speak := func() {
		t.Helper()
		posted = time.Now()
		relaytest.Post(t, r.URL+"/in/prom/api/v2/alerts", watchdogPost, http.StatusOK)
		apptest.PostPayload(t, r, "0.34.2-single-firing")
	}
	speak()
	for _, name := range []string{"WatchdogMissing", "SourceSilent"} {
		e := apptest.Becomes(t, r, name, alerts.Firing)
		// Milliseconds are cut off.
		if after := e.UpdatedAt.Sub(posted); after < within-10*time.Millisecond {
			t.Errorf("%s fires %s after it was heard of, want %s", name, after, within)
		}
		t.Logf("%s: %s", name, e.Annotations["summary"])
	}
	if got, want := apptest.History(t, r.URL, missing)[0].Labels["watchdog"], `alertname="Watchdog"`; !strings.Contains(got, want) {
		t.Errorf("the alert has the label watchdog %q, want %q in it", got, want)
	}
	if got := apptest.History(t, r.URL, silent)[0].Labels["source"]; got != "am" {
		t.Errorf("source %q is said to be silent", got)
	}

	r.Restart() // nothing new was heard
	speak()
	for _, name := range []string{"WatchdogMissing", "SourceSilent"} {
		apptest.Becomes(t, r, name, alerts.Resolved)
	}
	apptest.WasTold(t, r.URL, missing, "WatchdogMissing firing", "WatchdogMissing resolved")
	apptest.WasTold(t, r.URL, silent, "SourceSilent firing", "SourceSilent resolved")
	// What was said before fires still, and was not said to be anything else.
	apptest.WasTold(t, r.URL, "ops.>", "Watchdog firing")
	if got := apptest.ActiveStatus(t, r.URL, "db.>"); len(got) != 1 {
		t.Errorf("in db.> are active %q, want what Alertmanager has said", got)
	}
}

// What is heard of more often than it must be is not missing, silent or stale, for
// either of two relays.
func TestHeardOften(t *testing.T) {
	t.Parallel()
	n := relaytest.StartNATS(t)
	yaml := `
sources: {am: {silent_after: 3s, repeat_interval: 1s, group_interval: 1s}, prom: {}}
watchdogs: [{match: ['alertname="Watchdog"'], within: 3s}]
`
	heard := relaytest.Start(t, apptest.Settings(t, yaml), relaytest.UseNATS(n))
	enough := make(chan struct{})
	var speaking sync.WaitGroup
	speaking.Go(func() { // already while the other relay starts, which may take its time
		for {
			relaytest.Post(t, heard.URL+"/in/prom/api/v2/alerts", watchdogPost, http.StatusOK)
			apptest.PostPayload(t, heard, "0.34.2-single-firing")
			select {
			case <-time.After(200 * time.Millisecond):
			case <-enough:
				return
			}
		}
	})
	hush := sync.OnceFunc(func() {
		close(enough)
		speaking.Wait()
	})
	defer hush()
	relaytest.Start(t, apptest.Settings(t, yaml), relaytest.UseNATS(n))
	time.Sleep(8 * time.Second)
	hush()
	apptest.WasTold(t, heard.URL, ">", "Watchdog firing", "InstanceDown firing")
}

// A script that posts an alert again and again, and never says when it began, speaks
// of one incident. Alertmanager keeps the first beginning as long as they overlap.
func TestPostedWithoutBeginning(t *testing.T) {
	t.Parallel()
	r := relaytest.Start(t)
	for range 3 {
		relaytest.Post(t, r.URL+"/in/cron/api/v2/alerts", `[{"labels":{"alertname":"BackupFailed","team":"ops"}}]`, http.StatusOK)
	}
	apptest.WasTold(t, r.URL, ">", "BackupFailed firing")
}
