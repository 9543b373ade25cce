package alerts_test

import (
	"slices"
	"strings"
	"testing"

	"alertrelay/alerts"
	"alertrelay/alerts/alertstest"
)

func TestChannels(t *testing.T) {
	a := &alerts.Alert{
		Source: "am", Fingerprint: "6cbc862a35eef55a", Receiver: "web.hook",
		Labels:      map[string]string{"alertname": "Down", "severity": "critical", "owner": "db", "source": "forged", "service.name": "x", "@pager": "label"},
		RouteLabels: map[string]string{"pager": "ops & net"},
	}
	const id = ".am-6cbc862a35eef55a"
	tests := []struct {
		name   string
		routes []alerts.Route
		want   []string
	}{
		{"default", nil, []string{"db.critical.Down"}},
		{"first match wins", []alerts.Route{{Match: []string{`severity="critical"`}, Subject: "alerts.a"}, {Subject: "alerts.b"}}, []string{"a"}},
		{"none matches", []alerts.Route{{Match: []string{`severity="info"`}, Subject: "alerts.a"}}, []string{"db.critical.Down"}},
		{"continue to the default", []alerts.Route{{Match: []string{`severity="critical"`}, Subject: "alerts.a", Continue: true}}, []string{"a", "db.critical.Down"}},
		{"continue, one passed over", []alerts.Route{{Subject: "alerts.a", Continue: true}, {Match: []string{`owner="x"`}, Subject: "alerts.b"}, {Subject: "alerts.c"}}, []string{"a", "c"}},
		{"the same channel once", []alerts.Route{{Subject: "alerts.{owner}", Continue: true}, {Subject: "alerts.db"}}, []string{"db"}},
		{"all matchers must hold", []alerts.Route{{Match: []string{`severity="critical"`, `owner="x"`}, Subject: "alerts.a"}, {Subject: "alerts.b"}}, []string{"b"}},
		{"several in one", []alerts.Route{{Match: []string{`{severity=~"crit.*", owner!="x"}`}, Subject: "alerts.a"}}, []string{"a"}},
		{"regular expressions are anchored", []alerts.Route{{Match: []string{`severity=~"crit"`}, Subject: "alerts.a"}, {Subject: "alerts.b"}}, []string{"b"}},
		{"a missing label is empty", []alerts.Route{{Match: []string{`team=""`}, Subject: "alerts.a"}}, []string{"a"}},
		{"source is no label", []alerts.Route{{Match: []string{`source="am"`}, Subject: "alerts.{source}"}}, []string{"am"}},
		{"receiver", []alerts.Route{{Match: []string{`receiver="web.hook"`}, Subject: "alerts.{receiver}"}}, []string{"web=2Ehook"}},
		{"label of the sender's route", []alerts.Route{{Match: []string{`@pager=~"ops.*"`}, Subject: "alerts.{@pager}.x"}}, []string{"ops=20=26=20net.x"}},
		{"quoted UTF-8 name", []alerts.Route{{Match: []string{`"service.name"="x"`}, Subject: "alerts.{service.name}"}}, []string{"x"}},
		{"alternatives", []alerts.Route{{Subject: `alerts.{team|@team|owner|"none"}`}}, []string{"db"}},
		{"constant", []alerts.Route{{Subject: `alerts.{team|"no team}.*"}.z`}}, []string{"no=20team=7D=2E=2A.z"}},
		{"nothing there", []alerts.Route{{Subject: `alerts.{team}.{namespace}`}}, []string{"_._"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for i := range tt.want {
				tt.want[i] += id
			}
			if got := alertstest.Router(t, tt.routes...).Channels(a); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// Under _meta there is what the relay itself has to say, and nothing else.
func TestOnlyOwnAlertsAreUnderMeta(t *testing.T) {
	router := alertstest.Router(t)
	a := &alerts.Alert{Source: "am", Fingerprint: "6cbc862a35eef55a", Labels: map[string]string{"team": "_meta", "alertname": "A"}}
	if got, want := router.Channels(a), []string{"=5Fmeta._.A.am-6cbc862a35eef55a"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if value, cut, err := alerts.DecodeToken("=5Fmeta"); value != "_meta" || cut || err != nil {
		t.Errorf("it is read as %q, %t, %v", value, cut, err)
	}
	a = &alerts.Alert{Source: alerts.OwnSource, Fingerprint: "6cbc862a35eef55a", Labels: map[string]string{"severity": "critical", "alertname": "SourceSilent"}}
	if got, want := router.Channels(a), []string{"_meta.critical.SourceSilent.relay-6cbc862a35eef55a"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestPrefixIsNotOfTheChannel(t *testing.T) {
	router, err := alerts.ParseRoutes("mon", []alerts.Route{{Subject: "mon.{alertname}"}})
	must(t, err)
	a := &alerts.Alert{Source: "am", Fingerprint: "6cbc862a35eef55a", Labels: map[string]string{"alertname": "Down"}}
	if got, want := router.Channels(a), []string{"Down.am-6cbc862a35eef55a"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestRoutesRefused(t *testing.T) {
	tests := []struct {
		name   string
		routes []alerts.Route
		want   string
	}{
		{"matcher", []alerts.Route{{Match: []string{"severity"}, Subject: "alerts.a", Origin: "relay.yaml:7"}}, `alerts: routes[0] (relay.yaml:7): match "severity": `},
		{"how to mend a matcher", []alerts.Route{{Match: []string{"a="}, Subject: "alerts.a"}}, `write a matcher such as 'severity="critical"'`},
		{"bad expression", []alerts.Route{{Match: []string{`a=~"("`}, Subject: "alerts.a"}}, "error parsing regexp"},
		{"empty matcher", []alerts.Route{{Match: []string{"{}"}, Subject: "alerts.a"}}, "is empty"},
		{"other prefix", []alerts.Route{{Subject: "db.{team}"}}, `must begin with "alerts."`},
		{"only the prefix", []alerts.Route{{Subject: "alerts"}}, `must begin with "alerts."`},
		{"nothing behind the prefix", []alerts.Route{{Subject: "alerts."}}, "has an empty token"},
		{"two dots", []alerts.Route{{Subject: "alerts.a..b"}}, "has an empty token"},
		{"dot at the end", []alerts.Route{{Subject: "alerts.a."}}, "ends with a dot"},
		{"dot at the end, placeholder", []alerts.Route{{Subject: "alerts.{a}."}}, "ends with a dot"},
		{"wildcard", []alerts.Route{{Subject: "alerts.*"}}, `only letters, digits, "_" and "-"`},
		{"placeholder within a token", []alerts.Route{{Subject: "alerts.db-{team}"}}, "a placeholder is a whole token; put a dot between"},
		{"something behind a placeholder", []alerts.Route{{Subject: "alerts.{team}db"}}, "put a dot after it"},
		{"not closed", []alerts.Route{{Subject: "alerts.{team"}}, "is not closed"},
		{"empty placeholder", []alerts.Route{{Subject: "alerts.{}"}}, "is no label's name"},
		{"empty alternative", []alerts.Route{{Subject: "alerts.{a||b}"}}, "is no label's name"},
		{"blank", []alerts.Route{{Subject: "alerts.{a | b}"}}, "is no label's name"},
		{"bare @", []alerts.Route{{Subject: "alerts.{@}"}}, "is no label's name"},
		{"empty constant", []alerts.Route{{Subject: `alerts.{a|""}`}}, "constant is empty"},
		{"constant without its end", []alerts.Route{{Subject: `alerts.{a|"x}`}}, "no closing quote"},
		{"constant not last", []alerts.Route{{Subject: `alerts.{"x"|a}`}}, "write the constant last"},
		{"five placeholders", []alerts.Route{{Subject: "alerts.{a}.{b}.{c}.{d}.{e}"}}, "has 5 placeholders, 4 are possible"},
		{"too long", []alerts.Route{{Subject: "alerts.{a}.{b}.{c}.{d}." + strings.Repeat("x", 85)}}, "can become 514 bytes long"},
		{"the relay's own", []alerts.Route{{Subject: "alerts._meta.{a}"}}, "is the relay's own"},
		{"never used", []alerts.Route{{Subject: "alerts.a", Origin: "f:1"}, {Match: []string{"a=b"}, Subject: "alerts.b"}}, "routes[1]: never used, because routes[0] (f:1) takes every alert"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := alerts.ParseRoutes("", tt.routes)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
	_, err := alerts.ParseRoutes("", []alerts.Route{{Match: []string{"a", "b"}, Subject: "x"}, {Subject: "y"}})
	if got := strings.Count(err.Error(), "\n") + 1; got != 4 {
		t.Errorf("got %d lines, want one for each of 4 mistakes:\n%v", got, err)
	}
}

func FuzzParseRoutes(f *testing.F) {
	f.Add("alerts.{team|owner|namespace}.{severity}.{alertname}", `severity="critical"`)
	f.Add(`alerts.{team|@pager|"none"}.x`, `{a=~"b.*", "c d"!="e"}`)
	f.Add("alerts.db-{x}", `a`)
	f.Add(`alerts.{"x"}.{`, `a=~"("`)
	f.Add("alerts.{a}.{b}.{c}.{d}.{e}", "")
	f.Fuzz(func(t *testing.T, subject, match string) {
		router, err := alerts.ParseRoutes("", []alerts.Route{{Match: []string{match}, Subject: subject, Continue: true}})
		if err != nil {
			return
		}
		long := strings.Repeat("é*.>", 100)
		a := &alerts.Alert{Source: strings.Repeat("s", 16), Fingerprint: "6cbc862a35eef55a", Receiver: long, Labels: map[string]string{"team": "*", "a": long, "x": ">"}}
		for _, channel := range router.Channels(a) {
			checkChannel(t, channel, strings.Count(channel, "."))
		}
	})
}
