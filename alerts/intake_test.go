package alerts_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"alertrelay/alerts"
	"alertrelay/alerts/alertstest"
	"alertrelay/relay"
)

func TestRefused(t *testing.T) {
	const tiny = `{"status":"firing","labels":{"a":"b"}}`
	s := openStore(t, startServer(t))
	reg := prometheus.NewRegistry()
	srv := serve(t, setup{Events: s, Metrics: alerts.NewMetrics(reg)})
	tests := []struct {
		name, method, source string
		body                 string
		status               int
		want                 string
	}{
		{"GET", http.MethodGet, "am", "", 405, "only POST"},
		{"PUT", http.MethodPut, "am", body(plainAlert), 405, "only POST"},
		{"capitals in the source", http.MethodPost, "Prod", body(plainAlert), 400, `source "Prod": must be 1 to 16 of a-z, 0-9 and _`},
		{"long source", http.MethodPost, strings.Repeat("a", 17), body(plainAlert), 400, "source"},
		{"dot in the source", http.MethodPost, "a.b", body(plainAlert), 400, "source"},
		{"escaped source", http.MethodPost, "a%2a", body(plainAlert), 400, `source "a*"`},
		{"empty body", http.MethodPost, "am", "", 400, "body: invalid JSON at byte 0"},
		{"bad JSON", http.MethodPost, "am", `{"version":"4",}`, 400, "body: invalid JSON at byte 16"},
		{"wrong type", http.MethodPost, "am", body(`{"status":5}`), 400, "alerts[0].status: a number where a string belongs, at byte 93"},
		{"no labels", http.MethodPost, "am", body(plainAlert + `,{"status":"firing"}`), 400, "alerts[1].labels: are missing"},
		{"no UTF-8", http.MethodPost, "am", "{\"version\":\"\xff\"}", 400, "body: invalid UTF-8 at byte 13"},
		{"other version", http.MethodPost, "am", `{"version":"1","alerts":[]}`, 400, "version: must be"},
		{"too many alerts", http.MethodPost, "am", body(strings.Repeat(tiny+",", 50_000) + tiny), 413, "alerts: there are more than 50000"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), tt.method, srv.URL+"/in/alertmanager/"+tt.source, strings.NewReader(tt.body))
			must(t, err)
			status, answer, header := do(t, srv, req)
			if status != tt.status || !strings.HasPrefix(answer, tt.want) {
				t.Errorf("got %d %s, want %d %s", status, answer, tt.status, tt.want)
			}
			if got := header.Get("Allow"); (got == "POST") != (tt.status == 405) {
				t.Errorf("got Allow %q", got)
			}
			if got := header.Get("Content-Type"); got != "text/plain; charset=utf-8" {
				t.Errorf("got Content-Type %q", got)
			}
		})
	}
	if got := history(t, s, ">"); len(got) > 0 {
		t.Errorf("got %d events of refused requests", len(got))
	}
	for reason, want := range map[string]float64{"body": 6, "method": 2, "source": 4, "too_large": 1} {
		if got := series(t, reg, "alertrelay_alerts_refused_requests_total")[reason]; got != want {
			t.Errorf("reason %s: got %v, want %v", reason, got, want)
		}
	}
}

func do(t *testing.T, srv *httptest.Server, req *http.Request) (status int, answer string, header http.Header) {
	t.Helper()
	res, err := srv.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	must(t, err)
	return res.StatusCode, strings.TrimSpace(string(b)), res.Header
}

func TestBodyTooLarge(t *testing.T) {
	srv := serve(t, setup{Events: openStore(t, startServer(t)), MaxBodyBytes: 64 << 10})
	large := body(plainAlert + strings.Repeat(" ", 64<<10))
	for name, reader := range map[string]io.Reader{
		"length told":     strings.NewReader(large),
		"length not told": io.MultiReader(strings.NewReader(large)),
	} {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+"/in/alertmanager/am", reader)
			must(t, err)
			status, answer, _ := do(t, srv, req)
			if status != 413 || !strings.HasPrefix(answer, "body: is larger than 65536 bytes") {
				t.Errorf("got %d %s, want 413", status, answer)
			}
		})
	}
	exact := body(plainAlert)
	exact += strings.Repeat(" ", 64<<10-len(exact))
	mustPost(t, srv, exact, stored)
}

// open sends the beginning of a request whose body has size bytes, and returns
// the connection.
func open(t *testing.T, srv *httptest.Server, size, sent int) net.Conn {
	t.Helper()
	var d net.Dialer
	conn, err := d.DialContext(t.Context(), "tcp", srv.Listener.Addr().String())
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	_, err = fmt.Fprintf(conn, "POST /in/alertmanager/am HTTP/1.1\r\nHost: relay\r\nContent-Length: %d\r\n\r\n%s", size, strings.Repeat(" ", sent))
	must(t, err)
	return conn
}

func TestSlowBody(t *testing.T) {
	srv := serve(t, setup{Events: openStore(t, startServer(t)), ReadTimeout: 100 * time.Millisecond})
	answer, err := io.ReadAll(open(t, srv, 1000, 10)) // the server closes the connection
	must(t, err)
	if !bytes.HasPrefix(answer, []byte("HTTP/1.1 503 ")) || !bytes.Contains(answer, []byte("body: has not arrived within 100ms")) {
		t.Errorf("got %s, want 503", answer)
	}
}

func TestIncompleteBody(t *testing.T) {
	reg := prometheus.NewRegistry()
	srv := serve(t, setup{Events: openStore(t, startServer(t)), Metrics: alerts.NewMetrics(reg)})
	must(t, open(t, srv, 1000, 10).(*net.TCPConn).CloseWrite())
	waitFor(t, "the refusal", func() bool { return counter(t, reg, "alertrelay_alerts_refused_requests_total") == 1 })
}

func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waiting for %s", what)
		}
	}
}

// series are the values of a metric by its only label.
func series(t *testing.T, reg prometheus.Gatherer, name string) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	must(t, err)
	values := make(map[string]float64)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name {
				values[m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return values
}

// counter is the sum of a metric over its label.
func counter(t *testing.T, reg prometheus.Gatherer, name string) float64 {
	t.Helper()
	sum := 0.0
	for _, value := range series(t, reg, name) {
		sum += value
	}
	return sum
}

// A body that does not arrive keeps what it has sent, and no more.
func TestTooManyBytes(t *testing.T) {
	s := openStore(t, startServer(t))
	srv := serve(t, setup{Events: s, MaxBodyBytes: 100 << 10, MaxInFlightBytes: 140 << 10, WaitTimeout: 50 * time.Millisecond})
	for range 4 { // each promises 100 KiB and holds 16 KiB
		open(t, srv, 100<<10, 100)
	}
	mustPost(t, srv, body(plainAlert), stored)
	open(t, srv, 100<<10, 40<<10) // 64 KiB
	waitFor(t, "the budget to be used up", func() bool {
		status, answer := post(t, srv, "am", body(plainAlert))
		return status == http.StatusServiceUnavailable && answer == "too much is being received at once; try again"
	})
}

// What a request took from the budget comes back, also if it was refused.
func TestBytesComeBack(t *testing.T) {
	s := openStore(t, startServer(t))
	srv := serve(t, setup{Events: s, MaxBodyBytes: 20 << 10, MaxInFlightBytes: 40 << 10, WaitTimeout: 50 * time.Millisecond})
	for range 10 {
		if status, answer := post(t, srv, "am", "x"); status != http.StatusBadRequest {
			t.Fatalf("got %d %s, want 400", status, answer)
		}
		if status, answer := post(t, srv, "am", strings.Repeat("x", 21<<10)); status != http.StatusRequestEntityTooLarge {
			t.Fatalf("got %d %s, want 413", status, answer)
		}
	}
	mustPost(t, srv, body(plainAlert), stored)
}

func TestTooManyRequests(t *testing.T) {
	s := openStore(t, startServer(t))
	holding, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	srv := serve(t, setup{
		Events: interrupted{s, func(relay.Publication) {
			once.Do(func() { close(holding); <-release })
		}},
		MaxRequests: 1, WaitTimeout: 50 * time.Millisecond,
	})
	var wg sync.WaitGroup
	wg.Go(func() { mustPost(t, srv, body(plainAlert), stored) })
	<-holding
	status, answer := post(t, srv, "am", body(plainAlert))
	if status != http.StatusServiceUnavailable || answer != "too many requests at once; try again" {
		t.Errorf("got %d %s, want 503", status, answer)
	}
	close(release)
	wg.Wait()
	mustPost(t, srv, body(plainAlert), unchanged)
}

func TestStoreAway(t *testing.T) {
	server := startServer(t)
	reg := prometheus.NewRegistry()
	var log bytes.Buffer
	srv := serve(t, setup{
		Events: openStore(t, server), Metrics: alerts.NewMetrics(reg),
		Log: slog.New(slog.NewTextHandler(&log, nil)),
	})
	mustPost(t, srv, payload(t, "0.34.2-single-firing"), stored)
	must(t, server.Stop())
	start := time.Now()
	status, answer := post(t, srv, "am", payload(t, "0.34.2-single-resolved-startsat-changed"))
	if status != http.StatusServiceUnavailable || answer != "alerts cannot be stored now; try again" {
		t.Errorf("got %d %s, want 503", status, answer)
	}
	if took := time.Since(start); took > 9500*time.Millisecond {
		t.Errorf("took %v", took)
	}
	if got := counter(t, reg, "alertrelay_alerts_refused_requests_total"); got != 1 {
		t.Errorf("got %v refusals counted, want 1", got)
	}
	for _, text := range []string{"level=WARN", `msg="alerts refused"`, "component=alerts", "source=am", "status=503", "relay: store unavailable"} {
		if !strings.Contains(log.String(), text) {
			t.Errorf("got log %s, want %s", log.String(), text)
		}
	}
	if strings.Contains(log.String(), "Instance db-01 down") {
		t.Errorf("the text of an alert is in the log: %s", log.String())
	}
}

// stuck is the real store behind a connection on which nothing comes back.
type stuck struct{ *opened }

func (s stuck) Last(ctx context.Context, _ string) (relay.Message, string, error) {
	<-ctx.Done()
	return relay.Message{}, "", ctx.Err()
}

func (s stuck) Publish(ctx context.Context, _ relay.Publication) (relay.Receipt, error) {
	<-ctx.Done()
	return relay.Receipt{}, ctx.Err()
}

func TestStoreStuck(t *testing.T) {
	srv := serve(t, setup{Events: stuck{openStore(t, startServer(t))}, RequestTimeout: 100 * time.Millisecond})
	if status, answer := post(t, srv, "am", body(plainAlert)); status != http.StatusServiceUnavailable {
		t.Errorf("got %d %s, want 503", status, answer)
	}
}

func TestTruncated(t *testing.T) {
	reg := prometheus.NewRegistry()
	var log bytes.Buffer
	srv := serve(t, setup{
		Events: openStore(t, startServer(t)), Metrics: alerts.NewMetrics(reg),
		Log: slog.New(slog.NewTextHandler(&log, nil)),
	})
	mustPost(t, srv, payload(t, "0.34.2-truncated"), `{"received":2,"stored":2,"unchanged":0}`)
	if !strings.Contains(log.String(), "truncated=3") {
		t.Errorf("got log %s", log.String())
	}
	for name, want := range map[string]float64{
		"alertrelay_alerts_received_total":     2,
		"alertrelay_alerts_stored_total":       2,
		"alertrelay_alerts_deduplicated_total": 0,
		"alertrelay_alerts_truncated_total":    3,
	} {
		if got := counter(t, reg, name); got != want {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
	if got, now := counter(t, reg, "alertrelay_alerts_last_message_timestamp_seconds"), float64(time.Now().Unix()); got < now-60 || got > now+1 {
		t.Errorf("got %v, want about %v", got, now)
	}
}

func TestMetricsOfManySources(t *testing.T) {
	reg := prometheus.NewRegistry()
	srv := serve(t, setup{Events: openStore(t, startServer(t)), Metrics: alerts.NewMetrics(reg)})
	for i := range 103 {
		if status, answer := post(t, srv, fmt.Sprintf("s%d", i), body(plainAlert)); status != http.StatusOK {
			t.Fatalf("got %d %s", status, answer)
		}
	}
	if got := len(series(t, reg, "alertrelay_alerts_received_total")); got != 101 {
		t.Errorf("got %d series, want 101", got)
	}
	if got := counter(t, reg, "alertrelay_alerts_stored_total"); got != 103 {
		t.Errorf("got %v, want 103", got)
	}
}

// Storing may take longer than the body may, also for later requests of the
// connection.
func TestReadTimeoutIsOfTheBodyOnly(t *testing.T) {
	s := openStore(t, startServer(t))
	srv := serve(t, setup{
		Events:      interrupted{s, func(relay.Publication) { time.Sleep(150 * time.Millisecond) }},
		ReadTimeout: 50 * time.Millisecond,
	})
	for i := range 3 {
		mustPost(t, srv, strings.Replace(body(plainAlert), `"A"`, fmt.Sprintf(`"A%d"`, i), 1), stored)
	}
}

func TestOptionsRefused(t *testing.T) {
	r := newTracker(t, openStore(t, startServer(t)), alertstest.Router(t), nil)
	for want, o := range map[string]alerts.Options{
		"Recorder is required": {},
		"MaxBodyBytes":         {Recorder: r, MaxBodyBytes: -1},
		"ReadTimeout":          {Recorder: r, ReadTimeout: -1},
		"MaxInFlightBytes":     {Recorder: r, MaxBodyBytes: 100 << 20},
	} {
		if _, err := alerts.New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
