package app_test

import (
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"alertrelay/relay/relaytest"
)

// gate is a proxy before a relay, which can fail in the ways of proxies.
type gate struct {
	*httptest.Server
	down          atomic.Bool  // answers 503
	busy          atomic.Int32 // says to come back after so many seconds
	holdStreams   atomic.Bool  // keeps event streams to itself
	refuseSockets atomic.Bool  // answers WebSockets with a page of its own
	holdPolls     atomic.Bool  // keeps long polls to itself
	requests      atomic.Int32

	mu      sync.Mutex // guards what follows
	sockets map[net.Conn]bool
}

// cut ends all connections, also those of WebSockets, which CloseClientConnections
// does not know any more.
func (g *gate) cut() {
	g.CloseClientConnections()
	g.mu.Lock()
	defer g.mu.Unlock()
	for conn := range g.sockets {
		conn.Close()
	}
	clear(g.sockets)
}

func startGate(t *testing.T, r *relaytest.Relay) *gate {
	t.Helper()
	target, err := url.Parse(r.URL)
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{sockets: make(map[net.Conn]bool)}
	relay := httputil.NewSingleHostReverseProxy(target)
	relay.FlushInterval = -1
	relay.ErrorLog = log.New(t.Output(), "proxy: ", 0)
	g.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		g.requests.Add(1)
		at := func(location string) bool { return strings.HasPrefix(req.URL.Path, location) }
		switch {
		case g.busy.Load() > 0:
			w.Header().Set("Retry-After", fmt.Sprint(g.busy.Load()))
			w.WriteHeader(http.StatusTooManyRequests)
		case g.down.Load():
			w.WriteHeader(http.StatusServiceUnavailable)
		case g.refuseSockets.Load() && at("/ws/"):
			w.WriteHeader(http.StatusForbidden)
		case g.holdStreams.Load() && at("/ev/"), g.holdPolls.Load() && at("/lp/"):
			<-req.Context().Done()
		default:
			relay.ServeHTTP(w, req)
		}
	}))
	g.Config.ConnState = func(conn net.Conn, state http.ConnState) {
		if state == http.StateHijacked {
			g.mu.Lock()
			g.sockets[conn] = true
			g.mu.Unlock()
		}
	}
	g.Start()
	t.Cleanup(func() {
		g.cut()
		g.Close()
	})
	return g
}
