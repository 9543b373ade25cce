package track_test

import (
	"testing"

	"alertrelay/alerts"
	"alertrelay/alerts/alertstest"
	"alertrelay/alerts/track"
)

// Labels are matched by what they are, whatever is in them.
func TestMatchOddLabels(t *testing.T) {
	r := start(t, startServer(t), alertstest.Options{})
	odd := alertstest.Firing("Odd")
	odd.Labels = map[string]string{
		"alertname": "Odd", "team": "db", "severity": "critical",
		"empty": "", "zero": "a\x00b", "größe": "zu groß", "broken": "a\xffteam\xffb", "source": "label", "z": "last",
	}
	odd.Fingerprint = alerts.Fingerprint(odd.Labels)
	r.record(odd, alertstest.Firing("Plain"))
	for _, tt := range []struct {
		matcher string
		want    int
	}{
		{`empty=""`, 2},
		{`empty!=""`, 0},
		{`zero=~"a.b"`, 1},
		{`größe="zu groß"`, 1},
		{`broken=~"a.team.b"`, 1},
		{`broken="a"`, 0},
		{`source="label"`, 1},
		{`source="am"`, 1},
		{`status="firing"`, 2},
		{`z="last"`, 1},
		{`none=""`, 2},
		{`alertname="Plain"`, 1},
	} {
		if got := r.current(track.Query{Match: matchers(t, tt.matcher)}); len(got) != tt.want {
			t.Errorf("%s: got %d alerts, want %d", tt.matcher, len(got), tt.want)
		}
	}
}
