package pagetest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"alertrelay/relay/relaytest"
)

// openClockPage opens a page in which only the test has time pass. What the relay
// does takes its own time.
func openClockPage(t *testing.T, browser context.Context, s *pushSite, mode string) *pushPage {
	t.Helper()
	return &pushPage{Tab: relaytest.OpenTab(t, browser, s.url+"/?clock"), pushSite: s, mode: mode}
}

// pass has milliseconds pass in the page.
func (p *pushPage) pass(ms int) {
	p.T.Helper()
	relaytest.Eval[any](p.Tab, fmt.Sprintf("clock.pass(%d), null", ms))
}

// passed is pass, and expects the client to be in a state then: at once, before
// anything that this sets going can be over.
func (p *pushPage) passed(ms int, state string) {
	p.T.Helper()
	if got := relaytest.Eval[string](p.Tab, fmt.Sprintf("clock.pass(%d), states.at(-1)", ms)); got != state {
		p.T.Errorf("got the state %s after %d ms, want %s", got, ms, state)
	}
}

// is expects the client to be in a state now.
func (p *pushPage) is(state string) {
	p.T.Helper()
	if got := relaytest.Eval[string](p.Tab, "states.at(-1)"); got != state {
		p.T.Errorf("got the state %s, want %s", got, state)
	}
}

// failed expects the errors so far.
func (p *pushPage) failed(types ...string) {
	p.T.Helper()
	if got := relaytest.Eval[[]string](p.Tab, "errors.map((e) => e.type)"); !slices.Equal(got, types) {
		p.T.Errorf("got the errors %q, want %q", got, types)
	}
}

// The timers of a client as pushstream.js is one, with its intervals (protocol 12).
func TestPushStreamClientTimers(t *testing.T) {
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
				{"a load error is followed by another try after 60 s", triesAfterLoadError, ""},
				{"a timeout is followed by another try after 3 s", triesAfterTimeout, "stream websocket longpolling"},
				{"nothing for 30 s is a timeout", silenceIsTimeout, "stream"},
				{"pings keep it open", pingsKeepOpen, "stream"},
				{"a poll without an answer is given up after 32 s", givesPollUp, "longpolling jsonp"},
				{"100 ms are between two polls", pausesBetweenPolls, "longpolling"},
				{"a script's error is a refusal in the first half of the timeout", scriptErrors, "jsonp"},
			} {
				if item.in != "" && !slices.Contains(strings.Fields(item.in), mode) {
					continue
				}
				t.Run(item.name, func(t *testing.T) {
					p := openClockPage(t, browser, s, mode)
					item.test(p)
					p.run("disconnect()")
					p.Fine()
				})
			}
		})
	}
}

const refusing = "prefixes: {stream: '/pub', eventsource: '/pub', websocket: '/pub', longpolling: '/pub', jsonp: '/pub'}"

func triesAfterLoadError(p *pushPage) {
	p.start("{ch: 0}", refusing)
	p.Until("errors.length === 1")
	p.failed("load")
	p.passed(59_999, "CLOSED")
	p.passed(1, "CONNECTING")
	p.Until("errors.length === 2")
	p.failed("load", "load")
	p.run("disconnect()") // nor does it try again
	p.passed(120_000, "CLOSED")
	if got := len(p.requests("/pub/ch?")); got != 2 {
		p.T.Errorf("got %d requests", got)
	}
}

func triesAfterTimeout(p *pushPage) {
	ch := p.mode + "timeout"
	if p.mode == "longpolling" {
		p.start(fmt.Sprintf("{%s: 0}", ch), "")
		p.subscribed(ch, 0)
		p.passed(150, "OPEN")
		p.cut()
	} else {
		p.start(fmt.Sprintf("{%s: 0}", ch), "prefixes: {stream: '/subttl', websocket: '/wsttl'}")
	}
	p.Until("errors.length === 1")
	p.failed("timeout")
	relaytest.Eval[any](p.Tab, "client.o.prefixes = {stream: '/sub', websocket: '/ws', longpolling: '/lp'}, null")
	p.passed(2_999, "CLOSED")
	p.passed(1, "CONNECTING")
	p.subscribed(ch, 0)
	p.publish(p.T, ch, "again", "")
	p.Until("messages.at(-1)?.[0] === 'again'")
	p.failed("timeout")
}

func silenceIsTimeout(p *pushPage) {
	const ch = "silence"
	p.start("{silence: 0}", "")
	p.untilIs("OPEN")
	p.passed(29_999, "OPEN")
	p.publish(p.T, ch, "a message", "") // begins it anew
	p.untilMessages(1)
	p.passed(29_999, "OPEN")
	p.subscribers(p.T, ch, 1)
	p.pass(1)
	// A ping of the relay's, every 10 s of real time, may have come in between.
	for try := 0; try < 60 && relaytest.Eval[int](p.Tab, "errors.length") == 0; try++ {
		p.pass(1_000)
	}
	p.failed("timeout")
	p.is("CLOSED")
	p.subscribers(p.T, ch, 0)
	p.pass(3_000)
	p.untilIs("OPEN")
	p.subscribers(p.T, ch, 1)
}

func pingsKeepOpen(p *pushPage) {
	p.start("{pinged: 0}", "prefixes: {stream: '/subping'}")
	p.untilIs("OPEN")
	for range 5 { // more than twice the timeout
		p.pass(20_000)
		pings := relaytest.Eval[int](p.Tab, "client.pings")
		p.Until(fmt.Sprintf("client.pings > %d", pings))
	}
	p.is("OPEN")
	p.failed()
}

func givesPollUp(p *pushPage) {
	ch := p.mode + "given-up"
	p.start(fmt.Sprintf("{%q: 0}", ch), "")
	p.subscribed(ch, 0)
	p.passed(149, "CONNECTING")
	p.passed(1, "OPEN")
	p.pass(31_849)
	if got := relaytest.Eval[bool](p.Tab, "client.connection.waiting"); !got {
		p.T.Error("the poll is given up before its time")
	}
	p.pass(1)
	if got := relaytest.Eval[bool](p.Tab, "client.connection.waiting"); got {
		p.T.Error("the poll is not given up")
	}
	if p.mode == "longpolling" { // a script cannot be cut off
		p.subscribers(p.T, ch, 0)
	}
	p.pass(100)
	p.subscribed(ch, 1)
	if got := len(p.requests("/lp/" + ch + "?")); got != 2 {
		p.T.Errorf("got %d polls", got)
	}
	p.publish(p.T, ch, "at last", "") // also to the one that was given up
	p.untilMessages(1)
	p.pass(100)
	p.subscribed(ch, 0)
	p.same(p.untilMessages(1), []string{"1 " + ch + " at last"})
	p.failed()
}

func pausesBetweenPolls(p *pushPage) {
	const waiting, polls = "client.connection.waiting", "client.connection.polls"
	p.start("{pauses: 0}", "prefixes: {longpolling: '/lpttl'}")
	for n := 1; n <= 2; n++ {
		p.Until("!" + waiting) // the 304 has come
		p.is("OPEN")
		p.pass(99)
		if got := relaytest.Eval[int](p.Tab, polls); got != n {
			p.T.Errorf("got %d polls, want %d", got, n)
		}
		p.pass(1)
		if got := relaytest.Eval[int](p.Tab, polls); got != n+1 {
			p.T.Errorf("got %d polls, want %d", got, n+1)
		}
	}
	p.failed()
}

func scriptErrors(p *pushPage) {
	const ch = "scripts"
	p.start("{scripts: 0}", "")
	p.subscribed(ch, 0)
	p.passed(14_999, "OPEN")
	p.cut()
	p.Until("errors.length === 1")
	p.failed("load")
	p.passed(59_999, "CLOSED")
	p.passed(1, "CONNECTING")
	p.subscribed(ch, 0)
	p.passed(15_000, "OPEN")
	p.cut()
	p.Until("!client.connection.waiting") // as if it had been answered with nothing
	p.passed(100, "OPEN")
	p.subscribed(ch, 0)
	p.publish(p.T, ch, "at last", "")
	p.same(p.untilMessages(1), []string{"1 scripts at last"})
	p.failed("load")
}
