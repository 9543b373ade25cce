package track_test

import (
	"testing"
	"time"

	"alertrelay/alerts"
	"alertrelay/alerts/alertstest"
	"alertrelay/alerts/track"
	"alertrelay/relay/relaytest"
)

const (
	silentChannels   = "_meta.critical.SourceSilent.*"
	watchdogChannels = "_meta.critical.WatchdogMissing.*"
)

// Two relays find out that a source and a watchdog are silent, and that they are
// not any more: each is one event.
func TestSilence(t *testing.T) {
	match, err := alerts.ParseMatchers([]string{`alertname="Watchdog"`})
	must(t, err)
	settings := track.Settings{
		Sources:   map[string]track.Source{"am": {SilentAfter: time.Minute}},
		Watchdogs: []track.Watchdog{{Match: match, Within: 3 * time.Minute}},
	}
	clock := newClock()
	server := startServer(t)
	a := start(t, server, alertstest.Options{Settings: settings, Now: clock.now})
	b := start(t, server, alertstest.Options{Settings: settings, Now: clock.now})
	dog := alertstest.Firing("Watchdog")
	for range 3 {
		a.record(dog)
		settle(t, a, b)
		if list := a.current(track.Query{}); len(list) != 1 {
			t.Errorf("both were heard of, got %+v", list)
		}
		clock.add(2 * time.Minute)
		relaytest.Eventually(t, "the source is silent", func() bool { return len(a.current(track.Query{})) == 2 })
		clock.add(2 * time.Minute)
		relaytest.Eventually(t, "the watchdog is missing", func() bool { return len(a.current(track.Query{})) == 3 })
		b.record(dog)
		relaytest.Eventually(t, "both are heard of", func() bool { return len(a.current(track.Query{})) == 1 })
	}
	settle(t, a, b)
	want := "firing resolved firing resolved firing resolved"
	if got := kinds(a.history(silentChannels)); got != want {
		t.Errorf("source: got %s", got)
	}
	if got := kinds(a.history(watchdogChannels)); got != want {
		t.Errorf("watchdog: got %s", got)
	}
}

// Times may be short. What is said more often than that is not missing for the relay
// that hears it, nor for another one that is behind with what the bucket says.
func TestHeardOften(t *testing.T) {
	match, err := alerts.ParseMatchers([]string{`alertname="Watchdog"`})
	must(t, err)
	settings := track.Settings{
		Sources:   map[string]track.Source{"am": {SilentAfter: 2 * time.Second}},
		Watchdogs: []track.Watchdog{{Match: match, Within: 2 * time.Second}},
	}
	clock, f, server := newClock(), &faults{}, startServer(t)
	clock.stands = time.Now()
	a := start(t, server, alertstest.Options{Now: clock.now}) // with other settings, until
	b := start(t, server, f.into(alertstest.Options{Settings: settings, Now: clock.now}))
	settings.Router = alertstest.Router(t)
	a.Configure(settings)
	dog := alertstest.Firing("Watchdog")
	a.record(dog)
	settle(t, a, b)
	f.deaf.Store(true)
	for range 12 {
		clock.add(900 * time.Millisecond)
		a.record(dog)
		clock.add(900 * time.Millisecond)
		settle(t, a, b)
	}
	if got := a.current(track.Query{}); len(got) != 1 {
		t.Errorf("got %+v", got)
	}
	if got := len(a.history(silentChannels)) + len(a.history(watchdogChannels)); got > 0 {
		t.Errorf("%d events say that something is missing", got)
	}
	clock.add(3 * time.Second)
	relaytest.Eventually(t, "both are missing", func() bool { return len(b.current(track.Query{})) == 3 })
}
