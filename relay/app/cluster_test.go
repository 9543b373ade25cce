package app_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"alertrelay/relay/client"
	"alertrelay/relay/relaytest"
)

// Relays on one NATS answer as one: one that is killed is left out within seconds,
// and one that starts again numbers messages as the other does.
func TestRelaysAnswerAsOne(t *testing.T) {
	n := relaytest.StartNATS(t)
	a, b := relaytest.Start(t, relaytest.UseNATS(n)), relaytest.Start(t, relaytest.UseNATS(n))
	a.Publish("ops", "first")
	here := a.Subscribe(client.SSE, "ops")
	there := b.Subscribe(client.WebSocket, "ops")
	stats := func(r *relaytest.Relay, want string) {
		t.Helper()
		relaytest.Eventually(t, want, func() bool {
			_, body := r.Get("/channels-stats?id=ops")
			return strings.Contains(body, want)
		})
	}
	stats(a, `"published_messages": 1, "stored_messages": 1, "subscribers": 2`)
	stats(b, `"published_messages": 1, "stored_messages": 1, "subscribers": 2`)
	relaytest.Eventually(t, "metrics count the peer", func() bool {
		_, body := a.Get("/metrics")
		return strings.Contains(body, "alertrelay_peers 1\n") && strings.Contains(body, "alertrelay_dropped_events_total 0\n")
	})

	a.Publish("ops", "second")
	b.Restart()
	b.Publish("ops", "third")
	here.Until("third")
	there.Until("third")
	samePlaces(t, []*relaytest.Subscription{here, there}, 2)
	stats(a, `"published_messages": 3`)
	stats(b, `"published_messages": 3`)

	// A third one, whose process is killed.
	addr := relaytest.FreeAddress(t)
	base := "http://" + addr
	args := []string{"serve", "--data", filepath.Join(t.TempDir(), "data"), "--listen", addr, "--nats-url", n.URL, "--log-level", "error"}
	cmd := relaytest.StartProcess(t, relaytest.Build(t, "alertrelay"), base, args)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/sub/ops", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	stats(a, `"subscribers": 3`)
	if _, body := a.Get("/channels-stats"); strings.Count(body, `"pid"`) != 3 || !strings.Contains(body, fmt.Sprintf(`{"pid": "%d", "subscribers": 1, `, cmd.Process.Pid)) {
		t.Errorf("by_worker does not have the three: %s", body)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	_ = cmd.Wait()
	stats(a, `"subscribers": 2`)
	if d := time.Since(begin); d > 5*time.Second {
		t.Errorf("a killed relay's subscribers counted for %v", d)
	}
}
