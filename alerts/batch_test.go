package alerts_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"alertrelay/alerts"
	"alertrelay/alerts/alertstest"
)

// goldenBatches compares what each of a sender's payloads becomes with its golden
// file.
func goldenBatches(t *testing.T, sender string, atLeast int, decode func(file string, body []byte) (alerts.Batch, error)) {
	t.Helper()
	files, err := filepath.Glob("testdata/" + sender + "/*.json")
	if err != nil || len(files) < atLeast {
		t.Fatalf("got %d payloads, %v", len(files), err)
	}
	router := alertstest.Router(t)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			body, err := os.ReadFile(file)
			must(t, err)
			batch, err := decode(strings.TrimSuffix(filepath.Base(file), ".json"), body)
			alertstest.Golden(t, strings.TrimSuffix(file, ".json")+".golden", describe(t, router, &batch, err), *update)
		})
	}
}

// describe has a line for all of the batch, and for each alert its channel, the
// event that is stored if it is news, and what is not part of the event.
func describe(t *testing.T, router *alerts.Router, batch *alerts.Batch, err error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err != nil {
		fmt.Fprintln(&b, "refused:", err)
		return b.Bytes()
	}
	fmt.Fprintf(&b, "alerts: %d, whole group: %t, truncated: %d, repeat interval: %s, invalid: %v\n",
		len(batch.Alerts), batch.WholeGroup, batch.Truncated, batch.RepeatInterval, batch.Invalid)
	for i := range batch.Alerts {
		a := &batch.Alerts[i]
		fmt.Fprintln(&b, strings.Join(router.Channels(a), " "))
		text, err := alerts.NewEvent(a, time.Date(2026, 11, 22, 8, 0, 0, 123456789, time.UTC)).Encode()
		must(t, err)
		fmt.Fprintf(&b, "%s\n", text)
		fmt.Fprintf(&b, "expires: %s, reported: %s, direct: %t\n", moment(a.ExpiresAt), moment(a.ReportedAt), a.Direct)
	}
	return b.Bytes()
}

func moment(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Format(time.RFC3339Nano)
}

// checkBatch is what holds for whatever a Decoder returns. The events of alerts
// without labels are never the first of their channel, but must have JSON too.
func checkBatch(t *testing.T, batch *alerts.Batch, err error) {
	t.Helper()
	if err == nil {
		err = batch.Invalid
	} else if len(batch.Alerts) > 0 {
		t.Errorf("got %d alerts with %q", len(batch.Alerts), err)
	}
	if err != nil && strings.ContainsAny(err.Error(), "\r\n") {
		t.Errorf("%q is more than a line", err)
	}
	router := alertstest.Router(t)
	for i := range batch.Alerts {
		a := &batch.Alerts[i]
		for _, channel := range router.Channels(a) {
			checkChannel(t, channel, strings.Count(channel, "."))
		}
		if len(a.Fingerprint) != 16 || a.Source != batch.Source {
			t.Errorf("got %s", a.ID())
		}
		if len(a.Labels) == 0 && a.Status == alerts.Firing {
			t.Errorf("%s fires without labels", a.ID())
		}
		alertstest.RoundTrip(t, a)
		for _, at := range []time.Time{a.ExpiresAt, a.ReportedAt} {
			_, err := at.MarshalJSON()
			must(t, err)
		}
	}
}

func addPayloads(f *testing.F, sender string, more ...string) {
	f.Helper()
	files, _ := filepath.Glob("testdata/" + sender + "/*.json")
	for _, file := range files {
		b, err := os.ReadFile(file)
		must(f, err)
		f.Add(b)
	}
	for _, s := range more {
		f.Add([]byte(s))
	}
}

// taker is a Recorder that keeps what it is given.
type taker struct {
	mu      sync.Mutex // guards batches
	batches []alerts.Batch
}

func (r *taker) Record(_ context.Context, b alerts.Batch) (alerts.Result, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.batches = append(r.batches, b)
	return alerts.Result{Received: len(b.Alerts), Stored: len(b.Alerts)}, nil
}

// taken is how many alerts were taken.
func (r *taker) taken() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, b := range r.batches {
		n += len(b.Alerts)
	}
	return n
}

// serveSender runs an Intake for one sender at /in/x/{source}, whose Recorder is
// the one that is returned. Addresses may have a token.
func serveSender(t *testing.T, s alerts.Sender, o alerts.Options) (*httptest.Server, *taker) {
	t.Helper()
	r := &taker{}
	o.Recorder = r
	in, err := alerts.New(o)
	must(t, err)
	mux := http.NewServeMux()
	mux.Handle("/in/x/{source}", in.Handler(s))
	mux.Handle("/in/x/{source}/api/v2/alerts", in.Handler(s))
	srv := httptest.NewServer(alerts.PathToken(mux))
	t.Cleanup(srv.Close)
	return srv, r
}

// send posts a body with headers and returns the answer, as it is on the wire.
func send(t *testing.T, srv *httptest.Server, method, path, body string, header http.Header) (status int, answer string, got http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, srv.URL+path, strings.NewReader(body))
	must(t, err)
	maps.Copy(req.Header, header)
	res, err := srv.Client().Do(req)
	must(t, err)
	defer res.Body.Close()
	var b bytes.Buffer
	_, err = b.ReadFrom(res.Body)
	must(t, err)
	return res.StatusCode, b.String(), res.Header
}
