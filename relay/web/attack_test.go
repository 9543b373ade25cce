package web_test

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"
	"time"

	"alertrelay/relay"
	"alertrelay/relay/site"
)

// attacked has the built-in locations, those of the module's kind beside them, and
// short timeouts.
func attacked(t testing.TB, change ...func(*setup)) *server {
	t.Helper()
	module := func(mode site.Mode, path string) site.Location {
		return at(mode, path, func(l *site.Location) { l.AllowPublish = true })
	}
	return newServer(t, append(site.Builtin(),
		at(site.ModePublisher, "/pubn", func(l *site.Location) { l.AllowOrigin, l.MaxBody = site.ValueOf("$arg_origin"), 1000 }),
		module(site.ModeStream, "/m/sub/"), module(site.ModeEventSource, "/m/ev/"), module(site.ModeLongPoll, "/m/lp/"),
		module(site.ModePoll, "/m/poll/"), module(site.ModeWebSocket, "/m/ws/"),
	), append([]func(*setup){func(o *setup) {
		o.web.MaxChannelID = 200
		o.each = func(l *site.Location) { l.BodyTimeout = 300 * time.Millisecond }
		o.web.MaxFrame = 10_000
	}}, change...)...)
}

// smuggled would be answered with a header that nothing else here has.
const smuggled = "GET /channels-stats HTTP/1.1\r\nHost: h\r\n\r\n"

func chunkedBody(body string) string {
	return fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body)
}

// A request's body is never answered as if it were a request (Q1): afterwards the
// connection is closed, or the next request is answered.
func TestBodyIsNoRequest(t *testing.T) {
	t.Parallel()
	s := attacked(t)
	s.say("a", "there is something")
	for _, line := range []string{
		"POST /pub?id=ALL", "PUT /pub?id=a*", "POST /pub", "POST /pub?id=" + strings.Repeat("x", 201), "PATCH /pub?id=a", "FOO /pub?id=a",
		"DELETE /pub?id=none", "DELETE /pub", "HEAD /pub?id=a", "OPTIONS /pub?id=a", "GET /pub?id=a", "GET /pub?id=ALL", "DELETE /pubn?id=a",
		"POST /channels-stats", "DELETE /channels-stats", "GET /channels-stats?id=none", "OPTIONS /channels-stats",
		"POST /sub/a", "PUT /ev/a", "DELETE /lp/a", "OPTIONS /poll/a", "HEAD /sub/a", "GET /sub/ALL", "GET /ev/", "GET /lp/a?callback=%28",
		"GET /poll/a", "GET /m/poll/a", "GET /poll/a.b1", "GET /poll/" + strings.Repeat("x", 201),
		"GET /lp/stays", "GET /m/lp/stays", "GET /sub/stays", "GET /ev/stays", "GET /m/sub/stays",
		"POST /ws/a", "OPTIONS /ws/a", "GET /ws/a", "GET /nowhere", "POST /nowhere",
	} {
		for framing, message := range map[string]string{
			"length":  fmt.Sprintf("%s HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s", line, len(smuggled), smuggled),
			"chunked": fmt.Sprintf("%s HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n%s", line, chunkedBody(smuggled)),
			"late": fmt.Sprintf("%s HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s", line, len(smuggled)+8192,
				smuggled+strings.Repeat("GET ", 2048)), // longer than what net/http has read
		} {
			t.Run(line[:min(len(line), 40)]+" "+framing, func(t *testing.T) {
				c := s.dial(t)
				c.send(message + request("GET /pub?id=marker", ""))
				if strings.Contains(line, "stays") {
					s.listeners(t, "stays", 1)
					s.remove("stays", "")
				}
				r := c.response()
				if strings.HasPrefix(line, "HEAD ") {
					r.ended = true
				}
				first := r.all()
				_, statistics := r.header("X-Nginx-PushStream-Tag")
				if statistics != strings.Contains(line, " /channels-stats") && !strings.HasPrefix(r.status, "405") || strings.Contains(first, "by_worker") {
					t.Errorf("the first answer is that of the body: %s %q %q", r.status, r.headers, first)
				}
				if r, err := c.head(); err == nil {
					if r.all(); !strings.HasPrefix(r.status, "404") {
						t.Errorf("the answer to the next request: %s %q %q", r.status, r.headers, r.body)
					}
				} else if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !strings.Contains(err.Error(), "reset") {
					t.Error(err)
				}
			})
		}
	}
}

// After a handshake nothing is a request.
func TestHandshakeBodyIsNoRequest(t *testing.T) {
	t.Parallel()
	s := attacked(t)
	for _, path := range []string{"/ws/a", "/m/ws/a", "/ws/ALL", "/ws/"} {
		for framing, tail := range map[string]string{
			"length":     fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(smuggled), smuggled),
			"chunked":    "Transfer-Encoding: chunked\r\n\r\n" + chunkedBody(smuggled),
			"no framing": "\r\n" + smuggled,
		} {
			t.Run(path+" "+framing, func(t *testing.T) {
				c := s.dial(t)
				c.send("GET " + path + " HTTP/1.1\r\nHost: h\r\n" + strings.Join(upgrade("13"), "\r\n") + "\r\n" + tail + masked(0x88, ""))
				c.response()
				rest, err := io.ReadAll(c.r)
				if err != nil && !strings.Contains(err.Error(), "reset") {
					t.Error(err)
				}
				if strings.Contains(string(rest), "HTTP/") {
					t.Errorf("got %q", rest)
				}
			})
		}
	}
	s.listeners(t, "a", 0)
}

// Requests that two parties could read differently are refused, and the connection
// ends.
func TestAmbiguousFraming(t *testing.T) {
	t.Parallel()
	s := attacked(t)
	for name, headers := range map[string]string{
		"two lengths":             "Content-Length: 5\r\nContent-Length: 6\r\n",
		"list of lengths":         "Content-Length: 5, 6\r\n",
		"negative length":         "Content-Length: -1\r\n",
		"length with a plus":      "Content-Length: +5\r\n",
		"unknown coding":          "Transfer-Encoding: xchunked\r\n",
		"space before the colon":  "Transfer-Encoding : chunked\r\n",
		"bare CR":                 "X: a\rTransfer-Encoding: chunked\r\n",
		"NUL in a header":         "X: a\x00b\r\n",
		"CR in an event id":       "Event-Id: a\rdata: forged\r\n",
		"NUL in an event id":      "Event-Id: a\x00\r\n",
		"chunk that is no number": "Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			c := s.dial(t)
			c.send("POST /pub?id=ambiguous HTTP/1.1\r\nHost: h\r\n" + headers + "\r\nhello")
			r := c.response()
			r.all()
			if code := r.status[:3]; code != "400" && code != "501" {
				t.Errorf("got %s", r.status)
			}
			c.closed()
		})
	}
	if _, ok := s.hub.Channel("ambiguous"); ok {
		t.Error("something was published")
	}
}

// Requests that never end are given up after a time.
func TestSlowBodies(t *testing.T) {
	t.Parallel()
	s := attacked(t)
	open := map[string]*conn{} // all of them wait at the same time
	for _, line := range []string{
		"POST /pub?id=slow", "POST /pub?id=ALL", "DELETE /pub?id=slow", "POST /pubn", "DELETE /pubn?id=slow", "GET /pub?id=slow",
		"GET /channels-stats", "POST /channels-stats",
		"GET /sub/slow", "GET /lp/slow", "GET /m/ev/slow", "GET /poll/slow", "GET /sub/ALL", "OPTIONS /sub/slow", "POST /ev/slow",
		"GET /nowhere", "POST /nowhere",
	} {
		for _, framing := range []string{"Content-Length: 20", "Transfer-Encoding: chunked"} {
			c := s.dial(t)
			c.send(line + " HTTP/1.1\r\nHost: h\r\n" + framing + "\r\n\r\n5\r\nhel")
			open[line+" "+framing] = c
		}
	}
	for _, path := range []string{"/ws/slow", "/ws/ALL"} {
		open[path] = s.open(t, "GET "+path, append(upgrade("13"), "Content-Length: 20")...)
	}
	for name, c := range open {
		c.deadline(5 * time.Second)
		if _, err := io.ReadAll(c.r); isTimeout(err) {
			t.Errorf("%s: the connection is held for ever", name)
		}
	}
	t.Run("a body in drops", func(t *testing.T) {
		c := s.open(t, "POST /pub?id=slow", "Content-Length: 1000000")
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_, _ = io.Copy(io.Discard, c.r) // to its end, whatever that is
		}()
		drops := time.NewTicker(20 * time.Millisecond)
		defer drops.Stop()
		for end := time.After(patience); ; {
			select {
			case <-drops.C:
				_, _ = c.Write([]byte("x"))
				continue
			case <-ended:
			case <-end:
				t.Error("a drop now and then holds the connection for ever")
			}
			return
		}
	})
}

// A head that does not end is given up after the server's HeaderTimeout, which is
// 10 s here.
func TestSlowHead(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes ten seconds")
	}
	s := attacked(t)
	drip := s.dial(t)
	drip.send("GET /sub/a HTTP/1.1\r\nHost: h\r\nX: ")
	behind := s.dial(t) // the same on a connection that has been a subscriber's
	behind.send(request("GET /poll/a", "") + "GET /sub/a HTTP/1.1\r\nHost: h\r\nX: ")
	behind.response().all()
	ended := make(chan string, 2)
	for name, c := range map[string]*conn{"drip": drip, "behind a poll": behind} {
		c.deadline(patience)
		go func() {
			for {
				if _, err := c.r.ReadByte(); err != nil {
					if isTimeout(err) {
						name += ": timeout"
					}
					ended <- name
					return
				}
			}
		}()
	}
	for left := 2; left > 0; {
		select {
		case name := <-ended:
			if left--; strings.Contains(name, "timeout") {
				t.Error(name)
			}
		case <-time.After(50 * time.Millisecond):
			_, _ = drip.Write([]byte("x"))
			_, _ = behind.Write([]byte("x"))
		}
	}
}

func TestTooLarge(t *testing.T) {
	t.Parallel()
	s := attacked(t)
	body := strings.Repeat("x", 1001)
	t.Run("with a length", func(t *testing.T) {
		c := s.dial(t)
		c.send("POST /pubn?id=large HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000000\r\n\r\n") // and nothing of it
		r := c.response()
		if r.all(); !strings.HasPrefix(r.status, "413") {
			t.Errorf("got %s", r.status)
		}
		c.closed()
	})
	t.Run("in chunks", func(t *testing.T) {
		c := s.dial(t)
		c.send("POST /pubn?id=large HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + chunkedBody(body) + smuggled)
		r := c.response()
		if r.all(); !strings.HasPrefix(r.status, "413") {
			t.Errorf("got %s", r.status)
		}
		c.closed()
	})
	t.Run("just not", func(t *testing.T) {
		for _, headers := range [][]string{nil, {"Expect: 100-continue"}} {
			c := s.dial(t)
			c.request("POST /pubn?id=fits", body[:1000], headers...)
			r := c.response()
			if headers != nil {
				if r.status != "100 Continue" {
					t.Errorf("got %s", r.status)
				}
				r = c.response()
			}
			if r.all(); r.status != "200 OK" {
				t.Errorf("got %s", r.status)
			}
		}
	})
	t.Run("a body of a subscriber", func(t *testing.T) {
		c := s.dial(t)
		c.send("GET /sub/large HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + chunkedBody(strings.Repeat("x", 70_000)) + request("GET /pub?id=none", ""))
		r := c.response()
		if r.all(); !strings.HasPrefix(r.status, "413") {
			t.Errorf("got %s", r.status)
		}
	})
	t.Run("headers", func(t *testing.T) {
		for _, request := range []string{
			"GET /sub/large HTTP/1.1\r\nHost: h\r\nX: " + strings.Repeat("x", 40_000) + "\r\n\r\n",
			"GET /sub/" + strings.Repeat("x", 40_000) + " HTTP/1.1\r\nHost: h\r\n\r\n",
			"GET /sub/large HTTP/1.1\r\nHost: h\r\n" + strings.Repeat("X: y\r\n", 8000) + "\r\n",
		} {
			c := s.dial(t)
			c.send(request)
			if r, err := c.head(); err != nil {
				t.Logf("closed: %v", err)
			} else if r.all(); !strings.HasPrefix(r.status, "431") {
				t.Errorf("got %s", r.status)
			}
		}
	})
	t.Run("event headers", func(t *testing.T) {
		for _, name := range []string{"Event-Id", "Event-Type"} {
			r := s.do(t, "POST /pub?id=large", "x", name+": "+strings.Repeat("x", 1025))
			if !strings.HasPrefix(r.status, "400") {
				t.Errorf("%s: got %s", name, r.status)
			}
		}
	})
	t.Run("channels", func(t *testing.T) {
		for _, path := range []string{"/sub/", "/lp/", "/poll/", "/ev/", "/m/sub/", "/pub?id=", "/channels-stats?id="} {
			r := s.get(t, "GET "+path+strings.TrimSuffix(strings.Repeat("c/", 5000), "/"))
			if !strings.HasPrefix(r.status, "400") {
				t.Errorf("5000 channels at %s: got %s", path, r.status)
			}
		}
		if r := s.do(t, "POST /pub?id="+strings.Repeat("c/", 5000), "x"); !strings.HasPrefix(r.status, "400") {
			t.Errorf("publish to 5000 channels: got %s", r.status)
		}
		c := s.open(t, "GET /ws/"+strings.Repeat("c/", 5000), upgrade("13")...)
		c.response()
		if got := c.take(4); got[0] != 0x88 {
			t.Errorf("got %q, want a close frame", got)
		}
	})
	if _, ok := s.hub.Channel("large"); ok {
		t.Error("something was published, or subscribed to")
	}
}

func TestStrangeIDs(t *testing.T) {
	t.Parallel()
	s := attacked(t)
	for _, id := range []string{
		"a\n", "\n", "a\r\n", "a\nb", "a\x00b", "\x00", " ", "a b", "é", "\xff\xfe", "a>b", "a.>b", "%", "%41", "a..b", ".", "..", "a.", ".a",
		"?", "a?", "&", "a\tb", `"`, "'", "<script>", "\u2028", "$JS.API.INFO", "_INBOX.x", "ctl", strings.Repeat("%", 200), strings.Repeat("\xff", 200),
	} {
		t.Run(fmt.Sprintf("%.20q", id), func(t *testing.T) {
			arg := strings.ReplaceAll(url.QueryEscape(id), "+", "%20")
			if r := s.do(t, "POST /pub?id="+arg, "text"); r.status != "200 OK" || !strings.HasSuffix(r.body, "\"published_messages\": 1, \"stored_messages\": 1, \"subscribers\": 0}\r\n") {
				t.Fatalf("publish: got %s %q %q", r.status, r.headers, r.body)
			}
			if stats, ok := s.hub.Channel(id); !ok || stats.Published != 1 {
				t.Errorf("got %+v", stats)
			}
			for _, accept := range []string{"text/plain", "application/yaml", "application/xml", "application/json"} {
				r := s.get(t, "GET /channels-stats?id="+arg, "Accept: "+accept)
				if r.status != "200 OK" {
					t.Errorf("statistics: got %s", r.status)
				}
				if lines := strings.Count(r.body, "\n"); lines != map[string]int{"text/plain": 4, "application/yaml": 4, "application/xml": 8, "application/json": 1}[accept] {
					t.Errorf("%s has %d lines: %q", accept, lines, r.body)
				}
			}
			if r := s.do(t, "DELETE /pub?id="+arg, ""); r.status != "200 OK" {
				t.Errorf("delete: got %s", r.status)
			}
		})
	}
	// As a channel of subscribers, from the path.
	for path, want := range map[string]string{
		"a%0A": "200", "a%2562": "200", "a%00": "400", "%00": "400", "a%2500": "200", "%2A": "403", "%41LL": "403", "a%252A": "403", "%2F": "400", "%": "400",
	} {
		c := s.open(t, "GET /m/sub/"+path)
		if r := c.response(); !strings.HasPrefix(r.status, want) {
			t.Errorf("GET /m/sub/%s: got %s, want %s", path, r.status, want)
		}
		c.Close()
	}
}

// Quirk 20.
func TestCallbacks(t *testing.T) {
	t.Parallel()
	s := attacked(t)
	s.say("a", "x")
	for callback, want := range map[string]string{
		"cb": "200", "a.b_c$1[0]": "200", "a%2Eb": "200", "%63b": "200", "": "200",
		"alert(1)//": "400", "a%28": "400", "a;b": "400", "<script>": "400", "%3Cscript%3E": "400", "a%0Ab": "400", "a%0D%0Ab": "400", "a%00b": "400",
		"a%20b": "400", "a+b": "400", "a'": "400", "%": "400", "%zz": "400", "a%E2%80%A8": "400", "\u00e9": "400", "a=b": "400", strings.Repeat("a", 257): "400",
	} {
		for _, path := range []string{"/poll/a.b1", "/lp/a.b1", "/m/poll/a.b1", "/m/lp/a.b1"} {
			c := s.open(t, "GET "+path+"?callback="+callback)
			r := c.response()
			r.all()
			if !strings.HasPrefix(r.status, want) {
				t.Errorf("%s?callback=%s: got %s, want %s", path, callback, r.status, want)
			}
			if contentType, _ := r.header("Content-Type"); want == "200" && (callback != "") != (contentType == "application/javascript") {
				t.Errorf("callback %q: got %s", callback, contentType)
			}
			c.Close()
		}
	}
	if r := s.get(t, "GET /poll/a.b1?CallBack=one&callback=two%28"); !strings.HasPrefix(r.body, "one([") {
		t.Errorf("got %q, want the first callback in any case", r.body)
	}
}

func TestNoHeaderIsInjected(t *testing.T) {
	t.Parallel()
	s := attacked(t)
	for _, origin := range []string{"a%0D%0ASet-Cookie:%20x=y", "a%0ASet-Cookie:%20x=y", "%0D", "a%00b", "a%7F"} {
		for _, line := range []string{"GET /pubn?id=none&origin=", "POST /pubn?id=injected&origin=", "OPTIONS /pubn?origin=", "PATCH /pubn?origin="} {
			r := s.do(t, line+origin, "")
			for _, h := range r.headers {
				if strings.HasPrefix(h, "Set-Cookie") || strings.HasPrefix(h, "Access-Control-Allow-Origin") {
					t.Errorf("%s%s: got header %q", line, origin, h)
				}
			}
		}
	}
	if r := s.get(t, "GET /pubn?id=none&origin=https://o.example"); !strings.Contains(strings.Join(r.headers, "\n"), "Access-Control-Allow-Origin: https://o.example") {
		t.Errorf("got %q", r.headers)
	}
}

// What publishers send cannot become a field or an event of its own (Q10).
func TestNoEventIsForged(t *testing.T) {
	t.Parallel()
	s := attacked(t)
	texts := []string{"a\revent: x\rdata: y", "a\r\rdata: y", "a\n\nid: 9\n\n", "\r", "\nevent: x", "a\x00b\revent: x", "a\u2028event: x", "\xef\xbb\xbfevent: x"}
	for _, path := range []string{"/m/ev/forge.b100", "/ev/forge.b100"} {
		s.remove("forge", "")
		for _, text := range texts {
			s.say("forge", text)
		}
		forged := "x\nevent: forged\r\n\r\ndata: forged\x00"
		s.publish(relay.Publication{Channel: "forge", Text: []byte("last"), EventID: &forged, EventType: &forged})
		r := s.open(t, "GET "+path).response()
		body := r.until("the last message", func(body string) bool { return strings.Contains(body, "last") && strings.HasSuffix(body, "\n\n") })
		for _, line := range strings.FieldsFunc(body, func(r rune) bool { return r == '\n' || r == '\r' }) {
			name, value, _ := strings.Cut(line, ":")
			switch name {
			case "", "data", "id":
			case "event": // it is cut, or its line ends are not line ends any more
				if !strings.HasPrefix(value, " x") {
					t.Errorf("%s: got %q", path, line)
				}
			default:
				t.Errorf("%s: got a line that is no field: %q", path, line)
			}
		}
		if events := strings.Count(body, "\nevent:"); events != 1 {
			t.Errorf("%s: got %d event types, want that of the last message: %q", path, events, body)
		}
	}
}

// No text gets out of its string in the built-in page and the built-in JSON.
func TestPageIsEscaped(t *testing.T) {
	t.Parallel()
	s := attacked(t)
	bad := "</script><script>alert(1)//'\"\\`${x}\u2028\u2029<!--\r\n\x00\xff&"
	channel := "p.</script>'\"\u2028"
	page := s.open(t, "GET /sub/"+url.PathEscape("p.>")).response()
	page.until("the page's beginning", func(body string) bool { return strings.HasSuffix(body, "<body>") })
	start := len(page.body)
	s.publish(relay.Publication{Channel: channel, Text: []byte(bad), EventID: &bad})
	s.remove(channel, bad)
	body := page.until("both messages", func(body string) bool { return strings.Count(body[start:], "</script>") >= 2 })[start:]
	if strings.Count(body, "<") != 4 || strings.Count(body, "<script>p(") != 2 || strings.Count(body, "</script>") != 2 {
		t.Errorf("got %q", body)
	}
	for _, b := range []string{"\u2028", "\u2029", "\n", "\r", "\x00", "\xff", `\'`} {
		if strings.Contains(body, b) {
			t.Errorf("got %q in %q", b, body)
		}
	}
	if quotes := strings.Count(body, "'"); quotes != 2*10 {
		t.Errorf("got %d quotes, want ten for each message: %q", quotes, body)
	}
}

// A request behind a waiting long poll is answered after it.
func TestPipelined(t *testing.T) {
	t.Parallel()
	s := attacked(t)
	for _, path := range []string{"/lp/", "/m/lp/"} {
		t.Run(path, func(t *testing.T) {
			channel := "pipe" + strings.ReplaceAll(path, "/", ".")
			c := s.dial(t)
			c.send(request("GET "+path+channel, "") + request("POST /pub?id=behind", "text") + request("GET "+path+channel+".b1", ""))
			s.listeners(t, channel, 1)
			c.send(request("GET /pub?id=none", "") + "GET /pub?id=no") // and this comes while it waits
			if _, ok := s.hub.Channel("behind"); ok {
				t.Error("what stands behind the long poll was served before its answer")
			}
			s.say(channel, "first")
			c.send("ne HTTP/1.1\r\nHost: h\r\n\r\n")
			for i, want := range []string{"200 OK", "200 OK", "200 OK", "404 Not Found", "404 Not Found"} {
				r := c.response()
				if r.all(); r.status != want {
					t.Errorf("answer %d: got %s, want %s", i+1, r.status, want)
				}
			}
			s.remove("behind", "")
		})
	}
	t.Run("too much behind it", func(t *testing.T) {
		c := s.open(t, "GET /lp/flood")
		s.listeners(t, "flood", 1)
		_, _ = io.WriteString(c, strings.Repeat("x", 100_000))
		s.listeners(t, "flood", 0)
	})
}

// A client that closes or half-closes a waiting response is unsubscribed at once
// (protocol 3.1).
func TestHalfClose(t *testing.T) {
	t.Parallel()
	s := attacked(t)
	for _, path := range []string{"/sub/half", "/ev/half", "/lp/half", "/m/sub/half", "/m/lp/half", "/ws/half"} {
		var headers []string
		if strings.HasPrefix(path, "/ws") {
			headers = upgrade("13")
		}
		c := s.open(t, "GET "+path, headers...)
		s.listeners(t, "half", 1)
		if err := c.Conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		s.listeners(t, "half", 0)
		_, _ = io.Copy(io.Discard, c.r)
	}
}

// A client that has nothing more to say gets its answer all the same.
func TestHalfCloseBehindPoll(t *testing.T) {
	t.Parallel()
	s := attacked(t)
	s.say("half", "text")
	for range 100 {
		c := s.dial(t)
		c.send(request("GET /poll/half.b1 HTTP/1.0", ""))
		if err := c.Conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		r, err := c.head()
		if err != nil {
			t.Fatalf("no answer to a poll whose client has closed its side: %v", err)
		}
		r.all()
	}
}

func TestManyLongPollsOnOneConnection(t *testing.T) {
	t.Parallel()
	s := attacked(t)
	for _, path := range []string{"/lp/row", "/m/lp/row"} {
		c := s.dial(t)
		for i := range 64 {
			c.request("GET "+path, "")
			s.listeners(t, "row", 1)
			text := fmt.Sprintf("number %d", i)
			s.say("row", text)
			r := c.response()
			if r.all(); r.status != "200 OK" || !strings.Contains(r.body, text) {
				t.Fatalf("long poll %d: got %s %q", i, r.status, r.body)
			}
			s.listeners(t, "row", 0)
		}
		c.Close()
	}
}

func TestHTTP10(t *testing.T) {
	t.Parallel()
	s := attacked(t)
	s.say("old", "text")
	for _, path := range []string{"/poll/old.b1", "/lp/old.b1", "/m/poll/old.b1", "/poll/old.b1?callback=cb", "/poll/none", "/m/poll/none"} {
		for _, headers := range [][]string{nil, {"Connection: keep-alive"}} {
			c := s.open(t, "GET "+path+" HTTP/1.0", headers...)
			r := c.response()
			if _, ok := r.header("Transfer-Encoding"); ok {
				t.Errorf("%s: got %q", path, r.headers)
			}
			if connection, _ := r.header("Connection"); connection != "close" {
				t.Errorf("%s: got %q", path, r.headers)
			}
			r.all()
			c.closed()
		}
	}
	for _, path := range []string{"/sub/old.b1", "/ev/old.b1", "/m/sub/old.b1", "/m/ev/old.b1"} {
		r := s.open(t, "GET "+path+" HTTP/1.0").response()
		r.until("the message", func(body string) bool { return strings.Contains(body, "text") })
		if strings.Contains(r.body, "\r\n") && !strings.HasPrefix(path, "/sub") {
			t.Errorf("%s: got %q", path, r.body)
		}
	}
	c := s.open(t, "GET /pub?id=old HTTP/1.0", "Connection: keep-alive")
	r := c.response()
	if r.all(); r.status != "200 OK" {
		t.Errorf("got %s", r.status)
	}
	if r := s.do(t, "POST /pub?id=old HTTP/1.0", "more"); r.status != "200 OK" {
		t.Errorf("got %s", r.status)
	}
}

// net/http answers what is no request, and the methods of others.
func TestStrangeRequests(t *testing.T) {
	t.Parallel()
	s := attacked(t)
	for text, want := range map[string]string{
		"GET /sub/a HTTP/1.1\r\n\r\n":                                  "400", // no Host
		"GET /sub/a HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n":            "400",
		"GET /sub/a HTTP/3.0\r\nHost: h\r\n\r\n":                       "505",
		"GET /sub/%zz HTTP/1.1\r\nHost: h\r\n\r\n":                     "400",
		"GET  HTTP/1.1\r\nHost: h\r\n\r\n":                             "400",
		"garbage\r\n\r\n":                                              "400",
		"\x16\x03\x01\x00\x05hello\r\n\r\n":                            "400", // TLS
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n":                             "404", // HTTP/2 is not spoken
		"CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n":                     "404",
		"TRACE /sub/a HTTP/1.1\r\nHost: h\r\n\r\n":                     "405",
		"get /sub/a HTTP/1.1\r\nHost: h\r\n\r\n":                       "405",
		"GET http://other/pub?id=none HTTP/1.1\r\nHost: other\r\n\r\n": "404",
		"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n":                        "200",
	} {
		c := s.dial(t)
		c.send(text)
		r, err := c.head()
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if !strings.HasPrefix(r.status, want) {
			t.Errorf("%q: got %s, want %s", text, r.status, want)
		}
		c.Close()
	}
}

// A path that cannot be published to as a whole is not published to in part.
func TestPublishedWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	s := newServer(t, site.Builtin()) // without MaxChannelID
	r := s.do(t, "POST /pub?id=first/"+strings.Repeat("x", 5000), "text")
	if r.status != "400 Bad Request" {
		t.Errorf("got %s", r.status)
	}
	if stats, _ := s.hub.Channel("first"); stats.Published > 0 {
		t.Error("a publish that was refused has published to the first channel")
	}
}
