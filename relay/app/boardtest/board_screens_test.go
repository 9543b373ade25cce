package boardtest

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"alertrelay/relay/relaytest"
)

const (
	boardIsLive = "document.body.dataset.live === 'live'"
	boardIsDead = "document.body.dataset.live === 'dead' && !document.getElementById('cover').hidden && document.title.includes('NOT LIVE')"
)

// openBoard opens a board at a size, and waits until it is live. Scripts run before
// the page's own.
func openBoard(t *testing.T, browser context.Context, address string, size []int64, scripts ...string) *relaytest.Tab {
	t.Helper()
	p := relaytest.OpenTab(t, browser, "about:blank")
	for _, s := range scripts {
		if _, err := chromedp.Call(p.Context(), page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: s}); err != nil {
			t.Fatal(err)
		}
	}
	if size == nil {
		size = []int64{1440, 900}
	}
	var options []chromedp.EmulateViewportOption
	if size[0] < 500 {
		options = append(options, chromedp.EmulateMobile, chromedp.EmulateTouch)
	}
	p.Do(chromedp.EmulateViewport(size[0], size[1], options...))
	visit(p, address)
	return p
}

// visit goes to another board. A browser has six connections to a relay, and each
// tab holds one.
func visit(p *relaytest.Tab, address string) {
	p.T.Helper()
	ctx, cancel := context.WithTimeout(p.Context(), relaytest.Patience)
	defer cancel()
	if _, err := chromedp.Call(ctx, page.Navigate, page.NavigateParams{URL: address}); err != nil {
		p.T.Fatal(err)
	}
	p.Until("document.readyState !== 'loading' && document.body?.dataset.live !== undefined")
	p.Until(boardIsLive)
}

// looksRight expects that all texts can be read and nothing hangs out of the screen.
func looksRight(p *relaytest.Tab) {
	p.T.Helper()
	for _, problem := range relaytest.Eval[[]string](p, readable) {
		p.T.Errorf("on the screen: %s", problem)
	}
}

// readable lists texts whose contrast is less than 4.5 to 1 against what is behind
// them (WCAG 1.4.3), and elements that are wider than the screen.
const readable = `(() => {
  const problems = new Set();
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].map((v) => v / 255);
  };
  const over = ([r, g, b, a], under) => [r, g, b].map((v, i) => v * a + under[i] * (1 - a));
  const behind = (e) => {
    const all = [];
    for (; e; e = e.parentElement) all.push(rgba(getComputedStyle(e).backgroundColor));
    return all.reverse().reduce((under, c) => over(c, under), [1, 1, 1]);
  };
  const light = (c) => {
    const [r, g, b] = c.map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let n = walker.nextNode(); n; n = walker.nextNode()) {
    const e = n.parentElement;
    if (n.data.trim() === '' || !e.checkVisibility({ opacityProperty: true, visibilityProperty: true }) || e.closest('.hidden, .skip, option')) continue;
    const back = behind(e);
    const a = light(over(rgba(getComputedStyle(e).color), back));
    const b = light(back);
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) problems.add(contrast.toFixed(2) + ' to 1: ' + e.className + ' ' + n.data.slice(0, 30));
    const box = e.getBoundingClientRect();
    if (box.width > 0 && (box.left < -1 || box.right > innerWidth + 1) && !e.closest('.c-labels, .c-group, #notices, #log')) problems.add('beyond the edge: ' + e.tagName + ' ' + e.className + ' ' + n.data.slice(0, 30));
  }
  for (const e of [document.documentElement, document.body]) if (e.scrollWidth > innerWidth || e.scrollHeight > innerHeight) problems.add('the page scrolls ' + e.tagName);
  for (const e of document.querySelectorAll('.tile, #tools button, #tools select, .badge')) {
    if (e.checkVisibility() && e.scrollWidth > e.clientWidth + 1) problems.add('cut off: ' + e.className + ' ' + e.textContent);
  }
  return [...problems];
})()`

var (
	phone = []int64{390, 844}
	wall  = []int64{1920, 1080}
)

func TestBoardScreens(t *testing.T) {
	r := relaytest.Start(t)
	play(t, r, night()...)
	browser := relaytest.Chromium(t)
	for _, s := range []struct {
		name, path string
		size       []int64
		does       string // keys, and what must come of them
		until      string
	}{
		{name: "desktop-light", path: "?theme=light"},
		{name: "desktop-dark", path: "?theme=dark&group=team"},
		{name: "kiosk", path: "?kiosk", size: wall},
		{name: "kiosk-light", path: "?kiosk&theme=light&group=team", size: wall},
		{name: "phone", path: "board/%3E?theme=light", size: phone},
		{name: "phone-dark", path: "board/%3E?theme=dark&group=team", size: phone},
		{name: "chinese", path: "?lang=zh&theme=light&group="},
		{name: "chinese-phone", path: "?lang=zh&theme=dark", size: phone},
		{name: "panel", path: "?theme=light", does: "jjj\r", until: "!document.getElementById('panel').hidden"},
		{name: "panel-dark", path: "?theme=dark", does: "jjj\r", until: "!document.getElementById('panel').hidden"},
		{name: "panel-phone", path: "?theme=light", size: phone, does: "jjj\r", until: "!document.getElementById('panel').hidden"},
		{name: "help", path: "?theme=dark", does: "?", until: "document.getElementById('dialog').open"},
		{name: "filter", path: "?theme=light", does: "/team=", until: "!document.getElementById('completions').hidden"},
		{name: "filter-wrong", path: "?theme=dark&match=team", until: "!document.getElementById('match-problem').hidden"},
		{name: "log", path: "?theme=dark", does: "l", until: "!document.getElementById('log').hidden"},
	} {
		t.Run(s.name, func(t *testing.T) {
			p := openBoard(t, browser, r.URL+"/"+s.path, s.size)
			p.Until("document.querySelectorAll('#table .row').length > 5")
			if s.does != "" {
				p.Hit(s.does[:1])
				p.Press(s.does[1:])
			}
			if s.until != "" {
				p.Until(s.until)
			}
			p.Shoot(s.name)
			looksRight(p)
			if strings.HasPrefix(s.name, "chinese") {
				if got := relaytest.Eval[string](p, "document.body.innerText"); !strings.Contains(got, "严重") || strings.Contains(strings.ToLower(got), "suppressed") {
					t.Errorf("got the texts %q, want Chinese ones", got)
				}
			}
			p.Fine()
		})
	}
}

func TestBoardSaysWhenItIsNotLive(t *testing.T) {
	r := relaytest.Start(t)
	play(t, r, night()...)
	p := openBoard(t, relaytest.Chromium(t), r.URL+"/?theme=light", nil)
	rows := "document.querySelectorAll('#table .row:not(.group)').length"
	p.Until(rows + " > 5")
	relaytest.Eval[bool](p, "window.notReloaded = true")
	icon := relaytest.Eval[string](p, "document.querySelector('link[rel=icon]').href")
	r.Stop()
	p.Until(boardIsDead)
	if got := relaytest.Eval[string](p, "document.querySelector('#cover .big').textContent"); !strings.HasPrefix(got, "NOT LIVE since ") {
		t.Errorf("got %q", got)
	}
	if got := relaytest.Eval[string](p, "document.querySelector('link[rel=icon]').href"); got == icon || !strings.HasPrefix(got, "data:") {
		t.Errorf("got the icon %.40s, want another than when it was live", got)
	}
	if covered := relaytest.Eval[bool](p, "(() => { const c = document.getElementById('cover').getBoundingClientRect(), h = document.getElementById('counts').getBoundingClientRect(); return c.left <= h.left && c.right >= h.right && c.top <= h.top && c.bottom >= h.bottom })()"); !covered {
		t.Error("the counts are not covered")
	}
	p.Shoot("not-live")
	looksRight(p)
	r.Restart()
	ends := night()[0]
	play(t, r, ends.resolved(), fires("db", "critical", "BeganWhileAway", 0))
	p.Until(boardIsLive)
	p.Until("document.getElementById('table').textContent.includes('BeganWhileAway')")
	p.Until(fmt.Sprintf("document.querySelector('[data-channel=%q]')?.dataset.status === 'resolved'", ends.channel))
	if !relaytest.Eval[bool](p, "window.notReloaded === true && !document.title.includes('NOT LIVE') && document.getElementById('cover').hidden") {
		t.Error("it was loaded again, or still says that it is not live")
	}
	p.Fine()
}
