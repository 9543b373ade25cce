package web

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"alertrelay/relay"
)

// Mode is what a location does.
type Mode uint8

// The modes. Publisher takes GET, POST and PUT; AdminPublisher also DELETE.
const (
	Publisher Mode = iota + 1
	AdminPublisher
	Statistics
	Streaming
	Polling
	LongPolling
	EventSource
	WebSocket
	modes
)

var modeNames = [modes]string{
	Publisher: "publisher", AdminPublisher: "publisher", Statistics: "statistics", Streaming: "stream",
	Polling: "poll", LongPolling: "longpoll", EventSource: "eventsource", WebSocket: "websocket",
}

// String is the mode's name in logs and metrics.
func (m Mode) String() string {
	if m >= modes {
		return ""
	}
	return modeNames[m]
}

func (m Mode) publishes() bool  { return m == Publisher || m == AdminPublisher }
func (m Mode) subscribes() bool { return m >= Streaming && m < modes }

// Value is taken from a request: a channels path, a cursor's time.
type Value func(r *http.Request) string

// Location is a configured path and what is served there.
type Location struct {
	// Path is matched exactly, or as a prefix if it ends with a slash; the
	// longest match wins.
	Path string
	Mode Mode
	// Channels gives the channels path, decoded (protocol 4).
	Channels Value
	// Time, Tag and EventID give the cursor. nil means the headers
	// If-Modified-Since, If-None-Match and Last-Event-ID. A value that is set and
	// empty means none (protocol 7.2), unless HeaderCursor.
	Time, Tag, EventID Value
	// HeaderCursor has a header count where the value is empty.
	HeaderCursor bool

	// Template, Header and Footer are those of relay.FormatOptions.
	Template, Header, Footer string
	// ContentType of streams and polls; empty means text/plain. Eventsource and
	// JSONP have their own.
	ContentType string
	// PingInterval is how long a stream is silent before a ping; 0 means never.
	PingInterval time.Duration
	// PingText is the text of a ping on a stream; empty means one space.
	PingText string
	// TTL ends streams and WebSockets so long after they began; 0 means never.
	TTL time.Duration
	// PollTTL is how long a long poll waits; 0 means for ever.
	PollTTL time.Duration
	// TimeoutBody has a long poll that waited in vain end with a message.
	TimeoutBody bool

	// Unstored delivers what is published here live and keeps nothing.
	Unstored bool
	// NoInfo leaves publishers' answers empty.
	NoInfo bool
	// MaxBody bounds a published message, in bytes; 0 means 1 MiB.
	MaxBody int64
	// AllowPublish takes text frames of WebSocket clients as publications.
	AllowPublish bool

	// AllowOrigin gives the value of Access-Control-Allow-Origin; nil or empty
	// means no CORS headers.
	AllowOrigin Value
	// Wildcards allows subscriptions to wildcards such as "db.>".
	Wildcards bool
	// AllowEvents allows subscriptions to the events channel.
	AllowEvents bool
	// Module answers exactly as nginx-push-stream-module does where our own
	// locations do better: several channels are replayed one after another, there
	// are no gap notices and no "id:" of ours, and an answer without a message
	// says "now" and tag 0.
	Module bool
}

// location is a Location ready to serve.
type location struct {
	Location

	chunked *framed // HTTP/1.1
	plain   *framed // HTTP/1.0, and JSONP
	frame   *framed // WebSocket
}

// framed is a format with the control messages that have no channel.
type framed struct {
	*relay.Format
	ping, timeout []byte
}

const (
	defaultMaxBody  = 1 << 20
	defaultTemplate = "~text~"
)

func newLocation(l Location) (*location, error) {
	if l.Path == "" || l.Path[0] != '/' {
		return nil, fmt.Errorf("web: location %q: Path must begin with a slash", l.Path)
	}
	fail := func(err error) (*location, error) { return nil, fmt.Errorf("web: location %s: %w", l.Path, err) }
	switch {
	case l.Mode == 0 || l.Mode >= modes:
		return fail(errors.New("no Mode"))
	case l.Channels == nil:
		return fail(errors.New("no Channels"))
	case l.PingInterval < 0 || l.TTL < 0 || l.PollTTL < 0 || l.MaxBody < 0:
		return fail(errors.New("PingInterval, TTL, PollTTL and MaxBody must not be negative"))
	}
	if l.MaxBody == 0 {
		l.MaxBody = defaultMaxBody
	}
	if l.ContentType == "" {
		l.ContentType = "text/plain"
	}
	if l.PingText == "" {
		l.PingText = " "
	}
	loc := &location{Location: l}
	if !l.Mode.subscribes() {
		return loc, nil
	}
	var err error
	switch l.Mode {
	case WebSocket:
		loc.frame, err = loc.framed(relay.FrameWebSocket)
	case EventSource:
		if loc.chunked, err = loc.framed(relay.FrameEventChunked); err == nil {
			loc.plain, err = loc.framed(relay.FrameEvent)
		}
	default:
		if loc.chunked, err = loc.framed(relay.FrameChunked); err == nil {
			loc.plain, err = loc.framed(relay.FramePlain)
		}
	}
	if err != nil {
		return fail(err)
	}
	return loc, nil
}

func (l *location) framed(framing relay.Framing) (*framed, error) {
	f, err := relay.NewFormat(relay.FormatOptions{
		Template: l.Template, Header: l.Header, Footer: l.Footer, Framing: framing,
		CursorIDs: l.Mode == EventSource && !l.Module,
	})
	if err != nil {
		return nil, err
	}
	ping := wsPing
	if framing != relay.FrameWebSocket {
		ping = f.Control(relay.IDPing, "", l.PingText)
	}
	return &framed{Format: f, ping: ping, timeout: f.Control(relay.IDTimeout, "", "Timed out")}, nil
}

// locations finds the location of a path.
type locations struct {
	exact  map[string]*location
	prefix []*location
}

func newLocations(list []Location) (*locations, error) {
	ls := &locations{exact: make(map[string]*location)}
	for _, l := range list {
		loc, err := newLocation(l)
		if err != nil {
			return nil, err
		}
		if !strings.HasSuffix(l.Path, "/") {
			ls.exact[l.Path] = loc
			continue
		}
		ls.prefix = append(ls.prefix, loc)
	}
	return ls, nil
}

// find returns nil if the path is none of ours.
func (ls *locations) find(path string) *location {
	if l := ls.exact[path]; l != nil {
		return l
	}
	var best *location
	for _, l := range ls.prefix {
		if strings.HasPrefix(path, l.Path) && (best == nil || len(l.Path) > len(best.Path)) {
			best = l
		}
	}
	return best
}
