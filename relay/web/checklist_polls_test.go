package web_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"

	"alertrelay/relay"
)

const pollConf = `push_stream_timeout_with_body on; gzip on; gzip_min_length 0; gzip_types *; default_type text/html;
	push_stream_message_template "<~id~~text~>";
	server {
		location ~ /po/(.*) { push_stream_subscriber polling; push_stream_channels_path $1; }
		location ~ /lp/(.*) { push_stream_subscriber long-polling; push_stream_channels_path $1; }
		location ~ /pinged/(.*) { push_stream_subscriber long-polling; push_stream_channels_path $1;
			push_stream_ping_message_interval 20ms; push_stream_longpolling_connection_ttl 200ms; }
	}`

// No ping is sent to a long poll while it waits (checklist 83).
func TestChecklistNoPingWhilePolling(t *testing.T) {
	t.Parallel()
	s := nginx(t, pollConf)
	if r := s.get(t, "GET /pinged/a"); r.status != "200 OK" || r.body != "<-3Timed out>" {
		t.Errorf("got %s, %q", r.status, r.body)
	}
}

// What a callback is put around (checklist 89, 90, 100, 101).
func TestChecklistCallbacks(t *testing.T) {
	t.Parallel()
	s := nginx(t, pollConf)
	for _, channel := range []string{"c", "b", "a"} {
		id := "e" + channel
		s.publish(relay.Publication{Channel: channel, Text: []byte(channel + "1"), EventID: &id})
		s.say(channel, channel+"2", channel+"3")
	}
	const since = "If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT"
	for _, mode := range []string{"/po/", "/lp/"} {
		for _, test := range []struct{ path, header, want string }{
			{"a.b1", "", "cb([<3a3>]);"},                                            // 100
			{"a.b2", "", "cb([<2a2>,<3a3>]);"},                                      // 101, backtrack
			{"a", "Last-Event-Id: ea", "cb([<2a2>,<3a3>]);"},                        // 101, event id
			{"a", since, "cb([<1a1>,<2a2>,<3a3>]);"},                                // 101, time
			{"a.b1/b.b2/c.b1", "", "cb([<3a3>,<2b2>,<3b3>,<3c3>]);"},                // 89
			{"c/a/b.b1", since, "cb([<1c1>,<2c2>,<3c3>,<1a1>,<2a2>,<3a3>,<3b3>]);"}, // 89
			{"b.b1/a/c.b1", "Accept: text/plain", "cb([<3b3>,<3c3>]);"},             // 89, 90
			{"b.b1", "Accept: application/json;q=1, text/html", "cb([<3b3>]);"},     // 90
		} {
			headers := slices.DeleteFunc([]string{test.header}, func(h string) bool { return h == "" })
			r := s.get(t, "GET "+mode+test.path+"?callback=cb", headers...)
			contentType, _ := r.header("Content-Type")
			if r.status != "200 OK" || r.body != test.want || contentType != "application/javascript" {
				t.Errorf("%s%s with %q: got %s, %s, %q, want %q", mode, test.path, test.header, r.status, contentType, r.body, test.want)
			}
		}
	}
}

// A long poll that is answered by a live message is compressed, and its cursor
// stays one (checklist 92).
func TestChecklistLiveAnswerCompressed(t *testing.T) {
	t.Parallel()
	s := nginx(t, pollConf)
	c := s.open(t, "GET /lp/a", "Accept-Encoding: gzip")
	s.listeners(t, "a", 1)
	tag := s.say("a", "hello")
	r := c.response()
	z, err := gzip.NewReader(strings.NewReader(r.all()))
	if err != nil {
		t.Fatalf("%v; got %q", err, r.headers)
	}
	got, err := io.ReadAll(z)
	encoding, _ := r.header("Content-Encoding")
	etag, _ := r.header("Etag")
	if err != nil || string(got) != "<1hello>" || encoding != "gzip" || etag != "W/"+strconv.FormatUint(tag, 10) {
		t.Errorf("got %q, %v, %q, %q", got, err, encoding, etag)
	}
}

// A long poll stays one whatever the header says (Q16). A poll names the last
// message of the channels that it was sent something of, also where that was not
// stored (Q34), and going on from there loses nothing.
func TestChecklistPollQuirks(t *testing.T) {
	t.Parallel()
	s := serverA(t)
	s.play(t, `
		> GET /lp/q16 | X-Nginx-PushStream-Mode: polling
		# POST q16 "m"
		< 200 OK | Content-Type: text/plain | Last-Modified: <NOW> | Etag: W/<tag1> | chunks "{1,<tag1>,m}" | END`)
	for _, mode := range []string{"po", "lp"} {
		channel := "q34" + mode
		kept := s.say(channel, "kept")
		last := s.publish(relay.Publication{Channel: channel, Text: []byte("not kept"), Unstored: true})
		at, _ := s.hub.Head()
		s.publish(relay.Publication{Channel: "q34other", Text: []byte("not kept"), Unstored: true})
		r := s.get(t, "GET /"+mode+"/"+channel+".b5/q34other")
		etag, _ := r.header("Etag")
		modified, _ := r.header("Last-Modified")
		if want := fmt.Sprintf("{1,%d,kept}", kept); r.body != want || etag != fmt.Sprintf("W/%d", last) || modified != relay.FormatTime(at) {
			t.Errorf("got %q, %q, %q, want %q, %d, %s", r.body, etag, modified, want, last, at)
		}
		from := []string{"If-Modified-Since: " + modified, "If-None-Match: " + etag}
		if r := s.get(t, "GET /po/"+channel+"/q34other", from...); r.status != "304 Not Modified" {
			t.Errorf("after %d: got %s, %q", last, r.status, r.body)
		}
		next := s.say(channel, "next")
		if r := s.get(t, "GET /"+mode+"/"+channel+"/q34other", from...); r.body != fmt.Sprintf("{3,%d,next}", next) {
			t.Errorf("after %d: got %s, %q", last, r.status, r.body)
		}
	}
}
