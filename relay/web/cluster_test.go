package web_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"alertrelay/relay"
)

// pair is two relays on one NATS that have heard of each other.
func pair(t *testing.T, change ...func(*setup)) (a, b *server) {
	t.Helper()
	a = serverE(t, append(slices.Clip(change), func(o *setup) { o.restartable = true })...)
	b = serverE(t, append(slices.Clip(change), func(o *setup) { o.join = a })...)
	for _, s := range []*server{a, b} {
		eventually(t, "relays see each other", func() bool { return s.peers.Seen() == 1 })
	}
	return a, b
}

// kill cuts a relay off from NATS, for good.
func (s *server) kill() {
	s.killed.Store(true)
	s.conn.Close()
}

// counts are the subscribers of the summary, in all and by relay.
func (s *server) counts(t *testing.T) (all int, each []int) {
	t.Helper()
	var sum struct {
		Subscribers int
		ByWorker    []struct {
			PID         string
			Subscribers int
		} `json:"by_worker"`
	}
	r := s.get(t, "GET /stats")
	if err := json.Unmarshal([]byte(r.body), &sum); err != nil {
		t.Fatalf("%q: %v", r.body, err)
	}
	for _, w := range sum.ByWorker {
		if w.PID != fmt.Sprint(os.Getpid()) {
			t.Errorf("got pid %s", w.PID)
		}
		each = append(each, w.Subscribers)
	}
	return sum.Subscribers, each
}

func channelJSON(id string, published, stored, subscribers int) string {
	return fmt.Sprintf(`{"channel": %q, "published_messages": %d, "stored_messages": %d, "subscribers": %d}`, id, published, stored, subscribers)
}

func TestRelaysAddUpTheirSubscribers(t *testing.T) {
	t.Parallel()
	a, b := pair(t, func(o *setup) { o.hub.EventsChannel = "" })
	a.say("x", "1")
	tag := b.say("db.1", "1")
	eventually(t, "the other relay has it", func() bool { return a.hub.Applied() >= tag })
	for range 2 {
		a.open(t, "GET /sub/x").response()
	}
	for _, path := range []string{"/sub/x", "/es/x/db.1", "/sub/only-b"} {
		b.open(t, "GET "+path).response()
	}
	a.subscribers(2)
	b.subscribers(3)
	for _, s := range []*server{a, b} {
		eventually(t, "the summary has both", func() bool {
			all, each := s.counts(t)
			slices.Sort(each)
			return all == 5 && slices.Equal(each, []int{2, 3})
		})
		for _, path := range []string{"/stats?id=x", "/pub?id=x"} {
			eventually(t, path, func() bool { return s.get(t, "GET "+path).body == channelJSON("x", 1, 1, 4)+"\r\n" })
		}
		// A channel without messages exists where it has a subscriber.
		eventually(t, "only-b", func() bool { return s.get(t, "GET /pub?id=only-b").body == channelJSON("only-b", 0, 0, 1)+"\r\n" })
		all := []string{channelJSON("x", 1, 1, 4), channelJSON("db.1", 1, 1, 1), channelJSON("only-b", 0, 0, 1)}
		eventually(t, "ALL has both", func() bool {
			_, list, _ := strings.Cut(s.get(t, "GET /stats?id=ALL").body, "[\r\n")
			return list == strings.Join(all, ",\r\n")+"\r\n]}\r\n"
		})
		eventually(t, "a prefix has both", func() bool {
			_, list, _ := strings.Cut(s.get(t, "GET /stats?id=db*").body, "[\r\n")
			return list == all[1]+"\r\n]}\r\n"
		})
		for _, accept := range []string{"text/plain", "application/yaml", "application/xml"} {
			body := s.get(t, "GET /stats", "Accept: "+accept).body
			if n := strings.Count(body, "pid: ") + strings.Count(body, "<pid>"); n != 2 {
				t.Errorf("%s does not list both relays: %q", accept, body)
			}
		}
	}
	if got := a.do(t, "POST /pub?id=x", "2").body; got != channelJSON("x", 2, 2, 4)+"\r\n" {
		t.Errorf("got %q from a publish", got)
	}
	if got := a.do(t, "DELETE /pub?id=only-b", "").status; got != "200 OK" {
		t.Errorf("a channel that the other relay has: got %q", got)
	}
	b.subscribers(2)

	// Killed, it is left out at once, and forgotten a little later.
	b.kill()
	begin := time.Now()
	eventually(t, "the killed relay does not count", func() bool {
		all, each := a.counts(t)
		return all == 2 && len(each) == 1 && a.get(t, "GET /stats?id=x").body == channelJSON("x", 2, 2, 2)+"\r\n"
	})
	if d := time.Since(begin); d > 5*time.Second {
		t.Errorf("it counted for %v", d)
	}
	// A publish does not wait for it, again and again.
	begin = time.Now()
	for i := range 20 {
		a.do(t, fmt.Sprintf("POST /pub?id=y%d", i), "1")
	}
	if d := time.Since(begin); d > 2*time.Second {
		t.Errorf("20 publishes took %v", d)
	}
	eventually(t, "it is forgotten", func() bool { return a.peers.Seen() == 0 && a.peers.Alone() })
}

// A deletion at one relay reaches the subscribers of the other, however they are
// connected.
func TestDeletionReachesAllRelays(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	tag := a.say("x", "1")
	eventually(t, "the other relay has it", func() bool { return b.hub.Applied() >= tag })
	stream, event, poll := b.open(t, "GET /sub/x"), b.open(t, "GET /es/x"), b.open(t, "GET /wait/x")
	ws := b.open(t, "GET /ws/x", upgrade("13")...)
	here := a.open(t, "GET /sub/x")
	b.listeners(t, "x", 4)
	a.listeners(t, "x", 1)
	if got := a.do(t, "DELETE /pub?id=x", "bye").status; got != "200 OK" {
		t.Fatalf("got %q", got)
	}
	for _, tt := range []struct {
		c    *conn
		want string
	}{{stream, "HEADbye"}, {event, "data: bye\n\n"}, {here, "HEADbye"}} {
		if got := tt.c.response().all(); !strings.HasSuffix(got, tt.want) {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
	if got := poll.response().all(); !strings.HasPrefix(got, "{-2,0,") || !strings.HasSuffix(got, ",bye}") {
		t.Errorf("long poll: got %q", got)
	}
	ws.response()
	if got, want := ws.take(7), "\x81\x03bye\x88\x00"; got != want {
		t.Errorf("websocket: got %q, want %q", got, want)
	}
	for _, s := range []*server{a, b} {
		s.subscribers(0)
		// The other relay may have answered for its subscribers just before.
		eventually(t, "the channel is gone", func() bool { return s.get(t, "GET /pub?id=x").status == "404 Not Found" })
	}
}

// Both relays make and end channels at the same time, and each event is told
// once.
func TestEventsOfSeveralRelays(t *testing.T) {
	t.Parallel()
	a, b := pair(t)
	const channels = 20
	var wg sync.WaitGroup
	conns := make([]*conn, 2*channels)
	for i := range conns {
		s := []*server{a, b}[i%2]
		id := fmt.Sprintf("c%d", i/2)
		wg.Go(func() {
			if i/2%2 == 0 { // half of them are made by publishes
				s.do(t, "POST /pub?id="+id, "1")
			}
			conns[i] = s.open(t, "GET /sub/"+id)
			conns[i].response()
		})
	}
	wg.Wait()
	a.subscribers(channels)
	b.subscribers(channels)
	for _, s := range []*server{a, b} {
		s.told(t, "60") // 20 created, 40 subscribed
	}
	for i := range channels {
		wg.Go(func() { []*server{a, b}[i%2].do(t, fmt.Sprintf("DELETE /pub?id=c%d", i), "") })
	}
	wg.Wait()
	for _, s := range []*server{a, b} {
		s.told(t, "120") // 40 unsubscribed, 20 destroyed
	}
	at := make(map[string][]int)
	for i, e := range a.events(t) {
		at[e] = append(at[e], i)
	}
	for i := range channels {
		id := fmt.Sprintf(" c%d", i)
		created, subscribed := at["channel_created"+id], at["client_subscribed"+id]
		unsubscribed, destroyed := at["client_unsubscribed"+id], at["channel_destroyed"+id]
		if len(created) != 1 || len(subscribed) != 2 || len(unsubscribed) != 2 || len(destroyed) != 1 {
			t.Errorf("%s: got %v, %v, %v, %v", id, created, subscribed, unsubscribed, destroyed)
			continue
		}
		if created[0] > subscribed[0] || subscribed[1] > unsubscribed[0] || unsubscribed[1] > destroyed[0] {
			t.Errorf("%s: got %v, %v, %v, %v", id, created, subscribed, unsubscribed, destroyed)
		}
	}
	if !slices.Equal(a.events(t), b.events(t)) {
		t.Error("the relays tell different stories")
	}
}

// A channel that one relay finds idle stays while the other has a subscriber, and
// when it ends, both number from 1 again; so does a relay that starts later.
func TestRelaysAgreeOnNumbers(t *testing.T) {
	t.Parallel()
	for _, events := range []string{eventsID, ""} {
		t.Run("events channel "+events, func(t *testing.T) {
			t.Parallel()
			change := func(o *setup) { o.hub.EventsChannel, o.hub.Inactivity = events, 500*time.Millisecond }
			a, b := pair(t, change)
			unstored := func(s *server, channel string) {
				s.publish(relay.Publication{Channel: channel, Text: []byte("m"), Unstored: true})
			}
			published := func(s *server, channel string) uint64 { c, _ := s.hub.Channel(channel); return c.Published }
			c := b.open(t, "GET /sub/x")
			c.response()
			b.listeners(t, "x", 1)
			unstored(a, "x")
			a.say("kept", "1", "2")
			time.Sleep(5 * time.Second) // two sweeps
			unstored(b, "x")
			eventually(t, "relays agree", func() bool { return published(a, "x") == 2 && published(b, "x") == 2 })
			c.Close()
			for _, s := range []*server{a, b} {
				eventually(t, "the channel ends", func() bool { _, ok := s.hub.Channel("x"); return !ok })
			}
			unstored(a, "x")
			eventually(t, "relays agree again", func() bool { return published(a, "x") == 1 && published(b, "x") == 1 })
			a.say("x", "stored")

			late := serverE(t, change, func(o *setup) { o.join = a })
			for _, s := range []*server{a, b, late} {
				id := s.say("kept", "more")
				rep, err := s.hub.Replay(t.Context(), []relay.Request{{Channel: "kept", Backtrack: 1}}, relay.Cursor{})
				if err != nil || len(rep.Entries) != 1 || rep.Entries[0].Message().Seq != id {
					t.Fatalf("got %v, %v", rep.Entries, err)
				}
			}
			for _, s := range []*server{a, b, late} {
				eventually(t, "kept agrees", func() bool { return published(s, "kept") == 5 })
			}
		})
	}
}
