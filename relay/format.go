package relay

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
)

// Ids of control messages, which come from the relay itself and have no cursor
// of their own (protocol section 1; the gap is ours).
const (
	IDPing    = -1 // nothing has happened, the connection is alive
	IDDeleted = -2 // the channel has been deleted
	IDTimeout = -3 // a long poll has waited long enough
	IDGap     = -4 // messages are missing: retention has passed the cursor by
	// IDSnapshot ends a snapshot, and has a place: the time and tag to go on from.
	IDSnapshot = -5
)

// Framing is what goes around a rendered message on the wire. It is part of the
// rendered frame, so that one shared byte slice is all that a write needs.
type Framing uint8

const (
	// FramePlain adds nothing: polls, and streams to HTTP/1.0 clients.
	FramePlain Framing = iota
	// FrameChunked is one HTTP/1.1 chunk (RFC 9112 7.1).
	FrameChunked
	// FrameEvent is a server-sent event.
	FrameEvent
	// FrameEventChunked is a server-sent event in HTTP/1.1 chunks: one for each of
	// id, event and data, as in protocol 3.1; one for all with cursor ids, which
	// every event has.
	FrameEventChunked
	// FrameWebSocket is an unmasked text frame (RFC 6455 5.2).
	FrameWebSocket
)

func (f Framing) isEvent() bool   { return f == FrameEvent || f == FrameEventChunked }
func (f Framing) isChunked() bool { return f == FrameChunked || f == FrameEventChunked }

// FormatOptions describe a Format.
type FormatOptions struct {
	// Template is the message template; empty means "~text~".
	Template string
	// Header and Footer begin and end every response; empty means none.
	Header, Footer string
	Framing        Framing
	// CursorIDs has events without an event id of their own carry
	// "id: <unix seconds>:<tag>", which a browser sends back when it reconnects
	// (ParseEventCursor). Only for FrameEvent and FrameEventChunked.
	CursorIDs bool
}

// Format is how messages look on the wire in one configured location. There is
// one per location and framing, made at start: a message is rendered once per
// Format and the bytes are shared.
type Format struct {
	template       Template
	framing        Framing
	cursorIDs      bool
	header, footer []byte
}

// NewFormat makes a Format. Its errors are those of ParseTemplate.
func NewFormat(o FormatOptions) (*Format, error) {
	text := o.Template
	if text == "" {
		text = "~text~"
	}
	if o.Framing.isEvent() {
		text = eventTemplate(text)
	} else if o.CursorIDs {
		return nil, errors.New("relay: cursor ids are for events only")
	}
	t, err := ParseTemplate(text)
	if err != nil {
		return nil, err
	}
	f := &Format{template: t, framing: o.Framing, cursorIDs: o.CursorIDs}
	header, footer := o.Header, o.Footer
	if o.Framing.isEvent() {
		if header = eventComment(header); header == "" {
			header = ": \n" // shows a client at once that it is connected
		}
		footer = eventComment(footer)
	}
	f.header = f.frame([]byte(header))
	f.footer = f.frame([]byte(footer))
	return f, nil
}

// Header is the header template as it goes on the wire, nil if there is none.
// The bytes are shared.
func (f *Format) Header() []byte { return f.header }

// Footer is the footer template as it goes on the wire, without the chunk or
// frame that ends the response; nil if there is none. The bytes are shared.
func (f *Format) Footer() []byte { return f.footer }

// Control renders a message of the relay itself: id is IDPing, IDDeleted,
// IDTimeout or IDGap. It is nil if nothing is left after rendering.
func (f *Format) Control(id int, channel, text string) []byte {
	v := controlValues(id, channel, []byte(text))
	if f.framing.isEvent() {
		if id == IDPing {
			return f.frame([]byte(": -1\n"))
		}
		if id == IDGap {
			return f.frame(f.appendEvent([]byte("event: gap\n"), &v))
		}
		return f.frame(f.appendEvent(nil, &v))
	}
	return f.frame(f.template.append(nil, &v, v.text))
}

// snapshotEnd renders the end of a snapshot: as an event of its own type with the
// place as its id, else with the template, whose time and tag are the place.
func (f *Format) snapshotEnd(m *Message) []byte {
	v := controlValues(IDSnapshot, "", m.Text)
	v.time, v.tag = FormatTime(m.Time), strconv.FormatUint(m.Seq, 10)
	if !f.framing.isEvent() {
		return f.frame(f.template.append(nil, &v, v.text))
	}
	b := appendPlace(nil, m)
	b = append(b, "event: snapshot-end\ndata: "...)
	b = append(b, m.Text...)
	return f.frame(append(b, "\n\n"...))
}

// render gives the frame of a message; withID says whether it is a place to go on
// from.
func (f *Format) render(m *Message, withID bool) []byte {
	v := messageValues(m)
	if !f.framing.isEvent() {
		return f.frame(f.template.append(nil, &v, v.text))
	}
	var fields, b []byte
	field := func(name, value string) {
		if b = appendEventField(b, name, value); !f.cursorIDs {
			fields, b = append(fields, f.frame(b)...), nil
		}
	}
	switch {
	case !withID:
		b = append(b, "id:\n"...)
	case m.EventID != nil:
		field("id: ", v.eventID)
	case f.cursorIDs:
		b = appendPlace(b, m)
	}
	if m.EventType != nil {
		field("event: ", v.evType)
	}
	data := f.frame(f.appendEvent(b, &v))
	if fields == nil {
		return data
	}
	return append(fields, data...)
}

// frame puts the framing around content. Empty content gives nil, because an
// empty chunk would end the response.
func (f *Format) frame(content []byte) []byte {
	switch {
	case len(content) == 0:
		return nil
	case f.framing.isChunked():
		b := make([]byte, 0, len(content)+len("ffffffff\r\n\r\n"))
		b = strconv.AppendUint(b, uint64(len(content)), 16)
		b = append(b, "\r\n"...)
		b = append(b, content...)
		return append(b, "\r\n"...)
	case f.framing == FrameWebSocket:
		return appendTextFrame(make([]byte, 0, len(content)+maxFrameHeader), content)
	}
	return content
}

const (
	maxFrameHeader = 10
	textFrame      = 0x81 // FIN and opcode 1, RFC 6455 5.2
)

// appendTextFrame appends a text frame with the shortest length form.
func appendTextFrame(dst, content []byte) []byte {
	n := uint64(len(content))
	switch {
	case n <= 125:
		dst = append(dst, textFrame, byte(n))
	case n <= 0xffff:
		dst = append(dst, textFrame, 126, byte(n>>8), byte(n))
	default:
		dst = append(dst, textFrame, 127, byte(n>>56), byte(n>>48), byte(n>>40), byte(n>>32),
			byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
	return append(dst, content...)
}

// eventTemplate has every rendered line start with "data: " (protocol 9.1).
func eventTemplate(t string) string {
	if !hasDataPrefix(t) {
		t = "data: " + t
	}
	if t[len(t)-1] != '\n' { // without it the event never dispatches: quirk 11
		t += "\n"
	}
	return t
}

func hasDataPrefix(s string) bool { return len(s) >= 6 && s[:6] == "data: " }

// eventComment has every line of s start with ": ", unless s is a comment
// already.
func eventComment(s string) string {
	if len(s) >= 2 && s[:2] == ": " {
		if s[len(s)-1] != '\n' {
			s += "\n"
		}
		return s
	}
	var b []byte
	for line := range lines([]byte(s)) {
		b = append(b, ": "...)
		b = append(b, line...)
		b = append(b, '\n')
	}
	return string(b)
}

// appendEvent renders the text line by line, or at once if escaping leaves it no
// line ends, and ends the event.
func (f *Format) appendEvent(b []byte, v *values) []byte {
	v.channel = firstLine(v.channel)
	v.eventID, v.evType = firstLine(v.eventID), firstLine(v.evType)
	if f.template.oneLine {
		b = f.template.append(b, v, v.text)
		return append(b, '\n')
	}
	for line := range lines(v.text) {
		b = f.template.append(b, v, line)
	}
	return append(b, '\n')
}

// appendPlace appends the id that ParseEventCursor reads.
func appendPlace(b []byte, m *Message) []byte {
	b = append(b, "id: "...)
	b = strconv.AppendInt(b, m.Time.Unix(), 10)
	b = append(b, ':')
	b = strconv.AppendUint(b, m.Seq, 10)
	return append(b, '\n')
}

func appendEventField(b []byte, name, value string) []byte {
	b = append(b, name...)
	b = append(b, firstLine(value)...)
	return append(b, '\n')
}

// firstLine cuts s at the first line end: a publisher must not be able to forge
// the next field of an event (quirk 10).
func firstLine(s string) string {
	if i := strings.IndexAny(s, "\r\n\x00"); i >= 0 {
		return s[:i]
	}
	return s
}

// lines yields the lines of text between CR LF, LF and CR, without the empty
// ones.
func lines(text []byte) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(text) > 0 {
			line, rest := text, []byte(nil)
			if i := bytes.IndexAny(text, "\r\n"); i >= 0 {
				line, rest = text[:i], text[i+1:]
			}
			if len(line) > 0 && !yield(line) {
				return
			}
			text = rest
		}
	}
}
