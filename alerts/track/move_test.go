package track_test

import (
	"sync"
	"testing"
	"time"

	"alertrelay/alerts"
	"alertrelay/alerts/alertstest"
	"alertrelay/alerts/track"
	"alertrelay/relay/relaytest"
)

// teams puts alerts into channels of their teams only, and pages some.
func teams(t testing.TB) track.Settings {
	return track.Settings{Router: alertstest.Router(t, alerts.Route{Subject: "alerts.teams.{team}"})}
}

func teamChannel(a alerts.Alert) string { return "teams.db." + a.ID() }

func TestRoutesChange(t *testing.T) {
	clock, server := newClock(), startServer(t)
	js := client(t, server)
	a, b := start(t, server, alertstest.Options{Now: clock.now}), start(t, server, alertstest.Options{Now: clock.now})
	acked, kept, direct, pinned, ended := alertstest.Firing("Acked"), alertstest.Firing("Kept"), alertstest.Firing("Direct"), alertstest.Firing("Pinned"), alertstest.Firing("Ended")
	direct.Direct, direct.ExpiresAt = true, clock.now().Add(4*time.Minute)
	pinned.Changing = true
	a.record(acked, kept, direct, pinned, ended)
	a.record(alertstest.Resolved(ended))
	must(t, a.Acknowledge(t.Context(), acked.ID(), "ann", ""))
	a.record(alerts.Alert{
		Source: "am", Fingerprint: kept.Fingerprint, Status: alerts.Suppressed,
		Suppression: &alerts.Suppression{Kind: alerts.Silenced, ID: "s1", By: "bob"},
	})
	agree(t, js, a, b)
	before := records(t, js)
	clock.add(time.Minute)
	a.Configure(teams(t))
	b.Configure(teams(t)) // at once: one of each event
	relaytest.Eventually(t, "all have moved", func() bool {
		return a.history(teamChannel(acked)) != nil && a.history(teamChannel(kept)) != nil && a.history(teamChannel(direct)) != nil &&
			len(a.current(track.Query{Match: matchers(t, `status!="resolved"`)})) == 4 && len(records(t, js)) == 4
	})
	repaired(t, clock, js, a, b)
	for _, tt := range []struct {
		alert    alerts.Alert
		old, now string
	}{
		{acked, "firing acked moved", "firing"},
		{kept, "firing suppressed moved", "firing"},
		{direct, "firing moved", "firing"},
		{pinned, "firing", ""},
		{ended, "firing resolved", ""},
	} {
		old, now := a.history(channelOf(tt.alert)), a.history(teamChannel(tt.alert))
		if kinds(old) != tt.old || kinds(now) != tt.now {
			t.Errorf("%s: got %s, then %s", tt.alert.Labels["alertname"], kinds(old), kinds(now))
		}
		if tt.now == "" {
			continue
		}
		last := old[len(old)-1]
		if last.MovedTo != teamChannel(tt.alert) || last.Ack != nil || last.Suppression != nil {
			t.Errorf("got %+v", last)
		}
		r, was := records(t, js)[teamChannel(tt.alert)], before[channelOf(tt.alert)]
		if !r.LastSeen.Equal(was.LastSeen) || !r.StaleAt.Equal(was.StaleAt) || !r.ExpiresAt.Equal(was.ExpiresAt) || r.GroupKey != was.GroupKey {
			t.Errorf("got %+v, want the times of %+v", r, was)
		}
		if r.Status != was.Status || (r.Ack != nil) != (was.Ack != nil) || (r.Suppression != nil) != (was.Suppression != nil) {
			t.Errorf("got %+v, want %+v", r, was)
		}
	}
	b.record(alertstest.Resolved(acked), alertstest.Resolved(kept), alertstest.Resolved(pinned))
	agree(t, js, a, b)
	if got := a.current(track.Query{}); len(got) != 1 || got[0].Channel != teamChannel(direct) {
		t.Errorf("got %+v", got)
	}
}

func matchers(t testing.TB, texts ...string) alerts.Matchers {
	t.Helper()
	m, err := alerts.ParseMatchers(texts)
	must(t, err)
	return m
}

// A relay ends in the middle of moving; or a report is in the new channel before.
func TestRoutesChangeAndCrash(t *testing.T) {
	for _, tt := range []struct {
		name  string
		crash func(f *faults)
	}{
		{"after the event in the new channel", func(f *faults) { f.putsFail.Store(1 << 30) }},
		{"and does not know of the event in the new channel", func(f *faults) { f.loseAcks.Store(1 << 30) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			clock, f, server := newClock(), &faults{}, startServer(t)
			js := client(t, server)
			a := start(t, server, f.into(alertstest.Options{Now: clock.now}))
			x := alertstest.Firing("X")
			a.record(x)
			must(t, a.Acknowledge(t.Context(), x.ID(), "ann", ""))
			agree(t, js, a)
			tt.crash(f)
			a.Configure(teams(t))
			relaytest.Eventually(t, "it is in the new channel", func() bool { return a.history(teamChannel(x)) != nil })
			a.Stop()
			b := start(t, server, alertstest.Options{Now: clock.now, Settings: teams(t)})
			relaytest.Eventually(t, "it has moved", func() bool { return len(a1(b.current(track.Query{})).Channels) == 1 })
			repaired(t, clock, js, b)
			got := b.current(track.Query{})
			if len(got) != 1 || got[0].Channel != teamChannel(x) || got[0].Ack == nil || got[0].ExpiresAt.IsZero() {
				t.Errorf("got %+v", got)
			}
			if old, now := kinds(b.history(channelOf(x))), kinds(b.history(teamChannel(x))); old != "firing acked moved" || now != "firing" {
				t.Errorf("got %s, then %s", old, now)
			}
		})
	}
}

func a1(list []track.Current) track.Current {
	if len(list) != 1 {
		return track.Current{}
	}
	return list[0]
}

func TestReportBeforeMove(t *testing.T) {
	clock, server := newClock(), startServer(t)
	js := client(t, server)
	a := start(t, server, alertstest.Options{Now: clock.now})
	x := alertstest.Firing("X")
	a.record(x)
	must(t, a.Acknowledge(t.Context(), x.ID(), "ann", ""))
	a.Stop()
	// It is reported to relays with the new routes while these move it.
	b := start(t, server, alertstest.Options{Now: clock.now})
	c := start(t, server, alertstest.Options{Now: clock.now})
	var wg sync.WaitGroup
	for _, r := range []*rig{b, c} {
		wg.Go(func() {
			r.Configure(teams(t))
			r.record(x)
		})
	}
	wg.Wait()
	relaytest.Eventually(t, "it has moved", func() bool {
		one := a1(b.current(track.Query{}))
		return len(one.Channels) == 1 && one.Channel == teamChannel(x) && one.Ack != nil
	})
	repaired(t, clock, js, b, c)
}
