package web_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"alertrelay/relay"
	"alertrelay/relay/site"
	"alertrelay/relay/store"
)

const eventsID = "evs"

// serverE is server E of protocol section 16 without its limits, and with more
// locations.
func serverE(t *testing.T, change ...func(*setup)) *server {
	t.Helper()
	head := func(l *site.Location) { l.Header = "HEAD" }
	events := func(l *site.Location) { l.AllowEvents = true }
	publish := func(l *site.Location) { l.AllowPublish = true }
	template := func(text string) func(*site.Location) { return func(l *site.Location) { l.Template = text } }
	return newServer(t, []site.Location{
		at(site.ModeStatistics, "/stats"),
		at(site.ModeAdmin, "/pub"),
		at(site.ModeStream, "/sub/", head),
		at(site.ModeStream, "/evs/", head, events),
		at(site.ModeEventSource, "/es/", events),
		at(site.ModeLongPoll, "/lp/", template("{~id~,~tag~,~time~,~text~}"), func(l *site.Location) { l.PollTTL = 300 * time.Millisecond }),
		// Not of section 16:
		at(site.ModeLongPoll, "/wait/", template("{~id~,~tag~,~text~}")),
		at(site.ModePoll, "/po/"),
		at(site.ModeStream, "/ttl/", func(l *site.Location) { l.TTL = 200 * time.Millisecond }),
		at(site.ModeWebSocket, "/ws/", publish),
		at(site.ModeWebSocket, "/wse/", publish, events),
		at(site.ModeStream, "/any/", events, func(l *site.Location) { l.Wildcards = true }),
	}, append([]func(*setup){func(o *setup) {
		o.hub.EventsChannel, o.hub.DeletedText = eventsID, "gone"
		o.site.TimeoutBody = true
	}}, change...)...)
}

// told waits until n events have been told, and looks a little later whether
// there are more.
func (s *server) told(t testing.TB, n string) {
	t.Helper()
	want, err := strconv.Atoi(n)
	if err != nil {
		t.Fatal(err)
	}
	published := func() int {
		stats, _ := s.hub.Channel(eventsID)
		return int(stats.Published)
	}
	eventually(t, n+" events", func() bool { return published() >= want })
	time.Sleep(quiet)
	if got := published(); got != want {
		t.Errorf("got %d events, want %d: %v", got, want, s.events(t))
	}
}

// events are the types and channels of all events so far.
func (s *server) events(t testing.TB) []string {
	t.Helper()
	rep, err := s.hub.Replay(t.Context(), []relay.Request{{Channel: eventsID, Backtrack: 10_000}}, relay.Cursor{})
	if err != nil {
		t.Fatal(err)
	}
	all := make([]string, len(rep.Entries))
	for i, e := range rep.Entries {
		m := e.Message()
		text := strings.TrimSuffix(strings.TrimPrefix(string(m.Text), `{"type": "`+*m.EventType+`", "channel": "`), `"}`)
		all[i] = *m.EventType + " " + text
	}
	return all
}

func eventText(kind, channel string) string {
	return fmt.Sprintf(`{"type": %q, "channel": %q}`, kind, channel)
}

// T37 and T50 to T55, in their order: the numbers are made by what came before.
func TestTranscriptsE(t *testing.T) {
	t.Parallel()
	s := fromNginx(t, "../conf/testdata/server-e.conf", func(o *setup) {
		o.site.Servers[0].Locations = append(o.site.Servers[0].Locations, at(site.ModePoll, "/po/")) // not of section 16
	})
	play := func(name, text string) {
		t.Helper()
		t.Run(name, func(t *testing.T) { s.play(t, text) })
	}
	play("T37 long poll with body on timeout", `
		> GET /lp/t37
		< 200 OK | Content-Type: text/plain | Last-Modified: <NOW> | Etag: W/0 | chunks "{-3,0,Thu, 01 Jan 1970 00:00:00 GMT,Timed out}" | END
		> GET /lp/t37?callback=cb
		< 200 OK | Content-Type: application/javascript | Last-Modified: <NOW> | Etag: W/0 | chunks "cb" "([" "{-3,0,Thu, 01 Jan 1970 00:00:00 GMT,Timed out}" "]);" | END
		# EVENTS 5`)
	play("T50 events channel is closed by default; publisher can only read it (222, 223)", `
		> GET /sub/evs
		< 403 Forbidden | X-Nginx-PushStream-Explain: Subscription to events channel is not allowed. | no body
		> GET /sub/x/evs
		< 403 Forbidden | X-Nginx-PushStream-Explain: Subscription to events channel is not allowed. | no body
		> GET /po/evs
		< 403 Forbidden | X-Nginx-PushStream-Explain: Subscription to events channel is not allowed. | no body
		> GET /pub?id=evs
		< 200 OK | Content-Type: application/json | body "{"channel": "evs", "published_messages": 5, "stored_messages": 5, "subscribers": 0}\r\n"
		> DELETE /pub?id=evs
		< 403 Forbidden | X-Nginx-PushStream-Explain: Only internal routines can change events channel. | no body
		> POST /pub?id=evs | body "forged"
		< 403 Forbidden | X-Nginx-PushStream-Explain: Only internal routines can change events channel. | no body
		> POST /pub?id=x/evs | body "forged"
		< 403 Forbidden | X-Nginx-PushStream-Explain: Only internal routines can change events channel. | no body
		# EVENTS 5`)
	t.Run("T51 events: sequence for publish, subscribe, delete", func(t *testing.T) {
		follower := s.open(t, "GET /evs/evs").response()
		s.listeners(t, eventsID, 1)
		s.do(t, "POST /pub?id=t51", "m")
		held := s.open(t, "GET /sub/t51")
		held.response()
		s.listeners(t, "t51", 1)
		s.told(t, "7")
		s.do(t, "DELETE /pub?id=t51", "")
		want := []string{"HEAD", eventText("channel_created", "t51"), eventText("client_subscribed", "t51"), eventText("client_unsubscribed", "t51"), eventText("channel_destroyed", "t51")}
		begin := time.Now()
		follower.until("all events", func(body string) bool { return len(body) >= len(strings.Join(want, "")) })
		if !slices.Equal(follower.chunks, want) {
			t.Errorf("got %q, want %q", follower.chunks, want)
		}
		if d := time.Since(begin); d > 5*time.Second {
			t.Errorf("the end came after %v", d)
		}
		follower.c.Close()
		s.listeners(t, eventsID, 0)
	})
	play("T52 events as eventsource carry an event: line", `
		# POST t52 "m"
		# EVENTS 10
		> GET /es/evs.b1
		< 200 OK | Content-Type: text/event-stream; charset=utf-8 | chunks ": \n" "event: channel_created\n" "data: {"type": "channel_created", "channel": "t52"}\n\n" (open)`)
	s.listeners(t, eventsID, 0)
	t.Run("T53 limits: subscribers per channel, number of channels", func(t *testing.T) {
		held := s.open(t, "GET /sub/t52")
		held.response()
		s.do(t, "POST /pub?id=t53b", "m")
		s.play(t, `
			> GET /sub/t52
			< 403 Forbidden | X-Nginx-PushStream-Explain: Subscribers limit per channel has been exceeded. | no body`)
		s.told(t, "12")
		held.Close()
		s.play(t, `
			# EVENTS 13
			> GET /stats?id=ALL
			< 200 OK | Content-Type: application/json | body "{"hostname": "<HOST>", "time": "<ISO>", "channels": 4, "wildcard_channels": 0, "uptime": <N>, "infos": [\r\n{"channel": "evs", "published_messages": 13, "stored_messages": 13, "subscribers": 0},\r\n{"channel": "t37", "published_messages": 0, "stored_messages": 0, "subscribers": 0},\r\n{"channel": "t52", "published_messages": 1, "stored_messages": 1, "subscribers": 0},\r\n{"channel": "t53b", "published_messages": 1, "stored_messages": 1, "subscribers": 0}\r\n]}\r\n"
			> GET /sub/t53c
			< 403 Forbidden | X-Nginx-PushStream-Explain: Number of channels were exceeded. | no body
			> GET /sub/t53d
			< 403 Forbidden | X-Nginx-PushStream-Explain: Number of channels were exceeded. | no body`)
	})
	play("T54 configured delete text", `
		> GET /sub/t53b
		# DELETE t53b
		< 200 OK | Content-Type: text/plain | chunks "HEAD" "gone" | END`)
	play("T55 summary statistics, without the events, four formats (Q24)", `
		> GET /stats | Accept: application/json
		< 200 OK | Content-Type: application/json | body "{"hostname": "<HOST>", "time": "<ISO>", "channels": 3, "wildcard_channels": 0, "published_messages": 3, "stored_messages": 1, "messages_in_trash": 0, "channels_in_delete": 0, "channels_in_trash": 0, "subscribers": 0, "uptime": <N>, "by_worker": [\r\n{"pid": "<PID>", "subscribers": 0, "uptime": <N>}\r\n]}\r\n"
		> GET /stats | Accept: text/plain
		< 200 OK | Content-Type: text/plain | body "hostname: <HOST>\r\ntime: <ISO>\r\nchannels: 3\r\nwildcard_channels: 0\r\npublished_messages: 3\r\nstored_messages: 1\r\nmessages_in_trash: 0\r\nchannels_in_delete: 0\r\nchannels_in_trash: 0\r\nsubscribers: 0\r\nuptime: <N>\r\nby_worker:\r\n  pid: <PID>\r\n  subscribers: 0\r\n  uptime: <N>\r\n"
		> GET /stats | Accept: application/yaml
		< 200 OK | Content-Type: application/yaml | body "  hostname: <HOST>\r\n  time: <ISO>\r\n  channels: 3\r\n  wildcard_channels: 0\r\n  published_messages: 3\r\n  stored_messages: 1\r\n  messages_in_trash: 0\r\n  channels_in_delete: 0\r\n  channels_in_trash: 0\r\n  subscribers: 0\r\n  uptime: <N>\r\n  by_worker:\r\n   -\r\n    pid: <PID>\r\n    subscribers: 0\r\n    uptime: <N>\r\n"
		> GET /stats | Accept: application/xml
		< 200 OK | Content-Type: application/xml | body "<?xml version="1.0" encoding="UTF-8" ?>\r\n<infos>\r\n  <hostname><HOST></hostname>\r\n  <time><ISO></time>\r\n  <channels>3</channels>\r\n  <wildcard_channels>0</wildcard_channels>\r\n  <published_messages>3</published_messages>\r\n  <stored_messages>1</stored_messages>\r\n  <messages_in_trash>0</messages_in_trash>\r\n  <channels_in_delete>0</channels_in_delete>\r\n  <channels_in_trash>0</channels_in_trash>\r\n  <subscribers>0</subscribers>\r\n  <uptime><N></uptime>\r\n  <by_worker><worker>\r\n  <pid><PID></pid>\r\n  <subscribers>0</subscribers>\r\n  <uptime><N></uptime>\r\n</worker>\r\n</by_worker>\r\n</infos>\r\n"`)
}

// What each mode tells, and when (checklist 211 to 218, 221, 223).
func TestEventsOfEachMode(t *testing.T) {
	t.Parallel()
	created, destroyed := "channel_created a", "channel_destroyed a"
	subscribed, unsubscribed := "client_subscribed a", "client_unsubscribed a"
	stream := func(path string) func(*testing.T, *server) {
		return func(t *testing.T, s *server) {
			c := s.open(t, "GET "+path)
			c.response()
			s.listeners(t, "a", 1)
			s.told(t, "2")
			c.Close()
		}
	}
	for _, tt := range []struct {
		name string
		do   func(*testing.T, *server)
		want []string
	}{
		{"created by the first publish (211)", func(_ *testing.T, s *server) { s.say("a", "1", "2") }, []string{created}},
		{"destroyed after a deletion (212)", func(_ *testing.T, s *server) {
			s.say("a", "1")
			s.remove("a", "")
		}, []string{created, destroyed}},
		{"destroyed for being idle (213)", func(t *testing.T, s *server) {
			s.publish(relay.Publication{Channel: "a", Text: []byte("1"), Unstored: true})
			eventually(t, "the channel is gone", func() bool { _, ok := s.hub.Channel("a"); return !ok })
		}, []string{created, destroyed}},
		{"stream (214)", stream("/sub/a"), []string{created, subscribed, unsubscribed}},
		{"eventsource", stream("/es/a"), []string{created, subscribed, unsubscribed}},
		{"websocket (215)", func(t *testing.T, s *server) {
			c := s.open(t, "GET /ws/a", upgrade("13")...)
			c.response()
			s.told(t, "2")
			c.Close()
		}, []string{created, subscribed, unsubscribed}},
		{"waiting long poll, answered (216)", func(t *testing.T, s *server) {
			c := s.open(t, "GET /wait/a")
			s.told(t, "2")
			s.say("a", "1")
			c.response().all()
		}, []string{created, subscribed, unsubscribed}},
		{"polls that are answered at once", func(t *testing.T, s *server) {
			s.get(t, "GET /po/a")
			s.say("a", "1")
			s.get(t, "GET /lp/a.b1")
			s.get(t, "GET /po/a.b1")
		}, []string{created}},
		{"the time is up (217)", func(t *testing.T, s *server) { s.get(t, "GET /ttl/a") }, []string{created, subscribed, unsubscribed}},
		{"deletion with a subscriber (218)", func(t *testing.T, s *server) {
			c := s.open(t, "GET /sub/a")
			s.listeners(t, "a", 1)
			s.told(t, "2")
			s.remove("a", "")
			c.response().all()
		}, []string{created, subscribed, unsubscribed, destroyed}},
		{"websocket publishing passes the events channel over (221)", func(t *testing.T, s *server) {
			c := s.open(t, "GET /wse/evs/a", upgrade("13")...)
			c.response()
			s.told(t, "2")
			c.send(masked(0x81, "hello"))
			eventually(t, "the other channel has it", func() bool { a, _ := s.hub.Channel("a"); return a.Published == 1 })
			c.Close()
		}, []string{created, subscribed, unsubscribed}},
		{"websocket without permission (223)", func(t *testing.T, s *server) {
			c := s.open(t, "GET /ws/evs/a", upgrade("13")...)
			c.response()
			c.take(2)
			if got := c.take(0x52 - 2 + 2); !strings.Contains(got, "Subscription to events channel is not allowed.") {
				t.Errorf("got %q", got)
			}
			c.closed()
		}, nil},
		{"a wildcard over all channels has no events", func(t *testing.T, s *server) {
			c := s.open(t, "GET /any/*")
			r := c.response()
			eventually(t, "it is subscribed", func() bool { return s.hub.Subscribers() == 1 })
			s.say("a", "1")
			s.told(t, "2")
			s.say("a", "2")
			r.until("both messages", func(body string) bool { return len(body) >= 2 })
			if r.body != "12" {
				t.Errorf("got %q", r.body)
			}
			c.Close()
		}, []string{"client_subscribed *", created, "client_unsubscribed *"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := serverE(t, func(o *setup) { o.hub.Inactivity = time.Second })
			tt.do(t, s)
			if len(tt.want) == 0 {
				s.told(t, "0")
				return
			}
			s.told(t, strconv.Itoa(len(tt.want)))
			got := s.events(t)
			if strings.Contains(tt.name, "wildcard") { // different channels
				slices.Sort(got)
				slices.Sort(tt.want)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// A connection on the events channel sees itself come to another (223).
func TestEventsOfOneself(t *testing.T) {
	t.Parallel()
	s := serverE(t)
	s.say("a", "1")
	s.told(t, "1")
	want := "HEAD" + eventText("client_subscribed", "a")
	r := s.open(t, "GET /evs/evs/a").response()
	if got := r.until("the event", func(body string) bool { return len(body) >= len(want) }); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Twenty subscriptions and ten deletions are 40, 60, 80 events (220).
func TestEventsOfManySubscribers(t *testing.T) {
	t.Parallel()
	s := serverE(t)
	var wg sync.WaitGroup
	conns := make([]*conn, 20)
	for i := range conns {
		conns[i] = s.open(t, fmt.Sprintf("GET /sub/ch%d", i))
	}
	s.subscribers(20)
	s.told(t, "40") // created, subscribed
	for i := range 10 {
		wg.Go(func() { s.do(t, fmt.Sprintf("DELETE /pub?id=ch%d", i), "") })
	}
	wg.Wait()
	for _, c := range conns[:10] {
		c.response().all()
	}
	s.subscribers(10)
	s.told(t, "60") // unsubscribed, destroyed
	for i := 10; i < 20; i++ {
		wg.Go(func() { s.do(t, fmt.Sprintf("DELETE /pub?id=ch%d", i), "") })
	}
	wg.Wait()
	s.subscribers(0)
	s.told(t, "80")
	count := make(map[string]int)
	for _, e := range s.events(t) {
		count[e]++
	}
	for e, n := range count {
		if n != 1 {
			t.Errorf("got %d times %q", n, e)
		}
	}
}

// When the server stops, its subscribers have left (protocol 11.2).
func TestEventsOfShutdown(t *testing.T) {
	t.Parallel()
	s := serverE(t)
	c := s.open(t, "GET /sub/a")
	c.response()
	s.told(t, "2")
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	s.told(t, "3")
	if got := s.events(t); got[2] != "client_unsubscribed a" {
		t.Errorf("got %q", got)
	}
}

// The events channel is never collected, and its messages expire (219).
func TestEventsChannelStays(t *testing.T) {
	t.Parallel()
	s := serverE(t, func(o *setup) {
		o.hub.Inactivity = 500 * time.Millisecond
		o.hub.Limits = func(string) relay.Limits { return relay.Limits{MaxAge: time.Second} }
		o.store = store.Options{Limits: o.hub.Limits}
	})
	s.say("a", "1")
	s.told(t, "1")
	eventually(t, "all is expired", func() bool {
		stats, ok := s.hub.Channel(eventsID)
		return s.hub.ChannelCount() == 1 && ok && stats.Stored == 0 && stats.Published == 2
	})
}

// Subscribers and publishers do not wait for events while the store is away, and
// what was to be told is told when it is back.
func TestEventsWhileNATSIsAway(t *testing.T) {
	t.Parallel()
	s := serverE(t, func(o *setup) { o.restartable = true })
	s.say("a", "1")
	s.told(t, "1")
	start := s.stopNATS()
	c := s.open(t, "GET /sub/a")
	c.response()
	s.listeners(t, "a", 1)
	c.Close()
	s.listeners(t, "a", 0)
	c = s.open(t, "GET /sub/new") // and makes a channel
	c.response()
	s.listeners(t, "new", 1)
	start()
	eventually(t, "all is told", func() bool { return len(s.events(t)) >= 5 })
	got := s.events(t)
	slices.Sort(got)
	want := []string{"channel_created a", "channel_created new", "client_subscribed a", "client_subscribed new", "client_unsubscribed a"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
