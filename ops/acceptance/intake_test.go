//go:build acceptance

package acceptance

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"alertrelay/alerts"
	"alertrelay/relay/relaytest"
)

// These take turns and come before all others, because they measure what the
// machine does at once.

// Feature 1: a notification is one message for each alert, and there after the relay
// was killed.
func TestStoredBeforeTheAnswer(t *testing.T) {
	r := startRelay(t, "sources: {am: {auth: {bearer: t}}}\n")
	body := payload(t, "alertmanager-0.34.2-group3-firing.json")
	send := func(token string) int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.URL+"/in/alertmanager/am", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return resp.StatusCode
	}
	if status := send("x"); status != http.StatusUnauthorized {
		t.Errorf("another token: got %d", status)
	}
	if status := send("t"); status != http.StatusOK {
		t.Fatalf("got %d", status)
	}
	const channels = "web.warning.DiskFull.*"
	if n := r.messages(channels); n != 3 {
		t.Errorf("alerts.%s has %d messages, want 3", channels, n)
	}
	if err := r.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = r.cmd.Wait() // it was killed
	r.start()
	if n := r.messages(channels); n != 3 {
		t.Errorf("after kill -9 alerts.%s has %d messages, want 3", channels, n)
	}
	t.Logf("3 messages under alerts.%s, after kill -9 too", channels)
}

// Feature 1, and what a follower needs of 20,000: 5,000 alerts in one body are stored
// within three seconds, and a new follower has all that fires within one.
func TestStorms(t *testing.T) {
	const storms, alertsEach = 4, 5000
	r := startRelay(t, "sources: {am: {}}\n")
	for storm := range storms {
		body := notification(storm, alertsEach, "firing")
		began := time.Now()
		if status, text := post(t, r.URL+"/in/alertmanager/am", body); status != http.StatusOK {
			t.Fatalf("got %d %s", status, text)
		}
		took := time.Since(began)
		between(t, "5,000 alerts are stored", took, 0, 3*time.Second)
		if n := r.messages(fmt.Sprintf("web.warning.Storm%d.*", storm)); n != alertsEach {
			t.Errorf("storm %d: %d messages are stored, want %d", storm, n, alertsEach)
		}
		t.Logf("5,000 alerts, %.1f MB, were stored after %s", float64(len(body))/1e6, brief(took))
	}
	for range 3 {
		f := r.open("/ev/web.%3E?mode=now")
		n, took := f.snapshot()
		if n != storms*alertsEach {
			t.Errorf("the snapshot has %d alerts, want %d", n, storms*alertsEach)
		}
		between(t, "a new follower has the snapshot", took, 0, time.Second)
		t.Logf("a new follower had %d alerts after %s", n, brief(took))
		f.close()
	}
}

// A board with 20,000 alerts stands still for no more than a tenth of a second when
// 5,000 of them change at once.
func TestBoardInAStorm(t *testing.T) {
	const storms, alertsEach, still = 4, 5000, 100 // ms
	r := startRelay(t, "sources: {am: {}}\n")
	for storm := range storms {
		if status, text := post(t, r.URL+"/in/alertmanager/am", notification(storm, alertsEach, "firing")); status != http.StatusOK {
			t.Fatalf("got %d %s", status, text)
		}
	}
	p := relaytest.OpenTab(t, relaytest.Chromium(t), r.URL+"/?group=team")
	shows := func(n int) {
		p.Until(fmt.Sprintf(`document.querySelector('.tile.warning .number')?.textContent.replace(/\u202f/g, '') === '%d'`, n))
	}
	shows(storms * alertsEach)
	time.Sleep(3 * time.Second) // the page is there, and what came with it has been collected
	relaytest.Eval[bool](p, `(() => { window.longest = 0; let last = performance.now(); const f = (at) => { longest = Math.max(longest, at - last); last = at; requestAnimationFrame(f); }; requestAnimationFrame(f); return true; })()`)
	if status, text := post(t, r.URL+"/in/alertmanager/am", notification(0, alertsEach, "resolved")); status != http.StatusOK {
		t.Fatalf("got %d %s", status, text)
	}
	shows((storms - 1) * alertsEach)
	longest := relaytest.Eval[float64](p, "longest")
	if longest > still {
		t.Errorf("the page stood still for %.0f ms, want %d at most", longest, still)
	}
	t.Logf("5,000 of 20,000 alerts were resolved, and the longest frame took %.0f ms", longest)
}

// Feature 2: a new follower has what fires, and then what happens.
func TestNowThenLive(t *testing.T) {
	r := startRelay(t, "")
	began, end := time.Now(), time.Now().Add(time.Hour)
	for _, name := range []string{"A", "B", "C"} {
		postDirect(t, r, name, began, end)
		r.becomes(name, alerts.Firing, 5*time.Second)
	}
	postDirect(t, r, "B", began, time.Now())
	r.leaves("B", 5*time.Second)
	f := r.open("/ev/%3E?mode=now")
	defer f.close()
	if n, _ := f.snapshot(); n != 2 {
		t.Fatalf("the snapshot has %d alerts, want 2", n)
	}
	var slowest time.Duration
	for i := range 20 {
		name := fmt.Sprint("New", i)
		posted := time.Now()
		postDirect(t, r, name, began, end)
		at := f.event(name)
		between(t, name+" is seen", at.Sub(posted), 0, 200*time.Millisecond)
		slowest = max(slowest, at.Sub(posted))
	}
	t.Logf("2 alerts, then each of 20 new ones within %s of being posted", slowest.Round(time.Millisecond))
}

// messages is how many are stored in channels.
func (r *relay) messages(channels string) int {
	r.t.Helper()
	status, body := fetch(r.t, r.URL+"/api/v1/history?format=ndjson&limit=100000&channel="+channels)
	if status != http.StatusOK {
		r.t.Fatalf("history: got %d %s", status, body)
	}
	return strings.Count(string(body), "\n")
}

// stream is an event stream that is read.
type stream struct {
	t      *testing.T
	began  time.Time
	lines  *bufio.Scanner
	cancel context.CancelFunc
}

func (r *relay) open(path string) *stream {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	f := &stream{t: r.t, began: time.Now(), cancel: cancel}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.URL+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != http.StatusOK {
		r.t.Fatalf("%s: got %s", path, resp.Status)
	}
	f.lines = bufio.NewScanner(resp.Body)
	f.lines.Buffer(nil, 1<<20)
	return f
}

func (f *stream) close() { f.cancel() }

// snapshot reads until its end, and says how many alerts it has.
func (f *stream) snapshot() (n int, took time.Duration) {
	f.t.Helper()
	for f.lines.Scan() {
		switch line := f.lines.Text(); {
		case strings.HasPrefix(line, "event: snapshot-end"):
			return n, time.Since(f.began)
		case strings.HasPrefix(line, `data: {"`) && strings.Contains(line, `\"labels\"`):
			n++
		}
	}
	f.t.Fatalf("the snapshot does not end, after %d alerts: %v", n, f.lines.Err())
	return 0, 0
}

// event reads until an alert is told of.
func (f *stream) event(alertname string) time.Time {
	f.t.Helper()
	for f.lines.Scan() {
		if strings.HasPrefix(f.lines.Text(), "data: ") && strings.Contains(f.lines.Text(), fmt.Sprintf(`\"alertname\":\"%s\"`, alertname)) {
			return time.Now()
		}
	}
	f.t.Fatalf("%s is not told of: %v", alertname, f.lines.Err())
	return time.Time{}
}

// payload is a captured body.
func payload(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(relaytest.Source(t, "alerts/testdata/alertmanager/"+name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// notification is one of Alertmanager, of n alerts with some 660 bytes each.
func notification(storm, n int, status string) string {
	list, ends := make([]map[string]any, n), "0001-01-01T00:00:00Z"
	if status == "resolved" {
		ends = time.Now().UTC().Format(time.RFC3339Nano)
	}
	for i := range list {
		instance := fmt.Sprintf("web-%05d.example:9100", i)
		list[i] = map[string]any{
			"status": status, "fingerprint": fmt.Sprintf("%016x", storm*n+i), "startsAt": "2026-11-22T06:59:06.046Z", "endsAt": ends,
			"labels": map[string]string{
				"alertname": fmt.Sprintf("Storm%d", storm), "cluster": "eu-1", "instance": instance, "job": "node",
				"mountpoint": "/var/lib/data", "severity": "warning", "team": "web",
			},
			"annotations": map[string]string{
				"summary": instance + " /var/lib/data is filling", "value": "81%", "runbook_url": "https://runbooks.example/DiskFull",
				"description": instance + " of job node: /var/lib/data is filling and will be full within four hours at this rate.",
			},
			"generatorURL": "http://prom.example:9090/graph?g0.expr=up+%3D%3D+0&g0.tab=1",
		}
	}
	body, err := json.Marshal(map[string]any{
		"version": "4", "receiver": "relay", "status": status, "groupKey": fmt.Sprintf(`{}:{storm="%d"}`, storm), "truncatedAlerts": 0,
		"externalURL": "http://am.example:9093", "groupLabels": map[string]string{}, "commonLabels": map[string]string{}, "commonAnnotations": map[string]string{},
		"alerts": list,
	})
	if err != nil {
		panic(err) // it is made of texts
	}
	return string(body)
}
