package track

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"alertrelay/alerts"
	"alertrelay/relay"
)

// EventLog keeps the events, one channel per alert and route. Its methods may be
// called by several goroutines at once. relay/store has one.
type EventLog interface {
	relay.Publisher
	// Last returns the newest message of a channel and the DedupID it was
	// published with. Errors: relay.ErrNoMessage if there is none,
	// relay.ErrUnavailable.
	Last(ctx context.Context, channel string) (m relay.Message, dedupID string, err error)
	// LastOfEach gives the newest message of every channel, in the order of the
	// stream.
	LastOfEach(ctx context.Context, each func(relay.Message) error) error
	// Applied waits until what the log has now has been given to the Tracker
	// (Load, Append).
	Applied(ctx context.Context) error
	// WaitApplied waits until the message with this sequence has been.
	WaitApplied(ctx context.Context, seq uint64) error
}

// Value is what a key of a Bucket has.
type Value struct {
	Key string
	// Data is nil if the key was deleted, or has expired.
	Data     []byte
	Revision uint64
}

// Bucket keeps one value per key. A write is done only if the key has the
// revision that is expected, 0 meaning that there is none; the error is
// relay.ErrConflict if not.
type Bucket interface {
	// Put returns the new revision. The value goes after ttl; 0 means never.
	Put(ctx context.Context, key string, data []byte, expect uint64, ttl time.Duration) (revision uint64, err error)
	Delete(ctx context.Context, key string, expect uint64) error
	// Get returns the key's value as it is now; relay.ErrNoMessage if it has none.
	Get(ctx context.Context, key string) (Value, error)
	// Watch tells of every key and of every change until ctx ends.
	Watch(ctx context.Context, to Watcher) error
}

// Watcher is told of a bucket by one goroutine.
type Watcher interface {
	Value(v Value)
	// CaughtUp comes after the values of all keys.
	CaughtUp()
	// Reset comes before all keys are told of anew. What does not come again is not
	// there any more.
	Reset()
}

// Source is what is configured of a sender. The zero value of each field means
// the default.
type Source struct {
	// RepeatInterval is how often the sender repeats what fires, 4 h, and
	// GroupInterval how much later that may be, 5 m: Alertmanager's defaults.
	// Together they say when an alert is stale and when it has expired.
	RepeatInterval, GroupInterval time.Duration
	// SilentAfter is how long the source may say nothing before that is an alert;
	// 0 means any time.
	SilentAfter time.Duration
}

// Watchdog is an alert that should always fire.
type Watchdog struct {
	Match alerts.Matchers
	// Within is how long it may not be heard of before that is an alert.
	Within time.Duration
}

// Settings are what may change while a Tracker runs.
type Settings struct {
	// Router says which channels an alert goes to.
	Router *alerts.Router
	// Sources by their names; others have the defaults.
	Sources map[string]Source
	// Watchdogs are alerts that should always fire.
	Watchdogs []Watchdog
	// Updates has a changed annotation of an alert that fires be an event.
	Updates bool
}

// settings are Settings with what follows from them.
type settings struct {
	Settings
	// quiet is how long after a refresh the next one is not written, if it says
	// nothing else: the members of a cluster say the same at the same time.
	quiet time.Duration
	// noteInterval is how often the bucket is told when a source was last heard of.
	noteInterval time.Duration
}

// Neither may be long beside a time after which something counts as missing: what
// was said meanwhile is not known.
const (
	maxQuiet        = 5 * time.Second
	maxNoteInterval = 10 * time.Second
	shortOf         = 4 // of the shortest such time they are at most this part
)

func newSettings(s Settings) *settings {
	var shortest time.Duration // 0: there is none
	consider := func(d time.Duration) {
		if d > 0 && (shortest == 0 || d < shortest) {
			shortest = d
		}
	}
	for _, source := range s.Sources {
		consider(source.RepeatInterval)
		consider(source.SilentAfter)
	}
	for _, dog := range s.Watchdogs {
		consider(dog.Within)
	}
	to := &settings{s, maxQuiet, maxNoteInterval}
	if shortest > 0 {
		to.quiet, to.noteInterval = min(shortest/shortOf, maxQuiet), min(shortest/shortOf, maxNoteInterval)
	}
	return to
}

// Options configure a Tracker. Events and Bucket are required.
type Options struct {
	Events EventLog
	Bucket Bucket
	// AckEnded is called after this relay has ended an acknowledgement, with the
	// event before: the alert has ended, fires anew, or somebody has taken it back.
	// It must not block. nil: nobody is told.
	AckEnded func(before *alerts.Event)
	// Metrics count; nil counts nothing.
	Metrics *Metrics
	// Log takes what operators should know; nil discards it.
	Log *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Tracker knows what every alert is now, and makes an event of each change. Its
// methods may be called by several goroutines at once, those that give it the
// stream (Load, Append, Delete, Reset) by one.
type Tracker struct {
	events   EventLog
	bucket   Bucket
	ackEnded func(before *alerts.Event)
	metrics  *Metrics
	log      *slog.Logger
	now      func() time.Time
	settings atomic.Pointer[settings]
	moved    chan struct{} // has one while alerts may be in channels that are not the router's
	reload   chan struct{} // has one while the newest messages are to be read again

	forgotten time.Time // when frames were last dropped; the loop's

	mu        sync.RWMutex // guards what follows
	ready     bool         // items are what the log says
	epoch     int          // counts the streams: it has been reset so often
	items     map[string]*item
	byID      map[string][]*item
	byGroup   map[group]map[*item]struct{}
	head      Head
	heard     map[string]time.Time     // when sources were last heard of, by any relay
	noted     map[string]time.Time     // when this relay has last written so
	hearing   map[string]hearing       // by source
	repeats   map[string]time.Duration // repeat intervals that senders have told
	startedAt time.Time
}

// Head is a place in the stream: that of its last message.
type Head struct {
	Seq  uint64
	Time time.Time
}

// New makes a Tracker. It knows nothing until Run.
func New(o Options, s Settings) (*Tracker, error) {
	if o.Events == nil || o.Bucket == nil {
		return nil, errors.New("track: Events and Bucket are required")
	}
	if s.Router == nil {
		return nil, errors.New("track: Router is required")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	t := &Tracker{
		events: o.Events, bucket: o.Bucket, ackEnded: o.AckEnded, metrics: o.Metrics,
		log: o.Log.With("component", "track"), now: o.Now,
		moved: make(chan struct{}, 1), reload: make(chan struct{}, 1),
		items: make(map[string]*item), byID: make(map[string][]*item), byGroup: make(map[group]map[*item]struct{}),
		heard: make(map[string]time.Time), noted: make(map[string]time.Time),
		hearing: make(map[string]hearing), repeats: make(map[string]time.Duration),
		startedAt: o.Now(),
	}
	t.settings.Store(newSettings(s))
	return t, nil
}

// Configure changes the settings. Alerts that belong into other channels now are
// moved there by Run.
func (t *Tracker) Configure(s Settings) {
	t.settings.Store(newSettings(s))
	poke(t.moved)
}

// poke puts something into a channel of one, if it is empty.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// source is what is configured of a source, with what it has said itself.
func (t *Tracker) source(name string) Source {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.sourceOf(name)
}

// sourceOf is source; mu is held.
func (t *Tracker) sourceOf(name string) Source {
	s := t.settings.Load().Sources[name]
	s.RepeatInterval = cmp.Or(s.RepeatInterval, t.repeats[name])
	return s
}

// lifetimes are how long an alert is neither stale nor expired without another word.
func (s Source) lifetimes() (stale, expired time.Duration) {
	repeat, group := cmp.Or(s.RepeatInterval, defaultRepeat), cmp.Or(s.GroupInterval, defaultGroup)
	return (repeat + group) * 11 / 10, 2*repeat + group
}
