package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"

	"alertrelay/alerts"
	"alertrelay/alerts/alertstest"
	"alertrelay/alerts/api"
	"alertrelay/embedded"
	"alertrelay/relay"
	"alertrelay/relay/store"
)

// rig is the API on a real tracker and a real store.
type rig struct {
	*alertstest.Rig
	t   testing.TB
	url string
}

type archive struct{ store *store.Store }

func (a archive) History(ctx context.Context, q api.HistoryQuery, each func(relay.Message) error) error {
	return a.store.History(ctx, store.HistoryQuery(q), each)
}

func start(t testing.TB, changes ...func(*api.Options)) *rig {
	t.Helper()
	r := alertstest.Start(t, alertstest.Server(t, embedded.Options{}), alertstest.Options{})
	o := api.Options{Tracker: r.Tracker, Archive: archive{r.Stream.Store}}
	for _, change := range changes {
		change(&o)
	}
	web := httptest.NewServer(api.Handler(o))
	t.Cleanup(web.Close)
	return &rig{Rig: r, t: t, url: web.URL}
}

// record reports alerts and waits until they are shown.
func (r *rig) record(reports ...alerts.Alert) {
	r.t.Helper()
	_, err := r.Record(r.t.Context(), alerts.Batch{Source: "am", Alerts: reports})
	must(r.t, err)
	must(r.t, r.Stream.Log().Applied(r.t.Context()))
}

// answer is what came, with the body read.
type answer struct {
	*http.Response
	body []byte
}

// ask is a request that tests change.
type ask func(*http.Request)

func header(name, value string) ask { return func(r *http.Request) { r.Header.Set(name, value) } }

// body is JSON.
func body(text string) ask {
	return func(r *http.Request) {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
		r.Header.Set("Content-Type", "application/json")
	}
}

// do asks, and has the answer checked against the description.
func (r *rig) do(method, path string, asks ...ask) answer {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, nil)
	must(r.t, err)
	for _, change := range asks {
		change(req)
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true}}).Do(req)
	must(r.t, err)
	a := answer{Response: resp}
	a.body, err = io.ReadAll(resp.Body)
	must(r.t, err)
	resp.Body.Close()
	validate(r.t, req, a)
	return a
}

// get asks for JSON and reads it into v.
func (r *rig) get(path string, v any, asks ...ask) answer {
	r.t.Helper()
	a := r.do(http.MethodGet, path, asks...)
	a.json(r.t, http.StatusOK, v)
	return a
}

// json expects a status and reads the body into v.
func (a answer) json(t testing.TB, status int, v any) {
	t.Helper()
	if a.StatusCode != status {
		t.Fatalf("%s %.200s: got %d %s, want %d", a.Request.Method, a.Request.URL, a.StatusCode, a.body, status)
	}
	if err := json.Unmarshal(a.body, v); err != nil {
		t.Fatalf("%v in %.300s", err, a.body)
	}
}

// refused expects an error, with a field if one is given, and the words in it.
func (r *rig) refused(a answer, status int, field, words string) {
	r.t.Helper()
	var e struct{ Error, Field string }
	a.json(r.t, status, &e)
	if e.Field != field || !strings.Contains(e.Error, words) {
		r.t.Errorf("%s %s: got %+v, want field %q and %q", a.Request.Method, a.Request.URL, e, field, words)
	}
}

var described = sync.OnceValue(func() libopenapi.Document {
	text, err := os.ReadFile("openapi.yaml")
	if err != nil {
		panic(err)
	}
	document, err := libopenapi.NewDocument(text)
	if err != nil {
		panic(err)
	}
	return document
})

var checker = sync.OnceValue(func() validator.Validator {
	v, errs := validator.NewValidator(described(), config.WithFormatAssertions())
	if len(errs) > 0 {
		panic(fmt.Sprint(errs))
	}
	return v
})

// validate checks JSON answers to described methods.
func validate(t testing.TB, req *http.Request, a answer) {
	t.Helper()
	switch {
	case req.Method == http.MethodHead || req.Method == http.MethodOptions || a.StatusCode == http.StatusMethodNotAllowed,
		a.Header.Get("Content-Encoding") != "" || len(a.body) == 0 || len(a.body) > 1<<20,
		!strings.HasPrefix(a.Header.Get("Content-Type"), "application/json"):
		return
	case strings.Contains(string(a.body), "nothing at this path"):
		return
	}
	resp := *a.Response
	resp.Body = io.NopCloser(bytes.NewReader(a.body))
	if ok, errs := checker().ValidateHttpResponse(req, &resp); !ok {
		for _, e := range errs {
			t.Errorf("%s %s: the answer is not as described: %s: %s", req.Method, req.URL, e.Message, e.Reason)
			for _, s := range e.SchemaValidationErrors {
				t.Errorf("  %s at %s", s.Reason, s.FieldPath)
			}
		}
		t.Logf("%.500s", a.body)
	}
}

// firing is an alert of one team since a minute.
func firing(name string, more ...string) alerts.Alert {
	a := alertstest.Firing(name, more...)
	a.Annotations = map[string]string{"summary": name + " is bad"}
	a.StartsAt = time.Now().Add(-time.Minute).UTC().Truncate(time.Second)
	return a
}

func resolved(a alerts.Alert) alerts.Alert {
	a.Status, a.EndsAt = alerts.Resolved, a.StartsAt.Add(30*time.Second)
	return a
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
