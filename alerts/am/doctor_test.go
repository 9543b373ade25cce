package am_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"alertrelay/alerts/am"
)

const goodRelay = "receivers: [{name: nobody}, {name: relay, webhook_configs: [{url: 'http://127.0.0.1:8080/in/alertmanager/am'}]}]\ntemplates: []\n"

func advice(r *am.Report) string {
	var b strings.Builder
	for _, a := range r.Advice {
		b.WriteString(string(a.Level) + " " + a.Text + "\n")
	}
	return b.String()
}

// What a real Alertmanager makes of several configurations.
func TestExamine(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, config string
		o            am.DoctorOptions
		changes      int
		want         []string
	}{
		{"nothing to change", "route: {receiver: nobody, routes: [{receiver: relay, continue: true, group_by: ['...'], group_wait: 1s, group_interval: 15s, repeat_interval: 5m}, {receiver: nobody}]}\n" + goodRelay, am.DoctorOptions{}, 0, []string{
			`ok receiver "relay" posts to the relay`, `ok it posts as source "am"`, "ok send_resolved is true", "ok max_alerts is 0",
			"note timeout: is possible from 0.28 on", "note it shows no credentials; if the relay should ask for some, set http_config and sources.am.auth",
			"ok route.routes[0]: no other route takes alerts away from it, nor it from others",
			"ok route.routes[0]: repeat_interval is 5m: an alert of which nothing more is heard is stale after 5m47s, and expires after 10m15s",
		}},
		{"no receiver", plainConfig, am.DoctorOptions{}, 1, []string{"change no receiver posts to the relay; add the one below"}},
		{"another host", "route: {receiver: relay}\n" + goodRelay, am.DoctorOptions{Relay: "http://relay:8080"}, 1, []string{"change no receiver posts to the relay"}},
		{"all of it wrong", "route: {receiver: nobody, routes: [{receiver: nobody, matchers: [severity=\"critical\"]}, {receiver: relay, matchers: [team=\"db\"]}, {receiver: nobody}]}\n" +
			"receivers: [{name: nobody}, {name: relay, webhook_configs: [{url: 'http://ada:geheim@127.0.0.1:8080/in/alertmanager/x/y', send_resolved: false, max_alerts: 5}]}]\ntemplates: []\n", am.DoctorOptions{}, 6, []string{
			`change receiver "relay" posts to http://ada:xxxxx@127.0.0.1:8080/in/alertmanager/x/y; the path is /in/alertmanager/NAME`,
			`change receiver "relay": send_resolved is false`, `change receiver "relay": max_alerts is 5`,
			"change route.routes[1]: does not get what route.routes[0] before it matches",
			`note route.routes[1]: only alerts with team="db" come to the relay`,
			"change route.routes[1]: repeat_interval is 4h: an alert of which nothing more is heard is stale after 4h29m30s, and expires after 8h5m; with 5m and a group_interval of 15s that is 5m47s and 10m15s",
			"change route.routes[1]: group_interval is 5m",
			"note route.routes[1]: group_wait is 30s", "note route.routes[1]: alerts come in groups",
		}},
		{"no continue", "route: {receiver: nobody, group_interval: 15s, repeat_interval: 1h, routes: [{receiver: relay}, {receiver: nobody}]}\n" + goodRelay, am.DoctorOptions{}, 1, []string{
			"change route.routes[0]: has no continue, so the routes after it do not get what it matches; set continue: true",
		}},
		{"the receiver of the top route", "route: {receiver: relay, group_interval: 15s, repeat_interval: 1h, routes: [{receiver: nobody}]}\n" + goodRelay, am.DoctorOptions{}, 1, []string{
			"change route: the relay is the receiver of the top route",
		}},
		{"the only receiver", "route: {receiver: relay, group_interval: 15s, repeat_interval: 1h}\n" + goodRelay, am.DoctorOptions{}, 0, nil},
		{"behind one that matches everything", "route: {receiver: nobody, group_interval: 15s, repeat_interval: 1h, routes: [{receiver: nobody}, {routes: [{receiver: relay}]}]}\n" + goodRelay, am.DoctorOptions{}, 1, []string{
			"change route.routes[1].routes[0]: gets nothing, because route.routes[0] before it matches everything",
		}},
		{"no route", "route: {receiver: nobody}\n" + goodRelay, am.DoctorOptions{}, 1, []string{`change no route names receiver "relay"`}},
		{"another source", "route: {receiver: relay, group_interval: 15s, repeat_interval: 1h}\n" + goodRelay, am.DoctorOptions{Source: "am2"}, 1, []string{`change receiver "relay" posts as source "am", and not "am2"`}},
		{"a receiver of another name", "route: {receiver: nobody}\n" + goodRelay, am.DoctorOptions{Receiver: "board"}, 1, []string{`change there is no receiver "board" with a webhook`}},
		{"muted", "time_intervals: [{name: night, time_intervals: [{times: [{start_time: '22:00', end_time: '24:00'}]}]}]\n" +
			"route: {receiver: nobody, group_interval: 15s, repeat_interval: 1h, routes: [{receiver: relay, continue: true, mute_time_intervals: [night]}]}\n" + goodRelay, am.DoctorOptions{}, 1, []string{"change route.routes[0]: time intervals keep alerts back"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := startAlertmanager(t, tt.config)
			r, err := am.Examine(t.Context(), am.Options{URLs: []string{s.url}}, tt.o)
			if err != nil {
				t.Fatal(err)
			}
			got := advice(&r)
			if r.Changes() != tt.changes {
				t.Errorf("got %d things to change, want %d", r.Changes(), tt.changes)
			}
			for _, want := range tt.want {
				if !strings.Contains("\n"+got, "\n"+want) {
					t.Errorf("no line begins with %q", want)
				}
			}
			if t.Failed() {
				t.Logf("got\n%s", got)
			}
			if strings.Contains(got, "geheim") {
				t.Errorf("a password is told:\n%s", got)
			}
			// What is proposed is a good configuration, and there is nothing to change
			// about it.
			if tt.name == "no receiver" {
				config := strings.Replace(r.Alertmanager, "route:", "route:\n  receiver: relay2", 1) + "  - name: relay2\ntemplates: []\n"
				if r, err = am.Examine(t.Context(), am.Options{URLs: []string{startAlertmanager(t, config).url}}, tt.o); err != nil {
					t.Fatal(err)
				}
				if r.Changes() != 0 {
					t.Errorf("what is proposed should be changed itself:\n%s", advice(&r))
				}
			}
		})
	}
}

// What versions that are not here answer.
func TestDiagnose(t *testing.T) {
	t.Parallel()
	const routes = "route: {receiver: relay, group_interval: 15s, repeat_interval: 5m}\n"
	hidden := func(receivers ...string) string {
		s := routes + "receivers:\n"
		for _, name := range receivers {
			s += "- name: " + name + "\n  webhook_configs:\n  - url: <secret>\n    send_resolved: true\n    max_alerts: 0\n    timeout: 10s\n    http_config: {authorization: {type: Bearer, credentials: <secret>}}\n"
		}
		return s
	}
	timeout := func(value string) string { return strings.Replace(hidden("relay"), "10s", value, 1) }
	for _, tt := range []struct {
		name, version, config string
		o                     am.DoctorOptions
		changes               int
		want                  string
	}{
		{"its address is hidden", "0.34.2", hidden("pager", "my-Relay"), am.DoctorOptions{}, 1, `note receiver "my-Relay" is taken for the relay's because of its name`},
		{"its address is hidden, and its name is given", "0.34.2", hidden("pager", "relay"), am.DoctorOptions{Receiver: "relay"}, 0, `ok receiver "relay" posts to the relay`},
		{"all are hidden", "0.34.2", hidden("pager", "chat"), am.DoctorOptions{}, 1, "change no receiver is known to be the relay's: this version hides the addresses of pager, chat; name the relay's with --receiver"},
		{"good timeout", "0.28.0", timeout("1m0s"), am.DoctorOptions{}, 0, "ok timeout is 1m"},
		{"no timeout", "0.28.0", timeout("0s"), am.DoctorOptions{}, 1, `change receiver "relay": timeout is missing`},
		{"short timeout", "0.34.2", timeout("3s"), am.DoctorOptions{}, 1, `change receiver "relay": timeout is 3s`},
		{"no CORS", "v0.34.2", hidden("relay"), am.DoctorOptions{}, 0, "note from 0.34.2 on, browsers of other sites may not read its API"},
		{"event recorder", "0.33.0-rc.1", hidden("relay"), am.DoctorOptions{}, 0, "note it can report events too (from 0.33 on"},
		{"old", "0.24.0", hidden("relay"), am.DoctorOptions{}, 0, "note versions before 0.25 are not tested"},
		{"no version", "", hidden("relay"), am.DoctorOptions{}, 0, "note its version is not known"},
		{"cluster", "0.34.2", hidden("relay"), am.DoctorOptions{}, 0, "note its cluster has 3 members: name the URL of each in api:"},
		{"own body", "0.34.2", strings.Replace(hidden("relay"), "timeout", "payload: {text: x}\n    timeout", 1), am.DoctorOptions{}, 1, `change receiver "relay": payload: makes a body`},
		{"twice", "0.25.0", routes + "receivers: [{name: relay, webhook_configs: [{url: 'http://a/in/alertmanager/am'}, {url: 'http://b/in/alertmanager/am'}]}]", am.DoctorOptions{}, 1, "change 2 webhooks post to the relay"},
		{"no duration", "0.34.2", strings.Replace(hidden("relay"), "5m", "often", 1), am.DoctorOptions{}, 2, "change route: repeat_interval is no duration"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			now := time.Now()
			s := am.Status{Member: "http://am-1:9093", Version: tt.version, StartedAt: now.Add(-time.Hour), Now: now, Cluster: "ready", Peers: []string{"a", "b", "c"}, Config: tt.config}
			r, err := am.Diagnose(&s, []string{"http://am-1:9093"}, tt.o)
			if err != nil {
				t.Fatal(err)
			}
			if got := advice(&r); r.Changes() != tt.changes || !strings.Contains("\n"+got, "\n"+tt.want) {
				t.Errorf("got %d things to change, want %d, and a line that begins with %q:\n%s", r.Changes(), tt.changes, tt.want, got)
			}
		})
	}
	if _, err := am.Diagnose(&am.Status{Config: "route: [geheim"}, nil, am.DoctorOptions{}); err == nil || strings.Contains(err.Error(), "geheim") {
		t.Errorf("no YAML: got %v", err)
	}
	if _, err := am.Diagnose(&am.Status{}, nil, am.DoctorOptions{Relay: "relay:8080"}); err == nil {
		t.Error("no URL of a relay: got no error")
	}
}

func TestReportIsWritten(t *testing.T) {
	t.Parallel()
	now := time.Now()
	s := am.Status{Member: "http://am-1:9093", Version: "0.34.2", StartedAt: now.Add(-90 * time.Minute), Now: now, Config: "receivers: []"}
	r, err := am.Diagnose(&s, []string{"http://am-1:9093", "http://am-2:9093"}, am.DoctorOptions{Relay: "https://relay.example/", Source: "eu"})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", "report.golden")
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}
