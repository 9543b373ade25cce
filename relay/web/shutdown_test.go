package web_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"alertrelay/relay"
	"alertrelay/relay/site"
)

// Promise 5: everything ends as it should, and clients know when to come back.
func TestShutdown(t *testing.T) {
	t.Parallel()
	for name, withBody := range map[string]bool{"long polls end with 304": false, "long polls end with a body": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shutdown(t, withBody)
		})
	}
}

// timedOut is the message of a built-in long poll that waited in vain.
const timedOut = `{"id":-3,"channel":"","text":"Timed out","tag":"0","time":"Thu, 01 Jan 1970 00:00:00 GMT","eventid":""}`

func shutdown(t *testing.T, withBody bool) {
	module := func(mode site.Mode, path string) site.Location {
		return at(mode, path, func(l *site.Location) { l.Header, l.Footer = "HEAD", "FOOT" })
	}
	locations := append(site.Builtin(), module(site.ModeStream, "/m/sub/"), module(site.ModeEventSource, "/m/ev/"), module(site.ModeWebSocket, "/m/ws/"))
	if withBody {
		locations = append(locations, module(site.ModeLongPoll, "/m/lpb/"))
	} else {
		locations = append(locations, module(site.ModeLongPoll, "/m/lp/"))
	}
	s := newServer(t, locations, func(o *setup) { o.site.TimeoutBody = withBody })
	tag := s.say("other", "so that the stream stands somewhere")

	type ending struct {
		path, status, body string
		websocket          bool
		headers            []string
	}
	endings := []ending{
		{path: "/m/sub/end", status: "200 OK", body: "HEADFOOT"},
		{path: "/m/ev/end", status: "200 OK", body: ": HEAD\n: FOOT\n"},
		{path: "/m/ws/end", websocket: true, status: "101 Switching Protocols", body: "\x81\x04HEAD\x81\x04FOOT\x88\x00"},
		{path: "/ev/end", status: "200 OK", body: ": \nretry: #\n\n"},
		{path: "/ws/end", websocket: true, status: "101 Switching Protocols", body: "\x88\x00"},
		{path: "/sub/end", status: "200 OK", body: "<html>"},
	}
	own := fmt.Sprintf("Etag: W/%d", tag)
	if withBody {
		endings = append(endings,
			ending{path: "/m/lpb/end", status: "200 OK", body: "HEADTimed outFOOT", headers: []string{"Etag: W/0"}},
			ending{path: "/lp/end", status: "200 OK", body: timedOut, headers: []string{own}})
	} else {
		endings = append(endings,
			ending{path: "/m/lp/end", status: "304 Not Modified", headers: []string{"Etag: W/0"}},
			ending{path: "/lp/end", status: "304 Not Modified", headers: []string{own}})
	}
	conns := make([]*conn, len(endings))
	for i, e := range endings {
		var headers []string
		if e.websocket {
			headers = upgrade("13")
		}
		conns[i] = s.open(t, "GET "+e.path, headers...)
	}
	idle := s.dial(t) // kept alive, and no request under way
	idle.request("GET /pub?id=other", "")
	idle.response().all()
	fresh, loris := s.dial(t), s.dial(t) // these have no request, and half of one
	loris.send("GET /pub?id=other HTTP/1.1\r\nHost:")
	start := time.Now()
	s.listeners(t, "end", len(endings))

	stopped := make(chan error, 1)
	go func() { stopped <- s.stop() }()
	for i, e := range endings {
		c := conns[i]
		r := c.response()
		got := ""
		if e.websocket {
			got = c.take(len(e.body))
		} else {
			got = r.all()
		}
		want := e.body
		if strings.HasPrefix(want, "<html>") {
			want = got
			if !strings.HasSuffix(got, "<body></body></html>") {
				t.Errorf("%s: got %q", e.path, got)
			}
		}
		if before, _, ok := strings.Cut(want, "#"); ok {
			var ms int
			if n, err := fmt.Sscanf(got, before+"%d\n", &ms); n != 1 || err != nil || ms < 1000 || ms >= 4000 {
				t.Errorf("%s: got %q", e.path, got)
			}
			want = strings.Replace(want, "#", fmt.Sprint(ms), 1)
		}
		if r.status != e.status || got != want {
			t.Errorf("%s: got %s %q, want %s %q", e.path, r.status, got, e.status, want)
		}
		for _, h := range e.headers {
			if !strings.Contains(strings.Join(r.headers, "\n")+"\n", h+"\n") {
				t.Errorf("%s: got %q, want %q", e.path, r.headers, h)
			}
		}
		c.closed()
	}
	idle.closed()
	fresh.closed()
	loris.closed()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("took %s", took)
	}
	if n := s.hub.Stats().Subscribers; n != 0 {
		t.Errorf("%d subscribers are left", n)
	}
}

// Who does not read does not hold the end up for longer than the grace time.
func TestShutdownWithStuckSubscribers(t *testing.T) {
	t.Parallel()
	s := newServer(t, site.Builtin())
	for _, tr := range []transport{sse, stream, websocket} {
		c := s.subscribe(t, tr, "stuck", "")
		narrow(t, c.conn)
	}
	for range 24 {
		s.say("stuck", strings.Repeat("x", 512<<10))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	start := time.Now()
	_ = s.web.Shutdown(ctx) // what it returns is about publishers
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("took %s", took)
	}
	s.stop = func() error { return nil } // once is enough
	s.subscribers(0)
}

// Requests that come while the server stops, and publishers that are under way.
func TestShutdownAmongRequests(t *testing.T) {
	t.Parallel()
	s := newServer(t, site.Builtin())
	var wg sync.WaitGroup
	acked := make([][]string, 4)
	begun := make(chan struct{}, len(acked))
	for p := range acked {
		wg.Go(func() {
			c := s.dial(t)
			for i := 0; ; i++ {
				text := fmt.Sprintf("%d.%d", p, i)
				if _, err := c.Write([]byte(request("POST /pub?id=busy", text))); err != nil {
					return
				}
				r, err := c.head()
				if err != nil {
					return
				}
				if r.all(); r.status == "200 OK" {
					acked[p] = append(acked[p], text)
				}
				if i == 5 {
					begun <- struct{}{}
				}
			}
		})
	}
	for _, tr := range transports {
		wg.Go(func() {
			for {
				c, err := s.tryDial(t)
				if err != nil {
					return
				}
				var headers []string
				if tr.websocket {
					headers = upgrade("13")
				}
				if _, err := c.Write([]byte(request("GET "+tr.path+"busy.b3", "", headers...))); err == nil {
					_, _ = c.head()
				}
				c.Close()
			}
		})
	}
	for range acked {
		<-begun
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	sub, err := s.hub.Subscribe([]relay.Request{{Channel: "busy", Backtrack: 1 << 30}}, relay.Cursor{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Close()
	rep, err := sub.Drain(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	stored := make(map[string]int)
	for _, e := range rep.Entries {
		stored[string(e.Message().Text)]++
	}
	for _, texts := range acked {
		for _, text := range texts {
			if stored[text] != 1 {
				t.Errorf("%s was acknowledged and is stored %d times", text, stored[text])
			}
		}
	}
}

// Promise 1: while the store is away publishers are told, nothing is done by half,
// and nothing comes later that was refused.
func TestStoreGone(t *testing.T) {
	t.Parallel()
	s := newServer(t, append(site.Builtin(), at(site.ModeWebSocket, "/m/ws/", func(l *site.Location) { l.AllowPublish = true })), func(o *setup) {
		o.restartable = true
		o.web.PublishTimeout = 500 * time.Millisecond
		o.store.PublishTimeout = 300 * time.Millisecond
	})
	s.say("a", "before")
	s.say("b", "before")
	var live []*subscriber
	for _, tr := range []transport{sse, websocket} {
		live = append(live, s.subscribe(t, tr, "a/b", ""))
	}
	publisher := s.open(t, "GET /m/ws/a", upgrade("13")...)
	publisher.response()
	s.listeners(t, "a", 3)

	start := s.stopNATS()
	for _, line := range []string{"POST /pub?id=a/b", "PUT /pub?id=b", "POST /pub?id=new", "DELETE /pub?id=a"} {
		r := s.do(t, line, "refused")
		retry, _ := r.header("Retry-After")
		if r.status != "503 Service Unavailable" || retry == "" || r.body != "" {
			t.Errorf("%s: got %s %q %q", line, r.status, r.headers, r.body)
		}
	}
	publisher.send(masked(0x81, "refused"))
	if first, payload, err := readFrame(publisher.r); err != nil || first != 0x88 || !strings.HasPrefix(payload, "\x03\xf5") {
		t.Errorf("websocket: got %#x %q, %v, want 1013", first, payload, err)
	}
	for _, channel := range []string{"a", "b"} {
		if stats, _ := s.hub.Channel(channel); stats.Published != 1 || stats.Stored != 1 {
			t.Errorf("got %+v", stats)
		}
	}
	if _, ok := s.hub.Channel("new"); ok {
		t.Error("a channel was made")
	}
	if r := s.get(t, "GET /poll/a.b1"); r.status != "200 OK" || !strings.Contains(r.body, `"before"`) {
		t.Errorf("reading goes on without the store: got %s %q", r.status, r.body)
	}

	start()
	eventually(t, "the store is back", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		return s.store.Healthy(ctx) == nil
	})
	var r *response
	eventually(t, "publishing works again", func() bool {
		r = s.do(t, "POST /pub?id=a/b", "after")
		return r.status == "200 OK"
	})
	for _, c := range live {
		c.wants("after", "after")
		c.conn.silent()
		c.end()
	}
}
