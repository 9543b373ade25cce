package app_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"alertrelay/relay/app"
	"alertrelay/relay/conf"
	"alertrelay/relay/relaytest"
)

const patience = 20 * time.Second

// logs is what is logged, for one reader and many writers.
type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// load reads a configuration whose data and NATS are the test's own.
func load(t testing.TB, dir string, s conf.Sources) conf.Config {
	t.Helper()
	if s.Flags == nil {
		s.Flags = make(map[string]string)
	}
	s.Flags["data"], s.Flags["nats-listen"] = dir, ""
	c, err := conf.Load(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// start runs a relay until the test ends. It waits until retained messages are
// loaded.
func start(t testing.TB, cfg conf.Config) (*app.App, *logs) {
	t.Helper()
	log := new(logs)
	a, err := app.New(t.Context(), cfg, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background()) //nolint:usetesting // it ends in a cleanup
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(patience):
			t.Error("Run does not end")
		}
	})
	for end := time.Now().Add(patience); !strings.Contains(log.String(), "caught up"); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not ready: %s", log)
		}
	}
	return a, log
}

// freePort is a port that nobody has now.
func freePort(t testing.TB) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// try sends a request and reads the answer.
func try(t testing.TB, method, url, body string) (status int, text string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Close = true // nothing stays open
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

// do is try where there must be an answer; it waits for the relay to be ready.
func do(t testing.TB, method, url, body string) (int, string) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		status, text, err := try(t, method, url, body)
		if err == nil && status != http.StatusServiceUnavailable {
			return status, text
		}
		if time.Now().After(end) {
			t.Fatalf("%s %s: %d, %v", method, url, status, err)
		}
	}
}

// founding is a copy of the founding configuration on a port of the test's own.
func founding(t testing.TB) (file, url string) {
	t.Helper()
	content, err := os.ReadFile("../../examples/founding-nginx.conf")
	if err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	text := strings.Replace(string(content), "listen 8080;", "listen "+port+";", 1)
	if text == string(content) {
		t.Fatal("the founding configuration does not listen at 8080")
	}
	file = filepath.Join(t.TempDir(), "nginx.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, "http://localhost:" + port
}

// The configuration that this project was founded on, and its author's lines.
func TestFoundingConfiguration(t *testing.T) {
	t.Parallel()
	file, url := founding(t)
	a, log := start(t, load(t, t.TempDir(), conf.Sources{NginxConf: file}))
	if got := a.HTTPURL(); got != strings.Replace(url, "localhost", "127.0.0.1", 1) {
		t.Errorf("got %s, want %s", got, url)
	}
	status, body := do(t, http.MethodGet, url+"/pub?id=ch1", "")
	if status != http.StatusNotFound || body != "" {
		t.Errorf("no channel yet: got %d %q", status, body)
	}
	polled := make(chan string, 1)
	go func() {
		_, body, err := try(t, http.MethodGet, url+"/lp/ch1", "")
		polled <- body
		if err != nil {
			t.Error(err)
		}
	}()
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if _, body := do(t, http.MethodGet, url+"/channels-stats?id=ch1", ""); strings.Contains(body, `"subscribers": 1`) {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the long poll does not wait")
		}
	}
	if status, body = do(t, http.MethodPost, url+"/pub?id=ch1", "Some text"); status != http.StatusOK || !strings.HasPrefix(body, `{"channel": "ch1", "published_messages": 1, "stored_messages": 1, "subscribers": `) {
		t.Errorf("publish: got %d %q", status, body)
	}
	if got := <-polled; !strings.HasPrefix(got, `{"id":1,"channel":"ch1","text":"Some text","tag":"`) {
		t.Errorf("long poll: got %q", got)
	}
	for path, want := range map[string]string{
		"/lp/ch1.b1":                          `"text":"Some text"`,
		"/channels-stats":                     `"channels": 1, "wildcard_channels": 0`,
		"/pub?id=" + strings.Repeat("x", 201): "",
	} {
		if _, body := do(t, http.MethodGet, url+path, ""); !strings.Contains(body, want) {
			t.Errorf("%s: got %q, want %q", path, body, want)
		}
	}
	for _, path := range []string{"/", "/metrics", "/-/ready", "/in/alertmanager/am", "/poll/ch1"} {
		if status, _ := do(t, http.MethodGet, url+path, ""); status != http.StatusNotFound {
			t.Errorf("%s: got %d: an nginx in this place has nothing there", path, status)
		}
	}
	if !strings.Contains(log.String(), "--listen is not given") {
		t.Errorf("the log does not say what is not served: %s", log)
	}
}

// With --listen there are the board, the metrics and the inputs too, at that
// address and at no other.
func TestListenBesideServers(t *testing.T) {
	t.Parallel()
	file, url := founding(t)
	port := freePort(t)
	a, _ := start(t, load(t, t.TempDir(), conf.Sources{NginxConf: file, Flags: map[string]string{"listen": "127.0.0.1:" + port}}))
	own := "http://127.0.0.1:" + port
	if got := a.HTTPURL(); got != own {
		t.Errorf("got %s, want %s", got, own)
	}
	for path, want := range map[string]int{"/": 200, "/metrics": 200, "/-/healthy": 200, "/pub": 404, "/ev/a": 404} {
		if status, _ := do(t, http.MethodGet, own+path, ""); status != want {
			t.Errorf("%s: got %d, want %d", path, status, want)
		}
	}
	if status, _ := do(t, http.MethodGet, url+"/metrics", ""); status != http.StatusNotFound {
		t.Errorf("got %d", status)
	}
	if status, _ := do(t, http.MethodPost, url+"/pub?id=a", "x"); status != http.StatusOK {
		t.Errorf("got %d", status)
	}
}

// --listen at a port where the servers listen on every interface has them, and the
// rest.
func TestListenAmongServers(t *testing.T) {
	t.Parallel()
	file, url := founding(t)
	port := url[strings.LastIndexByte(url, ':')+1:]
	start(t, load(t, t.TempDir(), conf.Sources{NginxConf: file, Flags: map[string]string{"listen": "127.0.0.1:" + port}}))
	for path, want := range map[string]int{"/metrics": 200, "/pub?id=none": 404, "/channels-stats": 200} {
		for host, extra := range map[string]bool{"127.0.0.1": true, "127.0.0.2": false} {
			if path == "/metrics" && !extra {
				want = http.StatusNotFound
			}
			if status, _ := do(t, http.MethodGet, "http://"+host+":"+port+path, ""); status != want {
				t.Errorf("%s%s: got %d, want %d", host, path, status, want)
			}
			if path == "/metrics" {
				want = http.StatusOK
			}
		}
	}
}

// The locations of our YAML are at the address of listen, and the rest of the
// paths is what it is without a configuration.
func TestYAMLLocations(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	file := filepath.Join(t.TempDir(), "relay.yaml")
	relaytest.WriteFile(t, file, "listen: 127.0.0.1:"+port+`
locations:
- {path: = /publish, mode: publisher}
- path: /messages/
  mode: poll
  template: "<~text~>"
`)
	start(t, load(t, t.TempDir(), conf.Sources{File: file}))
	url := "http://127.0.0.1:" + port
	if status, _ := do(t, http.MethodPost, url+"/publish?id=a", "x"); status != http.StatusOK {
		t.Errorf("got %d", status)
	}
	if status, body := do(t, http.MethodGet, url+"/messages/a.b1", ""); body != "<x>" {
		t.Errorf("got %d %q", status, body)
	}
	for path, want := range map[string]int{"/metrics": 200, "/-/ready": 200, "/": 200} {
		if status, _ := do(t, http.MethodGet, url+path, ""); status != want {
			t.Errorf("%s: got %d, want %d", path, status, want)
		}
	}
}

// A file that is read again: who is connected stays, new requests get the new
// settings, addresses move, channels get new limits, and what takes a restart is
// said.
func TestReload(t *testing.T) { // alone: others would take the port that it gives back
	dir, file := t.TempDir(), filepath.Join(t.TempDir(), "nginx.conf")
	first, second := freePort(t), freePort(t)
	server := func(port, template, http string) {
		relaytest.WriteFile(t, file, `events { } http { push_stream_shared_memory_size 10m; `+http+` server { listen 127.0.0.1:`+port+`;
			location /pub { push_stream_publisher admin; push_stream_channels_path $arg_id; push_stream_store_messages on; }
			location ~ /sub/(.*) { push_stream_subscriber; push_stream_channels_path $1; push_stream_message_template "`+template+`"; } } }`)
	}
	server(first, "one ~text~;", "push_stream_max_messages_stored_per_channel 1;")
	a, log := start(t, load(t, dir, conf.Sources{NginxConf: file}))
	url := "http://127.0.0.1:" + first
	do(t, http.MethodGet, url+"/pub?id=a", "")
	stream := func(url string) *bufio.Reader {
		ctx, cancel := context.WithTimeout(context.Background(), patience) //nolint:usetesting // as long as the relay
		t.Cleanup(cancel)
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		for {
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { resp.Body.Close() })
			if resp.StatusCode == http.StatusOK {
				return bufio.NewReader(resp.Body)
			} else if resp.StatusCode != http.StatusServiceUnavailable { // it is loading
				t.Fatalf("%s: got %s", url, resp.Status)
			}
		}
	}
	old := stream(url + "/sub/a")

	server(second, "two ~text~;", "push_stream_max_messages_stored_per_channel 2; push_stream_channel_deleted_message_text bye;")
	if err := a.Reload(t.Context(), load(t, dir, conf.Sources{NginxConf: file})); err != nil {
		t.Fatal(err)
	}
	if _, _, err := try(t, http.MethodGet, url+"/pub?id=a", ""); err == nil {
		t.Error("the old address still answers")
	}
	url = "http://127.0.0.1:" + second
	fresh := stream(url + "/sub/a")
	for i := range 3 {
		_, body := do(t, http.MethodPost, url+"/pub?id=new", "x")
		if want := []string{`"stored_messages": 1`, `"stored_messages": 2`, `"stored_messages": 2`}[i]; !strings.Contains(body, want) {
			t.Errorf("got %s, want %s", body, want)
		}
	}
	do(t, http.MethodPost, url+"/pub?id=a", "m")
	for _, c := range []struct {
		r    *bufio.Reader
		want string
	}{{old, "one m;"}, {fresh, "two m;"}} {
		if got, err := c.r.ReadString(';'); got != c.want || err != nil {
			t.Errorf("got %q, %v, want %q", got, err, c.want)
		}
	}
	if !strings.Contains(log.String(), "configuration read again") || strings.Contains(log.String(), "takes a restart") {
		t.Errorf("got the log %s", log)
	}
	do(t, http.MethodDelete, url+"/pub?id=a", "")
	for _, c := range []struct {
		r    *bufio.Reader
		want string
	}{{old, "one bye;"}, {fresh, "two bye;"}} {
		if got, err := c.r.ReadString(';'); got != c.want || err != nil {
			t.Errorf("deleted: got %q, %v, want %q", got, err, c.want)
		}
	}
	fresh = stream(url + "/sub/a")

	// What is wrong changes nothing.
	busy, err := new(net.ListenConfig).Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	_, port, _ := net.SplitHostPort(busy.Addr().String())
	server(port, "three ~text~;", "")
	if err := a.Reload(t.Context(), load(t, dir, conf.Sources{NginxConf: file})); err == nil || !strings.Contains(err.Error(), port) {
		t.Errorf("got %v", err)
	}
	do(t, http.MethodPost, url+"/pub?id=a", "n")
	if got, err := fresh.ReadString(';'); got != "two n;" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

// What conf takes and cannot be served is found by check and by the start.
func TestCheck(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "nginx.conf")
	relaytest.WriteFile(t, file, "events { } http { server { listen 443 ssl; ssl_certificate /none.pem; ssl_certificate_key /none.key; } }")
	cfg := load(t, t.TempDir(), conf.Sources{NginxConf: file})
	_, startErr := app.New(t.Context(), cfg, slog.New(slog.DiscardHandler))
	for _, err := range []error{app.Check(cfg), startErr} {
		if e := (*conf.Error)(nil); !errors.As(err, &e) || !strings.Contains(err.Error(), file+":1: certificate: ") {
			t.Errorf("got %v", err)
		}
	}
}
