package web_test

import "testing"

// An event id and an event type are lines before the data, whatever the template
// (checklist 72, 73).
func TestChecklistEventLines(t *testing.T) {
	t.Parallel()
	s := nginx(t, `server {
		location /pub { push_stream_publisher; push_stream_channels_path $arg_id; push_stream_store_messages on; }
		location ~ /own/(.*) { push_stream_subscriber eventsource; push_stream_channels_path $1;
			push_stream_message_template '{"id":"~id~", "message":"~text~"}'; }
		location ~ /tokens/(.*) { push_stream_subscriber eventsource; push_stream_channels_path $1;
			push_stream_message_template "~event-id~/~event-type~/~text~"; }
	}`)
	live := s.open(t, "GET /own/a").response()
	s.listeners(t, "a", 1)
	s.do(t, "POST /pub?id=a", "one", "Event-Id: event 1")
	s.do(t, "POST /pub?id=a", "two", "Event-Type: kind")
	s.do(t, "POST /pub?id=a", "three\nlines\r\nhere", "Event-Id: 3", "Event-Type: kind 3")
	s.do(t, "POST /pub?id=a", "four")
	own := ": \n" +
		"id: event 1\n" + `data: {"id":"1", "message":"one"}` + "\n\n" +
		"event: kind\n" + `data: {"id":"2", "message":"two"}` + "\n\n" +
		"id: 3\nevent: kind 3\n" + `data: {"id":"3", "message":"three"}` + "\n" + `data: {"id":"3", "message":"lines"}` + "\n" +
		`data: {"id":"3", "message":"here"}` + "\n\n" +
		`data: {"id":"4", "message":"four"}` + "\n\n"
	tokens := ": \n" +
		"id: event 1\ndata: event 1//one\n\n" +
		"event: kind\ndata: /kind/two\n\n" +
		"id: 3\nevent: kind 3\ndata: 3/kind 3/three\ndata: 3/kind 3/lines\ndata: 3/kind 3/here\n\n" +
		"data: //four\n\n"
	for _, test := range []struct {
		name string
		r    *response
		want string
	}{
		{"live", live, own},
		{"backtrack", s.open(t, "GET /own/a.b4").response(), own},
		{"tokens in the template", s.open(t, "GET /tokens/a.b4").response(), tokens},
	} {
		if got := test.r.until(test.name, func(body string) bool { return len(body) >= len(test.want) }); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
		test.r.c.silent()
	}
}
