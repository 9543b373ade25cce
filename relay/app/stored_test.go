package app_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"alertrelay/relay/apptest"
	"alertrelay/relay/relaytest"
)

// What a sender was told is stored survives kill -9: its events once, what fires,
// and that a repeat is one.
func TestAlertsSurviveKill(t *testing.T) {
	t.Parallel()
	relay, dir := relaytest.Build(t, "alertrelay"), t.TempDir()
	addr, natsAddr := relaytest.FreeAddress(t), relaytest.FreeAddress(t)
	base := "http://" + addr
	args := []string{"serve", "--data", filepath.Join(dir, "data"), "--listen", addr, "--nats-listen", natsAddr, "--log-level", "error"}
	cmd := relaytest.StartProcess(t, relay, base, args)
	killed := func() {
		t.Helper()
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		cmd = relaytest.StartProcess(t, relay, base, args)
	}
	posted := func(body, want string) {
		t.Helper()
		if got := relaytest.Send(t, base+"/in/alertmanager/am", body); got.Status != http.StatusOK || strings.TrimSpace(got.Text) != want {
			t.Fatalf("got %d %s, want 200 %s", got.Status, got.Text, want)
		}
	}

	group3 := apptest.Fixture(t, "alertmanager/alertmanager-0.34.2-group3-firing.json")
	stored := func() {
		t.Helper()
		apptest.WasTold(t, base, "web.warning.DiskFull.>", "DiskFull firing", "DiskFull firing", "DiskFull firing")
		if n := len(apptest.Active(t, base, "web.warning.DiskFull.>")); n != 3 {
			t.Errorf("got %d active alerts, want 3", n)
		}
		nc := relaytest.Connect(t, "nats://"+natsAddr)
		defer nc.Close()
		js, err := jetstream.New(nc)
		if err != nil {
			t.Fatal(err)
		}
		stream, err := js.Stream(t.Context(), "ALERTS")
		if err != nil {
			t.Fatal(err)
		}
		info, err := stream.Info(t.Context(), jetstream.WithSubjectFilter("alerts.web.warning.DiskFull.>"))
		if err != nil || len(info.State.Subjects) != 3 {
			t.Errorf("the stream has %v, %v, want a subject per alert", info.State.Subjects, err)
		}
	}
	posted(group3, `{"received":3,"stored":3,"unchanged":0}`)
	stored()
	killed()
	stored()
	posted(group3, `{"received":3,"stored":0,"unchanged":3}`)
	stored()

	const many = 5000
	storm := notification("", many, func(i int) string {
		return fmt.Sprintf(`"status":"firing","labels":{"alertname":"Storm","team":"storm","severity":"warning","instance":"host-%d:9100"},
			"annotations":{"summary":"host-%d does not answer"},"startsAt":"2026-11-22T06:59:05.049Z"`, i, i)
	})
	begin := time.Now()
	posted(storm, fmt.Sprintf(`{"received":%d,"stored":%d,"unchanged":0}`, many, many))
	t.Logf("%d alerts in one POST of %d KB were stored in %s", many, len(storm)>>10, time.Since(begin))
	killed()
	if n := len(apptest.Active(t, base, "storm.>")); n != many {
		t.Errorf("after kill -9 %d alerts are active, want %d", n, many)
	}
	posted(storm, fmt.Sprintf(`{"received":%d,"stored":0,"unchanged":%d}`, many, many))
	if n := len(apptest.History(t, base, "storm.>")); n != many {
		t.Errorf("got %d events, want %d", n, many)
	}

	// Killed while it stores: the sender tries again, and each alert has one event.
	const some = 3000
	cut := notification("", some, func(i int) string {
		return fmt.Sprintf(`"status":"firing","labels":{"alertname":"Cut","team":"cut","instance":"host-%d"}`, i)
	})
	answer := make(chan relaytest.Answer, 1)
	go func() { answer <- relaytest.Send(t, base+"/in/alertmanager/am", cut) }()
	relaytest.Eventually(t, "some of them are stored", func() bool {
		return len(apptest.Polled(t, base, "cut.>", "since=1h")) > 0
	})
	killed()
	first := <-answer
	got := relaytest.Send(t, base+"/in/alertmanager/am", cut)
	if got.Status != http.StatusOK {
		t.Fatalf("once more: got %d %s", got.Status, got.Text)
	}
	if n := len(apptest.History(t, base, "cut.>")); n != some {
		t.Errorf("got %d events of %d alerts", n, some)
	}
	if n := len(apptest.Active(t, base, "cut.>")); n != some {
		t.Errorf("%d of %d alerts are active", n, some)
	}
	t.Logf("killed: %d %s; once more: %s", first.Status, first.Text, got.Text)
	stopRelay(t, cmd)
}

// notification is one of Alertmanager with n alerts; alert gives what is between
// the braces of each.
func notification(groupKey string, n int, alert func(i int) string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `{"version":"4","receiver":"relay","groupKey":%q,"externalURL":"http://am.example:9093","truncatedAlerts":0,"alerts":[`, groupKey)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("{" + alert(i) + "}")
	}
	b.WriteString("]}")
	return b.String()
}

// While JetStream is away, senders are told to come again, on every address; what
// they then post is stored once.
func TestAlertsWhileNATSIsAway(t *testing.T) {
	t.Parallel()
	n := relaytest.StartNATS(t)
	r := relaytest.Start(t, relaytest.UseNATS(n))
	group3 := apptest.Fixture(t, "alertmanager/alertmanager-0.25.0-group3-firing.json")
	relaytest.Post(t, r.URL+"/in/alertmanager/before", group3, http.StatusOK)
	bodies := map[string]string{
		"/in/alertmanager/am":      group3,
		"/in/alertmanager/before":  group3, // a repeat, which must be noted too
		"/in/prom/api/v2/alerts":   `[{"labels":{"alertname":"Direct","team":"web"}}]`,
		"/in/grafana/grafana":      apptest.Fixture(t, "grafana/grafana-alerting-resolved.json"),
		"/in/pagerduty/pd":         apptest.Fixture(t, "pagerduty/trigger.json"),
		"/in/generic/script":       `{"id":"backup","status":"firing"}`,
		"/in/uptime-kuma/unmapped": `{"msg":"what may this be"}`, // not kept is not answered with 422
		"/in/json/no_mapping":      `{}`,
	}
	n.Stop()
	for path, body := range bodies {
		if path == "/in/grafana/grafana" { // the resolve of what does not fire
			continue
		}
		if got := relaytest.Send(t, r.URL+path, body); got.Status != http.StatusServiceUnavailable {
			t.Errorf("%s: got %d %s, want 503", path, got.Status, got.Text)
		}
	}
	n.Restart()
	relaytest.Eventually(t, "the relay is ready again", r.Ready)
	for path, body := range bodies {
		want := http.StatusOK
		switch path {
		case "/in/pagerduty/pd":
			want = http.StatusAccepted
		case "/in/uptime-kuma/unmapped", "/in/json/no_mapping":
			want = http.StatusUnprocessableEntity
		}
		if got := relaytest.Send(t, r.URL+path, body); got.Status != want {
			t.Errorf("%s: got %d %s, want %d", path, got.Status, got.Text, want)
		}
	}
	apptest.CaughtUp(t, r.URL)
	for channels, want := range map[string]int{
		"web.warning.DiskFull.>": 6, "web._.Direct.>": 1, "_.critical.>": 1, "_._.backup.>": 1, "_meta.deadletter.>": 2,
	} {
		if got := apptest.Polled(t, r.URL, channels, "since=1h"); len(got) != want {
			t.Errorf("%s has %d messages, want %d: %v", channels, len(got), want, got)
		}
	}
}
