package relay

import (
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strconv"
	"strings"
)

// A Template turns a message into text: literal text with tokens such as ~id~
// and ~text~ (protocol 7.4). Tokens are matched whatever their case, unknown ones
// stay as they are, and what replaces a token is never looked at again.
//
// A token may say how its value is escaped: ~text:json~ is a whole JSON string
// with its quotes, ~text:html~ is safe in HTML text and quoted attributes,
// ~text:js~ is safe inside a quoted JavaScript string, in a script element too,
// and ~text:url~ is percent-encoded. A token without escaping is the value as it
// is, which only a location whose readers expect that should use.
//
// The zero Template renders nothing.
type Template struct {
	parts []part
	// oneLine is true if a text of several lines still renders to what the
	// template's own lines are, because each ~text~ is escaped.
	oneLine bool
}

// part is literal text, or a token if field is set.
type part struct {
	literal string
	field   field
	escape  func(dst, value []byte) []byte // nil: as it is
	oneLine bool                           // escaping leaves no line end
}

type field uint8

const (
	noField field = iota
	fieldID
	fieldText
	fieldSize
	fieldChannel
	fieldTime
	fieldTag
	fieldEventID
	fieldEventType
)

var fields = map[string]field{
	"id": fieldID, "text": fieldText, "size": fieldSize, "channel": fieldChannel, "time": fieldTime,
	"tag": fieldTag, "event-id": fieldEventID, "event-type": fieldEventType,
}

var escapes = map[string]func(dst, value []byte) []byte{
	"json": appendJSON, "html": appendHTML, "js": appendJS, "url": appendURL,
}

// ParseTemplate reads a template. The only error is a known token with an
// unknown escaping, ~text:jsno~, which is taken for a slip of the pen.
func ParseTemplate(s string) (Template, error) {
	t := Template{oneLine: true}
	literal := 0 // start of the literal text not yet in parts
	for i := 0; i < len(s); {
		p, size, err := parseToken(s[i:])
		if err != nil {
			return Template{}, err
		}
		if size == 0 {
			i++
			continue
		}
		if literal < i {
			t.parts = append(t.parts, part{literal: s[literal:i]})
		}
		t.parts = append(t.parts, p)
		if p.field == fieldText && !p.oneLine {
			t.oneLine = false
		}
		i += size
		literal = i
	}
	if literal < len(s) {
		t.parts = append(t.parts, part{literal: s[literal:]})
	}
	return t, nil
}

// parseToken reads the token that s begins with; its size is 0 if there is none.
func parseToken(s string) (p part, size int, err error) {
	if s[0] != '~' {
		return part{}, 0, nil
	}
	name, _, closed := strings.Cut(s[1:], "~")
	if !closed {
		return part{}, 0, nil
	}
	word, escaping, escaped := strings.Cut(strings.ToLower(name), ":")
	f, known := fields[word]
	if !known {
		return part{}, 0, nil
	}
	p.field = f
	if escaped {
		if p.escape = escapes[escaping]; p.escape == nil {
			return part{}, 0, fmt.Errorf("relay: template token ~%s~: unknown escaping %q, want json, html, js or url", name, escaping)
		}
		p.oneLine = escaping != "html"
	}
	return p, len(name) + 2, nil
}

// values is what tokens are replaced by.
type values struct {
	id              string
	channel         string
	text            []byte
	time, tag       string
	eventID, evType string
}

const epoch = "Thu, 01 Jan 1970 00:00:00 GMT"

// controlValues are those of a message of the relay itself (protocol section 1).
func controlValues(id int, channel string, text []byte) values {
	return values{id: strconv.Itoa(id), channel: channel, text: text, time: epoch, tag: "0"}
}

func messageValues(m *Message) values {
	v := values{
		id: strconv.FormatUint(m.ID, 10), channel: m.Channel, text: m.Text,
		time: FormatTime(m.Time), tag: strconv.FormatUint(m.Seq, 10),
	}
	if m.EventID != nil {
		v.eventID = *m.EventID
	}
	if m.EventType != nil {
		v.evType = *m.EventType
	}
	return v
}

// append renders the template with v. text takes the place of v.text, because
// eventsource renders a message line by line.
func (t Template) append(dst []byte, v *values, text []byte) []byte {
	for i := range t.parts {
		p := &t.parts[i]
		if p.field == noField {
			dst = append(dst, p.literal...)
			continue
		}
		if p.escape != nil {
			dst = p.escape(dst, appendField(nil, p.field, v, text))
			continue
		}
		dst = appendField(dst, p.field, v, text)
	}
	return dst
}

func appendField(dst []byte, f field, v *values, text []byte) []byte {
	switch f {
	case fieldID:
		return append(dst, v.id...)
	case fieldText:
		return append(dst, text...)
	case fieldSize:
		return strconv.AppendInt(dst, int64(len(text)), 10)
	case fieldChannel:
		return append(dst, v.channel...)
	case fieldTime:
		return append(dst, v.time...)
	case fieldTag:
		return append(dst, v.tag...)
	case fieldEventID:
		return append(dst, v.eventID...)
	case fieldEventType:
		return append(dst, v.evType...)
	}
	return dst
}

// appendJSON appends value as a JSON string with its quotes. Bytes that are not
// UTF-8 become U+FFFD, because JSON cannot carry them (RFC 8259 8.1).
func appendJSON(dst, value []byte) []byte {
	quoted, err := json.Marshal(string(value))
	if err != nil { // a string always marshals
		panic(err)
	}
	return append(dst, quoted...)
}

func appendHTML(dst, value []byte) []byte {
	return append(dst, html.EscapeString(string(value))...)
}

// appendJS is JSON's escaping without the quotes, which also escapes < > & and
// the line separators U+2028 and U+2029, and single quotes on top.
func appendJS(dst, value []byte) []byte {
	quoted := appendJSON(nil, value)
	return append(dst, strings.ReplaceAll(string(quoted[1:len(quoted)-1]), "'", `\u0027`)...)
}

// appendURL escapes everything but letters, digits and "-_.~", as
// encodeURIComponent's reverse expects; a space becomes %20.
func appendURL(dst, value []byte) []byte {
	return append(dst, strings.ReplaceAll(url.QueryEscape(string(value)), "+", "%20")...)
}
