package track_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"alertrelay/alerts"
	"alertrelay/alerts/alertstest"
	"alertrelay/alerts/track"
	"alertrelay/relay"
	"alertrelay/relay/feed"
	"alertrelay/relay/relaytest"
)

// A relay that ends between the event and the bucket leaves the bucket behind.
func TestCrashBeforeBucket(t *testing.T) {
	for _, tt := range []struct {
		name    string
		restart bool // else another relay mends it
	}{{"mended at the next start", true}, {"mended by another relay", false}} {
		t.Run(tt.name, func(t *testing.T) {
			clock, f, server := newClock(), &faults{}, startServer(t)
			js := client(t, server)
			a := start(t, server, f.into(alertstest.Options{Now: clock.now}))
			var others []*rig
			if !tt.restart {
				others = append(others, start(t, server, alertstest.Options{Now: clock.now}))
			}
			fires, ends, changes := alertstest.Firing("Fires"), alertstest.Firing("Ends"), alertstest.Firing("Changes")
			a.record(ends, changes)
			agree(t, js, append(others, a)...)
			f.putsFail.Store(1)
			a.refused(fires)
			f.putsFail.Store(1)
			a.refused(alertstest.Resolved(ends))
			silenced := alerts.Alert{
				Source: "am", Fingerprint: changes.Fingerprint, Status: alerts.Suppressed,
				Suppression: &alerts.Suppression{Kind: alerts.Silenced, ID: "s1"},
			}
			f.putsFail.Store(1)
			a.refused(silenced)
			a.Stop()
			if got := len(records(t, js)); got != 2 {
				t.Fatalf("the bucket has %d alerts, and was not written", got)
			}
			if tt.restart {
				others = append(others, start(t, server, alertstest.Options{Now: clock.now}))
			}
			repaired(t, clock, js, others...)
			if got := others[0].current(track.Query{}); len(got) != 2 || got[0].ExpiresAt.IsZero() || got[1].ExpiresAt.IsZero() {
				t.Errorf("got %+v", got)
			}
			// The sender does not know, and says it again.
			for _, a := range []alerts.Alert{fires, alertstest.Resolved(ends), silenced} {
				if got := others[0].record(a); got.Deduplicated != 1 {
					t.Errorf("%s: got %+v", a.Status, got)
				}
			}
		})
	}
}

// The incident before has left nothing behind in memory that the next would be
// mended with.
func TestCrashInSecondIncident(t *testing.T) {
	clock, f, server := newClock(), &faults{}, startServer(t)
	js := client(t, server)
	a := start(t, server, f.into(alertstest.Options{Now: clock.now}))
	b := start(t, server, alertstest.Options{Now: clock.now})
	direct := alertstest.Firing("Direct")
	direct.Direct, direct.ExpiresAt = true, clock.now().Add(4*time.Minute)
	a.record(direct)
	settle(t, a, b)
	clock.add(10 * time.Second)
	ended := alertstest.Resolved(direct)
	ended.EndsAt = clock.now()
	a.record(ended)
	settle(t, a, b)
	clock.add(10 * time.Minute)
	f.putsFail.Store(1)
	a.refused(direct)
	a.Stop()
	repaired(t, clock, js, b)
	if got := kinds(b.history(channelOf(direct))); got != "firing resolved firing" {
		t.Errorf("got %s", got)
	}
}

func TestAcknowledgementLost(t *testing.T) {
	clock, f, server := newClock(), &faults{}, startServer(t)
	js := client(t, server)
	a := start(t, server, f.into(alertstest.Options{Now: clock.now}))
	b := start(t, server, alertstest.Options{Now: clock.now})
	x := alertstest.Firing("X")
	for i, r := range []*rig{a, b, a} {
		f.loseAcks.Store(1)
		a.refused(x)
		if got := r.record(x); got.Deduplicated != 1 {
			t.Errorf("firing %d: got %+v", i, got)
		}
		f.loseAcks.Store(1)
		a.refused(alertstest.Resolved(x))
		if got := r.record(alertstest.Resolved(x)); got.Deduplicated != 1 {
			t.Errorf("resolved %d: got %+v", i, got)
		}
	}
	repaired(t, clock, js, a, b)
	if got := kinds(a.history(channelOf(x))); got != "firing resolved firing resolved firing resolved" {
		t.Errorf("got %s", got)
	}
}

func TestBucketDeleted(t *testing.T) {
	clock, server := newClock(), startServer(t)
	js := client(t, server)
	a := start(t, server, alertstest.Options{Now: clock.now})
	b := start(t, server, alertstest.Options{Now: clock.now})
	direct := alertstest.Firing("Direct")
	direct.Direct, direct.ExpiresAt = true, clock.now().Add(4*time.Minute).UTC().Truncate(time.Millisecond)
	a.record(alertstest.Firing("X"), alertstest.Firing("Y"), direct)
	// It is known only of the bucket and in memory.
	lost := alertstest.Firing("Lost")
	a.record(lost)
	agree(t, js, a, b)
	s, err := js.Stream(t.Context(), "ALERTS")
	must(t, err)
	must(t, s.Purge(t.Context(), jetstream.WithPurgeSubject("alerts."+channelOf(lost))))
	before := records(t, js)
	must(t, js.DeleteStream(t.Context(), "KV_"+feed.BucketName))
	relaytest.Eventually(t, "the bucket is there again", func() bool {
		_, err := js.KeyValue(t.Context(), feed.BucketName)
		return err == nil
	})
	relaytest.Eventually(t, "the bucket is written again", func() bool {
		settle(t, a, b)
		clock.add(6 * time.Second)
		settle(t, a, b)
		return len(records(t, js)) == 4
	})
	agree(t, js, a, b)
	for channel, r := range records(t, js) {
		if w := before[channel]; !r.LastSeen.Equal(w.LastSeen) || !r.ExpiresAt.Equal(w.ExpiresAt) || !r.StaleAt.Equal(w.StaleAt) || r.GroupKey != w.GroupKey {
			t.Errorf("%s: got %+v, want %+v", channel, r, w)
		}
	}
}

// A stream that is made anew knows of no alert, and counts from 1. What the bucket
// has goes on in it, and ends.
func TestStreamAnew(t *testing.T) {
	for _, restarted := range []bool{false, true} {
		t.Run(map[bool]string{false: "while the relays run", true: "while they are down"}[restarted], func(t *testing.T) {
			clock, server := newClock(), startServer(t)
			js := client(t, server)
			rigs := []*rig{start(t, server, alertstest.Options{Now: clock.now}), start(t, server, alertstest.Options{Now: clock.now})}
			x, y, ended := alertstest.Firing("X"), alertstest.Firing("Y"), alertstest.Firing("Ended")
			for range 5 { // so that the sequences are high
				rigs[0].record(ended)
				rigs[0].record(alertstest.Resolved(ended))
			}
			rigs[0].record(x, y)
			agree(t, js, rigs...)
			if restarted {
				rigs[0].Stop()
				rigs[1].Stop()
			}
			must(t, js.DeleteStream(t.Context(), "ALERTS"))
			if restarted {
				rigs = []*rig{start(t, server, alertstest.Options{Now: clock.now}), start(t, server, alertstest.Options{Now: clock.now})}
			} else {
				for _, r := range rigs {
					relaytest.Eventually(t, "the relay has the new stream", func() bool {
						_, head, err := r.List(track.Query{})
						return err == nil && head.Seq > 0 && head.Seq < 10
					})
				}
			}
			if got := rigs[1].current(track.Query{}); len(got) != 2 {
				t.Errorf("got %+v", got)
			}
			repaired(t, clock, js, rigs...)
			if got := rigs[0].record(x, alertstest.Resolved(y)); got.Deduplicated != 1 || got.Stored != 1 {
				t.Errorf("got %+v", got)
			}
			if got := rigs[1].record(alertstest.Resolved(x), alertstest.Firing("Z")); got.Stored != 2 {
				t.Errorf("got %+v", got)
			}
			repaired(t, clock, js, rigs...)
			if got := rigs[1].current(track.Query{}); len(got) != 1 || got[0].Labels["alertname"] != "Z" {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// The log keeps 30 days, and an alert may fire for longer.
func TestEventAgedOut(t *testing.T) {
	clock, server := newClock(), startServer(t)
	js := client(t, server)
	a := start(t, server, alertstest.Options{Now: clock.now})
	x, y := alertstest.Firing("X"), alertstest.Firing("Y")
	a.record(x, y)
	must(t, a.Acknowledge(t.Context(), x.ID(), "ann", ""))
	agree(t, js, a)
	s, err := js.Stream(t.Context(), "ALERTS")
	must(t, err)
	age := func(x alerts.Alert) {
		must(t, s.Purge(t.Context(), jetstream.WithPurgeSubject("alerts."+channelOf(x))))
	}
	age(x)
	age(y)
	clock.add(time.Minute)
	if got := a.record(x); got.Deduplicated != 1 { // it knows
		t.Errorf("got %+v", got)
	}
	if got := a.record(alertstest.Resolved(y)); got.Stored != 1 {
		t.Errorf("got %+v", got)
	}
	a.Stop()
	a, b := start(t, server, alertstest.Options{Now: clock.now}), start(t, server, alertstest.Options{Now: clock.now})
	for _, r := range []*rig{a, b} {
		if got := r.current(track.Query{}); len(got) != 1 || got[0].Ack == nil || got[0].ExpiresAt.IsZero() {
			t.Errorf("got %+v", got)
		}
	}
	agree(t, js, a, b)
	if got := a.record(x); got.Deduplicated != 1 {
		t.Errorf("got %+v", got)
	}
	age(x)
	if got := b.record(alertstest.Resolved(x)); got.Stored != 1 {
		t.Errorf("got %+v", got)
	}
	if got := a.record(x); got.Stored != 1 {
		t.Errorf("got %+v", got)
	}
	agree(t, js, a, b)
	if got := kinds(a.history(channelOf(x))); got != "resolved firing" {
		t.Errorf("got %s", got)
	}
}

// If every relay is down, who watches the bucket sees alerts leave in the end.
func TestEveryRelayDown(t *testing.T) {
	server := startServer(t)
	f := &faults{ttl: func(ttl time.Duration) time.Duration {
		if want := 8*time.Hour + 5*time.Minute + time.Hour; ttl > want || ttl < want-time.Minute {
			t.Errorf("got a ttl of %s, want %s", ttl, want)
		}
		return time.Second
	}}
	js := client(t, server)
	a := start(t, server, f.into(alertstest.Options{}))
	kv, err := js.KeyValue(t.Context(), feed.BucketName)
	must(t, err)
	w, err := kv.Watch(t.Context(), "db.>", jetstream.UpdatesOnly())
	must(t, err)
	defer func() { must(t, w.Stop()) }()
	a.record(alertstest.Firing("X"))
	a.Stop()
	for _, want := range []jetstream.KeyValueOp{jetstream.KeyValuePut, jetstream.KeyValuePurge} {
		select {
		case e := <-w.Updates():
			if e.Operation() != want {
				t.Fatalf("got %v, want %v", e.Operation(), want)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("no %v", want)
		}
	}
}

// A channel that somebody deletes is no alert any more, also after a restart.
func TestDeletedChannel(t *testing.T) {
	clock, server := newClock(), startServer(t)
	js := client(t, server)
	a, b := start(t, server, alertstest.Options{Now: clock.now}), start(t, server, alertstest.Options{Now: clock.now})
	x := alertstest.Firing("X")
	for range 3 {
		if got := a.record(x); got.Stored != 1 {
			t.Errorf("got %+v", got)
		}
		settle(t, a, b)
		_, err := b.Stream.DeleteChannel(t.Context(), channelOf(x), nil)
		must(t, err)
		agree(t, js, a, b)
		if got := a.record(alertstest.Resolved(x)); got.Ignored != 1 {
			t.Errorf("got %+v", got)
		}
		list, _, err := a.List(track.Query{Ended: true})
		must(t, err)
		if len(list) != 0 {
			t.Errorf("got %+v", list)
		}
	}
	a.Stop()
	a = start(t, server, alertstest.Options{Now: clock.now})
	repaired(t, clock, js, a, b)
	if got := a.current(track.Query{}); len(got) != 0 {
		t.Errorf("got %+v", got)
	}
}

// What is active is known from the log, however little of it is read at the start,
// and then it is what was so at the last message.
func TestHeadWithNothingRead(t *testing.T) {
	server := startServer(t)
	a := start(t, server, alertstest.Options{})
	x := alertstest.Firing("X")
	a.record(x)
	_, err := a.Stream.DeleteChannel(t.Context(), "another", nil) // a message for no channel
	must(t, err)
	a.current(track.Query{})
	a.Stop()
	b := start(t, server, alertstest.Options{WarmBytes: 1})
	entries, head, _ := b.Snapshot(func(string) bool { return true })
	if len(entries) != 1 || head.Seq < entries[0].Message().Seq || head.Time.IsZero() {
		t.Errorf("got %d alerts and the head %+v", len(entries), head)
	}
}

// Of a stream without messages for channels the head is the beginning of all. From
// there one can go on as long as nothing is missing.
func TestHeadOfNothing(t *testing.T) {
	server := startServer(t)
	a := start(t, server, alertstest.Options{})
	_, err := a.Stream.DeleteChannel(t.Context(), "another", nil)
	must(t, err)
	a.Stop()
	follow := func(r *rig) (*relay.Subscription, bool) {
		t.Helper()
		from := relay.Cursor{Time: time.Unix(0, 0), HasTag: true}
		s, resumed, err := r.Stream.Hub.Follow(t.Context(), []relay.Request{{Channel: ">"}}, from, feed.Snapshots{Tracker: r.Tracker}, nil)
		must(t, err)
		t.Cleanup(s.Close)
		return s, resumed
	}
	b := start(t, server, alertstest.Options{})
	if _, head, _ := b.Snapshot(func(string) bool { return true }); head != (track.Head{}) {
		t.Errorf("got the head %+v", head)
	}
	before, resumed := follow(b)
	if !resumed {
		t.Error("nothing has come, and it was begun anew")
	}
	b.record(alertstest.Firing("X"))
	b.current(track.Query{})
	after, resumed := follow(b)
	if !resumed {
		t.Error("all that has come is there, and it was begun anew")
	}
	for _, s := range []*relay.Subscription{before, after} {
		entries, err := s.Next(t.Context(), make([]*relay.Entry, 10))
		if err != nil || len(entries) != 1 || entries[0].Message().Seq != 2 {
			t.Errorf("got %v, %v, want the alert", entries, err)
		}
	}
	b.Stop()
	if _, resumed := follow(start(t, server, alertstest.Options{})); resumed {
		t.Error("goes on from before what was read at the start, of which there are no ends of channels")
	}
}
