package web_test

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"alertrelay/relay/site"
)

// attackedSocket is a server with the module's kind of WebSocket, on which clients
// publish.
func attackedSocket(t testing.TB, change ...func(*setup)) *server {
	t.Helper()
	return newServer(t, []site.Location{
		at(site.ModeWebSocket, "/ws/", func(l *site.Location) { l.AllowPublish = true }),
		at(site.ModeWebSocket, "/mute/"),
		at(site.ModeAdmin, "/pub"),
	}, append(change, func(o *setup) { o.web.MaxFrame = 10_000 })...)
}

// shake makes a handshake; frames of the client may come with it.
func (s *server) shake(t testing.TB, path, frames string) *conn {
	t.Helper()
	c := s.dial(t)
	c.send(request("GET "+path, "", upgrade("13")...) + frames)
	if r := c.response(); r.status != "101 Switching Protocols" {
		t.Fatalf("got %s", r.status)
	}
	return c
}

func TestBrokenFrames(t *testing.T) {
	t.Parallel()
	s := attackedSocket(t)
	long := strings.Repeat("x", 10_001)
	for name, tt := range map[string]struct {
		frames string
		codes  []string // of the close frame; empty: one without a code, nil: none
	}{
		"reserved opcode 3":              {masked(0x83, "x"), []string{"", "1002"}},
		"reserved opcode 11":             {masked(0x8b, "x"), []string{"", "1002"}},
		"RSV1":                           {masked(0xc1, "x"), []string{"1002"}},
		"RSV2":                           {masked(0xa1, "x"), []string{"1002"}},
		"RSV3 on a ping":                 {masked(0x99, "x"), []string{"1002"}},
		"length with the highest bit":    {"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff1234", nil}, // gorilla/websocket just ends
		"length of 8 EiB":                {"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff1234abc", []string{"1009"}},
		"length of 1 GiB":                {"\x81\xff\x00\x00\x00\x00\x40\x00\x00\x001234abc", []string{"1009"}},
		"one byte too long":              {masked(0x81, long), []string{"1009"}},
		"too long in fragments":          {masked(0x01, long[:6000]) + masked(0x80, long[:6000]), []string{"1009"}},
		"binary":                         {masked(0x82, "x"), []string{""}},
		"binary in fragments":            {masked(0x02, "x") + masked(0x80, "x"), []string{""}},
		"continuation without a start":   {masked(0x80, "x"), []string{"", "1002"}},
		"text within fragments":          {masked(0x01, "x") + masked(0x81, "x"), []string{"", "1002"}},
		"fragmented ping":                {masked(0x09, "x"), []string{"", "1002"}},
		"fragmented close":               {masked(0x08, ""), []string{"", "1002"}},
		"ping of 126 bytes":              {masked(0x89, long[:126]), []string{"", "1002"}},
		"close of one byte":              {masked(0x88, "x"), []string{"", "1002"}},
		"close with a reserved code":     {masked(0x88, "\x03\xed"), []string{"1002"}},
		"close with code 0":              {masked(0x88, "\x00\x00"), []string{"1002"}},
		"close with a reason not UTF-8":  {masked(0x88, "\x03\xe8\xff"), []string{"1002", "1007"}},
		"not UTF-8":                      {masked(0x81, "a\xffb"), []string{"1007"}},
		"not UTF-8, surrogate":           {masked(0x81, "\xed\xa0\x80"), []string{"1007"}}, // Q31
		"not UTF-8, overlong":            {masked(0x81, "\xc0\xaf"), []string{"1007"}},
		"not UTF-8, cut off":             {masked(0x81, "\xe2\x82"), []string{"1007"}},
		"not UTF-8, in fragments":        {masked(0x01, "\xe2") + masked(0x80, "x"), []string{"1007"}},
		"close with a code and a reason": {masked(0x88, "\x0f\xa0bye"), []string{"4000"}},
	} {
		t.Run(name, func(t *testing.T) {
			for how, c := range map[string]*conn{
				"after the handshake": s.shake(t, "/ws/broken", ""),
				"with it":             s.shake(t, "/ws/broken", tt.frames+masked(0x81, "late")),
			} {
				if how == "after the handshake" {
					c.send(tt.frames + masked(0x81, "late"))
				}
				first, payload, err := readFrame(c.r)
				if tt.codes == nil && errors.Is(err, io.EOF) {
					continue
				}
				if err != nil || first != 0x88 {
					t.Errorf("%s: got %#x %q, %v, want a close frame", how, first, payload, err)
					continue
				}
				code := ""
				if len(payload) >= 2 {
					code = fmt.Sprint(int(payload[0])<<8 | int(payload[1]))
				}
				ok := false
				for _, want := range tt.codes {
					ok = ok || code == want
				}
				if !ok {
					t.Errorf("%s: got code %q, %q, want one of %q", how, code, payload, tt.codes)
				}
				rest, err := io.ReadAll(c.r)
				if isTimeout(err) || len(rest) > 0 {
					t.Errorf("%s: got %q, %v, want the end", how, rest, err)
				}
				c.Close()
			}
			s.listeners(t, "broken", 0)
		})
	}
	if stats, _ := s.hub.Channel("broken"); stats.Published != 0 {
		t.Errorf("%d messages were published", stats.Published)
	}
}

// Frames that are right, wherever their borders are (Q12, Q13).
func TestFrameBorders(t *testing.T) {
	t.Parallel()
	s := attackedSocket(t)
	frames := masked(0x81, "one") + masked(0x89, "ping") + masked(0x01, "t\xc3") + masked(0x8a, "pong") + masked(0x00, "") + masked(0x80, "\xbcr") +
		masked(0x81, "") + masked(0x01, "last") + masked(0x80, "")
	want := []string{"\x8a\x04ping", "\x81\x03one", "\x81\x04t\u00fcr", "\x81\x04last"}
	check := func(t *testing.T, c *conn) {
		t.Helper()
		var got []string
		for range want {
			first, payload, err := readFrame(c.r)
			if err != nil {
				t.Fatal(err)
			}
			f := string([]byte{first, byte(len(payload))}) + payload
			if first == 0x8a { // pongs do not wait for what is published
				got = append([]string{f}, got...)
				continue
			}
			got = append(got, f)
		}
		if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
			t.Errorf("got %q, want %q", got, want)
		}
		c.silent()
		c.Close()
		s.listeners(t, "borders", 0)
	}
	t.Run("all in one segment", func(t *testing.T) {
		c := s.shake(t, "/ws/borders", "")
		c.send(frames)
		check(t, c)
	})
	t.Run("with the handshake", func(t *testing.T) { check(t, s.shake(t, "/ws/borders", frames)) })
	t.Run("some with the handshake", func(t *testing.T) {
		c := s.shake(t, "/ws/borders", frames[:15])
		c.send(frames[15:])
		check(t, c)
	})
	t.Run("byte by byte", func(t *testing.T) {
		c := s.shake(t, "/ws/borders", "")
		for i := range len(frames) {
			c.send(frames[i : i+1])
			time.Sleep(time.Millisecond) // so that segments are not joined
		}
		check(t, c)
	})
	t.Run("nobody publishes where it is not allowed", func(t *testing.T) {
		c := s.shake(t, "/mute/mute", masked(0x81, "one")+masked(0x89, "x"))
		if got := c.take(3); got != "\x8a\x01x" {
			t.Errorf("got %q", got)
		}
		c.silent()
	})
}

// Many pings at once from a client that reads are answered, or at least not held
// against it.
func TestManyPings(t *testing.T) {
	t.Parallel()
	s := attackedSocket(t)
	c := s.shake(t, "/ws/pings", "")
	const pings = 1000
	c.send(strings.Repeat(masked(0x89, strings.Repeat("p", 125)), pings) + masked(0x81, "end"))
	for pongs := 0; ; {
		first, payload, err := readFrame(c.r)
		switch {
		case err != nil || first == 0x88:
			t.Fatalf("after %d pongs: %#x %q, %v", pongs, first, payload, err)
		case first == 0x8a:
			pongs++
			continue
		case payload != "end":
			t.Errorf("got %#x %q", first, payload)
		}
		return
	}
}

// A client that sends pings and never reads costs a bounded few KB, is not read
// any more, and ends after SendTimeout.
func TestPingFlood(t *testing.T) {
	s := attackedSocket(t, withSendTimeout(time.Second))
	other := s.shake(t, "/ws/other", "")
	before := heap()
	c := s.shake(t, "/ws/flood", "")
	narrow(t, c)
	flood := []byte(strings.Repeat(masked(0x89, strings.Repeat("p", 125)), 1000))
	c.deadline(patience)
	var err error
	for sent := 0; err == nil && sent < 256<<20; sent += len(flood) {
		_, err = c.Write(flood)
	}
	if err == nil || isTimeout(err) {
		t.Errorf("the client was not ended: %v", err)
	}
	s.listeners(t, "flood", 0)
	if grown := heap() - before; grown > 8<<20 {
		t.Errorf("the heap grew by %d KiB", grown>>10)
	}
	s.say("other", "text")
	if got := other.take(6); got != "\x81\x04text" {
		t.Errorf("got %q", got)
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// narrow has the kernel keep little of what the client does not read. With much
// less than this it sends a few KB every 200 ms when the client reads on.
func narrow(t testing.TB, c *conn) {
	t.Helper()
	under := c.Conn
	if secure, ok := under.(*tls.Conn); ok {
		under = secure.NetConn()
	}
	if err := under.(interface{ SetReadBuffer(int) error }).SetReadBuffer(256 << 10); err != nil {
		t.Fatal(err)
	}
}

// Garbage after the server's close is not answered (misc/spec 202).
func TestGarbageAfterClose(t *testing.T) {
	t.Parallel()
	s := attackedSocket(t)
	c := s.shake(t, "/ws/garbage", "")
	s.listeners(t, "garbage", 1)
	s.remove("garbage", "")
	for range 2 {
		if _, _, err := readFrame(c.r); err != nil {
			t.Fatal(err)
		}
	}
	_, _ = io.WriteString(c, smuggled)
	if rest, err := io.ReadAll(c.r); len(rest) > 0 || isTimeout(err) {
		t.Errorf("got %q, %v", rest, err)
	}
}

// The masks and lengths of this file's frames are right: the reader of the other
// side takes them.
func TestReadFrame(t *testing.T) {
	for _, n := range []int{0, 125, 126, 0xffff, 0x10000} {
		_, payload, err := readFrame(bufio.NewReader(strings.NewReader(frame(0x81, 0, strings.Repeat("x", n)))))
		if err != nil || len(payload) != n {
			t.Errorf("%d bytes: got %d, %v", n, len(payload), err)
		}
	}
	if _, _, err := readFrame(bufio.NewReader(strings.NewReader("\x81\x05x"))); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
}
