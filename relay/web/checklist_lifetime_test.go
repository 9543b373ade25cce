package web_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"alertrelay/relay/site"
)

// Events go on after a reload, for followers of before and after it
// (checklist 225).
func TestChecklistEventsAfterReload(t *testing.T) {
	t.Parallel()
	s := fromNginx(t, "../conf/testdata/server-e.conf", func(o *setup) { o.hub.MaxChannels = 0 })
	follow := func() *response { return s.open(t, "GET /evs/evs").response() }
	before := follow()
	s.listeners(t, eventsID, 1)
	s.say("a", "1")
	s.told(t, "1")
	next := s.opts.site
	next.PingText = "another site"
	if err := s.web.Reload(t.Context(), next, nil); err != nil {
		t.Fatal(err)
	}
	s.say("a", "2") // exists still: no event
	s.say("b", "1")
	s.told(t, "2")
	held := s.open(t, "GET /sub/b")
	held.response()
	s.told(t, "3")
	held.Close()
	s.told(t, "4")
	s.remove("b", "")
	s.told(t, "5")
	want := "HEAD" + eventText("channel_created", "a") + eventText("channel_created", "b") + eventText("client_subscribed", "b") +
		eventText("client_unsubscribed", "b") + eventText("channel_destroyed", "b")
	if got := before.until("all events", func(body string) bool { return len(body) >= len(want) }); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	before.c.Close()
	s.listeners(t, eventsID, 0)
	after := follow()
	s.listeners(t, eventsID, 1)
	s.say("c", "1")
	want = "HEAD" + eventText("channel_created", "c")
	if got := after.until("the event", func(body string) bool { return len(body) >= len(want) }); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The time to live of a subscriber begins when it comes, not when another of the
// same location came (checklist 60).
func TestChecklistTTLOfEach(t *testing.T) {
	t.Parallel()
	const ttl, ping = 600 * time.Millisecond, 200 * time.Millisecond
	s := newServer(t, []site.Location{at(site.ModeStream, "/sub/", func(l *site.Location) {
		l.Header, l.Footer, l.TTL, l.PingInterval = "HEAD", "FOOT", ttl, ping
	})})
	var held []*response
	var begun []time.Time
	for i := range 3 { // each comes when the one before has had a ping
		begun = append(begun, time.Now())
		held = append(held, s.open(t, fmt.Sprintf("GET /sub/a%d", i%2)).response())
		held[i].until("a ping", func(body string) bool { return len(body) > len("HEAD") })
	}
	for i, r := range held {
		got := r.all()
		// A wheel counts time in steps, hence not to the millisecond.
		if lived := time.Since(begun[i]); lived < ttl-50*time.Millisecond {
			t.Errorf("subscriber %d lived for %v", i, lived)
		}
		if !strings.HasPrefix(got, "HEAD ") || !strings.HasSuffix(got, "FOOT") {
			t.Errorf("got %q", got)
		}
	}
}
