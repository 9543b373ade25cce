package app_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"alertrelay/relay/relaytest"
)

const (
	boardIsLive = "document.body.dataset.live === 'live'"
	boardIsDead = "document.body.dataset.live === 'dead' && !document.getElementById('cover').hidden && document.title.includes('NOT LIVE')"
)

// openBoard opens a board, "board/db.%3E?kiosk", at a size, and waits until it is live.
func openBoard(t *testing.T, base, path string, size ...int64) *tab {
	t.Helper()
	p := openTab(t, relaytest.Chromium(t), "about:blank")
	if len(size) == 0 {
		size = []int64{1440, 900}
	}
	p.resize(size)
	if _, err := chromedp.Call(p.ctx, page.Navigate, page.NavigateParams{URL: base + "/" + path}); err != nil {
		t.Fatal(err)
	}
	p.until("document.readyState !== 'loading' && document.body.dataset.live !== undefined")
	p.until(boardIsLive)
	return p
}

func (p *tab) resize(size []int64) {
	p.t.Helper()
	var options []chromedp.EmulateViewportOption
	if size[0] < 500 {
		options = append(options, chromedp.EmulateMobile, chromedp.EmulateTouch)
	}
	p.do(chromedp.EmulateViewport(size[0], size[1], options...))
}

// shoot keeps a picture, if the variable ALERTRELAY_SHOTS names a directory for
// them: layouts are to be looked at.
func (p *tab) shoot(name string) {
	p.t.Helper()
	dir := os.Getenv("ALERTRELAY_SHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600)
	}
	if err != nil {
		p.t.Error(err)
	}
}

func TestBoardScreens(t *testing.T) {
	r := relaytest.Start(t)
	play(t, r, night()...)
	for _, s := range []struct {
		name, path string
		size       []int64
	}{
		{"desktop-light", "?theme=light", nil},
		{"desktop-dark", "?theme=dark&group=team", nil},
		{"kiosk", "?kiosk", []int64{1920, 1080}},
		{"phone", "board/%3E?theme=light", []int64{390, 844}},
		{"chinese", "?lang=zh&theme=light&group=", nil},
	} {
		t.Run(s.name, func(t *testing.T) {
			p := openBoard(t, r.URL, s.path, s.size...)
			p.until("document.querySelectorAll('#table .row').length > 5")
			p.shoot(s.name)
			p.fine()
		})
	}
}
