package web_test

import (
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"alertrelay/relay"
)

// A script is a transcript in the notation of protocol section 16, a line for
// each step:
//
//	> GET /sub/a | If-None-Match: W/1 | body "text"   a request; WS 13 stands for a handshake of version 13
//	# POST a "text" | Event-Id: 7                     others publish: POST /pub?id=a
//	# SAME a "1" b "2"                                the same, all in one second
//	# DELETE a "text"                                 and delete: DELETE /pub?id=a
//	# EVENTS 5                                        wait until so many events have been told
//	# FRAME 81 "text"                                 the client sends a masked frame; UNMASKED an unmasked one
//	< 200 OK | Content-Type: text/plain | body "text" | END
//
// A response has, beside its headers, one of: no body; body "..." with the whole
// decoded body; chunks "..." "..." with all of it, chunk by chunk; frames "..."
// with what follows a 101. (open) follows the body that is there so far, and has
// the client hang up; (stays) has it go on with another connection. More frames of
// the same connection are "< frames". [closes] says that the server closes.
//
// Headers are compared with their names' case: those of the line, in its order, and
// among them those that section 16 leaves out (see defaults). A line with Expires has
// all but Date.
//
// Requests of a script go over one connection until the server closes it or a
// response is left open, so that each of them also shows that the connection can
// be used again.
//
// Values that vary: <T> the second of the last SAME, <NOW> about now, <DATE>,
// <ISO>, <HOST>, <N>, <PID>. <std> is the usual one of a cache header. <tag3> is the tag of the third message of the last
// SAME and the POSTs in a row: the module begins at 1 in each second, here it is the
// place in the stream. <TAG> is any tag.
type script struct {
	t *testing.T
	s *server

	conn    *conn
	request string // the line of the last request
	res     *response
	tags    []uint64
	second  time.Time
	posted  bool // the last action was a SAME or a POST
}

func (s *server) play(t *testing.T, text string) {
	t.Helper()
	p := &script{t: t, s: s}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			t.Log(line)
			p.step(line)
		}
		if t.Failed() {
			t.FailNow()
		}
	}
	if p.waits() {
		p.hangUp()
	} else if p.conn != nil {
		p.conn.Close()
	}
}

func (p *script) step(line string) {
	p.t.Helper()
	kind, rest, _ := strings.Cut(line, " ")
	fields := p.fields(rest)
	switch kind {
	case ">":
		p.send(fields)
	case "#":
		p.act(fields)
	case "<":
		p.expect(fields)
	default:
		p.t.Fatalf("no such step: %s", line)
	}
}

// fields splits a line at its bars, which no text in the scripts has.
func (p *script) fields(line string) []string {
	return strings.Split(line, " | ")
}

// unquote reads "...", in which quotes are not escaped and bytes are as in C.
func unquote(t testing.TB, s string) string {
	t.Helper()
	s = strings.TrimSpace(s)
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		t.Fatalf("not quoted: %s", s)
	}
	text, err := strconv.Unquote(`"` + strings.ReplaceAll(s[1:len(s)-1], `"`, `\"`) + `"`)
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return text
}

const wsKey = "dGhlIHNhbXBsZSBub25jZQ=="

func upgrade(version string) []string {
	return []string{"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: " + wsKey, "Sec-WebSocket-Version: " + version}
}

func (p *script) send(fields []string) {
	p.t.Helper()
	var headers []string
	body := ""
	for _, f := range fields[1:] {
		if version, ok := strings.CutPrefix(f, "WS "); ok {
			headers = append(headers, upgrade(version)...)
		} else if text, ok := strings.CutPrefix(f, "body "); ok {
			body = unquote(p.t, text)
		} else {
			headers = append(headers, p.fill(f))
		}
	}
	if p.conn == nil {
		p.conn = p.s.dial(p.t)
	}
	p.request = fields[0]
	p.conn.request(fields[0], body, headers...)
	p.res = nil
}

// fill replaces the values that are known when a request is made.
func (p *script) fill(s string) string {
	s = strings.ReplaceAll(s, "<T>", relay.FormatTime(p.second))
	for i, tag := range p.tags {
		s = strings.ReplaceAll(s, fmt.Sprintf("<tag%d>", i+1), strconv.FormatUint(tag, 10))
	}
	return s
}

func (p *script) act(fields []string) {
	p.t.Helper()
	verb, rest, _ := strings.Cut(fields[0], " ")
	if verb == "FRAME" || verb == "UNMASKED" {
		op, text, _ := strings.Cut(rest, " ")
		first, err := hex.DecodeString(op)
		if err != nil {
			p.t.Fatal(err)
		}
		payload := unquote(p.t, text)
		if verb == "FRAME" {
			p.conn.send(masked(first[0], payload))
		} else {
			p.conn.send(frame(first[0], 0, payload))
		}
		return
	}
	p.attached()
	channel, text, _ := strings.Cut(rest, " ")
	switch verb {
	case "POST":
		if !p.posted {
			p.tags = nil
		}
		p.post(channel, unquote(p.t, text), fields[1:]...)
	case "EVENTS":
		p.s.told(p.t, channel)
	case "SAME":
		p.sameSecond(rest)
	case "DELETE":
		if text != "" {
			text = unquote(p.t, text)
		}
		p.others("DELETE", channel, text)
	default:
		p.t.Fatalf("no such action: %s", verb)
	}
	p.posted = verb == "POST" || verb == "SAME"
}

// others sends a request for a channel on a connection of its own.
func (p *script) others(method, channel, body string, headers ...string) {
	p.t.Helper()
	if r := p.s.do(p.t, method+" /pub?id="+url.PathEscape(channel), body, headers...); r.status != "200 OK" {
		p.t.Fatalf("%s to %s: got %s, %q", method, channel, r.status, r.headers)
	}
}

// post publishes. The answer does not say which tag the message got: it is where
// the stream stands, as long as nobody else publishes, not even events.
func (p *script) post(channel, text string, headers ...string) (at time.Time) {
	p.t.Helper()
	p.others("POST", channel, text, headers...)
	at, tag := p.s.hub.Head()
	p.tags = append(p.tags, tag)
	return at
}

// waits reports whether a request is under way that may be a subscriber.
func (p *script) waits() bool {
	return p.conn != nil && p.request != "" && (p.res == nil || !p.res.ended || strings.HasPrefix(p.res.status, "101"))
}

// attached waits until the request that is under way is a subscriber.
func (p *script) attached() {
	p.t.Helper()
	if !p.waits() {
		return
	}
	_, path, _ := strings.Cut(p.request, " /")
	_, path, _ = strings.Cut(path, "/")
	path, _, _ = strings.Cut(path, " ")
	path, _, _ = strings.Cut(path, "?")
	eventually(p.t, path+" has a subscriber", func() bool {
		for _, req := range relay.ParsePath(path) { // the first may have been deleted
			if stats, ok := p.s.hub.Channel(req.Channel); ok && stats.Subscribers > 0 {
				return true
			}
		}
		return false
	})
}

// sameSecond publishes texts to channels within one second.
func (p *script) sameSecond(list string) {
	p.t.Helper()
	words := strings.Fields(list)
	for try := 0; ; try++ {
		p.tags = nil
		eventually(p.t, "a second has begun", func() bool { return time.Now().Nanosecond() < 300e6 })
		var seconds []int64
		for i := 0; i+1 < len(words); i += 2 {
			p.second = p.post(words[i], unquote(p.t, words[i+1]))
			seconds = append(seconds, p.second.Unix())
		}
		if slices.Min(seconds) == slices.Max(seconds) {
			return
		}
		if try == 5 {
			p.t.Fatal("the machine is too slow to publish a few messages in one second")
		}
		for i := 0; i < len(words); i += 2 {
			p.others("DELETE", words[i], "")
		}
	}
}

// want is an expected response.
type want struct {
	status  string
	headers []string
	body    string // as written, with patterns; empty: none
	hasBody bool
	chunks  []string
	open    bool
	stays   bool // open, and no hanging up
	frames  bool
	closes  bool
	bare    bool // no Expires and Cache-Control
}

func (p *script) want(fields []string) want {
	p.t.Helper()
	w := want{status: fields[0]}
	for i, f := range fields[1:] {
		f, stays := strings.CutSuffix(f, " (stays)")
		f, open := strings.CutSuffix(f, " (open)")
		f, closes := strings.CutSuffix(f, " [closes]")
		w.open, w.closes, w.stays = w.open || open || stays, w.closes || closes, w.stays || stays
		switch {
		case f == "END": // the end is always looked for
		case f == "no body":
			w.hasBody = true
		case f == "(no Expires/Cache-Control)":
			w.bare = true
		case strings.HasPrefix(f, "body "), strings.HasPrefix(f, "frames "):
			kind, text, _ := strings.Cut(f, " ")
			w.body, w.hasBody, w.frames = unquote(p.t, text), true, kind == "frames"
		case strings.HasPrefix(f, "chunks "):
			list := strings.TrimSuffix(strings.TrimPrefix(f, `chunks "`), `"`)
			for text := range strings.SplitSeq(list, `" "`) {
				w.chunks = append(w.chunks, unquote(p.t, `"`+text+`"`))
			}
			w.body, w.hasBody = strings.Join(w.chunks, ""), true
		case strings.Contains(f, ": "):
			w.headers = append(w.headers, f)
		default:
			p.t.Fatalf("field %d: %q", i+1, f)
		}
	}
	return w
}

func (p *script) expect(fields []string) {
	p.t.Helper()
	if text, ok := strings.CutPrefix(fields[0], "frames "); ok {
		text, closes := strings.CutSuffix(text, " [closes]")
		p.frames(want{body: unquote(p.t, text), closes: closes})
		return
	}
	w := p.want(fields)
	r := p.conn.response()
	p.res = r
	if r.proto != "HTTP/1.1" || r.status != w.status {
		p.t.Fatalf("got %q, want HTTP/1.1 and %q; headers %q", r.proto+" "+r.status, w.status, r.headers)
	}
	p.headers(r, &w)
	switch {
	case w.frames:
		p.frames(w)
		return
	case w.open:
		pattern := p.pattern(w.body)
		r.until("body "+strconv.Quote(w.body), func(body string) bool { return len(body) >= len(w.body) || pattern(body) })
		p.conn.silent()
	default:
		r.all()
	}
	if !p.pattern(w.body)(r.body) {
		p.t.Errorf("got body  %q\nwant body %q", r.body, w.body)
	}
	if w.chunks != nil && !slices.EqualFunc(r.chunks, w.chunks, func(got, want string) bool { return p.pattern(want)(got) }) {
		p.t.Errorf("got chunks  %q\nwant chunks %q", r.chunks, w.chunks)
	}
	switch {
	case w.closes:
		p.conn.closed()
	case w.stays:
		p.conn, p.request = nil, ""
		return
	case !w.open:
		return // the next request goes over the same connection
	}
	p.hangUp()
}

// hangUp ends the connection and waits until the server has noticed.
func (p *script) hangUp() {
	p.t.Helper()
	p.conn.Close()
	p.conn = nil
	_, path, _ := strings.Cut(p.request, " /")
	_, path, _ = strings.Cut(path, "/")
	path, _, _ = strings.Cut(path, "?")
	for _, req := range relay.ParsePath(path) {
		p.s.listeners(p.t, req.Channel, 0)
	}
	p.request = ""
}

// frames compares what follows a handshake.
func (p *script) frames(w want) {
	p.t.Helper()
	p.conn.deadline(patience)
	got := make([]byte, len(w.body))
	n, err := io.ReadFull(p.conn.r, got)
	if err != nil || string(got) != w.body {
		p.t.Errorf("got frames  %q, %v\nwant frames %q", got[:n], err, w.body)
		return
	}
	if w.closes {
		p.conn.closed()
		p.hangUp()
		return
	}
	p.conn.silent()
}

// defaults are the headers that section 16 leaves out, without Server, which we do
// not send.
func (p *script) defaults(r *response, w *want) []string {
	headers := slices.Clone(w.headers)
	has := func(name string) bool {
		return slices.ContainsFunc(headers, func(h string) bool { return strings.HasPrefix(h, name+": ") })
	}
	add := func(name, value string) {
		if !has(name) {
			headers = append(headers, name+": "+value)
		}
	}
	options := strings.HasPrefix(p.request, "OPTIONS /sub")
	if has("Expires") {
		if !w.frames { // 101 has no Date
			add("Date", "<NOW>")
		}
		return headers
	}
	if !w.bare && !options {
		add("Expires", "<std>")
		add("Cache-Control", "<std>")
	}
	if has("Access-Control-Allow-Origin") {
		add("Access-Control-Allow-Headers", "If-Modified-Since,If-None-Match,Etag,Event-Id,Event-Type,Last-Event-Id")
	}
	if w.frames {
		return headers // 101 has none of the others
	}
	add("Date", "<NOW>")
	add("Connection", "keep-alive")
	if strings.Contains(p.request, " /stats") && !strings.HasPrefix(w.status, "405") {
		add("X-Nginx-PushStream-Tag", "0.5.5")
		add("X-Nginx-PushStream-Commit", "3bc016f811d50374251960db091557571dfd7393")
	}
	switch {
	case strings.HasSuffix(p.request, " HTTP/1.0"): // ends with the connection
	case r.chunked:
		add("Transfer-Encoding", "chunked")
	default:
		add("Content-Length", strconv.Itoa(max(r.left, 0)))
	}
	return headers
}

func (p *script) headers(r *response, w *want) {
	p.t.Helper()
	left, place := slices.Clone(r.headers), -1
	for n, h := range p.defaults(r, w) {
		pattern := p.pattern(standard(h))
		i := slices.IndexFunc(left, func(got string) bool { return pattern(got) && p.aboutNow(h, got) })
		if i < 0 {
			p.t.Errorf("no header %q among %q", h, r.headers)
			continue
		}
		if n < len(w.headers) { // those of the line come first
			at := slices.Index(r.headers, left[i])
			if at < place {
				p.t.Errorf("header %q is too early: got %q, want the order %q", h, r.headers, w.headers)
			}
			place = at
		}
		left = slices.Delete(left, i, i+1)
	}
	if len(left) > 0 {
		p.t.Errorf("unexpected headers %q", left)
	}
}

// standard puts in what <std> is (protocol 3.2).
func standard(h string) string {
	h = strings.Replace(h, "Expires: <std>", "Expires: Thu, 01 Jan 1970 00:00:01 GMT", 1)
	return strings.Replace(h, "Cache-Control: <std>", "Cache-Control: no-cache, no-store, must-revalidate", 1)
}

// aboutNow checks a header whose value is to be <NOW>.
func (p *script) aboutNow(want, got string) bool {
	if !strings.HasSuffix(want, "<NOW>") {
		return true
	}
	_, value, _ := strings.Cut(got, ": ")
	at, err := http.ParseTime(value)
	return err == nil && time.Since(at).Abs() < patience
}

var placeholders = strings.NewReplacer(
	"<NOW>", datePattern, "<DATE>", datePattern,
	"<ISO>", `\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d`,
	"<HOST>", `[^",\r\n<]+`, "<N>", `\d+`, "<PID>", `\d+`, "<TAG>", `[1-9]\d*`,
)

const datePattern = `(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT`

func (p *script) pattern(text string) func(string) bool {
	re := regexp.MustCompile(`(?s)\A` + placeholders.Replace(regexp.QuoteMeta(runes(p.fill(text)))) + `\z`)
	return func(s string) bool { return re.MatchString(runes(s)) }
}

// runes makes a rune of each byte, because regexp takes no others.
func runes(s string) string {
	r := make([]rune, len(s))
	for i := range len(s) {
		r[i] = rune(s[i])
	}
	return string(r)
}

// masked is a client's frame; first is FIN and opcode. The mask is not random.
func masked(first byte, payload string) string {
	return frame(first, 0x80, payload)
}

func frame(first, maskBit byte, payload string) string {
	b := []byte{first}
	switch n := len(payload); {
	case n <= 125:
		b = append(b, maskBit|byte(n))
	case n <= 0xffff:
		b = append(b, maskBit|126, byte(n>>8), byte(n))
	default:
		b = append(b, maskBit|127, 0, 0, 0, 0, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	if maskBit == 0 {
		return string(b) + payload
	}
	mask := [4]byte{0x12, 0x34, 0x56, 0x78}
	b = append(b, mask[:]...)
	for i := range len(payload) {
		b = append(b, payload[i]^mask[i%4])
	}
	return string(b)
}
