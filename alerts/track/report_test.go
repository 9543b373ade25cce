package track_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"alertrelay/alerts"
	"alertrelay/alerts/alertstest"
	"alertrelay/alerts/track"
	"alertrelay/relay/relaytest"
)

// payload is what an Alertmanager has sent.
func payload(t testing.TB, name string) alerts.Batch {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("..", "testdata", "alertmanager", "alertmanager-"+name+".json"))
	must(t, err)
	batch, err := alerts.DecodeAlertmanager("am", nil, body)
	must(t, err)
	return batch
}

func (r *rig) post(batch alerts.Batch) alerts.Result {
	r.t.Helper()
	result, err := r.Record(r.t.Context(), batch)
	must(r.t, err)
	return result
}

// two are two relays on one server.
func two(t testing.TB, settings track.Settings) (*clock, [2]*rig) {
	t.Helper()
	clock, server := newClock(), startServer(t)
	s := alertstest.Options{Settings: settings, Now: clock.now}
	return clock, [2]*rig{start(t, server, s), start(t, server, s)}
}

// Both members of a cluster post to two relays at once.
func TestClusterCopies(t *testing.T) {
	_, rigs := two(t, track.Settings{})
	batches := []alerts.Batch{payload(t, "0.34.2-ha-duplicate-from-am1"), payload(t, "0.34.2-ha-duplicate-from-am2")}
	for i := range 200 {
		var wg sync.WaitGroup
		for n, r := range rigs {
			batch := batches[n]
			if i%2 > 0 { // another alert of a group that is not told of as a whole
				batch.Alerts = []alerts.Alert{batch.Alerts[0]}
				batch.Alerts[0].Fingerprint, batch.WholeGroup = fmt.Sprintf("%016x", i/2), false
				batch.Alerts[0].GroupKey = "another"
			}
			wg.Go(func() {
				if _, err := r.Record(t.Context(), batch); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	if got := kinds(rigs[0].history("_.critical.HaSlow.am-630c5010c57c9c77")); got != "firing" {
		t.Errorf("got %s, want one", got)
	}
	for i := range 100 {
		if got := kinds(rigs[0].history(fmt.Sprintf("_.critical.HaSlow.am-%016x", i))); got != "firing" {
			t.Errorf("%d: got %s, want one", i, got)
		}
	}
}

func TestFiresAgain(t *testing.T) {
	_, rigs := two(t, track.Settings{})
	for _, file := range []string{"0.34.2-refire-1-firing", "0.34.2-refire-2-timeout-resolved", "0.34.2-refire-3-firing-again-same-startsAt"} {
		for i, r := range rigs {
			if got := r.post(payload(t, file)); got.Stored != 1-i {
				t.Errorf("%s: got %+v", file, got)
			}
		}
	}
	if got, want := kinds(rigs[0].history("db.warning.ReFire.am-6064c7e831eebe6d")), "firing resolved firing"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// The silenced one of two is left out of the next notification.
func TestMissingFromGroup(t *testing.T) {
	clock, rigs := two(t, track.Settings{})
	a, b := rigs[0], rigs[1]
	a.post(payload(t, "0.34.2-silence-1-before-two-firing"))
	a.current(track.Query{})
	b.current(track.Query{})

	other := payload(t, "0.34.2-silence-2-after-one-omitted")
	for i := range other.Alerts {
		other.Alerts[i].ExternalURL = "http://am2" // which has not heard of both yet
	}
	b.post(other)
	if got := kinds(b.history("_.info.GrpSil.am-3ed2017067eac33e")); got != "firing" {
		t.Errorf("a copy within 30 s: got %s", got)
	}
	clock.add(time.Minute)
	b.post(payload(t, "0.34.2-silence-2-after-one-omitted"))
	for range 3 {
		a.post(payload(t, "0.34.2-silence-2-after-one-omitted"))
		clock.add(time.Minute)
	}
	got := a.current(track.Query{})
	if len(got) != 2 || got[0].Status != alerts.Suppressed || got[0].Suppression.Kind != alerts.MissingFromGroup || got[1].Status != alerts.Firing {
		t.Errorf("got %+v", got)
	}
	a.post(payload(t, "0.34.2-silence-1-before-two-firing"))
	if got, want := kinds(b.history("_.info.GrpSil.am-3ed2017067eac33e")), "firing suppressed unsuppressed"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := kinds(b.history("_.info.GrpSil.*")), "firing firing suppressed unsuppressed"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Another relay has just heard of the alert, and this one does not know it yet.
func TestMissingFromGroupJustHeard(t *testing.T) {
	clock, f, server := newClock(), &faults{}, startServer(t)
	a := start(t, server, alertstest.Options{Now: clock.now})
	b := start(t, server, f.into(alertstest.Options{Now: clock.now}))
	both, one := payload(t, "0.34.2-silence-1-before-two-firing"), payload(t, "0.34.2-silence-2-after-one-omitted")
	a.post(both)
	relaytest.Eventually(t, "the relay has heard of both", func() bool {
		list := b.current(track.Query{})
		return len(list) == 2 && !list[0].LastSeen.IsZero() && !list[1].LastSeen.IsZero()
	})
	f.deaf.Store(true)
	clock.add(time.Hour)
	a.post(both)
	for i := range one.Alerts {
		one.Alerts[i].ExternalURL = "http://am2"
	}
	b.post(one)
	if got := kinds(b.history("_.info.GrpSil.am-3ed2017067eac33e")); got != "firing" {
		t.Errorf("got %s", got)
	}
}

// Replicas speak to two relays. What one has said to the other relay counts before
// this one hears of it.
func TestReplicasJustHeard(t *testing.T) {
	clock, f, server := newClock(), &faults{}, startServer(t)
	a := start(t, server, alertstest.Options{Now: clock.now})
	b := start(t, server, f.into(alertstest.Options{Now: clock.now}))
	x := alertstest.Firing("X")
	x.Direct, x.ExternalURL, x.GroupKey, x.StartsAt = true, "", "", clock.now()
	report := func(r *rig, ago time.Duration) {
		t.Helper()
		x.ExpiresAt = clock.now().Add(4 * time.Minute)
		again := x
		if ago > 0 {
			again.StartsAt = clock.now().Add(-ago)
		}
		r.record(again)
	}
	report(a, 0)
	relaytest.Eventually(t, "the other relay has heard", func() bool {
		list := b.current(track.Query{})
		return len(list) == 1 && !list[0].LastSeen.IsZero()
	})
	f.deaf.Store(true)
	clock.add(time.Minute)
	report(a, 0)
	report(b, 10*time.Second) // began later, but before it was last heard of
	clock.add(time.Minute)
	report(a, 0)
	ended := alertstest.Resolved(x)
	ended.EndsAt = clock.now().Add(-30 * time.Second)
	b.record(ended)
	if got := kinds(a.history(channelOf(x))); got != "firing" {
		t.Errorf("got %s", got)
	}
}

// What a sender tells late is in the order of its own clock, whichever relay it is
// told to, and whether that has heard of what the other one was told or not.
func TestToldLate(t *testing.T) {
	clock, f, server := newClock(), &faults{}, startServer(t)
	a := start(t, server, alertstest.Options{Now: clock.now})
	b := start(t, server, f.into(alertstest.Options{Now: clock.now}))
	told := clock.now().Add(-time.Minute)
	x := alertstest.Firing("X")
	x.StartsAt, x.GroupKey, x.ExternalURL = time.Time{}, "", ""
	report := func(r *rig, status alerts.Status, second int) {
		t.Helper()
		x.Status, x.ReportedAt = status, told.Add(time.Duration(second)*time.Second)
		r.record(x)
	}
	f.deaf.Store(true) // b knows only of what is in the log
	report(a, alerts.Firing, 0)
	report(b, alerts.Resolved, 1)
	report(a, alerts.Firing, 2)
	report(b, alerts.Resolved, 1)
	report(a, alerts.Firing, 5) // in the bucket only
	report(b, alerts.Resolved, 4)
	report(b, alerts.Resolved, 6)
	events := a.history(channelOf(x))
	if got, want := kinds(events), "firing resolved firing resolved"; got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
	if e := events[2]; !e.StartsAt.Equal(told.Add(2*time.Second)) || !e.ReportedAt.Equal(e.StartsAt) {
		t.Errorf("got %+v, want that it began when the sender said so first", e)
	}
}

// A relay that has not heard of the incident before in the bucket takes what the
// event recorder tells late for what it is.
func TestEndToldLateOfOneThatFiresAgain(t *testing.T) {
	clock, rigs := two(t, track.Settings{})
	x := alertstest.Firing("X")
	x.StartsAt = clock.now().Add(-time.Hour)
	late := alertstest.Resolved(x)
	late.EndsAt, late.ReportedAt = clock.now(), clock.now().Add(-10*time.Minute) // its clock is behind
	ended := late
	ended.ReportedAt = time.Time{}
	rigs[0].record(x)
	rigs[0].record(ended)
	clock.add(6 * time.Second)
	rigs[0].record(x)
	rigs[1].record(late)
	if got := kinds(rigs[0].history(channelOf(x))); got != "firing resolved firing" {
		t.Fatalf("got %s", got)
	}
	clock.add(time.Minute)
	late.EndsAt, late.ReportedAt = clock.now(), late.ReportedAt.Add(time.Minute)
	rigs[1].record(late)
	if got := kinds(rigs[0].history(channelOf(x))); got != "firing resolved firing resolved" {
		t.Errorf("got %s", got)
	}
}

// Nobody says when it began: it is one incident, and began when it was first heard of.
func TestWithoutBeginning(t *testing.T) {
	clock, rigs := two(t, track.Settings{})
	x := alertstest.Firing("X")
	x.Direct, x.StartsAt, x.ExternalURL, x.GroupKey = true, time.Time{}, "", ""
	began := clock.now()
	for i := range 6 {
		x.ExpiresAt = clock.now().Add(5 * time.Minute)
		rigs[i%2].record(x)
		clock.add(time.Minute)
	}
	events := rigs[0].history(channelOf(x))
	if kinds(events) != "firing" || events[0].StartsAt.Sub(began).Abs() > 10*time.Second || events[0].Flaps > 0 {
		t.Errorf("got %+v", events)
	}
}

// Another relay has written what this one does not know of yet.
func TestEndOfUnknown(t *testing.T) {
	f, server := &faults{}, startServer(t)
	js := client(t, server)
	a, b := start(t, server, alertstest.Options{}), start(t, server, f.into(alertstest.Options{}))
	f.deaf.Store(true)
	x := alertstest.Firing("X")
	a.record(x)
	b.record(alertstest.Resolved(x))
	if got := records(t, js); len(got) != 0 {
		t.Errorf("the bucket has %+v", got)
	}
	if got := a.record(x); got.Stored != 1 {
		t.Errorf("got %+v", got)
	}
}

func TestTruncated(t *testing.T) {
	_, rigs := two(t, track.Settings{})
	batch := payload(t, "0.34.2-truncated")
	if batch.Truncated == 0 {
		t.Fatal("nothing is left out")
	}
	const channel = "_meta.warning.AlertsTruncated.*"
	var wg sync.WaitGroup
	for _, r := range rigs {
		wg.Go(func() { r.post(batch) })
	}
	wg.Wait()
	got := rigs[0].history(channel)
	if kinds(got) != "firing" || !strings.HasPrefix(got[0].Annotations["summary"], fmt.Sprint(batch.Truncated)) || got[0].StartsAt.IsZero() {
		t.Errorf("got %+v", got)
	}
	rigs[0].current(track.Query{})
	for range 2 {
		whole := batch
		whole.Truncated, whole.WholeGroup = 0, true
		rigs[0].post(whole)
		rigs[0].current(track.Query{})
	}
	if got := kinds(rigs[0].history(channel)); got != "firing resolved" {
		t.Errorf("got %s", got)
	}
}

func TestNobodySpeaksOfIt(t *testing.T) {
	reg := prometheus.NewRegistry()
	clock, server := newClock(), startServer(t)
	js := client(t, server)
	o := alertstest.Options{Now: clock.now, Metrics: track.NewMetrics(reg), Settings: track.Settings{
		Sources: map[string]track.Source{"am": {RepeatInterval: time.Hour, GroupInterval: 10 * time.Minute}},
	}}
	a, b := start(t, server, o), start(t, server, o)
	x, again, direct, pinned := alertstest.Firing("X"), alertstest.Firing("Again"), alertstest.Firing("Direct"), alertstest.Firing("Pinned")
	direct.Direct, direct.ExpiresAt = true, clock.now().Add(4*time.Minute+30*time.Second)
	pinned.Source, pinned.Changing = "pd", true
	other := alertstest.Firing("Other")
	other.Source = "other"
	began := clock.now()
	a.record(x, again, direct, other)
	a.record(pinned)
	look := func(after time.Duration, want string) {
		t.Helper()
		clock.add(after - clock.now().Sub(began))
		agree(t, js, a, b)
		list, _, err := a.List(track.Query{})
		must(t, err)
		var got []string
		for _, c := range list {
			got = append(got, c.Labels["alertname"]+" "+string(c.Status))
		}
		rand.Shuffle(len(got), func(i, j int) { got[i], got[j] = got[j], got[i] })
		for w := range strings.SplitSeq(want, ", ") {
			if i := index(got, w); i < 0 {
				t.Errorf("after %s: %q is not in %q", after, w, got)
			}
		}
		if n := len(strings.Split(want, ", ")); n != len(got) {
			t.Errorf("after %s: got %q, want %s", after, got, want)
		}
	}
	look(4*time.Minute+29*time.Second, "X firing, Again firing, Direct firing, Other firing, Pinned firing")
	look(4*time.Minute+32*time.Second, "X firing, Again firing, Other firing, Pinned firing")
	look(77*time.Minute-2*time.Second, "X firing, Again firing, Other firing, Pinned firing")
	look(77*time.Minute+2*time.Second, "X stale, Again stale, Other firing, Pinned firing") // 1.1 (r + g)
	b.record(again)
	look(130*time.Minute-2*time.Second, "X stale, Again firing, Other firing, Pinned firing")
	look(130*time.Minute+2*time.Second, "Again firing, Other firing, Pinned firing") // 2 r + g
	look(4*time.Hour+29*time.Minute, "Other firing, Pinned firing")
	look(4*time.Hour+30*time.Minute+2*time.Second, "Other stale, Pinned firing")
	look(8*time.Hour+5*time.Minute+2*time.Second, "Pinned firing")
	look(800*time.Hour, "Pinned firing")
	for name, want := range map[string]string{
		channelOf(x): "firing stale expired", channelOf(again): "firing stale fresh expired", channelOf(direct): "firing expired",
	} {
		events := a.history(name)
		if last := events[len(events)-1]; kinds(events) != want || last.Reason != track.ReasonNoNews {
			t.Errorf("%s: got %s, %q", name, kinds(events), last.Reason)
		}
	}
	a.record(alertstest.Firing("Y"))
	a.record(alertstest.Resolved(alertstest.Firing("Y")))
	if got, want := counted(t, reg), "expired no news 4, firing  6, fresh  1, resolved sender 1, stale  3"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// counted are the events, by kind and reason.
func counted(t testing.TB, reg *prometheus.Registry) string {
	t.Helper()
	families, err := reg.Gather()
	must(t, err)
	var got []string
	for _, f := range families {
		for _, m := range f.GetMetric() {
			s := ""
			for _, l := range m.GetLabel() {
				s += l.GetValue() + " "
			}
			got = append(got, s+fmt.Sprint(m.GetCounter().GetValue()))
		}
	}
	return strings.Join(got, ", ")
}

func index(list []string, want string) int {
	for i, s := range list {
		if s == want {
			return i
		}
	}
	return -1
}

func TestAcknowledge(t *testing.T) {
	_, rigs := two(t, track.Settings{})
	a, b := rigs[0], rigs[1]
	x := alertstest.Firing("X")
	if err := a.Acknowledge(t.Context(), x.ID(), "ann", ""); !errors.Is(err, track.ErrNotActive) {
		t.Errorf("got %v", err)
	}
	a.record(x)
	must(t, b.Acknowledge(t.Context(), x.ID(), "ann", "on it"))
	must(t, a.Acknowledge(t.Context(), x.ID(), "ann", "on it"))
	if got := a.current(track.Query{ID: x.ID()}); len(got) != 1 || got[0].Ack == nil || got[0].Ack.By != "ann" || got[0].Ack.Comment != "on it" {
		t.Errorf("got %+v", got)
	}
	must(t, a.Unacknowledge(t.Context(), x.ID(), "bob", "not yet"))
	must(t, b.Unacknowledge(t.Context(), x.ID(), "bob", "not yet"))
	must(t, b.Acknowledge(t.Context(), x.ID(), "bob", ""))
	b.record(alertstest.Resolved(x))
	if err := a.Unacknowledge(t.Context(), x.ID(), "bob", ""); !errors.Is(err, track.ErrNotActive) {
		t.Errorf("got %v", err)
	}
	events := a.history(channelOf(x))
	if got, want := kinds(events), "firing acked unacked acked resolved"; got != want {
		t.Fatalf("got %s, want %s", got, want)
	}
	if events[2].Reason != "bob: not yet" || events[2].Ack != nil || events[4].Ack != nil {
		t.Errorf("got %+v", events)
	}
	var wg sync.WaitGroup
	a.record(x)
	for _, r := range rigs {
		wg.Go(func() {
			if err := r.Acknowledge(t.Context(), x.ID(), "eve", ""); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got, want := kinds(a.history(channelOf(x))), "firing acked unacked acked resolved firing acked"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Reports of an event recorder come several times and in any order, and the end is
// the same.
func TestShuffled(t *testing.T) {
	const n = 20 // alerts, each with ten reports
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	told := time.Now().Add(time.Hour).UTC().Truncate(time.Millisecond)
	var base, reports []alerts.Alert
	for i := range n {
		a := alertstest.Firing(fmt.Sprintf("A%d", i))
		base = append(base, a)
		for j := range 10 {
			r := alerts.Alert{Source: a.Source, Fingerprint: a.Fingerprint, Status: alerts.Suppressed, ReportedAt: told.Add(time.Duration(j) * time.Second)}
			switch {
			case j == 0:
				// Of the incident before.
				r.Status, r.ReportedAt = alerts.Resolved, told.Add(-time.Hour)
			case j == 8 && i%3 == 0:
				r.Status = alerts.Resolved
			case i%2 == 0 && j > 6:
				r.Suppression = &alerts.Suppression{Kind: alerts.Inhibited, ID: "i"}
			default: // two silences, told of by turns
				r.Suppression = &alerts.Suppression{Kind: alerts.Silenced, ID: fmt.Sprint("s", j%2), By: "ann", Until: told.Add(time.Hour)}
			}
			reports = append(reports, r)
		}
	}
	var want string
	for round := range 5 {
		_, rigs := two(t, track.Settings{})
		rigs[0].record(base...)
		order := append([]alerts.Alert(nil), reports...)
		if round > 0 {
			for range 50 {
				order = append(order, reports[rnd.IntN(len(reports))])
			}
			rnd.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		}
		for _, r := range order {
			rigs[rnd.IntN(2)].record(r)
		}
		got := ""
		for _, c := range rigs[0].current(track.Query{}) {
			got += c.ID + " " + string(c.Status)
			if s := c.Suppression; s != nil {
				got += fmt.Sprint(" ", s.Kind, s.ID, s.By, s.Until)
			}
			got += "\n"
		}
		if round == 0 {
			want = got
			if lines := strings.Count(want, "\n"); lines != n-(n+2)/3 {
				t.Fatalf("%d are active:\n%s", lines, want)
			}
		} else if got != want {
			t.Errorf("round %d: got\n%s\nwant\n%s", round, got, want)
		}
	}
}
