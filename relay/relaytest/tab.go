package relaytest

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// Tab is a page in a browser, and what went wrong in it.
type Tab struct {
	// T is the test that fails if the page does; a subtest may take its place.
	T testing.TB

	ctx context.Context

	mu       sync.Mutex // guards what follows
	problems []string
}

// watch is run before a page's own scripts. It notes what a message that was
// taken for markup would do, and what the page's policy has kept it from.
const watch = `
window.noted = [];
for (const f of ['alert', 'confirm', 'prompt']) window[f] = () => noted.push('a script ran ' + f);
addEventListener('securitypolicyviolation', (e) => noted.push('policy ' + e.violatedDirective + ' ' + e.blockedURI), true);`

// OpenTab opens a page in a browser that Chromium has started.
func OpenTab(t testing.TB, browser context.Context, url string) *Tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser)
	p := &Tab{T: t, ctx: ctx}
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	console := chromedp.Console(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		for m, err := range console {
			if err != nil {
				return
			}
			// A relay that is away is what tests are about.
			if (m.Type == "error" || m.IsException()) && m.Source != "network" {
				p.note(m.String())
			}
		}
	})
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	if _, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: watch}); err != nil {
		t.Fatal(err)
	}
	// Not chromedp.Navigate: a page with a stream in an iframe is never loaded.
	if nav, err := chromedp.Call(ctx, page.Navigate, page.NavigateParams{URL: url}); err != nil || nav.ErrorText != "" {
		t.Fatalf("%s: %v %s", url, err, nav.ErrorText)
	}
	p.Until("document.readyState !== 'loading'")
	return p
}

// Context is the tab's, for chromedp.
func (p *Tab) Context() context.Context { return p.ctx }

func (p *Tab) note(problem string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.problems = append(p.problems, problem)
}

// Forget waits for a problem that the test wants, and takes it back.
func (p *Tab) Forget(text string) {
	p.T.Helper()
	Eventually(p.T, "on the console: "+text, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		before := len(p.problems)
		p.problems = slices.DeleteFunc(p.problems, func(problem string) bool { return strings.Contains(problem, text) })
		return len(p.problems) < before
	})
}

// Do does one thing with the page.
func (p *Tab) Do(a chromedp.Action[chromedp.Void]) {
	p.T.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, Patience)
	defer cancel()
	if err := chromedp.Do(ctx, a); err != nil {
		p.T.Fatal(err)
	}
}

// Eval is the value of an expression in the page.
func Eval[T any](p *Tab, expression string) T {
	p.T.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, Patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		p.T.Fatalf("%s: %v", expression, err)
	}
	return v
}

// Until waits for an expression to be true in the page.
func (p *Tab) Until(expression string) {
	p.T.Helper()
	for deadline := time.Now().Add(Patience); !Eval[bool](p, expression); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.T.Fatalf("never in the page: %s; it shows:\n%s", expression, Eval[string](p, "document.body?.innerText ?? ''"))
		}
	}
}

// Fine expects that nothing went wrong in the page.
func (p *Tab) Fine() {
	p.T.Helper()
	for _, n := range Eval[[]string](p, "noted") {
		p.T.Errorf("in the page: %s", n)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, n := range p.problems {
		p.T.Errorf("on the console: %s", n)
	}
}

// Press presses keys, one after another.
func (p *Tab) Press(keys string) {
	p.T.Helper()
	p.Do(chromedp.KeyEvent(keys))
}

// Hit hits one key, as a keyboard does: a page that handles it keeps its letter from
// what has the focus then. Press sends the letter by itself.
func (p *Tab) Hit(key string) {
	p.T.Helper()
	for _, kind := range []input.DispatchKeyEventType{input.DispatchKeyEventTypeKeyDown, input.DispatchKeyEventTypeKeyUp} {
		e := input.DispatchKeyEventParams{Type: kind, Key: key}
		if kind == input.DispatchKeyEventTypeKeyDown && len(key) == 1 {
			e.Text = key
		}
		if _, err := chromedp.Call(p.ctx, input.DispatchKeyEvent, e); err != nil {
			p.T.Fatal(err)
		}
	}
}

// Shoot keeps a picture, if the variable ALERTRELAY_SHOTS names a directory for
// them: layouts are to be looked at.
func (p *Tab) Shoot(name string) {
	p.T.Helper()
	dir := os.Getenv("ALERTRELAY_SHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600)
	}
	if err != nil {
		p.T.Error(err)
	}
}
