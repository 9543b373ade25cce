package relay

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Limits of the channels of one group. They are a view: what the stream keeps
// beyond them is not shown.
type Limits struct {
	// MaxMessages is how many messages of a channel can be replayed; 0 means as
	// many as the stream keeps.
	MaxMessages int
	// MaxAge is how long; 0 means as long as the stream keeps them.
	MaxAge time.Duration
	// MaxSubscribers is how many subscribers a channel may have; 0 means any
	// number.
	MaxSubscribers int
}

// HubOptions configure a Hub. The zero value of each field means the default. Those
// that are in HubSettings too can be changed later.
type HubOptions struct {
	// Limits gives the limits of a channel's group; nil means none.
	Limits func(channel string) Limits
	// BufferBytes bounds the memory for recent entries of all channels, 64 MiB.
	BufferBytes int64
	// Inactivity is how long a channel with nothing retained and without
	// subscribers lives on after the last publish or new subscriber, 30 s.
	Inactivity time.Duration
	// MaxChannels bounds how many channels subscribers can create, 1,000,000.
	// A message that the store has taken is never refused.
	MaxChannels int
	// WildcardPrefix begins the ids of channels that are counted and limited
	// apart from all others, by MaxWildcardChannels, 1,000,000; empty means none.
	WildcardPrefix      string
	MaxWildcardChannels int
	// MaxWildcards bounds how many different wildcards are followed at a time,
	// 1,000.
	MaxWildcards int
	// DeletedText is what subscribers are told when their channel is deleted
	// and the deletion does not say, "Channel deleted".
	DeletedText string
	// Archive reads what the buffer does not hold; nil means there is none.
	Archive Archive
	// StoredAt finds a cursor's message in the archive; nil means that it is
	// searched for by its time and tag.
	StoredAt StoredAt
	// EventsChannel is the channel on which is told what happens to channels and
	// subscribers (protocol 11.2), by RunLifecycle; empty means that it is not. It
	// is there from the start, never idle, and falls under no wildcard.
	EventsChannel string
	// Shared says whether other relays read the same stream: then idle channels
	// end in its order, by RunLifecycle, so that all relays number messages alike.
	// nil means no; with an events channel they always do.
	Shared func() bool
}

func (o *HubOptions) setDefaults() error {
	if o.BufferBytes < 0 {
		return errors.New("relay: hub options must not be negative")
	}
	if o.Limits == nil {
		o.Limits = func(string) Limits { return Limits{} }
	}
	if o.BufferBytes == 0 {
		o.BufferBytes = 64 << 20
	}
	return nil
}

// Hub holds the recent entries of all channels and knows their subscribers.
//
// The sink side (Restore, Load, CaughtUp, Append, Delete, Reset, Advance) is
// called by one goroutine, in the order of the stream. Everything else may be
// called by any.
type Hub struct {
	opts     HubOptions                  // but for what can change, which is in
	settings atomic.Pointer[HubSettings] // and never changed in place

	// commit is the position up to which every ring holds its entries. It is
	// published after the rings are, and a read takes nothing beyond the commit
	// it saw at its start: so one cursor over several rings cannot skip.
	commit atomic.Uint64
	epoch  atomic.Uint64 // how often the stream began anew
	ready  atomic.Bool

	mu         sync.Mutex // guards what follows; rings' locks come after it
	channels   map[string]*ring
	wildcards  map[string]*ring
	prefixed   int // of channels
	created    uint64
	log        []*Entry // everything in the buffer, in order of position
	logBytes   int64
	pos        uint64
	epochPos   uint64 // pos when the stream began anew
	numbered   bool   // loaded once: from now on messages are numbered as they come
	endings    map[string]ending
	idle       []idleChannel // to be ended in the stream
	published  uint64
	headTime   time.Time
	headSeq    uint64
	loadedSeq  uint64 // headSeq when it was CaughtUp
	forgetting forgetting

	applied     applied
	subscribers atomic.Int64
	ends        atomic.Uint64 // channels that have ended
	archive     archive
	events      *events // nil: nobody is told
	idleWake    chan struct{}
}

// NewHub makes a Hub. It is not Ready until CaughtUp.
func NewHub(o HubOptions) (*Hub, error) {
	if err := o.setDefaults(); err != nil {
		return nil, err
	}
	h := &Hub{opts: o, channels: make(map[string]*ring), wildcards: make(map[string]*ring)}
	if err := h.Configure(o.settings()); err != nil {
		return nil, err
	}
	h.archive.init(o.Archive, o.StoredAt)
	h.idleWake = make(chan struct{}, 1)
	if o.EventsChannel != "" {
		h.events, h.endings = newEvents(o.EventsChannel), make(map[string]ending)
		h.channel(o.EventsChannel).born = 1
	}
	return h, nil
}

// Ready reports whether the retained messages have been loaded, so that
// subscribers can be served.
func (h *Hub) Ready() bool { return h.ready.Load() }

// Restore tells what is known of a channel from before the start. It is called
// before the first Load.
func (h *Hub) Restore(s ChannelState) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.channel(s.Channel)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.published, r.lastSeq = s.Published, s.LastSeq
	r.counted = s.LastSeq
	r.cold = s.Stored
	r.born = max(s.LastSeq, 1)
}

// Load puts a retained message into its ring without delivering it to those who
// are subscribed already.
func (h *Hub) Load(m Message) { h.put(m, true) }

// Append puts a new message into its ring and wakes the channel's subscribers.
func (h *Hub) Append(m Message) { h.put(m, false) }

func (h *Hub) put(m Message, loaded bool) {
	e := &Entry{msg: m, loaded: loaded}
	h.mu.Lock()
	r := h.channel(m.Channel)
	h.pos++
	e.pos, e.channel = h.pos, r
	if r.born == 0 {
		h.begin(r, m.Seq, loaded)
	}
	if h.numbered {
		if m.Channel != h.opts.EventsChannel {
			h.published++
		}
		r.mu.Lock()
		r.published++
		e.msg.ID = r.published
		r.active = time.Now()
		r.mu.Unlock()
	} else if r.cold > 0 {
		r.cold-- // Restore counted it
	}
	h.add(e, r)
	h.headTime, h.headSeq = m.Time, m.Seq
	wildcards := r.wildcards
	h.mu.Unlock()

	h.applied.advance(m.Seq)
	if loaded {
		return
	}
	r.wake()
	for _, w := range wildcards {
		w.wake()
	}
}

// add puts an entry that has its position into the buffer and the rings, and
// makes room.
func (h *Hub) add(e *Entry, r *ring) {
	h.log = append(h.log, e)
	h.logBytes += e.size()
	r.push(e, e.pos)
	for _, w := range r.wildcards {
		w.push(e, e.pos)
	}
	h.commit.Store(e.pos)
	if h.logBytes <= h.opts.BufferBytes {
		return
	}
	now := time.Now()
	for h.logBytes > h.opts.BufferBytes && len(h.log) > 1 {
		old := h.log[0]
		h.log[0] = nil
		h.log = h.log[1:]
		h.logBytes -= old.size()
		old.channel.evict(old, now)
		for _, w := range old.channel.wildcards {
			w.evict(old, now)
		}
	}
}

// CaughtUp ends loading: messages get their numbers and subscribers are served.
func (h *Hub) CaughtUp() {
	h.mu.Lock()
	defer h.mu.Unlock()
	defer h.ready.Store(true)
	h.loadedSeq = h.headSeq
	if h.numbered {
		return // loaded again after a Reset, and numbered as it went
	}
	h.numbered = true
	now := time.Now()
	for _, r := range h.channels {
		r.number(now)
		if r.name != h.opts.EventsChannel && r.lapsed(now, h.pos) {
			r.born, r.published = 0, 0 // it has ended before
		}
	}
}

// number gives the loaded messages of a channel their ids: those that the
// restored count includes end at it, later ones go on from it. Nobody reads the
// ring yet.
func (r *ring) number(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.active = now
	var known uint64
	for _, e := range r.entries {
		if e.control == 0 && e.msg.Seq <= r.counted {
			known++
		}
	}
	next := max(r.published, known+r.cold) - known
	if r.cold == 0 && next > 0 && r.dropped == 0 {
		// Something came before and is not retained. Which message was the last
		// of it is not known any more, but it was older than this.
		r.dropped = r.counted
		if len(r.entries) > 0 {
			r.dropped = r.entries[0].msg.Seq - 1
		}
	}
	for _, e := range r.entries {
		if e.control == 0 {
			next++
			e.msg.ID = next
		}
	}
	r.published = next
}

// Delete ends a channel: its subscribers are told and detached, what it retained
// is gone, and its id is free for a new channel.
func (h *Hub) Delete(d Deletion) {
	h.mu.Lock()
	r := h.channels[d.Channel]
	if r == nil || d.Channel == h.opts.EventsChannel {
		h.mu.Unlock()
		h.applied.advance(d.Seq)
		return
	}
	text := d.Text
	if text == nil {
		text = []byte(h.settings.Load().DeletedText)
	}
	delete(h.channels, d.Channel)
	h.counted(d.Channel, -1)
	h.pos++
	e := &Entry{msg: Message{Seq: d.Seq, Channel: d.Channel, Time: d.Time, Text: text}, control: IDDeleted, pos: h.pos, channel: r}
	r.mu.Lock()
	r.forget(h.pos)
	r.mu.Unlock()
	h.add(e, r)
	r.mu.Lock()
	r.dead = true // after the ring holds the end: who sees it dead has read it
	r.mu.Unlock()
	r.detach(h.events)
	h.ends.Add(1)
	h.end(r, d.Seq)
	wildcards := r.wildcards
	h.mu.Unlock()

	h.applied.advance(d.Seq)
	r.wake()
	for _, w := range wildcards {
		w.wake()
	}
}

// Reset forgets what is retained, because the stream went back or was made
// anew. Subscribers stay, and what they have not read yet stays readable; new
// ones wait until CaughtUp.
func (h *Hub) Reset() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ready.Store(false)
	for _, r := range h.channels {
		r.mu.Lock()
		r.forget(h.pos)
		r.published, r.lastSeq, r.dropped = 0, 0, 0
		r.mu.Unlock()
	}
	h.epoch.Add(1)
	h.epochPos = h.pos
	h.headTime, h.headSeq = time.Time{}, 0
	h.applied.reset()
}

// Advance notes that the stream has passed seq with nothing in it for a
// subscriber.
func (h *Hub) Advance(seq uint64) { h.applied.advance(seq) }

// WaitApplied waits until the message with this sequence, or a later one, is in
// its ring. The error is that of ctx.
func (h *Hub) WaitApplied(ctx context.Context, seq uint64) error { return h.applied.wait(ctx, seq) }

// Head returns time and tag of the newest message of all channels: a cursor
// from which nothing that is there is sent again. The zero Time means that
// there is none yet.
func (h *Hub) Head() (t time.Time, tag uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.headTime, h.headSeq
}

// channel returns the channel's ring and makes it if there is none.
func (h *Hub) channel(id string) *ring {
	r := h.channels[id]
	if r != nil {
		return r
	}
	h.tellEnd(id)
	h.created++
	r = &ring{name: id, limits: h.opts.Limits(id), created: h.created, active: time.Now()}
	for _, w := range h.wildcards {
		if h.covers(w.name, id) {
			r.wildcards = append(r.wildcards, w)
		}
	}
	h.channels[id] = r
	h.counted(id, 1)
	return r
}

// wildcardRing returns the ring of a wildcard and makes it, from what is in the
// buffer, if there is none.
func (h *Hub) wildcardRing(name string) (*ring, error) {
	if w := h.wildcards[name]; w != nil {
		return w, nil
	}
	if len(h.wildcards) >= h.settings.Load().MaxWildcards {
		return nil, ErrTooManyChannels
	}
	w := &ring{name: name, wildcard: true, active: time.Now()}
	under := make(map[*ring]bool)
	for _, e := range h.log {
		match, known := under[e.channel]
		if !known {
			match = h.covers(name, e.channel.name)
			under[e.channel] = match
		}
		if match {
			w.entries = append(w.entries, e)
		}
	}
	for r, match := range under {
		if match {
			r.wildcards = append(slices.Clip(r.wildcards), w)
		}
	}
	for id, r := range h.channels {
		if _, known := under[r]; !known && h.covers(name, id) {
			r.wildcards = append(slices.Clip(r.wildcards), w)
		}
	}
	h.wildcards[name] = w
	return w, nil
}
