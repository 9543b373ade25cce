package web_test

import (
	"fmt"
	"testing"
)

// One POST to three channels reaches the subscribers of each, whatever their
// transport (checklist 25).
func TestChecklistOnePostForThree(t *testing.T) {
	t.Parallel()
	s := nginx(t, `push_stream_message_template "[~channel~:~id~:~text~]"; server {
		location /pub { push_stream_publisher; push_stream_channels_path $arg_id; push_stream_store_messages on; }
		location ~ /sub/(.*) { push_stream_subscriber; push_stream_channels_path $1; }
		location ~ /ev/(.*) { push_stream_subscriber eventsource; push_stream_channels_path $1; }
		location ~ /lp/(.*) { push_stream_subscriber long-polling; push_stream_channels_path $1; }
		location ~ /ws/(.*) { push_stream_subscriber websocket; push_stream_channels_path $1; }
	}`)
	channels := []string{"ch1", "ch2", "ch3"}
	var subs []*subscriberOf
	for _, channel := range channels {
		for _, mode := range []string{"sub", "ev", "lp"} {
			subs = append(subs, &subscriberOf{channel, mode, s.open(t, "GET /"+mode+"/"+channel)})
		}
		subs = append(subs, &subscriberOf{channel, "ws", s.shake(t, "/ws/"+channel, "")})
		s.listeners(t, channel, 4)
	}
	if r := s.do(t, "POST /pub?id=ch1/ch2/ch3", "hello"); r.status != "200 OK" {
		t.Fatalf("got %s", r.status)
	}
	for _, sub := range subs {
		want := fmt.Sprintf("[%s:1:hello]", sub.channel)
		got := ""
		switch sub.mode {
		case "ws":
			want = frame(0x81, 0, want)
			got = sub.take(len(want))
		case "lp":
			got = sub.response().all()
		case "ev":
			want = ": \ndata: " + want + "\n\n"
			fallthrough
		default:
			got = sub.response().until(sub.mode, func(body string) bool { return len(body) >= len(want) })
		}
		if got != want {
			t.Errorf("%s of %s: got %q, want %q", sub.mode, sub.channel, got, want)
		}
		sub.silent()
	}
	for _, channel := range channels {
		s.listeners(t, channel, 3) // the long poll has its answer
	}
}

// subscriberOf is a connection that subscribes to a channel.
type subscriberOf struct {
	channel, mode string
	*conn
}
