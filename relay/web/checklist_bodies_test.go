package web_test

import (
	"os"
	"strings"
	"testing"
)

// A body larger than nginx's buffer and smaller than the limit is taken whole, and
// no file is left of it (checklist 8). Not parallel: it has the process's
// directory for temporary files.
func TestChecklistBodyOverTheBuffer(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	s := nginx(t, `server {
		location /pub { push_stream_publisher; push_stream_channels_path $arg_id; push_stream_store_messages on;
			client_max_body_size 130k; client_body_buffer_size 1k; }
		location ~ /po/(.*) { push_stream_subscriber polling; push_stream_channels_path $1; }
	}`)
	text := bytePairs() // 128 KiB
	if r := s.do(t, "POST /pub?id=a", text); r.status != "200 OK" || !strings.Contains(r.body, `"stored_messages": 1`) {
		t.Errorf("got %s, %q", r.status, r.body)
	}
	if got := s.get(t, "GET /po/a.b1").body; got != text {
		t.Errorf("got another text, of %d bytes", len(got))
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) > 0 {
		t.Errorf("got files %v, %v", files, err)
	}
}

// A message of 4 MB and one of 10 kB come whole by each transport, live and by
// backtrack, and the connection stays (checklist 43).
func TestChecklistLargeAndSmall(t *testing.T) {
	t.Parallel()
	s := nginx(t, `client_max_body_size 8m; push_stream_message_template "<~text~>";
	server {
		location /pub { push_stream_publisher admin; push_stream_channels_path $arg_id; push_stream_store_messages on; }
		location ~ /sub/(.*) { push_stream_subscriber; push_stream_channels_path $1; }
		location ~ /ev/(.*) { push_stream_subscriber eventsource; push_stream_channels_path $1; }
		location ~ /ws/(.*) { push_stream_subscriber websocket; push_stream_channels_path $1; }
		location ~ /lp/(.*) { push_stream_subscriber long-polling; push_stream_channels_path $1; }
		location ~ /po/(.*) { push_stream_subscriber polling; push_stream_channels_path $1; }
	}`)
	large, small := strings.Repeat("0123456789abcdef", 4<<20/16), strings.Repeat("0123456789", 1_000)
	// Each reads a text, and compares.
	type reader func(text string) *conn
	open := func(path string) []reader {
		body := func(mode, head, before, after string) reader {
			c := s.open(t, "GET /"+mode+"/"+path)
			r := c.response()
			r.until(mode, func(body string) bool { return len(body) >= len(head) })
			r.body = strings.TrimPrefix(r.body, head)
			return func(text string) *conn {
				t.Helper()
				want := before + "<" + text + ">" + after
				got := r.until(mode, func(body string) bool { return len(body) >= len(want) })
				if r.body = strings.TrimPrefix(got, want); got == r.body {
					t.Fatalf("%s of %s: got other bytes, %d of them, want %d", mode, path, len(got), len(want))
				}
				return c
			}
		}
		ws := s.shake(t, "/ws/"+path, "")
		return []reader{body("sub", "", "", ""), body("ev", ": \n", "data: ", "\n\n"), func(text string) *conn {
			t.Helper()
			ws.deadline(patience)
			if first, got, err := readFrame(ws.r); err != nil || first != 0x81 || got != "<"+text+">" {
				t.Errorf("ws of %s: got frame %#x of %d bytes, %v, want %d", path, first, len(got), err, len(text)+2)
			}
			return ws
		}}
	}
	live := open("a")
	for i, text := range []string{large, small} {
		lp := s.open(t, "GET /lp/a")
		s.listeners(t, "a", len(live)+1)
		if r := s.do(t, "POST /pub?id=a", text); r.status != "200 OK" {
			t.Fatalf("message %d: got %s", i, r.status)
		}
		for _, next := range live {
			next(text)
		}
		if got := lp.response().all(); got != "<"+text+">" {
			t.Errorf("lp: got another text, of %d bytes; want %d", len(got), len(text)+2)
		}
		s.listeners(t, "a", len(live))
	}
	for _, next := range open("a.b2") {
		next(large)
		next(small).silent()
	}
	for _, mode := range []string{"po", "lp"} {
		if got := s.get(t, "GET /"+mode+"/a.b2").body; got != "<"+large+"><"+small+">" {
			t.Errorf("%s by backtrack: got another text, of %d bytes", mode, len(got))
		}
	}
	s.say("a", "more") // those that were there from the beginning still are
	for _, next := range live {
		next("more").silent()
	}
}
