package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"alertrelay/relay"
)

func TestPublishKeepsWhatItWasGiven(t *testing.T) {
	rig := newRig(t)
	s := rig.open(Options{})
	tests := []relay.Publication{
		{Channel: "ops", Text: []byte("hi")},
		{Channel: "ops"},
		{Channel: "a b*>%.é\xff..", Text: []byte("odd id")},
		{Channel: "bin", Text: []byte("\x00\r\n\xff")},
		{Channel: "ids", EventID: new("1"), EventType: new("böse"), Text: []byte("x")},
		{Channel: "empty", EventID: new(""), EventType: new("")},
		{Channel: "large", Text: bytes.Repeat([]byte("x"), 4<<20)},
	}
	for i, p := range tests {
		if got, want := publish(t, s, p), (relay.Receipt{Seq: uint64(i) + 1}); got != want {
			t.Errorf("%q: got %+v, want %+v", p.Channel, got, want)
		}
		last, _, err := s.Last(t.Context(), p.Channel)
		if err != nil {
			t.Fatal(err)
		}
		archived, err := s.Archive(t.Context(), relay.ArchiveQuery{Channel: p.Channel, Tail: 1})
		if err != nil || len(archived) != 1 {
			t.Fatalf("%q: got %d messages, %v", p.Channel, len(archived), err)
		}
		for _, m := range []relay.Message{last, archived[0]} {
			if m.Seq != uint64(i)+1 || m.Channel != p.Channel || !bytes.Equal(m.Text, p.Text) || !m.Stored ||
				!equal(m.EventID, p.EventID) || !equal(m.EventType, p.EventType) ||
				m.Time.Location() != time.UTC || time.Since(m.Time).Abs() > time.Minute {
				t.Errorf("%q: got %.200v", p.Channel, m)
			}
		}
	}
}

func equal(a, b *string) bool { return a == b || a != nil && b != nil && *a == *b }

func TestPublishErrors(t *testing.T) {
	rig := newRig(t)
	s := rig.open(Options{})
	long := strings.Repeat("x", maxSubject-len("alerts."))
	publish(t, s, text(long, "as long as it can be"))
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, tt := range map[string]struct {
		ctx  context.Context
		p    relay.Publication
		want error
	}{
		"no channel":           {t.Context(), text("", ""), relay.ErrNoChannel},
		"id too long":          {t.Context(), text(long+"x", ""), relay.ErrIDTooLong},
		"id too long, escaped": {t.Context(), text(strings.Repeat(" ", 1100), ""), relay.ErrIDTooLong},
		"text too large":       {t.Context(), relay.Publication{Channel: "a", Text: make([]byte, 9<<20)}, relay.ErrTooLarge},
		"event id too large":   {t.Context(), relay.Publication{Channel: "a", EventID: new(strings.Repeat("x", 70_000))}, relay.ErrTooLarge},
		"conflict":             {t.Context(), relay.Publication{Channel: long, ExpectLast: new(uint64(77))}, relay.ErrConflict},
		"conflict with none":   {t.Context(), relay.Publication{Channel: "none", ExpectLast: new(uint64(1))}, relay.ErrConflict},
		"cancelled":            {cancelled, text("a", ""), relay.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.Publish(tt.ctx, tt.p)
			wantError(t, err, tt.want)
		})
	}
	if _, _, err := s.Last(t.Context(), "none"); !errors.Is(err, relay.ErrNoMessage) {
		t.Errorf("last of nothing: got %v", err)
	}
	if st, err := s.state(t.Context()); err != nil || st.msgs != 1 {
		t.Errorf("got %d messages in the stream, %v, want 1", st.msgs, err)
	}
	publish(t, s, text("a", "the connection is as good as before"))
}

func TestPublishTwice(t *testing.T) {
	rig := newRig(t)
	s := rig.open(Options{})
	a := relay.Publication{Channel: "a", DedupID: "same ", Text: []byte("1")}
	first := publish(t, s, a)
	if got, want := publish(t, s, a), (relay.Receipt{Seq: first.Seq, Duplicate: true}); got != want {
		t.Errorf("again: got %+v, want %+v", got, want)
	}
	b := a
	b.Channel = "b"
	if got := publish(t, s, b); got.Duplicate {
		t.Error("a message to another channel was taken for a duplicate, and is lost")
	}
	if _, id, err := s.Last(t.Context(), "a"); err != nil || id != "same" {
		t.Errorf("got id %q, %v", id, err)
	}
	if got := publish(t, s, text("a", "2")); got.Duplicate {
		t.Error("a publication without an id was taken for a duplicate")
	}
}

func TestCompareAndSet(t *testing.T) {
	rig := newRig(t)
	s := rig.open(Options{})
	alert := func(last uint64) relay.Publication {
		return relay.Publication{Channel: "alert", DedupID: fmt.Sprint("am/fp/", last, "/firing"), ExpectLast: &last}
	}
	first := publish(t, s, alert(0))
	_, err := s.Publish(t.Context(), alert(0))
	wantError(t, err, relay.ErrConflict)
	second := publish(t, s, alert(first.Seq))
	if _, id, err := s.Last(t.Context(), "alert"); err != nil || id != fmt.Sprint("am/fp/", first.Seq, "/firing") {
		t.Errorf("got id %q, %v", id, err)
	}
	if second.Seq != first.Seq+1 {
		t.Errorf("got sequence %d after %d", second.Seq, first.Seq)
	}

	// After a deletion the alert begins again, under the id it had before.
	if _, err := s.DeleteChannel(t.Context(), "alert", nil); err != nil {
		t.Fatal(err)
	}
	again := publish(t, s, alert(0))
	if m, _, err := s.Last(t.Context(), "alert"); err != nil || again.Duplicate || m.Seq != again.Seq {
		t.Errorf("got %+v for a message that is %+v, %v", again, m, err)
	}
}

func TestTimeToLive(t *testing.T) {
	rig := newRig(t)
	s := rig.open(Options{MaxAge: time.Hour, Limits: func(channel string) relay.Limits {
		return relay.Limits{MaxAge: map[string]time.Duration{
			"none": 0, "tiny": time.Millisecond, "odd": 1500 * time.Millisecond, "day": 24 * time.Hour, "same": time.Hour, "short": 5 * time.Minute,
		}[channel]}
	}})
	stream, err := rig.client().Stream(t.Context(), "ALERTS")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		p    relay.Publication
		want string
	}{
		{text("none", ""), ""},
		{text("tiny", ""), "1s"},
		{text("odd", ""), "2s"},
		{text("day", ""), ""},
		{text("same", ""), ""},
		{text("short", ""), "300s"},
		{relay.Publication{Channel: "short", Unstored: true}, "1s"},
		{relay.Publication{Channel: "new", ExpectLast: new(uint64(0))}, ""},
		{relay.Publication{Channel: "tiny", ExpectLast: new(uint64(2))}, ""},
	}
	for _, tt := range tests {
		m, err := stream.GetMsg(t.Context(), publish(t, s, tt.p).Seq)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Header.Get("Nats-TTL"); got != tt.want {
			t.Errorf("%+v: got %q, want %q", tt.p, got, tt.want)
		}
	}
	eventually(t, "messages expire", func() bool {
		msgs, err := s.Archive(t.Context(), relay.ArchiveQuery{Channel: "odd"})
		return err == nil && len(msgs) == 0
	})
}

func TestUnstored(t *testing.T) {
	rig := newRig(t)
	s := rig.open(Options{})
	sink := newRecorder()
	run(t, s, sink)
	sink.waitReady(t)
	publish(t, s, text("live", "kept"))
	last := publish(t, s, relay.Publication{Channel: "live", Text: []byte("passes"), Unstored: true})
	sink.waitSeq(t, last.Seq)
	if got := sink.messages; len(got) != 2 || !got[0].Stored || got[1].Stored || string(got[1].Text) != "passes" {
		t.Errorf("got %+v", got)
	}
	msgs, err := s.Archive(t.Context(), relay.ArchiveQuery{Channel: "live"})
	if err != nil || len(msgs) != 1 || string(msgs[0].Text) != "kept" {
		t.Errorf("got %+v, %v", msgs, err)
	}
	eventually(t, "it is gone", func() bool {
		m, _, err := s.Last(t.Context(), "live")
		return err == nil && string(m.Text) == "kept"
	})
}

// TestResend: the acknowledgement is lost together with the connection.
func TestResend(t *testing.T) {
	for name, p := range map[string]relay.Publication{
		"plain":           text("a", "x"),
		"with id":         {Channel: "a", DedupID: "id"},
		"compare-and-set": {Channel: "a", ExpectLast: new(uint64(0))},
	} {
		t.Run(name, func(t *testing.T) {
			rig := newRig(t)
			s := rig.open(Options{})
			// Nobody hears the first acknowledgement.
			s.acks.close()
			done := make(chan error, 1)
			var got relay.Receipt
			go func() {
				var err error
				got, err = s.Publish(t.Context(), p)
				done <- err
			}()
			eventually(t, "stored", func() bool {
				st, err := s.state(t.Context())
				return err == nil && st.msgs == 1
			})
			var err error
			if s.acks.sub, err = s.nc.Subscribe(s.acks.prefix+"*", s.acks.receive); err != nil {
				t.Fatal(err)
			}
			if err := s.nc.ForceReconnect(); err != nil {
				t.Fatal(err)
			}
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			if want := (relay.Receipt{Seq: 1, Duplicate: p.DedupID != ""}); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
			if st, err := s.state(t.Context()); err != nil || st.msgs != 1 {
				t.Errorf("got %d messages, %v, want 1", st.msgs, err)
			}
		})
	}
}

func TestNATSAway(t *testing.T) {
	rig := newRig(t)
	s := rig.open(Options{})
	rig.stop()
	eventually(t, "the connection is lost", func() bool { return !s.nc.IsConnected() })
	begin := time.Now()
	_, err := s.Publish(t.Context(), text("a", "refused"))
	wantError(t, err, relay.ErrUnavailable)
	_, err = s.DeleteChannel(t.Context(), "a", nil)
	wantError(t, err, relay.ErrUnavailable)
	_, err = s.Archive(t.Context(), relay.ArchiveQuery{Channel: "a"})
	wantError(t, err, relay.ErrUnavailable)
	_, err = s.Archive(t.Context(), relay.ArchiveQuery{Channel: "a", Tail: 1})
	wantError(t, err, relay.ErrUnavailable)
	_, _, err = s.Last(t.Context(), "a")
	wantError(t, err, relay.ErrUnavailable)
	wantError(t, s.Healthy(t.Context()), relay.ErrUnavailable)
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("saying no took %v", took)
	}

	rig.start()
	eventually(t, "the connection is found", func() bool { return s.Healthy(t.Context()) == nil })
	publish(t, s, text("a", "taken"))
	msgs, err := s.Archive(t.Context(), relay.ArchiveQuery{Channel: "a"})
	if err != nil || len(msgs) != 1 || string(msgs[0].Text) != "taken" {
		t.Errorf("got %v, %v: what was refused must not be stored later", msgs, err)
	}
}

func TestJetStreamAway(t *testing.T) {
	rig := newRig(t)
	s := rig.open(Options{})
	if err := rig.client().DeleteStream(t.Context(), "ALERTS"); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	_, err := s.Publish(t.Context(), text("a", ""))
	wantError(t, err, relay.ErrUnavailable)
	_, err = s.Archive(t.Context(), relay.ArchiveQuery{Channel: "a"})
	wantError(t, err, relay.ErrUnavailable)
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("saying no took %v", took)
	}
	if s.Healthy(t.Context()) == nil {
		t.Error("healthy without a stream")
	}
}

func TestConnectionClosed(t *testing.T) {
	rig := newRig(t)
	s := rig.open(Options{})
	sink := newRecorder()
	ended := make(chan error, 1)
	go func() { ended <- s.Run(t.Context(), sink) }()
	sink.waitReady(t)
	s.nc.Close()
	select {
	case err := <-ended:
		wantError(t, err, relay.ErrUnavailable)
	case <-time.After(patience):
		t.Fatal("Run goes on")
	}
	_, err := s.Publish(t.Context(), text("a", ""))
	wantError(t, err, relay.ErrUnavailable)
	_, err = Open(t.Context(), s.nc, Options{})
	wantError(t, err, relay.ErrUnavailable)
}

// TestMessagesOfNATSClients: what nats pub sends is a message like any other.
func TestMessagesOfNATSClients(t *testing.T) {
	rig := newRig(t)
	s := rig.open(Options{})
	sink := newRecorder()
	run(t, s, sink)
	sink.waitReady(t)
	js := rig.client()
	send := func(subject string, h nats.Header) error {
		_, err := js.PublishMsg(t.Context(), &nats.Msg{Subject: subject, Header: h, Data: []byte("x")}, jetstream.WithRetryAttempts(0))
		return err
	}
	for _, h := range []nats.Header{
		{"event-id": {"e"}, "EVENT-TYPE": {"t"}},
		{"Event-Id": {"e"}, "event-id": {"z"}, "EVENT-ID": {"y"}, "Event-Type": {"t", "u"}},
		// All relays take the same.
		{"event-id": {"z"}, "event-Id": {"y"}, "EVENT-ID": {"e"}, "EVENT-type": {"t"}, "eVENT-Type": {"u"}, "event-type": {"v"}},
		{"event-id": {"z"}, "event-Id": {"y"}, "EVENT-ID": {"e"}, "EVENT-type": {"t"}, "eVENT-Type": {"u"}, "event-type": {"v"}},
	} {
		if err := send("alerts.ops", h); err != nil {
			t.Fatal(err)
		}
	}
	sink.waitSeq(t, 4)
	for _, m := range sink.messages {
		if !equal(m.EventID, new("e")) || !equal(m.EventType, new("t")) {
			t.Errorf("got %v, %v", m.EventID, m.EventType)
		}
	}
	for _, h := range []nats.Header{{"Nats-Rollup": {"all"}}, {"Nats-Rollup": {"sub"}}, {"Nats-Schedule": {"@every 1s"}, "Nats-Schedule-Target": {"alerts.x"}}} {
		if err := send("alerts.ops", h); err == nil {
			t.Errorf("%v was taken", h)
		}
	}
	if st, err := s.state(t.Context()); err != nil || st.msgs != 4 {
		t.Errorf("got %d messages, %v, want 4", st.msgs, err)
	}
}
