package track_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"alertrelay/alerts"
	"alertrelay/alerts/alertstest"
	"alertrelay/alerts/track"
)

// many are alerts of real size.
func many(n int) []alerts.Alert {
	list := make([]alerts.Alert, n)
	for i := range list {
		a := alertstest.Firing("DiskFull")
		a.Labels = map[string]string{
			"alertname": "DiskFull", "team": "db", "severity": "critical", "instance": fmt.Sprintf("db-%05d.example.com:9100", i),
			"job": "node", "mountpoint": "/var/lib/postgresql", "cluster": "eu-west-1", "namespace": "databases",
		}
		a.Fingerprint = alerts.Fingerprint(a.Labels)
		a.Annotations = map[string]string{
			"summary":     fmt.Sprintf("Disk of db-%05d is 93%% full", i),
			"description": "The file system will be full in less than four hours if it goes on like this.",
			"runbook_url": "https://runbooks.example.com/DiskFull",
		}
		a.GeneratorURL = "http://prometheus.example.com:9090/graph?g0.expr=node_filesystem_avail_bytes+%3C+1e9&g0.tab=1"
		list[i] = a
	}
	return list
}

const benchAlerts = 5000

// BenchmarkRecord records new alerts, and then as many that are known.
func BenchmarkRecord(b *testing.B) {
	clock := newClock()
	r := start(b, startServer(b), alertstest.Options{Now: clock.now})
	batch := many(benchAlerts)
	for _, kind := range []string{"new", "repeats", "repeats within 5 s"} {
		b.Run(kind, func(b *testing.B) {
			b.ReportAllocs()
			for i := range b.N {
				b.StopTimer()
				switch kind {
				case "new":
					for n := range batch {
						batch[n].Fingerprint = fmt.Sprintf("%08x%08x", b.N*1000+i, n)
					}
				case "repeats":
					clock.add(time.Minute)
				}
				b.StartTimer()
				r.record(batch...)
			}
		})
	}
}

func BenchmarkList(b *testing.B) {
	const n = 20_000
	r := start(b, startServer(b), alertstest.Options{})
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for batch := many(n); len(batch) > 0; batch = batch[benchAlerts:] {
		r.record(batch[:benchAlerts]...)
	}
	r.current(track.Query{ID: "am-0000000000000000"})
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&after) // the server's and the hub's too
	b.Run("20000", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if list, _, err := r.List(track.Query{}); err != nil || len(list) != n {
				b.Fatal(err, len(list))
			}
		}
		b.ReportMetric((float64(after.HeapAlloc)-float64(before.HeapAlloc))/n, "heap-B/alert")
	})
	b.Run("some of 20000", func(b *testing.B) {
		match := matchers(b, `instance=~"db-0000.*"`)
		for b.Loop() {
			if list, _, err := r.List(track.Query{Match: match}); err != nil || len(list) != 10 {
				b.Fatal(err, len(list))
			}
		}
	})
}
