package relay

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Lifecycle takes what the hub has to say about channels into the stream, in
// whose order all relays agree on it. relay/store has one. Errors as those of
// Publisher.
type Lifecycle interface {
	Publisher
	// CreateChannel says that a subscriber has made a channel that has no message.
	CreateChannel(ctx context.Context, channel string) (Receipt, error)
	// ExpireChannel says that a channel has been idle since the sequence last. It
	// has no effect where something came after it.
	ExpireChannel(ctx context.Context, channel string, last uint64) (Receipt, error)
}

// Watched says how many subscribers channels have at other relays, of those that
// have any.
type Watched func(ctx context.Context, channels ...string) (map[string]int, error)

// Types of events (protocol 11.2).
const (
	eventCreated      = "channel_created"
	eventDestroyed    = "channel_destroyed"
	eventSubscribed   = "client_subscribed"
	eventUnsubscribed = "client_unsubscribed"
	makeChannel       = "" // not an event: the channel is to be made in the stream, and its creation told
)

const (
	eventLanes  = 4      // events of one channel keep their order, those of different ones need not
	laneEvents  = 16_384 // that wait in a lane; more are dropped
	eventRetry  = 250 * time.Millisecond
	eventWait   = 5 * time.Second // for one publish
	eventDrain  = 2 * time.Second // at the end, for all
	dropLogging = time.Minute     // between lines in the log
)

// event is something to tell on the events channel.
type event struct {
	kind, channel string
	// key makes copies of an event one: the sequence at which the stream made or
	// ended the channel, which all relays know, or the relay's own count.
	key uint64
}

// events is the queue between those to whom something happens, who never wait,
// and the store.
type events struct {
	channel string
	relay   string // tells relays apart, in the ids of their own events
	count   atomic.Uint64
	dropped atomic.Uint64
	lanes   [eventLanes]lane
}

type lane struct {
	mu    sync.Mutex // guards queue
	queue []event
	wake  chan struct{}
}

func newEvents(channel string) *events {
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails
	e := &events{channel: channel, relay: hex.EncodeToString(id[:])}
	for i := range e.lanes {
		e.lanes[i].wake = make(chan struct{}, 1)
	}
	return e
}

// emit queues an event. It may be called with any lock held. A nil *events has
// nobody to tell, and of the events channel itself nothing is told.
func (e *events) emit(kind, channel string, key uint64) {
	if e == nil || channel == e.channel {
		return
	}
	if kind == eventSubscribed || kind == eventUnsubscribed {
		key = e.count.Add(1)
	}
	l := &e.lanes[hash(channel)%eventLanes]
	l.mu.Lock()
	full := len(l.queue) >= laneEvents
	if !full {
		l.queue = append(l.queue, event{kind, channel, key})
	}
	l.mu.Unlock()
	if full {
		e.dropped.Add(1)
		return
	}
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func hash(channel string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(channel))
	return h.Sum32()
}

// next takes the oldest event.
func (l *lane) next() (e event, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.queue) == 0 {
		l.queue = nil // and the memory of a burst
		return event{}, false
	}
	e = l.queue[0]
	l.queue[0] = event{}
	l.queue = l.queue[1:]
	return e, true
}

// DroppedEvents counts events that could not be told: the store was away for so
// long that too many waited, or would not take them.
func (h *Hub) DroppedEvents() uint64 {
	if h.events == nil {
		return 0
	}
	return h.events.dropped.Load()
}

// RunLifecycle tells the events of channels and subscribers on the events
// channel, and ends idle channels in the stream, until ctx ends; what is queued
// then is told within two seconds, and nil is returned. It is needed if
// HubOptions has EventsChannel or Shared. watched says which of some
// channels have subscribers at other relays, with an error if one does not say; nil
// means that there are none. While
// the store is away, 65,536 events are kept; more are dropped and counted.
func (h *Hub) RunLifecycle(ctx context.Context, store Lifecycle, watched Watched, log *slog.Logger) error {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	t := &teller{hub: h, store: store, watched: watched, log: log}
	// At the end, all lanes have the same time to be emptied.
	draining, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	open, closeLanes := context.WithCancel(draining)
	defer closeLanes()
	defer context.AfterFunc(ctx, func() {
		h.tellEnds()
		closeLanes()
		time.AfterFunc(eventDrain, cancel)
	})()
	var wg sync.WaitGroup
	if h.events != nil {
		for i := range h.events.lanes {
			wg.Go(func() { t.run(open, draining, &h.events.lanes[i]) })
		}
		wg.Go(func() { t.logDropped(ctx) })
	}
	wg.Go(func() { t.expire(ctx) })
	wg.Wait()
	return nil
}

// teller empties the queues.
type teller struct {
	hub     *Hub
	store   Lifecycle
	watched Watched
	log     *slog.Logger
}

func (t *teller) run(ctx, draining context.Context, l *lane) {
	for {
		for e, ok := l.next(); ok; e, ok = l.next() {
			t.tell(draining, e)
		}
		select {
		case <-l.wake:
			continue
		default:
		}
		select {
		case <-l.wake:
		case <-ctx.Done():
			if len(l.wake) == 0 {
				return
			}
		}
	}
}

// tell publishes an event, again and again while the store is away.
func (t *teller) tell(ctx context.Context, e event) {
	for {
		err := t.publish(ctx, e)
		switch {
		case err == nil:
			return
		case ctx.Err() != nil, !errors.Is(err, ErrUnavailable):
			t.hub.events.dropped.Add(1)
			t.log.Debug("event dropped", "channel", e.channel, "err", err)
			return
		}
		select {
		case <-time.After(eventRetry):
		case <-ctx.Done():
		}
	}
}

func (t *teller) publish(ctx context.Context, e event) error {
	ctx, cancel := context.WithTimeout(ctx, eventWait)
	defer cancel()
	if e.kind == makeChannel {
		receipt, err := t.store.CreateChannel(ctx, e.channel)
		if err != nil {
			return err
		}
		// Whatever came first in the stream has made the channel. Telling it here
		// keeps it before what this relay tells next; copies become one.
		applied, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		if err := t.hub.WaitApplied(applied, receipt.Seq); err != nil {
			return nil // the hub will tell it by itself
		}
		if e.key = t.hub.bornAt(e.channel); e.key == 0 {
			return nil // and has ended meanwhile
		}
		e.kind = eventCreated
	}
	p := Publication{Channel: t.hub.events.channel, EventType: &e.kind, Text: e.text()}
	if e.kind == eventCreated || e.kind == eventDestroyed {
		p.DedupID = fmt.Sprintf("%s/%d/%08x", e.kind, e.key, hash(e.channel))
	} else {
		p.DedupID = t.hub.events.relay + "/" + strconv.FormatUint(e.key, 10)
	}
	_, err := t.store.Publish(ctx, p)
	return err
}

// text is the event as the module words it, with the channel escaped (quirk 19).
func (e *event) text() []byte {
	b := bytes.NewBufferString(`{"type": "` + e.kind + `", "channel": `)
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e.channel); err != nil { // a string always encodes
		panic(err)
	}
	b.Truncate(b.Len() - 1) // the line end
	b.WriteByte('}')
	return b.Bytes()
}

func (t *teller) logDropped(ctx context.Context) {
	ticker := time.NewTicker(dropLogging)
	defer ticker.Stop()
	for said := uint64(0); ; {
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
		if n := t.hub.events.dropped.Load(); n > said {
			t.log.Warn("events were dropped", "events", n-said)
			said = n
		}
		if ctx.Err() != nil {
			return
		}
	}
}
