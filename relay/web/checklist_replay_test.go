package web_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"alertrelay/relay"
)

// replayConf has a location for each of the five modes, all with the same
// templates.
const replayConf = `push_stream_header_template HEADER; push_stream_message_template "[~channel~:~id~:~text~]";
	server {
		location ~ /sub/(.*) { push_stream_subscriber streaming; push_stream_channels_path $1; }
		location ~ /po/(.*) { push_stream_subscriber polling; push_stream_channels_path $1; }
		location ~ /lp/(.*) { push_stream_subscriber long-polling; push_stream_channels_path $1; }
		location ~ /ev/(.*) { push_stream_subscriber eventsource; push_stream_channels_path $1; }
		location ~ /ws/(.*) { push_stream_subscriber websocket; push_stream_channels_path $1; }
	}`

// place is where a message stands: what Last-Modified and Etag say.
type place struct {
	tag  uint64
	time time.Time
}

// put publishes a text and returns its place.
func (s *server) put(channel, text string) place {
	s.t.Helper()
	tag := s.say(channel, text)
	at, head := s.hub.Head()
	if head != tag {
		s.t.Fatal("somebody else publishes too")
	}
	return place{tag, at}
}

// sentAtOnce expects a request to be sent the header and these messages in each
// mode, and no more; and of polls, that they say the place of the last of them.
func (s *server) sentAtOnce(t *testing.T, path string, headers, messages []string, last place) {
	t.Helper()
	for _, mode := range []string{"po", "lp"} {
		r := s.get(t, "GET /"+mode+"/"+path, headers...)
		modified, _ := r.header("Last-Modified")
		etag, _ := r.header("Etag")
		if want := "HEADER" + strings.Join(messages, ""); r.status != "200 OK" || r.body != want {
			t.Errorf("%s: got %s, %q, want %q", mode, r.status, r.body, want)
		}
		if wantTime, wantTag := relay.FormatTime(last.time), fmt.Sprintf("W/%d", last.tag); modified != wantTime || etag != wantTag {
			t.Errorf("%s: got %q, %q, want %q, %q", mode, modified, etag, wantTime, wantTag)
		}
	}
	for mode, want := range map[string]string{
		"sub": "HEADER" + strings.Join(messages, ""),
		"ev":  ": HEADER\ndata: " + strings.Join(messages, "\n\ndata: ") + "\n\n",
	} {
		c := s.open(t, "GET /"+mode+"/"+path, headers...)
		r := c.response()
		if got := r.until(mode, func(body string) bool { return len(body) >= len(want) }); r.status != "200 OK" || got != want {
			t.Errorf("%s: got %s, %q, want %q", mode, r.status, got, want)
		}
		c.silent()
		c.Close()
	}
	c := s.open(t, "GET /ws/"+path, append(upgrade("13"), headers...)...)
	c.response()
	for _, want := range append([]string{"HEADER"}, messages...) {
		if first, got, err := readFrame(c.r); err != nil || first != 0x81 || got != want {
			t.Errorf("ws: got frame %#x %q, %v, want %q", first, got, err, want)
		}
	}
	c.silent()
	c.Close()
	s.subscribers(0)
}

// Backtracks of several channels, in the order of the path (checklist 173).
func TestChecklistBacktrackOfThree(t *testing.T) {
	t.Parallel()
	s := nginx(t, replayConf)
	var last place
	for _, text := range []string{"1", "2", "3"} {
		for _, channel := range []string{"c1", "c2", "c3"} {
			last = s.put(channel, text)
		}
	}
	s.sentAtOnce(t, "c1/c2.b5/c3.b2", nil, []string{"[c2:1:1]", "[c2:2:2]", "[c2:3:3]", "[c3:2:2]", "[c3:3:3]"}, last)
}

// A time is that of all channels of the path but of those with a backtrack
// (checklist 174, 175).
func TestChecklistTimeOfThree(t *testing.T) {
	t.Parallel()
	s := nginx(t, replayConf)
	var since place
	for _, message := range [][2]string{{"c1", "1"}, {"c2", "1"}, {"c3", "1"}, {"c1", "2"}, {"c2", "2"}} {
		since = s.put(message[0], message[1])
	}
	eventually(t, "the second is over", func() bool { return time.Now().Unix() > since.time.Unix() })
	var last place
	for _, message := range [][2]string{{"c3", "2"}, {"c1", "3"}, {"c2", "3"}, {"c3", "3"}} {
		last = s.put(message[0], message[1])
	}
	headers := []string{"If-Modified-Since: " + relay.FormatTime(since.time)}
	t.Run("all by time (174)", func(t *testing.T) {
		s.sentAtOnce(t, "c1/c2/c3", headers, []string{"[c1:3:3]", "[c2:3:3]", "[c3:2:2]", "[c3:3:3]"}, last)
	})
	t.Run("one by backtrack (175)", func(t *testing.T) {
		s.sentAtOnce(t, "c1/c2.b5/c3", headers, []string{"[c1:3:3]", "[c2:1:1]", "[c2:2:2]", "[c2:3:3]", "[c3:2:2]", "[c3:3:3]"}, last)
	})
}

// With the tag 0 the second of the time itself is sent too, and without a tag it
// is not (checklist 178).
func TestChecklistTagZero(t *testing.T) {
	t.Parallel()
	s := nginx(t, replayConf)
	s.put("a", "before")
	eventually(t, "the second is over", func() bool { at, _ := s.hub.Head(); return time.Now().Unix() > at.Unix() })
	at := s.put("a", "at the time")
	headers := []string{"If-Modified-Since: " + relay.FormatTime(at.time), "If-None-Match: 0"}
	s.sentAtOnce(t, "a", headers, []string{"[a:2:at the time]"}, at)
	headers[1] = "If-None-Match: W/0"
	s.sentAtOnce(t, "a", headers, []string{"[a:2:at the time]"}, at)
	if r := s.get(t, "GET /po/a", headers[0]); r.status != "304 Not Modified" {
		t.Errorf("without a tag: got %s, %q", r.status, r.body)
	}
}
