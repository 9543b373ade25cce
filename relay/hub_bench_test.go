package relay_test

import (
	"fmt"
	"testing"

	"alertrelay/relay"
)

// What one delivery costs the hub: append, wake, read and render, shared by the
// subscribers of one channel.
func BenchmarkDelivery(b *testing.B) {
	for _, subscribers := range []int{1, 100, 10_000} {
		b.Run(fmt.Sprint(subscribers, " subscribers"), func(b *testing.B) {
			f := ready(b, relay.HubOptions{})
			format, err := relay.NewFormat(relay.FormatOptions{Template: `{"id":~id~,"text":~text:json~}`, Framing: relay.FrameEventChunked})
			if err != nil {
				b.Fatal(err)
			}
			var woken []*relay.Subscription
			subs := make([]*relay.Subscription, subscribers)
			buf := make([]*relay.Entry, 64)
			for i := range subs {
				s, err := f.hub.Subscribe([]relay.Request{{Channel: "ch"}}, relay.Cursor{}, func() { woken = append(woken, subs[i]) })
				if err != nil {
					b.Fatal(err)
				}
				defer s.Close()
				subs[i] = s
				s.Peek(buf)
			}
			m := relay.Message{Channel: "ch", Time: f.now, Text: make([]byte, 200), Stored: true}
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				m.Seq++
				f.hub.Append(m)
				for _, s := range woken {
					for got := s.Peek(buf); len(got) > 0; got = s.Peek(buf) {
						for _, e := range got {
							n += len(e.Frame(format))
						}
						s.Advance(got)
					}
				}
				woken = woken[:0]
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*subscribers), "ns/delivery")
		})
	}
}
