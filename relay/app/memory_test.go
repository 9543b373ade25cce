package app_test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"alertrelay/relay/conf"
	"alertrelay/relay/relaytest"
)

// A relay that has run with the default, 1 GiB of messages, goes on with an
// nginx.conf: its shared memory is what the stream keeps, and the oldest messages
// go.
func TestSharedMemoryOverAnOlderStream(t *testing.T) {
	r := relaytest.Start(t)
	large := strings.Repeat("x", 1000<<10)
	for i := range 36 {
		r.Publish(fmt.Sprint("c", i), large)
	}
	r.Stop()

	port := freePort(t)
	file := filepath.Join(t.TempDir(), "nginx.conf")
	relaytest.WriteFile(t, file, `events { } http { push_stream_shared_memory_size 10m; server { listen 127.0.0.1:`+port+`;
		location /pub { push_stream_publisher; push_stream_channels_path $arg_id; push_stream_store_messages on; } } }`)
	_, log := start(t, load(t, r.Data(), conf.Sources{NginxConf: file}))
	if !strings.Contains(log.String(), "stream settings updated") {
		t.Errorf("the stream stays as it was: %s", log)
	}
	url := "http://127.0.0.1:" + port
	for channel, want := range map[string]string{"c0": "", "c35": `"stored_messages": 1`} {
		if _, body := do(t, http.MethodGet, url+"/pub?id="+channel, ""); !strings.Contains(body, want) || want == "" && strings.Contains(body, `"stored_messages": 1`) {
			t.Errorf("%s: got %q, want %q", channel, body, want)
		}
	}
	if status, _ := do(t, http.MethodPost, url+"/pub?id=new", "x"); status != http.StatusOK {
		t.Errorf("got %d", status)
	}
}
