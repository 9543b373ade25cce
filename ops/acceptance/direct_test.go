//go:build acceptance

package acceptance

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"alertrelay/alerts"
	"alertrelay/relay/relaytest"
)

// blinkRules have one alert that always fires, and one that fires for a while: long
// enough for three reports, which come every 65 s, and over for at least as long.
const blinkRules = `groups:
- name: test
  interval: 5s
  rules:
  - {alert: Watchdog, expr: vector(1), labels: {severity: none, team: ops}, annotations: {summary: all is well}}
  - {alert: Blink, expr: '(vector(time()) >= %d) < %d', labels: {severity: warning, team: ops}, annotations: {description: '{{ $value }} s'}}
`

// Feature 5: Prometheus posts to the relay as to an Alertmanager, under a prefix and
// without one, and resends at its default intervals. Blink is one incident. When
// Prometheus is gone, what it said expires when it said, and half a minute later.
func TestPrometheusDirect(t *testing.T) {
	t.Parallel()
	const (
		runs   = 6*time.Minute + 30*time.Second
		within = 30 * time.Second // of its end an alert has expired
		look   = 3 * time.Second  // that asking may take longer
	)
	type target struct{ prefix, source string }
	targets := []target{{"/in/prom_eu", "prom_eu"}, {"", "prometheus"}}
	r := startRelay(t, "")
	p := startProxy(t, r, 0)
	addr, dir := relaytest.FreeAddress(t), t.TempDir()
	began := time.Now()
	fires := began.Add(20 * time.Second) // the first moments it does not know to whom to send
	over := fires.Add(170 * time.Second)
	write(t, filepath.Join(dir, "rules.yml"), fmt.Sprintf(blinkRules, fires.Unix(), over.Unix()))
	config := "rule_files: [rules.yml]\nalerting:\n  alertmanagers:\n"
	for _, to := range targets {
		config += fmt.Sprintf("  - {path_prefix: '%s/', static_configs: [{targets: ['%s']}]}\n", to.prefix, strings.TrimPrefix(p.URL, "http://"))
	}
	write(t, filepath.Join(dir, "prometheus.yml"), config)
	cmd := relaytest.StartProgram(t, relaytest.Program(t, "prometheus", "prometheus"), "--config.file="+filepath.Join(dir, "prometheus.yml"),
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+addr, "--log.level=warn")

	amtoolPosts(t, r)

	time.Sleep(time.Until(began.Add(runs)))
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	stopped := time.Now()

	events := make(map[string][]alerts.Event) // "alertname source"
	read := func(alertname string) {
		for _, e := range r.history(alertname) {
			key := alertname + " " + e.Source
			events[key] = append(events[key], e)
		}
	}
	read("Blink")
	ends := make(map[string]time.Time)
	for _, to := range targets {
		path := to.prefix + "/api/v2/alerts"
		blink, watchdog := p.told(t, path, "Blink"), p.told(t, path, "Watchdog")
		all := events["Blink "+to.source]
		var kinds []string
		for _, e := range all {
			kinds = append(kinds, string(e.Kind))
		}
		if got := strings.Join(kinds, " "); got != "firing resolved" {
			t.Errorf("%s: Blink has the events %q, want firing and resolved", path, got)
		}
		if blink.fires < 3 || blink.over < 3 {
			t.Errorf("%s: Blink was posted %d times that it fires and %d times that it is over, want at least 3 of each", path, blink.fires, blink.over)
		}
		if blink.refused+watchdog.refused > 0 {
			t.Errorf("%s: %d posts were not answered with 200", path, blink.refused+watchdog.refused)
		}
		if watchdog.fires < 5 {
			t.Errorf("%s: Watchdog was posted %d times, want at least 5", path, watchdog.fires)
		}
		ends[to.source] = watchdog.lastEnd
		t.Logf("%s: Blink was posted %d times that it fires, %d times that it is over: %d events; Watchdog %d times",
			path, blink.fires, blink.over, len(all), watchdog.fires)
	}
	t.Logf("Prometheus ran for %s", stopped.Sub(began).Round(time.Second))

	// Both end at about the same time.
	for _, to := range targets {
		end := ends[to.source]
		channel := "/api/v1/alerts?match=alertname=Watchdog&match=source=" + to.source
		r.until("Watchdog of "+to.source+" has expired", time.Until(end)+within+look, func() bool {
			_, body := fetch(t, r.URL+channel)
			there := !strings.Contains(string(body), `"total":0`)
			if !there && time.Now().Before(end) {
				t.Errorf("Watchdog of %s has left %s before its end", to.source, time.Until(end))
			}
			return !there
		})
	}
	read("Watchdog")
	for _, to := range targets {
		all := events["Watchdog "+to.source]
		last := all[len(all)-1]
		if len(all) != 2 || last.Kind != alerts.KindExpired || last.Reason != "no news" {
			t.Errorf("Watchdog of %s has %d events, the last %s for the reason %q, want firing and expired for no news", to.source, len(all), last.Kind, last.Reason)
		}
		late := last.UpdatedAt.Sub(ends[to.source])
		between(t, "Watchdog of "+to.source+" has expired", late, 0, within)
		t.Logf("Watchdog of %s expired %s after the end that Prometheus gave, %s after it was stopped", to.source, brief(late), brief(last.UpdatedAt.Sub(stopped)))
	}
}

// amtoolPosts has amtool take the relay for an Alertmanager, whose answers it gives.
func amtoolPosts(t *testing.T, r *relay) {
	t.Helper()
	am := newAlertmanager(t)
	am.addr = strings.TrimPrefix(r.URL, "http://") + "/in/tool"
	am.fire("ByHand", "team=ops")
	if a := r.becomes("ByHand", alerts.Firing, 5*time.Second); a.Source != "tool" || a.Annotations["summary"] != "added by the test" {
		t.Errorf("got %+v", a)
	}
	am.resolve("ByHand", "team=ops")
	r.leaves("ByHand", 5*time.Second)
	r.hadEvents("ByHand", "firing resolved")
	am.amtool("alert", "add", "NoTimes", "team=ops") // ends after five minutes, as at an Alertmanager
	a := r.becomes("NoTimes", alerts.Firing, 5*time.Second)
	between(t, "an alert without an end would expire", a.ExpiresAt.Sub(a.LastSeen), 5*time.Minute+28*time.Second-cutOff, 5*time.Minute+30*time.Second)

	if status, text := post(t, r.URL+"/in/tool/api/v2/alerts", `[]`); status != http.StatusOK || text != "" {
		t.Errorf("a list of none: got %d %q, want 200 and nothing", status, text)
	}
	if status, text := post(t, r.URL+"/in/tool/api/v2/alerts", `[{"labels":{}}]`); status != http.StatusBadRequest || !strings.HasPrefix(text, `"`) {
		t.Errorf("an alert without labels: got %d %q, want 400 and a JSON string", status, text)
	}
	t.Log("amtool alert add fires and resolves at the relay")
}
