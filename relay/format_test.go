package relay_test

import (
	"encoding/json"
	"html"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"alertrelay/relay"
)

// render gives a message in a format, through a hub.
func render(t testing.TB, o relay.FormatOptions, m relay.Message) string {
	t.Helper()
	format, err := relay.NewFormat(o)
	if err != nil {
		t.Fatal(err)
	}
	hub, err := relay.NewHub(relay.HubOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer hub.Close()
	hub.CaughtUp()
	m.Stored = true
	hub.Append(m)
	rep, err := hub.Replay(t.Context(), []relay.Request{{Channel: m.Channel, Backtrack: 1}}, relay.Cursor{})
	if err != nil || len(rep.Entries) != 1 {
		t.Fatalf("replay: %d entries, err %v", len(rep.Entries), err)
	}
	return string(rep.Entries[0].Frame(format))
}

var noon = time.Date(2026, 11, 22, 7, 0, 0, 123, time.UTC)

func TestTemplates(t *testing.T) {
	m := relay.Message{Seq: 7, Channel: "ch", Time: noon, Text: []byte(`a "b" <c> ~id~`), EventID: new("e1"), EventType: new("al'ert")}
	tests := []struct{ name, template, want string }{
		{"default", "", `a "b" <c> ~id~`},
		{"every token", "~id~|~channel~|~text~|~size~|~time~|~tag~|~event-id~|~event-type~", `1|ch|a "b" <c> ~id~|14|Sun, 22 Nov 2026 07:00:00 GMT|7|e1|al'ert`},
		{"case does not matter", "~ID~~Tag~", "17"},
		{"unknown tokens and stray tildes stay", "~x~ ~~id~~ ~", "~x~ ~1~ ~"},
		{"json", "{~text:json~}", `{"a \"b\" \u003cc\u003e ~id~"}`},
		{"html", "~text:html~", "a &#34;b&#34; &lt;c&gt; ~id~"},
		{"js", "'~event-type:js~' '~text:js~'", `'al\u0027ert' 'a \"b\" \u003cc\u003e ~id~'`},
		{"url", "~text:url~", "a%20%22b%22%20%3Cc%3E%20~id~"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := render(t, relay.FormatOptions{Template: tt.template}, m); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	if _, err := relay.ParseTemplate("~text:jsno~"); err == nil || !strings.Contains(err.Error(), "jsno") {
		t.Errorf("a misspelt escaping: err = %v", err)
	}
}

func TestFrames(t *testing.T) {
	long := strings.Repeat("x", 126)
	longer := strings.Repeat("x", 65536)
	tests := []struct {
		name    string
		o       relay.FormatOptions
		text    string
		eventID *string
		evType  *string
		want    string
	}{
		{"chunk", relay.FormatOptions{Framing: relay.FrameChunked}, "0123456789abcdef0", nil, nil, "11\r\n0123456789abcdef0\r\n"},
		{"event", relay.FormatOptions{Framing: relay.FrameEvent}, "one", nil, nil, "data: one\n\n"},
		{"event with id and type", relay.FormatOptions{Framing: relay.FrameEvent}, "two", new("7"), new("alert"), "id: 7\nevent: alert\ndata: two\n\n"},
		{"event with an empty id", relay.FormatOptions{Framing: relay.FrameEvent}, "two", new(""), nil, "id: \ndata: two\n\n"},
		{"event with a cursor for an id", relay.FormatOptions{Framing: relay.FrameEvent, CursorIDs: true}, "x", nil, nil, "id: 1795330800:7\ndata: x\n\n"},
		{"event of several lines", relay.FormatOptions{Framing: relay.FrameEvent, Template: "{~id~,~text~}"}, "l1\r\nl2\n\nl3\rl4\n", nil, nil, "data: {1,l1}\ndata: {1,l2}\ndata: {1,l3}\ndata: {1,l4}\n\n"},
		{"escaped text is one line", relay.FormatOptions{Framing: relay.FrameEvent, Template: "~text:json~"}, "l1\nl2", nil, nil, `data: "l1\nl2"` + "\n\n"},
		{"a line end cannot forge a field", relay.FormatOptions{Framing: relay.FrameEvent}, "x", new("1\ndata: forged"), new("t\r\nid: 9"), "id: 1\nevent: t\ndata: x\n\n"},
		{"template with its own prefix and no line end", relay.FormatOptions{Framing: relay.FrameEvent, Template: "data: <~text~>"}, "x", nil, nil, "data: <x>\n\n"},
		{"event in a chunk", relay.FormatOptions{Framing: relay.FrameEventChunked}, "one", nil, nil, "b\r\ndata: one\n\n\r\n"},
		{"id and type are chunks of their own", relay.FormatOptions{Framing: relay.FrameEventChunked}, "two", new("7"), new("alert"), "6\r\nid: 7\n\r\nd\r\nevent: alert\n\r\nb\r\ndata: two\n\n\r\n"},
		{"but not with cursors", relay.FormatOptions{Framing: relay.FrameEventChunked, CursorIDs: true}, "x", nil, new("t"), "23\r\nid: 1795330800:7\nevent: t\ndata: x\n\n\r\n"},
		{"short frame", relay.FormatOptions{Framing: relay.FrameWebSocket}, "hi", nil, nil, "\x81\x02hi"},
		{"frame over 125 bytes", relay.FormatOptions{Framing: relay.FrameWebSocket}, long, nil, nil, "\x81\x7e\x00\x7e" + long},
		{"frame over 65535 bytes", relay.FormatOptions{Framing: relay.FrameWebSocket}, longer, nil, nil, "\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00" + longer},
		{"nothing left: nothing is sent", relay.FormatOptions{Framing: relay.FrameChunked, Template: "~event-id~"}, "x", nil, nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := relay.Message{Seq: 7, Channel: "ch", Time: noon, Text: []byte(tt.text), EventID: tt.eventID, EventType: tt.evType}
			if got := render(t, tt.o, m); got != tt.want {
				t.Errorf("got %.200q, want %.200q", got, tt.want)
			}
		})
	}
}

func TestHeaderFooterControl(t *testing.T) {
	event, err := relay.NewFormat(relay.FormatOptions{Framing: relay.FrameEvent, Header: "a\nb", Footer: "z", Template: "{~id~,~text~}"})
	if err != nil {
		t.Fatal(err)
	}
	stream, err := relay.NewFormat(relay.FormatOptions{Framing: relay.FrameChunked, Template: "[~id~:~channel~:~text~]"})
	if err != nil {
		t.Fatal(err)
	}
	plain, err := relay.NewFormat(relay.FormatOptions{Framing: relay.FrameEvent})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name      string
		got       []byte
		want      string
		wantNoNil bool
	}{
		{name: "event header", got: event.Header(), want: ": a\n: b\n"},
		{name: "event footer", got: event.Footer(), want: ": z\n"},
		{name: "default event header", got: plain.Header(), want: ": \n"},
		{name: "no event footer", got: plain.Footer(), want: ""},
		{name: "event ping", got: event.Control(relay.IDPing, "", " "), want: ": -1\n"},
		{name: "event gap", got: event.Control(relay.IDGap, "ch", "missing"), want: "event: gap\ndata: {-4,missing}\n\n"},
		{name: "event deleted", got: event.Control(relay.IDDeleted, "ch", "bye"), want: "data: {-2,bye}\n\n"},
		{name: "no stream header", got: stream.Header(), want: ""},
		{name: "stream ping", got: stream.Control(relay.IDPing, "", " "), want: "7\r\n[-1:: ]\r\n"},
	}
	for _, tt := range tests {
		if string(tt.got) != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, tt.got, tt.want)
		}
	}
}

// Whatever the text is, an escaped token must be safe where it stands, and one
// message must stay one event.
func FuzzFormat(f *testing.F) {
	for _, seed := range []string{"hello", "a\nb", "</script><script>alert(1)</script>", "'\"\\", "\u2028", "\xff\xfe", "\r\ndata: x", ""} {
		f.Add(seed, "ev", "ch")
	}
	f.Fuzz(func(t *testing.T, text, eventID, channel string) {
		m := relay.Message{Seq: 7, Channel: channel, Time: noon, Text: []byte(text), EventID: &eventID}
		if relay.CheckID(channel, 0) != nil || relay.IsWildcard(channel) {
			m.Channel = "ch"
		}
		var decoded string
		quoted := render(t, relay.FormatOptions{Template: "~text:json~"}, m)
		if err := json.Unmarshal([]byte(quoted), &decoded); err != nil {
			t.Fatalf("json: %v in %q", err, quoted)
		}
		if utf8.ValidString(text) && decoded != text {
			t.Errorf("json: %q came back as %q", text, decoded)
		}
		if js := render(t, relay.FormatOptions{Template: "'~text:js~'"}, m); strings.ContainsAny(js[1:len(js)-1], "'<>\n\r\u2028\u2029") {
			t.Errorf("js: %q is not safe", js)
		}
		if got := render(t, relay.FormatOptions{Template: "~text:html~"}, m); strings.ContainsAny(got, `<>"'`) || html.UnescapeString(got) != text && !strings.Contains(text, "\x00") {
			t.Errorf("html: %q of %q", got, text)
		}
		if got, err := url.PathUnescape(render(t, relay.FormatOptions{Template: "~text:url~"}, m)); err != nil || got != text {
			t.Errorf("url: %q of %q, err %v", got, text, err)
		}
		event := render(t, relay.FormatOptions{Framing: relay.FrameEvent, Template: "~channel~ ~event-id~ ~text~"}, m)
		if strings.Contains(event[:len(event)-1], "\n\n") && event != "\n" || strings.Contains(event, "\r") {
			t.Errorf("event: %q would dispatch more than once", event)
		}
		for line := range strings.SplitSeq(strings.TrimRight(event, "\n"), "\n") {
			if line != "" && !strings.HasPrefix(line, "data: ") && !strings.HasPrefix(line, "id: ") {
				t.Errorf("event: forged field %q", line)
			}
		}
	})
}
