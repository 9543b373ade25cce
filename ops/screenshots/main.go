// Command screenshots takes the pictures of the board that the README shows: it
// starts a seeded demonstration and looks at it with Chromium.
//
//	go run ./ops/screenshots [-out DIR] [-seed N]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"golang.org/x/sync/errgroup"

	"alertrelay/relay/app"
	"alertrelay/relay/conf"
	"alertrelay/relay/demo"
)

const (
	past     = 12 * time.Hour
	patience = 60 * time.Second
	settle   = 1500 * time.Millisecond // until what has just come is not marked as new any more
)

// shot is a picture: of which page, how large, and what must be seen first.
type shot struct {
	name, path    string
	width, height int64
	until         string
}

const live = "document.body.dataset.live === 'live' && document.querySelectorAll('#table .row').length > 5"

func main() {
	out := flag.String("out", filepath.Join("alerts", "board", "screenshots"), "write the pictures to `DIR`")
	seed := flag.Uint64("seed", demo.DefaultSeed, "the demonstration's seed")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *out, *seed); err != nil {
		fmt.Fprintln(os.Stderr, "screenshots: "+err.Error())
		os.Exit(1)
	}
}

func run(ctx context.Context, out string, seed uint64) (err error) {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "alertrelay-screenshots-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	fleet, err := startFleet(ctx, dir, seed, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, fleet.stop()) }()
	tab, closeTab, err := openTab(ctx)
	if err != nil {
		return err
	}
	defer closeTab()
	// The incident of the past that is nearest, some minutes after its cause.
	then := fleet.start.Add(-past*14/100 + 14*time.Minute).UTC().Format(time.RFC3339)
	travelled := "'past' in document.body.dataset && document.querySelectorAll('#table .row').length > 5"
	for _, s := range []shot{
		{"desktop", "?theme=light", 1440, 900, live},
		{"dark", "?theme=dark&group=team", 1440, 900, live},
		{"kiosk", "?kiosk", 1920, 1080, live},
		{"phone", "?theme=light", 390, 844, live},
		{"time-travel", "?theme=light&at=" + url.QueryEscape(then), 1440, 900, travelled},
	} {
		if err := take(tab, fleet.url, s, out); err != nil {
			return err
		}
	}
	// The last one stays open while the relay goes away.
	if err := open(tab, fleet.url, shot{path: "?theme=light", width: 1440, height: 900, until: live}); err != nil {
		return err
	}
	if err := fleet.stop(); err != nil {
		return err
	}
	if err := until(tab, "document.body.dataset.live === 'dead' && !document.getElementById('cover').hidden"); err != nil {
		return err
	}
	return write(tab, filepath.Join(out, "not-live.png"))
}

// fleet is a demonstration that runs.
type fleet struct {
	url   string
	start time.Time
	end   context.CancelFunc
	group *errgroup.Group
}

// startFleet returns when the past has been told and something has happened since.
func startFleet(ctx context.Context, dir string, seed uint64, log *slog.Logger) (*fleet, error) {
	cfg := conf.Default()
	cfg.Listen, cfg.Data = "127.0.0.1:0", dir
	cfg.NATS.Listen, cfg.NATS.ListenAsked = "", true
	demo.Configure(&cfg)
	f := &fleet{start: time.Now()}
	sim, err := demo.New(demo.Options{Seed: seed, Past: past, Start: f.start})
	if err != nil {
		return nil, err
	}
	told := make(chan struct{})
	runner := &demo.Runner{Sim: sim, Clock: new(demo.Clock), Log: log, Told: func(int) { close(told) }}
	runner.Begin()
	a, err := app.New(ctx, cfg, log, app.Clock(runner.Clock.Now))
	if err != nil {
		return nil, err
	}
	f.url, runner.URL = a.HTTPURL(), a.HTTPURL()
	ctx, f.end = context.WithCancel(ctx)
	f.group, ctx = errgroup.WithContext(ctx)
	f.group.Go(func() error { return a.Run(ctx) })
	f.group.Go(func() error { return runner.Run(ctx) })
	select {
	case <-told:
		return f, nil
	case <-ctx.Done():
		return nil, f.stop()
	case <-time.After(patience):
		return nil, errors.Join(errors.New("the past is still being told"), f.stop())
	}
}

// stop may be called twice.
func (f *fleet) stop() error {
	f.end()
	return f.group.Wait()
}

// openTab starts a browser with a new profile.
func openTab(ctx context.Context) (tab context.Context, done func(), err error) {
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err = exec.LookPath(name); err == nil {
			break
		}
	}
	if path == "" {
		return nil, nil, errors.New("there is no chromium; go run ./ops/test installs it")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("no-proxy-server", true),
		chromedp.Flag("lang", "en"),
	)
	allocator, stop := chromedp.NewExecAllocator(ctx, options...)
	tab, cancel := chromedp.NewContext(allocator)
	done = func() {
		cancel()
		stop()
	}
	if err := chromedp.Do(tab); err != nil {
		done()
		return nil, nil, fmt.Errorf("start %s: %w", path, err)
	}
	return tab, done, nil
}

func take(tab context.Context, base string, s shot, out string) error {
	if err := open(tab, base, s); err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	return write(tab, filepath.Join(out, s.name+".png"))
}

func open(tab context.Context, base string, s shot) error {
	var options []chromedp.EmulateViewportOption
	if s.width < 500 {
		options = append(options, chromedp.EmulateMobile, chromedp.EmulateTouch)
	}
	if err := chromedp.Do(tab, chromedp.EmulateViewport(s.width, s.height, options...)); err != nil {
		return err
	}
	nav, err := chromedp.Call(tab, page.Navigate, page.NavigateParams{URL: base + "/" + s.path})
	if err != nil {
		return err
	}
	if nav.ErrorText != "" {
		return errors.New(nav.ErrorText)
	}
	if err := until(tab, s.until); err != nil {
		return err
	}
	return sleep(tab, settle)
}

// until waits for an expression to be true in the page.
func until(tab context.Context, expression string) error {
	for end := time.Now().Add(patience); ; {
		ok, err := chromedp.Run(tab, chromedp.Evaluate[bool]("document.readyState !== 'loading' && "+expression))
		if err == nil && ok {
			return nil
		}
		if time.Now().After(end) {
			text, _ := chromedp.Run(tab, chromedp.Evaluate[string]("document.body?.innerText ?? ''"))
			return errors.Join(fmt.Errorf("never in the page: %s; it shows:\n%s", expression, text), err)
		}
		if err := sleep(tab, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func write(tab context.Context, file string) error {
	picture, err := chromedp.Run(tab, chromedp.CaptureScreenshot())
	if err != nil {
		return err
	}
	small, err := shrink(picture)
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, small, 0o644); err != nil {
		return err
	}
	fmt.Printf("%s %d KiB\n", file, len(small)>>10)
	return nil
}
