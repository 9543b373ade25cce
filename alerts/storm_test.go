package alerts_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// 5,000 alerts in one request of 3 MB, each acknowledged by the store, in 3 s.
func TestStorm(t *testing.T) {
	s := openStore(t, startServer(t))
	srv := serve(t, setup{Events: s, RequestTimeout: time.Minute})
	storm := stormBody(5000)
	start := time.Now()
	mustPost(t, srv, storm, `{"received":5000,"stored":5000,"unchanged":0}`)
	first := time.Since(start)
	start = time.Now()
	mustPost(t, srv, storm, `{"received":5000,"stored":0,"unchanged":5000}`)
	t.Logf("%d bytes: %v, repeated: %v", len(storm), first, time.Since(start))
	if got := len(history(t, s, "web.warning.Storm.*")); got != 5000 {
		t.Errorf("got %d events, want 5000", got)
	}
	if first > 3*time.Second && !raceEnabled { // the race detector makes it several times slower
		t.Errorf("took %v, want less than 3s", first)
	}
}

func stormBody(n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"status":"firing","labels":{"alertname":"Storm","cluster":"eu-1","instance":"web-%05d.example:9100","job":"node","mountpoint":"/var/lib/data","severity":"warning","team":"web"},"annotations":{"description":"web-%05d.example:9100 of job node: /var/lib/data is filling and will be full within four hours at this rate.","runbook_url":"https://runbooks.example/Storm","summary":"web-%05d /var/lib/data is filling","value":"81%%"},"startsAt":"2026-11-22T06:59:06.046Z","endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://prom.example:9090/graph?g0.expr=up+%%3D%%3D+0&g0.tab=1","fingerprint":"%016x"}`, i, i, i, i)
	}
	return body(b.String())
}

func BenchmarkStorm(b *testing.B) {
	s := openStore(b, startServer(b))
	srv := serve(b, setup{Events: s})
	template := stormBody(5000)
	statuses := []string{"firing", "resolved"}
	b.SetBytes(int64(len(template)))
	for i := 0; b.Loop(); i++ {
		storm := strings.ReplaceAll(template, `"status":"firing"`, `"status":"`+statuses[i%2]+`"`)
		mustPost(b, srv, storm, `{"received":5000,"stored":5000,"unchanged":0}`)
	}
}
