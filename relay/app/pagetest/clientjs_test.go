package pagetest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/heapprofiler"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"alertrelay/relay/client"
	"alertrelay/relay/relaytest"
)

// recorder notes what client.js says, and keeps the state of channels as a board
// does.
const recorder = `
window.start = async (channels, options, light) => {
  const { follow, parseEvent } = await import(options.module);
  const rec = window.rec = { texts: [], tags: [], snapshots: 0, gaps: 0, deleted: [], states: [], active: {}, n: 0, bad: 0 };
  let tag = 0;
  const active = (m) => {
    const status = parseEvent(m)?.status;
    if (status === 'resolved' || status === 'expired') delete rec.active[m.channel];
    else rec.active[m.channel] = m.text;
  };
  window.f = follow(channels, { ...options,
    onMessage(m) {
      rec.n++;
      if (!(Number(m.tag) > tag) || !(m.time instanceof Date) || Number.isNaN(m.time.getTime())) rec.bad++;
      tag = Number(m.tag);
      if (light) return;
      rec.texts.push(m.text);
      active(m);
    },
    onSnapshot(messages, head) {
      rec.snapshots++;
      rec.active = {};
      messages.forEach(active);
      if (head.count !== messages.length || !(Number(head.tag) >= 0)) rec.bad++;
      tag = Number(head.tag);
    },
    onGap() { rec.gaps++; },
    onDeleted(channel) { rec.deleted.push(channel); delete rec.active[channel]; },
    onUnreadable(n) { rec.bad += n; },
    onState(s) { if (!light) rec.states.push(s); },
  });
};`

// script is a page with nothing but client.js at work.
type script struct{ *relaytest.Tab }

// startScript follows channels in a new page; options is a JavaScript object.
func startScript(t *testing.T, browser context.Context, base string, channels []string, options string) script {
	t.Helper()
	p := script{relaytest.OpenTab(t, browser, base+"/client.js")} // shown as text, but with the relay's policy
	p.follow(base, channels, options, false)
	return p
}

func (p script) follow(base string, channels []string, options string, light bool) {
	p.T.Helper()
	list, err := json.Marshal(channels)
	if err != nil {
		p.T.Fatal(err)
	}
	relaytest.Eval[bool](p.Tab, fmt.Sprintf("(() => {%s; start(%s, {module: %q, ...%s}, %v).catch((e) => noted.push(String(e))); return true})()",
		recorder, list, base+"/client.js", options, light))
	p.Until("window.f !== undefined || noted.length > 0")
}

// live waits until it is, over a transport.
func (p script) live(transport string) {
	p.T.Helper()
	p.Until(fmt.Sprintf("f.state.live && f.state.transport === %q", transport))
}

// has waits for the last text of want, and expects all, each once.
func (p script) has(want []string) {
	p.T.Helper()
	p.Until(fmt.Sprintf("rec.texts.includes(%s)", quote(want[len(want)-1])))
	if got := relaytest.Eval[[]string](p.Tab, "rec.texts"); !slices.Equal(got, want) {
		p.T.Errorf("got %d messages %.2000q\nwant %d %.2000q", len(got), got, len(want), want)
	}
	if bad := relaytest.Eval[int](p.Tab, "rec.bad"); bad != 0 {
		p.T.Errorf("%d messages were out of order, or no messages", bad)
	}
}

func quote(text string) string {
	b, _ := json.Marshal(text) // a string always can be
	return string(b)
}

var regexpFingerprint = regexp.MustCompile(`"fingerprint":\s*"([0-9a-f]+)"`)

var clientTransports = []string{"sse", "ws", "lp"}

func TestClientJSOverEachTransport(t *testing.T) {
	r := relaytest.Start(t)
	browser := relaytest.Chromium(t)
	for _, transport := range clientTransports {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			name := func(channel string) string { return transport + "." + channel }
			r.Publish(name("a"), "too old")
			want := []string{"first", "second"}
			r.Publish(name("a"), "first")
			r.Publish(name("a"), "second")
			p := startScript(t, browser, r.URL, []string{name("a"), name("b.>")}, fmt.Sprintf("{transports: [%q], last: 2}", transport))
			p.live(transport)
			p.has(want)
			for i, text := range []string{
				`<script>alert(1)</script><img src=x onerror=alert(1)> }{ "q" 's' \`,
				"\u202eright to left\u2066\u0085\u2028 ☃ 发布消息测试 \r\n\ttab",
				`{"id":-5,"channel":"x","text":"looks like a message"}`, "\n\nid: 1:1\n\n", strings.Repeat("long ☃", 20_000),
			} {
				want = append(want, text)
				r.Publish(name([]string{"a", "b.x"}[i%2]), text)
			}
			p.has(want)
			if skew := relaytest.Eval[float64](p.Tab, "f.state.skew"); skew < -1000 || skew > 1000 {
				t.Errorf("got a skew of %v ms of the same clock", skew)
			}
			cursor := relaytest.Eval[map[string]string](p.Tab, "f.cursor")
			relaytest.Eval[bool](p.Tab, "(f.close(), f.state.stopped && !f.state.live)")

			// Another goes on where this one stood.
			want = want[:0]
			for i := range 5 {
				want = append(want, fmt.Sprint("after ", i))
				r.Publish(name("a"), want[i])
			}
			p.follow(r.URL, []string{name("a"), name("b.>")}, fmt.Sprintf("{transports: [%q], cursor: {time: %q, tag: %q}}", transport, cursor["time"], cursor["tag"]), false)
			p.Until("rec.n >= 5")
			p.has(want)

			// A channel that ends is told of, and followed when it is made anew.
			r.Publish(name("a"), "last words")
			p.has(append(want, "last words"))
			relaytest.Eventually(t, "it is subscribed to", func() bool { // a poll is, now and then
				_, body := r.Get("/channels-stats?id=" + name("a"))
				return strings.Contains(body, "subscribers: 1") || strings.Contains(body, `"subscribers": 1`)
			})
			deleteChannel(t, r.URL, name("a"))
			p.Until("rec.deleted.length > 0")
			if got := relaytest.Eval[[]string](p.Tab, "rec.deleted"); !slices.Equal(got, []string{name("a")}) {
				t.Errorf("got the deletions %q", got)
			}
			r.Publish(name("a"), "anew")
			p.has(append(want, "last words", "anew"))
			p.Fine()
		})
	}
}

func deleteChannel(t *testing.T, base, channel string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, base+"/pub?id="+url.QueryEscape(channel), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("got %s", resp.Status)
	}
}

// History begins at the beginning that was asked for, or is none; nothing gets lost
// between it and what is live, also when a connection breaks before a message came.
func TestClientJSBeginnings(t *testing.T) {
	t.Parallel()
	r := relaytest.Start(t)
	proxy := relaytest.StartGate(t, r)
	browser := relaytest.Chromium(t)
	for i := range 5 {
		r.Publish("a", fmt.Sprint(i))
	}
	for options, want := range map[string][]string{
		"{}":                                     {},
		"{last: 2}":                              {"3", "4"},
		"{since: '10m'}":                         {"0", "1", "2", "3", "4"},
		"{since: new Date(Date.now() - 60_000)}": {"0", "1", "2", "3", "4"},
		"{since: new Date(Date.now() + 60_000).toISOString()}": {},
		"{last: 1, transports: ['ws']}":                        {"4"},
		"{since: '10m', transports: ['lp']}":                   {"0", "1", "2", "3", "4"},
	} {
		t.Run(options, func(t *testing.T) {
			p := startScript(t, browser, proxy.URL, []string{"a", "b"}, options)
			p.Until("f.state.live")
			if len(want) > 0 {
				p.has(want)
			}
			if n := relaytest.Eval[int](p.Tab, "rec.n"); n != len(want) {
				t.Errorf("got %d messages, want %q", n, want)
			}
			p.Fine()
		})
	}
	p := startScript(t, browser, proxy.URL, []string{"quiet"}, "{transports: ['sse', 'lp']}")
	p.Until("f.state.live")
	proxy.Down.Store(true)
	proxy.Cut()
	p.Until("!f.state.live")
	r.Publish("quiet", "while away")
	proxy.Down.Store(false)
	p.has([]string{"while away"})
	p.Fine()
}

// A proxy lets event streams pass, then only WebSockets, then neither, and then
// all again.
func TestClientJSFallsBackAndReturns(t *testing.T) {
	t.Parallel()
	r := relaytest.Start(t)
	proxy := relaytest.StartGate(t, r)
	p := startScript(t, relaytest.Chromium(t), proxy.URL, []string{"a", "b.>"}, "{timing: {firstByte: 2500, probe: 1000, probeLast: 2000, retry: 50}}")
	var want []string
	say := func() {
		t.Helper()
		for range 10 {
			want = append(want, fmt.Sprint("message ", len(want)))
			r.Publish([]string{"a", "b.c", "b.d"}[len(want)%3], want[len(want)-1])
		}
		p.has(want)
	}
	p.live("sse")
	say()
	proxy.HoldStreams.Store(true)
	proxy.Cut()
	p.live("ws")
	say()
	proxy.HoldStreams.Store(false)
	p.live("sse") // because it has tried
	say()
	proxy.HoldStreams.Store(true)
	proxy.RefuseSockets.Store(true)
	proxy.Cut()
	p.live("lp")
	say()
	proxy.RefuseSockets.Store(false)
	p.live("ws")
	say()
	proxy.HoldStreams.Store(false)
	p.live("sse")
	say()
	p.Fine()
}

// Where long polls are kept by a proxy, messages come by polls, and it is live only
// on their word.
func TestClientJSPollsBesideWhatIsQuiet(t *testing.T) {
	t.Parallel()
	r := relaytest.Start(t)
	proxy := relaytest.StartGate(t, r)
	proxy.HoldPolls.Store(true)
	p := startScript(t, relaytest.Chromium(t), proxy.URL, []string{"a"}, "{transports: ['lp'], timing: {quiet: 1000, silence: 4000}}")
	p.live("lp")
	r.Publish("a", "kept back")
	p.has([]string{"kept back"})
	proxy.Down.Store(true)
	p.Until("!f.state.live")
	r.Publish("a", "while away")
	proxy.Down.Store(false)
	proxy.HoldPolls.Store(false)
	p.has([]string{"kept back", "while away"})
	p.Fine()
}

// The relay goes away and comes back while 1,000 messages come.
func TestClientJSAcrossRestarts(t *testing.T) {
	t.Parallel()
	for _, transport := range clientTransports {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			r := relaytest.Start(t)
			proxy := relaytest.StartGate(t, r)
			p := startScript(t, relaytest.Chromium(t), proxy.URL, []string{"c.>"}, fmt.Sprintf("{transports: [%q]}", transport))
			p.live(transport)
			var want []string
			say := func(n int) {
				for range n {
					want = append(want, fmt.Sprint("message ", len(want)))
					r.Publish(fmt.Sprint("c.", len(want)%100), want[len(want)-1]) // 20 are kept of each
				}
			}
			say(100)
			p.has(want)
			proxy.Down.Store(true)
			began := time.Now()
			r.Stop()
			p.Until("!f.state.live && f.state.problem !== ''")
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("not live after %v", took)
			}
			r.Restart()
			say(400)
			proxy.Down.Store(false)
			say(200)
			r.Restart()
			say(400)
			p.has(want)
			p.Until("f.state.live")
			if gaps := relaytest.Eval[int](p.Tab, "rec.gaps"); gaps != 0 {
				t.Errorf("got %d gaps", gaps)
			}

			// More than is kept: it says so.
			proxy.Down.Store(true)
			r.Restart()
			p.Until("!f.state.live")
			for i := range 30 {
				r.Publish("c.0", fmt.Sprint("gap ", i))
			}
			proxy.Down.Store(false)
			p.Until("rec.texts.includes('gap 29') && rec.gaps === 1")
			p.Fine()
		})
	}
}

// What is active is what the relay has, after each way of losing it.
func TestClientJSNow(t *testing.T) {
	t.Parallel()
	body, err := os.ReadFile(filepath.Join("..", "..", "..", "alerts", "testdata", "alertmanager", "alertmanager-0.34.2-single-firing.json"))
	if err != nil {
		t.Fatal(err)
	}
	fingerprint := regexpFingerprint.FindStringSubmatch(string(body))
	if fingerprint == nil {
		t.Fatal("no fingerprint in the body")
	}
	for _, transport := range clientTransports {
		t.Run(transport, func(t *testing.T) {
			t.Parallel()
			r := relaytest.Start(t)
			proxy := relaytest.StartGate(t, r)
			send := func(i int, status string) {
				t.Helper()
				b := strings.ReplaceAll(string(body), fingerprint[1], fmt.Sprintf("%016x", i))
				b = strings.ReplaceAll(b, `"firing"`, fmt.Sprintf("%q", status))
				if status == "resolved" {
					b = strings.ReplaceAll(b, "0001-01-01T00:00:00Z", "2026-11-22T07:59:07Z")
				}
				sendAlerts(t, r, b)
			}
			for i := range 4 {
				send(i+1, "firing")
			}
			send(4, "resolved")
			p := startScript(t, relaytest.Chromium(t), proxy.URL, []string{">"}, fmt.Sprintf("{mode: 'now', transports: [%q]}", transport))
			p.live(transport)
			same := func(n int) {
				t.Helper()
				for deadline := time.Now().Add(relaytest.Patience); ; time.Sleep(20 * time.Millisecond) {
					want := serverNow(t, r) // which goes on by itself
					got := relaytest.Eval[map[string]string](p.Tab, "rec.active")
					if len(want) == n && maps.Equal(got, want) {
						return
					}
					if time.Now().After(deadline) {
						t.Fatalf("got %d %v\nwant %d, the relay has %d %v", len(got), got, n, len(want), want)
					}
				}
			}
			same(3)
			send(5, "firing")
			send(1, "resolved")
			same(3)
			if n := relaytest.Eval[int](p.Tab, "rec.snapshots"); n != 1 {
				t.Errorf("got %d snapshots, want 1", n)
			}

			// A short interruption needs no other snapshot.
			proxy.Down.Store(true)
			proxy.Cut()
			p.Until("!f.state.live")
			send(6, "firing")
			send(2, "resolved")
			proxy.Down.Store(false)
			p.live(transport)
			same(3)
			if n := relaytest.Eval[int](p.Tab, "rec.snapshots"); n != 1 {
				t.Errorf("got %d snapshots after an interruption, want 1", n)
			}

			// After a restart the relay cannot know that nothing is missing, if something came.
			proxy.Down.Store(true)
			proxy.Cut()
			p.Until("!f.state.live")
			send(7, "firing")
			r.Restart()
			send(3, "resolved")
			proxy.Down.Store(false)
			p.live(transport)
			same(3)
			if n, bad := relaytest.Eval[int](p.Tab, "rec.snapshots"), relaytest.Eval[int](p.Tab, "rec.bad"); n != 2 || bad != 0 {
				t.Errorf("got %d snapshots after a restart and %d of what makes no sense, want 2 and none", n, bad)
			}
			p.Fine()
		})
	}
}

// sendAlerts posts as Alertmanager does: a 503 is tried again.
func sendAlerts(t *testing.T, r *relaytest.Relay, body string) {
	t.Helper()
	relaytest.Eventually(t, "alerts are taken", func() bool {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.URL+"/in/alertmanager/am", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusServiceUnavailable {
			t.Fatalf("got %s", resp.Status)
		}
		return resp.StatusCode == http.StatusOK
	})
}

// serverNow is what the relay says is active.
func serverNow(t *testing.T, r *relaytest.Relay) map[string]string {
	t.Helper()
	status, body := r.Get("/poll/%3E?mode=now")
	if status != http.StatusOK {
		t.Fatalf("got status %d", status)
	}
	active := make(map[string]string)
	for d := json.NewDecoder(strings.NewReader(body)); d.More(); {
		var m struct{ Channel, Text string }
		if err := d.Decode(&m); err != nil {
			t.Fatal(err)
		}
		active[m.Channel] = m.Text
	}
	return active
}

// A refusal of the relay stops with its words; "not now" is honoured.
func TestClientJSRefusals(t *testing.T) {
	t.Parallel()
	r := relaytest.Start(t)
	proxy := relaytest.StartGate(t, r)
	browser := relaytest.Chromium(t)
	for _, transport := range clientTransports {
		p := startScript(t, browser, proxy.URL, []string{strings.Repeat("x", 300)}, fmt.Sprintf("{transports: [%q]}", transport))
		p.Until("f.state.stopped")
		if problem := relaytest.Eval[string](p.Tab, "f.state.problem"); problem != "Channel id is too large" {
			t.Errorf("%s: got the problem %q", transport, problem)
		}
		p.Fine()
	}
	p := startScript(t, browser, proxy.URL, []string{"a"}, "{}")
	p.live("sse")
	proxy.Busy.Store(3)
	before := proxy.Requests.Load()
	proxy.Cut()
	p.Until("f.state.retryAt - Date.now() > 2000")
	if n := proxy.Requests.Load() - before; n > 1 {
		t.Errorf("got %d requests, and none was to come", n)
	}
	proxy.Busy.Store(0)
	relaytest.Eval[bool](p.Tab, "(dispatchEvent(new Event('online')), true)") // does not wait
	p.Until("f.state.live")
	p.Fine()
}

// 50,000 messages leave nothing behind.
func TestClientJSKeepsNothing(t *testing.T) {
	t.Parallel()
	base := relaytest.StartBuilt(t)
	publisher, err := client.New(base)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(publisher.Close)
	browser := relaytest.Chromium(t)
	const messages, channels = 50_000, 400
	heap := func(p script) float64 {
		t.Helper()
		if _, err := chromedp.Call(p.Context(), heapprofiler.CollectGarbage, cdp.Empty{}); err != nil {
			t.Fatal(err)
		}
		usage, err := chromedp.Call(p.Context(), runtime.GetHeapUsage, cdp.Empty{})
		if err != nil {
			t.Fatal(err)
		}
		return usage.UsedSize / 1e6
	}
	pages := make(map[string]script)
	before := make(map[string]float64)
	for _, transport := range clientTransports {
		p := script{relaytest.OpenTab(t, browser, base+"/client.js")}
		p.follow(base, []string{"h.>"}, fmt.Sprintf("{transports: [%q]}", transport), true)
		p.live(transport)
		pages[transport], before[transport] = p, heap(p)
	}
	for i := range messages / channels {
		publishToMany(t, publisher, "h.%d", channels, strings.Repeat("x", 200))
		if i%15 == 14 { // 20 are kept of each
			for _, p := range pages {
				p.Until(fmt.Sprintf("rec.n + rec.gaps >= %d", (i+1)*channels))
			}
		}
	}
	for transport, p := range pages {
		p.Until(fmt.Sprintf("rec.n + rec.gaps >= %d", messages))
		if n, bad := relaytest.Eval[int](p.Tab, "rec.n"), relaytest.Eval[int](p.Tab, "rec.bad"); n != messages || bad != 0 {
			t.Errorf("%s: got %d messages, %d of them out of order", transport, n, bad)
		}
		after := heap(p)
		t.Logf("%s: %.2f MB of heap before, %.2f after", transport, before[transport], after)
		if after > before[transport]+3 {
			t.Errorf("%s: the heap grew from %.2f to %.2f MB", transport, before[transport], after)
		}
		p.Fine()
	}
}

// Behind a proxy that has the relay under a path, all pages work.
func TestPagesUnderAPrefix(t *testing.T) {
	t.Parallel()
	r := relaytest.Start(t)
	r.Publish("a", "hello")
	target, err := url.Parse(r.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(http.StripPrefix("/ops/relay", httputil.NewSingleHostReverseProxy(target)))
	t.Cleanup(proxy.Close)
	browser := relaytest.Chromium(t)
	const boardIsLive = "document.body.dataset.live === 'live'"
	for path, ready := range map[string]string{
		"/":            boardIsLive,
		"/board/a.%3E": boardIsLive,
		"/channels":    "document.querySelector('#channels a.channel')?.textContent === 'a'",
		"/channels/a":  viewerIsLive + " && document.querySelector('#list .text')?.textContent === 'hello'",
	} {
		p := relaytest.OpenTab(t, browser, proxy.URL+"/ops/relay"+path)
		p.Until(ready)
		if strange := relaytest.Eval[[]string](p, "performance.getEntriesByType('resource').map((e) => e.name).filter((n) => !n.startsWith(location.origin + '/ops/relay/'))"); len(strange) > 0 {
			t.Errorf("%s: got %q", path, strange)
		}
		p.Fine()
	}
	p := startScript(t, browser, proxy.URL+"/ops/relay", []string{"a"}, "{last: 1}")
	p.live("sse")
	p.has([]string{"hello"})
	p.Fine()
}

// The page of the documentation works from another origin, with all that is not the
// relay's in its way: headers that it cannot see.
func TestClientJSInAPageOfOthers(t *testing.T) {
	t.Parallel()
	r := relaytest.Start(t)
	manual, err := os.ReadFile(filepath.Join("..", "..", "..", "alerts", "board", "CLIENT.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, page, _ := strings.Cut(string(manual), "```html\n")
	page, _, found := strings.Cut(page, "```")
	if !found {
		t.Fatal("no page in the documentation")
	}
	page = strings.ReplaceAll(page, "http://127.0.0.1:8080", r.URL)
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(page))
	}))
	t.Cleanup(other.Close)
	firing, err := os.ReadFile(filepath.Join("..", "..", "..", "alerts", "testdata", "alertmanager", "alertmanager-0.34.2-group3-firing.json"))
	if err != nil {
		t.Fatal(err)
	}
	sendAlerts(t, r, string(firing))
	browser := relaytest.Chromium(t)
	p := relaytest.OpenTab(t, browser, other.URL)
	p.Until("document.getElementById('state').textContent === 'Live' && document.querySelectorAll('#firing li').length === 3")
	r.Stop()
	p.Until("document.getElementById('state').textContent.startsWith('NOT LIVE')")
	r.Restart()
	p.Until("document.getElementById('state').textContent === 'Live' && document.querySelectorAll('#firing li').length === 3")
	for _, transport := range clientTransports {
		relaytest.Eval[bool](p, fmt.Sprintf("(import(%q).then(({follow}) => { window.f = follow('>', {mode: 'now', transports: [%q], onSnapshot: (m) => { window.count = m.length }}) }), window.count = -1, true)", r.URL+"/client.js", transport))
		p.Until("window.count === 3 && f.state.live")
		relaytest.Eval[bool](p, "(f.close(), true)")
	}
	p.Fine()
}

// publishToMany publishes a text to so many channels, several at once.
func publishToMany(t *testing.T, to *client.Client, format string, channels int, text string) {
	t.Helper()
	all := make([]string, channels)
	for i := range all {
		all[i] = fmt.Sprintf(format, i)
	}
	for some := range slices.Chunk(all, 50) {
		if err := to.Publish(t.Context(), client.Publication{Channels: some, Text: []byte(text)}); err != nil {
			t.Fatal(err)
		}
	}
}

// How far the clocks are apart is known from each answer, whatever is followed.
func TestClientJSMeasuresTheClock(t *testing.T) {
	t.Parallel()
	r := relaytest.Start(t)
	target, err := url.Parse(r.URL)
	if err != nil {
		t.Fatal(err)
	}
	const ahead = time.Hour
	relay := httputil.NewSingleHostReverseProxy(target)
	relay.FlushInterval = -1
	relay.ModifyResponse = func(resp *http.Response) error {
		resp.Header.Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
		return nil
	}
	proxy := httptest.NewServer(relay)
	t.Cleanup(proxy.Close)
	browser := relaytest.Chromium(t)
	for _, transport := range clientTransports {
		p := startScript(t, browser, proxy.URL, []string{"a"}, fmt.Sprintf("{transports: [%q]}", transport))
		p.live(transport)
		if got := time.Duration(relaytest.Eval[float64](p.Tab, "f.state.skew")) * time.Millisecond; (got - ahead).Abs() > 2*time.Second {
			t.Errorf("%s: got a skew of %v, want %v", transport, got, ahead)
		}
		p.Fine()
	}
}
