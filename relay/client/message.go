package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"alertrelay/relay"
)

// Message is one message of a channel.
type Message struct {
	// ID counts the messages of the channel. It is for people.
	ID int64
	// Channel is the channel's id.
	Channel string
	// Text is the message. What is no UTF-8 came as U+FFFD.
	Text string
	// Time, whole seconds UTC, and Tag are the message's place in the stream, and
	// where to go on after it.
	Time time.Time
	Tag  uint64
	// EventID and EventType are what the publisher attached, where the transport
	// carries them.
	EventID, EventType string
}

// Cursor is the place right after the message.
func (m *Message) Cursor() relay.Cursor {
	return relay.Cursor{Time: m.Time, Tag: m.Tag, HasTag: true}
}

// envelope is the message as built-in locations send it.
type envelope struct {
	ID        int64  `json:"id"`
	Channel   string `json:"channel"`
	Text      string `json:"text"`
	Tag       tag    `json:"tag"`
	Time      string `json:"time"`
	EventID   string `json:"eventid,omitempty"`
	EventType string `json:"eventtype,omitempty"`
}

// tag is a string in the founding configuration's template and a number in
// others.
type tag uint64

// UnmarshalJSON reads 12 and "12".
func (t *tag) UnmarshalJSON(b []byte) error {
	n, err := strconv.ParseUint(strings.Trim(string(b), `"`), 10, 64)
	*t = tag(n)
	return err
}

// MarshalJSON writes "12".
func (t tag) MarshalJSON() ([]byte, error) {
	return []byte(`"` + strconv.FormatUint(uint64(t), 10) + `"`), nil
}

// MarshalJSON writes the message as the relay's own locations do.
func (m Message) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(envelope{
		ID: m.ID, Channel: m.Channel, Text: m.Text, Tag: tag(m.Tag), Time: relay.FormatTime(m.Time),
		EventID: m.EventID, EventType: m.EventType,
	})
	return bytes.TrimSpace(b.Bytes()), err
}

func (e *envelope) message() (Message, error) {
	t, ok := relay.ParseTime(e.Time)
	if !ok {
		return Message{}, fmt.Errorf("client: a message has the time %q", e.Time)
	}
	return Message{
		ID: e.ID, Channel: e.Channel, Text: e.Text, Time: t, Tag: uint64(e.Tag),
		EventID: e.EventID, EventType: e.EventType,
	}, nil
}

// decode reads the messages that stand one after another in r.
func decode(r io.Reader) ([]Message, error) {
	var messages []Message
	for d := json.NewDecoder(r); ; {
		var e envelope
		if err := d.Decode(&e); errors.Is(err, io.EOF) {
			return messages, nil
		} else if err != nil {
			return messages, fmt.Errorf("client: reading messages: %w", err)
		}
		m, err := e.message()
		if err != nil {
			return messages, err
		}
		messages = append(messages, m)
	}
}
