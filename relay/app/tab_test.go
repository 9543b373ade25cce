package app_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"alertrelay/relay/relaytest"
)

// tab is a page in a browser, and what went wrong in it.
type tab struct {
	t   *testing.T
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

// openTab opens a page.
func openTab(t *testing.T, browser context.Context, url string) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser)
	p := &tab{t: t, ctx: ctx}
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
	p.until("document.readyState !== 'loading'")
	return p
}

func (p *tab) note(problem string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.problems = append(p.problems, problem)
}

// forget waits for a problem that the test wants, and takes it back.
func (p *tab) forget(text string) {
	p.t.Helper()
	relaytest.Eventually(p.t, "on the console: "+text, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		before := len(p.problems)
		p.problems = slices.DeleteFunc(p.problems, func(problem string) bool { return strings.Contains(problem, text) })
		return len(p.problems) < before
	})
}

// do does one thing with the page.
func (p *tab) do(a chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, relaytest.Patience)
	defer cancel()
	if err := chromedp.Do(ctx, a); err != nil {
		p.t.Fatal(err)
	}
}

// eval is the value of an expression in the page.
func eval[T any](p *tab, expression string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, relaytest.Patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// until waits for an expression to be true in the page.
func (p *tab) until(expression string) {
	p.t.Helper()
	for deadline := time.Now().Add(relaytest.Patience); !eval[bool](p, expression); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatalf("never in the page: %s; it shows:\n%s", expression, eval[string](p, "document.body?.innerText ?? ''"))
		}
	}
}

// fine expects that nothing went wrong in the page.
func (p *tab) fine() {
	p.t.Helper()
	for _, n := range eval[[]string](p, "noted") {
		p.t.Errorf("in the page: %s", n)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, n := range p.problems {
		p.t.Errorf("on the console: %s", n)
	}
}
