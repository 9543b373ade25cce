//go:build acceptance

package acceptance

import (
	"fmt"
	"testing"
	"time"

	"alertrelay/alerts"
)

const (
	// poll is how often the relay asks an Alertmanager, by default.
	poll = 30 * time.Second
	// minUptime is how long an Alertmanager must be up to be believed.
	minUptime = 5 * time.Minute
	// cleared is by when what an Alertmanager does not have any more must be gone.
	cleared = 2*poll + 5*time.Second
)

// Feature 3, with api: what is silenced or inhibited and then over leaves within two
// looks; and not before its Alertmanager is up for five minutes.
func TestGhostsWithAPI(t *testing.T) {
	t.Parallel()
	am := newAlertmanager(t)
	r := startRelay(t, fmt.Sprintf("sources: {am: {api: ['http://%s'], repeat_interval: 5m, group_interval: 15s}}\n", am.addr))
	am.run(r.URL, 5*time.Minute)
	up := am.up()

	stays := [][]string{
		{"Stays", "team=day"},
		{"InhibitsEarly", "team=core", "site=early", "severity=critical"},
		{"InhibitsLate", "team=core", "site=late", "severity=critical"},
	}
	silenced := map[string][]string{"SilencedEarly": {"team=early"}, "SilencedLate": {"team=late", "source=sensor"}}
	inhibited := map[string][]string{
		"InhibitedEarly": {"team=edge", "site=early", "severity=warning"},
		"InhibitedLate":  {"team=border", "site=late", "severity=warning"},
	}
	var names []string
	for _, all := range []map[string][]string{silenced, inhibited, {"AtOnce": {"team=once"}}} {
		for name, labels := range all {
			am.fire(append([]string{name}, labels...)...)
			names = append(names, name)
		}
	}
	for _, name := range names {
		r.becomes(name, alerts.Firing, 10*time.Second)
	}
	for name := range silenced {
		am.silence(name)
	}
	for _, labels := range stays {
		am.fire(labels...)
	}
	began := time.Now()
	for name := range silenced {
		if a := r.becomes(name, alerts.Suppressed, poll+5*time.Second-time.Since(began)); a.Suppression.By != "ada" {
			t.Errorf("%s: got %+v, want who has silenced it", name, a.Suppression)
		}
	}
	for name := range inhibited {
		r.becomes(name, alerts.Suppressed, poll+5*time.Second-time.Since(began))
	}
	t.Logf("all were suppressed %s after that", brief(time.Since(began)))

	// gone waits until alerts have left, which fire no more on any screen meanwhile.
	gone := func(from time.Time, within time.Duration, names ...string) (delays []time.Duration) {
		t.Helper()
		for _, name := range names {
			r.until(name+" has left", within-time.Since(from), func() bool {
				a, ok := r.alert(name)
				if ok && a.Status != alerts.Suppressed && name != "AtOnce" {
					t.Errorf("%s is shown as %s after it was over", name, a.Status)
				}
				return !ok
			})
			all := r.history(name)
			last := all[len(all)-1]
			delays = append(delays, brief(last.UpdatedAt.Sub(from)))
			if last.Kind != alerts.KindResolved || last.Reason != "reconciled" {
				t.Errorf("%s has left by the event %s for the reason %q", name, last.Kind, last.Reason)
			}
		}
		return delays
	}

	early := []string{"SilencedEarly", "InhibitedEarly"}
	for _, name := range early {
		am.resolve(append(append([]string{name}, silenced[name]...), inhibited[name]...)...)
	}
	resolved := time.Since(up)
	believed := up.Add(minUptime)
	for time.Now().Before(believed) {
		for _, name := range early {
			if !r.is(name, alerts.Suppressed) {
				t.Fatalf("%s is not suppressed any more %s after its Alertmanager was started", name, brief(time.Since(up)))
			}
		}
		time.Sleep(time.Second)
	}
	t.Logf("resolved %s after Alertmanager was started, %s left %s after it was up for %s",
		brief(resolved), early, gone(believed, cleared, early...), minUptime)

	late := []string{"SilencedLate", "InhibitedLate", "AtOnce"}
	am.silence("AtOnce")
	from := am.resolve("AtOnce", "team=once") // before any look
	for _, name := range late[:2] {
		from = am.resolve(append(append([]string{name}, silenced[name]...), inhibited[name]...)...)
	}
	t.Logf("resolved later, %s left after %s", late, gone(from, cleared, late...))
	for _, labels := range stays {
		if !r.is(labels[0], alerts.Firing) {
			t.Errorf("%s does not fire any more: %s", labels[0], r.kinds(labels[0]))
		}
	}
}

// Feature 3, without api: what is silenced or inhibited is suppressed if the rest of
// its group still comes, or stale if not, and expires when the configuration says.
func TestGhostsWithoutAPI(t *testing.T) {
	t.Parallel()
	const (
		repeat, group = time.Minute, 15 * time.Second
		stale         = (repeat + group) * 11 / 10
		expired       = 2*repeat + group
		sweep         = 3 * time.Second // each second, on a busy machine
	)
	am := newAlertmanager(t)
	r := startRelay(t, fmt.Sprintf("sources: {am: {repeat_interval: %s, group_interval: %s}}\n", repeat, group))
	am.run(r.URL, repeat)

	ghosts := map[string][]string{
		"SilencedInGroup":  {"team=pair"},
		"SilencedAlone":    {"team=alone"},
		"InhibitedInGroup": {"team=inh", "site=one", "severity=warning"},
		"InhibitedAlone":   {"team=edge", "site=two", "severity=warning"},
	}
	stays := [][]string{
		{"Stays", "team=pair"},
		{"Inhibits", "team=inh", "site=one", "severity=critical"},
		{"InhibitsOthers", "team=core", "site=two", "severity=critical"},
	}
	for name, labels := range ghosts {
		am.fire(append([]string{name}, labels...)...)
	}
	am.fire(stays[0]...)
	for name := range ghosts {
		r.becomes(name, alerts.Firing, 20*time.Second)
	}
	time.Sleep(2 * group)
	am.silence("SilencedInGroup")
	am.silence("SilencedAlone")
	am.fire(stays[1]...)
	am.fire(stays[2]...)
	time.Sleep(2 * time.Second)
	for name, labels := range ghosts {
		am.resolve(append([]string{name}, labels...)...)
	}
	over := time.Now()

	last := make(map[string]shown)
	for len(last) == 0 || time.Since(over) < expired+sweep {
		there := false
		for name := range ghosts {
			a, ok := r.alert(name)
			if !ok {
				continue
			}
			there = true
			if a.Status == alerts.Firing && time.Since(a.LastSeen) > stale+sweep {
				t.Errorf("%s fires still %s after it was last heard of", name, brief(time.Since(a.LastSeen)))
			}
			last[name] = a
		}
		if !there {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	for name := range ghosts {
		all := r.history(name)
		heard := last[name].LastSeen
		if heard.After(over) {
			t.Errorf("%s was heard of at %s, after it was over", name, heard)
		}
		got := r.kinds(name)
		want := "firing stale expired"
		if name == "SilencedInGroup" || name == "InhibitedInGroup" {
			want = "firing suppressed expired"
		}
		if got != want {
			t.Errorf("%s: got the events %q, want %q", name, got, want)
			continue
		}
		between(t, name+" has expired", all[2].UpdatedAt.Sub(heard), expired-cutOff, expired+sweep)
		if want == "firing stale expired" {
			between(t, name+" was stale", all[1].UpdatedAt.Sub(heard), stale-cutOff, stale+sweep)
		} else { // with the next notification of its group
			between(t, name+" was suppressed", all[1].UpdatedAt.Sub(heard), 0, repeat+group+sweep)
		}
		t.Logf("%s: %s after %s, expired after %s since it was last heard of; it was over after %s", name, all[1].Kind,
			brief(all[1].UpdatedAt.Sub(heard)), brief(all[2].UpdatedAt.Sub(heard)), brief(over.Sub(heard)))
	}
	for _, labels := range stays {
		if !r.is(labels[0], alerts.Firing) {
			t.Errorf("%s does not fire any more: %s", labels[0], r.kinds(labels[0]))
		}
	}
}
