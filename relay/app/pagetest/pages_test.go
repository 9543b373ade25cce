package pagetest

import (
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"

	"alertrelay/relay/relaytest"
)

// shown are the messages of an example page, the oldest first.
func shown(p *relaytest.Tab) []string {
	p.T.Helper()
	got := relaytest.Eval[[]string](p, "[...document.querySelectorAll('#list li[data-id]')].map((e) => e.dataset.id + ' ' + e.textContent)")
	slices.Reverse(got)
	return got
}

// untilShown waits for the text, and expects the page to have all of want.
func untilShown(p *relaytest.Tab, name, last string, want []string) {
	p.T.Helper()
	p.Until(fmt.Sprintf("[...document.querySelectorAll('#list li')].some((e) => e.textContent === %q)", last))
	if got := shown(p); !slices.Equal(got, want) {
		p.T.Errorf("%s: got %q, want %q", name, got, want)
	}
}

// Each of the pages in examples/pages, from the program there and as a file, shows
// every message once and in order, as text, over a restart of the relay.
func TestExamplePages(t *testing.T) {
	browser := relaytest.Chromium(t)
	r := relaytest.Start(t)
	addr := relaytest.FreeAddress(t)
	relaytest.StartProgram(t, relaytest.Build(t, "alertrelay/examples/pages"), "--listen", addr, "--relay", r.URL)
	relaytest.Eventually(t, "the pages are served", func() bool {
		status, _ := relaytest.Get(t.Context(), "http://"+addr+"/")
		return status == http.StatusOK
	})
	dir, err := filepath.Abs(filepath.Join("..", "..", "..", "examples", "pages"))
	if err != nil {
		t.Fatal(err)
	}

	r.Publish("pages", "before")
	want := []string{"1 before"}
	tabs := make(map[string]*relaytest.Tab)
	for _, name := range []string{"sse", "websocket", "longpoll", "poll", "iframe", "jsonp", "chat"} {
		tabs[name] = relaytest.OpenTab(t, browser, "http://"+addr+"/"+name+".html?channel=pages")
		if name == "websocket" || name == "poll" { // a browser has six connections to an address, and others hold theirs
			file := url.URL{Scheme: "file", Path: filepath.ToSlash(dir) + "/" + name + ".html", RawQuery: "channel=pages&relay=" + url.QueryEscape(r.URL)}
			tabs[name+" as a file"] = relaytest.OpenTab(t, browser, file.String())
		}
	}
	publish := func(text string) {
		want = append(want, fmt.Sprintf("%d %s", len(want)+1, text))
		r.Publish("pages", text)
	}
	check := func(last string) {
		t.Helper()
		for name, p := range tabs {
			untilShown(p, name, last, want)
		}
	}
	check("before")
	publish(`<b onclick=alert(1)>x</b> }{ "q" 's' \ <script>alert(1)</script><img src=x onerror=alert(1)>`)
	publish("\u202eright to left\u2066\u0085 ☃ 发布消息测试")
	publish("live")
	check("live")
	r.Stop()
	for name, p := range tabs {
		if name != "jsonp" { // it cannot tell at once
			p.Until("!/: (live|asked a second ago)$/.test(document.getElementById('state').textContent)")
		}
	}
	r.Restart()
	publish("after the restart")
	publish("last")
	check("last")

	chat := tabs["chat"]
	chat.Do(chromedp.SetValue(chromedp.CSS("[name=name]"), "<i>me</i>"))
	chat.Do(chromedp.SendKeys(chromedp.CSS("[name=text]"), "hi all\r"))
	want = append(want, fmt.Sprintf("%d <i>me</i>: hi all", len(want)+1))
	check("<i>me</i>: hi all")
	for _, p := range tabs {
		p.Fine()
	}
}
