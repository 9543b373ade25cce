package relay_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"alertrelay/relay"
)

// board is the state of channels, fed as the tracker is: a channel is active unless
// the text of its newest message is "off".
type board struct {
	mu   sync.Mutex // guards what follows
	last map[string]*relay.Entry
	head relay.Head
	// between is called by Snapshot when it has its answer.
	between func()
}

func newBoard() *board { return &board{last: make(map[string]*relay.Entry)} }

func (b *board) take(m relay.Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.head = relay.Head{Seq: m.Seq, Time: m.Time}
	if b.last[m.Channel] = relay.NewEntry(m); string(m.Text) == "off" {
		delete(b.last, m.Channel)
	}
}

func (b *board) Snapshot(reqs []relay.Request) ([]*relay.Entry, relay.Head, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []*relay.Entry
	for channel, e := range b.last {
		if slices.ContainsFunc(reqs, func(r relay.Request) bool { return r.Covers(channel) }) {
			all = append(all, e)
		}
	}
	slices.SortFunc(all, func(a, b *relay.Entry) int { return cmp.Compare(a.Message().Seq, b.Message().Seq) })
	if b.between != nil {
		b.between()
	}
	return all, b.head, nil
}

// tell publishes to the board, then to the hub.
func (f *feed) tell(b *board, channel, text string) relay.Message {
	m := f.message(channel, text)
	b.take(m)
	f.hub.Append(m)
	return m
}

func (f *feed) follow(b relay.Snapshots, path string, from relay.Cursor) (*relay.Subscription, bool) {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	s, resumed, err := f.hub.Follow(ctx, relay.ParsePath(path), from, b, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(s.Close)
	return s, resumed
}

// takes reads what is there now, waiting for the archive: until count entries have
// come.
func takes(t testing.TB, s *relay.Subscription, count int) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var all []*relay.Entry
	for buf := make([]*relay.Entry, 3); len(all) < count; {
		got, err := s.Next(ctx, buf)
		if err != nil {
			t.Fatalf("after %q: %v", texts(all), err)
		}
		all = append(all, got...)
	}
	if more := s.Peek(make([]*relay.Entry, 8)); len(more) > 0 {
		t.Errorf("more than expected: %q", texts(more))
	}
	return texts(all)
}

func place(m relay.Message) relay.Cursor {
	return relay.Cursor{Time: m.Time, Tag: m.Seq, HasTag: true}
}

func TestFollow(t *testing.T) {
	t.Run("what is active, its end, and everything after it", func(t *testing.T) {
		f, b := ready(t, relay.HubOptions{Limits: limits(1)}), newBoard()
		f.tell(b, "a.x", "1")
		f.tell(b, "a.y", "2")
		f.tell(b, "b", "3")
		f.tell(b, "a.x", "off")
		f.tell(b, "a.z", "5")
		s, resumed := f.follow(b, "a.>", relay.Cursor{})
		f.tell(b, "a.y", "6")
		f.tell(b, "b", "7")
		f.tell(b, "a.y", "off") // the one before is not shown to newcomers any more
		if got, want := takes(t, s, 5), "2 5 -5 6 off"; got != want || resumed {
			t.Errorf("got %q, %t, want %q", got, resumed, want)
		}
	})
	t.Run("nothing is active", func(t *testing.T) {
		f, b := ready(t, relay.HubOptions{}), newBoard()
		s, _ := f.follow(b, "a", relay.Cursor{})
		f.tell(b, "a", "1")
		if got, want := takes(t, s, 2), "-5 1"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
	t.Run("a snapshot that is older than the rings", func(t *testing.T) {
		f, b := ready(t, relay.HubOptions{Limits: limits(1)}), newBoard()
		f.tell(b, "a", "1")
		f.tell(b, "c", "2")
		b.between = func() { // the board does not know of it
			f.publish("a", "3")
			f.publish("b", "4")
			f.publish("a", "5")
			f.hub.Delete(relay.Deletion{Seq: f.message("a", "").Seq, Channel: "a", Time: f.now})
		}
		s, _ := f.follow(b, "a/c/*", relay.Cursor{})
		b.between = nil
		f.publish("c", "7")
		if got, want := takes(t, s, 8), "1 2 -5 3 4 5 -2 7"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
	t.Run("a channel that ends meanwhile", func(t *testing.T) {
		f, b := ready(t, relay.HubOptions{}), newBoard()
		f.tell(b, "a", "1")
		b.between = func() {
			f.hub.Delete(relay.Deletion{Seq: f.message("a", "").Seq, Channel: "a", Time: f.now})
		}
		s, _ := f.follow(b, "a", relay.Cursor{})
		if got, want := takes(t, s, 3), "1 -5 -2"; got != want || !s.Ended() {
			t.Errorf("got %q, want %q", got, want)
		}
	})
	t.Run("a snapshot that is ahead of the hub", func(t *testing.T) {
		f, b := ready(t, relay.HubOptions{}), newBoard()
		f.tell(b, "a", "1")
		late := f.message("b", "2")
		b.take(late)
		b.between = func() {
			go func() {
				time.Sleep(20 * time.Millisecond)
				f.hub.Append(late)
			}()
		}
		s, _ := f.follow(b, "a/b", relay.Cursor{})
		f.publish("a", "3")
		if got, want := takes(t, s, 4), "1 2 -5 3"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		b.take(f.message("b", "4"))
		b.between = nil
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if _, _, err := f.hub.Follow(ctx, relay.ParsePath("b"), relay.Cursor{}, b, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a hub that does not come to it: got %v", err)
		}
		if got := f.hub.Stats().Subscribers; got != 1 {
			t.Errorf("got %d subscribers, want 1", got)
		}
	})
	t.Run("a buffer that has lost what comes next", func(t *testing.T) {
		for name, loses := range map[string]func(f *feed, b *board){
			"before it began": func(f *feed, b *board) { b.between = func() { f.fill("a.", 3, 9) } },
			"after it began":  func(*feed, *board) {},
		} {
			f, b := ready(t, relay.HubOptions{BufferBytes: 1200}), newBoard()
			f.tell(b, "a.1", "1")
			f.tell(b, "b", "2")
			loses(f, b)
			s, _ := f.follow(b, "a.>/b", relay.Cursor{})
			if b.between == nil {
				f.fill("a.", 3, 9)
			}
			if got, want := takes(t, s, 10), "1 2 -5 3 4 5 6 7 8 9"; got != want {
				t.Errorf("%s: got %q, want %q", name, got, want)
			}
		}
	})
	t.Run("a stream that is made anew meanwhile", func(t *testing.T) {
		f, b := ready(t, relay.HubOptions{}), newBoard()
		f.tell(b, "a", "1")
		b.between = func() {
			f.hub.Reset()
			f.hub.CaughtUp()
		}
		if _, _, err := f.hub.Follow(t.Context(), relay.ParsePath("a"), relay.Cursor{}, b, nil); !errors.Is(err, relay.ErrNotReady) {
			t.Errorf("got %v", err)
		}
	})
}

// fill publishes the texts from first to last, each to a channel of its own.
func (f *feed) fill(prefix string, first, last int) {
	for i := first; i <= last; i++ {
		f.publish(prefix+strconv.Itoa(i), strconv.Itoa(i))
	}
}

func TestFollowResumes(t *testing.T) {
	t.Run("the message is in the buffer", func(t *testing.T) {
		f, b := ready(t, relay.HubOptions{Limits: limits(1)}), newBoard()
		from := place(f.tell(b, "a.x", "1"))
		f.tell(b, "a.x", "2")
		f.tell(b, "a.y", "3")
		f.hub.Delete(relay.Deletion{Seq: f.message("a.x", "").Seq, Channel: "a.x", Time: f.now})
		f.tell(b, "a.x", "5")
		s, resumed := f.follow(b, "a.>", from)
		if got, want := takes(t, s, 4), "2 3 -2 5"; got != want || !resumed {
			t.Errorf("got %q, %t, want %q", got, resumed, want)
		}
		// By its name the channel is another one now, whose ring has not all.
		if s, resumed = f.follow(b, "a.x", from); resumed {
			t.Errorf("resumed with %q", takes(t, s, 1))
		}
	})
	t.Run("what the cursor names is not there", func(t *testing.T) {
		f, b := ready(t, relay.HubOptions{BufferBytes: 1200}), newBoard()
		old := place(f.tell(b, "a", "1"))
		f.tell(b, "b", "2")
		f.tell(b, "a", "3")
		f.tell(b, "b", "4")
		id, last := "x", place(f.tell(b, "a", "5"))
		otherSecond := last
		otherSecond.Time = last.Time.Add(time.Second)
		for name, from := range map[string]relay.Cursor{
			"gone": old, "to come": {Time: f.now, Tag: 9, HasTag: true}, "another stream's": otherSecond,
			"a time": {Time: f.now}, "an event id": {EventID: &id}, "the beginning": {Time: time.Unix(0, 0), HasTag: true},
		} {
			s, resumed := f.follow(b, "a", from)
			if got, want := takes(t, s, 2), "5 -5"; got != want || resumed {
				t.Errorf("%s: got %q, %t, want %q", name, got, resumed, want)
			}
		}
	})
	t.Run("nothing has come yet", func(t *testing.T) {
		f, b := ready(t, relay.HubOptions{}), newBoard()
		s, resumed := f.follow(b, "a", relay.Cursor{Time: time.Unix(0, 0), HasTag: true})
		f.tell(b, "a", "1")
		if got, want := takes(t, s, 1), "1"; got != want || !resumed {
			t.Errorf("got %q, %t, want %q", got, resumed, want)
		}
		s, resumed = f.follow(b, "a", relay.Cursor{Time: time.Unix(0, 0), HasTag: true})
		if got, want := takes(t, s, 1), "1"; got != want || !resumed {
			t.Errorf("a moment later: got %q, %t, want %q", got, resumed, want)
		}
	})
	t.Run("after a start", func(t *testing.T) {
		f, b := newFeed(t, relay.HubOptions{}), newBoard()
		var loaded [2]relay.Message
		for i, text := range []string{"1", "2"} {
			loaded[i] = f.message("a", text)
			b.take(loaded[i])
			f.hub.Load(loaded[i])
		}
		f.hub.CaughtUp()
		f.tell(b, "a", "3")
		if _, resumed := f.follow(b, "a", place(loaded[0])); resumed {
			t.Error("resumed where the ends of channels are not known")
		}
		s, resumed := f.follow(b, "a", place(loaded[1]))
		if got, want := takes(t, s, 1), "3"; got != want || !resumed {
			t.Errorf("got %q, %t, want %q", got, resumed, want)
		}
	})
}

func TestSnapshotOnTheWire(t *testing.T) {
	f, b := ready(t, relay.HubOptions{}), newBoard()
	f.now = time.Unix(1795330800, 0).UTC()
	id := "e"
	m := f.message("a", "x")
	m.EventID = &id
	b.take(m)
	f.hub.Append(m)
	for name, test := range map[string]struct {
		o    relay.FormatOptions
		want string
	}{
		"event":  {relay.FormatOptions{Template: "{~id~,~tag~,~text~}", Framing: relay.FrameEvent, CursorIDs: true}, "id:\ndata: {0,1,x}\n\nid: 1795330800:1\nevent: snapshot-end\ndata: {\"id\":-5,\"time\":\"Sun, 22 Nov 2026 07:00:00 GMT\",\"tag\":\"1\",\"count\":1}\n\n"},
		"stream": {relay.FormatOptions{Template: "{~id~,~tag~,~time~,~text~}", Framing: relay.FramePlain}, "{0,1,Sun, 22 Nov 2026 07:00:00 GMT,x}{-5,1,Sun, 22 Nov 2026 07:00:00 GMT,{\"id\":-5,\"time\":\"Sun, 22 Nov 2026 07:00:00 GMT\",\"tag\":\"1\",\"count\":1}}"},
	} {
		format, err := relay.NewFormat(test.o)
		if err != nil {
			t.Fatal(err)
		}
		s, _ := f.follow(b, "a", relay.Cursor{})
		got := ""
		buf := make([]*relay.Entry, 1)
		for range 2 {
			e, err := s.Next(t.Context(), buf)
			if err != nil {
				t.Fatal(err)
			}
			got += string(e[0].Frame(format))
		}
		if got != test.want {
			t.Errorf("%s: got  %q\nwant %q", name, got, test.want)
		}
	}
}

// Every follower ends with the state of the board, and sees each message after its
// snapshot once.
func TestFollowWhileMessagesCome(t *testing.T) {
	const messages, followers, visits = 3000, 8, 20
	f, b := ready(t, relay.HubOptions{BufferBytes: 64 << 10, Limits: limits(3)}), newBoard()
	var wg sync.WaitGroup
	for range followers {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			buf := make([]*relay.Entry, 16)
			var from relay.Cursor
			state := make(map[string]string)
			var after uint64 // all up to here was seen
			for visit := range visits {
				s, resumed, err := f.hub.Follow(ctx, relay.ParsePath("a.>"), from, b, nil)
				if err != nil {
					t.Error(err)
					return
				}
				live := resumed
				if !live {
					clear(state)
				}
				for n := 0; after < messages && (visit == visits-1 || n < messages/visits); {
					got, err := s.Next(ctx, buf)
					if err != nil {
						t.Error(err)
						break
					}
					for _, e := range got {
						m := e.Message()
						switch {
						case e.Control() == relay.IDSnapshot:
							live, after, from = true, m.Seq, place(*m)
							continue
						case e.Control() != 0:
							t.Errorf("control %d", e.Control())
						case live && m.Seq != after+1:
							t.Errorf("%d after %d", m.Seq, after)
						case live:
							after, from = m.Seq, place(*m)
						}
						n++
						if state[m.Channel] = string(m.Text); state[m.Channel] == "off" {
							delete(state, m.Channel)
						}
					}
				}
				s.Close()
			}
			if got, want := fmt.Sprint(state), b.String(); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
	for i := range messages {
		text := strconv.Itoa(i)
		if i%3 == 0 {
			text = "off"
		}
		f.tell(b, "a."+strconv.Itoa(i*7%50), text)
		if i%100 == 0 {
			time.Sleep(time.Millisecond)
		}
	}
	wg.Wait()
}

func (b *board) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	state := make(map[string]string)
	for channel, e := range b.last {
		state[channel] = string(e.Message().Text)
	}
	return fmt.Sprint(state)
}

// What it costs to begin with 20,000 active channels, and to read them.
func BenchmarkFollow(b *testing.B) {
	f, state := ready(b, relay.HubOptions{}), newBoard()
	for i := range 20_000 {
		f.tell(state, "a."+strconv.Itoa(i), strings.Repeat("x", 200))
	}
	entries, head, err := state.Snapshot(relay.ParsePath("a.>"))
	if err != nil {
		b.Fatal(err)
	}
	format, err := relay.NewFormat(relay.FormatOptions{Framing: relay.FrameEventChunked, CursorIDs: true})
	if err != nil {
		b.Fatal(err)
	}
	buf := make([]*relay.Entry, 128)
	b.ReportAllocs()
	for b.Loop() {
		s, _, err := f.hub.Follow(b.Context(), relay.ParsePath("a.>"), relay.Cursor{}, fixed{entries, head}, nil)
		if err != nil {
			b.Fatal(err)
		}
		n := 0
		for got := s.Peek(buf); len(got) > 0; got = s.Peek(buf) {
			for _, e := range got {
				e.Frame(format)
			}
			n += len(got)
			s.Advance(got)
		}
		if s.Close(); n != 20_001 {
			b.Fatal(n)
		}
	}
}

// fixed is a snapshot.
type fixed struct {
	entries []*relay.Entry
	head    relay.Head
}

func (s fixed) Snapshot([]relay.Request) ([]*relay.Entry, relay.Head, error) {
	return s.entries, s.head, nil
}
