package track_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"alertrelay/alerts"
	"alertrelay/alerts/alertstest"
	"alertrelay/alerts/track"
	"alertrelay/relay"
)

// direct is an alert as Prometheus says it: it ends soon if it is not said again.
func direct(name string, c *clock) alerts.Alert {
	a := alertstest.Firing(name)
	a.Direct, a.ExpiresAt, a.GroupKey, a.Receiver = true, c.now().Add(4*time.Minute+30*time.Second), "", ""
	return a
}

// shown is what the relay shows, "X firing, Y stale", without alerts of its own.
func (r *rig) shown() string {
	r.t.Helper()
	var all []string
	for _, c := range r.current(track.Query{}) {
		if c.Source != alerts.OwnSource {
			all = append(all, c.Labels["alertname"]+" "+string(c.Status))
		}
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// While no relay has run, nobody could have heard of an alert. Its sender has a
// lifetime to say it again.
func TestSleptThrough(t *testing.T) {
	c := newClock()
	c.stands = time.Now()
	server := startServer(t)
	r := start(t, server, alertstest.Options{Now: c.now})
	r.record(alertstest.Firing("Repeated"), direct("Direct", c))
	settle(t, r)
	r.Stop()
	c.add(9 * time.Hour)
	r = start(t, server, alertstest.Options{Now: c.now})
	settle(t, r)
	if got, want := r.shown(), "Direct firing, Repeated stale"; got != want {
		t.Fatalf("at the start: got %s, want %s", got, want)
	}
	c.add(4*time.Minute + 59*time.Second)
	settle(t, r)
	if got, want := r.shown(), "Direct firing, Repeated stale"; got != want {
		t.Errorf("after a while: got %s, want %s", got, want)
	}
	c.add(2 * time.Second)
	settle(t, r)
	if got, want := r.shown(), "Repeated stale"; got != want {
		t.Errorf("after the life of what is direct: got %s, want %s", got, want)
	}
	c.add(8 * time.Hour)
	settle(t, r)
	if got, want := r.shown(), ""; got != want {
		t.Errorf("after the life of what is repeated: got %s, want nothing", got)
	}
}

// Another relay that has run all along knows that nothing was said.
func TestAnotherHasListened(t *testing.T) {
	c := newClock()
	c.stands = time.Now()
	server := startServer(t)
	a, b := start(t, server, alertstest.Options{Now: c.now}), start(t, server, alertstest.Options{Now: c.now})
	b.record(direct("Direct", c))
	b.Stop()
	c.add(5 * time.Minute)
	b = start(t, server, alertstest.Options{Now: c.now})
	settle(t, a, b)
	if got := b.shown(); got != "" {
		t.Errorf("got %s, want nothing", got)
	}
}

// What a source would say is not known while it says nothing: its alerts are stale,
// and none ends. When it speaks again it has a lifetime to say them all.
func TestNothingEndsWhileItsSenderIsSilent(t *testing.T) {
	match, err := alerts.ParseMatchers([]string{`alertname="Watchdog"`})
	must(t, err)
	for name, settings := range map[string]track.Settings{
		"source":   {Sources: map[string]track.Source{"am": {SilentAfter: 2 * time.Minute}}},
		"watchdog": {Watchdogs: []track.Watchdog{{Match: match, Within: 2 * time.Minute}}},
	} {
		t.Run(name, func(t *testing.T) {
			c := newClock()
			c.stands = time.Now()
			server := startServer(t)
			a, b := start(t, server, alertstest.Options{Settings: settings, Now: c.now}), start(t, server, alertstest.Options{Settings: settings, Now: c.now})
			a.record(direct("GoesOn", c), direct("Over", c), direct("Watchdog", c))
			settle(t, a, b)
			for range 3 {
				c.add(3 * time.Minute)
				settle(t, a, b)
			}
			const all = "GoesOn stale, Over stale, Watchdog stale"
			if got := b.shown(); got != all {
				t.Errorf("silent: got %s, want %s", got, all)
			}
			b.Stop()
			c.add(3 * time.Hour)
			b = start(t, server, alertstest.Options{Settings: settings, Now: c.now})
			settle(t, b, a)
			c.add(10 * time.Minute)
			settle(t, b, a)
			if got := b.shown(); got != all {
				t.Errorf("after a restart: got %s, want %s", got, all)
			}
			b.record(direct("Watchdog", c))
			settle(t, a, b)
			c.add(100 * time.Second)
			a.record(direct("GoesOn", c), direct("Watchdog", c))
			settle(t, a, b)
			if got, want := a.shown(), "GoesOn firing, Over stale, Watchdog firing"; got != want {
				t.Errorf("it speaks again: got %s, want %s", got, want)
			}
			c.add(100 * time.Second)
			a.record(direct("Watchdog", c))
			settle(t, a, b)
			c.add(110 * time.Second)
			settle(t, a, b)
			if got, want := a.shown(), "GoesOn firing, Watchdog firing"; got != want {
				t.Errorf("a lifetime later: got %s, want %s", got, want)
			}
			for name, want := range map[string]string{"GoesOn": "firing stale fresh", "Over": "firing stale expired"} {
				if got := kinds(a.history(channelOf(alertstest.Firing(name)))); got != want {
					t.Errorf("%s: got %s, want %s", name, got, want)
				}
			}
		})
	}
}

// What was said while the store was away was not heard.
func TestRefused(t *testing.T) {
	c, f := newClock(), &faults{}
	c.stands = time.Now()
	r := start(t, startServer(t), f.into(alertstest.Options{Now: c.now}))
	r.record(direct("GoesOn", c))
	for range 4 { // as often as Prometheus says it
		c.add(time.Minute)
		f.putsFail.Store(1 << 30)
		if _, err := r.Record(t.Context(), alerts.Batch{Source: "am", Alerts: []alerts.Alert{direct("GoesOn", c)}}); err == nil {
			t.Error("the store is away, and the report was taken")
		}
		f.putsFail.Store(0)
	}
	c.add(50 * time.Second)
	settle(t, r)
	if got, want := r.shown(), "GoesOn firing"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	c.add(10 * time.Second)
	r.record(direct("GoesOn", c))
	c.add(6 * time.Minute)
	settle(t, r)
	if got := kinds(r.history(channelOf(alertstest.Firing("GoesOn")))); got != "firing expired" {
		t.Errorf("got %s", got)
	}
}

// An alert that is heard of again is fresh by the log first. Whoever sweeps before the
// bucket says so too does not take it for stale once more.
func TestFreshBeforeItsRecord(t *testing.T) {
	c, f := newClock(), &faults{}
	c.stands = time.Now()
	server := startServer(t)
	a, b := start(t, server, f.into(alertstest.Options{Now: c.now})), start(t, server, alertstest.Options{Now: c.now})
	a.record(alertstest.Firing("X"))
	c.add(5 * time.Hour)
	settle(t, a, b)
	f.putsFail.Store(1 << 30)
	if _, err := a.Record(t.Context(), alerts.Batch{Source: "am", Alerts: []alerts.Alert{alertstest.Firing("X")}}); err == nil {
		t.Error("the bucket is away, and the report was taken")
	}
	for range 3 {
		settle(t, b)
	}
	if got, want := kinds(b.history(channelOf(alertstest.Firing("X")))), "firing stale fresh"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// meanwhile does something just before an event of a kind is stored.
type meanwhile struct {
	track.EventLog
	kind alerts.Kind
	do   func()
}

func (l meanwhile) Publish(ctx context.Context, p relay.Publication) (relay.Receipt, error) {
	if e, err := alerts.ParseEvent(p.Text); err == nil && e.Kind == l.kind {
		l.do()
	}
	return l.EventLog.Publish(ctx, p)
}

// A report that comes while a sweep finds out that there was none counts, though it
// finds the alert firing and so is no event.
func TestHeardInThatMoment(t *testing.T) {
	for kind, want := range map[alerts.Kind]string{alerts.KindStale: "firing stale fresh", alerts.KindExpired: "firing expired firing"} {
		t.Run(string(kind), func(t *testing.T) {
			c, server := newClock(), startServer(t)
			c.stands = time.Now()
			report := func() alerts.Alert {
				if kind == alerts.KindExpired {
					return direct("X", c)
				}
				return alertstest.Firing("X")
			}
			var speaks *rig // who hears of it in that moment: the one that sweeps, or another
			var once sync.Once
			hear := func(l track.EventLog) track.EventLog {
				return meanwhile{l, kind, func() {
					once.Do(func() {
						if got := speaks.record(report()); got.Deduplicated != 1 {
							t.Errorf("the report is no refresh: %+v", got)
						}
					})
				}}
			}
			for _, other := range []bool{false, true} {
				once = sync.Once{}
				r := start(t, server, alertstest.Options{Now: c.now, Events: hear})
				if speaks = r; other {
					speaks = start(t, server, alertstest.Options{Now: c.now, Events: hear})
				}
				r.record(report())
				settle(t, r)
				c.add(5 * time.Hour)
				if kind == alerts.KindExpired {
					c.add(-4 * time.Hour)
				}
				for range 2 {
					settle(t, r)
				}
				channel := channelOf(alertstest.Firing("X"))
				if got := kinds(r.history(channel)); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
				if got := r.shown(); got != "X firing" {
					t.Errorf("got %s, want X firing", got)
				}
				if got := records(t, client(t, server))[channel]; !got.LastSeen.Equal(c.now().UTC().Truncate(time.Millisecond)) || got.Status != alerts.Firing {
					t.Errorf("the bucket has %+v", got)
				}
				r.record(alertstest.Resolved(report()))
				_, err := r.Stream.DeleteChannel(t.Context(), channel, nil)
				must(t, err)
				speaks.Stop()
				r.Stop()
			}
		})
	}
}
