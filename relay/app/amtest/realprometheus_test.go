package amtest

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"alertrelay/alerts"
	"alertrelay/relay/apptest"
	"alertrelay/relay/relaytest"
)

const (
	evaluation  = time.Second
	resendDelay = 2 * time.Second
	// expiryGrace is how late a report may be after the end that the last one gave.
	expiryGrace = 28 * time.Second
)

// prometheus is a real one that has the relay for its Alertmanager.
type prometheus struct {
	program string
	args    []string
	addr    string
	cmd     *exec.Cmd
}

const blinkRules = `groups:
- name: test
  rules:
  - {alert: Watchdog, expr: vector(1), labels: {severity: none, team: ops}, annotations: {summary: all is well}}
  - {alert: Blink, expr: vector(time()) % 12 < 6, labels: {severity: warning, team: ops}, annotations: {description: '{{ $value }} s'}}
`

const vanishRules = `groups: [{name: test, rules: [{alert: Vanishes, expr: vector(1), labels: {team: ops}}]}]
`

// startPrometheus starts one that posts to the address, below a path of its own.
func startPrometheus(t *testing.T, address, path, rules, token string) *prometheus {
	t.Helper()
	dir := t.TempDir()
	p := &prometheus{program: relaytest.Program(t, "prometheus", "prometheus"), addr: relaytest.FreeAddress(t)}
	relaytest.WriteFile(t, filepath.Join(dir, "rules.yml"), rules)
	relaytest.WriteFile(t, filepath.Join(dir, "prometheus.yml"), fmt.Sprintf(`global: {evaluation_interval: %s}
rule_files: [rules.yml]
alerting:
  alertmanagers:
  - path_prefix: %s
    authorization: {credentials: %s}
    static_configs: [{targets: ['%s']}]
`, evaluation, path, token, strings.TrimPrefix(address, "http://")))
	p.args = []string{
		"--config.file=" + filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path=" + filepath.Join(dir, "data"),
		"--web.listen-address=" + p.addr, "--rules.alert.resend-delay=" + resendDelay.String(), "--log.level=warn",
	}
	p.start(t)
	return p
}

func (p *prometheus) start(t *testing.T) {
	t.Helper()
	p.cmd = relaytest.StartProgram(t, p.program, p.args...)
}

// stop has it end in order, and waits for that.
func (p *prometheus) stop(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = p.cmd.Wait()
}

// direct counts what Prometheus has posted below a path of one alert: how often it
// fires and how often it is over, and the last end that was given.
func (l *listener) direct(t *testing.T, path, alertname string) (fires, over int, lastEnd time.Time) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.posts {
		if p.path != path+"/api/v2/alerts" {
			continue
		}
		var list []struct {
			Labels map[string]string
			EndsAt time.Time
		}
		if err := json.Unmarshal([]byte(p.body), &list); err != nil {
			t.Fatalf("%v: %s", err, p.body)
		}
		for _, a := range list {
			if a.Labels["alertname"] != alertname {
				continue
			}
			if lastEnd = a.EndsAt; lastEnd.After(p.at) {
				fires++
			} else {
				over++
			}
		}
	}
	return fires, over, lastEnd
}

// Prometheus posts to the relay as to an Alertmanager: again and again what fires,
// and what is over. Each incident is two events. What it does not speak of any more
// expires when the last report said, and half a minute later.
func TestPrometheusPostsDirectly(t *testing.T) {
	t.Parallel()
	r := relaytest.Start(t, apptest.Settings(t, "sources: {prom_eu: {auth: {bearer: token-eu}}, prom_gone: {auth: {bearer: token-gone}}, tool: {}}\n"))
	proxy := listen(t, r)
	gone := startPrometheus(t, proxy.URL, "/in/prom_gone", vanishRules, "token-gone")
	eu := startPrometheus(t, proxy.URL, "/in/prom_eu", blinkRules, "token-eu")
	apptest.Becomes(t, r, "Vanishes", alerts.Firing)
	gone.stop(t)
	_, _, lastEnd := proxy.direct(t, "/in/prom_gone", "Vanishes")

	amtoolPosts(t, r)

	const incidents = 2
	blinks := func() []string { return apptest.Told(t, r.URL, "ops.warning.Blink.>") }
	relaytest.Eventually(t, "the rule blinks", func() bool { return len(blinks()) >= 2*incidents })
	got := blinks()
	for i, kind := range got {
		if want := []string{"Blink firing", "Blink resolved"}[i%2]; kind != want {
			t.Errorf("got the events %q", got)
			break
		}
	}
	fires, over, _ := proxy.direct(t, "/in/prom_eu", "Blink")
	if fires <= incidents || over <= incidents {
		t.Errorf("it was posted only %d times that it fires, and %d times that it is over", fires, over)
	}
	t.Logf("%d events of Blink: it was posted %d times that it fires, %d times that it is over", len(got), fires, over)

	refreshes, _, _ := proxy.direct(t, "/in/prom_eu", "Watchdog")
	if kinds := apptest.KindsOf(t, r.URL, "Watchdog"); !slices.Equal(kinds, []alerts.Kind{alerts.KindFiring}) || refreshes < 2 {
		t.Errorf("Watchdog was posted %d times, and has the events %q", refreshes, kinds)
	}

	// It is started anew, and its alerts begin anew: no resolve and no expiry in between.
	eu.stop(t)
	eu.start(t)
	relaytest.Eventually(t, "it posts again", func() bool {
		n, _, _ := proxy.direct(t, "/in/prom_eu", "Watchdog")
		return n > refreshes+1
	})
	kinds := apptest.KindsOf(t, r.URL, "Watchdog")
	if kinds = kinds[1:]; len(kinds) > 1 || len(kinds) == 1 && kinds[0] != alerts.KindUpdated {
		t.Errorf("after a restart of Prometheus Watchdog has the events %q more", kinds)
	}

	e := apptest.BecomesWithin(t, time.Until(lastEnd.Add(expiryGrace))+relaytest.Patience, r, "Vanishes", alerts.Expired)
	late := e.UpdatedAt.Sub(lastEnd)
	if late < expiryGrace || e.Reason != "no news" {
		t.Errorf("it expired %s after the end that Prometheus gave, for the reason %q", late, e.Reason)
	}
	t.Logf("expired %s after the end that the last report gave", late)
	gone.start(t)
	apptest.Becomes(t, r, "Vanishes", alerts.Firing)
	if kinds := apptest.KindsOf(t, r.URL, "Vanishes"); !slices.Equal(kinds, []alerts.Kind{alerts.KindFiring, alerts.KindExpired, alerts.KindFiring}) {
		t.Errorf("got the events %q", kinds)
	}
}

// amtoolPosts has amtool take the relay for an Alertmanager.
func amtoolPosts(t *testing.T, r *relaytest.Relay) {
	t.Helper()
	am := &apptest.Alertmanager{Addr: strings.TrimPrefix(r.URL, "http://") + "/in/tool", Tool: relaytest.Program(t, "prometheus-alertmanager", "amtool"), Began: time.Now()}
	am.Add(t, time.Time{}, "ByHand", "team=ops", "severity=info")
	if e := apptest.Becomes(t, r, "ByHand", alerts.Firing); e.Annotations["summary"] != "added by the test" || e.Source != "tool" {
		t.Errorf("got %+v", e)
	}
	am.Add(t, time.Now(), "ByHand", "team=ops", "severity=info")
	apptest.Becomes(t, r, "ByHand", alerts.Resolved)

	am.Addr = strings.TrimSuffix(am.Addr, "tool") + "prom_eu" // which wants a token
	out, err := exec.CommandContext(t.Context(), am.Tool, "--alertmanager.url=http://"+am.Addr, "alert", "add", "NoToken").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "401") {
		t.Errorf("without a token amtool says %v: %s", err, out)
	}
	config := filepath.Join(t.TempDir(), "amtool.yml")
	relaytest.WriteFile(t, config, "authorization: {credentials: token-eu}\n")
	am.Amtool(t, "--http.config.file="+config, "alert", "add", "WithToken", "team=ops")
	apptest.Becomes(t, r, "WithToken", alerts.Firing)
}
