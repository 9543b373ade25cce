package pagetest

import (
	"fmt"
	"slices"

	"alertrelay/relay/relaytest"
)

func requestsAreTheirs(p *pushPage) {
	a, b := p.mode+"A", p.mode+"B"
	p.start(fmt.Sprintf("{%s: 2, %s: 0}", a, b), "extraParams: {x: 1}")
	p.untilIs("OPEN")
	p.subscribed(b, 0)
	n := relaytest.Eval[int](p.Tab, "client.number")
	want := map[string]string{
		"eventsource": fmt.Sprintf("GET /ev/%s.b2/%s?x=1&_=<ms>&tag=&time=&eventid=", a, b),
		"websocket":   fmt.Sprintf("GET /ws/%s.b2/%s?x=1&_=<ms>&tag=&time=&eventid=", a, b),
		"stream":      fmt.Sprintf("GET /sub/%s.b2/%s?x=1&_=<ms>&streamid=%d&tag=&time=&eventid=", a, b, n),
		"longpolling": fmt.Sprintf("GET /lp/%s.b2/%s?&x=1&tag=&time=&eventid=&_=<ms> | If-None-Match: 0 | If-Modified-Since: null", a, b),
		"jsonp":       fmt.Sprintf("GET /lp/%s.b2/%s?&x=1&tag=&time=&eventid=&callback=PushStreamManager_%d_onmessage_<ms>&_=<ms>", a, b, n),
	}[p.mode]
	if got := p.requests(a + ".b2/" + b)[0]; got != want {
		p.T.Errorf("got  %s\nwant %s", got, want)
	}

	// Others, because a client in header mode gets what it goes back for again and again.
	a, b = p.mode+"C", p.mode+"D"
	p.start(fmt.Sprintf("{%s: 0, %s: 0}", a, b), byArgument)
	p.untilIs("OPEN")
	p.subscribed(b, 0)
	p.run("sendMessage('for both')")
	p.same(p.untilMessages(2), []string{"1 " + a + " for both", "1 " + b + " for both"})
	if p.mode == "websocket" {
		return
	}
	want = fmt.Sprintf("POST /pub?id=/%s/%s&_=<ms> | Content-Type: application/x-www-form-urlencoded | Accept: application/json", a, b)
	if got := p.requests("/pub?id=/" + a + "/" + b); !slices.Equal(got, []string{want}) {
		p.T.Errorf("got  %q\nwant %q", got, want)
	}
}

// batch: what a poll gets at once ends with the one that is told to be the last.
func batch(p *pushPage) {
	ch := p.mode + "batch"
	for _, text := range []string{"one", "two", "three"} {
		p.publish(p.T, ch, text, "")
	}
	p.start(fmt.Sprintf("{%s: 3}", ch), byArgument)
	p.same(p.untilMessages(3), []string{"1 " + ch + " one", "2 " + ch + " two", "3 " + ch + " three"})
	want := []bool{true, true, true}
	if p.mode == "longpolling" || p.mode == "jsonp" {
		want = []bool{false, false, true}
	}
	if got := relaytest.Eval[[]bool](p.Tab, "messages.map((m) => m[4])"); !slices.Equal(got, want) {
		p.T.Errorf("got isLastOfBatch %v, want %v", got, want)
	}
}

func pollTimesOut(p *pushPage) {
	ch := p.mode + "times-out"
	p.start(fmt.Sprintf("{%q: 0}", ch), "timeout: 900, prefixes: {longpolling: '/lpttl', jsonp: '/lpttl'}")
	relaytest.Eventually(p.T, "a third poll", func() bool { return len(p.requests("/lpttl/"+ch+"?")) >= 3 })
	p.untilIs("OPEN")
	p.subscribed(ch, 0)
	p.publish(p.T, ch, "at last", "")
	p.same(p.untilMessages(1), []string{"1 " + ch + " at last"})
	if got := relaytest.Eval[int](p.Tab, "errors.length"); got != 0 {
		p.T.Errorf("got %d errors", got)
	}
}

// headersCarryCursor: nothing is lost between two polls.
func headersCarryCursor(p *pushPage) {
	ch := p.mode + "headers"
	p.start(fmt.Sprintf("{%s: 0}", ch), "pollPause: 1")
	p.subscribed(ch, 0)
	var want []string
	for i := range 30 {
		p.publish(p.T, ch, fmt.Sprint("m", i), "")
		want = append(want, fmt.Sprintf("%d %s m%d", i+1, ch, i))
	}
	p.same(p.untilMessages(len(want)), want)
	if got := p.requests("/lp/" + ch + "?&tag=&time=&eventid=&_=<ms> | If-None-Match: W/"); len(got) == 0 {
		p.T.Errorf("its requests are %q", p.requests("/lp/"+ch))
	}
}

func closeCodes(p *pushPage) {
	const codes = "errors.map((e) => `${e.type} ${e.code}`)"
	p.start("{closeCodes: 0}", "autoReconnect: false, prefixes: {websocket: '/wsttl'}")
	p.Until("errors.length === 1")
	p.start("{ALL: 0}", "autoReconnect: false") // refused after the handshake
	p.Until("errors.length === 2")
	if got, want := relaytest.Eval[[]string](p.Tab, codes), []string{"timeout 1005", "timeout 1008"}; !slices.Equal(got, want) {
		p.T.Errorf("got %q, want %q", got, want)
	}
}

func channelsByArgument(p *pushPage) {
	p.publish(p.T, "argA", "stored", "")
	p.start("{argA: 2, argB: 0}", "channelsByArgument: true, extraParams: {x: 1}, prefixes: {eventsource: '/evarg'}")
	p.untilMessages(1)
	p.subscribed("argB", 0)
	p.publish(p.T, "argB", "live", "")
	p.same(p.untilMessages(2), []string{"1 argA stored", "1 argB live"})
	want := []string{"GET /evarg?x=1&_=<ms>&tag=&time=&eventid=&channels=argA.b2%2FargB"}
	if got := p.requests("/evarg"); !slices.Equal(got, want) {
		p.T.Errorf("got %q, want %q", got, want)
	}
}

// reconnectsByItself: the browser comes back with Last-Event-ID, three seconds
// after the server's ttl.
func reconnectsByItself(p *pushPage) {
	ch := p.mode + "itself"
	p.start(fmt.Sprintf("{%s: 0}", ch), "prefixes: {eventsource: '/evttl'}")
	p.subscribed(ch, 0)
	p.publish(p.T, ch, "one", "event 1")
	p.untilMessages(1)
	p.subscribers(p.T, ch, 0)
	p.publish(p.T, ch, "two", "event 2")
	p.same(p.untilMessages(2), []string{"1 " + ch + " one", "2 " + ch + " two"})
	if got := relaytest.Eval[[]string](p.Tab, "states"); !slices.Equal(got, []string{"CONNECTING", "OPEN"}) {
		p.T.Errorf("got the states %q", got)
	}
}
