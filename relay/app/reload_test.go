package app_test

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"alertrelay/relay/app"
	"alertrelay/relay/conf"
	"alertrelay/relay/relaytest"
)

// reloading is a relay whose push_stream directives of all channels change.
type reloading struct {
	t    *testing.T
	app  *app.App
	log  *logs
	dir  string
	file string
	url  string
	port string
}

func startReloading(t *testing.T, directives string) *reloading {
	t.Helper()
	r := &reloading{t: t, dir: t.TempDir(), file: filepath.Join(t.TempDir(), "nginx.conf"), port: freePort(t)}
	r.url = "http://127.0.0.1:" + r.port
	r.write(directives)
	r.app, r.log = start(t, load(t, r.dir, conf.Sources{NginxConf: r.file}))
	r.status(http.MethodGet, "/pub?id=no", http.StatusNotFound)
	return r
}

func (r *reloading) write(directives string) {
	r.t.Helper()
	relaytest.WriteFile(r.t, r.file, "events { } http { push_stream_shared_memory_size 10m; "+directives+" server { listen 127.0.0.1:"+r.port+`;
		location /pub { push_stream_publisher admin; push_stream_channels_path $arg_id; push_stream_store_messages on; }
		location ~ /sub/(.*) { push_stream_subscriber polling; push_stream_channels_path $1; } } }`)
}

// reload has the relay read other directives.
func (r *reloading) reload(directives string) {
	r.t.Helper()
	r.write(directives)
	if err := r.app.Reload(r.t.Context(), load(r.t, r.dir, conf.Sources{NginxConf: r.file})); err != nil {
		r.t.Fatal(err)
	}
}

// status expects the status of an answer.
func (r *reloading) status(method, path string, want int) {
	r.t.Helper()
	body := ""
	if method == http.MethodPost {
		body = "x"
	}
	if status, _ := do(r.t, method, r.url+path, body); status != want {
		r.t.Errorf("%s %s: got %d, want %d", method, path, status, want)
	}
}

// polled expects the status of a poll, which makes its channel.
func (r *reloading) polled(channel string, want int) {
	r.t.Helper()
	r.status(http.MethodGet, "/sub/"+channel, want)
}

// Limits change for whoever comes; what is there beyond them stays.
func TestReloadLimitsOfAllChannels(t *testing.T) {
	const ok, refused, none = http.StatusNotModified, http.StatusForbidden, http.StatusNotFound
	r := startReloading(t, `push_stream_max_number_of_channels 1; push_stream_wildcard_channel_prefix w_;
		push_stream_max_number_of_wildcard_channels 1; push_stream_max_channel_id_length 3;`)
	r.polled("a", ok)
	r.polled("b", refused)
	r.polled("a/w_1", ok)
	r.polled("a/w_2", refused)
	r.status(http.MethodPost, "/pub?id=long", http.StatusBadRequest)

	const more = `push_stream_max_number_of_channels 2; push_stream_wildcard_channel_prefix w_;
		push_stream_max_number_of_wildcard_channels 2; push_stream_max_channel_id_length 4;`
	r.reload(more)
	r.polled("b", ok)
	r.polled("c", refused)
	r.polled("a/w_2", ok)
	r.polled("a/w_3", refused)
	r.status(http.MethodDelete, "/pub?id=long", none)
	r.status(http.MethodDelete, "/pub?id=long5", http.StatusBadRequest)

	r.reload(`push_stream_max_number_of_channels 1; push_stream_wildcard_channel_prefix w_; push_stream_max_channel_id_length 2;`)
	r.polled("b", ok)
	r.polled("d", refused)
	r.status(http.MethodDelete, "/pub?id=abc", http.StatusBadRequest)
	if strings.Contains(r.log.String(), "takes a restart") {
		t.Errorf("got the log %s", r.log)
	}
}

// An idle channel lives as long as the configuration says that was read last.
func TestReloadInactivityTime(t *testing.T) {
	r := startReloading(t, "push_stream_channel_inactivity_time 1h;")
	gone := func() bool {
		status, _ := do(t, http.MethodGet, r.url+"/pub?id=a", "")
		return status == http.StatusNotFound
	}
	r.polled("a", http.StatusNotModified)
	if gone() {
		t.Error("the channel is not there")
	}
	r.reload("push_stream_channel_inactivity_time 0;")
	for end := time.Now().Add(patience); !gone(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the channel lives on")
		}
	}
}

// What tells channels apart stays as it was at the start, for the whole relay, and
// the log says so each time.
func TestReloadKeepsPrefixAndEventsChannel(t *testing.T) {
	r := startReloading(t, `push_stream_wildcard_channel_prefix w_; push_stream_max_number_of_wildcard_channels 1; push_stream_events_channel_id evs;`)
	r.polled("a/w_1", http.StatusNotModified)
	for range 2 {
		r.reload(`push_stream_wildcard_channel_prefix v_; push_stream_max_number_of_wildcard_channels 1; push_stream_events_channel_id other;`)
		r.polled("a/w_2", http.StatusForbidden)
		r.polled("v_1/v_2/v_3", http.StatusNotModified)
		r.status(http.MethodPost, "/pub?id=evs", http.StatusForbidden)
		r.status(http.MethodPost, "/pub?id=other", http.StatusOK)
	}
	for _, want := range []string{
		`msg="a setting has changed, which takes a restart" component=app setting=push_stream.wildcard_prefix now=w_ then=v_ reason="existing channels are counted by it"`,
		`msg="a setting has changed, which takes a restart" component=app setting=push_stream.events_channel now=evs then=other reason="it is there from the start and never ends"`,
	} {
		if got := strings.Count(r.log.String(), want); got != 2 {
			t.Errorf("got %d lines %q, want 2: %s", got, want, r.log)
		}
	}
	// As it was: nothing to say.
	before := strings.Count(r.log.String(), "takes a restart")
	r.reload(`push_stream_wildcard_channel_prefix w_; push_stream_max_number_of_wildcard_channels 1; push_stream_events_channel_id evs;`)
	if got := strings.Count(r.log.String(), "takes a restart"); got != before {
		t.Errorf("got the log %s", r.log)
	}
}

// limits of our YAML change too.
func TestReloadLimitsOfYAML(t *testing.T) {
	file, port := filepath.Join(t.TempDir(), "relay.yaml"), freePort(t)
	yaml := func(limits string) conf.Config {
		relaytest.WriteFile(t, file, "listen: 127.0.0.1:"+port+"\nlimits: "+limits+"\n")
		return load(t, t.TempDir(), conf.Sources{File: file})
	}
	cfg := yaml("{channels: 1, wildcards: 1, channel_id: 3}")
	a, log := start(t, cfg)
	url := "http://127.0.0.1:" + port + "/poll/"
	expect := func(channel string, want int) {
		t.Helper()
		if status, _ := do(t, http.MethodGet, url+channel, ""); status != want {
			t.Errorf("%s: got %d, want %d", channel, status, want)
		}
	}
	expect("a", http.StatusNotModified)
	expect("b", http.StatusForbidden)
	expect("a.*", http.StatusNotModified)
	expect("b.*", http.StatusForbidden)
	expect("long", http.StatusBadRequest)
	next := yaml("{channels: 3, wildcards: 2, channel_id: 4}")
	next.Data = cfg.Data
	if err := a.Reload(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	expect("b", http.StatusNotModified)
	expect("b.*", http.StatusNotModified)
	expect("c.*", http.StatusForbidden)
	expect("long", http.StatusNotModified)
	if strings.Contains(log.String(), "takes a restart") {
		t.Errorf("got the log %s", log)
	}
}
