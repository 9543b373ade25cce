package app_test

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"alertrelay/relay/conf"
	"alertrelay/relay/relaytest"
)

// A changed size of the shared memory is told at a reload, and changes nothing:
// what was stored stays (checklist 233).
func TestReloadMemorySize(t *testing.T) {
	dir, file := t.TempDir(), filepath.Join(t.TempDir(), "nginx.conf")
	port := freePort(t)
	configuration := func(size string) conf.Config {
		t.Helper()
		relaytest.WriteFile(t, file, `events { } http { push_stream_shared_memory_size `+size+`; server { listen 127.0.0.1:`+port+`;
			location /pub { push_stream_publisher; push_stream_channels_path $arg_id; push_stream_store_messages on; }
			location ~ /po/(.*) { push_stream_subscriber polling; push_stream_channels_path $1; } } }`)
		return load(t, dir, conf.Sources{NginxConf: file})
	}
	a, log := start(t, configuration("40m"))
	url := "http://127.0.0.1:" + port
	do(t, http.MethodPost, url+"/pub?id=a", "one")
	const told = "setting=storage.max_bytes"
	for _, test := range []struct {
		size  string
		warns int
	}{{"40960k", 0}, {"60m", 1}, {"60m", 2}, {"40m", 2}} { // each is compared with that of the start
		if err := a.Reload(t.Context(), configuration(test.size)); err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(log.String(), told); got != test.warns {
			t.Errorf("%s: it is told %d times, want %d: %s", test.size, got, test.warns, log)
		}
		if _, got := do(t, http.MethodGet, url+"/po/a.b1", ""); got != "one" {
			t.Errorf("%s: got %q", test.size, got)
		}
	}
}
