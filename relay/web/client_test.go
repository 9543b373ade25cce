package web_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// event is what a subscriber of a built-in location gets.
type event struct {
	ID      int    `json:"id"`
	Channel string `json:"channel"`
	Text    string `json:"text"`
	Tag     string `json:"tag"`
	Time    string `json:"time"`
	EventID string `json:"eventid"`

	cursor  string // eventsource: "id:"
	kind    string // eventsource: "event:"; websocket: "ping", "close"
	comment string // eventsource
}

func (e *event) tag() uint64 {
	n, _ := strconv.ParseUint(e.Tag, 10, 64)
	return n
}

// transport is a way to subscribe at the built-in locations.
type transport struct {
	name, path string
	websocket  bool
	polls      bool
	// parse reads the next event of an endless response.
	parse func(r *bufio.Reader) (event, error)
}

var (
	sse       = transport{name: "eventsource", path: "/ev/", parse: parseEvent}
	stream    = transport{name: "stream", path: "/sub/", parse: parseScript}
	websocket = transport{name: "websocket", path: "/ws/", websocket: true, parse: parseFrame}
	longPoll  = transport{name: "long-polling", path: "/lp/", polls: true}

	transports = []transport{sse, stream, websocket, longPoll}
)

// subscriber is a client of any transport.
type subscriber struct {
	transport
	s    *server
	t    testing.TB
	conn *conn
	res  *response
	r    *bufio.Reader

	channels  string
	args      bool // polls: the cursor goes into arguments, else into headers
	time, tag string
	got       []event // polls: still to be returned
	gap       string  // polls: the header
}

// subscribe begins a subscription and waits until it counts. query is what follows
// the channels.
func (s *server) subscribe(t testing.TB, tr transport, channels, query string, headers ...string) *subscriber {
	t.Helper()
	c := &subscriber{transport: tr, s: s, t: t, conn: s.dial(t), channels: channels}
	if tr.polls {
		c.poll(query, headers...)
		return c
	}
	if tr.websocket {
		headers = append(headers, upgrade("13")...)
	}
	c.conn.request("GET "+tr.path+channels+query, "", headers...)
	c.res = c.conn.response()
	c.res.stream = true
	c.r = c.conn.r
	if !tr.websocket {
		c.r = bufio.NewReader(readerOnly{c.res})
	}
	return c
}

// poll sends a long poll. It returns when the poll waits or is answered.
func (c *subscriber) poll(query string, headers ...string) {
	c.t.Helper()
	before := c.s.hub.Stats().Subscribers
	c.conn.request("GET "+c.path+c.channels+query, "", headers...)
	if before == 0 { // with others, nobody can tell
		eventually(c.t, "the poll waits or is answered", func() bool {
			c.conn.deadline(time.Millisecond)
			_, err := c.conn.r.Peek(1)
			return err == nil || c.s.hub.Stats().Subscribers > 0
		})
	}
}

var errNothing = errors.New("a long poll was answered with nothing")

// read returns the next event.
func (c *subscriber) read() (event, error) {
	c.conn.deadline(patience)
	if !c.polls {
		return c.parse(c.r)
	}
	for len(c.got) == 0 {
		r, err := c.conn.head()
		if err != nil {
			return event{}, err
		}
		c.res = r
		c.time, _ = r.header("Last-Modified")
		tag, _ := r.header("Etag")
		c.tag = tag
		c.gap, _ = r.header("X-Alertrelay-Gap")
		if strings.HasPrefix(r.status, "304") {
			return event{}, errNothing
		}
		d := json.NewDecoder(strings.NewReader(r.all()))
		for {
			var e event
			if err := d.Decode(&e); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return event{}, fmt.Errorf("%w in %q", err, r.body)
			}
			c.got = append(c.got, e)
		}
		channels, _, _ := strings.Cut(c.channels, ".b")
		c.channels = channels
		if c.args {
			c.poll("?time=" + url.QueryEscape(c.time) + "&tag=" + strings.TrimPrefix(c.tag, "W/"))
		} else {
			c.poll("", "If-Modified-Since: "+c.time, "If-None-Match: "+c.tag)
		}
	}
	e := c.got[0]
	c.got = c.got[1:]
	return e, nil
}

// next returns the next event that is neither a ping nor a comment.
func (c *subscriber) next() event {
	c.t.Helper()
	for {
		e, err := c.read()
		if err != nil {
			c.t.Fatalf("%s: %v", c.name, err)
		}
		if e.ID != -1 && e.comment == "" && e.kind != "ping" {
			return e
		}
	}
}

// wants checks that the next events have these texts.
func (c *subscriber) wants(texts ...string) (last event) {
	c.t.Helper()
	for _, want := range texts {
		if last = c.next(); last.Text != want {
			c.t.Fatalf("%s: got %+v, want %q", c.name, last, want)
		}
	}
	return last
}

// parseEvent reads a server-sent event, as a browser does.
func parseEvent(r *bufio.Reader) (event, error) {
	var e event
	data := ""
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			if line != "" || data != "" {
				err = io.ErrUnexpectedEOF
			}
			return event{}, err
		}
		line = strings.TrimSuffix(line, "\n")
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "" && e.kind == "gap":
			return e, json.Unmarshal([]byte(data), &e)
		case line == "" && data == "":
		case line == "":
			return e, json.Unmarshal([]byte(data), &e)
		case name == "":
			return event{comment: line}, nil
		case name == "data":
			data += value
		case name == "id":
			e.cursor = value
		case name == "event":
			e.kind = value
		case name == "retry":
			return event{comment: line}, nil
		default:
			return event{}, fmt.Errorf("no field: %q", line)
		}
	}
}

var scriptLine = regexp.MustCompile(`^p\((-?\d+),'((?:[^'\\]|\\.)*)','((?:[^'\\]|\\.)*)','((?:[^'\\]|\\.)*)','([^']*)','(\d+)'\);$`)

// parseScript reads a call of p in the page for iframes.
func parseScript(r *bufio.Reader) (event, error) {
	for {
		text, err := r.ReadString('>')
		if err != nil {
			return event{}, err
		}
		script, ok := strings.CutSuffix(text, "</script>")
		m := scriptLine.FindStringSubmatch(script)
		if !ok || m == nil {
			continue // the page
		}
		e := event{Time: m[5], Tag: m[6]}
		e.ID, err = strconv.Atoi(m[1])
		for i, field := range []*string{&e.Channel, &e.Text, &e.EventID} {
			err = errors.Join(err, json.Unmarshal([]byte(`"`+m[2+i]+`"`), field))
		}
		return e, err
	}
}

// readFrame reads an unmasked frame.
func readFrame(r *bufio.Reader) (first byte, payload string, err error) {
	var head [10]byte
	if _, err := io.ReadFull(r, head[:2]); err != nil {
		return 0, "", err
	}
	n, more := uint64(head[1]), 0
	switch head[1] {
	case 126:
		more = 2
	case 127:
		more = 8
	}
	if _, err := io.ReadFull(r, head[2:2+more]); err != nil {
		return 0, "", err
	}
	if more > 0 {
		n = 0
		for _, b := range head[2 : 2+more] {
			n = n<<8 | uint64(b)
		}
	}
	if n > 1<<24 {
		return 0, "", fmt.Errorf("a frame of %d bytes", n)
	}
	b := make([]byte, n)
	_, err = io.ReadFull(r, b)
	return head[0], string(b), err
}

func parseFrame(r *bufio.Reader) (event, error) {
	first, payload, err := readFrame(r)
	if err != nil {
		return event{}, err
	}
	switch first {
	case 0x81:
		var e event
		err := json.Unmarshal([]byte(payload), &e)
		return e, err
	case 0x88:
		return event{kind: "close", Text: payload}, nil
	case 0x89:
		return event{kind: "ping"}, nil
	}
	return event{}, fmt.Errorf("frame %#x %q", first, payload)
}
