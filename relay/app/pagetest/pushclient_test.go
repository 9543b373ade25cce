package pagetest

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"alertrelay/relay/relaytest"
)

// pushModes are how pushstream.js subscribes.
var pushModes = []string{"stream", "eventsource", "websocket", "longpolling", "jsonp"}

// pushPage is a page with the test's client of push_stream.
type pushPage struct {
	*relaytest.Tab
	*pushSite
	mode   string
	origin string // of the relay; the page's own if empty
}

func openPushPage(t *testing.T, browser context.Context, s *pushSite, mode string) *pushPage {
	t.Helper()
	return &pushPage{Tab: relaytest.OpenTab(t, browser, s.url+"/"), pushSite: s, mode: mode}
}

// start connects to channels, a JavaScript object from name to backtrack.
func (p *pushPage) start(channels, options string) {
	p.T.Helper()
	if p.origin != "" {
		options = fmt.Sprintf("origin: %q, %s", p.origin, options)
	}
	relaytest.Eval[any](p.Tab, fmt.Sprintf("start(%s, {mode: %q, %s}), null", channels, p.mode, options))
}

// run has the client do something.
func (p *pushPage) run(call string) {
	p.T.Helper()
	relaytest.Eval[any](p.Tab, fmt.Sprintf("client.%s, null", call))
}

// untilMessages waits for the n-th message, and returns "id channel text" of all.
func (p *pushPage) untilMessages(n int) []string {
	p.T.Helper()
	p.Until(fmt.Sprintf("messages.length >= %d", n))
	return relaytest.Eval[[]string](p.Tab, "messages.map(([text, id, channel]) => `${id} ${channel} ${text}`)")
}

// untilIs waits for the client to be in a state: CLOSED, CONNECTING or OPEN.
func (p *pushPage) untilIs(state string) {
	p.T.Helper()
	p.Until(fmt.Sprintf("(states.at(-1) ?? 'CLOSED') === %q", state))
}

// subscribed waits for the client's subscription to a channel. A JSONP poll that
// is no longer wanted goes on, and is counted too.
func (p *pushPage) subscribed(channel string, abandoned int) {
	p.T.Helper()
	if p.mode != "jsonp" {
		abandoned = 0
	}
	p.subscribers(p.T, channel, 1+abandoned)
}

// same expects the messages, "id channel text".
func (p *pushPage) same(got, want []string) {
	p.T.Helper()
	if !slices.Equal(got, want) {
		p.T.Errorf("got %q, want %q", got, want)
	}
}

// A client as pushstream.js is one, on each of its transports. The numbers are
// those of the protocol's checklist.
func TestPushStreamClient(t *testing.T) {
	browser := relaytest.Chromium(t)
	r := startPushRelay(t, "")
	for _, mode := range pushModes {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			s := servePushPage(t, r)
			for _, item := range []struct {
				name string
				test func(p *pushPage)
				in   string // modes, all if empty
			}{
				{"its requests (12.1)", requestsAreTheirs, ""},
				{"274, 275, 276 opens, gets a message, closes", opensAndCloses, ""},
				{"277, 278 the server's ttl is a timeout, after which it reconnects", reconnectsAfterTTL, "stream websocket"},
				{"279 adding a channel reconnects", addsChannel, ""},
				{"273 removing a channel reconnects", removesChannel, ""},
				{"280 a deleted channel is told, and begins again", deletesChannel, ""},
				{"281 a parameter switches the path", switchesPath, ""},
				{"282 refused is a load error", isRefused, ""},
				{"283 messages published after seconds ago, then the next", publishedAfter("seconds", "30"), ""},
				{"283 messages published after a date, then the next", publishedAfter("date", "new Date(Date.now() - 30_000)"), ""},
				{"283 messages published after the epoch, then the next", publishedAfter("all", "-1"), ""},
				{"283 nothing that was published before the date", onlyAfter, ""},
				{"284 backtrack twice", backtracksTwice, ""},
				{"287 the time in a request", writesTime, ""},
				{"290 text, JSON in quotes", readsTexts, ""},
				{"290 JSON without quotes", readsJSON, "eventsource longpolling jsonp"},
				{"285 the last event id, then the next", lastEventID, ""},
				{"286 backtrack, then the cursor", backtracksThenContinues, ""},
				{"several messages of one answer (12.2)", batch, ""},
				{"a poll that times out is followed by another (12.2)", pollTimesOut, "longpolling jsonp"},
				{"headers carry the cursor (12.2)", headersCarryCursor, "longpolling"},
				{"close codes (12.2)", closeCodes, "websocket"},
				{"the server's ttl is for the browser to mend (12.2)", reconnectsByItself, "eventsource"},
				{"channels by argument (12.1)", channelsByArgument, "eventsource"},
			} {
				if item.in != "" && !slices.Contains(strings.Fields(item.in), mode) {
					continue
				}
				t.Run(item.name, func(t *testing.T) {
					p := openPushPage(t, browser, s, mode)
					item.test(p)
					p.run("disconnect()")
					p.Fine()
				})
			}
		})
	}
}

// With timeout_with_body a poll that times out gets the message with id -3.
func TestPushStreamClientWithTimeoutBody(t *testing.T) {
	browser := relaytest.Chromium(t)
	r := startPushRelay(t, "push_stream_timeout_with_body on;")
	if status, body := r.Get("/lpttl/nobody"); status != http.StatusOK || !strings.Contains(body, `"id":-3,`) {
		t.Errorf("got %d %q", status, body)
	}
	for _, mode := range []string{"longpolling", "jsonp"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			pollTimesOut(openPushPage(t, browser, servePushPage(t, r), mode))
		})
	}
}

func opensAndCloses(p *pushPage) {
	ch := p.mode + "274"
	p.start(fmt.Sprintf("{%s: 0}", ch), "")
	p.untilIs("OPEN")
	p.Until(fmt.Sprintf("info(%q)?.subscribers === 1", ch))
	if got := relaytest.Eval[[]string](p.Tab, "states"); !slices.Equal(got, []string{"CONNECTING", "OPEN"}) {
		p.T.Errorf("got the states %q", got)
	}

	const text = `<b>"é ☃"</b> }{ &amp; 50% + \n 发布`
	before := time.Now().Truncate(time.Second)
	p.run(fmt.Sprintf("sendMessage(%q)", text))
	p.Until("messages.length === 1")
	m := relaytest.Eval[[]any](p.Tab, "messages[0]")
	if want := []any{text, 1.0, ch, "", true}; !slices.Equal(m[:5], want) {
		p.T.Errorf("got %q, want %q", m[:5], want)
	}
	if at, err := http.ParseTime(fmt.Sprint(m[5])); err != nil || at.Before(before) || at.After(time.Now()) {
		p.T.Errorf("got the time %v, %v", m[5], err)
	}

	p.run("disconnect()")
	p.untilIs("CLOSED")
	if p.mode != "jsonp" { // it cannot be cut off
		p.subscribers(p.T, ch, 0)
	}
	if got := relaytest.Eval[int](p.Tab, "errors.length"); got != 0 {
		p.T.Errorf("got %d errors", got)
	}
}

func reconnectsAfterTTL(p *pushPage) {
	ch := p.mode + "277"
	const prefixes = "prefixes: {stream: '/subttl', websocket: '/wsttl'}, reconnectOnTimeout: 50"
	p.start(fmt.Sprintf("{%s: 0}", ch), prefixes)
	p.Until("errors.length >= 2 && states.filter((s) => s === 'OPEN').length >= 3")
	p.run("disconnect()")
	if got := relaytest.Eval[[]string](p.Tab, "[...new Set(errors.map((e) => e.type))]"); !slices.Equal(got, []string{"timeout"}) {
		p.T.Errorf("got the errors %q", got)
	}
	p.subscribers(p.T, ch, 0)

	p.start(fmt.Sprintf("{%s: 0}", ch), prefixes+", autoReconnect: false")
	n := relaytest.Eval[int](p.Tab, "errors.length")
	p.Until(fmt.Sprintf("errors.length > %d", n))
	p.untilIs("CLOSED")
	p.subscribers(p.T, ch, 0)
	if got := relaytest.Eval[bool](p.Tab, "client.reconnecting !== 0"); got {
		p.T.Error("it reconnects")
	}
}

func addsChannel(p *pushPage) {
	a, b := p.mode+"279a", p.mode+"279b"
	p.start(fmt.Sprintf("{%s: 0}", a), "")
	p.subscribed(a, 0)
	p.run(fmt.Sprintf("addChannel(%q)", b))
	p.subscribed(b, 0)
	p.subscribed(a, 1)
	p.untilIs("OPEN")
	p.publish(p.T, a, "to a", "")
	p.untilMessages(1)
	p.subscribed(b, 0)
	p.publish(p.T, b, "to b", "")
	p.same(p.untilMessages(2), []string{"1 " + a + " to a", "1 " + b + " to b"})
}

func removesChannel(p *pushPage) {
	a, b := p.mode+"273a", p.mode+"273b"
	p.start(fmt.Sprintf("{%s: 0, %s: 0}", a, b), "")
	p.subscribed(b, 0)
	p.run(fmt.Sprintf("removeChannel(%q)", a))
	p.subscribed(b, 1)
	if p.mode != "jsonp" { // the abandoned poll would be answered
		p.subscribers(p.T, a, 0)
	}
	p.untilIs("OPEN")
	p.publish(p.T, a, "to a", "")
	p.subscribed(b, 0)
	p.publish(p.T, b, "to b", "")
	p.same(p.untilMessages(1), []string{"1 " + b + " to b"})
}

func deletesChannel(p *pushPage) {
	ch := p.mode + "280"
	p.start(fmt.Sprintf("{%s: 0}", ch), "reconnectOnTimeout: 50")
	p.subscribed(ch, 0)
	p.publish(p.T, ch, "first", "")
	p.untilMessages(1)
	p.subscribed(ch, 0)
	p.remove(p.T, ch)
	p.Until("deleted.length > 0")
	if got := relaytest.Eval[[]string](p.Tab, "deleted"); !slices.Equal(got, []string{ch}) {
		p.T.Errorf("got %q deleted", got)
	}
	if got, want := p.publish(p.T, ch, "again", "").Published, 1; got != want {
		p.T.Errorf("got published_messages %d, want %d", got, want)
	}
}

func switchesPath(p *pushPage) {
	ch := p.mode + "281"
	p.start(fmt.Sprintf("{%s: 0}", ch), "extraParams: {tests: 'on'}")
	p.untilIs("OPEN")
	p.subscribed("test_"+ch, 0)
	p.publish(p.T, ch, "not this", "")
	p.publish(p.T, "test_"+ch, "switched", "")
	p.same(p.untilMessages(1), []string{"1 test_" + ch + " switched"})
}

func isRefused(p *pushPage) {
	p.start("{ch: 0}", `openAfter: 30_000, prefixes: {stream: '/pub', eventsource: '/pub', websocket: '/pub', longpolling: '/pub', jsonp: '/pub'}`)
	p.Until("errors.length > 0")
	p.untilIs("CLOSED")
	if got := relaytest.Eval[[]string](p.Tab, "errors.map((e) => e.type)"); !slices.Equal(got, []string{"load"}) {
		p.T.Errorf("got the errors %q", got)
	}
	if got := relaytest.Eval[[]string](p.Tab, "states"); !slices.Equal(got, []string{"CONNECTING", "CLOSED"}) {
		p.T.Errorf("got the states %q", got)
	}
}

// byArgument are the options of argument mode, which the locations switch on by
// the parameter.
const byArgument = "messagesControlByArgument: true, extraParams: {qs: 'on'}, "

func publishedAfter(name, after string) func(p *pushPage) {
	return func(p *pushPage) {
		ch := p.mode + "283" + name
		p.publish(p.T, ch, "stored", "")
		p.start(fmt.Sprintf("{%s: 0}", ch), byArgument+"messagesPublishedAfter: "+after)
		p.untilMessages(1)
		p.run("disconnect()")
		p.publish(p.T, ch, "while away", "")
		p.run("connect()")
		p.untilMessages(2)
		p.publish(p.T, ch, "live", "")
		p.same(p.untilMessages(3), []string{"1 " + ch + " stored", "2 " + ch + " while away", "3 " + ch + " live"})
	}
}

func onlyAfter(p *pushPage) {
	ch := p.mode + "283only"
	p.publish(p.T, ch, "stored", "")
	p.start(fmt.Sprintf("{%s: 0}", ch), byArgument+"messagesPublishedAfter: new Date(Date.now() + 3_600_000)")
	p.subscribed(ch, 0)
	p.publish(p.T, ch, "live", "")
	p.same(p.untilMessages(1), []string{"2 " + ch + " live"})
}

func backtracksTwice(p *pushPage) {
	ch := p.mode + "284"
	p.publish(p.T, ch, "one", "")
	p.publish(p.T, ch, "two", "")
	p.start(fmt.Sprintf("{%s: 1}", ch), "once: true, extraParams: {qs: 'on'}")
	p.untilMessages(1)
	want := []string{"2 " + ch + " two", "2 " + ch + " two"}
	if p.mode == "jsonp" { // is always in argument mode
		p.publish(p.T, ch, "three", "")
		want[1] = "3 " + ch + " three"
	}
	p.run("connect()")
	p.same(p.untilMessages(2), want)
}

// writesTime: with two digits each, in English, of UTC.
func writesTime(p *pushPage) {
	ch := p.mode + "287"
	p.publish(p.T, ch, "stored", "")
	p.start(fmt.Sprintf("{%s: 0}", ch), byArgument+"messagesPublishedAfter: new Date(Date.UTC(2009, 0, 5, 3, 4, 6))")
	p.same(p.untilMessages(1), []string{"1 " + ch + " stored"})
	if got, want := p.requests(ch)[0], "&time=Mon%2C%2005%20Jan%202009%2003%3A04%3A06%20GMT&"; !strings.Contains(got, want) {
		p.T.Errorf("got %s, want it to have %s", got, want)
	}
}

func readsTexts(p *pushPage) {
	ch := p.mode + "290"
	for _, text := range []string{"plain text", "%7B%22a%22%3A%20%22b%27c%22%7D"} { // what is encoded is decoded
		p.publish(p.T, ch, text, "")
	}
	p.start(fmt.Sprintf("{%s: 2}", ch), byArgument)
	p.same(p.untilMessages(2), []string{"1 " + ch + " plain text", "2 " + ch + ` {"a": "b'c"}`})
}

// readsJSON: what is no string is passed on as it is.
func readsJSON(p *pushPage) {
	ch := p.mode + "290json"
	for _, text := range []string{`{"a": "b c%20d"}`, `[1, null, true]`, `"e%20f"`} {
		p.publish(p.T, ch, text, "")
	}
	p.start(fmt.Sprintf("{%q: 3}", ch), "pollPause: 60_000, prefixes: {eventsource: '/jsonev', longpolling: '/jsonlp', jsonp: '/jsonlp'}")
	p.Until("messages.length >= 3")
	want := `[{"a":"b c%20d"},[1,null,true],"e f"]`
	if got := relaytest.Eval[string](p.Tab, "JSON.stringify(messages.map((m) => m[0]))"); got != want {
		p.T.Errorf("got %s, want %s", got, want)
	}
}

func lastEventID(p *pushPage) {
	ch := p.mode + "285"
	p.publish(p.T, ch, "one", "event 1")
	p.publish(p.T, ch, "two", "event 2")
	p.publish(p.T, ch, "three", "")
	p.start(fmt.Sprintf("{%s: 0}", ch), byArgument+"lastEventId: 'event 1'")
	p.untilMessages(2)
	p.run("disconnect()")
	p.publish(p.T, ch, "four", "event 4")
	p.run("connect()")
	p.same(p.untilMessages(3), []string{"2 " + ch + " two", "3 " + ch + " three", "4 " + ch + " four"})
	if got := relaytest.Eval[string](p.Tab, "messages[0][3]"); got != "event 2" {
		p.T.Errorf("got the event id %q", got)
	}
}

func backtracksThenContinues(p *pushPage) {
	ch := p.mode + "286"
	p.publish(p.T, ch, "one", "")
	p.publish(p.T, ch, "two", "")
	p.start(fmt.Sprintf("{%s: 1}", ch), byArgument)
	p.untilMessages(1)
	p.run("disconnect()")
	p.publish(p.T, ch, "three", "")
	p.publish(p.T, ch, "four", "")
	p.run("connect()")
	p.same(p.untilMessages(3), []string{"2 " + ch + " two", "3 " + ch + " three", "4 " + ch + " four"})
	seen := p.requests(ch)
	if last := seen[len(seen)-1]; strings.Contains(last, ".b1") || !strings.Contains(last, "%20GMT&eventid=") {
		p.T.Errorf("its last request is %s", last)
	}
}
