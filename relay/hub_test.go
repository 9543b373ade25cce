package relay_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"alertrelay/relay"
)

// feed publishes to a hub as the store would, and is its archive.
type feed struct {
	t   testing.TB
	hub *relay.Hub

	mu  sync.Mutex // guards what follows
	all []relay.Message
	seq uint64
	now time.Time
}

func newFeed(t testing.TB, o relay.HubOptions) *feed {
	t.Helper()
	f := &feed{t: t, now: time.Now().UTC().Truncate(time.Second)}
	o.Archive, o.StoredAt = f.archive, f.storedAt
	hub, err := relay.NewHub(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(hub.Close)
	f.hub = hub
	return f
}

func ready(t testing.TB, o relay.HubOptions) *feed {
	f := newFeed(t, o)
	f.hub.CaughtUp()
	return f
}

func (f *feed) message(channel, text string) relay.Message {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seq++
	m := relay.Message{Seq: f.seq, Channel: channel, Time: f.now, Text: []byte(text), Stored: true}
	f.all = append(f.all, m)
	return m
}

func (f *feed) publish(channel, text string) relay.Message {
	m := f.message(channel, text)
	f.hub.Append(m)
	return m
}

func (f *feed) archive(_ context.Context, q relay.ArchiveQuery) ([]relay.Message, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var got []relay.Message
	begin, _ := slices.BinarySearchFunc(f.all, q.From, func(m relay.Message, seq uint64) int { return cmp.Compare(m.Seq, seq) })
	for _, m := range f.all[begin:] {
		if m.Seq >= q.Before || q.Tail == 0 && len(got) == q.Limit {
			break
		}
		if !m.Time.Before(q.Since) && relay.Match(q.Channel, m.Channel) {
			got = append(got, m)
		}
	}
	if q.Tail > 0 && len(got) > q.Tail {
		got = got[len(got)-q.Tail:]
	}
	return slices.Clone(got), nil
}

func (f *feed) storedAt(_ context.Context, seq uint64) (time.Time, bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range f.all[min(seq-1, uint64(len(f.all))):] {
		if m.Seq == seq {
			return m.Time, true, nil
		}
	}
	return time.Time{}, false, nil
}

func limits(n int) func(string) relay.Limits {
	return func(string) relay.Limits { return relay.Limits{MaxMessages: n} }
}

// replay returns the texts that a poll with this cursor gets.
func (f *feed) replay(path string, from relay.Cursor) string {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	rep, err := f.hub.Replay(ctx, relay.ParsePath(path), from)
	if err != nil {
		f.t.Fatal(err)
	}
	return texts(rep.Entries)
}

func texts(entries []*relay.Entry) string {
	var all []string
	for _, e := range entries {
		text := string(e.Message().Text)
		if e.Control() != 0 {
			text = fmt.Sprint(e.Control())
		}
		all = append(all, text)
	}
	return strings.Join(all, " ")
}

// next reads n entries.
func next(t testing.TB, s *relay.Subscription, n int) []*relay.Entry {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var all []*relay.Entry
	for len(all) < n {
		buf := make([]*relay.Entry, min(7, n-len(all)))
		got, err := s.Next(ctx, buf)
		if err != nil {
			t.Fatalf("after %d of %d entries: %v", len(all), n, err)
		}
		all = append(all, got...)
	}
	return all
}

func subscribe(t testing.TB, h *relay.Hub, path string, from relay.Cursor) *relay.Subscription {
	t.Helper()
	s, err := h.Subscribe(relay.ParsePath(path), from, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// The table of protocol 7.3, with stream sequences as tags.
func TestReplayFromCursor(t *testing.T) {
	f := ready(t, relay.HubOptions{})
	t1 := f.now
	for _, m := range []struct{ text, eventID string }{{"a", "e1"}, {"b", ""}, {"c", "e2"}, {"d", ""}, {"e", "e1"}} {
		if m.text == "d" {
			f.now = f.now.Add(time.Second)
		}
		msg := f.message("ch", m.text)
		if m.eventID != "" {
			msg.EventID = new(m.eventID)
		}
		f.hub.Append(msg)
	}
	t2 := t1.Add(time.Second)
	tag := func(at time.Time, n uint64) relay.Cursor { return relay.Cursor{Time: at, Tag: n, HasTag: true} }
	tests := []struct {
		name, path string
		from       relay.Cursor
		want       string
	}{
		{"no cursor", "ch", relay.Cursor{}, ""},
		{"event id of two messages: the oldest counts", "ch", relay.Cursor{EventID: new("e1")}, "b c d e"},
		{"event id", "ch", relay.Cursor{EventID: new("e2")}, "d e"},
		{"unknown event id", "ch", relay.Cursor{EventID: new("zz")}, ""},
		{"unknown event id and time", "ch", relay.Cursor{EventID: new("zz"), Time: t1}, "d e"},
		{"unknown event id, time and tag", "ch", relay.Cursor{EventID: new("zz"), Time: t1, Tag: 2, HasTag: true}, "c d e"},
		{"time without tag: later seconds only", "ch", relay.Cursor{Time: t1}, "d e"},
		{"time and tag 0: all of the second", "ch", tag(t1, 0), "a b c d e"},
		{"time and tag of the first", "ch", tag(t1, 1), "b c d e"},
		{"time and tag of the last of the second", "ch", tag(t1, 3), "d e"},
		{"time and a tag beyond the second", "ch", tag(t1, 99), "d e"},
		{"the last message", "ch", tag(t2, 5), ""},
		{"tag of a message with another second", "ch", tag(t1.Add(-time.Hour), 5), "a b c d e"},
		{"tag without time", "ch", relay.Cursor{Tag: 1, HasTag: true}, ""},
		{"backtrack wins", "ch.b1", tag(t1, 1), "e"},
		{"backtrack beyond the beginning", "ch.b9999999999999999999", relay.Cursor{}, "a b c d e"},
		{"wildcard", ">", tag(t1, 3), "d e"},
		{"wildcard with backtrack", "*.b2", relay.Cursor{}, "d e"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := f.replay(tt.path, tt.from); got != tt.want {
				t.Errorf("replay = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestReplayIsPerElementAndLiveInOrder(t *testing.T) {
	f := ready(t, relay.HubOptions{})
	for _, m := range []string{"a1", "b1", "a2", "b2", "c1"} {
		f.publish(m[:1], m)
	}
	s := subscribe(t, f.hub, "b.b2/a.b9/c", relay.Cursor{})
	for _, m := range []string{"a3", "c2", "b3", "a4"} {
		f.publish(m[:1], m)
	}
	if got, want := texts(next(t, s, 8)), "b1 b2 a1 a2 a3 c2 b3 a4"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestOverlappingWildcardsDeliverOnce(t *testing.T) {
	f := ready(t, relay.HubOptions{})
	f.publish("db.x", "1")
	f.publish("web.x", "2")
	s := subscribe(t, f.hub, "db.>.b9/*.x.b9/db.x.b9", relay.Cursor{})
	f.publish("db.y", "3")
	f.publish("other", "no")
	f.publish("db.x", "4")
	f.publish("web.x", "5")
	if got, want := texts(next(t, s, 5)), "1 2 3 4 5"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestRetention(t *testing.T) {
	byName := func(ch string) relay.Limits {
		if ch == "short" {
			return relay.Limits{MaxAge: time.Minute}
		}
		return relay.Limits{MaxMessages: 3}
	}
	f := ready(t, relay.HubOptions{Limits: byName})
	for i := range 5 {
		f.publish("ch", fmt.Sprint(i))
	}
	if got, want := f.replay("ch.b9", relay.Cursor{}), "2 3 4"; got != want {
		t.Errorf("by number: got %q, want %q", got, want)
	}
	f.now = f.now.Add(-time.Hour)
	f.publish("short", "old")
	f.now = f.now.Add(time.Hour)
	f.publish("short", "new")
	if got, want := f.replay("short.b9", relay.Cursor{}), "new"; got != want {
		t.Errorf("by age: got %q, want %q", got, want)
	}
	if got, want := f.replay(">.b9", relay.Cursor{}), "2 3 4 new"; got != want {
		t.Errorf("wildcard: got %q, want %q", got, want)
	}
	unstored := f.message("ch", "live only")
	unstored.Stored = false
	s := subscribe(t, f.hub, "ch", relay.Cursor{})
	f.hub.Append(unstored)
	if got, want := texts(next(t, s, 1)), "live only"; got != want {
		t.Errorf("unstored, live: got %q, want %q", got, want)
	}
	if got, want := f.replay("ch.b9", relay.Cursor{}), "2 3 4"; got != want {
		t.Errorf("unstored, replay: got %q, want %q", got, want)
	}
	stats, ok := f.hub.Channel("ch")
	if want := (relay.ChannelStats{Channel: "ch", Published: 6, Stored: 3, Subscribers: 1}); !ok || stats != want {
		t.Errorf("stats = %+v, want %+v", stats, want)
	}
}

func TestDelete(t *testing.T) {
	f := ready(t, relay.HubOptions{})
	f.publish("a", "1")
	s := subscribe(t, f.hub, "a.b1/b", relay.Cursor{})
	all := subscribe(t, f.hub, ">", relay.Cursor{})
	f.hub.Delete(relay.Deletion{Seq: 100, Channel: "a", Text: []byte("bye")})
	f.seq = 100
	f.publish("a", "reborn")
	f.publish("b", "still")
	if got, want := texts(next(t, s, 3)), "1 -2 still"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := texts(next(t, all, 3)), "-2 reborn still"; got != want {
		t.Errorf("wildcard: got %q, want %q", got, want)
	}
	if stats, _ := f.hub.Channel("a"); stats.Published != 1 || stats.Stored != 1 || stats.Subscribers != 0 {
		t.Errorf("a new channel should begin again, got %+v", stats)
	}
	f.hub.Delete(relay.Deletion{Seq: 103, Channel: "b"})
	end := next(t, s, 1)
	format, err := relay.NewFormat(relay.FormatOptions{Template: "[~id~:~channel~:~text~:~tag~]"})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(end[0].Frame(format)), "[-2:b:Channel deleted:0]"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if _, err := s.Next(t.Context(), make([]*relay.Entry, 1)); !errors.Is(err, relay.ErrClosed) || !s.Ended() {
		t.Errorf("err = %v, ended = %v after the last channel's end", err, s.Ended())
	}
}

func TestSlowSubscriberReadsFromArchive(t *testing.T) {
	f := ready(t, relay.HubOptions{BufferBytes: 20_000})
	one := subscribe(t, f.hub, "ch", relay.Cursor{})
	wild := subscribe(t, f.hub, "*", relay.Cursor{})
	two := subscribe(t, f.hub, "ch/other", relay.Cursor{})
	const n = 3_000 // several pages
	for i := range n {
		f.publish("ch", fmt.Sprint(i))
	}
	for name, s := range map[string]*relay.Subscription{"channel": one, "wildcard": wild, "two channels": two} {
		got := next(t, s, n)
		for i, e := range got {
			if string(e.Message().Text) != fmt.Sprint(i) || e.Control() != 0 {
				t.Fatalf("%s: entry %d is %q (control %d)", name, i, e.Message().Text, e.Control())
			}
		}
	}
	if got := f.replay("ch.b100", relay.Cursor{}); len(strings.Fields(got)) != 100 || !strings.HasPrefix(got, "2900 ") {
		t.Errorf("backtrack beyond the buffer = %.40q...", got)
	}
	from := relay.Cursor{Time: f.now, Tag: 2500, HasTag: true}
	if got := f.replay("ch", from); len(strings.Fields(got)) != 500 || !strings.HasPrefix(got, "2500 ") {
		t.Errorf("resume beyond the buffer = %.40q...", got)
	}
	if got := f.replay("*", from); len(strings.Fields(got)) != 500 || !strings.HasPrefix(got, "2500 ") {
		t.Errorf("resume of a wildcard beyond the buffer = %.40q...", got)
	}
}

func TestGapIsTold(t *testing.T) {
	f := ready(t, relay.HubOptions{BufferBytes: 20_000, Limits: limits(5)})
	s := subscribe(t, f.hub, "ch", relay.Cursor{})
	for i := range 100 {
		f.publish("ch", fmt.Sprint(i))
	}
	f.mu.Lock()
	f.all = f.all[50:] // the stream has a limit too
	f.mu.Unlock()
	got := next(t, s, 51)
	if got[0].Control() != relay.IDGap || string(got[1].Message().Text) != "50" || string(got[50].Message().Text) != "99" {
		t.Errorf("stayed too far behind: got %q", texts(got))
	}
	back := subscribe(t, f.hub, "ch", relay.Cursor{Time: f.now, Tag: 90, HasTag: true})
	if got, want := texts(next(t, back, 6)), "-4 95 96 97 98 99"; got != want {
		t.Errorf("came back too late: got %q, want %q", got, want)
	}
	intime := subscribe(t, f.hub, "ch", relay.Cursor{Time: f.now, Tag: 95, HasTag: true})
	if got, want := texts(next(t, intime, 5)), "95 96 97 98 99"; got != want {
		t.Errorf("came back in time: got %q, want %q", got, want)
	}
}

func TestRestart(t *testing.T) {
	f := newFeed(t, relay.HubOptions{Limits: limits(3)})
	if _, err := f.hub.Subscribe([]relay.Request{{Channel: "ch"}}, relay.Cursor{}, nil); !errors.Is(err, relay.ErrNotReady) {
		t.Fatalf("before the retained messages are in: err = %v", err)
	}
	f.hub.Restore(relay.ChannelState{Channel: "ch", Published: 40, LastSeq: 12})
	f.seq = 10
	for _, text := range []string{"39", "40", "41"} { // 41 came after the counts were saved
		f.hub.Load(f.message("ch", text))
	}
	f.hub.Load(f.message("new", "1"))
	f.hub.CaughtUp()
	f.publish("ch", "42")
	rep, err := f.hub.Replay(t.Context(), relay.ParsePath("ch.b9/new.b9"), relay.Cursor{})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, e := range rep.Entries {
		ids = append(ids, fmt.Sprintf("%s=%d", e.Message().Text, e.Message().ID))
	}
	if got, want := strings.Join(ids, " "), "40=40 41=41 42=42 1=1"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestStreamMadeAnew(t *testing.T) {
	f := ready(t, relay.HubOptions{})
	s := subscribe(t, f.hub, "ch", relay.Cursor{})
	f.publish("ch", "old")
	f.hub.Reset()
	f.seq = 0
	f.hub.Load(f.message("ch", "kept"))
	f.publish("ch", "new")
	f.hub.CaughtUp()
	if got, want := texts(next(t, s, 2)), "old new"; got != want {
		t.Errorf("who stayed got %q, want %q", got, want)
	}
	if got, want := f.replay("ch.b9", relay.Cursor{}), "kept new"; got != want {
		t.Errorf("replay = %q, want %q", got, want)
	}
}

func TestLimitsOfSubscriptions(t *testing.T) {
	f := ready(t, relay.HubOptions{
		MaxChannels: 2, MaxWildcards: 1,
		Limits: func(string) relay.Limits { return relay.Limits{MaxSubscribers: 1} },
	})
	s := subscribe(t, f.hub, "a", relay.Cursor{})
	check := func(path string, want error) {
		t.Helper()
		s, err := f.hub.Subscribe(relay.ParsePath(path), relay.Cursor{}, nil)
		if !errors.Is(err, want) {
			t.Errorf("%s: err = %v, want %v", path, err, want)
		}
		if s != nil {
			s.Close()
		}
	}
	check("a", relay.ErrTooManySubscribers)
	check("b/c", relay.ErrTooManyChannels)
	if _, ok := f.hub.Channel("b"); ok {
		t.Error("a refused path should create nothing")
	}
	s.Close()
	s.Close()
	check("a", nil)
	check("x.>", nil)
	check("y.>", relay.ErrTooManyChannels)
	f.publish("b", "taken by the store: never refused")
	f.publish("c", "the same")
	if n := f.hub.Stats().Channels; n != 3 {
		t.Errorf("channels = %d, want 3", n)
	}
}

// Many readers of all kinds, joining and resuming while messages come: each must
// see every message of its channels once and in order.
func TestManyReaders(t *testing.T) {
	const channels, messages, readers = 5, 4_000, 60
	f := ready(t, relay.HubOptions{BufferBytes: 300_000})
	start := relay.Cursor{Time: f.now, HasTag: true, InOrder: true}
	var wg sync.WaitGroup
	for i := range readers {
		path := []string{"ch.0", "ch.1/ch.2", "ch.*", ">", "ch.3/ch.4/ch.0"}[i%5]
		wg.Go(func() { follow(t, f, path, start, channels, messages) })
	}
	for i := range channels * messages {
		f.publish(fmt.Sprintf("ch.%d", i%channels), fmt.Sprint(i/channels))
	}
	wg.Wait()
	if n := f.hub.Stats().Subscribers; n != 0 {
		t.Errorf("%d subscribers are left", n)
	}
}

// follow reads path to the end and now and then leaves and resumes.
func follow(t *testing.T, f *feed, path string, from relay.Cursor, channels, messages int) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	count := make(map[string]int)
	total := messages * len(strings.Split(path, "/"))
	if relay.IsWildcard(path) {
		total = messages * channels
	}
	buf := make([]*relay.Entry, 32)
	var s *relay.Subscription
	defer func() { s.Close() }()
	leave := 0
	for seen := 0; seen < total; {
		if leave == 0 {
			if s != nil {
				s.Close()
			}
			var err error
			if s, err = f.hub.Subscribe(relay.ParsePath(path), from, nil); err != nil {
				t.Error(err)
				return
			}
			leave = 1 + rand.IntN(200)
		}
		got, err := s.Next(ctx, buf[:1+rand.IntN(len(buf))])
		if err != nil {
			t.Errorf("%s: %v after %d of %d", path, err, seen, total)
			return
		}
		leave--
		for _, e := range got {
			m := e.Message()
			if e.Control() != 0 || string(m.Text) != fmt.Sprint(count[m.Channel]) {
				t.Errorf("%s: %s gave %q (control %d), want %d", path, m.Channel, m.Text, e.Control(), count[m.Channel])
				return
			}
			count[m.Channel]++
			seen++
			from.Time, from.Tag = m.Time, m.Seq
		}
	}
}

func TestNotifyComesOnceAfterNothing(t *testing.T) {
	f := ready(t, relay.HubOptions{})
	notified := make(chan struct{}, 10)
	s, err := f.hub.Subscribe([]relay.Request{{Channel: "ch"}}, relay.Cursor{}, func() { notified <- struct{}{} })
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	f.publish("ch", "1")
	if len(notified) != 0 {
		t.Fatal("notified before the first Peek")
	}
	buf := make([]*relay.Entry, 4)
	s.Advance(s.Peek(buf))
	if got := s.Peek(buf); len(got) != 0 {
		t.Fatalf("got %q", texts(got))
	}
	f.publish("ch", "2")
	f.publish("ch", "3")
	if len(notified) != 1 {
		t.Fatalf("notified %d times, want once", len(notified))
	}
	got := s.Peek(buf)
	s.Advance(got[:1]) // the socket took no more
	if got, want := texts(s.Peek(buf)), "3"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What was in the buffer when a subscriber resumed may have left it before the
// subscriber reads for the first time.
func TestLaggingFromTheBeginning(t *testing.T) {
	for _, path := range []string{"ch", "ch/other", "*", "ch.b10"} {
		f := ready(t, relay.HubOptions{BufferBytes: 20_000}) // some 38 messages
		var from relay.Cursor
		var want []string
		for i := range 15 {
			m := f.publish("ch", fmt.Sprint(i))
			if i == 4 {
				from = relay.Cursor{Time: m.Time, Tag: m.Seq, HasTag: true, InOrder: true}
			}
			if i > 4 {
				want = append(want, fmt.Sprint(i))
			}
		}
		s, err := f.hub.Subscribe(relay.ParsePath(path), from, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 15; i < 100; i++ {
			f.publish("ch", fmt.Sprint(i))
			want = append(want, fmt.Sprint(i))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		var got []string
		for len(got) < len(want) {
			entries, err := s.Next(ctx, make([]*relay.Entry, 16))
			if err != nil {
				t.Fatalf("%s: %v after %q", path, err, got)
			}
			got = append(got, strings.Fields(texts(entries))...)
		}
		cancel()
		s.Close()
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
}

// Settings change while the hub is in use, and nonsense changes nothing.
func TestConfigure(t *testing.T) {
	f := ready(t, relay.HubOptions{MaxChannels: 1, MaxWildcards: 1})
	subscribe := func(channel string) error {
		s, err := f.hub.Subscribe([]relay.Request{{Channel: channel}}, relay.Cursor{}, nil)
		if err == nil {
			t.Cleanup(s.Close)
		}
		return err
	}
	for _, channel := range []string{"a", "a.*"} {
		if err := subscribe(channel); err != nil {
			t.Error(err)
		}
	}
	refused := func() {
		t.Helper()
		for _, channel := range []string{"b", "b.*"} {
			if err := subscribe(channel); !errors.Is(err, relay.ErrTooManyChannels) {
				t.Errorf("%s: got %v, want %v", channel, err, relay.ErrTooManyChannels)
			}
		}
	}
	refused()
	if err := f.hub.Configure(relay.HubSettings{MaxChannels: 5, Inactivity: -1}); err == nil {
		t.Error("got no error for a negative time")
	}
	refused()
	if err := f.hub.Configure(relay.HubSettings{}); err != nil { // the defaults
		t.Error(err)
	}
	for _, channel := range []string{"b", "b.*"} {
		if err := subscribe(channel); err != nil {
			t.Error(err)
		}
	}
}
