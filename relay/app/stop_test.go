package app_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"alertrelay/relay/client"
	"alertrelay/relay/conf"
	"alertrelay/relay/relaytest"
)

// grace is well below the 10 s after which connections are cut off.
const grace = 7 * time.Second

// attach connects a subscriber of each kind to a channel that has a message, and
// one that waits for the first message of another channel.
func attach(t *testing.T, addr, channel, quiet string) map[string]rawConn {
	t.Helper()
	conns := make(map[string]rawConn)
	for _, path := range []string{"/ev/", "/sub/", "/ws/", "/lp/"} {
		headers, target := "", path+channel+".b1"
		switch path {
		case "/ws/":
			headers = handshake()
		case "/lp/":
			target = path + quiet
		}
		conn, err := sendRaw(t.Context(), addr, target, headers)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		if path != "/lp/" {
			if got, found := readUntil(conn.Reader, "hello"); !found {
				t.Fatalf("%s: got %q", path, got)
			}
		}
		conns[path] = conn
	}
	relaytest.Eventually(t, "the long poll waits", func() bool {
		_, body := relaytest.Get(t.Context(), "http://"+addr+"/channels-stats?id="+quiet)
		return strings.Contains(string(body), `"subscribers": 1`)
	})
	return conns
}

// ended expects each stream to have ended as its clients expect it.
func ended(t *testing.T, conns map[string]rawConn) {
	t.Helper()
	for path, want := range map[string]string{"/ev/": "retry: ", "/sub/": "</body></html>", "/ws/": "\x88", "/lp/": "304 Not Modified"} {
		rest, err := io.ReadAll(conns[path].Reader)
		if err != nil || !strings.Contains(string(rest), want) {
			t.Errorf("%s ended with %q, %v, want %q in it", path, rest, err, want)
		}
		conns[path].Close()
	}
}

// Promise 5: streams end with what tells clients to come back, publishers get
// their answers, and nothing is left behind.
func TestStopsWithSubscribersAttached(t *testing.T) {
	before := goleak.IgnoreCurrent()
	r := relaytest.Start(t, func(c *conf.Config) {
		c.Groups = append([]conf.Group{{Match: "busy.*", MaxMessages: 100_000, MaxAge: time.Hour}}, c.Groups...)
	})
	r.Publish("ops", "hello")
	streams := attach(t, strings.TrimPrefix(r.URL, "http://"), "ops", "quiet")
	var wg sync.WaitGroup
	acked := make([]int, 4)
	for p := range acked {
		c, err := client.New(r.URL) // each with a connection of its own
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		wg.Go(func() {
			channel := []string{fmt.Sprint("busy.", p)}
			for c.Publish(t.Context(), client.Publication{Channels: channel, Text: fmt.Append(nil, acked[p])}) == nil {
				acked[p]++
			}
		})
	}
	relaytest.Eventually(t, "publishers are busy", func() bool {
		_, body := r.Get("/poll/busy.3.b100")
		return strings.Count(body, `"text"`) == 100
	})

	began := time.Now()
	r.Stop()
	if took := time.Since(began); took > grace {
		t.Errorf("stopping took %s", took)
	}
	wg.Wait()
	ended(t, streams)
	r.Client.Close()
	goleak.VerifyNone(t, before,
		goleak.IgnoreTopFunction("github.com/nats-io/nats-server/v2/server.(*fileStore).expireMsgs")) // ends a moment later

	r.Restart()
	for p, n := range acked {
		// One more may be stored whose answer was not read.
		if got := len(numbers(t, r.URL, fmt.Sprint("busy.", p))); got < n || got > n+1 {
			t.Errorf("publisher %d: %d messages were acknowledged, and %d are there", p, n, got)
		}
	}
}

// A service manager stops the program with SIGTERM, and looks at its exit code.
func TestSIGTERM(t *testing.T) {
	addr := relaytest.FreeAddress(t)
	cmd := relaytest.StartProcess(t, relaytest.Build(t, "alertrelay"), "http://"+addr,
		[]string{"serve", "--data", t.TempDir(), "--listen", addr, "--nats-listen", "", "--log-level", "error"})
	if !publish(t.Context(), "http://"+addr, "ops", "hello") {
		t.Fatal("publishing failed")
	}
	streams := attach(t, addr, "ops", "quiet")
	began := time.Now()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	if took := time.Since(began); took > grace {
		t.Errorf("stopping took %s", took)
	}
	ended(t, streams)
}

// Browsers connect ahead of need, and proxies keep connections: such idle ones do
// not hold the stop up. (net/http alone gives those without a request 5 s.)
func TestIdleConnectionsDoNotDelayTheStop(t *testing.T) {
	r := relaytest.Start(t)
	r.Publish("ops", "hello")
	var dialer net.Dialer
	ahead, err := dialer.DialContext(t.Context(), "tcp", strings.TrimPrefix(r.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer ahead.Close()
	kept, err := sendRaw(t.Context(), strings.TrimPrefix(r.URL, "http://"), "/poll/ops.b1", "")
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	if got, found := readUntil(kept.Reader, "0\r\n\r\n"); !found {
		t.Fatalf("got %q", got)
	}
	began := time.Now()
	r.Stop()
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("stopping took %s", took)
	}
}
