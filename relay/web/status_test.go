package web_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"alertrelay/relay/site"
)

// Each answer of an nginx.conf's location begins as nginx's do, on plain and on TLS
// connections, also in the middle of pipelined requests and on a connection that
// has been a poll's. Our own locations speak as net/http does.
func TestStatusLines(t *testing.T) {
	t.Parallel()
	locations := func() []site.Location {
		own := site.NewLocation(site.ModeStatistics, site.MatchExact, "/own", false)
		own.Channels = site.ValueOf("$arg_id")
		return []site.Location{at(site.ModeAdmin, "/pub"), at(site.ModePoll, "/po/"), own}
	}
	overTLS := secured(t, func(*site.Location) {}, locations()...)
	for name, s := range map[string]*server{"plain": newServer(t, locations()), "TLS": overTLS} {
		t.Run(name, func(t *testing.T) {
			c := s.dial(t)
			var all strings.Builder
			want := []string{}
			for i := range 5 {
				for _, step := range []struct{ line, body, status string }{
					{"PATCH /pub?id=a", "not read", "HTTP/1.1 405 Not Allowed"},
					{"POST /pub?id=a", "HTTP/1.0 405 x", "HTTP/1.1 200 OK"},
					{fmt.Sprintf("GET /po/a%d", i), "", "HTTP/1.1 304 Not Modified"},
					{"DELETE /own", "", "HTTP/1.1 405 Method Not Allowed"},
					{"GET /pub?id=none HTTP/1.0", "", "HTTP/1.1 404 Not Found"},
					{"GET /own?id=none HTTP/1.0", "", "HTTP/1.0 404 Not Found"},
				} {
					all.WriteString(request(step.line, step.body, "Connection: keep-alive"))
					want = append(want, step.status)
				}
			}
			c.send(all.String())
			for _, status := range want {
				r := c.response()
				r.all()
				connection, _ := r.header("Connection")
				if got := r.proto + " " + r.status; got != status || strings.HasPrefix(status, "HTTP/1.1") && connection != "keep-alive" {
					t.Errorf("got %s, Connection: %s, want %s", got, connection, status)
				}
			}
			c.silent()
			c.request("GET /pub?id=none HTTP/1.0", "")
			if r := c.response(); r.proto != "HTTP/1.1" || !slices.Contains(r.headers, "Connection: close") {
				t.Errorf("got %s %s, %q", r.proto, r.status, r.headers)
			}
			c.closed()
		})
	}
}

// Headers are in the module's order (protocol 3.1): publishers have Expires before
// Access-Control-*, subscribers after. The head may be longer than what net/http
// writes at once.
func TestHeaderOrder(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 5000)
	s := nginx(t, `server {
		push_stream_channels_path $arg_id;
		push_stream_allowed_origins "*";
		add_header X-Long `+long+` always;
		add_header A-Short y always;
		location /pub { push_stream_publisher admin; }
		location /sub { push_stream_subscriber; }
	}`)
	const cors = "Access-Control-Allow-Origin Access-Control-Allow-Methods Access-Control-Allow-Headers "
	for _, want := range []struct{ request, body, names string }{
		{"POST /pub?id=a", "x", "Date Content-Type Content-Length Connection Expires Cache-Control " + cors + "A-Short X-Long"},
		{"PATCH /pub?id=a", "", "Date Content-Length Connection Expires Cache-Control " + cors + "A-Short X-Long Allow"},
		{"HEAD /sub?id=a", "", "Date Content-Length Connection " + cors + "Expires Cache-Control A-Short X-Long Allow"},
	} {
		r := s.do(t, want.request, want.body)
		var names []string
		for _, h := range r.headers {
			name, _, _ := strings.Cut(h, ": ")
			names = append(names, name)
		}
		if got := strings.Join(names, " "); got != want.names {
			t.Errorf("%s: got  %s\nwant %s", want.request, got, want.names)
		}
		if got, _ := r.header("X-Long"); got != long {
			t.Errorf("%s: the long header has %d bytes, want %d", want.request, len(got), len(long))
		}
	}
}

// A body that turns out too large has nginx's page too, with the headers that the
// module has set before (protocol 5.1).
func TestTooLargePage(t *testing.T) {
	t.Parallel()
	s := serverA(t)
	c := s.dial(t)
	c.send("POST /pubs?id=large HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + chunkedBody("12345678901"))
	r := c.response()
	_, cached := r.header("Cache-Control")
	if body := r.all(); r.status != "413 Request Entity Too Large" || !strings.Contains(body, "<h1>"+r.status+"</h1>") || !cached {
		t.Errorf("got %s, %q, %q", r.status, r.headers, body)
	}
	c.closed()
	// A length that is too large is refused before all else (protocol 5.1).
	for _, request := range []string{"PATCH /pubs?id=x", "POST /pubs", "POST /pubs?id=ALL"} {
		r := s.do(t, request, "12345678901")
		if _, cached := r.header("Cache-Control"); r.status != "413 Request Entity Too Large" || cached {
			t.Errorf("%s: got %s, %q", request, r.status, r.headers)
		}
	}
}
