package am_test

import (
	"slices"
	"testing"
	"time"

	"alertrelay/alerts"
	"alertrelay/alerts/alertstest"
	"alertrelay/alerts/am"
	"alertrelay/alerts/track"
	"alertrelay/embedded"
	"alertrelay/relay"
	"alertrelay/relay/store"
)

// rig is a relay as far as alerts go, on an embedded server.
type rig struct {
	*alertstest.Rig
	t    *testing.T
	seen uint64 // the last sequence that events has told
}

func startRig(t *testing.T) *rig {
	t.Helper()
	return &rig{Rig: alertstest.Start(t, alertstest.Server(t, embedded.Options{}), alertstest.Options{}), t: t}
}

// events are those since the last call, "alertname kind reason", once the tracker
// knows of them.
func (r *rig) events() []string {
	r.t.Helper()
	must(r.t, r.Stream.Log().Applied(r.t.Context()))
	var told []string
	must(r.t, r.Stream.Store.History(r.t.Context(), store.HistoryQuery{Channel: ">", After: r.seen}, func(m relay.Message) error {
		r.seen = m.Seq
		e, err := alerts.ParseEvent(m.Text)
		if err == nil {
			told = append(told, e.Labels["alertname"]+" "+string(e.Kind)+" "+e.Reason)
		}
		return err
	}))
	return told
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// holder is what of a Tracker a Reconciler needs.
type holder struct{ tracker *track.Tracker }

func (h holder) Known(source string) ([]am.Held, error) {
	list, _, err := h.tracker.List(track.Query{Ended: true, Source: source})
	if err != nil {
		return nil, err
	}
	held := make([]am.Held, 0, len(list))
	for _, c := range list {
		held = append(held, am.Held{Event: c.Event, LastSeen: c.LastSeen, StaleAt: c.StaleAt})
	}
	return held, nil
}

// What a Tracker makes of what a Reconciler reports.
func TestTracker(t *testing.T) {
	t.Parallel()
	local := startRig(t)
	h := holder{local.Tracker}
	s := startAlertmanager(t, plainConfig)
	c := newClient(t, am.Options{URLs: []string{s.url}})
	r, err := am.NewReconciler(am.ReconcilerOptions{Source: "am", Client: c, Holder: h, Recorder: local.Tracker, MinUptime: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	silencer := am.Silencer{Client: c, Holder: h, Source: "am"}
	expect := func(looks int, want ...string) {
		t.Helper()
		for range looks {
			if err := r.Look(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Millisecond) // events have whole milliseconds
		}
		if got := local.events(); !slices.Equal(got, want) {
			t.Errorf("got events %q, want %q", got, want)
		}
	}
	silence := func(name string) string {
		t.Helper()
		id, err := silencer.Create(t.Context(), am.Silence{
			Matchers: []am.Matcher{{Name: "alertname", Value: name, IsEqual: true}}, EndsAt: time.Now().Add(time.Hour), CreatedBy: "ada", Comment: "x",
		})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}

	// Adopted, and suppressed at once.
	first := silence("DiskFull")
	s.add(t, time.Time{}, "DiskFull", "team=db")
	s.has(t, "DiskFull")
	expect(1)
	expect(1, "DiskFull firing reconciled", "DiskFull suppressed ")
	expect(2)
	// Silenced no longer, and then again.
	if err := silencer.Expire(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	expect(2, "DiskFull unsuppressed reconciled")
	silence("DiskFull")
	expect(2, "DiskFull suppressed ")
	// The resolve of which no webhook tells.
	s.add(t, time.Now(), "DiskFull", "team=db")
	s.has(t)
	expect(1)
	expect(3, "DiskFull resolved reconciled")
	// A webhook's alert goes the same way.
	a := firing(map[string]string{"alertname": "Latency"})
	if _, err := local.Record(t.Context(), alerts.Batch{Source: "am", Alerts: []alerts.Alert{a}}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * time.Millisecond)
	expect(1, "Latency firing ")
	expect(2, "Latency resolved reconciled")
}
