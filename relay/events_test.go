package relay_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"alertrelay/relay"
)

// bus is a stream in memory with several hubs on it, as relay/store feeds them.
type bus struct {
	t    *testing.T
	hubs []*relay.Hub

	mu   sync.Mutex // guards what follows
	seq  uint64
	seen map[string]uint64 // Nats-Msg-Id
	told []string          // events
	away atomic.Bool

	silent atomic.Bool // hubs do not answer each other
}

const eventsID = "evs"

// newBus makes n hubs with an events channel. They run until the test ends.
func newBus(t *testing.T, n int, o relay.HubOptions) *bus {
	t.Helper()
	b := &bus{t: t, seen: make(map[string]uint64)}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	o.EventsChannel = eventsID
	for range n {
		h, err := relay.NewHub(o)
		if err != nil {
			t.Fatal(err)
		}
		h.CaughtUp()
		b.hubs = append(b.hubs, h)
	}
	for _, h := range b.hubs {
		wg.Go(func() { _ = h.Run(ctx) })
		wg.Go(func() { _ = h.RunLifecycle(ctx, b, b.watched(h), nil) })
		t.Cleanup(h.Close)
	}
	return b
}

// watched asks the other hubs.
func (b *bus) watched(self *relay.Hub) func(context.Context, ...string) (map[string]int, error) {
	return func(_ context.Context, channels ...string) (map[string]int, error) {
		sum := make(map[string]int)
		for _, h := range b.hubs {
			if h == self {
				continue
			}
			for id, n := range h.Watched(func(id string) bool { return slices.Contains(channels, id) }) {
				sum[id] += n
			}
		}
		if b.silent.Load() {
			return sum, errOther
		}
		return sum, nil
	}
}

// put stores something under an id and gives it to all hubs.
func (b *bus) put(id string, apply func(h *relay.Hub, seq uint64)) (relay.Receipt, error) {
	if b.away.Load() {
		return relay.Receipt{}, relay.ErrUnavailable
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if seq, dup := b.seen[id]; dup && id != "" {
		return relay.Receipt{Seq: seq, Duplicate: true}, nil
	}
	b.seq++
	b.seen[id] = b.seq
	for _, h := range b.hubs {
		apply(h, b.seq)
	}
	return relay.Receipt{Seq: b.seq}, nil
}

func (b *bus) Publish(_ context.Context, p relay.Publication) (relay.Receipt, error) {
	id := p.DedupID
	if id != "" {
		id = p.Channel + " " + id
	}
	return b.put(id, func(h *relay.Hub, seq uint64) {
		if h == b.hubs[0] && p.Channel == eventsID {
			b.told = append(b.told, string(p.Text))
		}
		h.Append(relay.Message{Seq: seq, Channel: p.Channel, Time: time.Now(), Text: p.Text, EventType: p.EventType, Stored: !p.Unstored})
	})
}

func (b *bus) CreateChannel(_ context.Context, channel string) (relay.Receipt, error) {
	return b.put("", func(h *relay.Hub, seq uint64) { h.Create(relay.Mark{Seq: seq, Channel: channel}) })
}

func (b *bus) ExpireChannel(_ context.Context, channel string, last uint64) (relay.Receipt, error) {
	return b.put(fmt.Sprint("> expire ", channel, last), func(h *relay.Hub, seq uint64) {
		h.Expire(relay.Mark{Seq: seq, Channel: channel, Last: last})
	})
}

func (b *bus) publish(channel, text string) {
	b.t.Helper()
	if _, err := b.Publish(b.t.Context(), relay.Publication{Channel: channel, Text: []byte(text)}); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bus) delete(channel string) {
	b.t.Helper()
	_, _ = b.put("", func(h *relay.Hub, seq uint64) {
		h.Delete(relay.Deletion{Seq: seq, Channel: channel, Time: time.Now()})
	})
}

// subscribe makes a subscriber that stays.
func (b *bus) subscribe(relay int, path string) interface{ Close() } {
	b.t.Helper()
	s := subscribe(b.t, b.hubs[relay], path, cursorNone)
	s.Announce()
	return s
}

// since returns the events told since the last call, shortened.
func (b *bus) since() string {
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	var words []string
	for _, text := range b.told {
		text = strings.NewReplacer(`{"type": "`, "", `", "channel": "`, " ", `"}`, "", "channel_", "", "client_", "").Replace(text)
		words = append(words, text)
	}
	b.told = nil
	return strings.Join(words, ", ")
}

func (b *bus) check(want string) {
	b.t.Helper()
	if got := b.since(); got != want {
		b.t.Errorf("got events %q, want %q", got, want)
	}
}

var cursorNone relay.Cursor

func TestEvents(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(b *bus)
	}{
		{"a channel's life, once for two relays", func(b *bus) {
			b.publish("a", "1")
			b.check("created a")
			s := b.subscribe(1, "a")
			b.publish("a", "2")
			b.check("subscribed a")
			b.delete("a")
			b.check("unsubscribed a")
			time.Sleep(4 * time.Second)
			b.check("destroyed a")
			s.Close()
			b.check("")
		}},
		{"a subscriber makes the channel, at all relays", func(b *bus) {
			s := b.subscribe(1, "a")
			b.check("created a, subscribed a")
			if _, ok := b.hubs[0].Channel("a"); !ok {
				b.t.Error("the other relay does not know the channel")
			}
			b.publish("a", "1")
			s.Close()
			b.check("unsubscribed a")
		}},
		{"two relays' subscribers make it at the same time", func(b *bus) {
			defer b.subscribe(0, "a").Close()
			defer b.subscribe(1, "a").Close()
			if got := strings.Split(b.since(), ", "); !slices.Equal(got, []string{"created a", "subscribed a", "subscribed a"}) {
				b.t.Errorf("got events %q", got)
			}
		}},
		{"one event for each element, none for the events channel", func(b *bus) {
			b.publish("b", "1")
			b.publish("c", "1")
			b.since()
			s := b.subscribe(0, "b/evs/c")
			got := strings.Split(b.since(), ", ")
			slices.Sort(got) // of different channels
			if !slices.Equal(got, []string{"subscribed b", "subscribed c"}) {
				b.t.Errorf("got events %q", got)
			}
			b.delete("b")
			b.check("unsubscribed b")
			s.Close()
			b.check("unsubscribed c")
		}},
		{"deleted and made again: the end is told first", func(b *bus) {
			b.publish("a", "1")
			b.delete("a")
			b.publish("a", "2")
			b.check("created a, destroyed a, created a")
			time.Sleep(time.Minute)
			b.check("")
		}},
		{"an unannounced subscription, as of a poll, is no client", func(b *bus) {
			b.publish("a", "1")
			b.check("created a")
			subscribe(b.t, b.hubs[0], "a", cursorNone).Close()
			b.check("")
		}},
		{"an idle channel ends once, and begins again at 1", func(b *bus) {
			s := b.subscribe(0, "a")
			if _, err := b.Publish(b.t.Context(), relay.Publication{Channel: "a", Text: []byte("x"), Unstored: true}); err != nil {
				b.t.Fatal(err)
			}
			time.Sleep(2 * time.Minute) // the other relay has no subscriber, and asks
			b.check("created a, subscribed a")
			s.Close()
			b.check("unsubscribed a")
			time.Sleep(5 * time.Second)
			b.check("destroyed a")
			b.publish("a", "y")
			b.check("created a")
			for i, h := range b.hubs {
				if c, _ := h.Channel("a"); c.Published != 1 {
					b.t.Errorf("relay %d counts %d", i, c.Published)
				}
			}
		}},
		{"while another relay does not answer, nothing is idle", func(b *bus) {
			b.silent.Store(true)
			b.subscribe(0, "a").Close()
			time.Sleep(2 * time.Minute)
			b.check("created a, subscribed a, unsubscribed a")
			b.silent.Store(false)
			time.Sleep(12 * time.Second)
			b.check("destroyed a")
		}},
		{"a subscriber comes while the channel ends", func(b *bus) {
			b.publish("a", "1")
			b.since()
			s := b.subscribe(1, "a")
			b.check("subscribed a")
			if _, err := b.ExpireChannel(b.t.Context(), "a", 2); err != nil { // of a relay that did not know
				b.t.Fatal(err)
			}
			b.check("destroyed a, created a")
			b.publish("a", "2")
			for i, h := range b.hubs {
				if c, _ := h.Channel("a"); c.Published != 1 {
					b.t.Errorf("relay %d counts %d", i, c.Published)
				}
			}
			s.Close()
			b.check("unsubscribed a")
		}},
		{"something comes while the channel ends", func(b *bus) {
			b.publish("a", "1")
			b.publish("a", "2")
			b.since()
			if _, err := b.ExpireChannel(b.t.Context(), "a", 1); err != nil {
				b.t.Fatal(err)
			}
			b.check("")
			if c, _ := b.hubs[0].Channel("a"); c.Published != 2 {
				b.t.Errorf("got %d messages counted", c.Published)
			}
		}},
		{"a wildcard does not give events away", func(b *bus) {
			s := subscribe(b.t, b.hubs[0], ">", relay.Cursor{Time: time.Unix(0, 0)})
			defer s.Close()
			s.Announce()
			b.check("subscribed >")
			b.publish("a", "1")
			b.check("created a")
			got := next(b.t, s, 1)
			if more := s.Peek(make([]*relay.Entry, 8)); len(more) > 0 || got[0].Message().Channel != "a" {
				b.t.Errorf("got %v and %v", texts(got), texts(more))
			}
			if got := b.hubs[0].Stats(); got.Published != 1 || got.Stored != 1 || got.Channels != 2 {
				b.t.Errorf("got %+v, want one message, without the events", got)
			}
		}},
		{"the events channel stays", func(b *bus) {
			b.delete(eventsID)
			time.Sleep(2 * time.Minute)
			b.check("")
			if _, ok := b.hubs[0].Channel(eventsID); !ok {
				b.t.Error("the events channel is gone")
			}
		}},
		{"ids are escaped", func(b *bus) {
			b.publish("a\"\n<", "1")
			synctest.Wait()
			if want := `{"type": "channel_created", "channel": "a\"\n<"}`; len(b.told) != 1 || b.told[0] != want {
				b.t.Errorf("got %q, want %q", b.told, want)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { tt.do(newBus(t, 2, relay.HubOptions{})) })
		})
	}
}

// What was there at the start is not told, and what had ended before has.
func TestEventsOfARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bus{t: t, seen: make(map[string]uint64), seq: 100}
		h, err := relay.NewHub(relay.HubOptions{
			EventsChannel: eventsID, Limits: func(string) relay.Limits { return relay.Limits{MaxAge: time.Minute} },
		})
		if err != nil {
			t.Fatal(err)
		}
		b.hubs = []*relay.Hub{h}
		h.Restore(relay.ChannelState{Channel: "quiet", Published: 7, LastSeq: 40})
		h.Load(relay.Message{Seq: 50, Channel: "old", Time: time.Now().Add(-time.Hour), Stored: true})
		h.Load(relay.Message{Seq: 60, Channel: "new", Time: time.Now(), Stored: true})
		h.Create(relay.Mark{Seq: 70, Channel: "watched", Loaded: true})
		h.Create(relay.Mark{Seq: 80, Channel: "left", Loaded: true})
		h.Expire(relay.Mark{Seq: 90, Channel: "left", Last: 80, Loaded: true})
		h.CaughtUp()
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _ = h.Run(ctx) })
		wg.Go(func() { _ = h.RunLifecycle(ctx, b, nil, nil) })
		for _, ch := range []string{"new", "quiet", "watched"} {
			b.publish(ch, "x")
		}
		b.check("")
		b.publish("left", "x")
		b.publish("old", "x")
		got := strings.Split(b.since(), ", ")
		slices.Sort(got)
		if !slices.Equal(got, []string{"created left", "created old"}) {
			t.Errorf("got events %q", got)
		}
		if c, _ := h.Channel("old"); c.Published != 1 {
			t.Errorf("a channel that had ended goes on at %d", c.Published)
		}
		if c, _ := h.Channel("quiet"); c.Published != 8 {
			t.Errorf("a channel that had not ended goes on at %d", c.Published)
		}
		cancel()
		wg.Wait()
		h.Close()
	})
}

// While the store is away nobody waits, and what is too much is dropped.
func TestEventsWhileTheStoreIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBus(t, 1, relay.HubOptions{})
		b.publish("a", "1")
		b.check("created a")
		b.away.Store(true)
		const n = 20_000 // subscribers come and go: twice as many events, in one lane
		for range n {
			b.subscribe(0, "a").Close()
		}
		time.Sleep(time.Minute)
		dropped := b.hubs[0].DroppedEvents()
		if dropped < 2*n-16_384-2 || dropped > 2*n-16_384 {
			t.Errorf("got %d events dropped", dropped)
		}
		b.away.Store(false)
		time.Sleep(time.Second)
		if got := len(strings.Split(b.since(), ", ")); got != 2*n-int(dropped) {
			t.Errorf("got %d events told, %d dropped, of %d", got, dropped, 2*n)
		}
	})
}

// A store that is away does not hold up the end.
func TestEventsEndWithoutTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bus{t: t, seen: make(map[string]uint64)}
		h, err := relay.NewHub(relay.HubOptions{EventsChannel: eventsID})
		if err != nil {
			t.Fatal(err)
		}
		b.hubs = []*relay.Hub{h}
		h.CaughtUp()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- h.RunLifecycle(ctx, b, nil, nil) }()
		b.publish("a", "1")
		synctest.Wait()
		b.away.Store(true)
		s := b.subscribe(0, "a")
		synctest.Wait()
		s.Close()
		begin := time.Now()
		cancel()
		if err := <-done; err != nil || time.Since(begin) > 3*time.Second {
			t.Errorf("ended after %v with %v", time.Since(begin), err)
		}
		if h.DroppedEvents() != 2 {
			t.Errorf("got %d events dropped, want the subscriber's 2", h.DroppedEvents())
		}
		h.Close()
	})
}

// A deletion is told before the relay ends.
func TestEventsAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bus{t: t, seen: make(map[string]uint64)}
		h, err := relay.NewHub(relay.HubOptions{EventsChannel: eventsID})
		if err != nil {
			t.Fatal(err)
		}
		b.hubs = []*relay.Hub{h}
		h.CaughtUp()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- h.RunLifecycle(ctx, b, nil, nil) }()
		b.publish("a", "1")
		b.delete("a")
		b.check("created a")
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		b.check("destroyed a")
		h.Close()
	})
}

// Each subscription and each channel is told exactly as often as it comes and
// goes, whatever happens at the same time.
func TestEventsAreExact(t *testing.T) {
	b := newBus(t, 2, relay.HubOptions{Inactivity: 100 * time.Millisecond})
	const workers, rounds, channels = 8, 300, 5
	var wg sync.WaitGroup
	var subscribed atomic.Int64
	for w := range workers {
		wg.Go(func() {
			for i := range rounds {
				ch := "c" + strconv.Itoa((w+i)%channels)
				switch {
				case w == 0 && i%7 == 0:
					b.delete(ch)
				case w == 1:
					b.publish(ch, "x")
				default:
					s, err := b.hubs[w%2].Subscribe([]relay.Request{{Channel: ch}}, relay.Cursor{}, nil)
					if err != nil {
						t.Error(err)
						return
					}
					subscribed.Add(1)
					var closing sync.WaitGroup
					closing.Go(s.Close)
					s.Announce()
					closing.Wait()
				}
			}
		})
	}
	wg.Wait()
	for i := range channels {
		b.delete("c" + strconv.Itoa(i))
	}
	// What subscribers have made meanwhile ends for being idle.
	count := func() map[string]int {
		b.mu.Lock()
		defer b.mu.Unlock()
		n := make(map[string]int)
		for _, e := range b.told {
			kind, _, _ := strings.Cut(strings.TrimPrefix(e, `{"type": "`), `"`)
			n[kind]++
		}
		return n
	}
	var n map[string]int
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		n = count()
		if n["client_subscribed"] == n["client_unsubscribed"] && n["channel_created"] == n["channel_destroyed"] &&
			b.hubs[0].ChannelCount() == 1 && b.hubs[1].ChannelCount() == 1 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("got %v of %d subscriptions", n, subscribed.Load())
		}
	}
	if n["client_subscribed"] > int(subscribed.Load()) {
		t.Errorf("got %v of %d subscriptions", n, subscribed.Load())
	}
}

var _ relay.Lifecycle = (*bus)(nil)

var errOther = errors.New("refused")

// An event that the store refuses for good is dropped, and the next is told.
func TestEventsThatAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bus{t: t, seen: make(map[string]uint64)}
		h, err := relay.NewHub(relay.HubOptions{EventsChannel: eventsID})
		if err != nil {
			t.Fatal(err)
		}
		b.hubs = []*relay.Hub{h}
		h.CaughtUp()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- h.RunLifecycle(ctx, refusing{b}, nil, nil) }()
		b.publish("bad", "1")
		b.publish("good", "1")
		b.check("created good")
		if h.DroppedEvents() != 1 {
			t.Errorf("got %d events dropped, want 1", h.DroppedEvents())
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		h.Close()
	})
}

type refusing struct{ *bus }

func (r refusing) Publish(ctx context.Context, p relay.Publication) (relay.Receipt, error) {
	if strings.Contains(string(p.Text), "bad") {
		return relay.Receipt{}, errOther
	}
	return r.bus.Publish(ctx, p)
}
