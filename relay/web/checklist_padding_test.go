package web_test

import (
	"strings"
	"testing"
)

// Padding of messages of every size up to the minimum and beyond, of a stream and
// of an event source (checklist 95).
func TestChecklistPaddingSizes(t *testing.T) {
	t.Parallel()
	const least, template = 545, "data: \n\n" // of an event, which counts
	s := nginx(t, `push_stream_padding_by_user_agent "[T|t]est 1,0,545"; server {
		location ~ /sub/(.*) { push_stream_subscriber; push_stream_channels_path $1; }
		location ~ /ev/(.*) { push_stream_subscriber eventsource; push_stream_channels_path $1; }
	}`)
	sub := s.open(t, "GET /sub/p HTTP/1.0", "User-Agent: test 1").response()
	ev := s.open(t, "GET /ev/p", "User-Agent: Test 1").response()
	ev.until("the head", func(body string) bool { return len(body) >= len(": \n") })
	s.listeners(t, "p", 2)
	// filler is how many bytes follow a message of so many.
	filler := func(size int) int {
		switch missing := least - size; {
		case missing <= 0:
			return 0
		case missing >= 500:
			return least
		default:
			return (missing/100 + 1) * 100
		}
	}
	for n := 1; n <= 550; n++ {
		text := strings.Repeat("x", n)
		sub.body, ev.body = "", ""
		s.say("p", text)
		size := filler(n)
		want := text + strings.Repeat("\n", size%2) + strings.Repeat("\r\n", size/2)
		if got := sub.until("stream", func(body string) bool { return len(body) >= len(want) }); got != want {
			t.Fatalf("stream, %d bytes: got %d bytes, want %d", n, len(got), len(want))
		}
		want = "data: " + text + "\n\n"
		if size := filler(n + len(template)); size > 0 {
			want += strings.Repeat(":", size-1) + "\n"
		}
		if got := ev.until("eventsource", func(body string) bool { return len(body) >= len(want) }); got != want {
			t.Fatalf("eventsource, %d bytes: got %d bytes, want %d", n, len(got), len(want))
		}
	}
	sub.c.silent()
	ev.c.silent()
}
