package web_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The tags of events grow, within a second and over its end, and each is the place
// after which one goes on (checklist 224: in the module they begin again at 1 in
// each second, here they are places in the stream).
func TestChecklistTagsOfEvents(t *testing.T) {
	t.Parallel()
	s := nginx(t, `push_stream_events_channel_id evs; push_stream_message_template "~tag~|~time~|~text~\n";
	server { location ~ /evs/(.*) { push_stream_subscriber; push_stream_channels_path $1; push_stream_allow_connections_to_events_channel on; }
		location ~ /po/(.*) { push_stream_subscriber polling; push_stream_channels_path $1; push_stream_allow_connections_to_events_channel on; } }`)
	follower := s.open(t, "GET /evs/evs").response()
	s.listeners(t, eventsID, 1)
	const inOneSecond = 4
	var want []string
	events := func(n int) { // of one channel, whose events keep their order
		for range n / 2 {
			c := s.open(t, "GET /evs/a")
			s.listeners(t, "a", 1)
			c.Close()
			s.listeners(t, "a", 0)
			want = append(want, eventText("client_subscribed", "a"), eventText("client_unsubscribed", "a"))
		}
		s.told(t, strconv.Itoa(len(want)))
	}
	parse := func(body string) (tags []int, times, texts []string) {
		for line := range strings.Lines(body) {
			fields := strings.Split(strings.TrimSpace(line), "|")
			tag, err := strconv.Atoi(fields[0])
			if err != nil || len(fields) != 3 {
				t.Fatalf("got %q, %v", line, err)
			}
			tags, times, texts = append(tags, tag), append(times, fields[1]), append(texts, fields[2])
		}
		return tags, times, texts
	}
	s.say("a", "m")
	want = append(want, eventText("channel_created", "a"))
	// Until so many of one second were followed by one of another.
	for same := false; !same; {
		eventually(t, "a second has begun", func() bool { return time.Now().Nanosecond() < 300e6 })
		first := len(want)
		events(inOneSecond)
		body := follower.until("the events", func(body string) bool { return strings.Count(body, "\n") >= len(want) })
		_, times, _ := parse(body)
		same = times[first] == times[len(want)-1]
		if len(want) > 10*inOneSecond {
			t.Fatal("the machine is too slow for a few events in one second")
		}
	}
	at, _ := s.hub.Head()
	eventually(t, "the second is over", func() bool { return time.Now().Unix() > at.Unix() })
	events(2)
	tags, times, texts := parse(follower.until("the events", func(body string) bool { return strings.Count(body, "\n") >= len(want) }))
	if strings.Join(texts, "\n") != strings.Join(want, "\n") {
		t.Fatalf("got %q, want %q", texts, want)
	}
	for i := 1; i < len(tags); i++ {
		if tags[i] <= tags[i-1] {
			t.Errorf("got the tags %d", tags)
		}
	}
	for i := range tags {
		r := s.get(t, "GET /po/evs", "If-Modified-Since: "+times[i], fmt.Sprintf("If-None-Match: W/%d", tags[i]))
		if _, _, got := parse(r.body); strings.Join(got, "\n") != strings.Join(want[i+1:], "\n") {
			t.Errorf("after event %d: got %s, %q, want %q", i+1, r.status, got, want[i+1:])
		}
	}
}
