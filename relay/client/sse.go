package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"strings"

	"alertrelay/relay"
)

// sse reads one answer of an eventsource location (WHATWG HTML 9.2.6).
func (s *subscriber) sse(ctx context.Context) error {
	resp, touch, err := s.get(ctx, "/ev/", s.o.IdleTimeout)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if t, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err != nil || t != "text/event-stream" {
		return fmt.Errorf("the answer is no event stream but %q", resp.Header.Get("Content-Type"))
	}
	s.snapshot(resp.Header)
	s.connected()
	var e event
	for r := bufio.NewReader(resp.Body); ; {
		line, err := r.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return errEnded // an event that was not ended does not count
		}
		if err != nil {
			return err
		}
		touch()
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			e.field(line)
			continue
		}
		if err := s.event(&e); err != nil {
			return err
		}
		e = event{}
	}
}

// event is an event that is being read.
type event struct {
	id, name string
	data     strings.Builder
	some     bool
}

func (e *event) field(line string) {
	name, value, _ := strings.Cut(line, ":")
	value = strings.TrimPrefix(value, " ")
	switch name {
	case "data":
		if e.some {
			e.data.WriteByte('\n')
		}
		e.data.WriteString(value)
		e.some = true
	case "event":
		e.name = value
	case "id":
		e.id = value
	}
}

// event delivers what the data of an event holds.
func (s *subscriber) event(e *event) error {
	if !e.some {
		return nil
	}
	messages, err := decode(strings.NewReader(e.data.String()))
	if err != nil {
		return err
	}
	for _, m := range messages {
		if m.EventType == "" && m.ID >= 0 {
			m.EventType = e.name
		}
		if m.EventID == "" && m.ID >= 0 && !isCursor(e.id, &m) {
			m.EventID = e.id
		}
		if err := s.deliver(m); err != nil {
			return err
		}
	}
	return nil
}

// isCursor reports whether an event's id is not the publisher's but the place of
// the message, which the relay sends for browsers.
func isCursor(id string, m *Message) bool {
	c, ok := relay.ParseEventCursor(id)
	return ok && c.Tag == m.Tag && c.Time.Equal(m.Time)
}
