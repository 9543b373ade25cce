package alerts_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"alertrelay/alerts"
)

func TestPrometheusPayloads(t *testing.T) {
	posted := map[string]string{ // when each of them was
		"prometheus-2.42-blink-1-firing":             "07:08:00.6",
		"prometheus-2.42-blink-2-resend-65s-later":   "07:09:05.6",
		"prometheus-2.42-blink-3-resolved":           "07:09:40.6",
		"prometheus-2.42-blink-4-resolved-resend":    "07:10:45.6",
		"prometheus-2.42-blink-5-firing-again-batch": "07:12:00.6",
		"prometheus-2.42-no-annotations-for-20s":     "07:06:55.6",
		"prometheus-2.42-watchdog":                   "07:07:40.6",
	}
	goldenBatches(t, "prometheus", len(posted), func(file string, body []byte) (alerts.Batch, error) {
		now, err := time.Parse(time.RFC3339, "2026-11-22T"+posted[file]+"Z")
		must(t, err)
		return prometheusAt(now).Decode("prom", nil, body)
	})
}

func prometheusAt(now time.Time) alerts.Sender {
	return alerts.Prometheus(func() time.Time { return now })
}

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// The rules are Alertmanager's: what 0.25 has in GET /api/v2/alerts after the same.
func TestPrometheusTimes(t *testing.T) {
	const none = "-"
	tests := []struct {
		name, times                 string
		status                      alerts.Status
		startsAt, endsAt, expiresAt string
	}{
		{"none", ``, alerts.Firing, none, none, "12:05:28"},
		{"amtool's none", `,"startsAt":"0001-01-01T00:00:00.000Z","endsAt":"0001-01-01T00:00:00.000Z"`, alerts.Firing, none, none, "12:05:28"},
		{"empty", `,"startsAt":"","endsAt":""`, alerts.Firing, none, none, "12:05:28"},
		{"a start", `,"startsAt":"2026-11-22T11:00:00Z"`, alerts.Firing, "11:00:00", none, "12:05:28"},
		{"both", `,"startsAt":"2026-11-22T11:00:00Z","endsAt":"2026-11-22T12:04:00Z"`, alerts.Firing, "11:00:00", none, "12:04:28"},
		{"an end to come", `,"endsAt":"2026-11-22T12:04:00Z"`, alerts.Firing, none, none, "12:04:28"},
		{"an end that was", `,"endsAt":"2026-11-22T11:59:00Z"`, alerts.Resolved, "11:59:00", "11:59:00", none},
		{"an end now", `,"startsAt":"2026-11-22T11:00:00Z","endsAt":"2026-11-22T12:00:00Z"`, alerts.Resolved, "11:00:00", "12:00:00", none},
		{"an end in another zone", `,"startsAt":"2026-11-22T11:00:00Z","endsAt":"2026-11-22T13:59:00+02:00"`, alerts.Resolved, "11:00:00", "11:59:00", none},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			batch, err := prometheusAt(noon).Decode("prom", nil, []byte(`[{"labels":{"a":"b"}`+tt.times+`}]`))
			if err != nil || batch.Invalid != nil || len(batch.Alerts) != 1 {
				t.Fatalf("got %+v, %v", batch, err)
			}
			a := batch.Alerts[0]
			for _, pair := range []struct {
				got  time.Time
				want string
			}{{a.StartsAt, tt.startsAt}, {a.EndsAt, tt.endsAt}, {a.ExpiresAt, tt.expiresAt}} {
				want := none
				if pair.want != none {
					want = "2026-11-22T" + pair.want + "Z"
				}
				if got := moment(pair.got); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
			}
			if a.Status != tt.status || !a.Direct || a.Source != "prom" {
				t.Errorf("got %+v", a)
			}
		})
	}
}

// A request whose JSON or times are wrong is refused as a whole.
func TestPrometheusRefused(t *testing.T) {
	tests := []struct{ name, body, want string }{
		{"nothing", "", "body: invalid JSON at byte 0"},
		{"no JSON", "alert=1", "body: invalid JSON at byte 1: invalid character 'a'"},
		{"cut off", `[{"labels":{"a":"b"}`, "body: invalid JSON at byte 20"},
		{"two values", `[] []`, "body: more than one JSON value, the second at byte 4"},
		{"an object", `{"alerts":[]}`, "body: must be a list, at byte 1"},
		{"no UTF-8", "[{\"labels\":{\"a\":\"\xff\"}}]", "body: invalid UTF-8 at byte 18"},
		{"alert a string", `["x"]`, "[0]: a string where an object belongs, at byte 4"},
		{"label a number", `[{"labels":{"a":"b"}},{"labels":{"a":12345}}]`, "[1].labels: a number where a string belongs, at byte 42"},
		{"bad startsAt", `[{"labels":{"a":"b"},"startsAt":"12345"}]`, "[0].startsAt: must be a time as in RFC 3339, 2006-01-02T15:04:05Z, before byte 40"},
		{"bad endsAt", `[{"labels":{"a":"b"},"endsAt":"2026-13-01T00:00:00Z"}]`, "[0].endsAt: must be a time"},
		{"endsAt a number", `[{"labels":{"a":"b"},"endsAt":12345}]`, "[0].endsAt: a number where a string belongs"},
		{"too many", "[" + strings.Repeat("{},", 50_000) + "{}]", "alerts: there are more than 50000"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			batch, err := prometheusAt(noon).Decode("prom", nil, []byte(tt.body))
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) || len(batch.Alerts) > 0 {
				t.Errorf("got %v, want %s", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "12345") {
				t.Errorf("%v quotes the alert", err)
			}
		})
	}
}

// An alert that is wrong does not keep out those beside it.
func TestPrometheusInvalid(t *testing.T) {
	tests := []struct{ name, alert, want string }{
		{"no labels", `{}`, "[1].labels: at least one label pair required, before byte 24"},
		{"null", `null`, "[1].labels: at least one label pair required"},
		{"no labels in it", `{"labels":{}}`, "[1].labels: at least one label pair required"},
		{"labels without values", `{"labels":{"a":"","":""}}`, "[1].labels: at least one label pair required"},
		{"nameless label", `{"labels":{"":"12345"}}`, "[1].labels: invalid label set: a name is empty"},
		{"nameless label beside another", `{"labels":{"":"12345","a":"b"}}`, "[1].labels: invalid label set: a name is empty"},
		{"control character in a name", `{"labels":{"a\n12345":"b"}}`, "[1].labels: invalid label set: a name has a control character in it"},
		{"long name", `{"labels":{"` + strings.Repeat("n", 1025) + `":"x"}}`, "[1].labels: invalid label set: a name is longer than 1024 bytes"},
		{"many labels", `{"labels":{` + manyLabels(257) + `}}`, "[1].labels: invalid label set: are more than 256"},
		{"end before start", `{"labels":{"a":"b"},"startsAt":"2026-11-22T12:00:00Z","endsAt":"2026-11-22T11:00:00Z"}`, "[1].endsAt: start time must be before end time"},
		{"start after the end that is put in", `{"labels":{"a":"b"},"startsAt":"2026-11-22T12:05:01Z"}`, "[1].endsAt: start time must be before end time"},
		{"long URL", `{"labels":{"a":"b"},"generatorURL":"` + strings.Repeat("x", 1<<16+1) + `"}`, "[1].generatorURL: is longer than 65536 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			batch, err := prometheusAt(noon).Decode("prom", nil, []byte(`[{"labels":{"a":"0"}},`+tt.alert+`,{"labels":{"a":"2"}}]`))
			if err != nil || len(batch.Alerts) != 2 || batch.Invalid == nil || !strings.HasPrefix(batch.Invalid.Error(), tt.want) {
				t.Fatalf("got %d alerts, %v, %v", len(batch.Alerts), batch.Invalid, err)
			}
			if strings.Contains(batch.Invalid.Error(), "12345") {
				t.Errorf("%v quotes the alert", batch.Invalid)
			}
		})
	}
}

// The answers have the status, the type and the form of those that
// Alertmanager 0.25 gave to the same requests.
func TestPrometheusAnswers(t *testing.T) {
	srv, recorder := serveSender(t, prometheusAt(noon), alerts.Options{Now: func() time.Time { return noon }})
	tests := []struct {
		name, body string
		status     int
		answer     string
		taken      int
	}{
		{"good", `[{"labels":{"a":"b"}}]`, 200, "", 1},
		{"empty list", `[]`, 200, "", 0},
		{"null", ` null `, 200, "", 0},
		{"empty value", `[{"labels":{"a":"","b":"c"}}]`, 200, "", 1},
		{"without labels", `[{"labels":{}},{"labels":{"alertname":"ok"}}]`, 400, `"[0].labels: at least one label pair required, before byte 14"` + "\n", 1},
		{
			"two without labels", `[{"labels":{}},{"labels":{"":"x"}},{"labels":{"alertname":"ok"}}]`, 400,
			`"[0].labels: at least one label pair required, before byte 14; [1].labels: invalid label set: a name is empty, before byte 34"` + "\n", 1,
		},
		{"many without labels", "[" + strings.Repeat("{},", 11) + `{"labels":{"a":"b"}}]`, 400, "and 1 more\"\n", 1},
		{"bad time", `[{"labels":{"a":"b"}},{"labels":{"a":"b"},"startsAt":"yesterday"}]`, 400, `{"code":400,"message":"[1].startsAt: must be a time as in RFC 3339, 2006-01-02T15:04:05Z, before byte 65"}` + "\n", 0},
		{"bad JSON", `[{"labels":`, 400, `{"code":400,"message":"body: invalid JSON at byte 11: unexpected end of JSON input"}` + "\n", 0},
		{"an object", `{}`, 400, `{"code":400,"message":"body: must be a list, at byte 1"}` + "\n", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := recorder.taken()
			status, answer, header := send(t, srv, http.MethodPost, "/in/x/prom/api/v2/alerts", tt.body, nil)
			if status != tt.status || !strings.HasSuffix(answer, tt.answer) || tt.answer == "" && answer != "" {
				t.Errorf("got %d %q, want %d %q", status, answer, tt.status, tt.answer)
			}
			wantType := "application/json"
			if tt.status == 200 {
				wantType = ""
			}
			if got := header.Get("Content-Type"); got != wantType {
				t.Errorf("got Content-Type %q, want %q", got, wantType)
			}
			if got := recorder.taken() - before; got != tt.taken {
				t.Errorf("got %d alerts, want %d", got, tt.taken)
			}
		})
	}
	status, answer, header := send(t, srv, http.MethodPut, "/in/x/prom/api/v2/alerts", "[]", nil)
	if status != 405 || answer != `{"code":405,"message":"only POST is possible here"}`+"\n" || header.Get("Allow") != "POST" {
		t.Errorf("PUT: got %d %q", status, answer)
	}
}

func FuzzDecodePrometheus(f *testing.F) {
	addPayloads(f, "prometheus", `null`, `[{},null,{"labels":{"a":""}}]`,
		`[{"labels":{"":"x","a\n":"\ud800"},"startsAt":"9999-12-31T23:59:59.9Z","endsAt":"9999-12-31T23:59:59.99Z"}]`)
	f.Fuzz(func(t *testing.T, in []byte) {
		batch, err := prometheusAt(noon).Decode("prom", nil, in)
		checkBatch(t, &batch, err)
	})
}
