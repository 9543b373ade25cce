package conf

import (
	"io"
	"log/slog"
	"time"

	"alertrelay/relay"
	"alertrelay/relay/site"
)

// Config is a complete configuration. Default and Load make valid ones; one
// that was changed by hand is checked by Validate.
type Config struct {
	// Listen is the address of the HTTP server, host:port. Port 0 means any free
	// one.
	Listen string
	// Data is the directory of the embedded store. Not used with NATS.URL.
	Data string
	// NATS says where the stream is.
	NATS NATS
	// Limits bound what clients can ask for.
	Limits Limits
	// Groups give channels their limits; the first that matches wins. The last
	// of them are built in and match every channel (Load appends them).
	Groups []Group
	// Routes say which channel an alert goes to; empty means the default route.
	Routes []Route
	// Sources are the senders that may post alerts, in the order of the file; none
	// means that every one may.
	Sources []Source
	// Watchdogs are alerts that must not be missing.
	Watchdogs []Watchdog
	// Updates makes a changed annotation of an alert an event.
	Updates bool
	// API says who may acknowledge and silence.
	API API
	// Storage bounds memory and disk.
	Storage Storage
	// Log says what is logged and how.
	Log Log
	// Site is what is served where; see Builtin for what nil means.
	Site *site.Site
	// Nginx says how the nginx.conf was understood; nil if there is none.
	Nginx *Report

	origin map[string]string // key -> where its value comes from
}

// NATS says where the stream is: in an embedded server, or in an external one.
type NATS struct {
	// Listen is the address at which the embedded server takes NATS clients;
	// empty means none.
	Listen string
	// ListenAsked is true when Listen was asked for. The default address being
	// taken is no reason not to start; one that was asked for is.
	ListenAsked bool
	// URL is an external server or cluster, comma separated; empty means
	// embedded. It may hold a password: RedactURL before showing it.
	URL string
	// Replicas of the stream; above 1 needs a cluster.
	Replicas int
}

// Limits bound what clients can ask for.
type Limits struct {
	// ChannelID is the length of a channel's id, in bytes.
	ChannelID int
	// Channels is how many channels subscribers can create.
	Channels int
	// Wildcards is how many different wildcards are followed at a time.
	Wildcards int
}

// Storage bounds memory and disk.
type Storage struct {
	// MaxBytes of all messages on disk; the oldest go first.
	MaxBytes int64
	// Durability of an answer to a publisher.
	Durability Durability
	// Buffer is the memory for recent messages, in bytes.
	Buffer int64
}

// Durability is what an answer to a publisher promises.
type Durability string

const (
	// DurabilityDefault survives a crash of the relay; a power cut may take the
	// last second.
	DurabilityDefault Durability = "default"
	// DurabilityFsync also survives a power cut and is about twelve times slower.
	DurabilityFsync Durability = "fsync"
)

// Log says what is logged and how.
type Log struct {
	Level slog.Level
	// Format is "text" or "json".
	Format string
}

// Logger makes the logger that the settings describe, writing to w.
func (l Log) Logger(w io.Writer) *slog.Logger {
	o := &slog.HandlerOptions{Level: l.Level}
	if l.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

// Defaults that other packages and messages name.
const (
	DefaultListen     = "127.0.0.1:8080"
	DefaultNATSListen = "127.0.0.1:4222"
	DefaultData       = "./alertrelay-data"
)

// Default is the configuration of a relay that was told nothing.
func Default() Config {
	return Config{
		Listen:  DefaultListen,
		Data:    DefaultData,
		NATS:    NATS{Listen: DefaultNATSListen, Replicas: 1},
		Limits:  Limits{ChannelID: 200, Channels: 1_000_000, Wildcards: 1_000},
		Groups:  builtinGroups(),
		Storage: Storage{MaxBytes: 1 << 30, Durability: DurabilityDefault, Buffer: 64 << 20},
		Log:     Log{Level: slog.LevelInfo, Format: "text"},
		origin:  make(map[string]string),
	}
}

// GroupLimits gives the limits of a channel: those of the first group that
// matches. It may be called by any goroutine.
func (c *Config) GroupLimits(channel string) relay.Limits {
	for i := range c.Groups {
		if g := &c.Groups[i]; g.Matches(channel) {
			return relay.Limits{MaxMessages: g.MaxMessages, MaxAge: g.MaxAge, MaxSubscribers: g.MaxSubscribers}
		}
	}
	return relay.Limits{}
}

// Builtin reports whether the built-in locations are served: no file says what is
// served where. An nginx.conf without servers serves nothing.
func (c *Config) Builtin() bool {
	return c.Nginx == nil && (c.Site == nil || len(c.Site.Servers) == 0)
}

// MaxMessages is the greatest number of messages any group keeps per channel,
// what the stream has to keep.
func (c *Config) MaxMessages() int {
	n := 0
	for _, g := range c.Groups {
		n = max(n, g.MaxMessages)
	}
	return n
}

// MaxAge is the longest time any group keeps a message, what the stream has to.
func (c *Config) MaxAge() time.Duration {
	var d time.Duration
	for _, g := range c.Groups {
		d = max(d, g.MaxAge)
	}
	return d
}

// Origin says where a setting's value comes from: "file:line:column", the flag,
// the variable, or "default".
func (c *Config) Origin(key string) string {
	if o := c.origin[key]; o != "" {
		return o
	}
	return "default"
}
