package relaytest

import (
	"context"
	"testing"

	"github.com/chromedp/chromedp"
)

// Chromium starts a browser with a new profile and returns the chromedp context of
// its first tab. The browser ends with the test. If there is none, the test is
// skipped or fails as Program says.
func Chromium(t testing.TB) context.Context {
	t.Helper()
	path := Program(t, "chromium", "chromium", "chromium-browser", "google-chrome")
	options := append(chromedp.DefaultExecAllocatorOptions[:], // headless, nothing throttled in the background
		chromedp.ExecPath(path),
		chromedp.NoSandbox, // containers do not let it have one
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		// Nothing goes to the network by itself.
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-sync", true),
		chromedp.Flag("no-first-run", true),
		chromedp.Flag("no-proxy-server", true),
	)
	allocator, stop := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), options...)
	t.Cleanup(stop) // waits until the browser is gone, and its profile
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	return ctx
}
