package track_test

import (
	"testing"

	"alertrelay/alerts"
	"alertrelay/alerts/alertstest"
	"alertrelay/alerts/track"
	"alertrelay/embedded"
	"alertrelay/relay/relaytest"
)

func TestMain(m *testing.M) { relaytest.Main(m) }

// rig is a relay as far as alerts go, on a server that others may use too.
type rig struct {
	*alertstest.Rig
	t testing.TB
}

func startServer(t testing.TB) *embedded.Server { return alertstest.Server(t, embedded.Options{}) }

func start(t testing.TB, server *embedded.Server, o alertstest.Options) *rig {
	t.Helper()
	return &rig{alertstest.Start(t, server, o), t}
}

// record reports alerts and gives the result.
func (r *rig) record(reports ...alerts.Alert) alerts.Result {
	r.t.Helper()
	result, err := r.Record(r.t.Context(), alerts.Batch{Source: "am", Alerts: reports})
	must(r.t, err)
	return result
}

// history are the events of a channel or wildcard.
func (r *rig) history(channel string) []alerts.Event {
	r.t.Helper()
	return r.Stream.History(r.t, channel)
}

// kinds are those of the events, "firing resolved".
func kinds(events []alerts.Event) string {
	s := ""
	for i, e := range events {
		if i > 0 {
			s += " "
		}
		s += string(e.Kind)
	}
	return s
}

// current is the only alert there is, once the relay has caught up.
func (r *rig) current(q track.Query) []track.Current {
	r.t.Helper()
	must(r.t, r.Stream.Log().Applied(r.t.Context()))
	list, _, err := r.List(q)
	must(r.t, err)
	return list
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestFirstPath(t *testing.T) {
	r := start(t, startServer(t), alertstest.Options{})
	a := alertstest.Firing("DiskFull")
	if got := r.record(a, alertstest.Firing("Other")); got.Stored != 2 {
		t.Fatalf("got %+v", got)
	}
	if got := r.record(a); got.Deduplicated != 1 {
		t.Fatalf("got %+v", got)
	}
	list := r.current(track.Query{})
	if len(list) != 2 || list[0].Status != alerts.Firing {
		t.Fatalf("got %+v", list)
	}
	if got := r.record(alertstest.Resolved(a)); got.Stored != 1 {
		t.Fatalf("got %+v", got)
	}
	if list = r.current(track.Query{}); len(list) != 1 || list[0].Labels["alertname"] != "Other" {
		t.Fatalf("got %+v", list)
	}
	if got := kinds(r.history("db.critical.DiskFull." + a.ID())); got != "firing resolved" {
		t.Errorf("got %s", got)
	}
}
