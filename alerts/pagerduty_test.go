package alerts_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"alertrelay/alerts"
	"alertrelay/alerts/alertstest"
)

// show writes what a golden file has of a batch.
func show(t *testing.T, b *bytes.Buffer, batch alerts.Batch, err error) {
	t.Helper()
	if err != nil {
		fmt.Fprintln(b, "refused:", err)
	}
	if batch.Invalid != nil {
		fmt.Fprintln(b, "invalid:", batch.Invalid)
	}
	router := alertstest.Router(t)
	for i := range batch.Alerts {
		a := &batch.Alerts[i]
		fmt.Fprintln(b, strings.Join(router.Channels(a), " "))
		text, err := alerts.NewEvent(a, time.Date(2026, 11, 24, 21, 15, 0, 0, time.UTC)).Encode()
		must(t, err)
		fmt.Fprintf(b, "%s\n", text)
		if a.By != "" || a.Comment != "" {
			fmt.Fprintf(b, "by %q: %q\n", a.By, a.Comment)
		}
		if !a.ReportedAt.IsZero() {
			fmt.Fprintf(b, "reported at %s\n", a.ReportedAt.Format(time.RFC3339Nano))
		}
		if !a.Changing {
			t.Error("got an alert whose labels are its identity")
		}
	}
}

func TestPagerDutyPayloads(t *testing.T) {
	files, err := filepath.Glob("testdata/pagerduty/*.json")
	if err != nil || len(files) < 8 {
		t.Fatalf("got %d payloads, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			body, err := os.ReadFile(file)
			must(t, err)
			batch, err := alerts.DecodePagerDuty("pd", nil, body)
			if batch.Key != "R0123456789ABCDEF0123456789ABCDE" {
				t.Errorf("got key %q", batch.Key)
			}
			var b bytes.Buffer
			show(t, &b, batch, err)
			alertstest.Golden(t, strings.TrimSuffix(file, ".json")+".golden", b.Bytes(), *update)
		})
	}
}

// pdBody is a trigger with a field that is changed; empty takes it away.
func pdBody(t *testing.T, path, value string) string {
	t.Helper()
	event := map[string]json.RawMessage{"routing_key": []byte(`"k"`), "event_action": []byte(`"trigger"`), "dedup_key": []byte(`"d"`)}
	payload := map[string]json.RawMessage{"summary": []byte(`"12345"`), "source": []byte(`"s"`), "severity": []byte(`"error"`)}
	in := event
	name, ok := strings.CutPrefix(path, "payload.")
	if ok {
		in = payload
	}
	p, err := json.Marshal(payload)
	must(t, err)
	event["payload"] = p
	if in[name] = json.RawMessage(value); value == "" {
		delete(in, name)
	}
	if ok {
		event["payload"], err = json.Marshal(payload)
		must(t, err)
	}
	body, err := json.Marshal(event)
	must(t, err)
	return string(body)
}

func TestPagerDutyRefused(t *testing.T) {
	for _, tt := range []struct{ name, body, want string }{
		{"nothing", "", "body: invalid JSON at byte 0"},
		{"no JSON", "routing_key=1", "body: must be an object, at byte 1"},
		{"cut off", "{\"routing_key\":", "body: invalid JSON at byte 15"},
		{"a list", "[]", "body: must be an object, at byte 1"},
		{"null", "null", "body: must be an object, at byte 1"},
		{"two", pdBody(t, "", "") + "{}", "body: more than one JSON value"},
		{"no UTF-8", "{\"dedup_key\":\"\xff\"}", "body: invalid UTF-8"},
		{"empty", "{}", "event_action: must be trigger, acknowledge or resolve"},
		{"other action", pdBody(t, "event_action", `"12345"`), "event_action: must be trigger"},
		{"action a number", pdBody(t, "event_action", `12345`), "body.event_action: a number where a string belongs"},
		{"no payload", pdBody(t, "payload", ""), "payload: is missing"},
		{"no summary", pdBody(t, "payload.summary", ""), "payload.summary: is missing"},
		{"no source", pdBody(t, "payload.source", `null`), "payload.source: is missing"},
		{"no severity", pdBody(t, "payload.severity", ""), "payload.severity: must be critical, error, warning or info"},
		{"other severity", pdBody(t, "payload.severity", `"12345"`), "payload.severity: must be"},
		{"all of the payload", pdBody(t, "payload", "{}"), "payload.summary: is missing; payload.source: is missing; it names what is affected, such as a host; payload.severity: must be"},
		{"long key", pdBody(t, "dedup_key", `"`+strings.Repeat("é", 256)+`"`), "dedup_key: is longer than 255 characters"},
		{"long client_url", pdBody(t, "client_url", `"`+strings.Repeat("x", 1<<16+1)+`"`), "client_url: is longer than"},
		{"acknowledge nothing", `{"event_action":"acknowledge"}`, "dedup_key: is missing"},
		{"resolve nothing", `{"event_action":"resolve","dedup_key":""}`, "dedup_key: is missing"},
		{"huge", pdBody(t, "payload.custom_details", `"`+strings.Repeat("x", 4<<20)+`"`), "body: is larger than 4194304 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			batch, err := alerts.DecodePagerDuty("pd", nil, []byte(tt.body))
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) || len(batch.Alerts) > 0 {
				t.Errorf("got %v, want %s", err, tt.want)
			}
			if strings.Contains(fmt.Sprint(err), "12345") {
				t.Errorf("%v quotes the event", err)
			}
		})
	}
}

// A key that is made up is that of the same problem, whatever its severity, and
// ties a resolve that uses it.
func TestPagerDutyMadeUpKey(t *testing.T) {
	decode := func(body string) alerts.Alert {
		t.Helper()
		batch, err := alerts.DecodePagerDuty("pd", nil, []byte(body))
		must(t, err)
		return batch.Alerts[0]
	}
	without := func(body string) string { return strings.Replace(body, `"dedup_key":"d",`, "", 1) }
	first := decode(without(pdBody(t, "payload.severity", `"critical"`)))
	again := decode(without(pdBody(t, "payload.severity", `"info"`)))
	other := decode(without(pdBody(t, "payload.source", `"other"`)))
	if first.GroupKey == "" || first.GroupKey != again.GroupKey || first.Fingerprint != again.Fingerprint || first.GroupKey == other.GroupKey {
		t.Errorf("got keys %s, %s, %s", first.GroupKey, again.GroupKey, other.GroupKey)
	}
	resolve := decode(`{"event_action":"resolve","dedup_key":"` + first.GroupKey + `"}`)
	if resolve.Fingerprint != first.Fingerprint || resolve.Status != alerts.Resolved || resolve.Labels != nil {
		t.Errorf("got %+v", resolve)
	}
}

func TestPagerDutyDetailsAreBounded(t *testing.T) {
	for name, details := range map[string]string{
		"many": "{" + manyLabels(100) + "}",
		"deep": strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100),
		"long": `{"a":"` + strings.Repeat("x", 60_000) + `"` + strings.Repeat(`,"`+strings.Repeat("b", 60)+`":"`+strings.Repeat("y", 5000)+`"`, 1) + `}`,
		"list": "[" + strings.Repeat("1,", 10_000) + "1]",
	} {
		batch, err := alerts.DecodePagerDuty("pd", nil, []byte(pdBody(t, "payload.custom_details", details)))
		must(t, err)
		size := 0
		for name, value := range batch.Alerts[0].Annotations {
			size += len(name) + len(value)
		}
		if n := len(batch.Alerts[0].Annotations); n > 66 || size > 68<<10 {
			t.Errorf("%s: got %d annotations of %d bytes", name, n, size)
		}
		if cut := batch.Alerts[0].Annotations["details_cut"]; (cut == "true") != (name != "long") {
			t.Errorf("%s: got details_cut %q", name, cut)
		}
	}
}

// trigger, acknowledge and resolve of one key, with PagerDuty's answers.
func TestPagerDutyAnswers(t *testing.T) {
	s := openStore(t, startServer(t))
	srv := serveLetters(t, s, s, alerts.PagerDuty())
	res, answer := sendTo(t, srv, http.MethodPost, "pd", "application/json", pdBody(t, "", ""))
	if res.StatusCode != 202 || answer != `{"status":"success","message":"Event processed","dedup_key":"d"}` || res.Header.Get("Content-Type") != "application/json" {
		t.Errorf("got %d %s", res.StatusCode, answer)
	}
	res, answer = sendTo(t, srv, http.MethodPost, "pd", "application/json", pdBody(t, "dedup_key", ""))
	if res.StatusCode != 202 || !strings.Contains(answer, `"dedup_key":"`) {
		t.Errorf("got %d %s, want the key that was made up", res.StatusCode, answer)
	}
	res, answer = sendTo(t, srv, http.MethodPost, "pd", "application/json", pdBody(t, "payload", "{}"))
	if want := `{"status":"invalid event","message":"Event object is invalid","errors":["payload.summary: is missing","payload.source: `; res.StatusCode != 400 || !strings.HasPrefix(answer, want) {
		t.Errorf("got %d %s, want 400 %s", res.StatusCode, answer, want)
	}
	if res, answer = sendTo(t, srv, http.MethodPost, "pd", "", "{"); res.StatusCode != 400 || !strings.Contains(answer, `"errors":["body: invalid JSON`) {
		t.Errorf("got %d %s", res.StatusCode, answer)
	}
	if res, answer = sendTo(t, srv, http.MethodGet, "pd", "", ""); res.StatusCode != 405 || answer != `{"status":"error","message":"only POST is possible here"}` {
		t.Errorf("got %d %s", res.StatusCode, answer)
	}
}

func FuzzDecodePagerDuty(f *testing.F) {
	files, _ := filepath.Glob("testdata/pagerduty/*.json")
	for _, file := range files {
		b, err := os.ReadFile(file)
		must(f, err)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		batch, err := alerts.DecodePagerDuty("pd", nil, in)
		checkDecoded(t, batch, err)
	})
}

// checkDecoded is what holds for each decoder.
func checkDecoded(t *testing.T, batch alerts.Batch, err error) {
	t.Helper()
	if err != nil {
		if len(batch.Alerts) > 0 || strings.ContainsAny(err.Error(), "\n") {
			t.Errorf("got %d alerts with %q", len(batch.Alerts), err)
		}
		return
	}
	router := alertstest.Router(t)
	for i := range batch.Alerts {
		a := &batch.Alerts[i]
		if a.Source == "" || len(a.Fingerprint) != 16 || a.Status == alerts.Firing && len(a.Labels) == 0 {
			t.Errorf("got %+v", a)
		}
		for _, channel := range router.Channels(a) {
			checkChannel(t, channel, 3)
		}
		if a.Status == alerts.Acknowledged {
			continue // no event has that status
		}
		alertstest.RoundTrip(t, a)
	}
}
