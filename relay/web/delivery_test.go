package web_test

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"alertrelay/relay"
	"alertrelay/relay/site"
)

// eachTransport runs a test for every way to subscribe, on one server, one after
// the other.
func eachTransport(t *testing.T, s *server, test func(t *testing.T, tr transport)) {
	t.Helper()
	for _, tr := range transports {
		t.Run(tr.name, func(t *testing.T) {
			test(t, tr)
			s.subscribers(0)
		})
	}
}

func numbers(from, to int) []string {
	var texts []string
	for i := from; i <= to; i++ {
		texts = append(texts, strconv.Itoa(i))
	}
	return texts
}

func (c *subscriber) end() { c.conn.Close() }

// mark is where a message stands.
type mark struct{ time, tag string }

// fill publishes n numbers to a channel and returns where each stands.
func (s *server) fill(channel string, n int) []mark {
	s.t.Helper()
	marks := make([]mark, 0, n)
	for _, text := range numbers(1, n) {
		tag := s.say(channel, text)
		at, _ := s.hub.Head()
		marks = append(marks, mark{relay.FormatTime(at), strconv.FormatUint(tag, 10)})
	}
	return marks
}

func TestLive(t *testing.T) {
	t.Parallel()
	s := newServer(t, site.Builtin())
	eachTransport(t, s, func(t *testing.T, tr transport) {
		channel := "live." + tr.name
		c := s.subscribe(t, tr, channel, "")
		defer c.end()
		var wg sync.WaitGroup
		defer wg.Wait()
		wg.Go(func() { s.say(channel, numbers(1, 200)...) })
		id, tag := 0, uint64(0)
		for _, want := range numbers(1, 200) {
			e := c.next()
			if id++; e.Text != want || e.ID != id || e.Channel != channel || e.tag() <= tag {
				t.Fatalf("got %+v after tag %d, want number %s", e, tag, want)
			}
			tag = e.tag()
		}
	})
	eachTransport(t, s, func(t *testing.T, tr transport) {
		texts := []string{
			"plain", "with \"quotes\" and 'others'", "lines\nand\r\nmore\r", "</script><b>&amp;", "Grüße \u2028 \U0001F600", "tab\t\x01\x7f",
			"~text~ ~id~", "}{", strings.Repeat("long ", 20_000),
		}
		c := s.subscribe(t, tr, "kinds", "")
		defer c.end()
		s.say("kinds", texts...)
		c.wants(texts...)
	})
}

func TestResume(t *testing.T) {
	t.Parallel()
	s := newServer(t, site.Builtin())
	channels := 0
	eachTransport(t, s, func(t *testing.T, tr transport) {
		for _, tt := range []struct {
			name, backtrack string
			query           func(m mark) string
			headers         func(m mark) []string
			want            []string
		}{
			{
				name:  "arguments",
				query: func(m mark) string { return "?time=" + url.PathEscape(m.time) + "&tag=" + m.tag },
				want:  numbers(4, 10),
			},
			{
				name:  "arguments, a plus for a space",
				query: func(m mark) string { return "?time=" + url.QueryEscape(m.time) + "&tag=" + m.tag },
				want:  numbers(4, 10),
			},
			{
				name:    "headers",
				headers: func(m mark) []string { return []string{"If-Modified-Since: " + m.time, "If-None-Match: W/" + m.tag} },
				want:    numbers(4, 10),
			},
			{
				name:  "arguments count before headers",
				query: func(m mark) string { return "?time=" + url.PathEscape(m.time) + "&tag=" + m.tag },
				headers: func(mark) []string {
					return []string{"If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT", "If-None-Match: 0"}
				},
				want: numbers(4, 10),
			},
			{
				name:    "empty arguments leave the headers, as pushstream.js sends both",
				query:   func(mark) string { return "?&time=&tag=&eventid=&_=123" },
				headers: func(m mark) []string { return []string{"If-Modified-Since: " + m.time, "If-None-Match: " + m.tag} },
				want:    numbers(4, 10),
			},
			{
				name:  "from the beginning",
				query: func(mark) string { return "?time=Thu,%2001%20Jan%201970%2000:00:00%20GMT" },
				want:  numbers(1, 10),
			},
			{name: "backtrack", backtrack: ".b3", want: numbers(8, 10)},
			{name: "backtrack, more than there are", backtrack: ".b99999999999999999999", want: numbers(1, 10)},
			{
				name: "backtrack counts before the cursor", backtrack: ".b3",
				headers: func(mark) []string { return []string{"If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT"} },
				want:    numbers(8, 10),
			},
			{
				name:    "the end",
				headers: func(mark) []string { return []string{"Last-Event-ID: none such"} },
			},
		} {
			t.Run(tt.name, func(t *testing.T) {
				channels++
				channel := fmt.Sprintf("resume.%d", channels)
				marks := s.fill(channel, 10)
				query, headers := "", []string(nil)
				if tt.query != nil {
					query = tt.query(marks[2])
				}
				if tt.headers != nil {
					headers = tt.headers(marks[2])
				}
				c := s.subscribe(t, tr, channel+tt.backtrack, query, headers...)
				defer s.subscribers(0)
				defer c.end()
				c.wants(tt.want...)
				more := s.say(channel, "live")
				if e := c.wants("live"); e.tag() != more || e.ID != 11 {
					t.Errorf("got %+v, want number 11 with tag %d", e, more)
				}
				if len(tt.want) == 0 {
					return
				}
				r := s.get(t, "GET /poll/"+channel+tt.backtrack+query, headers...)
				texts := append(slices.Clip(tt.want), "live")
				if tt.backtrack == ".b3" {
					texts = texts[1:]
				}
				if got := strings.Count(r.body, `"text":`); got != len(texts) || !strings.Contains(r.body, `"text":"`+texts[0]+`"`) {
					t.Errorf("poll: got %q, want %q", r.body, texts)
				}
			})
		}
	})
}

// A browser's own reconnect: what the last "id:" said comes back as
// Last-Event-ID.
func TestCursorIDs(t *testing.T) {
	t.Parallel()
	s := newServer(t, site.Builtin())
	id := "mine"
	s.say("ids", "1")
	s.publish(relay.Publication{Channel: "ids", Text: []byte("2"), EventID: &id})
	s.say("ids", numbers(3, 6)...)
	c := s.subscribe(t, sse, "ids.b99", "")
	var cursors []string
	for _, want := range numbers(1, 6) {
		e := c.wants(want)
		cursors = append(cursors, e.cursor)
	}
	c.end()
	if cursors[1] != "mine" || cursors[0] == "" {
		t.Errorf("got %q", cursors)
	}
	for i, cursor := range cursors {
		c := s.subscribe(t, sse, "ids", "", "Last-Event-ID: "+cursor)
		c.wants(numbers(i+2, 6)...)
		c.end()
		c = s.subscribe(t, sse, "ids", "?eventid="+url.QueryEscape(cursor))
		c.wants(numbers(i+2, 6)...)
		c.end()
	}
}

func TestSeveralChannels(t *testing.T) {
	t.Parallel()
	s := newServer(t, site.Builtin())
	eachTransport(t, s, func(t *testing.T, tr transport) {
		a, b := "a."+tr.name, "b."+tr.name
		for i, text := range numbers(1, 10) {
			s.say([]string{a, b}[i%2], text)
		}
		// Builtin locations replay in the order of the stream.
		c := s.subscribe(t, tr, b+".b99/"+a+".b99/"+b, "")
		defer c.end()
		c.wants(numbers(1, 10)...)
		if tr.polls { // its next request names the channels without backtrack
			return
		}
		for i, text := range numbers(11, 20) {
			s.say([]string{a, b}[i%2], text)
		}
		c.wants(numbers(11, 20)...)
	})
}

func TestWildcards(t *testing.T) {
	t.Parallel()
	s := newServer(t, site.Builtin())
	eachTransport(t, s, func(t *testing.T, tr transport) {
		name := tr.name
		s.say(name+".critical.a", "old")
		for _, tt := range []struct {
			path string
			want []string
		}{
			{path: name + ".>", want: numbers(1, 3)},
			{path: "*.critical.>", want: []string{"1", "3", "4"}},
			{path: name + ".*.b", want: []string{"3"}},
			{path: ">", want: numbers(1, 5)},
			{path: name + ".>/other", want: []string{"1", "2", "3", "5"}},
			{path: name + ".>/" + name + ".*.a/" + name + ".critical.a", want: numbers(1, 3)}, // each once
		} {
			c := s.subscribe(t, tr, strings.ReplaceAll(tt.path, ">", "%3E"), "")
			s.say(name+".critical.a", "1")
			s.say(name+".minor.a", "2")
			s.say(name+".critical.b", "3")
			s.say("elsewhere.critical.x", "4")
			s.say("other", "5")
			for _, want := range tt.want {
				if e := c.next(); e.Text != want {
					t.Fatalf("%s: got %+v, want %q", tt.path, e, want)
				}
			}
			if !tr.polls {
				c.conn.silent()
			}
			c.end()
			s.subscribers(0)
		}
	})
	for _, path := range []string{"a*b", "*a", "*.>.b", "*.>b", "a..>", "ALL"} {
		r := s.get(t, "GET /lp/"+strings.ReplaceAll(path, ">", "%3E"))
		if r.status != "403 Forbidden" {
			t.Errorf("%s: got %s", path, r.status)
		}
	}
	if r := s.do(t, "POST /pub?id=%3E", "text"); r.status != "200 OK" {
		t.Errorf("publish to the channel named >: got %s", r.status)
	}
}

func TestDeleted(t *testing.T) {
	t.Parallel()
	s := newServer(t, site.Builtin())
	eachTransport(t, s, func(t *testing.T, tr transport) {
		a, b := "del.a."+tr.name, "del.b."+tr.name
		c := s.subscribe(t, tr, a+"/"+b, "")
		defer c.end()
		deleted := func(channel, text string) {
			t.Helper()
			s.do(t, "DELETE /pub?id="+channel, strings.TrimPrefix(text, "Channel deleted"))
			if e := c.next(); e.ID != -2 || e.Channel != channel || e.Text != text || e.Tag != "0" || !strings.HasPrefix(e.Time, "Thu, 01 Jan 1970") {
				t.Errorf("got %+v", e)
			}
		}
		deleted(a, "Channel deleted")
		if tr.polls { // the next poll has both channels anew
			return
		}
		s.say(a, "a new channel of that name")
		s.say(b, "still")
		c.wants("still")
		deleted(b, "bye")
		switch {
		case tr.websocket:
			if e, err := c.read(); err != nil || e.kind != "close" || e.Text != "" {
				t.Errorf("got %+v, %v, want an empty close", e, err)
			}
			c.conn.closed()
		default:
			if _, err := c.read(); err == nil {
				t.Error("the response goes on")
			}
			if !c.res.ended {
				t.Error("the response has no end")
			}
			c.conn.request("GET /pub?id=none", "") // and the connection is good for more
			if r := c.conn.response(); r.status != "404 Not Found" {
				t.Errorf("got %s", r.status)
			}
		}
	})
	t.Run("under a wildcard", func(t *testing.T) {
		c := s.subscribe(t, sse, "wild.%3E", "")
		s.say("wild.a", "1")
		s.remove("wild.a", "gone")
		s.say("wild.a", "2")
		c.wants("1", "gone")
		if e := c.wants("2"); e.ID != 1 {
			t.Errorf("got %+v, want the first of a new channel", e)
		}
		c.end()
	})
}

// When retention has passed a cursor by, the subscriber is told once, and with
// which message it goes on.
func TestGap(t *testing.T) {
	t.Parallel()
	s := newServer(t, site.Builtin(), func(o *setup) {
		o.hub.Limits = func(string) relay.Limits { return relay.Limits{MaxMessages: 5} }
	})
	marks := s.fill("gap", 10)
	query := func(m mark) string { return "?time=" + url.PathEscape(m.time) + "&tag=" + m.tag }
	eachTransport(t, s, func(t *testing.T, tr transport) {
		c := s.subscribe(t, tr, "gap", query(marks[1]))
		defer c.end()
		const notice = "messages are missing: they are older than what is kept; the first one still there has tag "
		if tr.polls {
			c.wants("6")
			if !strings.HasPrefix(c.gap, notice) {
				t.Errorf("got %q", c.gap)
			}
			c.wants(numbers(7, 10)...)
			return
		}
		e := c.next()
		if e.ID != -4 || !strings.HasPrefix(e.Text, notice) || (e.kind == "gap") != (tr.name == "eventsource") {
			t.Errorf("got %+v", e)
		}
		c.wants(numbers(6, 10)...)
	})
	r := s.get(t, "GET /poll/gap"+query(marks[1]))
	if gap, _ := r.header("X-Alertrelay-Gap"); !strings.Contains(gap, "missing") || strings.Count(r.body, `"text":`) != 5 {
		t.Errorf("got %q %q", r.headers, r.body)
	}
	t.Run("the tag in the notice", func(t *testing.T) {
		if gap, _ := r.header("X-Alertrelay-Gap"); !strings.HasSuffix(gap, " "+marks[5].tag) {
			t.Errorf("got %q, want tag %s", gap, marks[5].tag)
		}
	})
	for name, request := range map[string]string{
		"just there":         "GET /poll/gap" + query(marks[4]),
		"from the beginning": "GET /poll/gap" + query(mark{"Thu, 01 Jan 1970 00:00:00 GMT", "0"}),
	} {
		r := s.get(t, request)
		if gap, ok := r.header("X-Alertrelay-Gap"); ok || strings.Count(r.body, `"text":`) != 5 {
			t.Errorf("%s: got %q %q", name, gap, r.body)
		}
	}
}

// quick makes the built-in locations' intervals short.
func quick(ping, ttl, pollTTL time.Duration) []site.Location {
	locations := site.Builtin()
	for i := range locations {
		l := &locations[i]
		if l.Mode.Subscribes() {
			l.PingInterval, l.TTL, l.PollTTL = ping, ttl, pollTTL
		}
	}
	return locations
}

func TestPings(t *testing.T) {
	t.Parallel()
	s := newServer(t, quick(100*time.Millisecond, 0, 0))
	for _, tr := range []transport{sse, stream, websocket} {
		s.say("ping", "old")
		start := time.Now() // not when "old" was read, which may be long after it was written
		c := s.subscribe(t, tr, "ping.b1", "")
		c.wants("old")
		for pings := 0; pings < 3; {
			e, err := c.read()
			if err != nil {
				t.Fatalf("%s: %v", tr.name, err)
			}
			switch {
			case e.comment == ": -1", e.kind == "ping", e.ID == -1 && e.Text == " " && e.Channel == "" && e.Tag == "0":
				if pings++; time.Since(start) < time.Duration(pings)*90*time.Millisecond {
					t.Errorf("%s: ping %d after %s", tr.name, pings, time.Since(start))
				}
			default:
				t.Errorf("%s: got %+v", tr.name, e)
			}
		}
		s.say("ping", "live")
		c.wants("live")
		c.end()
	}
}

func TestTTL(t *testing.T) {
	t.Parallel()
	s := newServer(t, quick(0, 300*time.Millisecond, 300*time.Millisecond))
	started := time.Now()
	open := make(map[string]*subscriber)
	for _, tr := range transports {
		c := s.subscribe(t, tr, "ttl", "")
		open[tr.name] = c
	}
	for name, c := range open {
		c.t = t
		e, err := c.read()
		for ; err == nil && e.comment != ""; e, err = c.read() { // the head of an eventsource
		}
		switch {
		case time.Since(started) < 290*time.Millisecond:
			t.Errorf("%s: ended after %s", name, time.Since(started))
		case c.polls:
			if !errors.Is(err, errNothing) {
				t.Errorf("%s: got %+v, %v", name, e, err)
			}
			// The answer is a place from which nothing is lost.
			s.say("ttl", "after")
			c.poll("", "If-Modified-Since: "+c.time, "If-None-Match: "+c.tag)
			c.wants("after")
		case c.websocket:
			if e.kind != "close" || e.Text != "" {
				t.Errorf("%s: got %+v, %v", name, e, err)
			}
			c.conn.closed()
		case err == nil || !c.res.ended:
			t.Errorf("%s: got %+v, %v, want the response's end", name, e, err)
		}
		c.end()
	}
}

// A subscriber that joins at any time has every message from the first it sees to
// the end, once and in order; and those that stay have all.
func TestJoiningAndLeaving(t *testing.T) {
	t.Parallel()
	const messages, visitors, publishers = 2000, 12, 2
	s := newServer(t, site.Builtin())
	var wg sync.WaitGroup
	var published atomic.Int64
	for _, tr := range transports {
		stays := s.subscribe(t, tr, "busy", "?time=Thu,%2001%20Jan%201970%2000:00:00%20GMT&tag=0")
		stays.args = tr.polls
		wg.Go(func() {
			seen := make(map[string]bool, messages)
			for last := uint64(0); len(seen) < messages; {
				e, err := stays.read()
				if err != nil {
					t.Errorf("%s that stays: %v after %d messages", tr.name, err, len(seen))
					return
				}
				if e.comment != "" || e.kind != "" || e.ID < 0 {
					continue
				}
				if e.tag() <= last || seen[e.Text] || e.ID != len(seen)+1 {
					t.Errorf("%s that stays: got %+v after tag %d and %d messages", tr.name, e, last, len(seen))
					return
				}
				last, seen[e.Text] = e.tag(), true
			}
			stays.end()
		})
		for range visitors {
			wg.Go(func() {
				for visit := 0; published.Load() < messages && !t.Failed(); visit++ {
					c := s.subscribe(t, tr, "busy.b2", "")
					last := 0
					for range 1 + visit%40 {
						e, err := c.read()
						if err != nil || published.Load() >= messages {
							break // long polls may wait for what does not come
						}
						if e.comment != "" || e.kind != "" || e.ID < 0 {
							continue
						}
						if last > 0 && e.ID != last+1 {
							t.Errorf("%s: got number %d after %d", tr.name, e.ID, last)
						}
						last = e.ID
						if published.Load() > messages-100 {
							break
						}
					}
					c.end()
				}
			})
		}
	}
	for p := range publishers {
		wg.Go(func() {
			for i := range messages / publishers {
				s.say("busy", fmt.Sprintf("%d.%d", p, i))
				published.Add(1)
			}
		})
	}
	wg.Wait()
	s.subscribers(0)
}
