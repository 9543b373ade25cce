package web_test

import (
	"io"
	"strings"
	"testing"
	"time"
)

// refused checks a status and an Explain text.
func (s *server) refused(t *testing.T, request, body, want string) {
	t.Helper()
	r := s.do(t, request, body)
	explain, _ := r.header("X-Nginx-PushStream-Explain")
	if got := strings.TrimSpace(r.status[:3] + " " + explain); got != want {
		t.Errorf("%s: got %q, want %q", request, got, want)
	}
}

const limitsServer = `server {
	location /pub { push_stream_publisher admin; push_stream_channels_path $arg_id; push_stream_store_messages on; }
	location /stats { push_stream_channels_statistics; push_stream_channels_path $arg_id; }
	location ~ /sub/(.*) { push_stream_subscriber; push_stream_channels_path $1; push_stream_header_template H; }
	location ~ /ws/(.*) { push_stream_subscriber websocket; push_stream_channels_path $1; push_stream_websocket_allow_publish on; }
	location ~ /po/(.*) { push_stream_subscriber polling; push_stream_channels_path $1; }
	location ~ /auth/(.*) { push_stream_subscriber polling; push_stream_channels_path $1; push_stream_authorized_channels_only on; }
	location ~ /max2/(.*) { push_stream_subscriber polling; push_stream_channels_path $1; push_stream_wildcard_channel_max_qtd 2; }
	location ~ /events/(.*) { push_stream_subscriber; push_stream_channels_path $1; push_stream_header_template H; if ($arg_ok) { push_stream_allow_connections_to_events_channel on; } }
}`

const (
	tooManyChannels = "403 Number of channels were exceeded."
	tooManyPrefixed = "403 Subscribed too much wildcard channels."
	notCreated      = "403 Subscriber could not create channels."
)

// The number of channels of each class goes for publishers and subscribers
// (checklist 14, 15, 146, 147), and is told apart in the statistics (110, 114).
func TestChannelLimits(t *testing.T) {
	t.Parallel()
	s := nginx(t, "push_stream_max_number_of_channels 1; push_stream_max_number_of_wildcard_channels 1; push_stream_wildcard_channel_prefix bd_;"+
		"push_stream_max_subscribers_per_channel 3;"+strings.Replace(limitsServer, "_max_qtd 2", "_max_qtd 1", 1))
	s.refused(t, "POST /pub?id=bd_a", "x", "200")
	if r := s.get(t, "GET /stats"); !strings.Contains(r.body, `"channels": 0, "wildcard_channels": 1,`) {
		t.Errorf("got %s", r.body)
	}
	s.refused(t, "POST /pub?id=a", "x", "200")
	for _, request := range []string{"POST /pub?id=b", "PUT /pub?id=a/b", "POST /pub?id=bd_b", "POST /pub?id=a/bd_b"} {
		s.refused(t, request, "x", tooManyChannels)
	}
	s.refused(t, "POST /pub?id=a/bd_a", "x", "200")
	for _, request := range []string{"GET /sub/b", "GET /po/a/b", "GET /sub/a/bd_b"} {
		s.refused(t, request, "", tooManyChannels)
	}
	s.refused(t, "GET /pub?id=b", "", "404")
	s.refused(t, "DELETE /pub?id=b", "", "404")
	for _, want := range []string{`"channels": 1, "wildcard_channels": 1,`, "channels: 1\r\nwildcard_channels: 1\r\n", "<channels>1</channels>\r\n  <wildcard_channels>1</wildcard_channels>"} {
		accept := map[byte]string{'"': "application/json", 'c': "text/plain", '<': "text/xml"}[want[0]]
		if r := s.get(t, "GET /stats", "Accept: "+accept); !strings.Contains(r.body, want) {
			t.Errorf("got %s, want %s", r.body, want)
		}
	}
	if r := s.get(t, "GET /stats?id=ALL"); !strings.Contains(r.body, `"channels": 1, "wildcard_channels": 1,`) {
		t.Errorf("got %s", r.body)
	}
	// checklist 155
	for range 3 {
		s.open(t, "GET /sub/a").response()
	}
	s.refused(t, "GET /sub/a", "", "403 Subscribers limit per channel has been exceeded.")
	s.open(t, "GET /sub/bd_a").response()
	// A channel that goes makes room.
	s.refused(t, "DELETE /pub?id=bd_a", "", "200 Channel deleted.")
	s.refused(t, "POST /pub?id=bd_b", "x", "200")
}

// Checklist 54, 140 to 144, 234, and quirk 23.
func TestAuthorizedOnly(t *testing.T) {
	t.Parallel()
	s := nginx(t, "push_stream_wildcard_channel_prefix bd_; push_stream_message_ttl 1s;"+limitsServer)
	s.refused(t, "GET /auth/a", "", notCreated)
	s.refused(t, "GET /auth/a/bd_a", "", notCreated)
	s.refused(t, "POST /pub?id=a", "x", "200")
	s.refused(t, "GET /auth/a", "", "304")
	s.refused(t, "GET /auth/a/bd_none", "", "304")
	s.refused(t, "GET /auth/a/none", "", notCreated)
	s.refused(t, "GET /auth/bd_none", "", tooManyPrefixed)
	s.refused(t, "GET /auth/bd", "", notCreated)
	s.refused(t, "GET /auth/ALL", "", "403 Channel id not authorized for this method.")
	s.refused(t, "GET /po/bd_none", "", "304") // where nothing is authorized, nothing is asked for
	eventually(t, "the message has expired", func() bool {
		stats, _ := s.hub.Channel("a")
		return stats.Stored == 0
	})
	s.refused(t, "GET /auth/a", "", notCreated)
	s.refused(t, "GET /auth/a/bd_none", "", notCreated)
}

// Checklist 138, 139, 235.
func TestWildcardRule(t *testing.T) {
	t.Parallel()
	s := nginx(t, "push_stream_wildcard_channel_prefix bd_; "+limitsServer)
	for path, want := range map[string]string{
		"a": "304", "bd": "304", "bd1": "304", "bd_": tooManyPrefixed, "bd_1": tooManyPrefixed, "bd_1/bd_2": tooManyPrefixed,
		"a/bd_1": "304", "bd_1/bd_2/a": "304", "a/b/bd_1/bd_2": "304", "a/bd_1/bd_2/bd_3": tooManyPrefixed, "a/bd_1/bd_1/bd_2": "304",
	} {
		s.refused(t, "GET /max2/"+path, "", want)
	}
}

// What the events channel lets outsiders do (protocol 11.2).
func TestEventsChannelIsGuarded(t *testing.T) {
	t.Parallel()
	s := nginx(t, "push_stream_events_channel_id evs; push_stream_wildcard_channel_prefix bd_;"+limitsServer)
	const denied, readOnly = "403 Subscription to events channel is not allowed.", "403 Only internal routines can change events channel."
	s.say("evs", "an event")
	for _, request := range []string{"GET /sub/evs", "GET /po/a/evs.b1", "GET /events/evs", "GET /events/evs?ok=0"} {
		s.refused(t, request, "", denied)
	}
	s.refused(t, "POST /pub?id=evs", "x", readOnly)
	s.refused(t, "POST /pub?id=a/evs", "x", readOnly)
	s.refused(t, "DELETE /pub?id=evs", "", readOnly)
	s.refused(t, "GET /pub?id=evs", "", "200")
	s.refused(t, "GET /pub?id=a", "", "404") // nothing was published by half
	s.play(t, `
		> GET /events/evs.b1?ok=1
		< 200 OK | Content-Type: text/plain | body "Han event" (open)
		> GET /ws/evs | WS 13
		< 101 Switching Protocols | Upgrade: WebSocket | Connection: Upgrade | Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo= | frames "\x88R\x03\xf0{"http_status": 403, "explain":"Subscription to events channel is not allowed."}" [closes]`)
}

// The types of nginx do not count (Q30), default_type does, and add_header (167).
func TestTypesAndHeaders(t *testing.T) {
	t.Parallel()
	s := nginx(t, `types { text/html html; } add_header X-Host $host; add_header X-Empty $arg_none; server {
		location /pub { push_stream_publisher; push_stream_channels_path $arg_id; push_stream_store_messages on; push_stream_channel_info_on_publish off; }
		location ~ /sub/(.*) { push_stream_subscriber; push_stream_channels_path $1; push_stream_header_template H; default_type "text/x-sub; charset=x";
			add_header X-Always "$arg_a" always; add_header X-Forged "$arg_forged"; add_header X-Ok ok; }
		location ~ /lp/(.*) { push_stream_subscriber long-polling; push_stream_channels_path $1; push_stream_longpolling_connection_ttl 50ms; }
		location ~ /ws/(.*) { push_stream_subscriber websocket; push_stream_channels_path $1; add_header X-No no; add_header X-Yes yes always; }
		location /r { return 404; add_header X-R r; }
		location /r2 { return 404 no; add_header X-R r always; }
	}`)
	header := func(request string, body string, want map[string]string, more ...string) {
		t.Helper()
		c := s.dial(t)
		defer c.Close()
		c.request(request, body, more...)
		r := c.response()
		for name, value := range want {
			if got, _ := r.header(name); got != value {
				t.Errorf("%s: got %s: %q, want %q; %q", request, name, got, value, r.headers)
			}
		}
	}
	header("GET /sub/a.html?a=1", "", map[string]string{"Content-Type": "text/x-sub; charset=x", "X-Always": "1", "X-Ok": "ok", "X-Host": ""})
	header("GET /sub/ALL?a=2", "", map[string]string{"X-Always": "2", "X-Ok": ""})
	header("GET /sub/a?forged=a%0D%0AX:b", "", map[string]string{"X-Forged": "a%0D%0AX:b", "X": ""})
	header("POST /pub?id=a", "x", map[string]string{"X-Host": "h", "X-Empty": ""})
	header("POST /pub?id=ALL", "x", map[string]string{"X-Host": ""})
	header("GET /lp/a.html", "", map[string]string{"X-Host": "h", "Content-Type": "text/plain"})
	header("GET /ws/a", "", map[string]string{"X-No": "", "X-Yes": "yes"}, upgrade("13")...)
	header("GET /r", "", map[string]string{"X-R": ""})
	header("GET /r2", "", map[string]string{"X-R": "r"})
}

// How long and how often a connection is used again: of servers and locations.
func TestKeepalive(t *testing.T) {
	t.Parallel()
	const short = 200 * time.Millisecond
	s := nginx(t, `keepalive_requests 3; server {
		keepalive_timeout 10s;
		location /pub { push_stream_publisher; push_stream_channels_path $arg_id; push_stream_store_messages on; }
		location /none { push_stream_channels_statistics; push_stream_channels_path $arg_id; keepalive_timeout 0; }
		location /short { push_stream_channels_statistics; push_stream_channels_path $arg_id; keepalive_timeout 200ms; }
		location ~ /lp/(.*) { push_stream_subscriber long-polling; push_stream_channels_path $1; push_stream_longpolling_connection_ttl 20ms; keepalive_timeout 200ms; }
		location ~ /once/(.*) { push_stream_subscriber polling; push_stream_channels_path $1; keepalive_timeout 0; }
		location ~ /po/(.*) { push_stream_subscriber polling; push_stream_channels_path $1; keepalive_requests 4; }
	}`)
	connection := func(r *response) string {
		r.all()
		value, _ := r.header("Connection")
		return value
	}
	for _, path := range []string{"/none", "/once/a"} {
		c := s.open(t, "GET "+path)
		if got := connection(c.response()); got != "close" {
			t.Errorf("%s: got Connection: %s", path, got)
		}
		c.closed()
	}
	for _, path := range []string{"/short", "/lp/a"} {
		c := s.open(t, "GET "+path)
		if got := connection(c.response()); got != "keep-alive" {
			t.Errorf("%s: got Connection: %s", path, got)
		}
		start := time.Now()
		c.closed()
		if took := time.Since(start); took < short/2 || took > 5*time.Second {
			t.Errorf("%s: closed after %s", path, took)
		}
	}
	c := s.dial(t)
	for i, path := range []string{"/lp/a", "/pub?id=none", "/po/a", "/po/a"} { // counted across both ways of answering
		c.request("GET "+path, "")
		want := "keep-alive"
		if i == 3 {
			want = "close"
		}
		if got := connection(c.response()); got != want {
			t.Errorf("request %d: got Connection: %s, want %s", i+1, got, want)
		}
	}
	c.closed()
	c = s.dial(t)
	for i := range 3 {
		c.request("GET /pub?id=none", "")
		if got := connection(c.response()); (got == "close") != (i == 2) {
			t.Errorf("request %d: got Connection: %s", i+1, got)
		}
	}
	c.closed()
}

// The header of a request has its time, also of the second one, and also behind a
// subscriber; a body that trickles is waited for, one that stops is not.
func TestHeaderTimeout(t *testing.T) {
	t.Parallel()
	s := nginx(t, `server {
		client_header_timeout 300ms; client_body_timeout 1200ms;
		location /pub { push_stream_publisher; push_stream_channels_path $arg_id; push_stream_store_messages on; }
		location ~ /po/(.*) { push_stream_subscriber polling; push_stream_channels_path $1; }
	}`)
	for name, first := range map[string]string{"first": "", "second": "GET /pub?id=none", "behind a poll": "GET /po/a"} {
		c := s.dial(t)
		if first != "" {
			c.request(first, "")
			c.response().all()
			time.Sleep(400 * time.Millisecond) // waiting for a request is another time
		}
		start := time.Now()
		c.send("GET /pub HTTP/1.1\r\nHo")
		c.deadline(patience)
		if _, err := io.Copy(io.Discard, c.r); isTimeout(err) {
			t.Errorf("%s: the connection is held", name)
		}
		if took := time.Since(start); took < 200*time.Millisecond || took > 5*time.Second {
			t.Errorf("%s: closed after %s", name, took)
		}
	}
	c := s.dial(t)
	c.send("POST /pub?id=trickle HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\n")
	for range 8 {
		time.Sleep(300 * time.Millisecond)
		c.send("x")
	}
	if r := c.response(); r.status != "200 OK" {
		t.Errorf("a body that trickles: got %s", r.status)
	}
	c = s.dial(t)
	c.send("POST /pub?id=stops HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\nxxx")
	if r := c.response(); r.status != "408 Request Time-out" {
		t.Errorf("a body that stops: got %s", r.status)
	}
}
