package web_test

import (
	"fmt"
	"strings"
	"testing"
)

func TestLocationMatching(t *testing.T) {
	t.Parallel()
	s := nginx(t, `server {
		location = / { return 200 exact-root; }
		location / { return 200 root; }
		location = /x { return 200 exact; }
		location /x { return 200 prefix-x; }
		location /xyz { return 200 prefix-xyz; }
		location ^~ /img/ { return 200 first; location ~ \.gif$ { return 200 first-gif; } }
		location ~ \.gif$ { return 200 gif; }
		location ~* \.(JPG|jpeg)$ { return 200 "jpg $1"; }
		location ~ \.gif.jpg$ { return 200 never; }
		location /nest { return 200 nest;
			location /nest/in { return 200 nest-in; }
			location = /nest/ex.gif { return 200 nest-exact; }
			location ~ /nest/(\d+) { return 200 "nest-re $1"; location ~ 9$ { return 200 "nine $1."; } }
		}
		location ~ /nest/(in).*\.png { return 200 "png $1"; }
		location ~ ^/(?<room>[^/]+)/Named/(.*)$ { return 200 "$room $2 $9."; }
		location /none { location /none/deep { return 200 deep; } }
	}`)
	for path, want := range map[string]string{
		"/": "exact-root", "/a": "root", "/x": "exact", "/x/": "prefix-x", "/xy": "prefix-x", "/xyz": "prefix-xyz", "/xyz1": "prefix-xyz",
		"/X": "root", "/img/a": "first", "/img/a.gif": "first-gif", "/img/a.jpg": "first", "/img": "root",
		"/a.gif": "gif", "/x/a.gif": "gif", "/a.jpg": "jpg jpg", "/a.JpEg": "jpg JpEg", "/a.gif.jpg": "jpg jpg", "/a.GIF": "root",
		"/nest": "nest", "/nest/": "nest", "/nested": "nest", "/nest/in": "nest-in", "/nest/in/a.png": "png in", "/nest/in/a.gif": "gif",
		"/nest/ex.gif": "nest-exact", "/nest/17": "nest-re 17", "/nest/19": "nine .", "/nest/7.gif": "nest-re 7",
		"/me/Named/a/b": "me a/b .", "/me/named/": "root",
		"/none/deep": "deep",
		// decoded and normalised
		"//x": "exact", "/a/../x": "exact", "/./x": "exact", "/x/.": "prefix-x", "/x/..": "exact-root", "/%78": "exact", "/%2e%2e": "400", "/..": "400",
		"/xyz/%2E%2e/x": "exact", "/x%2F": "prefix-x", "/x%2f..%2fxyz": "prefix-xyz", "/...": "root", "/x/..a": "prefix-x", "/a/.x/../../x": "exact",
		"/me/Named/a%2562": "me a%62 .", "/x?/..": "exact",
	} {
		r := s.get(t, "GET "+path)
		got := r.body
		if !strings.HasPrefix(r.status, "200") {
			got, _, _ = strings.Cut(r.status, " ")
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
	if r := s.get(t, "GET /none"); r.status != "404 Not Found" {
		t.Errorf("a location without handler: got %s", r.status)
	}
}

func TestVariables(t *testing.T) {
	t.Parallel()
	s := nginx(t, `server { server_name relay.example *.example;
		set $server_set "s$arg_a";
		location ~ ^/v/(.*)/(.*) {
			set $own "<$1>";
			set $OWN2 $own$2;
			return 200 "$arg_a|$ARG_A|$arg_empty|$arg_none|$http_x_y|$http_host|$cookie_c|$cookie_none|$uri|$document_uri|$request_uri|$args|$query_string|$is_args|$host|$server_name|$server_protocol|$scheme|$https|$request_method|$content_type|$content_length|$own2|$server_set|${own}x|$remote_addr|$server_addr|$3|$1";
		}
		location /not_set { if ($arg_x) { set $later on; } return 200 "[$later$is_args]"; }
	}`)
	r := s.get(t, "GET /v/a//b/%63?x=1&A=1%20&a=2&EMPTY=&", "X-Y: first", "X-Y: second", "Cookie: a=b; C=d=e;f=g", "Cookie: c=late", "Content-Type: text/x")
	want := "1%20|1%20|||first|h|d=e||/v/a/b/c|/v/a/b/c|/v/a//b/%63?x=1&A=1%20&a=2&EMPTY=&|x=1&A=1%20&a=2&EMPTY=&|x=1&A=1%20&a=2&EMPTY=&|?|h|relay.example|HTTP/1.1|http||GET|text/x||<a/b>c|s1%20|<a/b>x|127.0.0.1|127.0.0.1||a/b"
	if r.body != want {
		t.Errorf("got  %s\nwant %s", r.body, want)
	}
	if r := s.get(t, "GET /not_set"); r.body != "[]" {
		t.Errorf("got %q", r.body)
	}
	if r := s.get(t, "GET /not_set?x=y"); r.body != "[on?]" {
		t.Errorf("got %q", r.body)
	}
	for host, want := range map[string]string{"RELAY.Example:81": "relay.example", "relay.example.": "relay.example", "[::1]:80": "[::1]"} {
		c := s.dial(t)
		c.send("GET /v/a/b HTTP/1.1\r\nHost: " + host + "\r\n\r\n")
		r := c.response()
		if got := strings.Split(r.all(), "|")[14]; got != want {
			t.Errorf("host %s: got %q, want %q", host, got, want)
		}
		c.Close()
	}
}

// Values are decoded once, those from the path twice in all; constants are taken
// literally (protocol 2.3, Q7).
func TestValuesAreDecoded(t *testing.T) {
	t.Parallel()
	s := nginx(t, `server {
		location ~ /p/(.*) { push_stream_publisher; push_stream_channels_path $1; }
		location /arg { push_stream_publisher; push_stream_channels_path $arg_id; }
		location /mixed { push_stream_publisher; push_stream_channels_path "m_$arg_id"; }
		location /constant { push_stream_publisher; push_stream_channels_path "c%41"; push_stream_allowed_origins "http://x%41/"; }
	}`)
	for request, want := range map[string]string{
		"/p/a%2562": `"ab"`, "/p/a%252Fb": `"a" "b"`, "/arg?id=a%2Fb": `"a" "b"`, "/arg?id=%41+": `"A+"`, "/arg?id=x%3Fzz": `"x?"`,
		"/mixed?id=%41%2Fx": `"m_A" "x"`, "/constant": `"c%41"`, "/p/a//b": `"a" "b"`,
	} {
		for range 2 { // the module spoils constants from the second request on
			r := s.do(t, "POST "+request, "text")
			var got []string
			for _, part := range strings.Split(r.body, `"channel": `)[1:] {
				got = append(got, part[:strings.Index(part[1:], `"`)+2])
			}
			if strings.Join(got, " ") != want {
				t.Errorf("%s: got %s, want %s", request, got, want)
			}
			if origin, _ := r.header("Access-Control-Allow-Origin"); request == "/constant" && origin != "http://x%41/" {
				t.Errorf("got origin %q", origin)
			}
		}
	}
}

func TestSteps(t *testing.T) {
	t.Parallel()
	s := nginx(t, `server {
		set $stop 0;
		if ($http_x_block) { return 403 blocked; }
		if ($arg_break = server) { set $by server; break; set $by nobody; }
		location /pub {
			push_stream_publisher; push_stream_channels_path "l_$arg_id";
			if ($arg_qs = on) { push_stream_channels_path "on_$arg_id"; }
			if ($arg_qs = "on$arg_more") { set $seen 1; }
			if ($arg_store ~* ^y(.)) { push_stream_store_messages on; set $letter $1; }
			if ($arg_deny != "") { return 403; }
			if ($letter = z) { return 200 "y$letter $1 $seen"; }
			if ($arg_last) { push_stream_channels_path "last_$arg_id"; }
			if ($arg_not !~ ^a*$) { return 409 not; }
		}
		location ~ /sub/(.*) {
			push_stream_subscriber polling; push_stream_channels_path $1;
			if ($arg_other) { push_stream_channels_path $arg_other; }
		}
		location /by { return 200 "by $by"; }
		location /close { return 444; }
		location /to { return 301 /other?$args; }
		location /far { return http://far.example$uri; }
		location /no { return 204; }
		location /odd { return 99; }
		location /brk { set $x 1; break; return 200 late; }
		location /type { default_type "application/x-own; charset=x"; return 202 "$host"; }
	}`)
	for _, test := range []struct{ request, header, status, body string }{
		{"POST /pub?id=a", "", "200 OK", `"channel": "l_a", "published_messages": 1, "stored_messages": 0`},
		{"POST /pub?id=a&qs=on&more=x", "", "200 OK", `"channel": "on_a", "published_messages": 1, "stored_messages": 0`},
		{"POST /pub?id=a&qs=on", "", "200 OK", `"channel": "l_a", "published_messages": 2, "stored_messages": 0`}, // a later one holds too
		{"POST /pub?id=a&qs=on&last=1", "", "200 OK", `"channel": "last_a", "published_messages": 1, "stored_messages": 0`},
		// of several that hold, the last counts: as a whole
		{"POST /pub?id=b&qs=on&store=Yes", "", "200 OK", `"channel": "l_b", "published_messages": 1, "stored_messages": 1`},
		{"POST /pub?id=b&last=0", "", "200 OK", `"channel": "l_b", "published_messages": 2`},
		{"POST /pub?id=b&qs=on&more=&store=yz", "", "200 OK", "yz z 1"},
		{"POST /pub?id=b&deny=1", "", "403 Forbidden", ""},
		{"POST /pub?id=b&not=aab", "", "409 Conflict", "not"},
		{"POST /pub?id=b&not=aaa", "", "200 OK", "l_b"},
		{"GET /by", "X-Block: 1", "403 Forbidden", "blocked"},
		{"GET /by", "X-Block: 0", "200 OK", "by "},
		{"GET /by?break=server", "", "200 OK", "by server"},
		{"GET /to?x=1", "", "301 Moved Permanently", ""},
		{"GET /far/a", "", "302 Moved Temporarily", ""},
		{"GET /no", "", "204 No Content", ""},
		{"GET /odd", "", "500 Internal Server Error", ""},
		{"GET /brk", "", "404 Not Found", ""},
		{"GET /type", "", "202 Accepted", "h"},
	} {
		var headers []string
		if test.header != "" {
			headers = []string{test.header}
		}
		r := s.do(t, test.request, map[bool]string{true: "text"}[strings.HasPrefix(test.request, "POST")], headers...)
		if r.status != test.status || !strings.Contains(r.body, test.body) || test.body == "" && r.body != "" {
			t.Errorf("%s: got %s %q, want %s %q", test.request, r.status, r.body, test.status, test.body)
		}
		location, _ := r.header("Location")
		_, port, _ := strings.Cut(s.addr, ":")
		if want := map[string]string{"GET /to?x=1": "http://h:" + port + "/other?x=1", "GET /far/a": "http://far.example/far/a"}[test.request]; location != want {
			t.Errorf("%s: got location %q, want %q", test.request, location, want)
		}
		if contentType, _ := r.header("Content-Type"); test.request == "GET /type" && contentType != "application/x-own; charset=x" {
			t.Errorf("got type %q", contentType)
		}
	}
	c := s.open(t, "GET /close")
	c.closed()
	s.say("there", "m")
	if r := s.get(t, "GET /sub/none.b1?other=there.b1"); r.body != "m" {
		t.Errorf("got %q", r.body)
	}
}

func TestServersByName(t *testing.T) {
	t.Parallel()
	server := func(listen string, names ...string) string {
		return fmt.Sprintf("server { listen %s; server_name %s; location / { return 200 '%s $server_name $1 $who'; } }\n", listen, strings.Join(names, " "), names[0])
	}
	s := nginx(t, server("80", "first.example")+
		server("80 default_server", "def.example", "other.example")+
		server("80", "*.wild.example", "two.*")+
		server("80", ".dot.example")+
		server("80", "*.deep.wild.example")+
		server("80", "www.tail.*", "exact.wild.example")+
		server("80", `~^(?<who>\w+)-(\d+)\.re`)+
		server("80", `~re`)+
		server("80", "first.example", "second.example"))
	for host, want := range map[string]string{
		"first.example": "first.example", "FIRST.example:8080": "first.example", "def.example": "def.example", "other.example": "def.example",
		"nobody": "def.example", "": "def.example", "a.wild.example": "*.wild.example", "a.b.wild.example": "*.wild.example", "wild.example": "def.example",
		"x.deep.wild.example": "*.deep.wild.example", "exact.wild.example": "www.tail.*", "dot.example": ".dot.example", "a.dot.example": ".dot.example",
		"www.tail.org": "www.tail.*", "www.tail.co.uk": "www.tail.*", "two.x": "*.wild.example", "second.example": "first.example",
		"ann-12.re": `~^(?<who>\w+)-(\d+)\.re`, "more": "~re",
	} {
		c := s.dial(t)
		c.send("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n")
		r := c.response()
		got, _, _ := strings.Cut(r.all(), " ")
		if got != want {
			t.Errorf("%q: got %q of %q, want %q", host, got, r.body, want)
		}
		if host == "ann-12.re" && !strings.HasSuffix(r.body, " ann ann") {
			t.Errorf("captures of the name: got %q", r.body)
		}
		c.Close()
	}
	if r := s.get(t, "GET / HTTP/1.0"); !strings.HasPrefix(r.body, "def.example") {
		t.Errorf("got %q", r.body)
	}
}
