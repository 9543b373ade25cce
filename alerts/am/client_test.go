package am_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"alertrelay/alerts/am"
	"alertrelay/relay/relaytest"
)

// fake answers as an Alertmanager does, with a payload for each path.
func fake(t *testing.T, answers map[string]string) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, ok := answers[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		if code, text, ok := strings.Cut(body, " "); ok && len(code) == 3 {
			status := 0
			_, _ = fmt.Sscan(code, &status)
			w.WriteHeader(status)
			body = text
		}
		fmt.Fprint(w, body)
	}))
	t.Cleanup(s.Close)
	return s
}

// The payloads are those of a real Alertmanager 0.34.2.
func TestGolden(t *testing.T) {
	t.Parallel()
	read := func(name string) string {
		b, err := os.ReadFile(filepath.Join("testdata", "alertmanager-0.34.2-GET-api-v2-"+name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	s := fake(t, map[string]string{"/api/v2/alerts": read("alerts-with-suppressed"), "/api/v2/silences": read("silences")})
	c := newClient(t, am.Options{URLs: []string{s.URL}})
	list, err := c.Alerts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	silences, err := c.Silences(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string]any{"alerts-with-suppressed": list, "silences": silences} {
		text, err := json.MarshalIndent(got, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, '\n')
		path := filepath.Join("testdata", name+".golden")
		if *update {
			if err := os.WriteFile(path, text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if string(text) != string(want) {
			t.Errorf("%s: got %s, want %s", name, text, want)
		}
	}
}

// What is no list of alerts must not be taken for an empty one: it would clear
// every screen.
func TestAnswersThatMakeNoSense(t *testing.T) {
	t.Parallel()
	const good = `"fingerprint":"3ed2017067eac33e","labels":{"a":"b"},"startsAt":"2026-11-22T07:12:15.734Z"`
	for _, tt := range []struct{ body, want string }{
		{``, "is no list"},
		{`null`, "is no list"},
		{`{}`, "is no list"},
		{`"[]"`, "is no list"},
		{`<html>[]</html>`, "is no list"},
		{`[`, "is no JSON, at byte 1"},
		{`[] []`, "is no JSON, at byte 4"},
		{`[null]`, "[0].fingerprint: must be 16 hex digits"},
		{`[{` + good + `}]`, "[0].status.state: is missing"},
		{`[{` + good + `,"status":{"state":7}}]`, "state: has the wrong type"},
		{`[{"fingerprint":"3ed2017067eac33e","status":{"state":"active"},"labels":{"geheim":""}}]`, "[0].labels: are missing"},
		{`[{"fingerprint":"3ed2017067eac33e","status":{"state":"active"},"labels":{"a":"b"}}]`, "[0].startsAt, endsAt"},
		{`[{` + good + `,"status":{"state":"active"},"endsAt":"geheim"}]`, "has a value that makes no sense"},
		{"[{\"labels\":{\"geheim\":\"\xff\"}}]", "is not UTF-8"},
		{"500 \"store is away\"", "status 500: store is away"},
		{"503 ", "status 503: no reason given"},
		{"302 ", "status 302: there is no API of an Alertmanager"},
	} {
		s := fake(t, map[string]string{"/api/v2/alerts": tt.body})
		c := newClient(t, am.Options{URLs: []string{s.URL}})
		list, err := c.Alerts(t.Context())
		if !errors.Is(err, am.ErrUnreachable) || list != nil {
			t.Errorf("%q: got %v and %d alerts, want ErrUnreachable", tt.body, err, len(list))
			continue
		}
		if text := err.Error(); !strings.Contains(text, tt.want) || !strings.Contains(text, s.URL) || strings.Contains(text, "geheim") {
			t.Errorf("%q: got %q, want the member, %q, and nothing of the body", tt.body, text, tt.want)
		}
	}
}

func TestAnyMemberThatAnswers(t *testing.T) {
	t.Parallel()
	var asked [3]atomic.Int32
	var down [3]atomic.Bool
	var urls []string
	for i := range asked {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			asked[i].Add(1)
			if down[i].Load() {
				w.WriteHeader(http.StatusBadGateway)
				return
			}
			fmt.Fprint(w, "[]")
		}))
		t.Cleanup(s.Close)
		urls = append(urls, s.URL)
	}
	c := newClient(t, am.Options{URLs: urls})
	ask := func(want ...int32) {
		t.Helper()
		if _, err := c.Alerts(t.Context()); err != nil {
			t.Error(err)
		}
		for i := range asked {
			if got := asked[i].Load(); got != want[i] {
				t.Errorf("member %d: got %d requests, want %d", i, got, want[i])
			}
		}
	}
	ask(1, 0, 0)
	down[0].Store(true)
	ask(2, 1, 0)
	ask(2, 2, 0) // the last good one is remembered
	down[0].Store(false)
	down[1].Store(true)
	ask(2, 3, 1)
	down[2].Store(true)
	ask(3, 3, 2)
	down[0].Store(true)
	_, err := c.Alerts(t.Context())
	if !errors.Is(err, am.ErrUnreachable) {
		t.Fatalf("got %v, want ErrUnreachable", err)
	}
	for _, u := range urls {
		if !strings.Contains(err.Error(), u) {
			t.Errorf("got %q, want %s in it", err, u)
		}
	}
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(s.Close)
	t.Cleanup(func() { close(release) })
	c := newClient(t, am.Options{URLs: []string{s.URL}, Timeout: 50 * time.Millisecond})
	if _, err := c.Status(t.Context()); !errors.Is(err, am.ErrUnreachable) || !strings.Contains(err.Error(), "no answer within 50ms") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Status(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled in it", err)
	}
}

// A silence may be made although no answer comes. A second member is asked only
// if the first cannot have made it.
func TestSilenceIsMadeOnce(t *testing.T) {
	t.Parallel()
	var second atomic.Int32
	good := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		second.Add(1)
		fmt.Fprint(w, `{"silenceID":"631aaa4a-ad12-4c87-9986-0794df55db40"}`)
	}))
	t.Cleanup(good.Close)
	broken := fake(t, map[string]string{"/api/v2/silences": "500 geplatzt"})
	gone := "http://" + relaytest.FreeAddress(t)

	_, err := newClient(t, am.Options{URLs: []string{broken.URL, good.URL}}).CreateSilence(t.Context(), am.Silence{})
	if !errors.Is(err, am.ErrUnreachable) || !strings.Contains(err.Error(), "whether it has silenced is not known") || second.Load() != 0 {
		t.Errorf("after an error: got %v, and the other member was asked %d times", err, second.Load())
	}
	id, err := newClient(t, am.Options{URLs: []string{gone, good.URL}}).CreateSilence(t.Context(), am.Silence{})
	if err != nil || id == "" || second.Load() != 1 {
		t.Errorf("a member that is down: got %q, %v", id, err)
	}
	wrong := fake(t, map[string]string{"/api/v2/silences": `400 "silence invalid: nope"`})
	_, err = newClient(t, am.Options{URLs: []string{wrong.URL, good.URL}}).CreateSilence(t.Context(), am.Silence{})
	if refused := (*am.RefusedError)(nil); !errors.As(err, &refused) || refused.Reason != "silence invalid: nope" || second.Load() != 1 {
		t.Errorf("a wrong silence: got %v", err)
	}
}

// Credentials are shown to the member only, and stand in no error.
func TestCredentials(t *testing.T) {
	t.Parallel()
	var stranger atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		stranger.Add(1)
		fmt.Fprint(w, "[]")
	}))
	t.Cleanup(other.Close)
	var shown atomic.Value
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		shown.Store(r.Header.Get("Authorization"))
		if r.URL.Path == "/same/api/v2/alerts" {
			http.Redirect(w, r, "/good", http.StatusFound)
			return
		}
		if r.URL.Path == "/good" {
			fmt.Fprint(w, "[]")
			return
		}
		http.Redirect(w, r, other.URL+"/?geheim=1", http.StatusTemporaryRedirect)
	}))
	t.Cleanup(elsewhere.Close)
	for _, o := range []am.Options{{Bearer: "geheim"}, {BasicUser: "ada", BasicPassword: "geheim"}} {
		o.URLs = []string{elsewhere.URL}
		_, err := newClient(t, o).Alerts(t.Context())
		if err == nil || stranger.Load() != 0 || strings.Contains(err.Error(), "geheim") {
			t.Errorf("redirect to another host: got %v, and it was asked %d times", err, stranger.Load())
		}
		if got := shown.Load(); got != "Bearer geheim" && got != "Basic YWRhOmdlaGVpbQ==" {
			t.Errorf("got Authorization %q", got)
		}
		o.URLs = []string{elsewhere.URL + "/same/"}
		if _, err := newClient(t, o).Alerts(t.Context()); err != nil {
			t.Errorf("redirect to the same host: %v", err)
		}
	}
	c := newClient(t, am.Options{URLs: []string{elsewhere.URL}})
	if _, err := c.Alerts(t.Context()); err != nil || stranger.Load() != 1 {
		t.Errorf("redirect without credentials: got %v", err)
	}
	if _, err := c.CreateSilence(t.Context(), am.Silence{}); err == nil || stranger.Load() != 1 {
		t.Errorf("redirect of a POST: got %v", err)
	}
	denied := fake(t, map[string]string{"/api/v2/alerts": "401 geheim"})
	_, err := newClient(t, am.Options{URLs: []string{denied.URL}, Bearer: "geheim"}).Alerts(t.Context())
	if err == nil || !strings.Contains(err.Error(), "check the user and password, or the token") || strings.Contains(err.Error(), "geheim") {
		t.Errorf("401: got %v", err)
	}
}

func TestOptions(t *testing.T) {
	t.Parallel()
	one := []string{"http://am:9093"}
	for _, tt := range []struct {
		name string
		o    am.Options
		want string
	}{
		{"no URL", am.Options{}, "URLs: are 0"},
		{"another scheme", am.Options{URLs: []string{"ftp://am"}}, "URLs[0]: is no address"},
		{"no scheme", am.Options{URLs: []string{"am:9093"}}, "URLs[0]: is no address"},
		{"a user", am.Options{URLs: []string{"http://ada:geheim@am"}}, "URLs[0]: has a user"},
		{"a query", am.Options{URLs: []string{"http://am/?a=geheim"}}, "URLs[0]: has a ?"},
		{"no URL at all", am.Options{URLs: []string{"http://am/%geheim"}}, "URLs[0]: is no address"},
		{"twice", am.Options{URLs: []string{"http://am", "http://am/api/v2/"}}, "URLs[1]: is there already"},
		{"two ways", am.Options{URLs: one, Bearer: "geheim", BasicUser: "ada"}, "exclude each other"},
		{"no user", am.Options{URLs: one, BasicPassword: "geheim"}, "BasicPassword"},
		{"a line break", am.Options{URLs: one, Bearer: "geheim\n"}, "Bearer: has a line break"},
		{"negative", am.Options{URLs: one, Timeout: -1}, "Timeout"},
	} {
		_, err := am.NewClient(tt.o)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: got %v, want %q and no secret", tt.name, err, tt.want)
		}
	}
	c, err := am.NewClient(am.Options{URLs: []string{"https://am/prefix/", "http://am-2:9093/api/v2"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(c.Members(), " "); got != "https://am/prefix http://am-2:9093" {
		t.Errorf("got members %s", got)
	}
}
