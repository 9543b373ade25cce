package boardtest

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"alertrelay/alerts"
	"alertrelay/relay/apptest"
	"alertrelay/relay/relaytest"
)

const watchdogPost = `[{"labels":{"alertname":"Watchdog","severity":"none","team":"ops"},"startsAt":"2026-11-22T06:59:05Z"}]`

// withSources are a relay and a board with sources in every state: one that is heard,
// one that has fallen silent, one whose API fails, one that was never heard of.
func withSources(t *testing.T) *relaytest.Relay {
	t.Helper()
	r := relaytest.Start(t, apptest.Settings(t, fmt.Sprintf(`
sources:
  am: {}
  edge: {silent_after: 1s}
  am_us: {silent_after: 1h, api: ['http://%s'], api_interval: 5s}
  uptime: {silent_after: 1h}
`, relaytest.FreeAddress(t))))
	for _, source := range []string{"am", "edge", "am_us"} {
		relaytest.Post(t, r.URL+"/in/prometheus/"+source+"/api/v2/alerts", watchdogPost, http.StatusOK)
	}
	apptest.Becomes(t, r, "SourceSilent", alerts.Firing)
	return r
}

// sourceRow is an expression for the text of a source's row in the dialog.
func sourceRow(name string) string {
	return fmt.Sprintf("([...document.querySelectorAll('.sources tbody tr')].find((r) => r.querySelector('th').textContent === %q)?.innerText ?? '')", name)
}

const chip = "document.getElementById('sources')"

// Every source is seen with when it was last heard, and the worst of it stands in the
// header, on every screen.
func TestBoardShowsWhenSourcesWereHeard(t *testing.T) {
	r := withSources(t)
	play(t, r, night()...)
	browser := relaytest.Chromium(t)
	for _, s := range []struct {
		name, path string
		size       []int64
		chip       string
	}{
		{"heard-dark", "?theme=dark", nil, "1 of 4 silent"},
		{"heard-small", "?theme=light", []int64{1024, 700}, "1 of 4 silent"},
		{"heard-kiosk", "?kiosk", wall, "1 of 4 silent"},
		{"heard-phone", "?theme=light", phone, "1/4"},
		{"heard-phone-dark", "board/db.%3E?theme=dark&hide=acked", phone, "1/4"},
		{"heard-chinese", "?lang=zh&theme=light", phone, "1/4"},
		{"heard-light", "?theme=light", nil, "1 of 4 silent"},
	} {
		t.Run(s.name, func(t *testing.T) {
			p := openBoard(t, browser, r.URL+"/"+s.path, s.size)
			p.Until(fmt.Sprintf("%s.innerText.includes(%q) && %s.dataset.state === 'silent'", chip, s.chip, chip))
			p.Shoot(s.name + "-head")
			looksRight(p)
			if s.size != nil && s.size[0] < 500 {
				relaytest.Eval[bool](p, chip+".click() ?? true")
			} else {
				p.Hit("h")
			}
			p.Until("document.getElementById('dialog').open && document.querySelectorAll('.sources tbody tr').length === 4")
			p.Shoot(s.name)
			looksRight(p)
			if got := relaytest.Eval[string](p, "[...document.querySelectorAll('.sources tbody tr')].map((r) => r.querySelector('th').textContent + ' ' + r.dataset.state).join()"); got != "edge silent,am_us failing,uptime never,am heard" {
				t.Errorf("got the rows %s", got)
			}
			if s.path != "?theme=light" || s.size != nil {
				p.Fine()
				return
			}
			for name, wants := range map[string][]string{
				"edge":   {"silent", "s ago", "silent after 1s"},
				"am_us":  {"heard", "silent after 1h 00m", "Its API: ", "It has not answered yet."},
				"uptime": {"never heard", "never"},
				"am":     {"heard", "s ago", "no silent_after is set"},
			} {
				for _, want := range wants {
					p.Until(fmt.Sprintf("%s.includes(%q)", sourceRow(name), want))
				}
			}
			// Ages go on, in the same rows, and what has the focus keeps it.
			p.Until("document.activeElement.matches('.sources .scroll')")
			relaytest.Eval[bool](p, "(window.kept = document.querySelector('.sources tbody tr'), window.age = document.querySelector('.sources td').innerText, true)")
			p.Until("document.querySelector('.sources td').innerText !== age && document.querySelector('.sources tbody tr') === kept && document.activeElement.matches('.sources .scroll')")
			p.Press(kb.Escape)
			p.Until("!document.getElementById('dialog').open")
			// It is heard again.
			relaytest.Post(t, r.URL+"/in/prometheus/uptime/api/v2/alerts", watchdogPost, http.StatusOK)
			p.Hit("h")
			p.Until(sourceRow("uptime") + ".includes('s ago')")
			p.Press(kb.Escape)
			p.Hit("?")
			p.Until("document.getElementById('dialog').innerText.includes('sources: when each was last heard')")
			p.Fine()
		})
	}
}

// sourceGate passes everything on to a relay, but answers for its sources while it is told
// to: with a status, or with a text.
type sourceGate struct {
	*httptest.Server
	answer atomic.Pointer[string] // nil: the relay's own
	status atomic.Int64
}

func gateSources(t *testing.T, r *relaytest.Relay) *sourceGate {
	t.Helper()
	to, err := url.Parse(r.URL)
	if err != nil {
		t.Fatal(err)
	}
	relay := httputil.NewSingleHostReverseProxy(to)
	relay.FlushInterval = -1
	g := new(sourceGate)
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		text := g.answer.Load()
		if req.URL.Path != "/api/v1/sources" || text == nil {
			relay.ServeHTTP(w, req)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(int(g.status.Load()))
		fmt.Fprint(w, *text)
	}))
	t.Cleanup(g.Close)
	return g
}

func (g *sourceGate) say(status int, text string) {
	g.status.Store(int64(status))
	g.answer.Store(&text)
}

// While the relay cannot be asked the board says so, and from when its figures are;
// their ages go on.
func TestBoardSaysHowOldItsSourcesAre(t *testing.T) {
	r := withSources(t)
	g := gateSources(t, r)
	g.say(http.StatusServiceUnavailable, `{"error":"the store is away"}`)
	p := openBoard(t, relaytest.Chromium(t), g.URL+"/?theme=light", nil)
	p.Until(chip + ".innerText.includes('sources unknown') && !document.getElementById('notices').innerText.includes('Source ')")
	p.Hit("h")
	p.Until("document.querySelector('.sources .problem')?.innerText === 'The relay cannot be asked, so nothing is known: the store is away'")
	p.Shoot("heard-unknown")
	looksRight(p)
	p.Press(kb.Escape)

	g.answer.Store(nil)
	p.Hit("h")
	p.Until(chip + ".innerText.includes('1 of 4 silent') && document.querySelector('.sources .fresh-line').innerText.startsWith('As of ')")
	p.Press(kb.Escape)
	g.say(http.StatusServiceUnavailable, `{"error":"the store is away"}`)
	p.Hit("h")
	p.Until("/^The relay cannot be asked. What is known is from (.* )?[0-9:]{8}: the store is away$/.test(document.querySelector('.sources .problem')?.innerText)")
	p.Until("/1 of 4 silent\\s*as of (.* )?[0-9:]{8}/.test(" + chip + ".innerText)")
	relaytest.Eval[bool](p, "(window.age = document.querySelector('.sources td').innerText, true)")
	p.Until("document.querySelector('.sources td').innerText !== age")
	p.Shoot("heard-old")
	looksRight(p)
	p.Press(kb.Escape)

	g.say(http.StatusOK, `{"time":"2026-11-24T03:00:00Z","sources":[]}`)
	p.Hit("h")
	p.Until(chip + ".innerText.includes('no sources') && document.querySelector('.sources').innerText.includes('No source is configured')")
	p.Shoot("heard-none")
	looksRight(p)
	p.Press(kb.Escape)

	// Nothing that stands there becomes anything but text, and no shape is taken for another.
	g.say(http.StatusOK, `{"time":"2026-11-24T03:00:00Z","sources":[null,7,{"name":7},{"name":"constructor","silent":"yes","reconcile":3,"configured":[]},
		{"name":"<img src=x onerror=alert(1)>\u202e","lastHeard":"2026-11-24T02:13:00Z","silent":true},
		{"name":"__proto__","lastHeard":"0001-01-01T00:00:00Z","reconcile":{"healthy":false,"error":"<script>alert(1)</script>`+strings.Repeat("long ", 1000)+`"}}]}`)
	p.Hit("h")
	p.Until("document.querySelectorAll('.sources tbody tr').length === 3")
	p.Until(sourceRow("<img src=x onerror=alert(1)>‹U+202E›") + ".includes('47m 0')")
	p.Until(sourceRow("__proto__") + ".includes('<script>alert(1)</script>') && " + sourceRow("__proto__") + ".length < 500")
	if n := relaytest.Eval[int](p, "document.querySelectorAll('#dialog script, #dialog img').length"); n != 0 {
		t.Errorf("%d elements were made of texts", n)
	}
	looksRight(p)
	p.Fine()
}

// Hundreds of them scroll, and keep their place while their ages go on.
func TestBoardShowsHundredsOfSources(t *testing.T) {
	const sources = 400
	r := relaytest.Start(t)
	for i := range sources {
		relaytest.Post(t, fmt.Sprintf("%s/in/prometheus/site_%03d/api/v2/alerts", r.URL, i), watchdogPost, http.StatusOK)
	}
	for name, size := range map[string][]int64{"heard-many": nil, "heard-many-phone": phone} {
		p := openBoard(t, relaytest.Chromium(t), r.URL+"/?theme=light", size)
		p.Until(fmt.Sprintf("%s.getAttribute('aria-label')?.startsWith('Sources, %d sources, the longest ago at ') === true && %s.dataset.state === 'heard'", chip, sources, chip))
		relaytest.Eval[bool](p, chip+".click() ?? true")
		p.Until(fmt.Sprintf("document.querySelectorAll('.sources tbody tr').length === %d", sources))
		p.Press(kb.End)
		const scrolled = "(() => { const s = document.querySelector('.sources .scroll'); return s.scrollTop > 1000 && s.scrollHeight - s.scrollTop - s.clientHeight < 2 })()"
		p.Until(scrolled)
		relaytest.Eval[bool](p, "(window.age = document.querySelector('.sources tr:last-child td').innerText, true)")
		p.Until("document.querySelector('.sources tr:last-child td').innerText !== age && " + scrolled)
		if !relaytest.Eval[bool](p, "document.querySelector('#dialog .dialog-buttons button').getBoundingClientRect().bottom <= innerHeight && document.querySelector('.sources thead th').getBoundingClientRect().top >= document.querySelector('.sources .scroll').getBoundingClientRect().top") {
			t.Error("the button or the head of the table is not in sight")
		}
		p.Shoot(name)
		p.Fine()
	}
}
