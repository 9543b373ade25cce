package alerts_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"alertrelay/alerts"
	"alertrelay/alerts/alertstest"
)

// The golden files hold, for each alert of a real payload, its channel and the
// event that is stored, or the reason why the body is refused.
func TestAlertmanagerPayloads(t *testing.T) {
	files, err := filepath.Glob("testdata/alertmanager/*.json")
	if err != nil || len(files) < 25 {
		t.Fatalf("got %d payloads, %v", len(files), err)
	}
	router := alertstest.Router(t)
	got := time.Date(2026, 11, 22, 8, 0, 0, 123456789, time.UTC)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			body, err := os.ReadFile(file)
			must(t, err)
			var b bytes.Buffer
			batch, err := alerts.DecodeAlertmanager("am", nil, body)
			if err != nil {
				fmt.Fprintln(&b, "refused:", err)
			}
			if batch.Truncated > 0 {
				fmt.Fprintln(&b, "truncated:", batch.Truncated)
			}
			for i := range batch.Alerts {
				a := &batch.Alerts[i]
				fmt.Fprintln(&b, strings.Join(router.Channels(a), " "))
				text, err := alerts.NewEvent(a, got).Encode()
				must(t, err)
				fmt.Fprintf(&b, "%s\n", text)
			}
			alertstest.Golden(t, strings.TrimSuffix(file, ".json")+".golden", b.Bytes(), *update)
		})
	}
}

// Real fingerprints are those of the labels, so a sender without them gets the
// same identity.
func TestFingerprintComputed(t *testing.T) {
	files, _ := filepath.Glob("testdata/alertmanager/*.json")
	n := 0
	for _, file := range files {
		body, err := os.ReadFile(file)
		must(t, err)
		sent, err := alerts.DecodeAlertmanager("am", nil, body)
		if err != nil {
			continue
		}
		without := bytes.ReplaceAll(body, []byte(`"fingerprint"`), []byte(`"somethingElse"`))
		computed, err := alerts.DecodeAlertmanager("am", nil, without)
		must(t, err)
		for i, a := range sent.Alerts {
			n++
			if got := computed.Alerts[i].Fingerprint; got != a.Fingerprint {
				t.Errorf("%s: alerts[%d]: got %s, want %s", file, i, got, a.Fingerprint)
			}
		}
	}
	if n < 30 {
		t.Errorf("got %d alerts only", n)
	}
}

// body is a notification with one alert; what is given replaces or follows.
func body(alert string) string {
	return `{"version":"4","receiver":"r","groupKey":"k","externalURL":"http://am1","alerts":[` + alert + `]}`
}

const plainAlert = `{"status":"firing","labels":{"alertname":"A"},"startsAt":"2026-11-22T07:00:00Z","endsAt":"0001-01-01T00:00:00Z"}`

func TestAlertmanagerRefused(t *testing.T) {
	tests := []struct{ name, body, want string }{
		{"nothing", "", "body: invalid JSON at byte 0"},
		{"no JSON", "alert=1", "body: invalid JSON at byte 1: invalid character 'a'"},
		{"cut off", body(plainAlert)[:100], "body: invalid JSON at byte 100: unexpected end"},
		{"comma missing", `{"version":"4" "alerts":[]}`, "body: invalid JSON at byte 16"},
		{"comma too many", body(plainAlert + ","), "body: invalid JSON at byte 196"},
		{"two values", body(plainAlert) + " {}", "body: more than one JSON value, the second at byte 198"},
		{"a list", "[" + plainAlert + "]", "body: must be an object, at byte 1"},
		{"no UTF-8", strings.Replace(body(plainAlert), `"A"`, "\"\xff\"", 1), "body: invalid UTF-8 at byte 125"},
		{"no version", `{"alerts":[]}`, "version: is missing"},
		{"Grafana's version", strings.Replace(body(plainAlert), `"4"`, `"1"`, 1), `version: must be "4"`},
		{"version as a number", strings.Replace(body(plainAlert), `"4"`, `4`, 1), "version: a number where a string belongs, at byte 12"},
		{"no alerts", `{"version":"4"}`, "alerts: is missing"},
		{"alerts null", `{"version":"4","alerts":null}`, "alerts: must be a list, at byte 28"},
		{"alerts an object", `{"version":"4","alerts":{}}`, "alerts: must be a list"},
		{"alerts twice", `{"version":"4","alerts":[],"alerts":[]}`, "alerts: there are two"},
		{"alert a string", body(plainAlert + `,"x"`), "alerts[1]: a string where an object belongs"},
		{"label a number", body(plainAlert + `,{"status":"firing","labels":{"a":"b","c":12345}}`), "alerts[1].labels: a number where a string belongs, at byte 241"},
		{"labels a list", body(`{"status":"firing","labels":[]}`), "alerts[0].labels: an array where an object belongs"},
		{"no labels", body(plainAlert + `,{"status":"firing"}`), "alerts[1].labels: are missing"},
		{"labels null", body(`{"status":"firing","labels":null}`), "alerts[0].labels: are missing"},
		{"labels without values", body(`{"status":"firing","labels":{"a":"","":""}}`), "alerts[0].labels: are missing"},
		{"nameless label", body(`{"status":"firing","labels":{"":"x"}}`), "alerts[0].labels: a name is empty"},
		{"control character in a name", body(`{"status":"firing","labels":{"a\nb":"x"}}`), "alerts[0].labels: a name has a control character"},
		{"long name", body(`{"status":"firing","labels":{"` + strings.Repeat("n", 1025) + `":"x"}}`), "alerts[0].labels: a name is longer than 1024 bytes"},
		{"many labels", body(`{"status":"firing","labels":{` + manyLabels(257) + `}}`), "alerts[0].labels: are more than 256"},
		{"no status", body(`{"labels":{"a":"b"}}`), `alerts[0].status: must be "firing" or "resolved", before byte 102`},
		{"other status", body(`{"status":"suppressed","labels":{"a":"b"}}`), `alerts[0].status: must be`},
		{"bad startsAt", body(`{"status":"firing","labels":{"a":"b"},"startsAt":"yesterday"}`), "alerts[0].startsAt: must be a time"},
		{"endsAt as Unix time", body(`{"status":"firing","labels":{"a":"b"},"endsAt":1795330753}`), "alerts[0].endsAt: a number where a string belongs"},
		{"year 10000 in UTC", body(`{"status":"firing","labels":{"a":"b"},"startsAt":"9999-12-31T23:59:59-01:00"}`), "alerts[0].startsAt: must be a time"},
		{"truncated a string", `{"version":"4","alerts":[],"truncatedAlerts":"3"}`, "truncatedAlerts: a string where a whole number"},
		{"truncated negative", `{"version":"4","alerts":[],"truncatedAlerts":-3}`, "truncatedAlerts: is out of range"},
		{"many keys", `{` + strings.Repeat(`"a":1,`, 1000) + `"version":"4","alerts":[]}`, "body: has more than 1000 keys"},
		{"huge alert", body(`{"status":"firing","labels":{` + manyLabels(400_000) + `}}`), "alerts[0]: is larger than 4194304 bytes"},
		{"many labels of the route", `{"version":"4","alerts":[],"routeLabels":{` + manyLabels(257) + `}}`, "routeLabels: are more than 256"},
		{"long receiver", `{"version":"4","alerts":[],"receiver":"` + strings.Repeat("r", 1<<16+1) + `"}`, "receiver, groupKey, externalURL: one is longer"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := alerts.DecodeAlertmanager("am", nil, []byte(tt.body))
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "12345") {
				t.Errorf("%v quotes the alert", err)
			}
		})
	}
}

func manyLabels(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"l%d":"v"`, i)
	}
	return b.String()[1:]
}

func TestAlertmanagerTaken(t *testing.T) {
	tests := []struct {
		name, body string
		check      func(a alerts.Alert) bool
	}{
		{"unknown fields anywhere", body(`{"new":{"a":[1]},"status":"firing","labels":{"a":"b"},"new2":null}`), func(a alerts.Alert) bool { return a.Labels["a"] == "b" }},
		{"labels without values are dropped", body(`{"status":"firing","labels":{"a":"b","c":""}}`), func(a alerts.Alert) bool { return maps.Equal(a.Labels, map[string]string{"a": "b"}) }},
		{"alerts before the rest", `{"alerts":[` + plainAlert + `],"receiver":"x","version":"4"}`, func(a alerts.Alert) bool { return a.Receiver == "x" }},
		{"receiver is unquoted", strings.Replace(body(plainAlert), `"r"`, `"web\\.hook/x\\\\"`, 1), func(a alerts.Alert) bool { return a.Receiver == `web.hook/x\` }},
		{"receiver that was not quoted", strings.Replace(body(plainAlert), `"r"`, `"web.hook\\d"`, 1), func(a alerts.Alert) bool { return a.Receiver == `web.hook\d` }},
		{"year 1 means no end", body(plainAlert), func(a alerts.Alert) bool { return a.EndsAt.IsZero() && !a.StartsAt.IsZero() }},
		{"times become UTC", body(`{"status":"firing","labels":{"a":"b"},"startsAt":"2026-11-22T09:00:00.5+02:00"}`), func(a alerts.Alert) bool {
			return a.StartsAt.Equal(time.Date(2026, 11, 22, 7, 0, 0, 5e8, time.UTC))
		}},
		{"malformed fingerprint is computed", body(`{"status":"firing","labels":{"a":"b"},"fingerprint":"ABC"}`), func(a alerts.Alert) bool { return len(a.Fingerprint) == 16 }},
		{"sender's fingerprint stays", body(`{"status":"firing","labels":{"a":"b"},"fingerprint":"8d0e226520eec7b4"}`), func(a alerts.Alert) bool { return a.Fingerprint == "8d0e226520eec7b4" }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			batch, err := alerts.DecodeAlertmanager("am", nil, []byte(tt.body))
			if err != nil || len(batch.Alerts) != 1 || !tt.check(batch.Alerts[0]) {
				t.Errorf("got %+v, %v", batch, err)
			}
		})
	}
}

func FuzzDecodeAlertmanager(f *testing.F) {
	files, _ := filepath.Glob("testdata/alertmanager/*.json")
	for _, file := range files {
		b, err := os.ReadFile(file)
		must(f, err)
		f.Add(b)
	}
	f.Add([]byte(body(plainAlert)))
	f.Add([]byte(`{"version":"4","alerts":[{"status":"resolved","labels":{"":"","a":"\ud800"},"endsAt":"0000-01-01T00:00:00+01:00"}]}`))
	router := alertstest.Router(f, alerts.Route{Match: []string{`receiver!="x"`}, Subject: `alerts.{receiver|@x}.{a|"none"}`, Continue: true})
	f.Fuzz(func(t *testing.T, in []byte) {
		batch, err := alerts.DecodeAlertmanager("am", nil, in)
		if err != nil {
			if len(batch.Alerts) > 0 || strings.ContainsAny(err.Error(), "\n") {
				t.Errorf("got %d alerts with %q", len(batch.Alerts), err)
			}
			return
		}
		for i := range batch.Alerts {
			a := &batch.Alerts[i]
			for _, channel := range router.Channels(a) {
				checkChannel(t, channel, strings.Count(channel, "."))
			}
			alertstest.RoundTrip(t, a)
		}
	})
}
