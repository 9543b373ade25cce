package api_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"alertrelay/alerts"
	"alertrelay/alerts/api"
)

// memory is a Silencer that keeps its silences.
type memory struct {
	mu       sync.Mutex // guards what follows
	silences []api.Silence
	alerts   []api.Silenced
	err      error
}

func (m *memory) List(context.Context) ([]api.Silence, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]api.Silence(nil), m.silences...), m.err
}

func (m *memory) Preview(_ context.Context, s api.Silence) ([]api.Silenced, error) {
	matchers, err := alerts.ParseMatchers(s.Matchers)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var matched []api.Silenced
	for _, a := range m.alerts {
		if matchers.Match(func(name string) string { return a.Labels[name] }) {
			matched = append(matched, a)
		}
	}
	return matched, m.err
}

func (m *memory) Create(_ context.Context, s api.Silence) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return "", m.err
	}
	s.ID, s.State = fmt.Sprintf("id-%d", len(m.silences)+1), "active"
	m.silences = append(m.silences, s)
	return s.ID, nil
}

func (m *memory) Expire(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.silences {
		if m.silences[i].ID == id {
			m.silences[i].State = "expired"
			return m.err
		}
	}
	return api.ErrNoSilence
}

func withSilencers(all map[string]api.Silencer) func(*api.Options) {
	return func(o *api.Options) { o.Silencers = func() map[string]api.Silencer { return all } }
}

func TestSilences(t *testing.T) {
	disk := firing("DiskFull")
	am, eu := &memory{alerts: []api.Silenced{{Fingerprint: disk.Fingerprint, Labels: disk.Labels}}}, &memory{}
	r := start(t, withSilencers(map[string]api.Silencer{"am": am, "eu": eu}))
	const request = `{"source":"am","matchers":["alertname=\"DiskFull\"","team=~\"db|web\""],"duration":"2h","createdBy":"ada","comment":"moving it"`
	type silence struct {
		Source, ID, State, CreatedBy, Comment string
		Matchers                              []string
		StartsAt, EndsAt                      time.Time
		Total                                 int
		Alerts                                []struct{ ID string }
	}
	var p silence
	for _, a := range []answer{
		r.do(http.MethodPost, "/api/v1/silences", body(request+`,"preview":true}`)),
		r.do(http.MethodPost, "/api/v1/silences/preview", body(request+`}`)),
		r.do(http.MethodPost, "/api/v1/silences/preview", body(`{"source":"am","matchers":["alertname=\"DiskFull\""]}`)),
	} {
		p = silence{}
		a.json(t, 200, &p)
		if p.Total != 1 || len(p.Alerts) != 1 || p.Alerts[0].ID != disk.ID() || p.ID != "" {
			t.Errorf("got %s", a.body)
		}
	}
	if len(am.silences) != 0 {
		t.Errorf("a preview has made %+v", am.silences)
	}
	var s silence
	a := r.do(http.MethodPost, "/api/v1/silences", body(request+`}`))
	a.json(t, 201, &s)
	if s.ID != "id-1" || s.EndsAt.Sub(s.StartsAt) != 2*time.Hour || len(s.Matchers) != 2 || a.Header.Get("Location") != "/api/v1/silences/am/id-1" {
		t.Errorf("got %s", a.body)
	}
	r.do(http.MethodPost, "/api/v1/silences", body(`{"source":"eu","matchers":["a=b"],"endsAt":"`+time.Now().Add(time.Hour).Format(time.RFC3339)+`","createdBy":"ada"}`)).json(t, 201, &s)
	var all struct {
		Silences []silence
		Errors   []struct{ Source, Error string }
	}
	r.get("/api/v1/silences", &all)
	if len(all.Silences) != 2 || all.Silences[0].Source != "eu" || all.Silences[1].State != "active" || all.Silences[1].Comment != "moving it" {
		t.Errorf("got %+v", all)
	}
	r.get("/api/v1/silences?source=am", &all)
	if len(all.Silences) != 1 || all.Silences[0].ID != "id-1" {
		t.Errorf("got %+v", all)
	}
	if a := r.do(http.MethodDelete, "/api/v1/silences/am/id-1"); a.StatusCode != 204 || am.silences[0].State != "expired" {
		t.Errorf("got %d %s", a.StatusCode, a.body)
	}
	r.refused(r.do(http.MethodDelete, "/api/v1/silences/am/id-7"), 404, "id", "no silence")
	r.refused(r.do(http.MethodDelete, "/api/v1/silences/us/id-1"), 404, "source", "sources.<name>.api")
	r.refused(r.do(http.MethodGet, "/api/v1/silences?source=us"), 404, "source", "am, eu")
	r.refused(r.do(http.MethodPost, "/api/v1/silences", body(request+`}`), header("Sec-Fetch-Site", "cross-site")), 403, "", "another site")

	// One that does not answer does not hide the others; what it said is not told.
	eu.err = errors.New("geheim: connection refused")
	r.get("/api/v1/silences", &all)
	if len(all.Silences) != 2 || len(all.Errors) != 1 || all.Errors[0].Source != "eu" || strings.Contains(all.Errors[0].Error, "geheim") {
		t.Errorf("got %+v", all)
	}
	r.refused(r.do(http.MethodGet, "/api/v1/silences?source=eu"), 502, "", "source eu")
	am.err = &api.RefusedError{Reason: "too many silences"}
	r.refused(r.do(http.MethodPost, "/api/v1/silences", body(request+`}`)), 400, "", "too many silences")
}

func TestWrongSilences(t *testing.T) {
	r := start(t, withSilencers(map[string]api.Silencer{"am": &memory{}}))
	past, later := time.Now().Add(-time.Hour).Format(time.RFC3339), time.Now().Add(time.Hour).Format(time.RFC3339)
	for text, field := range map[string]string{
		`{"matchers":["a=b"],"duration":"1h","createdBy":"ada"}`:                                                   "source",
		`{"source":"am","duration":"1h","createdBy":"ada"}`:                                                        "matchers",
		`{"source":"am","matchers":"a=b"}`:                                                                         "matchers",
		`{"source":"am","matchers":["="],"duration":"1h","createdBy":"ada"}`:                                       "matchers",
		`{"source":"am","matchers":["a=\"\"","b=~\".*\""],"duration":"1h","createdBy":"ada"}`:                      "matchers",
		`{"source":"am","matchers":["a=b"],"createdBy":"ada"}`:                                                     "endsAt",
		`{"source":"am","matchers":["a=b"],"duration":"1","createdBy":"ada"}`:                                      "duration",
		`{"source":"am","matchers":["a=b"],"duration":"400d","createdBy":"ada"}`:                                   "duration",
		`{"source":"am","matchers":["a=b"],"duration":"1h","endsAt":"` + later + `","createdBy":"ada"}`:            "duration",
		`{"source":"am","matchers":["a=b"],"endsAt":"` + past + `","createdBy":"ada"}`:                             "endsAt",
		`{"source":"am","matchers":["a=b"],"startsAt":"` + past + `","endsAt":"` + later + `","createdBy":"ada"}`:  "startsAt",
		`{"source":"am","matchers":["a=b"],"duration":"1h"}`:                                                       "createdBy",
		`{"source":"am","matchers":["a=b"],"duration":"1h","createdBy":"ada","x":1}`:                               "x",
		`{"source":"am","matchers":["a=b"],"endsAt":"tomorrow","createdBy":"ada"}`:                                 "",
		`{"source":"am","matchers":[` + strings.Repeat(`"a=b",`, 64) + `"a=b"],"duration":"1h","createdBy":"ada"}`: "matchers",
	} {
		r.refused(r.do(http.MethodPost, "/api/v1/silences", body(text)), 400, field, "")
	}
}

func TestNothingCanBeSilenced(t *testing.T) {
	r := start(t)
	for _, a := range []answer{
		r.do(http.MethodGet, "/api/v1/silences"), r.do(http.MethodPost, "/api/v1/silences", body(`{}`)),
		r.do(http.MethodPost, "/api/v1/silences/preview", body(`{}`)), r.do(http.MethodDelete, "/api/v1/silences/am/x"),
	} {
		r.refused(a, 501, "", "sources.<name>.api")
	}
}

func TestSources(t *testing.T) {
	now := time.Now()
	r := start(t, func(o *api.Options) {
		o.Sources = func() map[string]api.Source {
			return map[string]api.Source{
				"am": {API: "http://ada:geheim@am:9093", SilentAfter: time.Nanosecond, Reconcile: &api.Reconcile{LastTry: now, LastSuccess: now, Alerts: 3}},
				"eu": {SilentAfter: 5 * time.Minute, Reconcile: &api.Reconcile{LastTry: now, Error: "connection refused"}},
			}
		}
	})
	r.record(firing("DiskFull"))
	var got struct {
		Sources []struct {
			Name       string
			LastHeard  *time.Time
			AgeSeconds *float64
			Silent     bool
			Configured *struct {
				API                string
				SilentAfterSeconds float64
			}
			Reconcile *struct {
				Healthy bool
				Error   string
				Alerts  int
			}
		}
	}
	a := r.get("/api/v1/sources", &got)
	if len(got.Sources) != 2 || strings.Contains(string(a.body), "geheim") {
		t.Fatalf("got %s", a.body)
	}
	am, eu := got.Sources[0], got.Sources[1]
	if am.Name != "am" || am.LastHeard == nil || am.AgeSeconds == nil || !am.Silent || !am.Reconcile.Healthy || am.Reconcile.Alerts != 3 {
		t.Errorf("got %s", a.body)
	}
	if eu.LastHeard != nil || eu.AgeSeconds != nil || eu.Silent || eu.Configured.SilentAfterSeconds != 300 || eu.Reconcile.Healthy || eu.Reconcile.Error == "" {
		t.Errorf("got %s", a.body)
	}
}
