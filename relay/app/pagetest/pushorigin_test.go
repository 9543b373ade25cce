package pagetest

import (
	"fmt"
	"strings"
	"testing"

	"alertrelay/relay/relaytest"
)

// originItem is something that a page does with a relay at another origin.
type originItem struct {
	name string
	test func(p *pushPage)
}

// A page of one origin takes what a relay at another has by JSONP, which needs no
// leave of the relay's.
func TestPushStreamClientFromAnotherOrigin(t *testing.T) {
	browser := relaytest.Chromium(t)
	each := func(t *testing.T, r *relaytest.Relay, origin string, seen *pushSite, items []originItem) {
		t.Helper()
		page := servePushPage(t, r)
		for _, item := range items {
			t.Run(item.name, func(t *testing.T) {
				p := openPushPage(t, browser, page, "jsonp")
				p.pushSite, p.origin = seen, origin
				item.test(p)
				p.run("disconnect()")
				p.Fine()
			})
		}
		if got := page.requests("/lp"); len(got) > 0 {
			t.Errorf("the page's own origin was asked for %q", got)
		}
	}
	t.Run("another port", func(t *testing.T) {
		t.Parallel()
		r := startPushRelay(t, "")
		each(t, r, r.URL, &pushSite{relay: r}, []originItem{
			{"274, 275, 276 opens, gets a message, closes", opensAndCloses},
			{"280 a deleted channel is told, and begins again", deletesChannel},
			{"282 refused is a load error", isRefused},
			{"283 messages published after a date, then the next", publishedAfter("date", "new Date(Date.now() - 30_000)")},
			{"other ways are blocked by the browser", othersAreBlocked},
		})
	})
	t.Run("another host", func(t *testing.T) {
		t.Parallel()
		r := startPushRelay(t, "")
		s := servePushPage(t, r)
		each(t, r, strings.Replace(s.url, "127.0.0.1", "localhost", 1), s, []originItem{
			{"its requests (12.1)", requestsAreTheirs},
			{"279 adding a channel reconnects", addsChannel},
			{"285 the last event id, then the next", lastEventID},
			{"286 backtrack, then the cursor", backtracksThenContinues},
			{"several messages of one answer (12.2)", batch},
			{"a poll that times out is followed by another (12.2)", pollTimesOut},
		})
	})
}

// othersAreBlocked: it is really another origin.
func othersAreBlocked(p *pushPage) {
	const ch = "blocked"
	p.publish(p.T, ch, "stored", "")
	p.start("{blocked: 1}", "")
	p.same(p.untilMessages(1), []string{fmt.Sprintf("%d %s stored", p.channel(p.T, ch).Published, ch)})
	read := fmt.Sprintf(`(() => {
		const xhr = new XMLHttpRequest();
		xhr.open('GET', %q, false);
		try { xhr.send(); } catch (e) { return e.name; }
		return xhr.responseText;
	})()`, p.origin+"/lp/blocked.b1")
	if got := relaytest.Eval[string](p.Tab, read); got != "NetworkError" {
		p.T.Errorf("got %q, want the browser to keep it", got)
	}
	p.Forget("has been blocked by CORS policy")
}
