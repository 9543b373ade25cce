package web_test

import (
	"compress/gzip"
	"io"
	"strings"
	"testing"

	"alertrelay/relay"
)

const zipConf = `gzip on; gzip_min_length 60; gzip_types application/json text/plain application/javascript text/event-stream;
	server {
		location /pub { push_stream_publisher; push_stream_channels_path $arg_id; push_stream_store_messages on; }
		location /stats { push_stream_channels_statistics; push_stream_channels_path $arg_id; gzip_vary on; }
		location ~ /po/(.*) { push_stream_subscriber polling; push_stream_channels_path $1; gzip_vary on; add_header X-A a; }
		location ~ /lp/(.*) { push_stream_subscriber long-polling; push_stream_channels_path $1; push_stream_longpolling_connection_ttl 50ms; }
		location ~ /sub/(.*) { push_stream_subscriber; push_stream_channels_path $1; push_stream_header_template HEAD; push_stream_footer_template FOOT;
			push_stream_padding_by_user_agent "pad,10,20"; push_stream_ping_message_interval 100ms; }
		location ~ /ev/(.*) { push_stream_subscriber eventsource; push_stream_channels_path $1; }
		location ~ /html/(.*) { push_stream_subscriber polling; push_stream_channels_path $1; default_type text/html; gzip_http_version 1.0; }
		location ~ /charset/(.*) { push_stream_subscriber polling; push_stream_channels_path $1; default_type "text/html; charset=utf-8"; }
		location ~ /other/(.*) { push_stream_subscriber polling; push_stream_channels_path $1; default_type text/css; }
		location ~ /off/(.*) { push_stream_subscriber polling; push_stream_channels_path $1; gzip off; }
		location ~ /all/(.*) { push_stream_subscriber eventsource; push_stream_channels_path $1; gzip_types *; }
	}`

// What is compressed, for whom, and what it says (checklist 23, 24, 92, 103, 105
// to 131, 171).
func TestGzip(t *testing.T) {
	t.Parallel()
	s := nginx(t, zipConf)
	s.say("a", "one")
	const accept = "Accept-Encoding: deflate, gzip"
	for _, test := range []struct {
		request, header string
		zipped          bool
		body            string
		vary            bool
	}{
		{"GET /pub?id=a", accept, true, `"channel": "a"`, false},
		{"GET /pub?id=a", "Accept-Encoding: GZIP;q=0.5", true, `"channel": "a"`, false},
		{"GET /pub?id=a", "Accept-Encoding: gzip;q=0", false, `"channel": "a"`, false},
		{"GET /pub?id=a", "Accept-Encoding: gzip; q=0.000, br", false, `"channel": "a"`, false},
		{"GET /pub?id=a", "Accept-Encoding: x-gzip, *", false, `"channel": "a"`, false},
		{"GET /pub?id=a HTTP/1.0", accept, false, `"channel": "a"`, false},
		{"GET /pub?id=a", accept + "\r\nVia: 1.1 proxy", false, `"channel": "a"`, false},
		{"GET /pub?id=a", accept + "\r\nAccept: text/yaml", false, "channel: a", false}, // application/yaml
		{"POST /pub?id=a", accept, true, `"published_messages": 2`, false},
		{"GET /stats?id=a", accept, true, `"channel": "a"`, true},
		{"GET /stats?id=a", "Accept-Encoding: br", false, `"channel": "a"`, true},
		{"GET /stats?id=a*", accept, true, `"infos": [`, true},
		{"GET /stats", accept + "\r\nAccept: text/plain", true, "by_worker", true},
		{"GET /po/a.b1", accept, true, "two", true},
		{"GET /po/a.b2?callback=cb", accept, true, "cb([one,two]);", true},
		{"GET /po/a.b1", "X: y", false, "two", true},
		{"GET /html/a.b1 HTTP/1.0", accept, true, "two", false},
		{"GET /charset/a.b1", accept, false, "two", false},
		{"GET /other/a.b1", accept, false, "two", false},
		{"GET /off/a.b1", accept, false, "two", false},
		{"GET /lp/a.b2", accept, true, "onetwo", false},
		{"GET /ev/a.b1", accept + "\r\nX-Nginx-PushStream-Mode: polling", true, "data: two\n\n", false}, // text/plain then
	} {
		body := ""
		if strings.HasPrefix(test.request, "POST") {
			body = "two"
		}
		r := s.do(t, test.request, body, test.header)
		encoding, zipped := r.header("Content-Encoding")
		if zipped != test.zipped || zipped && encoding != "gzip" || r.status != "200 OK" {
			t.Errorf("%s with %q: got %s %q, want gzip: %v", test.request, test.header, r.status, r.headers, test.zipped)
		}
		if vary, ok := r.header("Vary"); ok != test.vary || ok && vary != "Accept-Encoding" {
			t.Errorf("%s with %q: got %q, want Vary: %v", test.request, test.header, r.headers, test.vary)
		}
		if etag, ok := r.header("Etag"); ok && !strings.HasPrefix(etag, "W/") {
			t.Errorf("got %q", etag)
		}
		got := r.body
		if zipped {
			z, err := gzip.NewReader(strings.NewReader(r.body))
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(z)
			if err != nil {
				t.Fatal(err)
			}
			got = string(text)
		}
		if !strings.Contains(got, test.body) {
			t.Errorf("%s: got %q, want %q", test.request, got, test.body)
		}
	}
	for _, request := range []string{"GET /po/none", "GET /lp/none"} {
		r := s.get(t, request, accept)
		if _, zipped := r.header("Content-Encoding"); zipped || r.status != "304 Not Modified" {
			t.Errorf("%s: got %s %q", request, r.status, r.headers)
		}
		if a, ok := r.header("X-A"); ok != strings.Contains(request, "/po/") || ok && a != "a" {
			t.Errorf("%s: got %q", request, r.headers)
		}
	}
	if r := s.get(t, "GET /stats?id=none*", accept); r.body == "" {
		t.Error("no answer")
	} else if _, zipped := r.header("Content-Encoding"); !zipped {
		t.Errorf("a long answer is not compressed: %q", r.headers)
	}
}

// Each message of a compressed stream can be read when it is sent, padding and
// pings too, and the whole is one gzip file.
func TestGzippedStream(t *testing.T) {
	t.Parallel()
	s := nginx(t, zipConf)
	for _, test := range []struct {
		path, agent                           string
		head, first, second, ping, after, end string
	}{
		{"/sub/", "plain", "HEAD", "one", "two", " ", "Channel deleted", "FOOT"},
		{
			"/sub/", "pad", "HEAD" + strings.Repeat("\r\n", 10), "one" + strings.Repeat("\r\n", 10), "two" + strings.Repeat("\r\n", 10),
			" " + strings.Repeat("\r\n", 10), "Channel deleted" + strings.Repeat("\r\n", 10), "FOOT",
		},
		{"/all/", "plain", ": \n", "data: one\n\n", "data: two\n\n", "", "data: Channel deleted\n\n", ""},
	} {
		c := s.open(t, "GET "+test.path+"z", "Accept-Encoding: gzip", "User-Agent: "+test.agent)
		r := c.response()
		if encoding, _ := r.header("Content-Encoding"); encoding != "gzip" || !r.chunked {
			t.Fatalf("got %q", r.headers)
		}
		c.deadline(patience)
		z, err := gzip.NewReader(readerOnly{r})
		if err != nil {
			t.Fatal(err)
		}
		read := func(want string) {
			t.Helper()
			got := make([]byte, len(want))
			if _, err := io.ReadFull(z, got); err != nil || string(got) != want {
				t.Errorf("%s for %s: got %q, %v, want %q", test.path, test.agent, got, err, want)
			}
		}
		read(test.head)
		s.listeners(t, "z", 1)
		s.say("z", "one")
		read(test.first)
		s.say("z", "two")
		read(test.second)
		read(test.ping)
		s.remove("z", "")
		rest, err := io.ReadAll(z)
		if !strings.HasSuffix(string(rest), test.after+test.end) || err != nil {
			t.Errorf("got %q, %v, want %q", rest, err, test.after+test.end)
		}
		r.all()
		c.request("GET /pub?id=none", "") // the connection goes on
		if r := c.response(); r.status != "404 Not Found" {
			t.Errorf("got %s", r.status)
		}
		c.Close()
	}
}

// Padding of headers and messages by user agent (protocol 7.8, checklist 93 to 96).
func TestPadding(t *testing.T) {
	t.Parallel()
	location := func(path, mode, padding, more string) string {
		return "location ~ /" + path + "/(.*) { push_stream_subscriber " + mode + "; push_stream_channels_path $1; push_stream_header_template 0123456789;" +
			`push_stream_padding_by_user_agent "` + padding + `"; ` + more + "}\n"
	}
	const two = "[T|t]est 1,1024,508:[T|t]est 2,4097,0"
	s := nginx(t, "server {"+
		location("sub", "streaming", two, "")+location("ev", "eventsource", two, "")+
		location("arg", "streaming", two, "push_stream_user_agent $arg_ua;")+
		location("po", "polling", two, "")+location("ws", "websocket", two, "")+
		"location ~ /bare/(.*) { push_stream_subscriber; push_stream_channels_path $1; push_stream_padding_by_user_agent '"+two+"'; }\n"+
		"}")
	crlf := func(n int) string { return strings.Repeat("\r\n", n) }
	colons := func(n int) string { return strings.Repeat(":", n-1) + "\n" }
	for _, test := range []struct{ path, agent, head, text, message string }{
		{"/sub/", "test 1", "0123456789" + crlf(550), strings.Repeat("x", 10), crlf(250)},
		{"/sub/", "Test 1", "0123456789" + crlf(550), strings.Repeat("x", 8), crlf(300)},
		{"/sub/", "Test 1", "0123456789" + crlf(550), strings.Repeat("x", 508), ""},
		{"/sub/", "Test 1", "0123456789" + crlf(550), strings.Repeat("x", 507), crlf(50)},
		{"/sub/", "test 2", "0123456789\n" + crlf(2048), strings.Repeat("x", 10), ""},
		{"/sub/", "other", "0123456789", "x", ""},
		{"/arg/", "other", "0123456789", "x", ""},
		{"/arg/p?ua=Test%201&", "other", "0123456789" + crlf(550), strings.Repeat("x", 10), crlf(250)},
		{"/ev/", "test 1", ": 0123456789\n" + colons(1100), strings.Repeat("x", 2), colons(500)}, // 1024-13, 508-10
		{"/ev/", "test 2", ": 0123456789\n" + colons(4097), "x", ""},
		{"/bare/", "test 1", "", "x", crlf(300)},
		{"/po/", "test 1", "0123456789", "x", ""},
	} {
		s.say("p", "old")
		path := test.path
		if !strings.Contains(path, "?") {
			path += "p"
		}
		if test.path == "/po/" {
			if r := s.get(t, "GET "+path+".b1", "User-Agent: "+test.agent); r.body != test.head+"old" {
				t.Errorf("poll: got %q", r.body)
			}
			continue
		}
		c := s.open(t, "GET "+path, "User-Agent: "+test.agent)
		r := c.response()
		s.listeners(t, "p", 1)
		id := "7"
		pub := relay.Publication{Channel: "p", Text: []byte(test.text)}
		want := test.head + test.text + test.message
		if strings.HasPrefix(test.path, "/ev/") {
			pub.EventID, pub.EventType = &id, &id // these lines do not count
			want = test.head + "id: 7\nevent: 7\ndata: " + test.text + "\n\n" + test.message
		}
		s.publish(pub)
		got := r.until(path, func(body string) bool { return len(body) >= len(want) })
		if got != want {
			t.Errorf("%s for %q: got %d bytes %.60q, want %d %.60q", path, test.agent, len(got), got, len(want), want)
		}
		c.silent()
		c.Close()
		s.listeners(t, "p", 0)
	}
}
