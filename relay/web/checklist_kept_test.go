package web_test

import (
	"fmt"
	"regexp"
	"sync"
	"testing"

	"alertrelay/relay/site"
)

// Thousands of publishes to one channel and to two, over kept connections, each
// with the very answer; and with none, where it is not asked for (checklist 226,
// 227).
func TestChecklistPublishesOnKeptConnections(t *testing.T) {
	t.Parallel()
	s := newServer(t, []site.Location{
		at(site.ModePublisher, "/pub"),
		at(site.ModePublisher, "/quiet", func(l *site.Location) { l.Info = false }),
	})
	const connections, each = 2, 250
	var wg sync.WaitGroup
	for _, path := range []string{"/pub", "/quiet"} {
		for i := range connections {
			wg.Go(func() { s.publishKept(t, path, i, each) })
		}
	}
	wg.Wait()
	const channels = 2 * connections * each
	if got := s.hub.ChannelCount(); got != channels+2*connections {
		t.Errorf("got %d channels", got)
	}
	if got := s.hub.Stats().Published; got != 3*channels {
		t.Errorf("got %d messages, want %d", got, 3*channels)
	}
}

var groupOfTwo = `\A\{"hostname": "[^"]+", "time": "[^"]+", "channels": \d+, "wildcard_channels": 0, "uptime": \d+, "infos": \[\r\n` +
	`\{"channel": "%s", "published_messages": 2, "stored_messages": 2, "subscribers": 0\},\r\n` +
	`\{"channel": "%s", "published_messages": %d, "stored_messages": %d, "subscribers": 0\}\r\n\]\}\r\n\z`

// publishKept publishes to n channels, one after the other, first alone and then
// together with a channel that is always the same.
func (s *server) publishKept(t *testing.T, path string, number, n int) {
	c := s.dial(t)
	defer c.Close()
	shared := fmt.Sprintf("shared%s%d", path[1:], number)
	for i := range n {
		channel := fmt.Sprintf("ch%s%d.%d", path[1:], number, i)
		answer := func(id string) (string, bool) {
			c.request("POST "+path+"?id="+id, "channel started")
			r, err := c.head()
			if err != nil {
				t.Errorf("%s: %v", id, err)
				return "", false
			}
			connection, _ := r.header("Connection")
			r.all()
			if r.status != "200 OK" || connection != "keep-alive" {
				t.Errorf("%s: got %s, %q", id, r.status, r.headers)
				return "", false
			}
			return r.body, true
		}
		single, ok := answer(channel)
		if !ok {
			return
		}
		group, ok := answer(channel + "/" + shared)
		if !ok {
			return
		}
		if path == "/quiet" {
			if single != "" || group != "" {
				t.Errorf("%s: got %q and %q", channel, single, group)
				return
			}
			continue
		}
		if want := fmt.Sprintf(`{"channel": "%s", "published_messages": 1, "stored_messages": 1, "subscribers": 0}`+"\r\n", channel); single != want {
			t.Errorf("got %q, want %q", single, want)
			return
		}
		want := fmt.Sprintf(groupOfTwo, regexp.QuoteMeta(channel), shared, i+1, i+1)
		if !regexp.MustCompile(want).MatchString(group) {
			t.Errorf("%s: got %q, want %s", channel, group, want)
			return
		}
	}
}

// Five hundred long polls on one connection, each with a body of one chunk
// (checklist 229).
func TestChecklistLongPollsOnOneConnection(t *testing.T) {
	t.Parallel()
	s := newServer(t, []site.Location{at(site.ModeLongPoll, "/lp/")})
	c := s.dial(t)
	for i := range 500 {
		c.request("GET /lp/a", "")
		s.listeners(t, "a", 1)
		text := fmt.Sprintf("long poll number %05d", i)
		s.say("a", text)
		r := c.response()
		want := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(text), text)
		if r.status != "200 OK" || !r.chunked {
			t.Fatalf("got %s, %q", r.status, r.headers)
		}
		if got := c.take(len(want)); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
		s.listeners(t, "a", 0)
	}
	c.silent()
}
