package web_test

import (
	"fmt"
	"strings"
	"testing"
)

// Which methods the two kinds of publishers have, and what they tell browsers
// about it (checklist 4, 17).
func TestChecklistPublisherMethods(t *testing.T) {
	t.Parallel()
	s := nginx(t, `push_stream_allowed_origins "http://o.example"; server {
		location /normal { push_stream_publisher; push_stream_channels_path $arg_id; }
		location /admin { push_stream_publisher admin; push_stream_channels_path $arg_id; }
	}`)
	for path, allow := range map[string]string{"/normal": "GET, POST, PUT", "/admin": "GET, POST, PUT, DELETE"} {
		for _, method := range []string{"OPTIONS", "HEAD", "PATCH", "DELETE", "POST", "PUT", "GET"} {
			for _, proto := range []string{"HTTP/1.1", "HTTP/1.0"} {
				c := s.open(t, fmt.Sprintf("%s %s?id=%s %s", method, path, path[1:], proto))
				r := c.response()
				c.Close() // no body is of interest, and an answer to HEAD has none
				allowed := method == "OPTIONS" || strings.Contains(allow, method)
				if got := r.status != "405 Not Allowed"; got != allowed || r.proto != "HTTP/1.1" {
					t.Errorf("%s %s %s: got %s %s", method, path, proto, r.proto, r.status)
				}
				if got, ok := r.header("Allow"); ok == allowed || ok && got != allow {
					t.Errorf("%s %s %s: got Allow %q, want %q", method, path, proto, got, allow)
				}
				if length, _ := r.header("Content-Length"); method == "OPTIONS" && (r.status != "200 OK" || length != "0") {
					t.Errorf("%s %s %s: got %s, %q", method, path, proto, r.status, r.headers)
				}
				origin, _ := r.header("Access-Control-Allow-Origin")
				methods, _ := r.header("Access-Control-Allow-Methods")
				if origin != "http://o.example" || methods != allow {
					t.Errorf("%s %s %s: got %q for %q, want %q", method, path, proto, methods, origin, allow)
				}
			}
		}
	}
}

// Subscriber locations have GET only, and refuse others without harm
// (checklist 133).
func TestChecklistSubscriberMethods(t *testing.T) {
	t.Parallel()
	s := serverA(t)
	for _, path := range []string{"/sub/x", "/po/x", "/lp/x", "/ev/x"} {
		for _, method := range []string{"HEAD", "PUT", "POST", "DELETE"} {
			r := s.open(t, method+" "+path).response()
			if allow, _ := r.header("Allow"); !strings.HasPrefix(r.status, "405 ") || allow != "GET" {
				t.Errorf("%s %s: got %s, Allow %q", method, path, r.status, allow)
			}
		}
		r := s.get(t, "OPTIONS "+path)
		if length, _ := r.header("Content-Length"); r.status != "200 OK" || length != "0" {
			t.Errorf("OPTIONS %s: got %s, %q", path, r.status, r.headers)
		}
	}
	if n := s.hub.ChannelCount(); n != 0 {
		t.Errorf("got %d channels", n)
	}
}

func TestChecklistWebSocketMethods(t *testing.T) { // 181
	t.Parallel()
	s := newServer(t, serveSockets())
	for _, method := range []string{"HEAD", "PUT", "POST", "DELETE"} {
		c := s.open(t, method+" /ws/a", upgrade("13")...)
		r := c.response()
		if allow, _ := r.header("Allow"); !strings.HasPrefix(r.status, "405 ") || allow != "GET" {
			t.Errorf("%s: got %s, Allow %q", method, r.status, allow)
		}
	}
}

func TestChecklistStatisticsMethods(t *testing.T) { // 116
	t.Parallel()
	s := serverA(t)
	s.say("a", "1")
	for _, path := range []string{"/stats", "/stats?id=a", "/stats?id=ALL"} {
		for _, method := range []string{"PUT", "POST", "DELETE", "HEAD"} {
			r := s.open(t, method+" "+path).response()
			if allow, _ := r.header("Allow"); !strings.HasPrefix(r.status, "405 ") || allow != "GET" {
				t.Errorf("%s %s: got %s, Allow %q", method, path, r.status, allow)
			}
		}
	}
}
