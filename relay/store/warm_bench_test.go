package store

import (
	"fmt"
	"runtime"
	"testing"

	"alertrelay/relay"
)

// BenchmarkWarmStart reads 100,000 messages of 10,000 channels into a hub.
func BenchmarkWarmStart(b *testing.B) {
	const n, channels = 100_000, 10_000
	rig := newRig(b)
	s, err := Open(b.Context(), rig.connect(), Options{})
	if err != nil {
		b.Fatal(err)
	}
	fill(b, rig.client(), 0, n, func(i int) string { return fmt.Sprintf("alerts.team.service%d", i%channels) })
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for b.Loop() {
		b.StopTimer()
		h, err := relay.NewHub(relay.HubOptions{})
		if err != nil {
			b.Fatal(err)
		}
		before := heap()
		b.StartTimer()
		stop := run(b, s, h)
		if err := h.WaitApplied(b.Context(), n); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		b.ReportMetric(float64(heap()-before)/n, "B/message")
		stop()
		h.Close()
		b.StartTimer()
	}
}

// BenchmarkPublish has 64 publishers wait for their acknowledgements.
func BenchmarkPublish(b *testing.B) {
	rig := newRig(b)
	s := rig.open(Options{})
	p := text("ops", "hello")
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			publish(b, s, p)
		}
	})
}
