package alerts_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"alertrelay/alerts"
	"alertrelay/alerts/alertstest"
)

const (
	structured = "application/cloudevents+json; charset=utf-8"
	batched    = "application/cloudevents-batch+json"
)

func TestCloudEventsPayloads(t *testing.T) {
	files, err := filepath.Glob("testdata/cloudevents/*.json")
	if err != nil || len(files) < 11 {
		t.Fatalf("got %d payloads, %v", len(files), err)
	}
	decode := alerts.CloudEvents(nil).Decode
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			body, err := os.ReadFile(file)
			must(t, err)
			mode := structured
			if strings.HasPrefix(filepath.Base(file), "batch") {
				mode = batched
			}
			batch, err := decode("ce", http.Header{"Content-Type": {mode}}, body)
			var b bytes.Buffer
			show(t, &b, batch, err)
			alertstest.Golden(t, strings.TrimSuffix(file, ".json")+".golden", b.Bytes(), *update)
		})
	}
}

// binaryHeader is that of an event in binary mode; pairs replace or follow, and an
// empty value takes one away.
func binaryHeader(pairs ...string) http.Header {
	h := http.Header{}
	for i, all := 0, append([]string{"ce-specversion", "1.0", "ce-id", "1", "ce-source", "/m", "ce-type", "com.example.disk.firing", "content-type", "application/json"}, pairs...); i < len(all); i += 2 {
		if h.Set(all[i], all[i+1]); all[i+1] == "" {
			h.Del(all[i])
		}
	}
	return h
}

// All modes make the same alert of the same event.
func TestCloudEventsModes(t *testing.T) {
	decode := alerts.CloudEvents(nil).Decode
	const event = `{"specversion":"1.0","id":"1","source":"/m","type":"com.example.disk.firing","subject":"Euro € \"x\"","time":"2026-11-24T21:14:03Z","data":{"severity":"info"}}`
	type in struct {
		header http.Header
		body   string
	}
	var want string
	for i, in := range []in{
		{http.Header{"Content-Type": {structured}}, event},
		{http.Header{"Content-Type": {batched}}, "[" + event + "," + event + "]"},
		{binaryHeader("ce-subject", "Euro%20%E2%82%AC%20%22x%22", "ce-time", "2026-11-24T21:14:03Z"), `{"severity":"info"}`},
		{binaryHeader("ce-subject", `"Euro %E2%82%AC \"x\""`, "ce-time", "2026-11-24T22:14:03+01:00"), `{"severity":"info"}`},
	} {
		batch, err := decode("ce", in.header, []byte(in.body))
		must(t, err)
		got := fmt.Sprintf("%+v", batch)
		if i == 0 {
			want = got
		}
		if got != want || len(batch.Alerts) != 1 {
			t.Errorf("%d: got %s, want %s", i, got, want)
		}
	}
}

func TestCloudEventsRefused(t *testing.T) {
	const event = `{"specversion":"1.0","id":"12345","source":"/m","type":"t.firing"}`
	with := func(old, new string) string { return strings.Replace(event, old, new, 1) }
	for _, tt := range []struct {
		name   string
		header http.Header
		body   string
		want   string
	}{
		{"no event", http.Header{"Content-Type": {"application/json"}}, event, "Content-Type: must be application/cloudevents+json"},
		{"no type", nil, event, "Content-Type: must be"},
		{"other format", http.Header{"Content-Type": {"application/cloudevents+avro"}}, event, "Content-Type: must be"},
		{"other format of a batch", http.Header{"Content-Type": {"application/cloudevents-batch+avro"}}, event, "Content-Type: must be"},
		{"no JSON", http.Header{"Content-Type": {structured}}, "x", "body: invalid JSON at byte 1"},
		{"two", http.Header{"Content-Type": {structured}}, event + event, "body: more than one JSON value"},
		{"a list", http.Header{"Content-Type": {structured}}, "[]", "event: an array where an object belongs"},
		{"no list", http.Header{"Content-Type": {batched}}, event, "body: must be a list"},
		{"null", http.Header{"Content-Type": {structured}}, "null", "id: is missing"},
		{"no id", http.Header{"Content-Type": {structured}}, with(`"12345"`, `""`), "id: is missing"},
		{"no source", http.Header{"Content-Type": {structured}}, with(`"/m"`, `null`), "source: is missing"},
		{"id a number", http.Header{"Content-Type": {structured}}, with(`"12345"`, `12345`), "event.id: a number where a string belongs"},
		{"version 0.3", http.Header{"Content-Type": {structured}}, with("1.0", "0.3"), "specversion: must be 1.0"},
		{"bad time", http.Header{"Content-Type": {structured}}, with("{", `{"time":"12345",`), "time: must be a time"},
		{"long subject", http.Header{"Content-Type": {structured}}, with("{", `{"subject":"`+strings.Repeat("x", 5000)+`",`), "id, source, type, subject, datacontenttype: one is longer"},
		{"both data", http.Header{"Content-Type": {structured}}, with("{", `{"data":1,"data_base64":"AA==",`), "data_base64: cannot be there beside data"},
		{"bad base64", http.Header{"Content-Type": {structured}}, with("{", `{"data_base64":"12345",`), "data_base64: must be base64"},
		{"in a batch", http.Header{"Content-Type": {batched}}, "[" + event + `,{"id":"12345"}]`, "[1].source: is missing"},
		{"binary without id", binaryHeader("ce-id", ""), "{}", "ce-id: is missing"},
		{"binary with bad percents", binaryHeader("ce-id", "%zz"), "{}", "ce-id: must be percent-encoded UTF-8"},
		{"binary with bad UTF-8", binaryHeader("ce-id", "%C0%A0"), "{}", "ce-id: must be percent-encoded UTF-8"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := alerts.CloudEvents(nil).Decode("ce", tt.header, []byte(tt.body))
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
			if strings.Contains(fmt.Sprint(err), "12345") {
				t.Errorf("%v quotes the event", err)
			}
		})
	}
	if raceEnabled {
		return // 50,000 events take 5 s with it
	}
	many := "[" + event + strings.Repeat(","+event, alerts.MaxAlerts) + "]"
	if _, err := alerts.CloudEvents(nil).Decode("ce", http.Header{"Content-Type": {batched}}, []byte(many)); !errors.Is(err, alerts.ErrTooMany) {
		t.Errorf("got %v, want %v", err, alerts.ErrTooMany)
	}
}

// A decoder of one's own gets the data, and the attributes as headers.
func TestCloudEventsInner(t *testing.T) {
	var got string
	inner := func(source string, h http.Header, body []byte) (alerts.Batch, error) {
		got = fmt.Sprint(source, " ", h.Get("Ce-Source"), " ", h.Get("Ce-Subject"), " ", h.Get("Content-Type"), " ", string(body))
		return alerts.Batch{Source: source, Truncated: 2, WholeGroup: true}, nil
	}
	b, err := alerts.CloudEvents(inner).Decode("ce", http.Header{"Content-Type": {structured}},
		[]byte(`{"specversion":"1.0","id":"1","source":"/m","type":"t","subject":"é","datacontenttype":"text/plain","data":"hi"}`))
	must(t, err)
	if want := "ce /m é text/plain hi"; got != want || b.Truncated != 2 || !b.WholeGroup {
		t.Errorf("got %q, %+v, want %q", got, b, want)
	}
	// Alertmanager's webhook in an event is one.
	b, err = alerts.CloudEvents(alerts.DecodeAlertmanager).Decode("ce", binaryHeader("ce-time", "2026-11-24T21:14:03Z"), []byte(body(plainAlert)))
	must(t, err)
	if len(b.Alerts) != 1 || b.Alerts[0].ReportedAt.IsZero() {
		t.Errorf("got %+v", b)
	}
	_, err = alerts.CloudEvents(alerts.DecodeAlertmanager).Decode("ce", binaryHeader(), []byte("x"))
	if err == nil || !strings.HasPrefix(err.Error(), "data: body: invalid JSON") {
		t.Errorf("got %v", err)
	}
}

func TestCloudEventsHTTP(t *testing.T) {
	s := openStore(t, startServer(t))
	srv := serveLetters(t, s, s, alerts.CloudEvents(nil))
	res, _ := sendTo(t, srv, http.MethodOptions, "ce", "", "", "WebHook-Request-Origin", "events.example", "WebHook-Request-Rate", "120", "WebHook-Request-Callback", "http://192.0.2.1/")
	if res.StatusCode != 200 || res.Header.Get("WebHook-Allowed-Origin") != "events.example" || res.Header.Get("WebHook-Allowed-Rate") != "*" || res.Header.Get("Allow") != "POST, OPTIONS" {
		t.Errorf("got %d %v", res.StatusCode, res.Header)
	}
	if res, _ = sendTo(t, srv, http.MethodOptions, "ce", "", ""); res.Header.Get("WebHook-Allowed-Rate") != "" {
		t.Errorf("nobody asked, got %v", res.Header)
	}
	firing, err := os.ReadFile("testdata/cloudevents/structured-firing.json")
	must(t, err)
	for _, want := range []string{`{"received":1,"stored":1,"unchanged":0}`, `{"received":1,"stored":0,"unchanged":1}`} {
		if res, answer := sendTo(t, srv, http.MethodPost, "ce", structured, string(firing)); res.StatusCode != 200 || answer != want {
			t.Errorf("got %d %s, want %s", res.StatusCode, answer, want)
		}
	}
	if res, answer := sendTo(t, srv, http.MethodPost, "ce", "application/json", string(firing)); res.StatusCode != 415 {
		t.Errorf("got %d %s, want 415", res.StatusCode, answer)
	}
	batch, err := os.ReadFile("testdata/cloudevents/batch.json")
	must(t, err)
	if res, answer := sendTo(t, srv, http.MethodPost, "ce", batched, string(batch)); res.StatusCode != 422 || !strings.HasPrefix(answer, "[3].data: status: is missing") {
		t.Errorf("got %d %s, want 422", res.StatusCode, answer)
	}
	if got := letters(t, s, "ce"); len(got) != 1 || got[0].Size != len(batch) {
		t.Errorf("got %+v, want the batch", got)
	}
}

func FuzzDecodeCloudEvents(f *testing.F) {
	files, _ := filepath.Glob("testdata/cloudevents/*.json")
	for _, file := range files {
		b, err := os.ReadFile(file)
		must(f, err)
		f.Add(structured, "", b)
		f.Add(batched, "", b)
	}
	f.Add("application/json", `"a%20\"b"`, []byte(`{"status":"firing","labels":{"a":1}}`))
	decode := alerts.CloudEvents(nil).Decode
	f.Fuzz(func(t *testing.T, kind, subject string, in []byte) {
		batch, err := decode("ce", binaryHeader("content-type", kind, "ce-subject", subject), in)
		checkDecoded(t, batch, err)
	})
}
