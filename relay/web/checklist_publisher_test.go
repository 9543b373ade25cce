package web_test

import (
	"strings"
	"testing"
)

// Several channels are deleted by one request; one that is not there does not
// hinder it (checklist 38, 39).
func TestChecklistDeleteSeveral(t *testing.T) {
	t.Parallel()
	s := serverA(t)
	for _, test := range []struct{ name, list string }{
		{"two (38)", "one/two"},
		{"one missing (39)", "one/missing/two"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s.say("one", "1")
			s.say("two", "2")
			s.say("three", "3")
			var held []*response
			for _, channel := range []string{"one", "two"} {
				held = append(held, s.open(t, "GET /sub/"+channel).response())
				s.listeners(t, channel, 1)
			}
			r := s.do(t, "DELETE /pub?id="+test.list, "gone")
			explain, _ := r.header("X-Nginx-PushStream-Explain")
			if r.status != "200 OK" || explain != "Channel deleted." || r.body != "" {
				t.Errorf("got %s, %q, %q", r.status, explain, r.body)
			}
			for i, channel := range []string{"one", "two"} {
				if got, want := held[i].all(), "HEAD[-2:"+channel+":gone]FOOT"; got != want {
					t.Errorf("got %q, want %q", got, want)
				}
				if r := s.get(t, "GET /pub?id="+channel); r.status != "404 Not Found" {
					t.Errorf("%s: got %s", channel, r.status)
				}
			}
			if r := s.get(t, "GET /pub?id=three"); r.status != "200 OK" {
				t.Errorf("the channel beside them: got %s", r.status)
			}
			if r := s.do(t, "DELETE /pub?id="+test.list, ""); r.status != "404 Not Found" {
				t.Errorf("once more: got %s", r.status)
			}
		})
	}
}

// Ids that a publisher refuses, by the method the item speaks of (checklist 6,
// 27, 28).
func TestChecklistPublisherRefusals(t *testing.T) {
	t.Parallel()
	s := serverA(t)
	const asterisk, long = "403 Channel id not authorized for this method.", "400 Channel id is too large."
	for _, id := range []string{"*a", "a*b", "a*", "*", "b/a*"} {
		s.refused(t, "POST /pub?id="+id, "x", asterisk)
		s.refused(t, "PUT /pubn?id="+id, "x", asterisk)
	}
	s.refused(t, "GET /pub?id=b", "", "404") // nothing was published by half
	s.refused(t, "DELETE /pub", "", "400 No channel id provided.")
	s.refused(t, "DELETE /pub?id=", "", "400 No channel id provided.")
	s.refused(t, "DELETE /pub?id="+strings.Repeat("a", 21), "", long)
	s.refused(t, "DELETE /pub?id=b/"+strings.Repeat("a", 21), "", long)
}

// Only the very names of headers count (checklist 48).
func TestChecklistEventIDNames(t *testing.T) {
	t.Parallel()
	s := nginx(t, `server {
		location /pub { push_stream_publisher; push_stream_channels_path $arg_id; push_stream_store_messages on; }
		location ~ /po/(.*) { push_stream_subscriber polling; push_stream_channels_path $1; push_stream_message_template "[~text~:~event-id~:~event-type~]"; }
	}`)
	s.do(t, "POST /pub?id=a", "1", "Event-Ids: no", "Event-I: no", "X-Event-Id: no", "Event-Types: no", "Event-Typ: no")
	s.do(t, "POST /pub?id=a", "2", "Event-Ids: no", "eVENT-iD: yes", "Event-I: no", "event-type: kind")
	if got, want := s.get(t, "GET /po/a.b2").body, "[1::][2:yes:kind]"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Conditions of HTTP change nothing: the rules of the cursor alone make a 304
// (Q4, Q5, Q37, Q38).
func TestChecklistConditions(t *testing.T) {
	t.Parallel()
	s := serverA(t)
	s.say("a", "m")
	conditions := []string{
		`If-Match: "x"`, "If-Match: *", "If-Unmodified-Since: Thu, 01 Jan 1970 00:00:01 GMT",
		"If-None-Match: *", `If-None-Match: "x", *`, "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT",
	}
	for _, condition := range conditions {
		for _, request := range []string{"GET /stats", "GET /stats?id=a", "GET /stats?id=ALL", "GET /pub?id=a", "POST /pub?id=b", "GET /po/a.b1", "GET /lp/a.b1"} {
			body := map[bool]string{true: "text"}[strings.HasPrefix(request, "POST")]
			if r := s.do(t, request, body, condition); r.status != "200 OK" || r.body == "" {
				t.Errorf("%s with %s: got %s, %q", request, condition, r.status, r.body)
			}
		}
		for request, want := range map[string]string{"GET /sub/a.b1": "HEAD[1:a:m]", "GET /ev/a.b1": ": \ndata: m\n\n"} {
			c := s.open(t, request, condition)
			r := c.response()
			if got := r.until(request, func(body string) bool { return len(body) >= len(want) }); r.status != "200 OK" || got != want {
				t.Errorf("%s with %s: got %s, %q", request, condition, r.status, got)
			}
			c.Close()
		}
	}
	if stats, _ := s.hub.Channel("b"); stats.Published != uint64(len(conditions)) {
		t.Errorf("got %d messages, want %d", stats.Published, len(conditions))
	}
	s.play(t, `
		# SAME q4 "m"
		> GET /po/q4 | If-Modified-Since: <T> | If-None-Match: 0 | If-Match: "x" | If-Unmodified-Since: Thu, 01 Jan 1970 00:00:01 GMT
		< 200 OK | Content-Type: text/plain | Last-Modified: <T> | Etag: W/<tag1> | chunks "{1,<tag1>,m}" | END
		> GET /po/q5 | If-None-Match: *
		< 304 Not Modified | Content-Type: text/plain | no body
		> GET /po/q37 | If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT
		< 304 Not Modified | Content-Type: text/plain | no body
		> GET /po/q37 | If-Modified-Since: Thu, 01 Jan 1970 00:00:01 GMT
		< 304 Not Modified | Content-Type: text/plain | Last-Modified: Thu, 01 Jan 1970 00:00:01 GMT | no body`)
}
