package alerts_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"alertrelay/alerts"
	"alertrelay/alerts/alertstest"
	"alertrelay/alerts/mapping"
	"alertrelay/relay"
)

// serveSender runs an Intake for one kind of sender, with its dead letters in the
// same store.
func serveLetters(t testing.TB, s *opened, letters relay.Publisher, sender alerts.Sender) *httptest.Server {
	t.Helper()
	in, err := alerts.New(alerts.Options{
		Recorder:    newTracker(t, s, alertstest.Router(t), nil),
		DeadLetters: letters,
		Now:         func() time.Time { return time.Date(2026, 11, 24, 21, 14, 3, 412_999_999, time.UTC) },
	})
	must(t, err)
	mux := http.NewServeMux()
	mux.Handle("/in/{source}", in.Handler(sender))
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return srv
}

// send returns the answer and its body.
func sendTo(t testing.TB, srv *httptest.Server, method, source, contentType, body string, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, srv.URL+"/in/"+source, strings.NewReader(body))
	must(t, err)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := srv.Client().Do(req)
	must(t, err)
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	must(t, err)
	return res, strings.TrimSpace(string(answer))
}

// unmappedSender knows the body {} only.
func unmappedSender() alerts.Sender {
	return alerts.Sender{Decode: func(source string, _ http.Header, body []byte) (alerts.Batch, error) {
		switch string(body) {
		case "{}":
			return alerts.Batch{Source: source}, nil
		case "half":
			a := alerts.Alert{Source: source, Fingerprint: "0123456789abcdef", Status: alerts.Firing, Labels: map[string]string{"alertname": "A"}}
			return alerts.Batch{Source: source, Alerts: []alerts.Alert{a}, Invalid: &alerts.UnmappedError{Reason: "the other half is not known"}}, nil
		}
		return alerts.Batch{}, fmt.Errorf("x: %w", &alerts.UnmappedError{Reason: "status: is missing"})
	}}
}

// letters are the dead letters of a source, none of which is too large.
func letters(t testing.TB, s *opened, source string) []alerts.DeadLetter {
	t.Helper()
	msgs, err := s.Archive(t.Context(), relay.ArchiveQuery{Channel: alerts.DeadLetterChannel(source)})
	must(t, err)
	var all []alerts.DeadLetter
	for _, m := range msgs {
		if len(m.Text) > 64<<10 || bytes.ContainsAny(m.Text, "\r\n") {
			t.Errorf("got %d bytes, want one line of at most 64 KiB", len(m.Text))
		}
		var d alerts.DeadLetter
		must(t, json.Unmarshal(m.Text, &d))
		all = append(all, d)
	}
	return all
}

func TestDeadLetter(t *testing.T) {
	s := openStore(t, startServer(t))
	srv := serveLetters(t, s, s, unmappedSender())
	res, answer := sendTo(t, srv, http.MethodPost, "kuma", "text/plain", `{"a":"ü"}`)
	if res.StatusCode != 422 || answer != "x: status: is missing" {
		t.Errorf("got %d %s, want 422 and the reason", res.StatusCode, answer)
	}
	sendTo(t, srv, http.MethodPost, "kuma", "text/plain", `{"a":"ü"}`) // tried again
	if res, _ := sendTo(t, srv, http.MethodPost, "kuma", "", "{}"); res.StatusCode != 200 {
		t.Errorf("got %d", res.StatusCode)
	}
	got := letters(t, s, "kuma")
	want := alerts.DeadLetter{
		Source: "kuma", Reason: "x: status: is missing", At: time.Date(2026, 11, 24, 21, 14, 3, 412e6, time.UTC),
		ContentType: "text/plain", Body: `{"a":"ü"}`, Size: 10,
	}
	if len(got) != 1 || got[0] != want {
		t.Errorf("got %+v, want %+v once", got, want)
	}
	if res, answer := sendTo(t, srv, http.MethodPost, "half", "", "half"); res.StatusCode != 422 || answer != "the other half is not known" {
		t.Errorf("got %d %s", res.StatusCode, answer)
	}
	if len(letters(t, s, "half")) != 1 || statuses(history(t, s, "_._.A.half-0123456789abcdef")) != "firing" {
		t.Error("what has a meaning must be stored, and the whole body kept")
	}
}

func TestDeadLetterBounds(t *testing.T) {
	s := openStore(t, startServer(t))
	srv := serveLetters(t, s, s, unmappedSender())
	for _, tt := range []struct {
		name, body string
		cut        bool
	}{
		{"binary", "\x00\xff\xfe", false},
		{"long", strings.Repeat("é", 100_000), true},
		{"cut within a character", "x" + strings.Repeat("€", 50_000), true},
		{"long_binary", strings.Repeat("\xff", 100_000), true},
		{"controls", strings.Repeat("\x01", 40_000), false},
		{"quotes", strings.Repeat(`"`, 42<<10), false},
		{"html", "<script>", false},
	} {
		source := strings.ReplaceAll(tt.name[:min(len(tt.name), 16)], " ", "_")
		sendTo(t, srv, http.MethodPost, source, strings.Repeat("x/\"", 1000), tt.body)
		got := letters(t, s, source)
		if len(got) != 1 {
			t.Fatalf("%s: got %d letters", tt.name, len(got))
		}
		d := got[0]
		if d.Encoding == "base64" {
			b, err := base64.StdEncoding.DecodeString(d.Body)
			must(t, err)
			d.Body = string(b)
		}
		if d.Cut != tt.cut || d.Size != len(tt.body) || !strings.HasPrefix(tt.body, d.Body) || !d.Cut && d.Body != tt.body || d.Cut && len(d.Body) < 42<<10-4 {
			t.Errorf("%s: got %d bytes of %d, cut %v", tt.name, len(d.Body), d.Size, d.Cut)
		}
	}
}

type publisher func(p relay.Publication) error

func (f publisher) Publish(_ context.Context, p relay.Publication) (relay.Receipt, error) {
	return relay.Receipt{}, f(p)
}

// A body that cannot be kept is not refused for good.
func TestDeadLetterNotKept(t *testing.T) {
	s := openStore(t, startServer(t))
	srv := serveLetters(t, s, publisher(func(relay.Publication) error { return relay.ErrUnavailable }), unmappedSender())
	for _, body := range []string{"?", "half"} {
		if res, answer := sendTo(t, srv, http.MethodPost, "kuma", "", body); res.StatusCode != 503 || answer != "alerts cannot be stored now; try again" {
			t.Errorf("got %d %s, want 503", res.StatusCode, answer)
		}
	}
	srv = serveLetters(t, s, nil, unmappedSender())
	if res, _ := sendTo(t, srv, http.MethodPost, "kuma", "", "?"); res.StatusCode != 422 {
		t.Errorf("without a place for dead letters: got %d, want 422", res.StatusCode)
	}
	var texts []string
	srv = serveLetters(t, s, publisher(func(p relay.Publication) error {
		texts = append(texts, string(p.Text))
		if len(p.Text) > 1000 {
			return fmt.Errorf("x: %w", relay.ErrTooLarge)
		}
		return nil
	}), unmappedSender())
	res, _ := sendTo(t, srv, http.MethodPost, "kuma", "", strings.Repeat("?", 2000))
	if res.StatusCode != 422 || len(texts) != 2 || !strings.HasSuffix(texts[1], `"body":"","size":2000,"cut":true}`) {
		t.Errorf("a store for short messages: got %d, %.200s", res.StatusCode, texts)
	}
	srv = serveLetters(t, s, publisher(func(relay.Publication) error { return errors.New("other") }), unmappedSender())
	if res, _ := sendTo(t, srv, http.MethodPost, "kuma", "", "?"); res.StatusCode != 503 {
		t.Errorf("got %d, want 503", res.StatusCode)
	}
}

func TestCut(t *testing.T) {
	for _, tt := range []struct {
		s    string
		n    int
		want string
	}{
		{"abc", 3, "abc"},
		{"abcdef", 5, "ab…"},
		{"aéé", 4, "a…"},
		{"éééé", 6, "é…"},
		{"abcd", 3, "…"},
	} {
		if got := alerts.Cut(tt.s, tt.n); got != tt.want {
			t.Errorf("%q, %d: got %q, want %q", tt.s, tt.n, got, tt.want)
		}
	}
}

// A mapping behind the intake: what it knows is stored, and the rest is kept.
func TestMappingOverHTTP(t *testing.T) {
	s := openStore(t, startServer(t))
	m, err := mapping.Preset("uptime-kuma")
	must(t, err)
	srv := serveLetters(t, s, s, m.Sender())
	form, err := os.ReadFile("mapping/testdata/uptime-kuma/down.multipart")
	must(t, err)
	kind := "multipart/form-data; boundary=------------------------618532297013450190563470"
	if res, answer := sendTo(t, srv, http.MethodPost, "kuma", kind, string(form)); res.StatusCode != 200 || answer != `{"received":1,"stored":1,"unchanged":0}` {
		t.Errorf("got %d %s", res.StatusCode, answer)
	}
	if got := statuses(history(t, s, "shop.critical.Website.kuma-06f647b157b8557a")); got != "firing" {
		t.Errorf("got %q", got)
	}
	if res, answer := sendTo(t, srv, http.MethodPost, "kuma", "", `{"heartbeat":null,"monitor":null,"msg":"relay Testing"}`); res.StatusCode != 200 || answer != `{"received":0,"stored":0,"unchanged":0}` {
		t.Errorf("the Test button: got %d %s", res.StatusCode, answer)
	}
	if res, answer := sendTo(t, srv, http.MethodPost, "kuma", "", `{"msg":"certificate ends"}`); res.StatusCode != 422 || !strings.HasPrefix(answer, "status: what is at heartbeat.status or msg") {
		t.Errorf("got %d %s", res.StatusCode, answer)
	}
	if got := letters(t, s, "kuma"); len(got) != 1 || got[0].Body != `{"msg":"certificate ends"}` {
		t.Errorf("got %+v", got)
	}
}

// A mapping behind the envelope sees its attributes as headers.
func TestMappingOfCloudEvents(t *testing.T) {
	m, err := mapping.Parse([]byte(`
identity: [$header.Ce-Source, disk]
status: {from: $header.Ce-Type, firing: ["*.full"], resolved: ["*.free"]}
labels: {alertname: =DiskFull, instance: $header.Ce-Subject, disk: disk}
`))
	must(t, err)
	decode := alerts.CloudEvents(m.Decode).Decode
	b, err := decode("ce", http.Header{"Content-Type": {"application/cloudevents+json"}},
		[]byte(`{"specversion":"1.0","id":"1","source":"/m","type":"com.example.disk.full","subject":"srv01","data":{"disk":"/var"}}`))
	must(t, err)
	if a := b.Alerts[0]; a.Status != alerts.Firing || a.Labels["instance"] != "srv01" || a.Labels["disk"] != "/var" {
		t.Errorf("got %+v", a)
	}
	_, err = decode("ce", binaryHeader("ce-type", "com.example.disk.odd"), []byte(`{"disk":"/var"}`))
	if unmapped := (*alerts.UnmappedError)(nil); !errors.As(err, &unmapped) || !strings.HasPrefix(err.Error(), "data: status: what is at header Ce-Type is in none") {
		t.Errorf("got %v", err)
	}
}
