package app_test

import (
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"

	"alertrelay/relay/relaytest"
)

const (
	boardIsLive = "document.body.dataset.state === 'live'"
	boardIsDead = "document.body.dataset.state === 'dead' && document.getElementById('state').textContent.startsWith('NOT LIVE') && document.title.includes('NOT LIVE')"
)

// openBoard opens the page at / and waits until it is live.
func openBoard(t *testing.T, base, query string) *tab {
	t.Helper()
	p := openTab(t, relaytest.Chromium(t), base+"/"+query)
	p.until(boardIsLive)
	return p
}

// boardTexts are the texts on the board, the oldest first.
func boardTexts(p *tab) []string {
	p.t.Helper()
	got := eval[[]string](p, "[...document.querySelectorAll('#list .text')].map((e) => e.textContent)")
	slices.Reverse(got)
	return got
}

// untilBoard waits until the board has the last text of want, and expects all.
func untilBoard(p *tab, want []string) {
	p.t.Helper()
	p.until(fmt.Sprintf("[...document.querySelectorAll('#list .text')].some((e) => e.textContent === %q)", want[len(want)-1]))
	if got := boardTexts(p); !slices.Equal(got, want) {
		p.t.Errorf("the board has %q, want %q", got, want)
	}
}

func TestBoardShowsMessagesAndAlertsAsText(t *testing.T) {
	r := relaytest.Start(t)
	r.Publish("ops", "before it was opened")
	p := openBoard(t, r.URL, "")
	want := []string{"before it was opened"}
	untilBoard(p, want)
	for _, text := range []string{
		`<script>alert(1)</script><img src=x onerror=alert(1)> }{ "q" 's' \`,
		"\u202eright to left\u2066\u0085 ☃ 发布消息测试",
		`{"id":1,"channel":"x","text":"looks like a message"}`,
	} {
		want = append(want, text)
		r.Publish(fmt.Sprint("ops.", len(want)), text)
	}
	untilBoard(p, want)

	odd, err := os.ReadFile(filepath.Join("..", "..", "alerts", "testdata", "alertmanager", "alertmanager-0.34.2-odd-labels-basic-auth.json"))
	if err != nil {
		t.Fatal(err)
	}
	// An alert's name that turns the text around, and links that run something.
	odder := strings.NewReplacer(
		`"fingerprint": "be96`, `"fingerprint": "ce96`,
		"We ird", `\u202eWe<img src=x onerror=alert(1)>ird`,
		"http://prom.example:9090/graph?g0.expr=up+%3D%3D+0&g0.tab=1", "javascript:alert(1)",
	).Replace(string(odd))
	for _, body := range []string{string(odd), odder} {
		post(t, r.URL+"/in/alertmanager/am", body, http.StatusOK)
	}
	p.until("document.querySelectorAll('#list .alert.firing').length === 2")
	for selector, want := range map[string]string{
		".alert .name":          "\u202eWe<img src=x onerror=alert(1)>ird.Name*>é",
		".alert .summary":       "odd label values <script>alert(1)</script> ☃",
		".alert .labels":        `he said "hi" <b>`,
		"li:nth-child(2) .name": "We ird.Name*>é",
	} {
		if got := eval[string](p, fmt.Sprintf("document.querySelector(%q).textContent", "#list "+selector)); !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q in it", selector, got, want)
		}
	}
	if n := eval[int](p, "document.querySelectorAll('#list script, #list img, #list b, #list a[href^=javascript]').length"); n != 0 {
		t.Errorf("%d elements were made of texts", n)
	}
	resolved := strings.ReplaceAll(strings.ReplaceAll(string(odd), `"firing"`, `"resolved"`), "0001-01-01T00:00:00Z", "2026-11-22T07:59:07Z")
	post(t, r.URL+"/in/alertmanager/am", resolved, http.StatusOK)
	p.until("document.querySelectorAll('#list .alert.resolved').length === 1")

	// Following the channel of one alert, by its link.
	p.do(chromedp.Click(chromedp.CSS("#list .alert.resolved .channel")))
	p.until("document.querySelectorAll('#list .alert').length === 2 && document.querySelectorAll('#list > li').length === 2")
	p.fine()
}

func TestBoardComesBackWithWhatWasMissed(t *testing.T) {
	r := relaytest.Start(t)
	r.Publish("bb.a", "before")
	p := openBoard(t, r.URL, "?channel=bb.%3E")
	want := []string{"before"}
	untilBoard(p, want)
	eval[bool](p, "window.notReloaded = true")
	r.Stop()
	p.until(boardIsDead)
	r.Restart()
	for i := range 30 {
		want = append(want, fmt.Sprint("missed ", i))
		r.Publish(fmt.Sprint("bb.", i%7), want[len(want)-1])
	}
	p.until(boardIsLive)
	untilBoard(p, want)
	want = append(want, "live again")
	r.Publish("bb.a", "live again")
	untilBoard(p, want)
	if !eval[bool](p, "window.notReloaded === true") {
		t.Error("the page was loaded again")
	}
	p.fine()
}

// gate is a proxy before a relay, which can fail in the ways of proxies.
type gate struct {
	*httptest.Server
	down        atomic.Bool // answers 503
	holdStreams atomic.Bool // keeps event streams to itself
}

func startGate(t *testing.T, r *relaytest.Relay) *gate {
	t.Helper()
	target, err := url.Parse(r.URL)
	if err != nil {
		t.Fatal(err)
	}
	g := new(gate)
	relay := httputil.NewSingleHostReverseProxy(target)
	relay.ErrorLog = log.New(t.Output(), "proxy: ", 0)
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch {
		case g.down.Load():
			w.WriteHeader(http.StatusServiceUnavailable)
		case g.holdStreams.Load() && strings.HasPrefix(req.URL.Path, "/ev/"):
			<-req.Context().Done()
		default:
			relay.ServeHTTP(w, req)
		}
	}))
	t.Cleanup(g.Close)
	return g
}

// Behind a proxy that keeps event streams to itself the board goes on with long
// polls.
func TestBoardFallsBackToLongPolling(t *testing.T) {
	t.Parallel()
	r := relaytest.Start(t)
	proxy := startGate(t, r)
	proxy.holdStreams.Store(true)
	r.Publish("ops", "before")
	p := openBoard(t, proxy.URL, "")
	p.until("document.getElementById('detail').textContent === 'over long polling'")
	want := []string{"before"}
	untilBoard(p, want)
	for i := range 5 {
		want = append(want, fmt.Sprint("over long polling ", i))
		r.Publish("ops", want[len(want)-1])
		untilBoard(p, want)
	}
	p.fine()
}

// Connections that break at any moment cost nothing; what the relay does not keep
// any more is said to be missing.
func TestBoardOverBrokenConnections(t *testing.T) {
	r := relaytest.Start(t)
	proxy := startGate(t, r)
	r.Publish("bb.0", "before")
	p := openBoard(t, proxy.URL, "?channel=bb.%3E")
	want := []string{"before"}
	for i := range 200 {
		switch i % 50 { // rarely: after each break in a row the board waits twice as long
		case 24:
			p.until(boardIsLive)
		case 25:
			proxy.CloseClientConnections()
		}
		want = append(want, fmt.Sprint("message ", i))
		r.Publish(fmt.Sprint("bb.", i%20), want[len(want)-1])
	}
	untilBoard(p, want)
	if notes := eval[int](p, "document.querySelectorAll('#list .note').length"); notes != 0 {
		t.Errorf("got %d notes, want none", notes)
	}

	p.do(chromedp.Click(chromedp.ID("pause")))
	r.Publish("bb.0", "while paused")
	p.until("document.getElementById('pause').textContent === 'Resume (1 new)'")
	if got := boardTexts(p); len(got) != len(want) {
		t.Errorf("got %d messages while paused, want %d", len(got), len(want))
	}
	p.do(chromedp.Click(chromedp.ID("pause")))
	want = append(want, "while paused")
	untilBoard(p, want)

	proxy.down.Store(true)
	proxy.CloseClientConnections()
	p.until(boardIsDead)
	const kept = 20
	for i := range 2 * kept {
		r.Publish("bb.0", fmt.Sprint("gap ", i))
		if i >= kept {
			want = append(want, fmt.Sprint("gap ", i))
		}
	}
	proxy.down.Store(false)
	p.until(boardIsLive)
	untilBoard(p, want)
	if note := eval[string](p, "document.querySelector('#list .note')?.textContent ?? ''"); !strings.Contains(note, "Messages are missing here") {
		t.Errorf("got the note %q", note)
	}
	p.fine()
}
