package api_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"alertrelay/alerts/api"
	"alertrelay/relay/client"
)

const (
	adasToken = "adas-token-0123456789"
	botsToken = "bots-token-0123456789"
)

// logged is a log that may be read while it is written.
type logged struct {
	mu   sync.Mutex
	text strings.Builder // guarded by mu
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func withNames(o *api.Options) {
	o.Tokens = func() []api.NamedToken {
		return []api.NamedToken{{Name: "Ada L.", Token: adasToken}, {Name: "deploy-bot", Token: "an-old-token-0123456789"}, {Name: "deploy-bot", Token: botsToken}}
	}
}

func bearer(token string) ask { return header("Authorization", "Bearer "+token) }

// The token decides who the author of an ack is, and of taking it back.
func TestAuthorOfAcks(t *testing.T) {
	var log logged
	r := start(t, withToken, withNames, func(o *api.Options) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	disk := firing("DiskFull")
	r.record(disk)
	path := "/api/v1/alerts/" + disk.ID()
	by := func(a answer) string {
		t.Helper()
		var got struct {
			Ack *struct{ By, Comment string }
		}
		a.json(t, http.StatusOK, &got)
		if got.Ack == nil {
			return ""
		}
		return got.Ack.By + ": " + got.Ack.Comment
	}
	for _, c := range []struct{ token, body, want string }{
		{adasToken, `{"comment":"on it"}`, "Ada L.: on it"},
		{adasToken, `{"by":"Ada L.","comment":"on it still"}`, "Ada L.: on it still"},
		{adasToken, `{"by":"  ","comment":"x"}`, "Ada L.: x"},
		{botsToken, `{}`, "deploy-bot: "},
		{"an-old-token-0123456789", `{}`, "deploy-bot: "},
		{"s3cret", `{"by":"whoever"}`, "whoever: "},
	} {
		if got := by(r.do(http.MethodPost, path+"/ack", body(c.body), bearer(c.token))); got != c.want {
			t.Errorf("%s: got %q, want %q", c.body, got, c.want)
		}
	}
	// Another name is not taken, and nothing happens.
	for _, method := range []string{"/ack", "/unack"} {
		r.refused(r.do(http.MethodPost, path+method, body(`{"by":"bob"}`), bearer(adasToken)), http.StatusForbidden, "by", `by: is not the name of the token, which is "Ada L."; leave it out`)
		r.refused(r.do(http.MethodPost, path+method, body(`{}`), bearer("s3cret")), http.StatusBadRequest, "by", "is missing")
	}
	r.refused(r.do(http.MethodDelete, path+"/ack?by=bob", bearer(adasToken)), http.StatusForbidden, "by", "not the name of the token")
	if got := by(r.do(http.MethodGet, path)); got != "whoever: " {
		t.Errorf("got %q after refusals", got)
	}
	for _, undo := range []func() answer{
		func() answer { return r.do(http.MethodDelete, path+"/ack", bearer(adasToken)) },
		func() answer {
			return r.do(http.MethodDelete, path+"/ack?by="+url.QueryEscape("Ada L."), bearer(adasToken))
		},
		func() answer { return r.do(http.MethodPost, path+"/unack", body(`{}`), bearer(botsToken)) },
	} {
		r.do(http.MethodPost, path+"/ack", body(`{}`), bearer(botsToken))
		if got := by(undo()); got != "" {
			t.Errorf("got %q", got)
		}
	}
	a := r.do(http.MethodGet, "/api/v1/history?format=csv&id="+disk.ID())
	for _, want := range []string{"DiskFull is bad,on it,Ada L.,", "DiskFull is bad,,deploy-bot,", "DiskFull is bad,,whoever,", ",unacked,firing,critical,DiskFull,DiskFull is bad,Ada L.,"} {
		if !strings.Contains(string(a.body), want) {
			t.Errorf("the history is %s, want %q in it", a.body, want)
		}
	}
	if text := log.String(); strings.Contains(text, "token-0123456789") || !strings.Contains(text, `msg="alert acknowledged" component=api`) || !strings.Contains(text, `author="Ada L."`) {
		t.Errorf("got the log %s", text)
	}
}

// A token that is not good is none, whatever others there are.
func TestOnlyTheirTokensAreGood(t *testing.T) {
	r := start(t, withNames)
	disk := firing("DiskFull")
	r.record(disk)
	path := "/api/v1/alerts/" + disk.ID() + "/ack"
	for _, wrong := range []string{"", "Ada L.", adasToken[:len(adasToken)-1], adasToken + "x", adasToken + botsToken, "s3cret"} {
		r.refused(r.do(http.MethodPost, path, body(`{"by":"Ada L."}`), bearer(wrong)), http.StatusUnauthorized, "", "token")
		r.refused(r.do(http.MethodGet, "/api/v1/whoami", bearer(wrong)), http.StatusUnauthorized, "", "token")
	}
	r.refused(r.do(http.MethodPost, path, body(`{"by":"Ada L."}`)), http.StatusUnauthorized, "", "a token is wanted")
	r.refused(r.do(http.MethodGet, "/api/v1/whoami", header("Authorization", "Basic "+adasToken)), http.StatusUnauthorized, "", "a token is wanted")
}

// The author of a silence is the token's name, also where it is only looked at.
func TestAuthorOfSilences(t *testing.T) {
	m := &memory{}
	r := start(t, withToken, withNames, withSilencers(map[string]api.Silencer{"am": m}))
	const request = `{"source":"am","matchers":["team=\"db\""],"duration":"2h","comment":"c"%s}`
	for _, c := range []struct{ token, more, want string }{
		{adasToken, ``, "Ada L."},
		{adasToken, `,"createdBy":"Ada L."`, "Ada L."},
		{"s3cret", `,"createdBy":"whoever"`, "whoever"},
	} {
		var s struct{ ID, CreatedBy string }
		r.do(http.MethodPost, "/api/v1/silences", body(fmt.Sprintf(request, c.more)), bearer(c.token)).json(t, http.StatusCreated, &s)
		if got := m.silences[len(m.silences)-1].CreatedBy; got != c.want || s.CreatedBy != c.want {
			t.Errorf("%s: got %q, answered %q, want %q", c.more, got, s.CreatedBy, c.want)
		}
	}
	n := len(m.silences)
	for _, path := range []string{"/api/v1/silences", "/api/v1/silences/preview"} {
		r.refused(r.do(http.MethodPost, path, body(fmt.Sprintf(request, `,"createdBy":"bob"`)), bearer(adasToken)), http.StatusForbidden, "createdBy", "not the name of the token")
	}
	r.do(http.MethodPost, "/api/v1/silences/preview", body(fmt.Sprintf(request, ``)), bearer(adasToken)).json(t, http.StatusOK, &struct{}{})
	r.refused(r.do(http.MethodPost, "/api/v1/silences", body(fmt.Sprintf(request, ``)), bearer("s3cret")), http.StatusBadRequest, "createdBy", "is missing")
	if len(m.silences) != n {
		t.Errorf("a refusal has made %+v", m.silences[n:])
	}
	if a := r.do(http.MethodDelete, "/api/v1/silences/am/id-1", bearer(botsToken)); a.StatusCode != http.StatusNoContent {
		t.Errorf("got %d %s", a.StatusCode, a.body)
	}
}

// Who one is can be asked before something is done.
func TestWhoami(t *testing.T) {
	open, guarded := start(t), start(t, withToken, withNames)
	for _, c := range []struct {
		r     *rig
		token string
		want  string
	}{{open, "", `{}`}, {open, "anything", `{}`}, {guarded, "s3cret", `{}`}, {guarded, adasToken, `{"name":"Ada L."}`}, {guarded, botsToken, `{"name":"deploy-bot"}`}} {
		asks := []ask{bearer(c.token)}
		if c.token == "" {
			asks = nil
		}
		a := c.r.do(http.MethodGet, "/api/v1/whoami", asks...)
		if got := strings.TrimSpace(string(a.body)); a.StatusCode != http.StatusOK || got != c.want {
			t.Errorf("%q: got %d %s, want %s", c.token, a.StatusCode, got, c.want)
		}
		if a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("Vary") != "Authorization" {
			t.Errorf("got %v", a.Header)
		}
	}
	guarded.refused(guarded.do(http.MethodGet, "/api/v1/whoami?who=bob", bearer(adasToken)), http.StatusBadRequest, "who", "")

	c, err := client.New(guarded.url)
	must(t, err)
	t.Cleanup(c.Close)
	if name, err := c.WithToken(adasToken).Whoami(t.Context()); err != nil || name != "Ada L." {
		t.Errorf("got %q, %v", name, err)
	}
	if _, err := c.Whoami(t.Context()); err == nil {
		t.Error("got no error without a token")
	}
}
