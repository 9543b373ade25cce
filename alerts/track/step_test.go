package track

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"alertrelay/alerts"
)

var began = time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)

func at(seconds int) time.Time { return began.Add(time.Duration(seconds) * time.Second) }

// report is an alert of Alertmanager, with changes.
func report(status alerts.Status, changes ...func(*alerts.Alert)) alerts.Alert {
	a := alerts.Alert{
		Source: "am", Fingerprint: "00000000000000aa", Status: status,
		Labels: map[string]string{"alertname": "A"}, StartsAt: began, ExternalURL: "http://am1",
	}
	for _, change := range changes {
		change(&a)
	}
	return a
}

func starts(seconds int) func(*alerts.Alert) {
	return func(a *alerts.Alert) { a.StartsAt = at(seconds) }
}

func ends(seconds int) func(*alerts.Alert) { return func(a *alerts.Alert) { a.EndsAt = at(seconds) } }

func says(seconds int) func(*alerts.Alert) {
	return func(a *alerts.Alert) { a.ReportedAt = at(seconds) }
}
func by(url string) func(*alerts.Alert) { return func(a *alerts.Alert) { a.ExternalURL = url } }
func labelled(name, value string) func(*alerts.Alert) {
	return func(a *alerts.Alert) {
		a.Labels = maps.Clone(a.Labels)
		a.Labels[name] = value
	}
}

func text(s string) func(*alerts.Alert) {
	return func(a *alerts.Alert) { a.Annotations = map[string]string{"summary": s} }
}

func bare(a *alerts.Alert)      { a.Labels, a.StartsAt = nil, time.Time{} }
func bareTimes(a *alerts.Alert) { a.StartsAt = time.Time{} }
func direct(a *alerts.Alert)    { a.Direct, a.ExternalURL = true, "" }
func changing(a *alerts.Alert)  { a.Changing = true }
func ack(who string) alerts.Alert {
	return report(alerts.Acknowledged, bare, func(a *alerts.Alert) { a.By = who })
}

func kept(kind, id string, changes ...func(*alerts.Alert)) alerts.Alert {
	return report(alerts.Suppressed, append([]func(*alerts.Alert){bare, func(a *alerts.Alert) {
		a.Suppression = &alerts.Suppression{Kind: kind, ID: id}
	}}, changes...)...)
}

// step is a report at a time, and what becomes of it: "" is no event.
type step struct {
	at     int // seconds
	report alerts.Alert
	want   string // "kind status", or an outcome in brackets
}

// take is the state after a report, as the log and the bucket have it then.
func (s *state) take(a *alerts.Alert, o outcome, e alerts.Event, now time.Time) {
	if o == stored {
		before := s.event
		s.seq, s.event = s.seq+1, e
		s.eventSeq = s.seq
		if e.Kind == alerts.KindFiring {
			s.firedAt, s.saidAt, s.endedAt = e.UpdatedAt, e.ReportedAt, time.Time{}
			if before.StartsAt.Equal(e.StartsAt) {
				s.endedAt = before.EndsAt
			}
		}
	}
	if l := expiry(a); l.heard && o >= unchanged {
		s.lastSeen = now
		if l.kept {
			s.keptAt = later(s.keptAt, l.reportedAt)
		} else {
			s.saidAt = later(s.saidAt, l.reportedAt)
		}
	}
}

func (o outcome) String() string {
	return [...]string{"not active", "outdated", "late copy", "unchanged", "stored"}[o]
}

func brief(o outcome, e *alerts.Event) string {
	if o != stored {
		return fmt.Sprintf("(%s)", o)
	}
	s := string(e.Kind)
	if string(e.Kind) != string(e.Status) {
		s += " " + string(e.Status)
	}
	if e.Ack != nil {
		s += ", " + e.Ack.By
	}
	if e.Suppression != nil {
		s += ", " + e.Suppression.Kind + " " + e.Suppression.ID
	}
	if e.Flaps > 0 {
		s += fmt.Sprintf(", flaps %d", e.Flaps)
	}
	return s
}

func TestStateMachine(t *testing.T) {
	const (
		firing   = alerts.Firing
		resolved = alerts.Resolved
		same     = "(unchanged)"
		inactive = "(not active)"
		old      = "(outdated)"
	)
	stale := func(s *state) { s.event.Status, s.event.Kind = alerts.Stale, alerts.KindStale; s.seq++; s.eventSeq++ }
	expired := func(s *state) {
		s.event.Status, s.event.Kind = alerts.Expired, alerts.KindExpired
		s.seq++
		s.eventSeq++
	}
	tests := []struct {
		name    string
		updates bool
		steps   []step
		then    func(*state) // after the first step
	}{
		{name: "fires, is repeated, resolves", steps: []step{
			{0, report(firing), "firing"},
			{60, report(firing), same},
			{120, report(resolved, ends(110)), "resolved"},
			{121, report(resolved, ends(110)), same},
			{180, report(firing), "firing"},
		}},
		{name: "newer startsAt: a resolve was missed", steps: []step{
			{0, report(firing), "firing"},
			{60, report(firing, starts(50)), "updated firing, flaps 1"},
			{61, report(firing, starts(50)), same},
			{62, report(firing), same}, // late
			{120, report(firing, starts(100)), "updated firing, flaps 2"},
		}},
		{name: "newer startsAt after the resolve", steps: []step{
			{0, report(firing), "firing"},
			{60, report(resolved, ends(50)), "resolved"},
			{61, report(firing, starts(55)), "firing"},
		}},
		{name: "resolve of the unknown", steps: []step{{0, report(resolved, ends(0)), inactive}}},
		{name: "resolve with another startsAt", steps: []step{
			{0, report(firing), "firing"},
			{60, report(resolved, starts(30), ends(50)), "resolved"},
		}},
		{name: "resolve of the incident before", steps: []step{
			{0, report(firing, starts(0)), "firing"},
			{60, report(resolved, starts(-100), ends(-50)), old},
			{61, report(resolved, starts(0), ends(0)), "resolved"},
		}},
		{name: "resolve without an end", steps: []step{
			{0, report(firing), "firing"},
			{60, report(resolved), "resolved"},
		}},
		{name: "late copy of a cluster's other member", steps: []step{
			{0, report(firing), "firing"},
			{60, report(resolved, ends(50)), "resolved"},
			{89, report(firing, by("http://am2")), "(late copy)"},
			{90, report(firing, by("http://am2")), "firing"},
		}},
		{name: "the same member fires again with the same startsAt", steps: []step{
			{0, report(firing), "firing"},
			{60, report(resolved, ends(50)), "resolved"},
			{62, report(firing), "firing"},
		}},
		{name: "the other member, another incident", steps: []step{
			{0, report(firing), "firing"},
			{60, report(resolved, ends(50)), "resolved"},
			{62, report(firing, by("http://am2"), starts(55)), "firing"},
		}},
		{name: "the other member of a resolved alert resolves", steps: []step{
			{0, report(firing), "firing"},
			{60, report(resolved, ends(50), by("http://am2")), "resolved"},
			{61, report(resolved, ends(52)), same},
		}},
		{name: "missing from its group, and back", steps: []step{
			{0, report(firing), "firing"},
			{60, kept("group", ""), "suppressed, group "},
			{120, kept("group", ""), same},
			{180, report(firing), "unsuppressed firing"},
			{240, kept("group", ""), "suppressed, group "},
			{300, report(resolved, ends(290)), "resolved"},
			{360, kept("group", ""), inactive},
		}},
		{name: "suppressed, and begins anew", steps: []step{
			{0, report(firing), "firing"},
			{60, kept("silence", "s1"), "suppressed, silence s1"},
			{180, report(firing, starts(170)), "updated firing, flaps 1"},
		}},
		{name: "suppression of what is not active", steps: []step{
			{0, kept("silence", "s1", says(0)), inactive},
			{1, report(firing), "firing"},
			{2, report(resolved), "resolved"},
			{3, kept("silence", "s1", says(3)), inactive},
		}},
		{name: "a group says less than a silence or an inhibition", steps: []step{
			{0, report(firing), "firing"},
			{60, kept("group", ""), "suppressed, group "},
			{70, kept("silence", "s1", says(65)), "suppressed, silence s1"},
			{80, kept("group", ""), same},
			{90, kept("inhibition", "i1", says(90)), "suppressed, inhibition i1"},
			{100, kept("group", ""), same},
		}},
		{name: "a newer silence counts, and none that comes late", steps: []step{
			{0, report(firing), "firing"},
			{60, kept("silence", "s1", says(60)), "suppressed, silence s1"},
			{61, kept("silence", "s1", says(61)), same},
			{90, kept("silence", "s2", says(90)), "suppressed, silence s2"},
			{91, kept("silence", "s1", says(80)), old},
			{92, kept("silence", "s1", says(92)), "suppressed, silence s1"},
		}},
		{name: "the newest that was said of the same silence counts", steps: []step{
			{0, report(firing), "firing"},
			{60, kept("silence", "s1", says(60)), "suppressed, silence s1"},
			{100, kept("silence", "s1", says(100)), same},
			{101, kept("silence", "s2", says(80)), old},
		}},
		{name: "a suppression from before the alert was heard of to fire", steps: []step{
			{0, report(firing), "firing"},
			{60, kept("silence", "s1", says(60)), "suppressed, silence s1"},
			{90, report(firing), "unsuppressed firing"},
			{91, kept("silence", "s1", says(80)), old},
		}},
		{name: "a late resolve of the incident before", steps: []step{
			{0, report(firing), "firing"},
			{60, report(resolved, says(60)), "resolved"},
			{90, report(firing), "firing"},
			{91, report(resolved, bare, says(60)), old},
			{92, kept("silence", "s1", says(92)), "suppressed, silence s1"},
			{93, report(resolved, bare, says(60)), old},
			{94, report(resolved, bare, says(94)), "resolved"},
		}},
		{name: "a resolve without labels keeps them", steps: []step{
			{0, report(firing, labelled("team", "db"), text("full")), "firing"},
			{60, report(resolved, bare, says(60)), "resolved"},
		}},
		{name: "all is told late, and by the sender's clock in order", steps: []step{
			{100, report(firing, says(10)), "firing"},
			{101, report(resolved, says(11)), "resolved"},
			{102, report(firing, says(12)), "firing"},
			{103, report(resolved, says(11)), old}, // again
			{104, kept("silence", "s1", says(11)), old},
			{105, kept("silence", "s1", says(12)), "suppressed, silence s1"},
			{106, report(firing, says(13)), "unsuppressed firing"},
			{107, report(firing, says(20)), same},
			{108, report(resolved, says(15)), old}, // it has fired since
			{109, report(resolved, says(20)), "resolved"},
		}},
		{name: "the clock that reports a resolve is behind", steps: []step{
			{200, report(firing, starts(190)), "firing"},
			{300, report(resolved, starts(190), ends(280), says(-500)), "resolved"},
			{310, report(firing, starts(305)), "firing"},
			{311, report(resolved, starts(190), ends(280), says(-500)), old},
			{320, report(resolved, starts(305), ends(315), says(-460)), "resolved"},
		}},
		{name: "fires again with the same startsAt, and the resolve before comes late", steps: []step{
			{0, report(firing), "firing"},
			{60, report(resolved, ends(50)), "resolved"},
			{62, report(firing), "firing"},
			{63, report(resolved, ends(51), says(60)), old}, // as the other member of the cluster has it
			{90, report(resolved, ends(80), says(10)), "resolved"},
		}},
		{name: "nobody says when it began", steps: []step{
			{0, report(firing, starts(0), bareTimes), "firing"},
			{60, report(firing, bareTimes), same},
			{61, report(firing, bareTimes, direct), same},
			{62, report(resolved, bareTimes, ends(-30)), "resolved"}, // by a clock that is behind
			{63, report(firing, bareTimes), "firing"},
			{64, report(resolved, bareTimes, says(63)), "resolved"},
		}},
		{name: "an acknowledgement stays through suppression", steps: []step{
			{0, ack("ann"), inactive},
			{0, report(firing), "firing"},
			{10, ack("ann"), "acked firing, ann"},
			{11, ack("ann"), same},
			{12, ack("bob"), "acked firing, bob"},
			{60, kept("silence", "s1"), "suppressed, bob, silence s1"},
			{70, report(firing), "unsuppressed firing, bob"},
			{80, report(resolved), "resolved"},
			{90, report(firing), "firing"},
		}},
		{name: "an acknowledgement ends when it begins anew", steps: []step{
			{0, report(firing), "firing"},
			{10, ack("ann"), "acked firing, ann"},
			{60, report(firing, starts(50)), "updated firing, flaps 1"},
		}},
		{name: "stale and heard of again", then: stale, steps: []step{
			{0, report(firing), "firing"},
			{60, ack("ann"), "acked stale, ann"},
			{90, report(firing), "fresh firing, ann"},
		}},
		{name: "stale and resolved", then: stale, steps: []step{
			{0, report(firing), "firing"},
			{90, report(resolved, ends(80)), "resolved"},
		}},
		{name: "stale and kept back", then: stale, steps: []step{
			{0, report(firing), "firing"},
			{90, kept("group", ""), "suppressed, group "},
			{91, report(firing), "unsuppressed firing"},
		}},
		{name: "expired", then: expired, steps: []step{
			{0, report(firing), "firing"},
			{90, report(resolved, ends(80)), inactive},
			{91, kept("silence", "s1"), inactive},
			{92, ack("ann"), inactive},
			{93, report(firing, by("http://am2")), "firing"},
		}},
		{name: "annotations change", steps: []step{
			{0, report(firing, text("1")), "firing"},
			{60, report(firing, text("2")), same},
		}},
		{name: "annotations change, and that is wanted", updates: true, steps: []step{
			{0, report(firing, text("1")), "firing"},
			{60, report(firing, text("2")), "updated firing"},
			{120, report(firing, text("2")), same},
		}},
		{name: "annotations were cut", updates: true, then: func(s *state) { s.event.Annotations, s.event.AnnotationsCut = nil, true }, steps: []step{
			{0, report(firing, text("1")), "firing"},
			{60, report(firing, text("1")), same},
		}},
		{name: "labels change", steps: []step{
			{0, report(firing, changing, labelled("severity", "warning")), "firing"},
			{60, report(firing, changing, labelled("severity", "warning")), same},
			{61, report(firing, changing, labelled("severity", "critical")), "updated firing"},
			{62, report(resolved, changing, bare), "resolved"},
		}},
		{name: "replicas: a resolve counts if none has seen it fire since", steps: []step{
			{0, report(firing, direct), "firing"},
			{1, report(firing, direct), same},
			{60, report(firing, direct), same},
			{61, report(resolved, direct, ends(30)), old}, // one does not see it, the other does
			{125, report(firing, direct), same},
			{190, report(resolved, direct, ends(190)), "resolved"},
			{191, report(resolved, direct, ends(191)), same},
			{255, report(resolved, direct, ends(190)), same}, // sent again
			{300, report(firing, direct, starts(300)), "firing"},
			{320, report(resolved, direct, ends(190)), old},
		}},
		{name: "replicas begin at different times", steps: []step{
			{10, report(firing, direct, starts(0)), "firing"},
			{12, report(firing, direct, starts(8)), same},
			{75, report(firing, direct, starts(0)), same},
			{77, report(firing, direct, starts(8)), same},
			{200, report(firing, direct, starts(190)), "updated firing, flaps 1"},
		}},
		{name: "the log has lost its event, and it fires", then: func(s *state) { s.seq = 0 }, steps: []step{
			{0, report(firing), "firing"},
			{60, report(firing), "firing"},
			{61, report(firing), same},
		}},
		{name: "the log has lost its event, and it resolves", then: func(s *state) { s.seq = 0 }, steps: []step{
			{0, report(firing), "firing"},
			{60, report(resolved), "resolved"},
		}},
		{name: "the log has lost that it is kept back", then: func(s *state) {
			s.seq, s.event.Status, s.event.Ack = 0, alerts.Suppressed, &alerts.Ack{By: "ann"}
			s.event.Suppression = &alerts.Suppression{Kind: "silence", ID: "s1", Since: at(5)}
		}, steps: []step{
			{0, report(firing), "firing"},
			{59, kept("silence", "s1", says(59)), same},
			{60, report(firing), "unsuppressed firing, ann"},
		}},
		{name: "moved away, and reported there", then: func(s *state) { s.event.Status, s.event.Kind = alerts.Resolved, alerts.KindMoved }, steps: []step{
			{0, report(firing), "firing"},
			{1, report(resolved), inactive},
			{2, report(firing, by("http://am2")), "firing"},
		}},
		{name: "something else was published there", then: func(s *state) { s.event = alerts.Event{} }, steps: []step{
			{0, report(firing), "firing"},
			{1, kept("silence", "s1"), inactive},
			{1, report(resolved, bare), inactive},
			{2, report(resolved), "resolved"},
			{3, report(firing), "firing"},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var s state
			for i, step := range tt.steps {
				o, e := s.next(&step.report, at(step.at), tt.updates)
				if got := brief(o, &e); got != step.want {
					t.Fatalf("step %d: got %q, want %q", i, got, step.want)
				}
				s.take(&step.report, o, e, at(step.at))
				if i == 0 && tt.then != nil {
					tt.then(&s)
				}
			}
			if s.event.Status == "" || s.seq == 0 {
				return
			}
			if strings.Contains(tt.name, "keeps") && (s.event.Labels["team"] != "db" || s.event.Annotations["summary"] != "full") {
				t.Errorf("got %v %v", s.event.Labels, s.event.Annotations)
			}
			if s.event.Status != alerts.Suppressed && s.event.Suppression != nil || s.event.Status == alerts.Resolved && s.event.Ack != nil {
				t.Errorf("got %+v", s.event)
			}
		})
	}
}

// The incident's beginning stays, whatever a report of the same incident says.
func TestStartsAt(t *testing.T) {
	var s state
	for i, tt := range []struct {
		report alerts.Alert
		want   time.Time
	}{
		{report(alerts.Firing, starts(0)), at(0)},
		{kept("silence", "s1"), at(0)},
		{report(alerts.Firing, starts(-50)), at(0)},
		{ack("ann"), at(0)},
		{report(alerts.Firing, starts(20)), at(20)},
		{report(alerts.Resolved, starts(5), ends(30)), at(20)},
	} {
		o, e := s.next(&tt.report, at(10*i), false)
		if o != stored || !e.StartsAt.Equal(tt.want) || !e.UpdatedAt.Equal(at(10*i)) {
			t.Errorf("report %d: got %s %+v", i, o, e)
		}
		s.take(&tt.report, o, e, at(10*i))
	}
	if !s.event.EndsAt.Equal(at(30)) {
		t.Errorf("got %v", s.event.EndsAt)
	}
}
