package store

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"alertrelay/relay"
)

// TestArchive compares queries with what is known of a stream with thousands of
// messages and holes.
func TestArchive(t *testing.T) {
	const n = 3500
	rig := newRig(t)
	s := rig.open(Options{MaxMsgsPerChannel: 1099, Slack: 1})
	channelOf := func(i int) string {
		switch {
		case i%100 == 7:
			return "rare.one"
		case i%3 == 0:
			return "db.critical"
		case i%3 == 1:
			return "db.warning.disk"
		}
		return "hot" // most of it is removed by its limit
	}
	js := rig.client()
	fill(t, js, 0, n/2, func(i int) string { return Subject("alerts", channelOf(i)) })
	time.Sleep(2 * time.Millisecond) // a time between two messages
	middle := time.Now()
	time.Sleep(2 * time.Millisecond)
	fill(t, js, n/2, n-n/2, func(i int) string { return Subject("alerts", channelOf(i)) })

	// What there is: message i has sequence i+1.
	kept := make(map[string]int)
	retained := make([]bool, n)
	for i := n - 1; i >= 0; i-- {
		c := channelOf(i)
		kept[c]++
		retained[i] = kept[c] <= 1100
	}
	expect := func(q relay.ArchiveQuery) []uint64 {
		var seqs []uint64
		for i := range n {
			seq := uint64(i) + 1
			if retained[i] && relay.Match(q.Channel, channelOf(i)) && seq >= q.From && (q.Before == 0 || seq < q.Before) &&
				(q.Since.IsZero() || i >= n/2) {
				seqs = append(seqs, seq)
			}
		}
		if q.Tail > 0 {
			return seqs[max(0, len(seqs)-q.Tail):]
		}
		if q.Limit > 0 {
			return seqs[:min(q.Limit, len(seqs))]
		}
		return seqs
	}
	check := func(q relay.ArchiveQuery) {
		t.Helper()
		msgs, err := s.Archive(t.Context(), q)
		if err != nil {
			t.Fatalf("%+v: %v", q, err)
		}
		want := expect(q)
		if len(msgs) != len(want) {
			t.Fatalf("%+v: got %d messages, want %d", q, len(msgs), len(want))
		}
		for i, m := range msgs {
			if m.Seq != want[i] || string(m.Text) != strconv.FormatUint(m.Seq-1, 10) || m.Channel != channelOf(int(m.Seq)-1) {
				t.Fatalf("%+v: at place %d got %+v, want sequence %d", q, i, m, want[i])
			}
		}
	}
	channels := []string{"rare.one", "hot", "none", ">", "db.>", "*.one", "none.>"}
	for _, channel := range channels {
		for _, q := range []relay.ArchiveQuery{
			{},
			{Limit: 1},
			{Limit: 999},
			{Limit: 1000},
			{Limit: 1001},
			{Limit: 2500},
			{Limit: 1000, From: 1001},
			{Limit: n},
			{Tail: 1},
			{Tail: 999},
			{Tail: 1000},
			{Tail: 1001},
			{Tail: n},
			{Tail: 10, Before: 2000},
			{Tail: 10, Before: n + 1},
			{Tail: 5, Before: 1},
			{Tail: 5, From: n},
			{From: n},
			{From: n + 1},
			{From: n + 100},
			{Before: 1},
			{Before: 2},
			{From: 1000, Before: 1000},
			{From: 1000, Before: 1001},
			{From: 1001, Before: 2001},
			{Since: middle},
			{Since: middle, Tail: 3},
			{Since: middle, Limit: 3},
			{Since: middle, From: 3000, Before: 4000},
			{Since: middle, Before: 10},
		} {
			q.Channel = channel
			check(q)
		}
	}
	for range 50 {
		q := relay.ArchiveQuery{Channel: channels[rand.IntN(len(channels))], From: rand.Uint64N(n + 2), Before: rand.Uint64N(n + 2)}
		if rand.IntN(2) == 0 {
			q.Tail = 1 + rand.IntN(n)
		} else {
			q.Limit = rand.IntN(n)
		}
		check(q)
	}
	future, err := s.Archive(t.Context(), relay.ArchiveQuery{Channel: ">", Since: time.Now().Add(time.Hour)})
	if err != nil || len(future) != 0 {
		t.Errorf("since a time to come: got %d messages, %v", len(future), err)
	}
}

// TestArchiveOfLargeMessages: a page ends by its bytes before it is full.
func TestArchiveOfLargeMessages(t *testing.T) {
	rig := newRig(t)
	s := rig.open(Options{})
	const large = 7
	for i := range large {
		publish(t, s, relay.Publication{Channel: fmt.Sprint("c.", i%2), Text: bytes.Repeat([]byte{byte(i)}, 3<<20)})
	}
	for _, q := range []relay.ArchiveQuery{{Channel: "c.*"}, {Channel: "c.*", Tail: large}} {
		msgs, err := s.Archive(t.Context(), q)
		if err != nil || len(msgs) != large {
			t.Fatalf("%+v: got %d messages, %v", q, len(msgs), err)
		}
		for i, m := range msgs {
			if len(m.Text) != 3<<20 || m.Text[0] != byte(i) {
				t.Errorf("%+v: message %d is not what it was", q, i)
			}
		}
	}
}

// TestArchiveOfOddNames: where the server's wildcards and ours differ, ours hold.
func TestArchiveOfOddNames(t *testing.T) {
	rig := newRig(t)
	s := rig.open(Options{})
	for _, channel := range []string{"a.b", "a..b", "a.b c", "a", "a.*"} {
		publish(t, s, text(channel, channel))
	}
	for channel, want := range map[string][]string{
		"a.*": {"a.b", "a.b c", "a.*"}, "a.>": {"a.b", "a..b", "a.b c", "a.*"}, "a..b": {"a..b"}, "a.b c": {"a.b c"},
	} {
		msgs, err := s.Archive(t.Context(), relay.ArchiveQuery{Channel: channel})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range msgs {
			got = append(got, m.Channel)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%q: got %q, want %q", channel, got, want)
		}
	}
}

// TestTornPage: the connection breaks in the middle of an answer. There is an
// error; never a hole.
func TestTornPage(t *testing.T) {
	rig := newRig(t)
	s := rig.open(Options{})
	s.stream = &stream{nc: s.nc, name: "TORN"} // we answer in its place
	nc := rig.client().Conn()
	message := func(seq, last, pending int) *nats.Msg {
		return &nats.Msg{Data: []byte("x"), Header: nats.Header{
			headerSubject: {"alerts.a"}, headerSequence: {strconv.Itoa(seq)}, headerTime: {"2026-01-01T00:00:00Z"},
			headerPending: {strconv.Itoa(pending)}, headerLast: {strconv.Itoa(last)},
		}}
	}
	end := func(last, pending int) *nats.Msg {
		return &nats.Msg{Header: nats.Header{
			headerStatus: {"204"}, headerDescription: {"EOB"}, headerPending: {strconv.Itoa(pending)}, headerLast: {strconv.Itoa(last)},
		}}
	}
	for name, tt := range map[string]struct {
		answers []*nats.Msg
		want    int // -1: an error
	}{
		"whole":                  {[]*nats.Msg{message(2, 0, 2), message(5, 2, 1), message(9, 5, 0), end(9, 0)}, 3},
		"the first is missing":   {[]*nats.Msg{message(5, 2, 1), message(9, 5, 0), end(9, 0)}, -1},
		"a middle is missing":    {[]*nats.Msg{message(2, 0, 2), message(9, 5, 0), end(9, 0)}, -1},
		"the last is missing":    {[]*nats.Msg{message(2, 0, 2), message(5, 2, 1), end(9, 0)}, -1},
		"all but the end":        {[]*nats.Msg{end(9, 0)}, -1},
		"nothing":                {[]*nats.Msg{{Header: nats.Header{headerStatus: {"404"}}}}, 0},
		"the server has trouble": {[]*nats.Msg{{Header: nats.Header{headerStatus: {"500"}}}}, -1},
	} {
		t.Run(name, func(t *testing.T) {
			sub, err := nc.Subscribe("$JS.API.DIRECT.GET.TORN", func(m *nats.Msg) {
				for _, answer := range tt.answers {
					_ = m.RespondMsg(answer) // an error shows as a page that does not come
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = sub.Unsubscribe() }()
			if err := nc.Flush(); err != nil {
				t.Fatal(err)
			}
			msgs, err := s.Archive(t.Context(), relay.ArchiveQuery{Channel: "a"})
			if tt.want < 0 {
				wantError(t, err, relay.ErrUnavailable)
			} else if err != nil || len(msgs) != tt.want {
				t.Errorf("got %d messages, %v, want %d", len(msgs), err, tt.want)
			}
		})
	}
}
