package app_test

import (
	"bytes"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"alertrelay/relay/relaytest"
)

// A relay that holds 20,000 firing alerts needs less than 60 MB for them, beyond
// what it needs without. The bound is on the heap of the program, when the storm is
// over and the memory that took has been given back; what the system counts has
// also what lies between objects.
func TestMemoryOfHeldAlerts(t *testing.T) {
	t.Parallel()
	const storms, alertsEach, bound = 20, 1000, 60_000_000
	addr := relaytest.FreeAddress(t)
	base := "http://" + addr
	// Its own process, which other tests do not allocate in.
	cmd := relaytest.StartProcess(t, relaytest.Build(t, "alertrelay"), base, []string{"serve", "--data", filepath.Join(t.TempDir(), "data"), "--listen", addr, "--nats-listen", "", "--log-level", "error"})
	bareHeap, bareRSS := memory(t, base)
	for storm := range storms {
		body := notification(fmt.Sprintf(`{}:{cell="%d"}`, storm), alertsEach, func(i int) string { return heldAlert(storm*alertsEach + i) })
		relaytest.Eventually(t, "alerts are stored", func() bool { // a busy machine has senders try again
			return relaytest.Send(t, base+"/in/alertmanager/am", body).Status == http.StatusOK
		})
	}
	heap, rss := memory(t, base)
	for deadline := time.Now().Add(2 * time.Minute); heap-bareHeap > bound && time.Now().Before(deadline); heap, rss = memory(t, base) {
		time.Sleep(time.Second) // asking needs memory too, and what is given back is given back when it is quiet
	}
	t.Logf("heap %.1f MB, %.1f MB bare; resident %.1f MB, %.1f MB bare", heap/1e6, bareHeap/1e6, rss/1e6, bareRSS/1e6)
	if heap-bareHeap > bound {
		t.Errorf("the heap grew by %.1f MB, want at most %.1f", (heap-bareHeap)/1e6, bound/1e6)
	}
	if _, body := relaytest.Get(t.Context(), base+"/api/v1/alerts?limit=1"); !bytes.Contains(body, []byte(`"total":20000`)) {
		t.Errorf("it holds %.200s", body)
	}
	stopRelay(t, cmd)
}

// heldAlert is an alert of common size: 0.7 KB in a notification.
func heldAlert(i int) string {
	return fmt.Sprintf(`"status":"firing","labels":{"alertname":"DiskFull","cluster":"eu-1","instance":"web-%05d.example:9100","job":"node","mountpoint":"/var/lib/data","severity":"warning","team":"web"},`+
		`"annotations":{"description":"web-%05d.example:9100 of job node: /var/lib/data is filling and will be full within four hours at this rate.",`+
		`"runbook_url":"https://runbooks.example/DiskFull","summary":"web-%05d /var/lib/data is filling","value":"81%%"},`+
		`"startsAt":"2026-11-22T06:59:06.046Z","endsAt":"0001-01-01T00:00:00Z",`+
		`"generatorURL":"http://prom.example:9090/graph?g0.expr=up+%%3D%%3D+0&g0.tab=1","fingerprint":"%016x"`, i, i, i, i)
}

// memory is what a relay says of its heap, with what has not been collected yet,
// and what of its memory is resident.
func memory(t *testing.T, base string) (heap, rss float64) {
	t.Helper()
	_, text := relaytest.Get(t.Context(), base+"/metrics")
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch name {
		case "go_memstats_heap_alloc_bytes":
			heap, _ = strconv.ParseFloat(value, 64)
		case "process_resident_memory_bytes":
			rss, _ = strconv.ParseFloat(value, 64)
		}
	}
	if heap == 0 || rss == 0 {
		t.Fatalf("no figures of memory: %.200s", text)
	}
	return heap, rss
}
