package amtest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"alertrelay/alerts"
	"alertrelay/relay/apptest"
	"alertrelay/relay/client"
	"alertrelay/relay/relaytest"
)

// statusOf is "alertname status" of each message, as they came.
func statusOf(t *testing.T, s *relaytest.Subscription) []string {
	t.Helper()
	var all []string
	for _, m := range s.Messages() {
		e := apptest.Event(t, m.Text)
		all = append(all, e.Labels["alertname"]+" "+string(e.Status))
	}
	return all
}

func TestAlertmanager(t *testing.T) {
	t.Parallel()
	r := relaytest.Start(t)
	am := apptest.StartAlertmanager(t, r)
	subs := []*relaytest.Subscription{r.Subscribe(client.SSE, ">"), r.Subscribe(client.WebSocket, ">")}
	overNATS := relaytest.SubscribeNATS(t, r.NATSURL)

	am.Add(t, time.Time{}, "DiskFull", "severity=critical", "team=db")
	for _, s := range subs {
		m := s.Await(1)[0]
		e := apptest.Event(t, m.Text)
		if e.Status != alerts.Firing || e.Labels["alertname"] != "DiskFull" || e.Annotations["summary"] != "added by the test" || e.Receiver != "relay" {
			t.Errorf("%s: got %s", s.Name(), m.Text)
		}
		if want := "db.critical.DiskFull." + e.ID; m.Channel != want {
			t.Errorf("%s: got channel %s, want %s", s.Name(), m.Channel, want)
		}
		if took := m.At.Sub(e.UpdatedAt); took > time.Second {
			t.Errorf("%s: it came %s after the notification", s.Name(), took)
		}
	}
	if got := relaytest.NextNATS(t, overNATS); !strings.HasPrefix(got, "alerts.db.critical.DiskFull.am-") || !strings.Contains(got, `"status":"firing"`) {
		t.Errorf("a NATS subscriber got %s", got)
	}

	am.Add(t, time.Now(), "DiskFull", "severity=critical", "team=db")
	for _, s := range subs {
		s.Await(2)
		if got, want := statusOf(t, s), []string{"DiskFull firing", "DiskFull resolved"}; !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", s.Name(), got, want)
		}
	}
	if got := relaytest.NextNATS(t, overNATS); !strings.Contains(got, `"status":"resolved"`) {
		t.Errorf("a NATS subscriber got %s", got)
	}
}

// A group comes in one notification, again and again as long as one of it fires;
// of each alert there is one event per change.
func TestAlertmanagerSendsGroups(t *testing.T) {
	t.Parallel()
	r := relaytest.Start(t)
	am := apptest.StartAlertmanager(t, r, "group_by: ['...']", "group_by: [team]", "group_interval: 5s", "group_interval: 2s", "repeat_interval: 1m", "repeat_interval: 2s")
	s := r.Subscribe(client.SSE, "web.>")
	names := []string{"DiskFull", "Latency", "Errors"}
	for _, name := range names {
		am.Add(t, time.Time{}, name, "severity=warning", "team=web")
	}
	s.Await(3)
	repeated := func(n int) func() bool { // the group has come again after n alerts were new
		return func() bool { return metric(t, r, `alertrelay_alerts_deduplicated_total{source="am"}`) >= n }
	}
	relaytest.Eventually(t, "the group comes again", repeated(3))
	am.Add(t, time.Now(), "Latency", "severity=warning", "team=web")
	s.Await(4)
	for _, name := range []string{"DiskFull", "Errors"} {
		am.Add(t, time.Now(), name, "severity=warning", "team=web")
	}
	s.Await(6)
	got := statusOf(t, s)
	slices.Sort(got)
	want := []string{"DiskFull firing", "DiskFull resolved", "Errors firing", "Errors resolved", "Latency firing", "Latency resolved"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if posts := metric(t, r, `alertrelay_alerts_received_total{source="am"}`); posts <= 6 {
		t.Errorf("got %d alerts in all, so no group came as a whole", posts)
	}
}

// metric is the value of a metric in the relay's /metrics, 0 if it is not there.
func metric(t *testing.T, r *relaytest.Relay, name string) int {
	t.Helper()
	_, body := r.Get("/metrics")
	for line := range strings.Lines(body) {
		if value, found := strings.CutPrefix(line, name+" "); found {
			var n int
			if _, err := fmt.Sscan(value, &n); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			return n
		}
	}
	return 0
}

// Two Alertmanagers that do not hear of each other are an HA pair at its worst:
// both send everything, at the same time, to relays that share a stream.
func TestTwoAlertmanagersTwoRelays(t *testing.T) {
	t.Parallel()
	n := relaytest.StartNATS(t)
	a, b := relaytest.Start(t, relaytest.UseNATS(n)), relaytest.Start(t, relaytest.UseNATS(n))
	one, two := apptest.StartAlertmanager(t, a), apptest.StartAlertmanager(t, b)
	two.Began = one.Began
	subs := []*relaytest.Subscription{a.Subscribe(client.SSE, ">"), b.Subscribe(client.SSE, ">")}

	const alerts = 5
	both := func(end time.Time) {
		var wg sync.WaitGroup
		for _, am := range []*apptest.Alertmanager{one, two} {
			wg.Go(func() {
				for i := range alerts {
					am.Add(t, end, fmt.Sprint("Pair", i), "severity=warning", "team=ha")
				}
			})
		}
		wg.Wait()
	}
	both(time.Time{})
	heard := func(times int) func() bool {
		return func() bool {
			for _, r := range []*relaytest.Relay{a, b} {
				if metric(t, r, `alertrelay_alerts_received_total{source="am"}`) < times*alerts {
					return false
				}
			}
			return true
		}
	}
	relaytest.Eventually(t, "both relays were told that they fire", heard(1))
	both(time.Now())
	relaytest.Eventually(t, "both relays were told that they are resolved", heard(2))
	apptest.PostPayload(t, a, "0.34.2-group3-firing")
	for _, s := range subs {
		s.Await(2*alerts + 3)
		got := statusOf(t, s)[:2*alerts]
		slices.Sort(got)
		var want []string
		for i := range alerts {
			want = append(want, fmt.Sprintf("Pair%d firing", i), fmt.Sprintf("Pair%d resolved", i))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", s.Name(), got, want)
		}
	}
}

// The same body again, and at two relays at once: one event of each alert.
func TestSameNotificationAgain(t *testing.T) {
	n := relaytest.StartNATS(t)
	a, b := relaytest.Start(t, relaytest.UseNATS(n)), relaytest.Start(t, relaytest.UseNATS(n))
	s := b.Subscribe(client.SSE, ">")
	for range 2 {
		apptest.PostPayload(t, a, "0.34.2-single-firing")
	}
	var wg sync.WaitGroup
	for i, r := range []*relaytest.Relay{a, b, a, b, a, b, a, b} {
		wg.Go(func() { apptest.PostPayload(t, r, fmt.Sprintf("0.34.2-ha-duplicate-from-am%d", i%2+1)) })
	}
	wg.Wait()
	a.Publish("web.last", "last")
	if got := s.Until("last"); len(got) != 3 {
		t.Errorf("got %d messages, want an event of each of two alerts, and the last: %q", len(got), got)
	}
}

// From a rule in a real Prometheus to the board's channel.
func TestPrometheus(t *testing.T) {
	t.Parallel()
	program := relaytest.Program(t, "prometheus", "prometheus")
	r := relaytest.Start(t)
	am := apptest.StartAlertmanager(t, r)
	s := r.Subscribe(client.SSE, ">") // what the board follows
	addr := relaytest.FreeAddress(t)
	config := apptest.Example(t, "prometheus.yml", "127.0.0.1:9093", am.Addr, "127.0.0.1:9090", addr,
		"127.0.0.1:8080", strings.TrimPrefix(r.URL, "http://"), "evaluation_interval: 5s", "evaluation_interval: 1s", "rules.yml", apptest.Example(t, "rules.yml"))
	// What it sends first is lost, because it does not know the Alertmanager yet.
	relaytest.StartProgram(t, program, "--config.file="+config, "--storage.tsdb.path="+t.TempDir(), "--web.listen-address="+addr,
		"--rules.alert.resend-delay=2s", "--log.level=warn")
	relaytest.Eventually(t, "Watchdog fires", func() bool { return slices.Contains(statusOf(t, s), "Watchdog firing") })
	for _, m := range s.Messages() {
		if e := apptest.Event(t, m.Text); e.Labels["alertname"] == "Watchdog" && !strings.HasPrefix(m.Channel, "ops.none.Watchdog.am-") {
			t.Errorf("Watchdog is in channel %s", m.Channel)
		}
	}
	relaytest.Eventually(t, "Prometheus scrapes the relay", func() bool {
		_, body := relaytest.Get(t.Context(), "http://"+addr+"/api/v1/query?query=alertrelay_ready")
		return bytes.Contains(body, []byte(`"1"]`))
	})
}
