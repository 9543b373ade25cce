package am

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"alertrelay/alerts"
)

// Looks of these tests are half a minute apart, the first one at noon.
var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

const every = 30 * time.Second

func fp(name string) string { return alerts.Fingerprint(map[string]string{"alertname": name}) }

// has is an alert that the Alertmanager has.
func has(name string, change ...func(*Alert)) Alert {
	a := Alert{
		Fingerprint: fp(name), State: StateActive, Labels: map[string]string{"alertname": name},
		Annotations: map[string]string{"summary": "s"}, StartsAt: noon.Add(-time.Hour), EndsAt: noon.Add(time.Hour),
		GeneratorURL: "http://prom", Receivers: []string{"pager", "relay"},
	}
	for _, f := range change {
		f(&a)
	}
	return a
}

func silenced(ids ...string) func(*Alert) {
	return func(a *Alert) { a.State, a.SilencedBy = StateSuppressed, ids }
}

func inhibited(by ...string) func(*Alert) {
	return func(a *Alert) { a.State, a.InhibitedBy = StateSuppressed, by }
}

// holds is an alert that the relay has: firing, since an hour, and last heard of
// a minute ago.
func holds(name string, change ...func(*Held)) Held {
	h := Held{LastSeen: noon.Add(-time.Minute), Event: alerts.Event{
		ID: "am-" + fp(name), Source: "am", Fingerprint: fp(name), Kind: alerts.KindFiring, Status: alerts.Firing,
		Labels: map[string]string{"alertname": name}, StartsAt: noon.Add(-time.Hour), UpdatedAt: noon.Add(-time.Hour),
		Receiver: "relay", GroupKey: "{}:{}", ExternalURL: "http://am", RouteLabels: map[string]string{"a": "b"},
	}}
	for _, f := range change {
		f(&h)
	}
	h.StaleAt = h.LastSeen.Add(24 * time.Minute)
	return h
}

func is(s alerts.Status) func(*Held) { return func(h *Held) { h.Status = s } }

func because(kind, id string, until time.Time) func(*Held) {
	return func(h *Held) {
		h.Status, h.Suppression = alerts.Suppressed, &alerts.Suppression{Kind: kind, ID: id, Until: until}
	}
}

func changedAt(t time.Time) func(*Held) { return func(h *Held) { h.UpdatedAt = t } }
func seenAt(t time.Time) func(*Held)    { return func(h *Held) { h.LastSeen = t } }

// adopted is as one that no notification has told of.
func adopted(h *Held) { h.GroupKey = "" }

// told is a report in short.
func told(a *alerts.Alert) string {
	s := a.Labels["alertname"]
	for _, name := range []string{"A", "B", "C"} {
		if a.Fingerprint == fp(name) {
			s = name
		}
	}
	s += " " + string(a.Status)
	if w := a.Suppression; w != nil {
		s += " " + w.Kind + " " + w.ID
		if w.By != "" {
			s += " by " + w.By + ": " + w.Comment
		}
		if !w.Until.IsZero() {
			s += " until " + w.Until.Format("15:04")
		}
	}
	if a.Reason != "" {
		s += " (" + a.Reason + ")"
	}
	return s
}

func TestCompare(t *testing.T) {
	t.Parallel()
	one := noon.Add(time.Hour)
	maintenance := map[string]Silence{
		"s1": {ID: "s1", EndsAt: one, CreatedBy: "ada", Comment: "disk swap"},
		"s2": {ID: "s2", EndsAt: one.Add(time.Hour), CreatedBy: "bob", Comment: "move"},
	}
	type step struct {
		there []Alert
		known []Held
		young bool // the member has just been started
		want  []string
	}
	tests := []struct {
		name      string
		receivers []string
		steps     []step
	}{
		{"both have it", nil, []step{{there: []Alert{has("A")}, known: []Held{holds("A")}}}},
		{"neither has any", nil, []step{{}}},

		// Suppression.
		{"silenced there", nil, []step{
			{[]Alert{has("A", silenced("s1"))}, []Held{holds("A")}, false, []string{"A suppressed silence s1 by ada: disk swap until 13:00"}},
			{[]Alert{has("A", silenced("s1"))}, []Held{holds("A", because(alerts.Silenced, "s1", one))}, false, nil},
		}},
		{"silenced there while young", nil, []step{
			{[]Alert{has("A", silenced("s1"))}, []Held{holds("A")}, true, []string{"A suppressed silence s1 by ada: disk swap until 13:00"}},
		}},
		{"the silence was extended", nil, []step{
			{[]Alert{has("A", silenced("s1"))}, []Held{holds("A", because(alerts.Silenced, "s1", noon))}, false, []string{"A suppressed silence s1 by ada: disk swap until 13:00"}},
		}},
		{"of two silences the longer one", nil, []step{
			{[]Alert{has("A", silenced("s1", "s2"))}, []Held{holds("A")}, false, []string{"A suppressed silence s2 by bob: move until 14:00"}},
		}},
		{"of two silences the one that is held", nil, []step{
			{[]Alert{has("A", silenced("s1", "s2"))}, []Held{holds("A", because(alerts.Silenced, "s1", one))}, false, nil},
		}},
		{"another silence instead", nil, []step{
			{[]Alert{has("A", silenced("s2"))}, []Held{holds("A", because(alerts.Silenced, "s1", one))}, false, []string{"A suppressed silence s2 by bob: move until 14:00"}},
		}},
		{"a silence of which nothing is known", nil, []step{
			{[]Alert{has("A", silenced("s9"))}, []Held{holds("A")}, false, []string{"A suppressed silence s9"}},
			{[]Alert{has("A", silenced("s9"))}, []Held{holds("A", because(alerts.Silenced, "s9", one))}, false, nil},
		}},
		{"inhibited there", nil, []step{
			{[]Alert{has("A", inhibited("ff", "0f"))}, []Held{holds("A")}, false, []string{"A suppressed inhibition 0f"}},
			{[]Alert{has("A", inhibited("ff", "0f"))}, []Held{holds("A", because(alerts.Inhibited, "ff", time.Time{}))}, false, nil},
		}},
		{"why is better known than by its group", nil, []step{
			{[]Alert{has("A", silenced("s1"))}, []Held{holds("A", because(alerts.MissingFromGroup, "", time.Time{}))}, false, []string{"A suppressed silence s1 by ada: disk swap until 13:00"}},
		}},
		{"a notification has said so since the look began", nil, []step{
			{[]Alert{has("A", silenced("s1"))}, []Held{holds("A", changedAt(noon.Add(time.Second)))}, false, nil},
		}},
		{"suppressed without a reason is another route's time interval", nil, []step{
			{[]Alert{has("A", silenced())}, []Held{holds("A")}, false, nil},
		}},

		// Back to firing.
		{"the silence is over", nil, []step{
			{[]Alert{has("A")}, []Held{holds("A", because(alerts.Silenced, "s1", one))}, false, []string{"A firing (reconciled)"}},
		}},
		{"stale here", nil, []step{
			{[]Alert{has("A")}, []Held{holds("A", is(alerts.Stale))}, false, []string{"A firing (reconciled)"}},
		}},
		{"unprocessed is as active", nil, []step{
			{[]Alert{has("A", func(a *Alert) { a.State = StateUnprocessed })}, []Held{holds("A", is(alerts.Stale))}, false, []string{"A firing (reconciled)"}},
		}},
		{"stale here, silenced there", nil, []step{
			{[]Alert{has("A", silenced("s1"))}, []Held{holds("A", is(alerts.Stale))}, false, []string{"A suppressed silence s1 by ada: disk swap until 13:00"}},
		}},
		{"it has begun anew", nil, []step{
			{[]Alert{has("A", func(a *Alert) { a.StartsAt = noon.Add(-time.Minute) })}, []Held{holds("A")}, false, []string{"A firing (reconciled)"}},
		}},
		{"long not heard of", nil, []step{
			{[]Alert{has("A")}, []Held{holds("A", seenAt(noon.Add(-30*time.Minute)))}, false, []string{"A firing (reconciled)"}},
			{[]Alert{has("A", silenced("s1"))}, []Held{holds("A", seenAt(noon.Add(-30*time.Minute)), because(alerts.Silenced, "s1", one))}, false, []string{"A suppressed silence s1 by ada: disk swap until 13:00"}},
		}},

		// Adopting.
		{"missing in two looks", nil, []step{
			{[]Alert{has("A")}, nil, false, nil},
			{[]Alert{has("A")}, nil, false, []string{"A firing (reconciled)"}},
			{[]Alert{has("A")}, nil, false, []string{"A firing (reconciled)"}}, // it could not be stored
		}},
		{"missing and silenced", nil, []step{
			{[]Alert{has("A", silenced("s1"))}, nil, true, nil},
			{[]Alert{has("A", silenced("s1"))}, nil, true, []string{"A firing (reconciled)", "A suppressed silence s1 by ada: disk swap until 13:00"}},
		}},
		{"the webhook was on its way", nil, []step{
			{[]Alert{has("A")}, nil, false, nil},
			{[]Alert{has("A")}, []Held{holds("A", changedAt(noon.Add(time.Second)))}, false, nil},
		}},
		{"missing, gone, and missing again", nil, []step{
			{[]Alert{has("A")}, nil, false, nil},
			{nil, nil, false, nil},
			{[]Alert{has("A")}, nil, false, nil},
		}},
		{"resolved here during a look", nil, []step{
			{[]Alert{has("A")}, nil, false, nil},
			{[]Alert{has("A")}, []Held{holds("A", is(alerts.Resolved), changedAt(noon.Add(every+time.Second)))}, false, nil},
			{[]Alert{has("A")}, []Held{holds("A", is(alerts.Resolved), changedAt(noon.Add(every+time.Second)))}, false, nil},
			{[]Alert{has("A")}, []Held{holds("A", is(alerts.Resolved), changedAt(noon.Add(every+time.Second)))}, false, []string{"A firing (reconciled)"}},
		}},
		{"expired here, it fires there", nil, []step{
			{[]Alert{has("A")}, []Held{holds("A", is(alerts.Expired))}, false, nil},
			{[]Alert{has("A")}, []Held{holds("A", is(alerts.Expired))}, false, []string{"A firing (reconciled)"}},
		}},
		{"of two records the active one counts", nil, []step{
			{[]Alert{has("A")}, []Held{holds("A", is(alerts.Resolved)), holds("A"), holds("A", is(alerts.Resolved))}, false, nil},
			{[]Alert{has("A")}, []Held{holds("A"), holds("A", is(alerts.Resolved), changedAt(noon))}, false, nil},
		}},
		{"of other receivers, by configuration", []string{"board"}, []step{
			{[]Alert{has("A"), has("B", to("board"))}, nil, false, nil},
			{[]Alert{has("A"), has("B", to("board"))}, nil, false, []string{"B firing (reconciled)"}},
		}},
		{"of other receivers, by what has notified", nil, []step{
			{[]Alert{has("A", to("pager")), has("B"), has("C")}, []Held{holds("C")}, false, nil},
			{[]Alert{has("A", to("pager")), has("B"), has("C")}, nil, false, []string{"B firing (reconciled)"}},
		}},
		{"of which nothing is learned if they were adopted", nil, []step{
			{[]Alert{has("A", to("pager")), has("C")}, []Held{holds("C", adopted)}, false, nil},
			{[]Alert{has("A", to("pager")), has("C")}, []Held{holds("C", adopted)}, false, []string{"A firing (reconciled)"}},
		}},
		{"what is held is compared, whoever its receiver is", []string{"board"}, []step{
			{[]Alert{has("A", silenced("s1"))}, []Held{holds("A")}, false, []string{"A suppressed silence s1 by ada: disk swap until 13:00"}},
		}},

		// Clearing.
		{"absent in two looks", nil, []step{
			{nil, []Held{holds("A"), holds("B")}, false, nil},
			{[]Alert{has("B")}, []Held{holds("A"), holds("B")}, false, []string{"A resolved (reconciled)"}},
			{[]Alert{has("B")}, []Held{holds("A"), holds("B")}, false, []string{"A resolved (reconciled)"}}, // it could not be stored
		}},
		{"absent, there, absent", nil, []step{
			{nil, []Held{holds("A")}, false, nil},
			{[]Alert{has("A")}, []Held{holds("A")}, false, nil},
			{nil, []Held{holds("A")}, false, nil},
		}},
		{"absent while suppressed or stale", nil, []step{
			{nil, []Held{holds("A", because(alerts.Silenced, "s1", one)), holds("B", is(alerts.Stale))}, false, nil},
			{nil, []Held{holds("A", because(alerts.Silenced, "s1", one)), holds("B", is(alerts.Stale))}, false, []string{"A resolved (reconciled)", "B resolved (reconciled)"}},
		}},
		{"a young member clears nothing", nil, []step{
			{nil, []Held{holds("A")}, true, nil},
			{nil, []Held{holds("A")}, true, nil},
			{nil, []Held{holds("A")}, true, nil},
		}},
		{"both looks must be at old members", nil, []step{
			{nil, []Held{holds("A")}, false, nil},
			{nil, []Held{holds("A")}, true, nil},
			{nil, []Held{holds("A")}, false, nil},
			{nil, []Held{holds("A")}, false, []string{"A resolved (reconciled)"}},
		}},
		{"it was heard of since the look began", nil, []step{
			{nil, []Held{holds("A")}, false, nil},
			{nil, []Held{holds("A", seenAt(noon.Add(every+time.Second)))}, false, nil},
			{nil, []Held{holds("A", seenAt(noon.Add(every+time.Second)))}, false, nil},
			{nil, []Held{holds("A", seenAt(noon.Add(every+time.Second)))}, false, []string{"A resolved (reconciled)"}},
		}},
		{"it has fired since the look began", nil, []step{
			{nil, []Held{holds("A", changedAt(noon.Add(time.Second)))}, false, nil},
			{nil, []Held{holds("A", changedAt(noon.Add(time.Second)))}, false, nil},
			{nil, []Held{holds("A", changedAt(noon.Add(time.Second)))}, false, []string{"A resolved (reconciled)"}},
		}},
		{"what has ended is not cleared again", nil, []step{
			{nil, []Held{holds("A", is(alerts.Resolved))}, false, nil},
			{nil, []Held{holds("A", is(alerts.Resolved))}, false, nil},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := comparison{source: "am", minUptime: 5 * time.Minute, receivers: tt.receivers, learn: tt.receivers == nil}
			for i, s := range tt.steps {
				l := Look{At: noon.Add(time.Duration(i) * every), Uptime: 5*time.Minute + 1, Alerts: s.there, Silences: maintenance}
				if s.young {
					l.Uptime = 5 * time.Minute
				}
				d := c.compare(&l, s.known)
				var got []string
				for j := range d.reports {
					got = append(got, told(&d.reports[j]))
					if r := &d.reports[j]; r.Source != "am" || r.Status == alerts.Firing && len(r.Labels) == 0 {
						t.Errorf("look %d: got report %+v", i+1, r)
					}
				}
				if !slices.Equal(got, s.want) {
					t.Errorf("look %d: got %q, want %q", i+1, got, s.want)
				}
			}
		})
	}
}

func to(receivers ...string) func(*Alert) { return func(a *Alert) { a.Receivers = receivers } }

// The routes of an alert that is held must not change because of a look.
func TestReportsKeepTheRoute(t *testing.T) {
	t.Parallel()
	c := comparison{source: "am", learn: true}
	h := holds("A", is(alerts.Stale))
	a := has("A", to("pager"))
	d := c.compare(&Look{At: noon, Alerts: []Alert{a}}, []Held{h})
	if len(d.reports) != 1 {
		t.Fatalf("got %d reports, want 1", len(d.reports))
	}
	got := d.reports[0]
	if got.Receiver != "relay" || got.GroupKey != h.GroupKey || got.ExternalURL != h.ExternalURL || got.RouteLabels["a"] != "b" {
		t.Errorf("got %+v, want what is held", got)
	}
	if got.GeneratorURL != a.GeneratorURL || got.Annotations["summary"] != "s" || !got.StartsAt.Equal(a.StartsAt) {
		t.Errorf("got %+v, want what the Alertmanager has", got)
	}
}

// Refreshes of what was adopted at once are spread, and come long before it is
// stale.
func TestRefreshesAreSpread(t *testing.T) {
	t.Parallel()
	const n = 2000
	c := comparison{source: "am", learn: true}
	l := Look{}
	known := make([]Held, 0, n)
	for i := range n {
		name := fmt.Sprint("Spread", i)
		l.Alerts = append(l.Alerts, has(name))
		known = append(known, holds(name, seenAt(noon)))
	}
	for i := range known {
		if known[i].old(noon.Add(12*time.Minute-1)) || !known[i].old(noon.Add(18*time.Minute)) {
			t.Fatalf("%s is refreshed too early, or too late", known[i].ID)
		}
		never := known[i]
		never.StaleAt = time.Time{}
		if never.old(noon.Add(1000 * time.Hour)) {
			t.Fatalf("%s is refreshed, although it is never stale", known[i].ID)
		}
	}
	most, all := 0, 0
	for at := noon; !at.After(noon.Add(25 * time.Minute)); at = at.Add(every) {
		l.At = at
		d := c.compare(&l, known)
		for i := range d.reports {
			if got := d.reports[i]; got.GroupKey != "" || got.Receiver != "relay" {
				t.Fatalf("got refresh %+v", got)
			}
		}
		most, all = max(most, len(d.reports)), all+len(d.reports)
		refreshed := make(map[string]bool)
		for i := range d.reports {
			refreshed[d.reports[i].Fingerprint] = true
		}
		for i := range known {
			if refreshed[known[i].Fingerprint] {
				known[i].LastSeen, known[i].StaleAt = at, at.Add(24*time.Minute)
			}
		}
	}
	if most > n/10 {
		t.Errorf("got up to %d refreshes in a look, of %d alerts", most, n)
	}
	if all < n {
		t.Errorf("got %d refreshes in all, want %d or more", all, n)
	}
}

func TestExpiring(t *testing.T) {
	t.Parallel()
	silence := func(left, lasts time.Duration) map[string]Silence {
		return map[string]Silence{"s1": {ID: "s1", StartsAt: noon.Add(left - lasts), EndsAt: noon.Add(left), CreatedBy: "ada", Comment: "disk swap"}}
	}
	labels := map[string]string{"alertname": "SilenceExpiring", "severity": "warning", "source": "am", "silence": "s1"}
	ours := Held{Event: alerts.Event{Source: alerts.OwnSource, Fingerprint: alerts.Fingerprint(labels), Status: alerts.Firing, Labels: labels}}
	others := ours
	others.Labels = map[string]string{"alertname": "SilenceExpiring", "source": "am2"}
	others.Fingerprint = "00000000000000ff"
	for _, tt := range []struct {
		name     string
		silences map[string]Silence
		own      []Held
		want     string
	}{
		{"none", nil, nil, ""},
		{"long before", silence(time.Hour, 8*time.Hour), nil, ""},
		{"soon", silence(15*time.Minute, 8*time.Hour), nil, "SilenceExpiring firing"},
		{"soon, and told already", silence(10*time.Minute, 8*time.Hour), []Held{ours}, ""},
		{"extended", silence(2*time.Hour, 8*time.Hour), []Held{ours, others}, " resolved"},
		{"gone, or keeps nothing back", nil, []Held{ours, others}, " resolved"},
		{"past", silence(0, 8*time.Hour), []Held{ours}, " resolved"},
		{"a short one", silence(15*time.Minute, 30*time.Minute), nil, ""},
		{"a short one at its end", silence(7*time.Minute, 30*time.Minute), nil, "SilenceExpiring firing"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, a := range expiring("am", tt.silences, tt.own, noon, 15*time.Minute) {
				got = append(got, told(&a))
				if a.Source != alerts.OwnSource || a.Fingerprint != ours.Fingerprint {
					t.Errorf("got %+v", a)
				}
				if a.Status == alerts.Firing && (a.Annotations["by"] != "ada" || a.Annotations["comment"] != "disk swap" || a.Annotations["until"] == "") {
					t.Errorf("got annotations %q", a.Annotations)
				}
			}
			if s := strings.Join(got, ", "); s != tt.want {
				t.Errorf("got %q, want %q", s, tt.want)
			}
		})
	}
}
