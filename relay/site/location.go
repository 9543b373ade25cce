package site

import (
	"slices"
	"strings"
	"time"
)

// Mode is what a location does.
type Mode uint8

// The modes. ModeNone answers 404, unless a Return says otherwise. ModePublisher
// takes GET, POST and PUT; ModeAdmin also DELETE.
const (
	ModeNone Mode = iota
	ModePublisher
	ModeAdmin
	ModeStatistics
	ModeStream
	ModePoll
	ModeLongPoll
	ModeEventSource
	ModeWebSocket
)

var modeNames = []string{"none", "publisher", "admin", "statistics", "stream", "poll", "longpoll", "eventsource", "websocket"}

// String is the mode's name in our YAML.
func (m Mode) String() string {
	if int(m) >= len(modeNames) {
		return ""
	}
	return modeNames[m]
}

// ModeNames are the names of all modes, in their order.
func ModeNames() []string { return slices.Clone(modeNames) }

// Publishes reports whether messages are published at the location.
func (m Mode) Publishes() bool { return m == ModePublisher || m == ModeAdmin }

// Subscribes reports whether messages are received at the location.
func (m Mode) Subscribes() bool { return m >= ModeStream && m <= ModeWebSocket }

// Value is a text with nginx's variables, "$arg_id" or "x_${http_host}", as it
// is written. One that is not set differs from one that is set and empty.
type Value struct {
	Text string
	Set  bool
}

// ValueOf makes a value that is set.
func ValueOf(text string) Value { return Value{Text: text, Set: true} }

// RestVariable is the one variable that nginx does not have: what follows the
// location's prefix in the path, "$rest". Only our own YAML has it.
const RestVariable = "rest"

// Varying are the settings that an if block can change.
type Varying struct {
	// Channels is the channels path (protocol 4); always set if there is a mode.
	Channels Value
	// Time, Tag and EventID give the cursor. One that is not set means the header
	// If-Modified-Since, If-None-Match, Last-Event-ID; one that is set and empty
	// means none, unless Location.HeaderCursor.
	Time, Tag, EventID Value
	// Store keeps what is published here.
	Store bool
	// AllowEvents lets subscribers follow the events channel.
	AllowEvents bool
}

// Location is a configured path and what is served there.
type Location struct {
	Match   Match
	Pattern string
	Mode    Mode
	Varying

	// Module answers exactly as nginx-push-stream-module does where our own
	// locations do better.
	Module bool
	// Wildcards allows subscriptions to wildcards such as "db.>". Not with Module.
	Wildcards bool
	// HeaderCursor has a header count where the value of the cursor is empty. Not
	// with Module.
	HeaderCursor bool

	// Template, Header and Footer are those of relay.FormatOptions. Header may come
	// from a file; its bytes are here.
	Template, Header, Footer string
	// ContentType of streams and polls: default_type.
	ContentType string
	// Types are content types by extension of the path, lower case, without dot.
	// They are kept for what they say, and not used: a channel called x.html would
	// be a page of any publisher's text (protocol Q30).
	Types map[string]string
	// UserAgent is what Padding is chosen by; not set means the header.
	UserAgent Value
	// Padding groups, of which the first that matches counts.
	Padding []Padding
	// AllowOrigin is the value of Access-Control-Allow-Origin; not set, or empty,
	// means no CORS headers.
	AllowOrigin Value
	// Headers are added to answers, as add_header does.
	Headers []Header
	// PingInterval is how long a stream is silent before a ping; 0 means never.
	PingInterval time.Duration
	// TTL ends streams and WebSockets so long after they began; 0 means never.
	TTL time.Duration
	// PollTTL is how long a long poll waits; 0 means for ever.
	PollTTL time.Duration
	// Info puts the channel's figures into a publisher's answer.
	Info bool
	// AuthorizedOnly refuses subscriptions to channels that hold no message.
	AuthorizedOnly bool
	// WildcardMax is how many wildcard channels may be subscribed to beside at
	// least one other; 0 means that there is no such rule.
	WildcardMax int
	// AllowPublish takes text frames of WebSocket clients as publications.
	AllowPublish bool
	// MaxBody bounds a request's body in bytes; 0 means any size.
	MaxBody int64
	// Gzip compresses statistics, publishers' answers, polls and streams. Each
	// stream that is compressed has an encoder of its own, of some hundred KB.
	Gzip Gzip
	Connection
	// Steps run in order for each request; not for one of the Locations inside.
	Steps []Step
	// Locations inside this one; they are looked at if this one matches.
	Locations []Location
	// Origin is the place in the file, "file:line".
	Origin string
}

// Gzip says what is compressed.
type Gzip struct {
	On bool
	// Types beside text/html, or "*".
	Types []string
	// MinLength of an answer whose length is known.
	MinLength int64
	// Level of compression, 1 to 9.
	Level int
	// Vary adds "Vary: Accept-Encoding".
	Vary bool
	// HTTP10 compresses for clients of HTTP/1.0 too.
	HTTP10 bool
}

// Header is a header that is added to answers.
type Header struct {
	Name  string
	Value string
	// Always adds it to errors too, not only to 200, 201, 204, 206, 301, 302, 303,
	// 304, 307 and 308.
	Always bool
}

// DefaultTypes are nginx's without a types block.
func DefaultTypes() map[string]string {
	return map[string]string{"html": "text/html", "gif": "image/gif", "jpg": "image/jpeg"}
}

// DefaultGzip is nginx's, which compresses nothing.
func DefaultGzip() Gzip { return Gzip{MinLength: 20, Level: 1} }

// NewLocation has the defaults: the module's, or ours, which are those of the
// built-in locations. The channels are what follows a prefix that ends with a
// slash, else the argument id.
func NewLocation(mode Mode, match Match, pattern string, module bool) Location {
	l := Location{
		Match: match, Pattern: pattern, Mode: mode, Module: module,
		Template: "~text~", ContentType: "text/plain", Types: DefaultTypes(),
		Info: true, MaxBody: 1 << 20, Gzip: DefaultGzip(), Connection: DefaultConnection(),
	}
	if module || mode == ModeNone {
		return l
	}
	l.Store = true
	l.AllowOrigin = ValueOf("*")
	l.Channels = ValueOf("$arg_id")
	if match != MatchExact && strings.HasSuffix(pattern, "/") {
		l.Channels = ValueOf("$" + RestVariable)
	}
	if mode.Subscribes() {
		l.Wildcards, l.HeaderCursor = true, true
		l.Time, l.Tag, l.EventID = ValueOf("$arg_time"), ValueOf("$arg_tag"), ValueOf("$arg_eventid")
		l.Template, l.ContentType = jsonTemplate, "application/json; charset=utf-8"
		l.PingInterval, l.PollTTL = 10*time.Second, 30*time.Second
	}
	return l
}

// Bare is a copy without the places in the file, for comparing by
// reflect.DeepEqual.
func (l Location) Bare() Location {
	l.Origin = ""
	l.Steps = bareSteps(l.Steps)
	l.Locations = bareLocations(l.Locations)
	return l
}

func bareLocations(list []Location) []Location {
	list = slices.Clone(list)
	for i := range list {
		list[i] = list[i].Bare()
	}
	return list
}
