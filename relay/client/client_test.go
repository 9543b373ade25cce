package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"alertrelay/relay/client"
)

const at = "Sun, 22 Nov 2026 07:00:00 GMT"

func message(id int, text string) string {
	return fmt.Sprintf(`{"id":%d,"channel":"ops","text":%q,"tag":"%d","time":"%s"}`, id, text, id, at)
}

// scripted answers each request with the next function and notes the requests.
type scripted struct {
	t       *testing.T
	answers []http.HandlerFunc

	mu       sync.Mutex // guards requests
	requests []string
}

func (s *scripted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	n := len(s.requests)
	s.requests = append(s.requests, r.URL.RequestURI())
	s.mu.Unlock()
	if n < len(s.answers) {
		s.answers[n](w, r)
		return
	}
	<-r.Context().Done()
}

func (s *scripted) start(t *testing.T, answers ...http.HandlerFunc) *client.Client {
	t.Helper()
	s.t, s.answers = t, answers
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	c, err := client.New(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func head(tag string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Last-Modified", at)
		w.Header().Set("Etag", tag)
		w.WriteHeader(http.StatusNotModified)
	}
}

func send(contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		_, _ = io.WriteString(w, body)
	}
}

func status(code int, explain string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Nginx-PushStream-Explain", explain)
		w.WriteHeader(code)
	}
}

// collect subscribes until it has n messages.
func collect(t *testing.T, c *client.Client, o client.SubscribeOptions, n int) (texts []string, notices []client.Notice) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	enough := errors.New("enough")
	o.Notify = func(n client.Notice) { notices = append(notices, n) }
	err := c.Subscribe(ctx, o, func(m client.Message) error {
		texts = append(texts, m.Text)
		if len(texts) == n {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		t.Fatalf("got %v after %q", err, texts)
	}
	return texts, notices
}

const tail = "?time=Sun%%2C%%2022%%20Nov%%202026%%2007%%3A00%%3A00%%20GMT&tag=%d"

func TestSSEGoesOnWhereItStood(t *testing.T) {
	const sse = "text/event-stream; charset=utf-8"
	var s scripted
	c := s.start(t,
		head("W/4"),
		send(sse, ": \nid: 1795330800:5\ndata: "+message(5, "five")+"\n\n: -1\n"),
		status(http.StatusServiceUnavailable, ""),
		send(sse, ": \nevent: gap\ndata: {\"id\":-4,\"channel\":\"\",\"text\":\"7\",\"tag\":\"0\",\"time\":\"Thu, 01 Jan 1970 00:00:00 GMT\"}\n\n"+
			"data: "+message(7, "a\nb")+"\n\ndata: "+message(8, "half")),
		send(sse, ": \r\ndata: "+message(8, "whole")+"\r\n\r\n"),
	)
	got, notices := collect(t, c, client.SubscribeOptions{Channels: []string{"ops", "db.>"}}, 3)
	if want := []string{"five", "a\nb", "whole"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	want := []string{"/poll/ops/db.%3E"}
	for _, tag := range []int{4, 5, 5, 7} {
		want = append(want, fmt.Sprintf("/ev/ops/db.%%3E"+tail, tag))
	}
	if !slices.Equal(s.requests, want) {
		t.Errorf("requests: got %q, want %q", s.requests, want)
	}
	if !slices.ContainsFunc(notices, func(n client.Notice) bool { return n.Kind == client.Gap && n.Text == "7" }) {
		t.Errorf("no notice of the gap: %+v", notices)
	}
}

func TestLastOfEachChannelComesInOrder(t *testing.T) {
	var s scripted
	c := s.start(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Last-Modified", at)
		w.Header().Set("Etag", "W/9")
		_, _ = io.WriteString(w, message(3, "c")+message(1, "a")+message(2, "b"))
	}, head("W/9"), send("", message(10, "d")))
	got, _ := collect(t, c, client.SubscribeOptions{Channels: []string{"ops", "db.b1"}, Last: 2, Transport: client.LongPolling}, 4)
	if want := []string{"a", "b", "c", "d"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := s.requests[:2], []string{"/poll/ops.b2/db.b1", "/lp/ops/db" + fmt.Sprintf(tail, 9)}; !slices.Equal(got, want) {
		t.Errorf("requests: got %q, want %q", got, want)
	}
}

func TestStreamingPage(t *testing.T) {
	page := `<html><head><script type="text/javascript">
if (a > 1) { p(1); }
</script></head><body>` +
		`<script>p(-1,'','','','Thu, 01 Jan 1970 00:00:00 GMT','0');</script>` + "\r\n" +
		`<script>p(1,'ops','it\u0027s \u003c/script\u003e \ud83d\ude00 \\ \n\x41','e','` + at + `','1');</script></body></html>`
	var s scripted
	c := s.start(t, send("text/html", page))
	got, _ := collect(t, c, client.SubscribeOptions{Channels: []string{"ops"}, Since: time.Now(), Transport: client.Streaming}, 1)
	if want := []string{"it's </script> \U0001F600 \\ \nA"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestDeletedChannelIsFollowedAgain(t *testing.T) {
	var s scripted
	c := s.start(t, head("W/4"),
		send("text/event-stream", `data: {"id":-2,"channel":"ops","text":"bye","tag":"0","time":"Thu, 01 Jan 1970 00:00:00 GMT"}`+"\n\n"),
		send("text/event-stream", "data: "+message(6, "reborn")+"\n\n"))
	got, notices := collect(t, c, client.SubscribeOptions{Channels: []string{"ops"}}, 1)
	if got[0] != "reborn" || !slices.ContainsFunc(notices, func(n client.Notice) bool { return n.Kind == client.Deleted && n.Text == "bye" }) {
		t.Errorf("got %q, %+v", got, notices)
	}
}

func TestRefusalsEndASubscription(t *testing.T) {
	for _, transport := range client.Transports() {
		var s scripted
		c := s.start(t, status(http.StatusForbidden, "Channel id not authorized for this method."))
		err := c.Subscribe(t.Context(), client.SubscribeOptions{Channels: []string{"ALL"}, Since: time.Now(), Transport: transport}, nil)
		if e := (*client.Error)(nil); !errors.As(err, &e) || e.Status != http.StatusForbidden || err.Error() != "Channel id not authorized for this method. (403 Forbidden)" {
			t.Errorf("%s: got %v", transport, err)
		}
	}
}

func TestSilentConnectionIsGivenUp(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var s scripted
	c := s.start(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	var why error
	_ = c.Subscribe(ctx, client.SubscribeOptions{
		Channels: []string{"ops"}, Since: time.Now(), IdleTimeout: 20 * time.Millisecond,
		Notify: func(n client.Notice) {
			if n.Kind == client.Disconnected && why == nil {
				why = n.Err
				cancel()
			}
		},
	}, nil)
	if why == nil || !strings.Contains(why.Error(), "nothing came for 20ms") {
		t.Errorf("got %v", why)
	}
}

func TestChannelsInAPath(t *testing.T) {
	var s scripted
	c := s.start(t, send("text/event-stream", "data: "+message(1, "a")+"\n\n"))
	collect(t, c, client.SubscribeOptions{Channels: []string{"100%", "a b+c", "ü", "ops.b3.b4", "x.b2"}, Since: time.Unix(1795330800, 0)}, 1)
	// Decoded twice, and the id of "ops.b3.b4" is "ops.b3"; a backtrack would beat
	// the cursor.
	if got, want := s.requests[0], "/ev/100%2525/a%20b+c/%C3%BC/ops.b3.b0/x"+fmt.Sprintf(tail, 0); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, channel := range []string{"", ".", "..", "a/b", "a?b"} {
		if err := c.Subscribe(t.Context(), client.SubscribeOptions{Channels: []string{channel}}, nil); err == nil {
			t.Errorf("%q: no error", channel)
		}
	}
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	c, err := client.New("http://127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]client.SubscribeOptions{
		"no channel":        {},
		"two beginnings":    {Channels: []string{"ops"}, Since: time.Now(), Last: 1},
		"now and then":      {Channels: []string{"ops"}, Since: time.Now(), Now: true},
		"negative":          {Channels: []string{"ops"}, Last: -1},
		"unknown transport": {Channels: []string{"ops"}, Transport: "carrier pigeon"},
	} {
		if err := c.Subscribe(t.Context(), o, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestControlMessagesAreNotHandedOver(t *testing.T) {
	control := func(id int) string {
		return fmt.Sprintf(`{"id":%d,"channel":"","text":"x","tag":"0","time":"Thu, 01 Jan 1970 00:00:00 GMT"}`, id)
	}
	for _, transport := range []client.Transport{client.LongPolling, client.Polling} {
		var s scripted
		c := s.start(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Alertrelay-Gap", "messages are missing")
			_, _ = io.WriteString(w, control(-3)+control(-1)+control(-99))
		}, send("", message(5, "five")))
		got, notices := collect(t, c, client.SubscribeOptions{Channels: []string{"ops"}, Since: time.Unix(1795330800, 0), Transport: transport, PollInterval: time.Millisecond}, 1)
		if !slices.Equal(got, []string{"five"}) || !slices.ContainsFunc(notices, func(n client.Notice) bool {
			return n.Kind == client.Gap && strings.HasPrefix(n.Text, "messages are missing")
		}) {
			t.Errorf("%s: got %q, %+v", transport, got, notices)
		}
		if got, want := s.requests[1], fmt.Sprintf(tail, 0); !strings.HasSuffix(got, want) {
			t.Errorf("%s: a control message moved the cursor to %s", transport, got)
		}
	}
}

func TestRetryAfterIsHeeded(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var s scripted
	c := s.start(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "30")
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	var delay time.Duration
	err := c.Subscribe(ctx, client.SubscribeOptions{Channels: []string{"ops"}, Notify: func(n client.Notice) { delay = n.Delay; cancel() }}, nil)
	if err != nil || delay < 30*time.Second || delay > 31*time.Second {
		t.Errorf("got %v, %s", err, delay)
	}
}

func TestErrorOfTheHandlerIsReturned(t *testing.T) {
	var s scripted
	c := s.start(t, send("text/event-stream", "data: "+message(1, "a")+"\n\n"))
	full := errors.New("disk is full")
	err := c.Subscribe(t.Context(), client.SubscribeOptions{Channels: []string{"ops"}, Since: time.Now()}, func(client.Message) error { return full })
	if !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
}

func TestMessageAsJSON(t *testing.T) {
	m := client.Message{ID: 7, Channel: "ops", Text: "<a> \"b\"\n", Time: time.Unix(1795330800, 0), Tag: 9, EventID: "e", EventType: "t"}
	got, err := json.Marshal(m)
	if want := `{"id":7,"channel":"ops","text":"<a> \"b\"\n","tag":"9","time":"` + at + `","eventid":"e","eventtype":"t"}`; err != nil || unescaped(got) != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}

// unescaped undoes what json.Marshal does to the output of a MarshalJSON.
func unescaped(b []byte) string {
	return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">").Replace(string(b))
}

func TestEventIDAndType(t *testing.T) {
	both := func(id int, text string) string {
		return strings.TrimSuffix(message(id, text), "}") + `,"eventid":"e1","eventtype":"t1"}`
	}
	for name, test := range map[string]struct {
		event string
		want  [2]string
	}{
		"in the message":   {"data: " + both(1, "a"), [2]string{"e1", "t1"}},
		"in the event":     {"id: e2\nevent: t2\ndata: " + message(1, "a"), [2]string{"e2", "t2"}},
		"cursor as id":     {"id: 1795330800:1\ndata: " + message(1, "a"), [2]string{}},
		"another's cursor": {"id: 1795330800:9\ndata: " + message(1, "a"), [2]string{"1795330800:9", ""}},
		"neither":          {"data: " + message(1, "a"), [2]string{}},
	} {
		var s scripted
		c := s.start(t, send("text/event-stream", event(test.event)))
		done := errors.New("done")
		err := c.Subscribe(t.Context(), client.SubscribeOptions{Channels: []string{"ops"}, Since: time.Now()}, func(m client.Message) error {
			if got := [2]string{m.EventID, m.EventType}; got != test.want {
				t.Errorf("%s: got %q, want %q", name, got, test.want)
			}
			return done
		})
		if !errors.Is(err, done) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func event(fields string) string { return fields + "\n\n" }

func TestServersThatAreNone(t *testing.T) {
	for _, server := range []string{"ftp://h", "http://", "http://u:geheim@h:x", "http://h/?a=b", "http://h/?", "http://h/#f", ""} {
		if _, err := client.New(server); err == nil || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: got %v", server, err)
		}
	}
	for _, server := range []string{"localhost:8080", "http://h/prefix/", "https://u:p@h"} {
		if _, err := client.New(server); err != nil {
			t.Errorf("%s: %v", server, err)
		}
	}
}
