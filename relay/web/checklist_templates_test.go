package web_test

import (
	"strings"
	"testing"
	"time"

	"alertrelay/relay/site"
)

// A text that is full of tokens comes as it is, in every transport (checklist 44;
// how long it takes is not asserted).
func TestChecklistBodyOfTokens(t *testing.T) {
	t.Parallel()
	tokens := func(l *site.Location) { l.Template = "[~id~:~text~:~text~]" }
	s := newServer(t, []site.Location{
		at(site.ModeAdmin, "/pub"),
		at(site.ModeStream, "/sub/", tokens),
		at(site.ModeEventSource, "/ev/", tokens),
		at(site.ModePoll, "/po/", tokens),
		at(site.ModeWebSocket, "/ws/", tokens),
	})
	text := strings.Repeat("~text~", 100_000)
	want := "[1:" + text + ":" + text + "]"
	live := s.open(t, "GET /sub/a").response()
	ws := s.shake(t, "/ws/a", "")
	s.listeners(t, "a", 2)
	if r := s.do(t, "POST /pub?id=a", text); r.status != "200 OK" {
		t.Fatalf("got %s", r.status)
	}
	same := func(name, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: got another text, of %d bytes; want %d", name, len(got), len(want))
		}
	}
	same("stream", live.until("the message", func(body string) bool { return len(body) >= len(want) }), want)
	ws.deadline(patience)
	_, got, err := readFrame(ws.r)
	if err != nil {
		t.Error(err)
	}
	same("websocket", got, want)
	same("poll", s.get(t, "GET /po/a.b1").body, want)
	event := ": \ndata: " + want + "\n\n"
	same("eventsource", s.open(t, "GET /ev/a.b1").response().until("the event", func(body string) bool { return len(body) >= len(event) }), event)
}

// Tokens count as often as they are written, and not in what replaces them
// (checklist 56, 57).
func TestChecklistTokens(t *testing.T) {
	t.Parallel()
	s := newServer(t, []site.Location{at(site.ModePoll, "/po/", func(l *site.Location) { l.Template = "[~id~~id~:~channel~:~text~:~text~:~channel~]" })})
	s.say("~text~~id~", "~channel~ ~id~ ~size~")
	const want = "[11:~text~~id~:~channel~ ~id~ ~size~:~channel~ ~id~ ~size~:~text~~id~]"
	if got := s.get(t, "GET /po/~text~~id~.b1").body; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Header and footer of an event source are comments, one for each line; a
// backslash and an n are no line end (checklist 62 to 65).
func TestChecklistEventSourceLines(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, header, footer, want string }{
		{"header of several lines (62)", "a\rb\r\nc\nd", "", ": a\n: b\n: c\n: d\n"},
		{"backslash and n in the header (63)", `a\nb\rc`, "", `: a\nb\rc` + "\n"},
		{"footer of several lines, default header (64)", "", "a\rb\r\nc\nd", ": \n: a\n: b\n: c\n: d\n"},
		{"backslash and n in the footer (65)", "", `a\nb\r\nc`, ": \n" + `: a\nb\r\nc` + "\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, []site.Location{at(site.ModeEventSource, "/ev/", func(l *site.Location) {
				l.Header, l.Footer, l.TTL = test.header, test.footer, 50*time.Millisecond
			})})
			if got := s.get(t, "GET /ev/a").body; got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// An if in the location does not have anything formatted twice (checklist 77,
// Q22).
func TestChecklistFormattedOnceBesideIf(t *testing.T) {
	t.Parallel()
	s := nginx(t, `push_stream_header_template HEAD; push_stream_footer_template FOOT; push_stream_subscriber_connection_ttl 100ms;
	server {
		location ~ /ev/(.*) { push_stream_subscriber eventsource; push_stream_channels_path $1; push_stream_message_template "<~text~>";
			if ($arg_t) { push_stream_channels_path other.b1; } }
		location ~ /ws/(.*) { push_stream_subscriber websocket; push_stream_channels_path $1; push_stream_message_template "<~text~>";
			if ($arg_t) { push_stream_channels_path other.b1; } }
	}`)
	s.say("a", "m")
	s.say("other", "o")
	for query, text := range map[string]string{"": "m", "?t=on": "o"} {
		if got, want := s.get(t, "GET /ev/a.b1"+query).body, ": HEAD\ndata: <"+text+">\n\n: FOOT\n"; got != want {
			t.Errorf("%q: got %q, want %q", query, got, want)
		}
		c := s.shake(t, "/ws/a.b1"+query, "")
		want := "\x81\x04HEAD\x81\x03<" + text + ">\x81\x04FOOT\x88\x00"
		if got := c.take(len(want)); got != want {
			t.Errorf("%q: got %q, want %q", query, got, want)
		}
		c.closed()
	}
}

// The text of pings, with the default template and with one of one's own
// (checklist 151, 153).
func TestChecklistPingText(t *testing.T) {
	t.Parallel()
	s := nginx(t, `push_stream_ping_message_text "still ~here~"; push_stream_ping_message_interval 30ms; push_stream_subscriber_connection_ttl 5s;
	server {
		location ~ /sub/(.*) { push_stream_subscriber; push_stream_channels_path $1; }
		location ~ /own/(.*) { push_stream_subscriber; push_stream_channels_path $1; push_stream_message_template "[~id~:~channel~:~text~:~size~]"; }
	}`)
	for path, ping := range map[string]string{"/sub/a": "still ~here~", "/own/a": "[-1::still ~here~:12]"} {
		want := ping + ping
		if got := s.open(t, "GET "+path).response().until("two pings", func(body string) bool { return len(body) >= len(want) }); !strings.HasPrefix(got, want) {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
}
