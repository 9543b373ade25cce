package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"alertrelay/relay"
)

// lastOfEach returns what LastOfEach brings of channels whose messages are all kept.
func lastOfEach(t testing.TB, s *Store) []relay.Message {
	t.Helper()
	var got []relay.Message
	err := s.LastOfEach(t.Context(), func(m relay.Message) error {
		if n := len(got); n > 0 && m.Seq <= got[n-1].Seq {
			t.Errorf("sequence %d comes after %d", m.Seq, got[n-1].Seq)
		}
		got = append(got, m)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func history(t testing.TB, s *Store, q HistoryQuery) []string {
	t.Helper()
	var got []string
	last := q.After
	err := s.History(t.Context(), q, func(m relay.Message) error {
		if m.Seq <= last {
			t.Errorf("%+v: sequence %d comes after %d", q, m.Seq, last)
		}
		last = m.Seq
		got = append(got, m.Channel+"="+string(m.Text))
		return nil
	})
	if err != nil {
		t.Fatalf("%+v: %v", q, err)
	}
	return got
}

func TestHead(t *testing.T) {
	rig := newRig(t)
	s := rig.open(Options{})
	if seq, at, err := s.Head(t.Context()); err != nil || seq != 0 || !at.IsZero() {
		t.Errorf("of an empty stream: got %d, %v, %v", seq, at, err)
	}
	want := publish(t, s, text("a", "x")).Seq
	if seq, at, err := s.Head(t.Context()); err != nil || seq != want || time.Since(at) > time.Minute {
		t.Errorf("got %d, %v, %v, want %d", seq, at, err, want)
	}
	if err := s.purge(t.Context(), "a", want+1); err != nil {
		t.Fatal(err)
	}
	if seq, _, err := s.Head(t.Context()); err != nil || seq != want {
		t.Errorf("of a stream that was emptied: got %d, %v, want %d", seq, err, want)
	}
	rig.stop()
	eventually(t, "the connection is lost", func() bool { return !s.nc.IsConnected() })
	_, _, err := s.Head(t.Context())
	wantError(t, err, relay.ErrUnavailable)
}

func TestLastOfEach(t *testing.T) {
	const channels, again = 20_000, 2000
	rig := newRig(t)
	s := rig.open(Options{})
	for _, replicas := range []int64{3, 1} { // as if
		s.replicas.Store(replicas)
		if got := lastOfEach(t, s); len(got) != 0 {
			t.Errorf("of an empty stream: got %v", got)
		}
	}
	js := rig.client()
	subject := func(i int) string { return fmt.Sprintf("alerts.db.c%d.am-%d", i%channels%7, i%channels) }
	fill(t, js, 0, channels+again, subject)
	for _, forged := range []string{"alerts.*", "alerts.%2a", "alerts.%zz", "alerts.%41"} {
		if err := js.Conn().Publish(forged, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := js.Conn().Flush(); err != nil {
		t.Fatal(err)
	}
	rig.rawPublish("alerts.forged", forgeries...)
	if _, err := s.CreateChannel(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all is stored", func() bool {
		st, err := s.state(t.Context())
		return err == nil && st.last == uint64(channels+again+4+len(forgeries)+1)
	})
	begin := time.Now()
	got := make(map[string]string)
	n := 0
	if err := s.LastOfEach(t.Context(), func(m relay.Message) error {
		got[m.Channel] = string(m.Text)
		n++
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d channels in %v", n, time.Since(begin))
	if n != channels+1 || len(got) != n {
		t.Errorf("got %d messages of %d channels, want %d", n, len(got), channels+1)
	}
	for i := again; i < channels+again; i++ {
		channel, _ := Channel("alerts", subject(i))
		if want := strconv.Itoa(i); got[channel] != want {
			t.Fatalf("%s: got %q, want %q", channel, got[channel], want)
		}
	}
	if text, ok := got["forged"]; !ok || text != "" {
		t.Errorf("of the forged channel: got %q, %v", text, ok)
	}

	stop := errors.New("enough")
	n = 0
	err := s.LastOfEach(t.Context(), func(relay.Message) error { n++; return stop })
	if !errors.Is(err, stop) || n != 1 {
		t.Errorf("got %v after %d", err, n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantError(t, s.LastOfEach(ctx, func(relay.Message) error { return nil }), relay.ErrUnavailable)
}

// Of a channel whose newest message is not to be kept, the one before it counts.
func TestLastOfEachIsKept(t *testing.T) {
	rig := newRig(t)
	s := rig.open(Options{})
	publish(t, s, text("a", "kept"))
	publish(t, s, text("a", "kept too"))
	publish(t, s, text("b", "kept"))
	// As an unstored message, but for the TTL, which a busy machine may exceed.
	for _, channel := range []string{"a", "never kept"} {
		msg := nats.Msg{Subject: Subject("alerts", channel), Header: nats.Header{headerStore: {storeOff}}}
		if _, err := rig.client().PublishMsg(t.Context(), &msg); err != nil {
			t.Fatal(err)
		}
	}
	got := make(map[string]string)
	if err := s.LastOfEach(t.Context(), func(m relay.Message) error { got[m.Channel] = string(m.Text); return nil }); err != nil {
		t.Fatal(err)
	}
	if want := map[string]string{"a": "kept too", "b": "kept"}; !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Whoever publishes meanwhile does not keep it from ending, nor hides a channel.
func TestLastOfEachWhilePublishing(t *testing.T) {
	rig := newRig(t)
	s := rig.open(Options{})
	const channels = 50
	for i := range channels {
		publish(t, s, text(strconv.Itoa(i), "x"))
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ctx.Err() == nil; i++ {
			_, _ = s.Publish(ctx, text(strconv.Itoa(i%channels), "y")) // until it is cancelled
		}
	}()
	defer func() { cancel(); <-done }()
	for range 20 {
		got := make(map[string]bool)
		for _, m := range lastOfEach(t, s) {
			got[m.Channel] = true
		}
		if len(got) != channels {
			t.Errorf("got %d channels, want %d", len(got), channels)
		}
	}
}

func TestHistory(t *testing.T) {
	rig := newRig(t)
	s := rig.open(Options{})
	if got := history(t, s, HistoryQuery{Channel: ">"}); got != nil {
		t.Errorf("of an empty stream: got %v", got)
	}
	var seqs []uint64
	var times []time.Time
	for i, channel := range []string{"db.a", "db.b", "ops", "db.a", "db.a.x", ".db", "ops"} {
		seq := publish(t, s, text(channel, strconv.Itoa(i))).Seq
		at, _, err := s.StoredAt(t.Context(), seq)
		if err != nil {
			t.Fatal(err)
		}
		seqs, times = append(seqs, seq), append(times, at)
		time.Sleep(2 * time.Millisecond)
	}
	publish(t, s, relay.Publication{Channel: "ops", Text: []byte("x"), Unstored: true})
	if err := rig.client().Conn().Publish("alerts.db.*", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.CreateChannel(t.Context(), "db.c"); err != nil {
		t.Fatal(err)
	}
	all := []string{"db.a=0", "db.b=1", "ops=2", "db.a=3", "db.a.x=4", ".db=5", "ops=6"}
	for _, tt := range []struct {
		q    HistoryQuery
		want []string
	}{
		{HistoryQuery{Channel: ">"}, all},
		{HistoryQuery{Channel: "db.a"}, []string{"db.a=0", "db.a=3"}},
		{HistoryQuery{Channel: "none"}, nil},
		{HistoryQuery{Channel: "db.*"}, []string{"db.a=0", "db.b=1", "db.a=3"}},
		{HistoryQuery{Channel: "db.>"}, []string{"db.a=0", "db.b=1", "db.a=3", "db.a.x=4"}},
		{HistoryQuery{Channel: "*"}, []string{"ops=2", "ops=6"}},
		{HistoryQuery{Channel: ">", Limit: 2}, all[:2]},
		{HistoryQuery{Channel: ">", Limit: len(all)}, all},
		{HistoryQuery{Channel: ">", After: seqs[2]}, all[3:]},
		{HistoryQuery{Channel: ">", After: seqs[2], Limit: 1}, all[3:4]},
		{HistoryQuery{Channel: ">", After: 1000}, nil},
		{HistoryQuery{Channel: ">", Since: times[3]}, all[3:]},
		{HistoryQuery{Channel: ">", Since: times[3].Add(1)}, all[4:]},
		{HistoryQuery{Channel: ">", Since: time.Now().Add(time.Hour)}, nil},
		{HistoryQuery{Channel: ">", Until: times[3]}, all[:3]},
		{HistoryQuery{Channel: ">", Since: times[1], Until: times[3]}, all[1:3]},
		{HistoryQuery{Channel: ">", Since: times[1], After: seqs[3]}, all[4:]},
		{HistoryQuery{Channel: ">", Since: times[4], After: seqs[1]}, all[4:]},
		{HistoryQuery{Channel: ">", Since: times[1], After: 1000}, nil},
		{HistoryQuery{Channel: "db.>", Since: times[1], Until: times[4], After: seqs[0], Limit: 2}, []string{"db.b=1", "db.a=3"}},
	} {
		s.replicas.Store(1)
		if got := history(t, s, tt.q); !slices.Equal(got, tt.want) {
			t.Errorf("%+v: got %q, want %q", tt.q, got, tt.want)
		}
		s.replicas.Store(3) // as if: the end is looked for in another way
		if got := history(t, s, tt.q); !slices.Equal(got, tt.want) {
			t.Errorf("%+v: with replicas, got %q, want %q", tt.q, got, tt.want)
		}
	}
	never := func(relay.Message) error { t.Error("called"); return nil }
	wantError(t, s.History(t.Context(), HistoryQuery{}, never), relay.ErrNoChannel)
	wantError(t, s.History(t.Context(), HistoryQuery{Channel: "a.*b.>"}, never), relay.ErrReservedID)
	wantError(t, s.History(t.Context(), HistoryQuery{Channel: strings.Repeat("x", 5000)}, never), relay.ErrIDTooLong)
	wantError(t, s.History(t.Context(), HistoryQuery{Channel: strings.Repeat("x", 5000) + ".*"}, never), relay.ErrIDTooLong)
	stop := errors.New("enough")
	wantError(t, s.History(t.Context(), HistoryQuery{Channel: ">"}, func(relay.Message) error { return stop }), stop)
}

func TestHistoryForgedHeaders(t *testing.T) {
	rig := newRig(t)
	s := rig.open(Options{})
	rig.rawPublish("alerts.forged", forgeries...)
	eventually(t, "all is stored", func() bool {
		st, err := s.state(t.Context())
		return err == nil && st.last == uint64(len(forgeries))
	})
	if got := history(t, s, HistoryQuery{Channel: ">"}); len(got) != len(forgeries) {
		t.Errorf("got %d messages, want %d", len(got), len(forgeries))
	}
}

func TestHistoryIsForAFewAtATime(t *testing.T) {
	rig := newRig(t)
	s := rig.open(Options{})
	publish(t, s, text("a", "x"))
	release, inside := make(chan struct{}), make(chan struct{})
	done := make(chan error, historiesMax)
	for range historiesMax {
		go func() {
			done <- s.History(t.Context(), HistoryQuery{Channel: "a"}, func(relay.Message) error {
				inside <- struct{}{}
				<-release
				return nil
			})
		}()
	}
	for range historiesMax {
		<-inside
	}
	wantError(t, s.History(t.Context(), HistoryQuery{Channel: "a"}, func(relay.Message) error { return nil }), relay.ErrUnavailable)
	close(release)
	for range historiesMax {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if got := history(t, s, HistoryQuery{Channel: "a"}); len(got) != 1 {
		t.Errorf("got %v", got)
	}
}

// A server that is restarted in the middle costs no message and brings none twice.
func TestHistoryOverRestart(t *testing.T) {
	const n = 5000
	rig := newRig(t)
	s := rig.open(Options{})
	fill(t, rig.client(), 0, n, func(i int) string { return "alerts.c" + strconv.Itoa(i%10) })
	want := 0
	err := s.History(t.Context(), HistoryQuery{Channel: ">", Since: time.Now().Add(-time.Hour)}, func(m relay.Message) error {
		if string(m.Text) != strconv.Itoa(want) {
			return fmt.Errorf("got %s, want %d", m.Text, want)
		}
		if want++; want == 100 {
			rig.stop()
			rig.start()
		}
		return nil
	})
	if err != nil || want != n {
		t.Errorf("got %d messages, %v, want %d", want, err, n)
	}
	rig.stop()
	eventually(t, "the connection is lost", func() bool { return !s.nc.IsConnected() })
	wantError(t, s.History(t.Context(), HistoryQuery{Channel: ">"}, func(relay.Message) error { return nil }), relay.ErrUnavailable)
	wantError(t, s.LastOfEach(t.Context(), func(relay.Message) error { return nil }), relay.ErrUnavailable)
}

// What is under way is bounded however slowly it is taken.
func TestScansAreBounded(t *testing.T) {
	rig := newRig(t)
	s := rig.open(Options{})
	body := bytes.Repeat([]byte("x"), 256<<10)
	const n = 100 // 25 MiB
	for i := range n {
		publish(t, s, relay.Publication{Channel: strconv.Itoa(i), Text: body})
	}
	for name, scan := range map[string]func(each func(relay.Message) error) error{
		"last of each": func(each func(relay.Message) error) error { return s.LastOfEach(t.Context(), each) },
		"history": func(each func(relay.Message) error) error {
			return s.History(t.Context(), HistoryQuery{Channel: ">"}, each)
		},
	} {
		came := s.nc.Stats().InBytes
		taken, most := 0, 0
		err := scan(func(relay.Message) error {
			if taken++; taken%20 == 1 {
				time.Sleep(100 * time.Millisecond) // for all that was asked for to come
				most = max(most, int(s.nc.Stats().InBytes-came)-taken*len(body))
			}
			return nil
		})
		if err != nil || taken != n {
			t.Errorf("%s: got %d messages, %v, want %d", name, taken, err, n)
		}
		if most == 0 || most > 2*sweepBytes {
			t.Errorf("%s: %d bytes were under way, want some, and at most %d", name, most, 2*sweepBytes)
		}
	}
}

func BenchmarkLastOfEach(b *testing.B) {
	for _, channels := range []int{20_000, 100_000} {
		b.Run(strconv.Itoa(channels), func(b *testing.B) {
			rig := newRig(b)
			s := rig.open(Options{})
			fill(b, rig.client(), 0, channels, func(i int) string { return fmt.Sprintf("alerts.db.critical.DiskFull.am-%d", i) })
			for b.Loop() {
				n := 0
				if err := s.LastOfEach(b.Context(), func(relay.Message) error { n++; return nil }); err != nil || n != channels {
					b.Fatal(n, err)
				}
			}
		})
	}
}
