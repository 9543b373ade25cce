package relaytest

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
)

// Gate is a proxy before a relay, which can fail in the ways of proxies.
type Gate struct {
	*httptest.Server

	Down          atomic.Bool  // answers 503
	Busy          atomic.Int32 // says to come back after so many seconds
	HoldStreams   atomic.Bool  // keeps event streams to itself
	RefuseSockets atomic.Bool  // answers WebSockets with a page of its own
	HoldPolls     atomic.Bool  // keeps long polls to itself
	Requests      atomic.Int32 // that have come

	mu      sync.Mutex // guards what follows
	sockets map[net.Conn]bool
}

// Cut ends all connections, also those of WebSockets, which CloseClientConnections
// does not know any more.
func (g *Gate) Cut() {
	g.CloseClientConnections()
	g.mu.Lock()
	defer g.mu.Unlock()
	for conn := range g.sockets {
		conn.Close()
	}
	clear(g.sockets)
}

// StartGate puts one before the relay.
func StartGate(t testing.TB, r *Relay) *Gate {
	t.Helper()
	target, err := url.Parse(r.URL)
	if err != nil {
		t.Fatal(err)
	}
	g := &Gate{sockets: make(map[net.Conn]bool)}
	relay := httputil.NewSingleHostReverseProxy(target)
	relay.FlushInterval = -1
	relay.ErrorLog = log.New(t.Output(), "proxy: ", 0)
	g.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		g.Requests.Add(1)
		at := func(location string) bool { return strings.HasPrefix(req.URL.Path, location) }
		switch {
		case g.Busy.Load() > 0:
			w.Header().Set("Retry-After", fmt.Sprint(g.Busy.Load()))
			w.WriteHeader(http.StatusTooManyRequests)
		case g.Down.Load():
			w.WriteHeader(http.StatusServiceUnavailable)
		case g.RefuseSockets.Load() && at("/ws/"):
			w.WriteHeader(http.StatusForbidden)
		case g.HoldStreams.Load() && at("/ev/"), g.HoldPolls.Load() && at("/lp/"):
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
		g.Cut()
		g.Close()
	})
	return g
}
