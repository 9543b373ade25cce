package web_test

import (
	"io"
	"strings"
	"sync"
	"testing"

	"alertrelay/relay/site"
)

// serveSockets are a WebSocket on which clients publish, a stream and a publisher.
func serveSockets() []site.Location {
	return []site.Location{
		at(site.ModeWebSocket, "/ws/", func(l *site.Location) { l.AllowPublish = true }),
		at(site.ModeStream, "/sub/"),
		at(site.ModeAdmin, "/pub"),
	}
}

// bytePairs is every pair of bytes, in 128 KiB.
func bytePairs() string {
	b := make([]byte, 0, 2<<16)
	for i := range 1 << 16 {
		b = append(b, byte(i>>8), byte(i))
	}
	return string(b)
}

// All pairs of bytes come as they were published: in one frame, and in a stream
// (checklist 42, 200).
func TestChecklistBytePairs(t *testing.T) {
	t.Parallel()
	s := newServer(t, serveSockets())
	c := s.shake(t, "/ws/a", "")
	r := s.open(t, "GET /sub/a").response()
	s.listeners(t, "a", 2)
	text := bytePairs()
	if r := s.do(t, "POST /pub?id=a", text); r.status != "200 OK" {
		t.Fatalf("got %s", r.status)
	}
	c.deadline(patience)
	if first, got, err := readFrame(c.r); err != nil || first != 0x81 || got != text {
		t.Errorf("got frame %#x of %d bytes, equal: %v, %v", first, len(got), got == text, err)
	}
	if got := r.until("all bytes", func(body string) bool { return len(body) >= len(text) }); got != text {
		t.Errorf("got other bytes, %d of them", len(got))
	}
}

// A client publishes 4 MB in one message, and has it back as others have it
// (checklist 195).
func TestChecklistLargeFromClient(t *testing.T) {
	t.Parallel()
	s := newServer(t, serveSockets())
	c, other := s.shake(t, "/ws/a", ""), s.shake(t, "/ws/a", "")
	s.listeners(t, "a", 2)
	text := strings.Repeat("0123456789abcdef", 4<<20/16)
	c.send(masked(0x81, text))
	for _, c := range []*conn{c, other} {
		c.deadline(patience)
		if first, got, err := readFrame(c.r); err != nil || first != 0x81 || got != text {
			t.Errorf("got frame %#x of %d bytes, equal: %v, %v", first, len(got), got == text, err)
		}
	}
}

func TestChecklistHandshakeHeaders(t *testing.T) { // 182, Q21
	t.Parallel()
	s := newServer(t, serveSockets())
	all := upgrade("13")
	const want = "Don't have at least one of the mandatory headers: Connection, Upgrade, Sec-WebSocket-Key and Sec-WebSocket-Version"
	for i, missing := range all {
		headers := append(append([]string{}, all[:i]...), all[i+1:]...)
		r := s.get(t, "GET /ws/a", headers...)
		if explain, _ := r.header("X-Nginx-PushStream-Explain"); r.status != "400 Bad Request" || explain != want {
			t.Errorf("without %q: got %s, %q", missing, r.status, explain)
		}
	}
	if r := s.open(t, "GET /ws/a", append(all, "Origin: http://other.example")...).response(); r.status != "101 Switching Protocols" {
		t.Errorf("from another origin: got %s", r.status)
	}
}

// What a client publishes is seen at each of its channels by others, in any
// transport (checklist 194).
func TestChecklistPublishedToOthers(t *testing.T) {
	t.Parallel()
	s := serverA(t)
	c := s.shake(t, "/ws/x/y", "")
	x, y := s.open(t, "GET /sub/x").response(), s.shake(t, "/ws/y", "")
	s.listeners(t, "x", 2)
	s.listeners(t, "y", 2)
	c.send(masked(0x81, "hello"))
	if got, want := x.until("x", func(body string) bool { return len(body) >= 15 }), "HEAD[1:x:hello]"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, got, err := readFrame(y.r); err != nil || got != "[1:y:hello]" {
		t.Errorf("got %q, %v", got, err)
	}
	if r := s.get(t, "GET /po/x.b1/y.b1"); strings.Count(r.body, "hello") != 2 {
		t.Errorf("stored: got %q", r.body)
	}
}

// Fragments need no mask, and many frames in a row are published one by one
// (checklist 209, 210).
func TestChecklistFramesInARow(t *testing.T) {
	t.Parallel()
	s := serverA(t)
	s.play(t, `
		> GET /ws/t209 | WS 13
		# UNMASKED 01 "Hel"
		# UNMASKED 80 "lo"
		< 101 Switching Protocols | Upgrade: WebSocket | Connection: Upgrade | Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo= | frames "\x81\x0e[1:t209:Hello]"`)
	c := s.shake(t, "/ws/t210", "")
	bare := func(first byte, text string) string { return frame(first, 0, text) }
	c.send(masked(0x81, "a") + bare(0x81, "b") + masked(0x01, "c") + masked(0x00, "") + masked(0x80, "c") +
		bare(0x01, "d") + masked(0x80, "d") + bare(0x81, "e") + bare(0x01, "f") + bare(0x00, "f") + bare(0x80, "f") +
		masked(0x81, strings.Repeat("g", 200)) + masked(0x81, "h"))
	for _, want := range []string{"[1:t210:a]", "[2:t210:b]", "[3:t210:cc]", "[4:t210:dd]", "[5:t210:e]", "[6:t210:fff]", "[7:t210:" + strings.Repeat("g", 200) + "]", "[8:t210:h]"} {
		if first, got, err := readFrame(c.r); err != nil || first != 0x81 || got != want {
			t.Errorf("got %#x %q, %v, want %q", first, got, err, want)
		}
	}
	c.silent()
}

// Garbage that follows the server's close frame is not read as a request, nor
// while the server reloads (checklist 203).
func TestChecklistGarbageDuringReload(t *testing.T) {
	t.Parallel()
	s := nginx(t, `server {
		location /pub { push_stream_publisher admin; push_stream_channels_path $arg_id; }
		location ~ /ws/(.*) { push_stream_subscriber websocket; push_stream_channels_path $1; push_stream_websocket_allow_publish on; }
	}`)
	conns := make([]*conn, 20)
	for i := range conns {
		conns[i] = s.shake(t, "/ws/garbage", "")
	}
	s.listeners(t, "garbage", len(conns))
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range 10 {
			next := s.opts.site
			next.PingText = strings.Repeat("x", i+1)
			if err := s.web.Reload(t.Context(), next, nil); err != nil {
				t.Error(err)
			}
		}
	})
	s.remove("garbage", "")
	for _, c := range conns {
		wg.Go(func() {
			c.deadline(patience)
			for _, want := range []byte{0x81, 0x88} {
				if first, _, err := readFrame(c.r); err != nil || first != want {
					t.Errorf("got %#x, %v", first, err)
				}
			}
			_, _ = io.WriteString(c, smuggled) // it may be closed by now
			if rest, err := io.ReadAll(c.r); len(rest) > 0 || isTimeout(err) {
				t.Errorf("got %q, %v", rest, err)
			}
		})
	}
	wg.Wait()
	s.subscribers(0)
}
