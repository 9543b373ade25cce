package web_test

import (
	"testing"
	"time"
)

// Where both times to live are given, that of long polls counts for them, be it
// the shorter or the longer (checklist 81).
func TestChecklistTTLOfLongPolls(t *testing.T) {
	t.Parallel()
	const short = 300 * time.Millisecond
	s := nginx(t, `server {
		location ~ /short/(.*) { push_stream_subscriber long-polling; push_stream_channels_path $1;
			push_stream_subscriber_connection_ttl 1h; push_stream_longpolling_connection_ttl 300ms; }
		location ~ /long/(.*) { push_stream_subscriber long-polling; push_stream_channels_path $1;
			push_stream_subscriber_connection_ttl 300ms; push_stream_longpolling_connection_ttl 1h; }
		location ~ /ofstream/(.*) { push_stream_subscriber; push_stream_channels_path $1;
			push_stream_subscriber_connection_ttl 300ms; push_stream_longpolling_connection_ttl 1h; }
	}`)
	waits := s.open(t, "GET /long/b")
	s.listeners(t, "b", 1)
	begun := time.Now()
	if r := s.get(t, "GET /short/a"); r.status != "304 Not Modified" {
		t.Errorf("got %s", r.status)
	} else if etag, _ := r.header("Etag"); etag != "W/0" {
		t.Errorf("got Etag %q", etag)
	}
	// A wheel counts time in steps, hence not to the millisecond.
	if lived := time.Since(begun); lived < short-50*time.Millisecond {
		t.Errorf("it lived for %v", lived)
	}
	s.get(t, "GET /ofstream/c") // has an end, and by then the other poll's would have come too
	s.listeners(t, "b", 1)
	waits.silent()
	s.say("b", "m")
	if r := waits.response(); r.status != "200 OK" || r.all() != "m" {
		t.Errorf("got %s, %q", r.status, r.body)
	}
}
