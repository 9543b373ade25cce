package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"alertrelay/relay/client"
)

// socket answers with a WebSocket on which talk speaks; the client's frames are
// read until it closes.
func socket(talk func(*websocket.Conn)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		conn, err := new(websocket.Upgrader).Upgrade(w, r, nil)
		if err != nil {
			return
		}
		defer conn.Close()
		talk(conn)
		for err == nil {
			_, _, err = conn.NextReader()
		}
	}
}

func frame(conn *websocket.Conn, text string) {
	_ = conn.WriteMessage(websocket.TextMessage, []byte(text))
}

func hangUp(conn *websocket.Conn, code int, text string) {
	_ = conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, text), time.Now().Add(time.Second))
}

func TestWebSocketGoesOnWhereItStood(t *testing.T) {
	var s scripted
	c := s.start(t, head("W/4"),
		socket(func(conn *websocket.Conn) {
			_ = conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(time.Second))
			frame(conn, message(5, "five"))
			frame(conn, message(6, "six"))
			hangUp(conn, websocket.CloseServiceRestart, "")
		}),
		status(http.StatusServiceUnavailable, ""),
		socket(func(conn *websocket.Conn) { frame(conn, message(7, "seven")) }))
	got, notices := collect(t, c, client.SubscribeOptions{Channels: []string{"ops"}, Transport: client.WebSocket}, 3)
	if want := []string{"five", "six", "seven"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := s.requests[3], "/ws/ops"+fmt.Sprintf(tail, 6); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	var refused *client.Error
	if !slices.ContainsFunc(notices, func(n client.Notice) bool {
		return errors.As(n.Err, &refused) && refused.Status == http.StatusServiceUnavailable
	}) {
		t.Errorf("no notice of the refusal: %+v", notices)
	}
}

// Relays refuse a WebSocket after the handshake, in a close frame (protocol 10.1).
func TestWebSocketRefusedInACloseFrame(t *testing.T) {
	var s scripted
	c := s.start(t, socket(func(conn *websocket.Conn) {
		hangUp(conn, websocket.ClosePolicyViolation, `{"http_status": 403, "explain":"Channel id not authorized for this method."}`)
	}))
	err := c.Subscribe(t.Context(), client.SubscribeOptions{Channels: []string{"ALL"}, Since: time.Now(), Transport: client.WebSocket}, nil)
	if e := (*client.Error)(nil); !errors.As(err, &e) || e.Status != http.StatusForbidden || e.Explain != "Channel id not authorized for this method." {
		t.Errorf("got %v", err)
	}
}

func TestSilentWebSocketIsGivenUp(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var s scripted
	c := s.start(t, socket(func(*websocket.Conn) {}))
	var why error
	_ = c.Subscribe(ctx, client.SubscribeOptions{
		Channels: []string{"ops"}, Since: time.Now(), IdleTimeout: 20 * time.Millisecond, Transport: client.WebSocket,
		Notify: func(n client.Notice) { why = n.Err; cancel() },
	}, nil)
	if why == nil || why.Error() != "nothing came for 20ms" {
		t.Errorf("got %v", why)
	}
}

func TestPasswordInTheURL(t *testing.T) {
	for _, transport := range client.Transports() {
		seen := ""
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			user, password, _ := r.BasicAuth()
			seen = user + ":" + password
			w.WriteHeader(http.StatusForbidden)
		}))
		u, err := url.Parse(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		u.User = url.UserPassword("ada", "ge/heim")
		c, err := client.New(u.String())
		if err != nil {
			t.Fatal(err)
		}
		err = c.Subscribe(t.Context(), client.SubscribeOptions{Channels: []string{"ops"}, Since: time.Now(), Transport: transport}, nil)
		if seen != "ada:ge/heim" || err == nil || strings.Contains(err.Error(), "heim") {
			t.Errorf("%s: got %q, %v", transport, seen, err)
		}
		c.Close()
		server.Close()
	}
}
