package web_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// A long poll on twenty channels, of which one is deleted, is told of that and
// nothing else, and the other channels stay (checklist 33).
func TestChecklistOneOfTwentyDeleted(t *testing.T) {
	t.Parallel()
	s := nginx(t, `push_stream_message_template "[~id~:~channel~:~text~]"; push_stream_header_template HEAD; push_stream_footer_template FOOT;
	server {
		location /stats { push_stream_channels_statistics; push_stream_channels_path $arg_id; }
		location /pub { push_stream_publisher admin; push_stream_channels_path $arg_id; }
		location ~ /lp/(.*) { push_stream_subscriber long-polling; push_stream_channels_path $1; }
	}`)
	var channels []string
	for i := range 20 {
		channels = append(channels, fmt.Sprintf("ch%d", i))
	}
	c := s.open(t, "GET /lp/"+strings.Join(channels, "/"))
	for _, channel := range channels {
		s.listeners(t, channel, 1)
	}
	s.do(t, "DELETE /pub?id=ch7", "gone")
	if got, want := c.response().all(), "HEAD[-2:ch7:gone]FOOT"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	left := slices.DeleteFunc(channels, func(channel string) bool { return channel == "ch7" })
	for _, channel := range left {
		s.listeners(t, channel, 0)
	}
	if g := s.group(t, "ALL"); g.Channels != 19 || !slices.Equal(g.ids(), left) {
		t.Errorf("got %d channels, %q", g.Channels, g.ids())
	}
	// The connection is good for another, which the last of them answers.
	c.request("GET /lp/"+strings.Join(left, "/"), "")
	s.listeners(t, "ch19", 1)
	s.say("ch19", "m")
	if got, want := c.response().all(), "HEAD[1:ch19:m]FOOT"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Two channels are deleted, each with subscribers of its own: all of them get the
// message and the footer, and nothing is left to count (checklist 34; channels in
// delete and in trash are always 0, we have no trash).
func TestChecklistTwoDeleted(t *testing.T) {
	t.Parallel()
	s := serverA(t)
	var held []*response
	for _, channel := range []string{"ch1", "ch2"} {
		for range 3 {
			held = append(held, s.open(t, "GET /sub/"+channel).response())
		}
		s.listeners(t, channel, 3)
	}
	s.summaryHas(t, `"channels": 2, `, `"subscribers": 6, `)
	for i, channel := range []string{"ch1", "ch2"} {
		if r := s.do(t, "DELETE /pub?id="+channel, ""); r.status != "200 OK" {
			t.Errorf("%s: got %s", channel, r.status)
		}
		for _, r := range held[3*i : 3*i+3] {
			if got, want := r.all(), "HEAD[-2:"+channel+":Channel deleted]FOOT"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
	}
	s.subscribers(0)
	s.summaryHas(t, `"channels": 0, `, `"channels_in_delete": 0, "channels_in_trash": 0, "subscribers": 0, `)
}

// A deleted channel is gone from the numbers at once, and those of the two classes
// are counted apart (checklist 128; in the module it is in delete and in trash
// first).
func TestChecklistCountsOfDeleted(t *testing.T) {
	t.Parallel()
	s := serverA(t)
	s.say("normal", "1", "2")
	s.say("bd_prefixed", "3")
	has := func(channels, prefixed, stored, published int) {
		t.Helper()
		s.summaryHas(t, fmt.Sprintf(`"channels": %d, "wildcard_channels": %d, "published_messages": %d, "stored_messages": %d, `+
			`"messages_in_trash": 0, "channels_in_delete": 0, "channels_in_trash": 0, "subscribers": 0, `, channels, prefixed, published, stored))
		if g := s.group(t, "ALL"); g.Channels != channels || g.Prefixed != prefixed || len(g.Infos) != channels+prefixed {
			t.Errorf("got %+v, want %d and %d channels", g, channels, prefixed)
		}
	}
	has(1, 1, 3, 3)
	s.do(t, "DELETE /pub?id=bd_prefixed", "")
	has(1, 0, 2, 3)
	s.say("bd_again", "4")
	has(1, 1, 3, 4)
	s.do(t, "DELETE /pub?id=normal", "")
	has(0, 1, 1, 4)
	s.do(t, "DELETE /pub?id=bd_again", "")
	has(0, 0, 0, 4)
}

// summaryHas expects pieces of the summary.
func (s *server) summaryHas(t *testing.T, pieces ...string) {
	t.Helper()
	got := s.get(t, "GET /stats").body
	for _, want := range pieces {
		if !strings.Contains(got, want) {
			t.Errorf("got %s, want it to have %s", got, want)
		}
	}
}
