package pagetest

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"alertrelay/relay/relaytest"
)

const (
	viewerIsLive = "document.body.dataset.state === 'live'"
	viewerIsDead = "document.body.dataset.state === 'dead' && document.getElementById('state').textContent.startsWith('NOT LIVE') && document.title.includes('NOT LIVE')"
)

// openViewer opens the page of a channel and waits until it is live.
func openViewer(t *testing.T, base, channel string) *relaytest.Tab {
	t.Helper()
	p := relaytest.OpenTab(t, relaytest.Chromium(t), base+"/channels/"+url.PathEscape(channel))
	p.Until(viewerIsLive)
	return p
}

// viewerTexts are the texts on the page, the oldest first.
func viewerTexts(p *relaytest.Tab) []string {
	p.T.Helper()
	got := relaytest.Eval[[]string](p, "[...document.querySelectorAll('#list .text')].map((e) => e.textContent)")
	slices.Reverse(got)
	return got
}

// untilViewer waits until the page has the last text of want, and expects all.
func untilViewer(p *relaytest.Tab, want []string) {
	p.T.Helper()
	p.Until(fmt.Sprintf("[...document.querySelectorAll('#list .text')].some((e) => e.textContent === %q)", want[len(want)-1]))
	if got := viewerTexts(p); !slices.Equal(got, want) {
		p.T.Errorf("the page has %q, want %q", got, want)
	}
}

func TestViewerShowsMessagesAndAlertsAsText(t *testing.T) {
	r := relaytest.Start(t)
	r.Publish("ops", "before it was opened")
	p := openViewer(t, r.URL, ">")
	want := []string{"before it was opened"}
	untilViewer(p, want)
	for _, text := range []string{
		`<script>alert(1)</script><img src=x onerror=alert(1)> }{ "q" 's' \`,
		"\u202eright to left\u2066\u0085 ☃ 发布消息测试",
		`{"id":1,"channel":"x","text":"looks like a message"}`,
	} {
		want = append(want, text)
		r.Publish(fmt.Sprint("ops.", len(want)), text)
	}
	untilViewer(p, want)

	odd, err := os.ReadFile(filepath.Join("..", "..", "..", "alerts", "testdata", "alertmanager", "alertmanager-0.34.2-odd-labels-basic-auth.json"))
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
		relaytest.Post(t, r.URL+"/in/alertmanager/am", body, http.StatusOK)
	}
	p.Until("document.querySelectorAll('#list .alert.firing').length === 2")
	for selector, want := range map[string]string{
		".alert .name":          "\u202eWe<img src=x onerror=alert(1)>ird.Name*>é",
		".alert .summary":       "odd label values <script>alert(1)</script> ☃",
		".alert .labels":        `he said "hi" <b>`,
		"li:nth-child(2) .name": "We ird.Name*>é",
	} {
		if got := relaytest.Eval[string](p, fmt.Sprintf("document.querySelector(%q).textContent", "#list "+selector)); !strings.Contains(got, want) {
			t.Errorf("%s: got %q, want %q in it", selector, got, want)
		}
	}
	if n := relaytest.Eval[int](p, "document.querySelectorAll('#list script, #list img, #list b, #list a[href^=javascript]').length"); n != 0 {
		t.Errorf("%d elements were made of texts", n)
	}
	resolved := strings.ReplaceAll(strings.ReplaceAll(string(odd), `"firing"`, `"resolved"`), "0001-01-01T00:00:00Z", "2026-11-22T07:59:07Z")
	relaytest.Post(t, r.URL+"/in/alertmanager/am", resolved, http.StatusOK)
	p.Until("document.querySelectorAll('#list .alert.resolved').length === 1")

	// Following the channel of one alert, by its link.
	p.Do(chromedp.Click(chromedp.CSS("#list .alert.resolved .channel")))
	p.Until("document.querySelectorAll('#list .alert').length === 2 && document.querySelectorAll('#list > li').length === 2")

	// As they came.
	p.Do(chromedp.SetValue(chromedp.CSS("#form"), "json"))
	relaytest.Eval[bool](p, "document.getElementById('form').dispatchEvent(new Event('change'))")
	p.Until("document.querySelectorAll('#list .alert').length === 0")
	if got := viewerTexts(p)[1]; !strings.Contains(got, "\n  \"status\": \"resolved\",\n") {
		t.Errorf("got the JSON %s", got)
	}
	relaytest.Eval[bool](p, "(document.getElementById('form').value = 'raw', document.getElementById('form').dispatchEvent(new Event('change')))")
	if got := viewerTexts(p)[1]; !strings.HasPrefix(got, `{"id":`) || strings.Contains(got, "\n") {
		t.Errorf("got the text %s", got)
	}
	relaytest.Eval[bool](p, "(navigator.clipboard.writeText = async (text) => void (window.copied = text), document.querySelector('#list .more').click(), true)")
	p.Until("window.copied === document.querySelector('#list .text').textContent")
	p.Fine()
}

func TestViewerComesBackWithWhatWasMissed(t *testing.T) {
	r := relaytest.Start(t)
	r.Publish("bb.a", "before")
	p := openViewer(t, r.URL, "bb.>")
	want := []string{"before"}
	untilViewer(p, want)
	relaytest.Eval[bool](p, "window.notReloaded = true")
	r.Stop()
	p.Until(viewerIsDead)
	r.Restart()
	for i := range 30 {
		want = append(want, fmt.Sprint("missed ", i))
		r.Publish(fmt.Sprint("bb.", i%7), want[len(want)-1])
	}
	p.Until(viewerIsLive)
	untilViewer(p, want)
	want = append(want, "live again")
	r.Publish("bb.a", "live again")
	untilViewer(p, want)
	if !relaytest.Eval[bool](p, "window.notReloaded === true") {
		t.Error("the page was loaded again")
	}
	p.Fine()
}

// Behind a proxy that keeps event streams and WebSockets to itself the page goes on
// with long polls.
func TestViewerFallsBackToLongPolling(t *testing.T) {
	t.Parallel()
	r := relaytest.Start(t)
	proxy := relaytest.StartGate(t, r)
	proxy.HoldStreams.Store(true)
	proxy.RefuseSockets.Store(true)
	r.Publish("ops", "before")
	p := openViewer(t, proxy.URL, ">")
	p.Until("document.getElementById('detail').textContent === 'over long polling'")
	want := []string{"before"}
	untilViewer(p, want)
	for i := range 5 {
		want = append(want, fmt.Sprint("over long polling ", i))
		r.Publish("ops", want[len(want)-1])
		untilViewer(p, want)
	}
	p.Fine()
}

// Connections that break at any moment cost nothing; what the relay does not keep
// any more is said to be missing.
func TestViewerOverBrokenConnections(t *testing.T) {
	r := relaytest.Start(t)
	proxy := relaytest.StartGate(t, r)
	r.Publish("bb.0", "before")
	p := openViewer(t, proxy.URL, "bb.>")
	want := []string{"before"}
	for i := range 200 {
		switch i % 50 { // rarely: after each break in a row the page waits twice as long
		case 24:
			p.Until(viewerIsLive)
		case 25:
			proxy.Cut()
		}
		want = append(want, fmt.Sprint("message ", i))
		r.Publish(fmt.Sprint("bb.", i%20), want[len(want)-1])
	}
	untilViewer(p, want)
	if notes := relaytest.Eval[int](p, "document.querySelectorAll('#list .note').length"); notes != 0 {
		t.Errorf("got %d notes, want none", notes)
	}

	p.Do(chromedp.Click(chromedp.ID("pause")))
	r.Publish("bb.0", "while paused")
	p.Until("document.getElementById('pause').textContent === 'Resume (1 new)'")
	if got := viewerTexts(p); len(got) != len(want) {
		t.Errorf("got %d messages while paused, want %d", len(got), len(want))
	}
	p.Do(chromedp.Click(chromedp.ID("pause")))
	want = append(want, "while paused")
	untilViewer(p, want)

	proxy.Down.Store(true)
	proxy.Cut()
	p.Until(viewerIsDead)
	const kept = 20
	for i := range 2 * kept {
		r.Publish("bb.0", fmt.Sprint("gap ", i))
		if i >= kept {
			want = append(want, fmt.Sprint("gap ", i))
		}
	}
	proxy.Down.Store(false)
	p.Until(viewerIsLive)
	untilViewer(p, want)
	if note := relaytest.Eval[string](p, "document.querySelector('#list .note')?.textContent ?? ''"); !strings.Contains(note, "Messages are missing here") {
		t.Errorf("got the note %q", note)
	}
	p.Fine()
}
