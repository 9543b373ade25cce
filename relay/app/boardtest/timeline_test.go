package boardtest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"alertrelay/alerts"
	"alertrelay/alerts/board"
	"alertrelay/relay/app"
	"alertrelay/relay/conf"
	"alertrelay/relay/demo"
	"alertrelay/relay/relaytest"
)

const travelled = "'past' in document.body.dataset && document.querySelectorAll('#table .row').length > 0"

// pastEvent is an event as the history tells it.
type pastEvent struct {
	Time    time.Time `json:"time"`
	Tag     uint64    `json:"tag"`
	Channel string    `json:"channel"`
	alerts.Event
}

// startDemo runs a demonstration until its past has been told, and returns the
// relay's address.
func startDemo(t *testing.T, past time.Duration) string {
	t.Helper()
	cfg := relaytest.Config(t, demo.Configure)
	sim, err := demo.New(demo.Options{Past: past, Start: time.Now(), Alerts: 25})
	if err != nil {
		t.Fatal(err)
	}
	log := cfg.Log.Logger(t.Output())
	told := make(chan struct{})
	runner := &demo.Runner{URL: "http://" + cfg.Listen, Sim: sim, Clock: new(demo.Clock), Log: log, Told: func(int) { close(told) }}
	runner.Begin()
	a, err := app.New(t.Context(), cfg, log, app.Clock(runner.Clock.Now))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	talking, hush := context.WithCancel(ctx)
	done, ended := make(chan error, 1), make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	go func() { ended <- runner.Run(talking) }()
	t.Cleanup(func() {
		hush()
		if err := <-ended; err != nil {
			t.Errorf("the demonstration ended with: %v", err)
		}
		stop()
		if err := <-done; err != nil {
			t.Errorf("the relay stopped with: %v", err)
		}
	})
	select {
	case <-told:
	case <-time.After(2 * relaytest.Patience):
		t.Fatal("the past is still being told")
	}
	return runner.URL
}

// readPast is the history as the relay tells it.
func readPast(t *testing.T, url string) []pastEvent {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/api/v1/history?format=ndjson&since=1d", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var events []pastEvent
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e pastEvent
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return events
}

// stateAt is what was active at a time: a line for each channel. It goes through
// all events each time, and so needs no snapshots.
func stateAt(events []pastEvent, at time.Time) []string {
	type line struct{ status, by string }
	state := make(map[string]line)
	first := make(map[string]bool)
	for i := range events {
		e := &events[i]
		// What an alert was before its first event, that event tells.
		if !first[e.Channel] && e.Kind != alerts.KindFiring && e.StartsAt.Before(e.UpdatedAt) && !e.StartsAt.After(at) && !at.Before(events[0].UpdatedAt) {
			state[e.Channel] = line{status: "firing"}
		}
		first[e.Channel] = true
		if e.UpdatedAt.After(at) {
			continue
		}
		l := line{status: string(e.Status)}
		if e.Ack != nil {
			l.by = e.Ack.By
		}
		state[e.Channel] = l
		if !e.Status.Active() {
			delete(state, e.Channel)
		}
	}
	var lines []string
	for _, channel := range slices.Sorted(maps.Keys(state)) {
		lines = append(lines, channel+" "+state[channel].status+" "+state[channel].by)
	}
	return lines
}

const jsState = `((at) => [...document.querySelector('ar-timeline').history.at(at).values()]
	.filter((a) => ['firing', 'suppressed', 'stale'].includes(a.status))
	.map((a) => a.channel + ' ' + a.status + ' ' + (a.ack?.by ?? '')).sort())`

func TestTimelineShowsWhatWas(t *testing.T) {
	url := startDemo(t, 4*time.Hour)
	events := readPast(t, url)
	p := openBoard(t, relaytest.Chromium(t), url+"/", nil)
	p.Do(chromedp.Click(chromedp.CSS("ar-timeline .toggle")))
	p.Until("document.querySelector('ar-timeline .body').dataset.state === 'ready'")
	if box := relaytest.Eval[[]float64](p, "(({top, bottom, height}) => [top, bottom, height, innerHeight])(document.querySelector('ar-timeline').getBoundingClientRect())"); box[2] < 60 || box[1] > box[3] {
		t.Errorf("the timeline is not on the screen: top, bottom, height and the window's are %v", box)
	}

	// Any moment, in any order.
	begin, end := events[0].UpdatedAt, events[len(events)-1].UpdatedAt
	most := 0
	for i := range 60 {
		at := begin.Add(time.Duration(i*37%60) * end.Sub(begin) / 60).Truncate(time.Millisecond)
		got := relaytest.Eval[[]string](p, fmt.Sprintf("%s(%d)", jsState, at.UnixMilli()))
		want := stateAt(events, at)
		if !slices.Equal(got, want) {
			t.Fatalf("at %s: got %d alerts, want %d:\n%s\n\n%s", at, len(got), len(want), strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		most = max(most, len(got))
	}
	if most < 30 {
		t.Errorf("%d alerts at most: there was no incident", most)
	}

	// The page shows it and says that it is not now.
	at := begin.Add(end.Sub(begin) / 2).UTC().Truncate(time.Second)
	relaytest.Eval[bool](p, fmt.Sprintf("(document.querySelector('ar-timeline').go(%d), true)", at.UnixMilli()))
	p.Until(travelled)
	p.Until(fmt.Sprintf("new URLSearchParams(location.search).get('at') === %q", at.Format(time.RFC3339)))
	if shown := relaytest.Eval[string](p, "document.querySelector('#past').textContent"); !strings.Contains(shown, "PAST") {
		t.Errorf("the page says %q", shown)
	}
	p.Shoot("timeline")

	t.Run("keyboard", func(t *testing.T) {
		p.T = t
		p.Do(chromedp.Focus(chromedp.CSS("ar-timeline .strip")))
		moment := func() float64 {
			t.Helper()
			return relaytest.Eval[float64](p, "document.querySelector('ar-timeline').at ?? -1")
		}
		press := func(key string, shift bool) float64 {
			t.Helper()
			before := moment()
			relaytest.Eval[bool](p, fmt.Sprintf("document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {key: %q, shiftKey: %t, bubbles: true, cancelable: true}))", key, shift))
			return moment() - before
		}
		step := press("ArrowRight", false)
		if step <= 0 {
			t.Errorf("ArrowRight moved by %v", step)
		}
		if got := press("ArrowLeft", true); got != -10*step {
			t.Errorf("with Shift: moved by %v, want %v", got, -10*step)
		}
		press(",", false)
		if got, want := moment(), lastBefore(events, time.UnixMilli(int64(moment())+1)); got != want {
			t.Errorf("the event before: got %v, want %v", got, want)
		}
		press(" ", false)
		p.Until("document.querySelector('ar-timeline').speed === 10")
		before := moment()
		p.Until(fmt.Sprintf("document.querySelector('ar-timeline').at > %v", before+4000)) // 10x: in less than a second
		press(" ", false)
		p.Until("document.querySelector('ar-timeline').speed === 0")
		press("Home", false)
		p.Until(fmt.Sprintf("document.querySelector('ar-timeline').at === %d", begin.UnixMilli()))
		press("Escape", false)
		p.Until("document.querySelector('ar-timeline').at === null && !('past' in document.body.dataset)")
	})
	p.T = t

	t.Run("dragging", func(t *testing.T) {
		p.T = t
		relaytest.Eval[bool](p, `(() => {
			const strip = document.querySelector('ar-timeline .strip'), box = strip.getBoundingClientRect();
			const to = (type, x) => strip.dispatchEvent(new PointerEvent(type, {pointerId: 1, button: 0, clientX: box.left + x * box.width, clientY: box.top + 9, bubbles: true, cancelable: true}));
			strip.setPointerCapture = () => {}; // there is no pointer of this id
			to('pointerdown', .2); to('pointermove', .4); to('pointermove', .6);
			requestAnimationFrame(() => to('pointerup', .6));
			return true;
		})()`)
		p.Until(travelled)
		p.Until(`(({at}) => { const [from, to] = ['min', 'max'].map((m) => document.querySelector('ar-timeline .strip').getAttribute('aria-value' + m) * 1000);
			return Math.abs(at - from - (to - from) * .6) < (to - from) / 100; })(document.querySelector('ar-timeline'))`)
		p.Do(chromedp.Click(chromedp.CSS("#past button")))
		p.Until("document.querySelector('ar-timeline').at === null && !('past' in document.body.dataset)")
		p.Until("!location.search.includes('at=')")
	})
	p.T = t
	p.Fine()

	t.Run("a shared link", func(t *testing.T) {
		q := openBoard(t, relaytest.Chromium(t), url+"/?at="+at.Format(time.RFC3339), nil)
		q.Until(travelled)
		if got := relaytest.Eval[float64](q, "document.querySelector('ar-timeline').at"); got != float64(at.UnixMilli()) {
			t.Errorf("got %v, want %d", got, at.UnixMilli())
		}
		got := relaytest.Eval[[]string](q, fmt.Sprintf("%s(%d)", jsState, at.UnixMilli()))
		if want := stateAt(events, at); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		q.Fine()
	})
}

// lastBefore is when the last event before a time was, in ms.
func lastBefore(events []pastEvent, at time.Time) float64 {
	last := 0.0
	for i := range events {
		if e := &events[i]; e.UpdatedAt.Before(at) {
			last = float64(e.UpdatedAt.UnixMilli())
		}
	}
	return last
}

// TestTimelineOfMany measures a history of 100,000 events.
func TestTimelineOfMany(t *testing.T) {
	const many, channels = 100_000, 2_000
	begin := time.Date(2026, time.November, 20, 0, 0, 0, 0, time.UTC)
	var history strings.Builder
	for i := range many {
		at := begin.Add(time.Duration(i) * 4 * time.Second)
		n := i * 7919 % channels
		e := pastEvent{Time: at, Tag: uint64(i + 1), Event: alerts.Event{
			Source: "am", Fingerprint: fmt.Sprintf("%016x", n), Kind: alerts.KindFiring, Status: alerts.Firing, StartsAt: at, UpdatedAt: at,
			Labels: map[string]string{
				"alertname": fmt.Sprint("Alert", n%50), "severity": []string{"critical", "warning", "info"}[n%3], "team": "db",
				"instance": fmt.Sprintf("host-%04d:9100", n), "cluster": "eu-1", "job": "node", "region": "eu-central",
			},
			Annotations:  map[string]string{"summary": fmt.Sprintf("Something is wrong on host-%04d", n), "runbook_url": "https://runbooks.example/something"},
			GeneratorURL: "https://prometheus.example/graph?g0.expr=something+%3E+1&g0.tab=1", Receiver: "relay", GroupKey: `{}:{alertname="Something"}`,
		}}
		e.ID = "am-" + e.Fingerprint
		e.Channel = "db." + e.Labels["severity"] + "." + e.Labels["alertname"] + "." + e.ID
		if i/channels%2 == 1 {
			e.Kind, e.Status, e.EndsAt = alerts.KindResolved, alerts.Resolved, at
			e.StartsAt = at.Add(-time.Hour)
		}
		line, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		history.Write(line)
		history.WriteByte('\n')
	}
	t.Logf("%d MiB", history.Len()>>20)
	mux := http.NewServeMux()
	mux.Handle("/assets/", board.Handler())
	mux.HandleFunc("/api/v1/history", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-ndjson")
		if r.FormValue("after") == "" {
			_, _ = w.Write([]byte(history.String()))
		}
	})
	mux.HandleFunc("/api/v1/alerts", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"alerts":[]}`)) })
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; connect-src 'self'; img-src data:; require-trusted-types-for 'script'; trusted-types 'none'")
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(`<!doctype html><title>test</title><link rel="icon" href="data:,"><body><script type="module" src="/measure.js"></script>`))
	})
	mux.HandleFunc("/measure.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = w.Write([]byte(`
import { toAlert } from '/assets/event.js';
import { History } from '/assets/history.js';
const h = window.past = new History(toAlert);
let began = performance.now(), longest = 0, last = began;
await h.load(new URL('/', location), ['>'], { onProgress: () => { const now = performance.now(); longest = Math.max(longest, now - last); last = now; } });
const load = performance.now() - began;
const seeks = [];
for (let i = 0; i < 500; i++) {
  const at = h.begin + (h.end - h.begin) * ((i * 7919) % 500) / 500;
  began = performance.now();
  h.at(at);
  seeks.push(performance.now() - began);
}
seeks.sort((a, b) => a - b);
began = performance.now();
for (let i = 0; i < 1000; i++) h.at(h.begin + i * 60_000);
const play = (performance.now() - began) / 1000;
began = performance.now();
h.density(h.begin, h.end, 500);
const density = performance.now() - began;
window.result = { size: h.size, snapshots: h.snapshots, load, median: seeks[250], most: seeks[475], worst: seeks[499], play, density,
  memory: performance.memory?.usedJSHeapSize ?? 0 };
`))
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	p := relaytest.OpenTab(t, relaytest.Chromium(t), server.URL)
	p.Until("window.result !== undefined")
	got := relaytest.Eval[map[string]float64](p, "window.result")
	t.Logf("%v", got)
	if got["size"] != many {
		t.Errorf("got %v events, want %d", got["size"], many)
	}
	if got["median"] > 50 || got["load"] > 60_000 { // the machine may be busy
		t.Errorf("too slow: %v", got)
	}
	p.Fine()
}

// TestTimelineSaysThatItCannotRead: the relay may be away, or answer 503.
func TestTimelineSaysThatItCannotRead(t *testing.T) {
	r := relaytest.Start(t, func(*conf.Config) {})
	p := openBoard(t, relaytest.Chromium(t), r.URL, nil)
	r.Stop()
	p.Until(boardIsDead)
	p.Do(chromedp.Click(chromedp.CSS("ar-timeline .toggle")))
	p.Until("document.querySelector('ar-timeline .note').textContent.includes('no connection')")
	r.Restart()
	p.Do(chromedp.Click(chromedp.CSS("ar-timeline .again")))
	p.Until("document.querySelector('ar-timeline .note').textContent === 'Nothing has happened yet.'")
	p.Fine()
}
