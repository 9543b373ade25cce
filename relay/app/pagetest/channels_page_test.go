package pagetest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"

	"alertrelay/relay/relaytest"
)

// visibleChannels are the names in the rows that there are.
const visibleChannels = "[...document.querySelectorAll('#channels a.channel')].map((e) => e.textContent)"

func TestChannelsPage(t *testing.T) {
	t.Parallel()
	r := relaytest.Start(t)
	const markup = `<img src=x onerror=alert(1)>`
	r.Publish("db.disk", "1")
	r.Publish("db.disk", "2")
	r.Publish("web.latency", "1")
	r.Publish(markup, "1")
	browser := relaytest.Chromium(t)
	viewer := relaytest.OpenTab(t, browser, r.URL+"/channels/web.latency")
	viewer.Until(viewerIsLive)
	p := relaytest.OpenTab(t, browser, r.URL+"/channels")
	p.Until("document.body.dataset.state === 'live'")
	names := func(want ...string) {
		t.Helper()
		if got := relaytest.Eval[[]string](p, visibleChannels); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	names(markup, "db.disk", "web.latency")
	for _, c := range []struct {
		filter string
		want   []string
	}{
		{"LATE", []string{"web.latency"}},
		{"db.>", []string{"db.disk"}},
		{"*.latency", []string{"web.latency"}},
		{"db.*.x", nil},
		{"", []string{markup, "db.disk", "web.latency"}},
	} {
		relaytest.Eval[bool](p, fmt.Sprintf("(document.getElementById('filter').value = %q, document.getElementById('filter').dispatchEvent(new Event('input')))", c.filter))
		names(c.want...)
	}
	click := func(column string) {
		t.Helper()
		p.Do(chromedp.Click(chromedp.CSS("#channels th[data-sort=" + column + "] button")))
	}
	click("published")
	names("db.disk", markup, "web.latency")
	click("subscribers")
	names("web.latency", markup, "db.disk")
	click("subscribers")
	names(markup, "db.disk", "web.latency")
	click("name")
	names(markup, "db.disk", "web.latency")

	// The numbers are renewed, and a rate is between two of them.
	for range 100 {
		r.Publish("db.disk", "more")
	}
	p.Until("document.querySelector('#channels tr:nth-child(3) td:nth-child(3)').textContent === '102'")
	if rate := relaytest.Eval[string](p, "document.querySelector('#channels tr:nth-child(3) td:nth-child(2)').textContent"); rate < "1" || rate[len(rate)-2:] != "/s" {
		t.Errorf("got the rate %q, want so many per second", rate)
	}

	// Without the relay they are old, and say so.
	r.Stop()
	p.Until("document.body.dataset.state === 'dead' && document.getElementById('state').textContent === 'NOT CURRENT'")
	r.Restart()
	p.Until("document.body.dataset.state === 'live'")

	p.Do(chromedp.Click(chromedp.CSS("#channels tr:nth-child(3) a.channel")))
	p.Until("location.pathname === '/channels/db.disk' && document.querySelectorAll('#list .message').length === 20")
	p.Fine()
	viewer.Fine()
}

// Of 10,000 channels only the rows in sight are there.
func TestChannelsPageWithManyChannels(t *testing.T) {
	r := relaytest.Start(t)
	publishToMany(t, r.Client, "many.%05d", 10_000, "x")
	p := relaytest.OpenTab(t, relaytest.Chromium(t), r.URL+"/channels")
	p.Until("document.getElementById('shown').textContent === '10000 channels'")
	rows := func() int { return relaytest.Eval[int](p, "document.querySelectorAll('#channels tbody tr').length") }
	if n := rows(); n < 10 || n > 100 {
		t.Errorf("got %d rows", n)
	}
	for _, c := range []struct {
		scroll, channel string
	}{
		{"document.getElementById('scroll').scrollHeight", "many.09999"},
		{"document.getElementById('scroll').scrollHeight / 2", "many.05000"},
		{"0", "many.00000"},
	} {
		relaytest.Eval[bool](p, fmt.Sprintf("(document.getElementById('scroll').scrollTop = %s, true)", c.scroll))
		p.Until(fmt.Sprintf(`(() => {
			const row = [...document.querySelectorAll('#channels a.channel')].find((e) => e.textContent === %q)?.closest('tr').getBoundingClientRect();
			const sight = document.getElementById('scroll').getBoundingClientRect();
			return row !== undefined && row.bottom > sight.top && row.top < sight.bottom;
		})()`, c.channel))
		if n := rows(); n > 100 {
			t.Errorf("got %d rows", n)
		}
	}
	took := relaytest.Eval[float64](p, "(() => { const t = performance.now(); document.getElementById('filter').value = '99'; document.getElementById('filter').dispatchEvent(new Event('input')); return performance.now() - t })()")
	t.Logf("filtering took %.0f ms", took)
	if got := relaytest.Eval[string](p, "document.getElementById('shown').textContent"); got != "280 of 10000 channels" {
		t.Errorf("got %q", got)
	}
	p.Fine()
}
