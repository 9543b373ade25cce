package alerts_test

import (
	"maps"
	"net/http"
	"strings"
	"testing"

	"alertrelay/alerts"
)

func TestGrafanaPayloads(t *testing.T) {
	goldenBatches(t, "grafana", 4, func(_ string, body []byte) (alerts.Batch, error) {
		return alerts.DecodeGrafana("grafana", nil, body)
	})
}

// grafanaBody is a notification with one alert.
func grafanaBody(alert string) string {
	return `{"receiver":"r","alerts":[` + alert + `],"version":"1","groupKey":"k","orgId":1}`
}

func TestGrafanaRefused(t *testing.T) {
	const head = `{"status":"firing","labels":{"a":"b"},`
	tests := []struct{ name, body, want string }{
		{"nothing", "", "body: invalid JSON at byte 0"},
		{"a list", "[]", "body: must be an object, at byte 1"},
		{"cut off", grafanaBody(plainAlert)[:100], "body: invalid JSON at byte 100"},
		{"Alertmanager's", body(plainAlert), `version: is "4", that of an Alertmanager, be it Mimir's; its address is /in/alertmanager/{source}`},
		{"a custom payload", `{"text":"x"}`, "version: is missing; this address takes the body of Grafana's webhook contact point as it is"},
		{"another version", `{"version":"2","alerts":[],"orgId":1}`, `version: must be "1"`},
		{"no orgId", `{"version":"1","alerts":[]}`, "orgId: is missing"},
		{"no alerts", `{"version":"1","orgId":1}`, "alerts: is missing"},
		{"label a number", grafanaBody(`{"status":"firing","labels":{"a":12345}}`), "alerts[0].labels: a number where a string belongs, at byte 64"},
		{"no labels", grafanaBody(`{"status":"firing"}`), "alerts[0].labels: are missing"},
		{"no status", grafanaBody(`{"labels":{"a":"b"}}`), "alerts[0].status: must be"},
		{"bad time", grafanaBody(head + `"startsAt":"12345"}`), "alerts[0].startsAt: must be a time"},
		{"URL a number", grafanaBody(head + `"panelURL":12345}`), "alerts[0].panelURL: a number where a string belongs"},
		{"long URL", grafanaBody(head + `"silenceURL":"` + strings.Repeat("x", 1<<16+1) + `"}`), "alerts[0].silenceURL: is longer than 65536 bytes, before byte 65"},
		{"values a list", grafanaBody(head + `"values":[12345]}`), "alerts[0].values: an array where an object belongs"},
		{"value an object", grafanaBody(head + `"values":{"B":{"x":12345}}}`), "alerts[0].values: must be numbers"},
		{"value out of range", grafanaBody(head + `"values":{"B":12345e999}}`), "alerts[0].values: a number is out of range"},
		{"long name of a value", grafanaBody(head + `"values":{"` + strings.Repeat("n", 1025) + `":1}}`), "alerts[0].values: a name is longer than 1024"},
		{"long value", grafanaBody(head + `"values":{"B":"` + strings.Repeat("n", 1<<16+1) + `"}}`), "alerts[0].values: a value is longer than 65536"},
		{"many values", grafanaBody(head + `"values":{` + manyLabels(257) + `}}`), "alerts[0].values: are more than 256"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := alerts.DecodeGrafana("grafana", nil, []byte(tt.body))
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "12345") {
				t.Errorf("%v quotes the alert", err)
			}
		})
	}
}

func TestGrafanaAtTheAddressOfAlertmanager(t *testing.T) {
	_, err := alerts.DecodeAlertmanager("am", nil, []byte(grafanaBody(plainAlert)))
	if err == nil || !strings.Contains(err.Error(), "its address is /in/grafana/{source}") {
		t.Errorf("got %v", err)
	}
}

func TestGrafanaTaken(t *testing.T) {
	const head = `{"status":"firing","labels":{"a":"b"},`
	tests := []struct {
		name, alert string
		check       func(a alerts.Alert) bool
	}{
		{"numbers in short", head + `"values":{"A":92.50,"B":1e6,"C":-0.25,"D":1e-9,"E":1.5E+30,"F":0,"G":123456789012}}`, func(a alerts.Alert) bool {
			return maps.Equal(a.Values, map[string]string{"A": "92.5", "B": "1000000", "C": "-0.25", "D": "1e-09", "E": "1.5e+30", "F": "0", "G": "123456789012"})
		}},
		{"no number", head + `"values":{"A":null,"B":"NaN"}}`, func(a alerts.Alert) bool { return maps.Equal(a.Values, map[string]string{"B": "NaN"}) }},
		{"no values", head + `"values":null}`, func(a alerts.Alert) bool { return a.Values == nil && a.Links == nil }},
		{"links", head + `"silenceURL":"s","dashboardURL":"","panelURL":"p","imageURL":"i"}`, func(a alerts.Alert) bool {
			return maps.Equal(a.Links, map[string]string{"silence": "s", "panel": "p", "image": "i"})
		}},
		{"the fingerprint is not of the labels", head + `"fingerprint":"8d0e226520eec7b4"}`, func(a alerts.Alert) bool { return a.Fingerprint == "8d0e226520eec7b4" }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			batch, err := alerts.DecodeGrafana("grafana", nil, []byte(grafanaBody(tt.alert)))
			if err != nil || len(batch.Alerts) != 1 || !batch.WholeGroup || !tt.check(batch.Alerts[0]) {
				t.Errorf("got %+v, %v", batch, err)
			}
		})
	}
}

func TestGrafanaMethods(t *testing.T) {
	srv, recorder := serveSender(t, alerts.Grafana(), alerts.Options{})
	for _, method := range []string{http.MethodPost, http.MethodPut} {
		if status, answer, _ := send(t, srv, method, "/in/x/grafana", grafanaBody(plainAlert), nil); status != 200 {
			t.Errorf("%s: got %d %s, want 200", method, status, answer)
		}
	}
	if got := recorder.taken(); got != 2 {
		t.Errorf("got %d alerts, want 2", got)
	}
	if status, answer, header := send(t, srv, http.MethodPatch, "/in/x/grafana", "", nil); status != 405 || header.Get("Allow") != "POST, PUT" {
		t.Errorf("got %d %s, Allow %s", status, answer, header.Get("Allow"))
	}
}

func FuzzDecodeGrafana(f *testing.F) {
	addPayloads(f, "grafana", grafanaBody(plainAlert), grafanaBody(`{"status":"resolved","labels":{"a":"b"},"values":{"A":null,"B":"x","C":-1e-400,"":1E5}}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		batch, err := alerts.DecodeGrafana("grafana", nil, in)
		checkBatch(t, &batch, err)
	})
}
