package track

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"time"

	"alertrelay/alerts"
	"alertrelay/relay"
)

// Query says which alerts are wanted.
type Query struct {
	// ID is that of one alert; empty means any.
	ID string
	// Source is the one that has told of them, whatever a label "source" says; empty
	// means any.
	Source string
	// Channel reports whether the alerts of a channel are wanted; nil means all.
	Channel func(channel string) bool
	// Match are matchers over labels, "source" and "status".
	Match alerts.Matchers
	// Status are those that are wanted; none means all.
	Status []alerts.Status
	// Ended has alerts told that have ended in the last 15 minutes as well.
	Ended bool
}

// Current is what is known of an alert now.
type Current struct {
	alerts.Event
	// Channel is where its event is, and Channels are all of them, if the routes
	// put it into several.
	Channel  string
	Channels []string
	// Seq and Time are those of its event in the stream.
	Seq  uint64
	Time time.Time
	// LastSeen, StaleAt and ExpiresAt are as in Record.
	LastSeen, StaleAt, ExpiresAt time.Time
}

// Listing is what was wanted at one moment. It may be read by one goroutine, while
// the Tracker goes on.
type Listing struct {
	// Head is the place in the stream up to which it says what is so.
	Head  Head
	items []item // in the order of the ids, those that are active first
}

// Len is how many alerts there are.
func (l *Listing) Len() int {
	n := 0
	for i := range l.items {
		if i == 0 || l.items[i].id != l.items[i-1].id {
			n++
		}
	}
	return n
}

// Found is an alert as it was found: a Current whose event is not read yet.
type Found struct {
	ID string
	// Text is the event as it was stored, which ParseEvent reads. It is shared, and
	// may be somebody else's.
	Text []byte

	Channel                      string
	Channels                     []string
	Seq                          uint64
	Time                         time.Time
	LastSeen, StaleAt, ExpiresAt time.Time
}

// Current reads the event.
func (f *Found) Current() (Current, error) {
	e, err := alerts.ParseEvent(f.Text)
	return Current{
		Event: e, Channel: f.Channel, Channels: f.Channels, Seq: f.Seq, Time: f.Time,
		LastSeen: f.LastSeen, StaleAt: f.StaleAt, ExpiresAt: f.ExpiresAt,
	}, err
}

// Found gives the alerts, each once, in the order of their ids. Each is made when
// it is its turn, so that many need no more memory than one.
func (l *Listing) Found() iter.Seq[Found] {
	return func(yield func(Found) bool) {
		for i := 0; i < len(l.items); {
			it := &l.items[i]
			channels := []string{it.channel}
			for i++; i < len(l.items) && l.items[i].id == it.id; i++ {
				if l.items[i].active() {
					channels = append(channels, l.items[i].channel)
				}
			}
			m := it.entry.Message()
			if !yield(Found{
				ID: it.id, Text: m.Text, Channel: it.channel, Channels: channels, Seq: m.Seq, Time: m.Time,
				LastSeen: it.known.lastSeen.time(), StaleAt: it.known.staleAt.time(), ExpiresAt: it.known.expiresAt.time(),
			}) {
				return
			}
		}
	}
}

// All is Found with the events read, which takes most of the time.
func (l *Listing) All() iter.Seq[Current] {
	return func(yield func(Current) bool) {
		for f := range l.Found() {
			c, err := f.Current()
			if err != nil {
				continue // it was read before
			}
			if !yield(c) {
				return
			}
		}
	}
}

// Find gives the alerts that are wanted. Errors: relay.ErrNotReady.
func (t *Tracker) Find(q Query) (*Listing, error) {
	found, head, err := t.find(q)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(found, func(a, b item) int {
		return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(rank(a.status), rank(b.status)), cmp.Compare(a.channel, b.channel))
	})
	return &Listing{Head: head, items: found}, nil
}

// List gives the alerts that are wanted, each once, in the order of their ids, and
// the place in the stream up to which they say what is so. Errors: relay.ErrNotReady.
func (t *Tracker) List(q Query) ([]Current, Head, error) {
	l, err := t.Find(q)
	if err != nil {
		return nil, Head{}, err
	}
	return slices.AppendSeq(make([]Current, 0, len(l.items)), l.All()), l.Head, nil
}

// rank puts active ones first.
func rank(s alerts.Status) int {
	if s.Active() {
		return 0
	}
	return 1
}

// find copies what is wanted of the items: what takes long is done without the lock.
func (t *Tracker) find(q Query) ([]item, Head, error) {
	now := t.now()
	t.mu.RLock()
	defer t.mu.RUnlock()
	if !t.ready {
		return nil, Head{}, relay.ErrNotReady
	}
	var found []item
	take := func(it *item) {
		wanted := it.active() || q.Ended && !it.silent && now.Sub(it.updated.time()) <= recentTime
		wanted = wanted && (q.Source == "" || q.Source == it.source) && (len(q.Status) == 0 || slices.Contains(q.Status, it.status))
		if wanted && it.entry != nil && (q.Channel == nil || q.Channel(it.channel)) && q.Match.Match(it.value) {
			found = append(found, *it)
		}
	}
	if q.ID != "" {
		for _, it := range t.byID[q.ID] {
			take(it)
		}
		return found, t.head, nil
	}
	for _, it := range t.items {
		take(it)
	}
	return found, t.head, nil
}

// Count is how many alerts are of each status.
func (t *Tracker) Count() map[alerts.Status]int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	n := make(map[alerts.Status]int)
	for _, it := range t.items {
		if it.active() {
			n[it.status]++
		}
	}
	return n
}

// catchUp waits until all that was stored before is known.
func (t *Tracker) catchUp(ctx context.Context) error {
	if !t.isReady() {
		return relay.ErrNotReady
	}
	return t.events.Applied(ctx)
}
