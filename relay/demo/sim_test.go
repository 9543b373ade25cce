package demo_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"alertrelay/alerts"
	"alertrelay/relay/demo"
)

var start = time.Date(2026, time.November, 24, 12, 0, 0, 0, time.UTC)

// requests are those up to a while after the past.
func requests(t *testing.T, o demo.Options, present time.Duration) []demo.Request {
	t.Helper()
	o.Start = start
	s, err := demo.New(o)
	if err != nil {
		t.Fatal(err)
	}
	var all []demo.Request
	for {
		at, _ := s.NextAt()
		if at.After(start.Add(present)) {
			return all
		}
		all = append(all, s.Next()...)
	}
}

func TestTheSeedDecides(t *testing.T) {
	show := func(seed uint64) string {
		var b strings.Builder
		for _, r := range requests(t, demo.Options{Seed: seed, Past: 3 * time.Hour}, 5*time.Minute) {
			fmt.Fprintln(&b, r.At, r.Path, string(r.Body))
		}
		return b.String()
	}
	first := show(1)
	if again := show(1); again != first {
		t.Error("the same seed made other requests")
	}
	if other := show(2); other == first {
		t.Error("another seed made the same requests")
	}
}

func TestOptionsThatCannotBe(t *testing.T) {
	for name, o := range map[string]demo.Options{
		"no start":        {},
		"too few alerts":  {Start: start, Alerts: 1},
		"too many alerts": {Start: start, Alerts: demo.MaxAlerts + 1},
		"too slow":        {Start: start, Speed: 0.5},
		"too long ago":    {Start: start, Past: 2 * demo.MaxPast},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := demo.New(o); err == nil {
				t.Error("got no error")
			}
		})
	}
}

// world is what a relay knows that believes every request.
type world struct {
	t       *testing.T
	firing  map[string]time.Time // id -> startsAt
	muted   map[string]bool
	seen    map[string]bool // severities, names, teams
	most    int
	resolve int
}

func (w *world) take(r demo.Request) {
	w.t.Helper()
	var batch alerts.Batch
	var err error
	switch {
	case r.Path == "":
		return
	case r.Path == "/in/prom/api/v2/alerts":
		batch, err = alerts.Prometheus(func() time.Time { return r.At }).Decode("prom", nil, r.Body)
	case strings.HasPrefix(r.Path, "/in/alertmanager/"):
		batch, err = alerts.DecodeAlertmanager(strings.TrimPrefix(r.Path, "/in/alertmanager/"), nil, r.Body)
	case strings.HasPrefix(r.Path, "/in/events/"):
		batch, err = alerts.DecodeEventRecorder(strings.TrimPrefix(r.Path, "/in/events/"), nil, r.Body)
	case strings.HasPrefix(r.Path, "/api/v1/alerts/"):
		id := strings.TrimSuffix(strings.TrimPrefix(r.Path, "/api/v1/alerts/"), "/ack")
		var p struct{ By, Comment string }
		if err = json.Unmarshal(r.Body, &p); err == nil && p.By == "" {
			w.t.Errorf("%s: acknowledged by nobody", r.Path)
		}
		if w.firing[id].IsZero() {
			w.t.Errorf("%s: acknowledged and not firing", r.Path)
		}
		w.seen["acked"] = true
	default:
		w.t.Errorf("an unknown address: %s", r.Path)
	}
	if err != nil || batch.Invalid != nil {
		w.t.Fatalf("%s: %v %v\n%s", r.Path, err, batch.Invalid, r.Body)
	}
	for i := range batch.Alerts {
		w.alert(&batch.Alerts[i], r.At)
	}
	w.most = max(w.most, len(w.firing))
}

func (w *world) alert(a *alerts.Alert, at time.Time) {
	w.t.Helper()
	known := !w.firing[a.ID()].IsZero()
	for _, name := range []string{"severity", "team", "alertname"} {
		w.seen[a.Labels[name]] = true
	}
	switch a.Status {
	case alerts.Firing:
		if a.StartsAt.After(at) {
			w.t.Errorf("%v fires before it begins: %s, %s", a.Labels, at, a.StartsAt)
		}
		for _, name := range []string{"summary", "runbook_url"} {
			if a.Annotations[name] == "" || strings.Contains(a.Annotations[name], "%!") {
				w.t.Errorf("%v: %s: got %q", a.Labels, name, a.Annotations[name])
			}
		}
		w.firing[a.ID()] = a.StartsAt
		delete(w.muted, a.ID())
	case alerts.Resolved:
		if !known {
			w.t.Errorf("%s: resolved and not firing: %v", at, a.Labels)
		}
		if a.EndsAt.Before(w.firing[a.ID()]) || a.EndsAt.After(at) {
			w.t.Errorf("%v ends at %s, began at %s, it is %s", a.Labels, a.EndsAt, w.firing[a.ID()], at)
		}
		w.resolve++
		delete(w.firing, a.ID())
		delete(w.muted, a.ID())
	case alerts.Suppressed:
		if !known {
			w.t.Errorf("%s: kept back and not firing: %v", at, a.Labels)
		}
		w.muted[a.ID()] = true
		w.seen[a.Suppression.Kind] = true
	}
}

func TestWhatHappensIsPlausible(t *testing.T) {
	for _, o := range []demo.Options{
		{},
		{Seed: 2, Alerts: 10, Past: 3 * time.Hour},
		{Seed: 3, Alerts: demo.MaxAlerts, Past: time.Hour, Speed: 100},
		{Seed: 4, Past: -1, Speed: 1},
		{Seed: 5, Past: 50 * time.Minute, Speed: 30},
	} {
		t.Run(fmt.Sprintf("seed %d", o.Seed), func(t *testing.T) {
			w := &world{t: t, firing: map[string]time.Time{}, muted: map[string]bool{}, seen: map[string]bool{}}
			var last time.Time
			all := requests(t, o, 20*time.Minute)
			for _, r := range all {
				if r.At.Before(last) {
					t.Errorf("a request of %s after one of %s", r.At, last)
				}
				last = r.At
				w.take(r)
			}
			want := o.Alerts
			if want == 0 {
				want = demo.DefaultAlerts
			}
			if n := len(w.firing); n < want/2 || w.most > 3*want {
				t.Errorf("%d fire at the end and %d at most, want about %d and at most %d", n, w.most, want, 3*want)
			}
			for _, what := range []string{"critical", "warning", "info", "db", "web", "net", "platform", "payments", "TillOffline"} {
				if o.Seed == 0 && !w.seen[what] {
					t.Errorf("there was no %s", what)
				}
			}
			if o.Seed == 0 && (!w.seen["acked"] || !w.seen[alerts.Silenced] || !w.seen[alerts.Inhibited] || w.most < want*3/2) {
				t.Errorf("no incident: %d at most, %v", w.most, w.seen)
			}
			t.Logf("%d requests, %d resolved, %d at most", len(all), w.resolve, w.most)
		})
	}
}
