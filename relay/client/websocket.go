package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gorilla/websocket"
)

// websocket reads one WebSocket to its end.
func (s *subscriber) websocket(ctx context.Context) error {
	target, err := url.Parse("ws" + strings.TrimPrefix(s.url("/ws/"), "http"))
	if err != nil {
		return plain(err)
	}
	header := make(http.Header)
	if u := target.User; u != nil { // the dialer refuses it in the URL
		password, _ := u.Password()
		r := http.Request{Header: header}
		r.SetBasicAuth(u.Username(), password)
		target.User = nil
	}
	dialer := websocket.Dialer{Proxy: http.ProxyFromEnvironment, HandshakeTimeout: 15 * time.Second}
	conn, resp, err := dialer.DialContext(ctx, target.String(), header) //nolint:bodyclose // holds no connection, as the package says
	if err != nil {
		if resp != nil && resp.StatusCode/100 != 2 && resp.StatusCode != http.StatusSwitchingProtocols {
			return refusal(resp)
		}
		return err
	}
	defer conn.Close()
	s.snapshot(resp.Header)
	defer context.AfterFunc(ctx, func() { conn.Close() })()

	extend := func() { _ = conn.SetReadDeadline(time.Now().Add(s.o.IdleTimeout)) }
	extend()
	answer := conn.PingHandler()
	conn.SetPingHandler(func(data string) error {
		s.connected() // a refusal would have come before
		extend()
		return answer(data)
	})
	for {
		_, r, err := conn.NextReader()
		if err != nil {
			return s.closed(err)
		}
		s.connected()
		extend()
		messages, err := decode(r)
		if err != nil {
			return s.closed(err)
		}
		for _, m := range messages {
			if err := s.deliver(m); err != nil {
				return err
			}
		}
	}
}

// closed tells a refusal, which comes in a close frame (protocol 10.1), from an
// end.
func (s *subscriber) closed(err error) error {
	if t := net.Error(nil); errors.As(err, &t) && t.Timeout() {
		return silence(s.o.IdleTimeout)
	}
	e := (*websocket.CloseError)(nil)
	if !errors.As(err, &e) {
		return err
	}
	var reason struct {
		Status  int    `json:"http_status"`
		Explain string `json:"explain"`
	}
	if e.Code == websocket.ClosePolicyViolation && json.Unmarshal([]byte(e.Text), &reason) == nil && reason.Status >= 400 {
		return &Error{Status: reason.Status, Explain: reason.Explain}
	}
	switch e.Code {
	case websocket.CloseNoStatusReceived, websocket.CloseNormalClosure, websocket.CloseGoingAway, websocket.CloseServiceRestart:
		return errEnded
	}
	return fmt.Errorf("closed with code %d", e.Code)
}
