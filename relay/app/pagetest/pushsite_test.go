package pagetest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"alertrelay/relay/conf"
	"alertrelay/relay/relaytest"
)

// pushIfs are what parameters switch on: that arguments carry the cursor, and
// another path.
const pushIfs = `if ($arg_qs = "on") {
                push_stream_last_received_message_time "$arg_time";
                push_stream_last_received_message_tag "$arg_tag";
                push_stream_last_event_id "$arg_eventid";
            }
            if ($arg_tests = "on") {
                push_stream_channels_path "test_$1";
            }`

// pushConf is what pushstream.js needs of a server. In the place of %[1]s is an
// address, of %[2]s what the http block has besides, and of %[3]s pushIfs.
const pushConf = `
http {
    push_stream_shared_memory_size 32m;
    push_stream_max_messages_stored_per_channel 100;
    %[2]s
    server {
        listen %[1]s;

        push_stream_ping_message_interval 10s;
        push_stream_message_template "{\"id\":~id~,\"channel\":\"~channel~\",\"text\":\"~text~\",\"tag\":\"~tag~\",\"time\":\"~time~\",\"eventid\":\"~event-id~\"}";

        location /pub {
            push_stream_publisher admin;
            push_stream_channels_path $arg_id;
            push_stream_store_messages on;
            push_stream_allowed_origins "*";
        }

        location ~ ^/ev/(.*) {
            push_stream_subscriber eventsource;
            push_stream_channels_path $1;
            %[3]s
        }

        location ~ ^/evttl/(.*) {
            push_stream_subscriber eventsource;
            push_stream_channels_path $1;
            push_stream_subscriber_connection_ttl 500ms;
        }

        location = /evarg {
            push_stream_subscriber eventsource;
            push_stream_channels_path $arg_channels;
        }

        location ~ ^/ws/(.*) {
            push_stream_subscriber websocket;
            push_stream_channels_path $1;
            push_stream_websocket_allow_publish on;
            push_stream_store_messages on;
            %[3]s
        }

        location ~ ^/wsttl/(.*) {
            push_stream_subscriber websocket;
            push_stream_channels_path $1;
            push_stream_subscriber_connection_ttl 500ms;
        }

        location ~ ^/sub/(.*) {
            default_type "text/html; charset=utf-8";
            push_stream_subscriber;
            push_stream_channels_path $1;
            push_stream_header_template "<!doctype html><html><body><script>parent.PushStream.register(this);</script>";
            push_stream_message_template "<script>p(~id~,'~channel~','~text~','~event-id~','~time~','~tag~');</script>";
            push_stream_footer_template "</body></html>";
            %[3]s
        }

        location ~ ^/subttl/(.*) {
            default_type "text/html; charset=utf-8";
            push_stream_subscriber;
            push_stream_channels_path $1;
            push_stream_header_template "<!doctype html><html><body><script>parent.PushStream.register(this);</script>";
            push_stream_message_template "<script>p(~id~,'~channel~','~text~','~event-id~','~time~','~tag~');</script>";
            push_stream_footer_template "</body></html>";
            push_stream_subscriber_connection_ttl 500ms;
        }

        location ~ ^/subping/(.*) {
            default_type "text/html; charset=utf-8";
            push_stream_subscriber;
            push_stream_channels_path $1;
            push_stream_header_template "<!doctype html><html><body><script>parent.PushStream.register(this);</script>";
            push_stream_message_template "<script>p(~id~,'~channel~','~text~','~event-id~','~time~','~tag~');</script>";
            push_stream_ping_message_interval 100ms;
        }

        location ~ ^/lp/(.*) {
            push_stream_subscriber long-polling;
            push_stream_channels_path $1;
            push_stream_longpolling_connection_ttl 28s;
            %[3]s
        }

        location ~ ^/lpttl/(.*) {
            push_stream_subscriber long-polling;
            push_stream_channels_path $1;
            push_stream_longpolling_connection_ttl 500ms;
        }

        location ~ ^/jsonlp/(.*) {
            push_stream_subscriber long-polling;
            push_stream_channels_path $1;
            push_stream_message_template "{\"id\":~id~,\"channel\":\"~channel~\",\"text\":~text~,\"tag\":\"~tag~\",\"time\":\"~time~\",\"eventid\":\"\"}";
        }

        location ~ ^/jsonev/(.*) {
            push_stream_subscriber eventsource;
            push_stream_channels_path $1;
            push_stream_message_template "{\"id\":~id~,\"channel\":\"~channel~\",\"text\":~text~,\"tag\":\"~tag~\",\"time\":\"~time~\",\"eventid\":\"\"}";
        }
    }
}
`

// startPushRelay starts a relay that serves pushConf.
func startPushRelay(t *testing.T, inHTTP string) *relaytest.Relay {
	t.Helper()
	return relaytest.Start(t, func(c *conf.Config) {
		path := filepath.Join(t.TempDir(), "nginx.conf")
		if err := os.WriteFile(path, fmt.Appendf(nil, pushConf, c.Listen, inHTTP, pushIfs), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, err := conf.Load(conf.Sources{NginxConf: path, Flags: map[string]string{
			"listen": c.Listen, "data": c.Data, "nats-listen": c.NATS.Listen,
		}})
		if err != nil {
			t.Fatal(err)
		}
		*c = cfg
	})
}

// pushSite has the page of the test's client, and a relay at the same origin.
type pushSite struct {
	relay *relaytest.Relay
	url   string

	mu   sync.Mutex    // guards what follows
	seen []string      // what the relay was asked for, and with which of headers
	cuts chan struct{} // closed by cut
}

// servePushPage serves at an origin of its own, because a browser has six
// connections to one.
func servePushPage(t *testing.T, r *relaytest.Relay) *pushSite {
	t.Helper()
	s := &pushSite{relay: r, cuts: make(chan struct{})}
	server := httptest.NewServer(s.handler(t))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *pushSite) handler(t *testing.T) http.Handler {
	t.Helper()
	target, err := url.Parse(s.relay.URL)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	proxy := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport:     transport,
		FlushInterval: -1,
		// A page that goes away is no error.
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	mux := http.NewServeMux()
	files := http.FileServer(http.Dir(filepath.Join("testdata", "pushclient")))
	mux.Handle("GET /{$}", files)
	mux.Handle("GET /client.js", files)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		cut := s.see(r)
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		served := make(chan struct{})
		defer close(served)
		go func() {
			select {
			case <-cut:
				cancel()
			case <-served:
			}
		}()
		proxy.ServeHTTP(w, r.WithContext(ctx))
	})
	return mux
}

var clockArgument = regexp.MustCompile(`(_=|_onmessage_)\d+`)

// see notes a request, with "<ms>" where it has the time. What it returns is closed
// when the request is to be cut off.
func (s *pushSite) see(r *http.Request) <-chan struct{} {
	line := r.Method + " " + clockArgument.ReplaceAllString(r.RequestURI, "$1<ms>")
	for _, name := range []string{"If-None-Match", "If-Modified-Since", "Content-Type"} {
		if v, ok := r.Header[http.CanonicalHeaderKey(name)]; ok {
			line += " | " + name + ": " + strings.Join(v, ", ")
		}
	}
	if r.Method == http.MethodPost {
		line += " | Accept: " + r.Header.Get("Accept")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, line)
	return s.cuts
}

// cut cuts off the requests that are under way. A client that has had nothing of
// the answer yet gets a 502.
func (s *pushSite) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.cuts)
	s.cuts = make(chan struct{})
}

// requests are those that have had the text.
func (s *pushSite) requests(text string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.seen), func(line string) bool { return !strings.Contains(line, text) })
}

// channel is what a publisher is told of a channel.
type channel struct {
	Channel     string `json:"channel"`
	Published   int    `json:"published_messages"`
	Stored      int    `json:"stored_messages"`
	Subscribers int    `json:"subscribers"`
}

func (s *pushSite) channel(t testing.TB, name string) channel {
	t.Helper()
	status, body := s.relay.Get("/pub?id=" + name)
	if status == http.StatusNotFound {
		return channel{}
	}
	var c channel
	if err := json.Unmarshal([]byte(body), &c); err != nil || status != http.StatusOK {
		t.Fatalf("GET /pub?id=%s: got %d %q, %v", name, status, body, err)
	}
	return c
}

// subscribers waits for a channel to have n of them.
func (s *pushSite) subscribers(t testing.TB, name string, n int) {
	t.Helper()
	relaytest.Eventually(t, fmt.Sprintf("%s has %d subscribers", name, n), func() bool {
		return s.channel(t, name).Subscribers == n
	})
}

// publish publishes a message, with an event id if there is one.
func (s *pushSite) publish(t testing.TB, name, text, eventID string) channel {
	t.Helper()
	header := http.Header{}
	if eventID != "" {
		header.Set("Event-Id", eventID)
	}
	return s.ask(t, http.MethodPost, name, text, header)
}

// remove deletes a channel.
func (s *pushSite) remove(t testing.TB, name string) {
	t.Helper()
	s.ask(t, http.MethodDelete, name, "", nil)
}

// ask has the publisher's location do something, and expects it to be done.
func (s *pushSite) ask(t testing.TB, method, name, body string, header http.Header) (c channel) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.relay.URL+"/pub?id="+name, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if header != nil {
		req.Header = header
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: got %s", method, name, resp.Status)
	}
	if method == http.MethodPost {
		if err := json.NewDecoder(resp.Body).Decode(&c); err != nil {
			t.Fatal(err)
		}
	}
	return c
}
