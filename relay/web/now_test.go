package web_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"alertrelay/relay"
	"alertrelay/relay/client"
	"alertrelay/relay/site"
	"alertrelay/relay/store"
)

// board is a state of channels, fed right before the hub is: a channel is active
// unless the text of its newest message ends with "off".
type board struct {
	*relay.Hub
	gate sync.Mutex // held: the hub does not get what the board has

	mu   sync.Mutex // guards what follows
	last map[string]*relay.Entry
	seqs []uint64 // of all messages
	head relay.Head
}

func (b *board) Append(m relay.Message) {
	b.take(m)
	b.gate.Lock()
	defer b.gate.Unlock()
	b.Hub.Append(m)
}

func (b *board) Load(m relay.Message) {
	b.take(m)
	b.Hub.Load(m)
}

func (b *board) Delete(d relay.Deletion) {
	b.mu.Lock()
	delete(b.last, d.Channel)
	b.mu.Unlock()
	b.Hub.Delete(d)
}

func (b *board) take(m relay.Message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.head, b.seqs = relay.Head{Seq: m.Seq, Time: m.Time}, append(b.seqs, m.Seq)
	if b.last[m.Channel] = relay.NewEntry(m); strings.HasSuffix(string(m.Text), "off") {
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
	return all, b.head, nil
}

// after is the sequence of the message that follows one.
func (b *board) after(seq uint64) uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	i, found := slices.BinarySearch(b.seqs, seq)
	if found {
		i++
	}
	if i == len(b.seqs) {
		return 0
	}
	return b.seqs[i]
}

func (b *board) state() map[string]string {
	b.mu.Lock()
	defer b.mu.Unlock()
	state := make(map[string]string)
	for channel, e := range b.last {
		state[channel] = string(e.Message().Text)
	}
	return state
}

// withBoard is a server that knows what is active.
func withBoard(t testing.TB, change ...func(*setup)) (*server, *board) {
	t.Helper()
	b := &board{last: make(map[string]*relay.Entry)}
	return newServer(t, site.Builtin(), append(change, func(o *setup) {
		o.web.Now = b
		o.sink = func(h *relay.Hub) store.Sink {
			b.Hub = h
			return b
		}
	})...), b
}

var (
	poll        = transport{name: "polling", path: "/poll/", polls: true}
	allFive     = append(slices.Clone(transports), poll)
	errSnapshot = errors.New("a snapshot that is not whole")
)

// follower keeps the state of a board from what it is sent, as a client should.
type follower struct {
	transport
	s        *server
	b        *board
	state    map[string]string
	fresh    map[string]string // a snapshot on its way, else nil
	at       mark              // to go on from; zero: a new snapshot
	seen     uint64            // all up to here
	snapshot int               // how many have come
}

func (f *follower) begin() { f.fresh, f.at = make(map[string]string), mark{} }

func (f *follower) end(at mark) {
	f.state, f.fresh, f.at = f.fresh, nil, at
	f.seen, _ = strconv.ParseUint(at.tag, 10, 64)
	f.snapshot++
}

// take takes an event.
func (f *follower) take(e event) error {
	state := f.state
	switch {
	case e.ID == relay.IDSnapshot && f.fresh == nil:
		return fmt.Errorf("%w: %+v", errSnapshot, e)
	case e.ID == relay.IDSnapshot:
		count := len(f.fresh)
		f.end(mark{e.Time, e.Tag})
		if f.name == sse.name {
			return nil // what it carries is in another test
		}
		var said struct{ Count int }
		if err := json.Unmarshal([]byte(e.Text), &said); err != nil || said.Count != count {
			return fmt.Errorf("%w: %d entries, %+v", errSnapshot, count, e)
		}
		return nil
	case e.ID < 0:
		return fmt.Errorf("control message %+v", e)
	case f.fresh != nil:
		state = f.fresh
	case e.tag() != f.b.after(f.seen):
		return fmt.Errorf("%+v after %d", e, f.seen)
	default:
		f.seen, f.at = e.tag(), mark{e.Time, e.Tag}
	}
	if state[e.Channel] = e.Text; strings.HasSuffix(e.Text, "off") {
		delete(state, e.Channel)
	}
	return nil
}

// visit opens the channels, reads until enough, and leaves.
func (f *follower) visit(t testing.TB, channels string, enough func() bool) {
	t.Helper()
	if f.polls {
		for f.at == (mark{}) || !enough() {
			f.ask(t, channels)
		}
		return
	}
	q := "?mode=now"
	var headers []string
	switch {
	case f.at == mark{}:
	case f.name == sse.name:
		at, _ := relay.ParseTime(f.at.time)
		headers = []string{fmt.Sprintf("Last-Event-ID: %d:%s", at.Unix(), f.at.tag)}
	default:
		q += "&time=" + url.QueryEscape(f.at.time) + "&tag=" + f.at.tag
	}
	c := f.s.subscribe(t, f.transport, channels, q, headers...)
	defer c.conn.Close()
	switch v, _ := c.res.header("X-Alertrelay-Snapshot"); v {
	case "":
	case "begin":
		f.begin()
	default:
		t.Fatalf("got %q", v)
	}
	for !enough() {
		if err := f.take(c.next()); err != nil {
			t.Fatal(err)
		}
	}
}

// ask is one poll.
func (f *follower) ask(t testing.TB, channels string) {
	t.Helper()
	var headers []string
	if (f.at != mark{}) {
		headers = []string{"If-Modified-Since: " + f.at.time, "If-None-Match: W/" + f.at.tag}
	}
	r := f.s.get(t, "GET "+f.path+channels+"?mode=now", headers...)
	var at mark
	at.time, _ = r.header("Last-Modified")
	at.tag, _ = r.header("Etag")
	at.tag = strings.TrimPrefix(at.tag, "W/")
	snapshot, _ := r.header("X-Alertrelay-Snapshot")
	if snapshot != "" {
		f.begin()
	}
	for d := json.NewDecoder(strings.NewReader(r.body)); ; {
		var e event
		err := d.Decode(&e)
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = f.take(e)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if snapshot != "" {
		f.end(at)
	}
	f.at = at
	if strings.HasPrefix(r.status, "304") {
		time.Sleep(time.Millisecond)
	}
}

// The acceptance: whoever comes and goes has the server's state in the end, and sees
// each transition after a snapshot once.
func TestNowWhileTransitionsCome(t *testing.T) {
	t.Parallel()
	const transitions, visits = 1000, 20
	for _, tr := range allFive {
		t.Run(tr.name, func(t *testing.T) {
			t.Parallel()
			s, b := withBoard(t)
			var publisher sync.WaitGroup
			defer publisher.Wait()
			publisher.Go(func() {
				for i := range transitions {
					text := strconv.Itoa(i)
					if i%3 == 0 {
						text += " off"
					}
					s.say("web."+strconv.Itoa(i*7%40)+".x", text)
				}
			})
			f := &follower{transport: tr, s: s, b: b}
			for visit := range visits {
				if visit%3 == 0 {
					f.at = mark{}
				}
				stop := f.seen + transitions/visits
				f.visit(t, "web.>", func() bool { return f.fresh == nil && f.seen >= min(stop, transitions) })
			}
			f.visit(t, "web.>", func() bool { return f.fresh == nil && f.seen >= transitions })
			if want := b.state(); f.seen != transitions || !maps.Equal(f.state, want) {
				t.Errorf("at %d: got  %v\nwant %v", f.seen, f.state, want)
			}
			// Where the place is in the buffer nobody needs another.
			if want := (visits + 2) / 3; f.snapshot != want {
				t.Errorf("got %d snapshots, want %d", f.snapshot, want)
			}
		})
	}
}

// A snapshot goes through the writer like everything else: as fast as the client
// reads.
func TestNowOnASlowReader(t *testing.T) {
	t.Parallel()
	const active = 20_000
	s, b := withBoard(t)
	s.say("web.0", "0")
	b.mu.Lock()
	padding := strings.Repeat("x", 200)
	for i := 1; i < active; i++ {
		channel := "web." + strconv.Itoa(i)
		b.last[channel] = relay.NewEntry(relay.Message{Channel: channel, Text: []byte(padding), Time: b.head.Time, Stored: true})
	}
	b.mu.Unlock()
	for _, tr := range []transport{sse, stream, websocket} {
		t.Run(tr.name, func(t *testing.T) {
			f := &follower{transport: tr, s: s, b: b}
			c := s.subscribe(t, tr, "web.>", "?mode=now")
			defer c.conn.Close()
			if tr.name == sse.name {
				narrow(t, c.conn)
			}
			f.begin()
			for n := 0; f.fresh != nil; n++ {
				if n == active/2 {
					s.say("web.0", "again "+tr.name)
				}
				if n%100 == 0 {
					time.Sleep(time.Millisecond)
				}
				if err := f.take(c.next()); err != nil {
					t.Fatal(err)
				}
			}
			if len(f.state) != active {
				t.Errorf("got %d entries, want %d", len(f.state), active)
			}
			c.wants("again " + tr.name)
		})
	}
	r := s.open(t, "GET /poll/web.>?mode=now").response()
	r.stream = true
	body, err := io.ReadAll(readerOnly{r})
	if got := strings.Count(string(body), padding); got != active-1 || err != nil {
		t.Errorf("poll: got %d entries", got)
	}
}

func TestNow(t *testing.T) {
	t.Parallel()
	s, b := withBoard(t)

	r := s.get(t, "GET /poll/db.>?mode=now")
	if got, _ := r.header("X-Alertrelay-Snapshot"); r.status != "200 OK" || r.body != "" || got != "end" {
		t.Errorf("nothing is active: got %s %q %q", r.status, r.headers, r.body)
	}
	at := func(r *response) []string {
		modified, _ := r.header("Last-Modified")
		tag, _ := r.header("Etag")
		return []string{"If-Modified-Since: " + modified, "If-None-Match: " + tag}
	}
	if r = s.get(t, "GET /poll/db.>?mode=now", at(r)...); !strings.HasPrefix(r.status, "304") {
		t.Errorf("nothing has come: got %s %q", r.status, r.headers)
	}
	s.say("db.x", "1")
	s.say("db.y", "2")
	s.say("web.x", "3")
	s.say("db.x", "off")
	s.say("db.z", "5")

	t.Run("eventsource", func(t *testing.T) {
		c := s.open(t, "GET /ev/db.>?mode=now").response()
		body := c.until("the end", func(body string) bool { return strings.Contains(body, `"count"`) && strings.HasSuffix(body, "\n\n") })
		at, tag := s.hub.Head()
		want := fmt.Sprintf("id: %d:%d\nevent: snapshot-end\ndata: {\"id\":-5,\"time\":%q,\"tag\":\"%d\",\"count\":2}\n\n", at.Unix(), tag, relay.FormatTime(at), tag)
		if !strings.HasSuffix(body, want) || strings.Count(body, "\nid:\ndata: {") != 2 {
			t.Errorf("got  %q\nwant %q at its end", body, want)
		}
	})
	t.Run("a break in the middle", func(t *testing.T) {
		c := s.subscribe(t, sse, "db.>", "?mode=now")
		if e := c.wants("2"); e.cursor != "" {
			t.Errorf("got the place %q", e.cursor)
		}
		c.conn.Close()
		// So a browser sends no Last-Event-ID, and begins again.
		c = s.subscribe(t, sse, "db.>", "?mode=now")
		c.wants("2", "5")
		if e := c.next(); e.ID != relay.IDSnapshot || e.kind != "snapshot-end" || e.cursor == "" {
			t.Errorf("got %+v", e)
		}
		c.conn.Close()
	})
	t.Run("a channel, by long-polling", func(t *testing.T) {
		r := s.get(t, "GET /lp/db.y?mode=now")
		if got, _ := r.header("X-Alertrelay-Snapshot"); strings.Count(r.body, `"text":"2"`) != 1 || got != "end" {
			t.Errorf("got %q %q", r.headers, r.body)
		}
		c := s.open(t, "GET /lp/db.y?mode=now", at(r)...)
		s.listeners(t, "db.y", 1)
		s.say("db.y", "6")
		r = c.response()
		if got, has := r.header("X-Alertrelay-Snapshot"); !strings.Contains(r.all(), `"text":"6"`) || has {
			t.Errorf("got %q %q", got, r.body)
		}
	})
	t.Run("JSONP has the end in its body", func(t *testing.T) {
		r := s.get(t, "GET /poll/db.z?mode=now&callback=f")
		if !strings.HasPrefix(r.body, "f([{") || !strings.Contains(r.body, `},{"id":-5,`) {
			t.Errorf("got %q", r.body)
		}
	})
	t.Run("a place that is not there any more", func(t *testing.T) {
		c := s.subscribe(t, sse, "db.z", "?mode=now", "Last-Event-ID: 1795330800:77")
		c.wants("5")
		if e := c.next(); e.ID != relay.IDSnapshot {
			t.Errorf("got %+v", e)
		}
		c.conn.Close()
	})
	t.Run("the end of a channel", func(t *testing.T) {
		for _, path := range []string{"/poll/", "/lp/"} {
			channel := "gone." + path[1:3]
			s.say(channel, "1")
			r := s.get(t, "GET "+path+"gone.>?mode=now")
			s.remove(channel, "bye")
			r = s.get(t, "GET "+path+"gone.>?mode=now", at(r)...)
			if strings.Count(r.body, `"id":-2`) != 1 {
				t.Errorf("%s: got %q", path, r.body)
			}
			r = s.get(t, "GET /poll/gone.>?mode=now", at(r)...)
			r = s.get(t, "GET /poll/gone.>?mode=now", at(r)...)
			if !strings.HasPrefix(r.status, "304") {
				t.Errorf("%s: told again: %s %q", path, r.status, r.body)
			}
		}
	})
	t.Run("the hub is behind", func(t *testing.T) {
		s.say("late", "1")
		b.gate.Lock()
		published, err := s.store.Publish(t.Context(), relay.Publication{Channel: "late", Text: []byte("2")})
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "the board has it", func() bool { return b.after(published.Seq-1) == published.Seq })
		c := s.open(t, "GET /ev/late?mode=now")
		s.listeners(t, "late", 1)
		c.silent()
		b.gate.Unlock()
		s.say("late", "3")
		body := c.response().until("3", func(body string) bool { return strings.Contains(body, `"text":"3"`) })
		if strings.Contains(body, `"text":"1"`) || strings.Count(body, `"text":"2"`) != 1 ||
			strings.Index(body, `"text":"2"`) > strings.Index(body, "snapshot-end") {
			t.Errorf("got %q", body)
		}
	})
}

func TestBeginningsThatMakeNoSense(t *testing.T) {
	t.Parallel()
	with, _ := withBoard(t)
	without := newServer(t, append(site.Builtin(), at(site.ModePoll, "/module/")))
	for _, test := range []struct {
		s            *server
		path, status string
	}{
		{with, "/ev/a?mode=nwo", "400"},
		{with, "/ev/a?mode=now&since=10m", "400"},
		{with, "/lp/a.b3?mode=now", "400"},
		{with, "/poll/a?since=yesterday", "400"},
		{with, "/poll/a?since=-10m", "400"},
		{with, "/poll/a?since=2026-13-01T00:00:00Z", "400"},
		{without, "/sub/a?mode=now", "404"},
		{without, "/poll/a?mode=", "304"},
		{without, "/poll/a?since=", "304"},
		{without, "/module/a?mode=nwo&since=x", "304"},
	} {
		r := test.s.get(t, "GET "+test.path)
		if explain, _ := r.header("X-Nginx-PushStream-Explain"); !strings.HasPrefix(r.status, test.status) || (explain == "") != (test.status == "304") {
			t.Errorf("%s: got %s %q", test.path, r.status, r.headers)
		}
	}
	c := without.subscribe(t, websocket, "a", "?mode=now")
	if e := c.next(); e.kind != "close" || !strings.Contains(e.Text, `"http_status": 404`) {
		t.Errorf("got %+v", e)
	}
}

func TestSince(t *testing.T) {
	t.Parallel()
	s := newServer(t, site.Builtin())
	s.say("old", "1")
	at, _ := s.hub.Head()
	s.say("old", "2", "3")
	for _, since := range []string{
		"10m", "1h30m", "1d", strconv.FormatInt(at.Unix(), 10), at.Format(time.RFC3339), "0",
		url.QueryEscape(at.In(time.FixedZone("", 3600)).Format(time.RFC3339)), at.In(time.FixedZone("", 3600)).Format(time.RFC3339),
	} {
		for _, tr := range transports {
			c := s.subscribe(t, tr, "old", "?since="+since)
			c.wants("1", "2", "3")
			c.conn.Close()
		}
	}
	c := s.subscribe(t, sse, "old", "?since="+at.Add(time.Hour).Format(time.RFC3339))
	s.say("old", "4")
	e := c.wants("4")
	c.conn.Close()
	s.say("old", "5")
	c = s.subscribe(t, sse, "old", "?since=10m", "Last-Event-ID: "+e.cursor) // a browser that comes back
	c.wants("5")
	c.conn.Close()
}

// What it costs a client to open a snapshot of 20,000 channels and to read it.
func BenchmarkNow(b *testing.B) {
	s, state := withBoard(b)
	s.say("web.0", "0")
	text := []byte(strings.Repeat("x", 200))
	state.mu.Lock()
	for i := 1; i < 20_000; i++ {
		channel := "web." + strconv.Itoa(i)
		state.last[channel] = relay.NewEntry(relay.Message{Channel: channel, Text: text, Time: state.head.Time, Stored: true})
	}
	state.mu.Unlock()
	const end = "snapshot-end"
	for b.Loop() {
		r := s.open(b, "GET /ev/web.>?mode=now").response()
		r.stream = true
		r.c.deadline(patience)
		var window []byte
		n := 0
		for buf := make([]byte, 64<<10); !strings.Contains(string(window), end); {
			got, err := r.Read(buf)
			if err != nil {
				b.Fatal(err)
			}
			n += got
			window = append(window[max(0, len(window)-len(end)):], buf[:got]...)
		}
		r.c.Close()
		b.SetBytes(int64(n))
	}
}

// Our own client keeps the state on every transport.
func TestNowWithTheClient(t *testing.T) {
	t.Parallel()
	s, b := withBoard(t)
	s.say("db.x", "1")
	s.say("db.y", "off")
	c, err := client.New("http://" + s.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, tr := range client.Transports() {
		var state, fresh map[string]string
		var kinds []client.NoticeKind
		enough := errors.New("enough")
		o := client.SubscribeOptions{Channels: []string{"db.>"}, Transport: tr, Now: true, PollInterval: time.Millisecond}
		o.Notify = func(n client.Notice) {
			switch kinds = append(kinds, n.Kind); n.Kind {
			case client.SnapshotBegin:
				fresh = make(map[string]string)
			case client.SnapshotEnd:
				state, fresh = fresh, nil
				go s.say("db.z", string(tr))
			}
		}
		err := c.Subscribe(t.Context(), o, func(m client.Message) error {
			if fresh != nil {
				fresh[m.Channel] = m.Text
				return nil
			}
			state[m.Channel] = m.Text
			return enough
		})
		if want := b.state(); !errors.Is(err, enough) || !maps.Equal(state, want) {
			t.Errorf("%s: got %v, %v, want %v; notices %v", tr, state, err, want, kinds)
		}
	}
}
