package store

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"alertrelay/relay"
)

func newHub(t *testing.T, s *Store, o relay.HubOptions) *relay.Hub {
	t.Helper()
	o.Archive, o.StoredAt = s.Archive, s.StoredAt
	h, err := relay.NewHub(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}

// TestHub: subscribers that are far behind what the hub's buffer holds, and one
// that comes later, get everything once.
func TestHub(t *testing.T) {
	const n = 4000
	rig := newRig(t)
	s := rig.open(Options{MaxMsgsPerChannel: n})
	h := newHub(t, s, relay.HubOptions{BufferBytes: 100 << 10}) // about 200 messages
	run(t, s, h)
	eventually(t, "ready", h.Ready)

	type reader struct {
		name  string
		reqs  []relay.Request
		from  relay.Cursor
		match func(i int) bool
	}
	all := func(int) bool { return true }
	readers := []reader{
		{"one channel", []relay.Request{{Channel: "c.1"}}, relay.Cursor{}, func(i int) bool { return i%4 == 1 }},
		{"two channels", []relay.Request{{Channel: "c.1"}, {Channel: "c.2"}}, relay.Cursor{}, func(i int) bool { return i%4 == 1 || i%4 == 2 }},
		{"a wildcard", []relay.Request{{Channel: "c.*"}}, relay.Cursor{}, all},
		{"overlapping wildcards", []relay.Request{{Channel: "c.>"}, {Channel: "*.1"}}, relay.Cursor{}, all},
	}
	var wg sync.WaitGroup
	release := make(chan struct{})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	follow := func(r reader) {
		sub, err := h.Subscribe(r.reqs, r.from, nil)
		if err != nil {
			t.Fatal(r.name, err)
		}
		wg.Go(func() {
			defer sub.Close()
			<-release
			var want []int
			for i := range n {
				if r.match(i) {
					want = append(want, i)
				}
			}
			buf := make([]*relay.Entry, 16)
			seen := make(map[int]bool)
			for len(seen) < len(want) {
				got, err := sub.Next(ctx, buf)
				if err != nil {
					t.Errorf("%s: after %d of %d: %v", r.name, len(seen), len(want), err)
					return
				}
				for _, e := range got {
					i, err := strconv.Atoi(string(e.Message().Text))
					if err != nil || e.Control() != 0 {
						t.Errorf("%s: got %d %q", r.name, e.Control(), e.Message().Text)
						return
					}
					if want := want[len(seen)]; i != want {
						t.Errorf("%s: got %d, want %d", r.name, i, want)
						return
					}
					seen[i] = true
				}
			}
		})
	}
	for _, r := range readers {
		follow(r)
	}
	begin := time.Now()
	fill(t, rig.client(), 0, n, func(i int) string { return fmt.Sprint("alerts.c.", i%4) })
	if err := h.WaitApplied(ctx, n); err != nil {
		t.Fatal(err)
	}
	follow(reader{"from a time", []relay.Request{{Channel: "c.3"}}, relay.Cursor{Time: begin.Add(-2 * time.Second)}, func(i int) bool { return i%4 == 3 }})
	close(release)
	wg.Wait()
}

// TestHubRestart: a hub that is warmed from the end of the stream serves what is
// before it, and goes on with the numbers.
func TestHubRestart(t *testing.T) {
	const n = 2000
	rig := newRig(t)
	o := Options{MaxMsgsPerChannel: 300, Slack: 1, WarmBytes: 16 << 10}
	s := rig.open(o)
	h := newHub(t, s, relay.HubOptions{})
	stop := run(t, s, h)
	eventually(t, "ready", h.Ready)
	fill(t, rig.client(), 0, n, func(i int) string { return fmt.Sprint("alerts.c", i%4) })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := h.WaitApplied(ctx, n); err != nil {
		t.Fatal(err)
	}
	stop()

	s = rig.open(o)
	h = newHub(t, s, relay.HubOptions{})
	run(t, s, h)
	eventually(t, "ready", h.Ready)
	r := publish(t, s, text("c1", "new"))
	if err := h.WaitApplied(ctx, r.Seq); err != nil {
		t.Fatal(err)
	}
	st, ok := h.Channel("c1")
	if want := (relay.ChannelStats{Channel: "c1", Published: n/4 + 1, Stored: 302}); !ok || st != want {
		// The stream keeps 301, and the hub learns of the one that went only
		// by its own limits.
		t.Errorf("got %+v, want %+v", st, want)
	}
	rep, err := h.Replay(ctx, []relay.Request{{Channel: "c1", Backtrack: 200}}, relay.Cursor{})
	if err != nil || len(rep.Entries) != 200 {
		t.Fatalf("got %d entries, %v, want 200", len(rep.Entries), err)
	}
	for i, e := range rep.Entries {
		if want := uint64(n/4 + 1 - 199 + i); e.Message().ID != want {
			t.Fatalf("entry %d has number %d, want %d", i, e.Message().ID, want)
		}
	}
}
