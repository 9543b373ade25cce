package api_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"alertrelay/alerts/api"
	"alertrelay/alerts/track"
	"alertrelay/relay"
)

func withOrigins(origins ...string) func(*api.Options) {
	return func(o *api.Options) { o.Origins = origins }
}

func withToken(o *api.Options) { o.Token = func() string { return "s3cret" } }

func TestAck(t *testing.T) {
	var told []string
	r := start(t, func(o *api.Options) {
		o.OnAck = func(_ context.Context, c track.Current, by, comment string) {
			told = append(told, c.ID+" "+by+" "+comment+" "+c.Ack.By)
		}
	})
	disk := firing("DiskFull")
	r.record(disk)
	path := "/api/v1/alerts/" + disk.ID()
	type acked struct {
		Ack *struct{ By, Comment, At string }
	}
	var a acked
	r.do(http.MethodPost, path+"/ack", body(`{"by":" ada ","comment":"on it"}`)).json(t, 200, &a)
	if a.Ack == nil || a.Ack.By != "ada" || a.Ack.Comment != "on it" || a.Ack.At == "" {
		t.Errorf("got %+v", a.Ack)
	}
	if want := disk.ID() + " ada on it ada"; len(told) != 1 || told[0] != want {
		t.Errorf("got %q, want %q", told, want)
	}
	a = acked{}
	r.do(http.MethodDelete, path+"/ack?by=ada&comment=done").json(t, 200, &a)
	if a.Ack != nil {
		t.Errorf("got %+v", a.Ack)
	}
	r.do(http.MethodPost, path+"/ack", body(`{"by":"bob"}`)).json(t, 200, &a)
	a = acked{}
	r.do(http.MethodPost, path+"/unack", body(`{"by":"bob"}`)).json(t, 200, &a)
	if a.Ack != nil {
		t.Errorf("got %+v", a.Ack)
	}
	events := r.history("?id=" + disk.ID())
	if got := kinds(events); got != "firing acked unacked acked unacked" {
		t.Errorf("got %s", got)
	}

	nobody := "/api/v1/alerts/am-0000000000000000"
	r.refused(r.do(http.MethodPost, nobody+"/ack", body(`{"by":"ada"}`)), 404, "", "no alert of this id is active")
	r.refused(r.do(http.MethodDelete, nobody+"/ack?by=ada"), 404, "", "no alert of this id is active")
	r.record(resolved(disk))
	r.refused(r.do(http.MethodPost, path+"/ack", body(`{"by":"ada"}`)), 404, "", "no alert of this id is active")
}

func TestWrongAcks(t *testing.T) {
	r := start(t)
	disk := firing("DiskFull")
	r.record(disk)
	path := "/api/v1/alerts/" + disk.ID()
	for text, field := range map[string]string{
		`{}`:                      "by",
		`{"by":""}`:               "by",
		`{"by":"  "}`:             "by",
		`{"by":7}`:                "by",
		`{"by":"a\nb"}`:           "by",
		`{"by":"a","comment":[]}`: "comment",
		`{"by":"a","coment":"x"}`: "coment",
		`{"by":"` + strings.Repeat("a", 101) + `"}`:                "by",
		`{"by":"a","comment":"` + strings.Repeat("a", 1001) + `"}`: "comment",
		`{"by":"a","comment":"\u0000"}`:                            "comment",
		`[]`:                                                       "",
		`{"by":"a"`:                                                "",
		`{"by":"a"}{}`:                                             "",
		``:                                                         "",
		"{\"by\":\"\xff\"}":                                        "",
	} {
		for _, method := range []string{"/ack", "/unack"} {
			r.refused(r.do(http.MethodPost, path+method, body(text)), 400, field, "")
		}
	}
	r.refused(r.do(http.MethodDelete, path+"/ack"), 400, "by", "missing")
	r.refused(r.do(http.MethodPost, path+"/ack", body(`{"by":"a","comment":"`+strings.Repeat("a", 70_000)+`"}`)), 413, "", "larger than")
	r.refused(r.do(http.MethodPost, path+"/ack", body(`{"by":"a"}`), header("Content-Type", "text/plain")), 415, "", "application/json")
	r.refused(r.do(http.MethodPost, path+"/ack", body(`by=a`), header("Content-Type", "application/x-www-form-urlencoded")), 415, "", "application/json")
	if got := kinds(r.history("")); got != "firing" {
		t.Errorf("got %s", got)
	}
}

func TestTokenIsWanted(t *testing.T) {
	r := start(t, withToken)
	disk := firing("DiskFull")
	r.record(disk)
	path := "/api/v1/alerts/" + disk.ID() + "/ack"
	a := r.do(http.MethodPost, path, body(`{"by":"ada"}`))
	r.refused(a, 401, "", "token")
	if got := a.Header.Get("WWW-Authenticate"); got != `Bearer realm="alertrelay"` {
		t.Errorf("got %q", got)
	}
	for _, wrong := range []string{"Bearer no", "Bearer", "Bearer s3cret2", "Basic s3cret"} {
		r.refused(r.do(http.MethodPost, path, body(`{"by":"ada"}`), header("Authorization", wrong)), 401, "", "token")
	}
	r.refused(r.do(http.MethodDelete, path+"?by=ada"), 401, "", "token")
	r.refused(r.do(http.MethodPost, "/api/v1/silences", body(`{}`)), 401, "", "token")
	if a := r.do(http.MethodPost, path, body(`{"by":"ada"}`), header("Authorization", "bearer s3cret")); a.StatusCode != 200 {
		t.Errorf("got %d %s", a.StatusCode, a.body)
	}
	if a := r.do(http.MethodGet, "/api/v1/alerts"); a.StatusCode != 200 {
		t.Errorf("reading: got %d", a.StatusCode)
	}
}

// TestForeignPages: without a token a page of another site may not have a visitor's
// browser acknowledge.
func TestForeignPages(t *testing.T) {
	r := start(t)
	disk := firing("DiskFull")
	r.record(disk)
	path := "/api/v1/alerts/" + disk.ID() + "/ack"
	for _, foreign := range []ask{
		header("Origin", "https://evil.example"), header("Origin", "null"),
		header("Sec-Fetch-Site", "cross-site"), header("Sec-Fetch-Site", "same-site"),
	} {
		r.refused(r.do(http.MethodPost, path, body(`{"by":"ada"}`), foreign), 403, "", "another site")
		r.refused(r.do(http.MethodDelete, path+"?by=ada", foreign), 403, "", "another site")
	}
	for _, own := range []ask{header("Origin", r.url), header("Sec-Fetch-Site", "same-origin"), header("Sec-Fetch-Site", "none"), header("X-Nothing", "")} {
		if a := r.do(http.MethodPost, path, body(`{"by":"ada"}`), own); a.StatusCode != 200 {
			t.Errorf("got %d %s", a.StatusCode, a.body)
		}
	}
}

// away is a tracker whose store cannot be reached.
type away struct{ api.Tracker }

func (away) Acknowledge(context.Context, string, string, string) error { return relay.ErrUnavailable }

func (away) Find(track.Query) (*track.Listing, error) { return nil, relay.ErrNotReady }

func (away) History(context.Context, api.HistoryQuery, func(relay.Message) error) error {
	return relay.ErrUnavailable
}

func TestStoreIsAway(t *testing.T) {
	r := start(t, func(o *api.Options) { o.Tracker, o.Archive = away{o.Tracker}, away{} })
	a := r.do(http.MethodPost, "/api/v1/alerts/am-0000000000000000/ack", body(`{"by":"ada"}`))
	r.refused(a, 503, "", "try again")
	if a.Header.Get("Retry-After") == "" {
		t.Errorf("got %v", a.Header)
	}
	for _, path := range []string{"/api/v1/alerts", "/api/v1/history", "/api/v1/history?format=csv", "/api/v1/alerts/am-0000000000000000"} {
		a := r.do(http.MethodGet, path, header("Accept-Encoding", "gzip"))
		r.refused(a, 503, "", "try again")
		if a.Header.Get("Content-Disposition") != "" || a.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s: got %v", path, a.Header)
		}
	}
}
