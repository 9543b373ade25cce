package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"alertrelay/embedded"
	"alertrelay/relay"
)

// exactly checks that the texts 0 to n-1 came once each, in order.
func exactly(t *testing.T, calls []call, n int) {
	t.Helper()
	if len(calls) != n {
		t.Errorf("got %d messages, want %d", len(calls), n)
	}
	for i, c := range calls {
		if c.text != fmt.Sprint(i) {
			t.Fatalf("got message %v at place %d", c, i)
		}
	}
}

func TestRunInOrder(t *testing.T) {
	const retained, live = 3000, 3000
	rig := newRig(t)
	s := rig.open(Options{})
	js := rig.client()
	subject := func(i int) string { return fmt.Sprintf("alerts.c%d", i%7) }
	fill(t, js, 0, retained, subject)
	sink := newRecorder()
	run(t, s, sink)
	fill(t, js, retained, live, subject)
	calls := sink.waitSeq(t, retained+live)
	sink.waitReady(t)
	var messages []call
	ready := false
	for _, c := range calls {
		switch c.kind {
		case "caught up":
			ready = true
			if len(messages) < retained {
				t.Errorf("caught up after %d messages, want %d at least", len(messages), retained)
			}
		case "load", "append":
			if ready != (c.kind == "append") {
				t.Fatalf("got %v, caught up: %v", c, ready)
			}
			messages = append(messages, c)
		}
	}
	exactly(t, messages, retained+live)
	if s.Missed() != 0 || s.Foreign() != 0 {
		t.Errorf("got %d missed, %d foreign", s.Missed(), s.Foreign())
	}
}

func TestRunOnAnEmptyStream(t *testing.T) {
	rig := newRig(t)
	s := rig.open(Options{})
	sink := newRecorder()
	run(t, s, sink)
	sink.waitReady(t)
	sink.waitSeq(t, publish(t, s, text("a", "x")).Seq)
	if err := s.purge(t.Context(), "a", 100); err != nil {
		t.Fatal(err)
	}
	// Emptied, it still has its last sequence.
	again := newRecorder()
	run(t, rig.open(Options{}), again)
	again.waitReady(t)
	if calls := again.waitSeq(t, 1); len(of(calls, "load")) != 0 {
		t.Errorf("got %v", calls)
	}
}

// TestServerRestart: publishers and the reader see a server stop and start three
// times. Every message that was acknowledged arrives once, in order.
func TestServerRestart(t *testing.T) {
	rig := newRig(t)
	s := rig.open(Options{})
	sink := newRecorder()
	run(t, s, sink)
	sink.waitReady(t)

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wg sync.WaitGroup
	var mu sync.Mutex
	acked := make(map[string]uint64)
	count := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(acked)
	}
	for p := range 4 {
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; {
				body := fmt.Sprintf("%d/%d", p, i)
				r, err := s.Publish(t.Context(), relay.Publication{Channel: fmt.Sprint("c", p), Text: []byte(body), DedupID: body})
				if err != nil {
					if !errors.Is(err, relay.ErrUnavailable) {
						t.Error(err)
						return
					}
					sleep(ctx, 5*time.Millisecond)
					continue
				}
				mu.Lock()
				acked[body] = r.Seq
				mu.Unlock()
				i++
			}
		})
	}
	for range 3 {
		n := count()
		eventually(t, "messages are taken", func() bool { return count() > n+200 })
		rig.stop()
		rig.start()
	}
	n := count()
	eventually(t, "messages are taken", func() bool { return count() > n+200 })
	cancel()
	wg.Wait()

	st, err := s.state(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]uint64)
	for _, c := range of(sink.waitSeq(t, st.last), "append") {
		if got[c.text] != 0 {
			t.Errorf("%v came before", c)
		}
		got[c.text] = c.seq
	}
	for body, seq := range acked {
		if got[body] != seq {
			t.Errorf("%s was acknowledged as %d, got %d", body, seq, got[body])
		}
	}
	if len(of(sink.calls, "reset")) != 0 || s.Missed() != 0 {
		t.Errorf("got a reset, or %d missed", s.Missed())
	}
	t.Logf("%d acknowledged, %d received", len(acked), len(got))
}

// TestConnectBeforeTheServer: a server that comes later is waited for.
func TestConnectBeforeTheServer(t *testing.T) {
	rig := newRig(t)
	rig.stop()
	nc := rig.connect()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := Open(ctx, nc, Options{})
	wantError(t, err, relay.ErrUnavailable)
	opened := make(chan error, 1)
	open := func(nc *nats.Conn, log *slog.Logger) {
		_, err := Open(t.Context(), nc, Options{Log: log})
		opened <- err
	}
	// It gives up when the connection is closed while it waits, and says so.
	other := rig.connect()
	go open(other, slog.New(slog.NewTextHandler(closeOnWrite{other}, nil)))
	wantError(t, <-opened, relay.ErrUnavailable)
	go open(nc, nil)
	rig.start()
	if err := <-opened; err != nil {
		t.Fatal(err)
	}
}

// closeOnWrite closes a connection when something is logged.
type closeOnWrite struct{ nc *nats.Conn }

func (c closeOnWrite) Write(p []byte) (int, error) {
	c.nc.Close()
	return len(p), nil
}

func TestInProcess(t *testing.T) {
	server, err := embedded.Start(t.Context(), embedded.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Stop() }()
	nc, err := server.Connect(NATSOptions(nil)...)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	s, err := Open(t.Context(), nc, Options{})
	if err != nil {
		t.Fatal(err)
	}
	sink := newRecorder()
	stop := run(t, s, sink)
	sink.waitSeq(t, publish(t, s, text("a", "x")).Seq)
	stop()
}

// TestConsumerLost: somebody deletes our consumer.
func TestConsumerLost(t *testing.T) {
	rig := newRig(t)
	s := rig.open(Options{})
	sink := newRecorder()
	run(t, s, sink)
	sink.waitReady(t)
	js := rig.client()
	stream, err := js.Stream(t.Context(), "ALERTS")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		fill(t, js, i*10, 10, func(int) string { return "alerts.a" })
		eventually(t, "a consumer is deleted", func() bool {
			deleted := false
			for name := range stream.ConsumerNames(t.Context()).Name() {
				deleted = stream.DeleteConsumer(t.Context(), name) == nil
			}
			return deleted
		})
	}
	exactly(t, of(sink.waitSeq(t, 30), "append"), 30)
}

func TestConsumersAreTakenAway(t *testing.T) {
	rig := newRig(t)
	s := rig.open(Options{})
	sink := newRecorder()
	stop := run(t, s, sink)
	sink.waitSeq(t, publish(t, s, text("a", "x")).Seq)
	stop()
	stream, err := rig.client().Stream(t.Context(), "ALERTS")
	if err != nil {
		t.Fatal(err)
	}
	if n := stream.CachedInfo().State.Consumers; n != 0 {
		t.Errorf("got %d consumers after the end, want 0", n)
	}
}

// TestBurst: a burst to one channel runs ahead of the reader. All of it arrives.
func TestBurst(t *testing.T) {
	rig := newRig(t)
	s := rig.open(Options{MaxMsgsPerChannel: 20})
	sink := newRecorder()
	run(t, s, sink)
	sink.waitReady(t)
	const n = 5000
	fill(t, rig.client(), 0, n, func(int) string { return "alerts.burst" })
	exactly(t, of(sink.waitSeq(t, n), "append"), n)
}

// slowSink takes nothing until it is let go.
type slowSink struct {
	*recorder
	let chan struct{}
}

func (s *slowSink) Append(m relay.Message) {
	<-s.let
	s.recorder.Append(m)
}

// TestMissed: what the server has removed before it was read is counted.
func TestMissed(t *testing.T) {
	rig := newRig(t)
	s := rig.open(Options{MaxMsgsPerChannel: 20, Slack: 1})
	sink := &slowSink{newRecorder(), make(chan struct{})}
	run(t, s, sink)
	sink.waitReady(t)
	const n = 5000
	fill(t, rig.client(), 0, n, func(int) string { return "alerts.burst" })
	close(sink.let)
	got := uint64(len(of(sink.waitSeq(t, n), "append")))
	if s.Missed() == 0 || got+s.Missed() != n {
		t.Errorf("got %d messages and %d missed of %d", got, s.Missed(), n)
	}
}

// TestLargerThanARequest: one message may be more than a request asks for.
func TestLargerThanARequest(t *testing.T) {
	dir := t.TempDir()
	server, err := embedded.Start(t.Context(), embedded.Options{Dir: dir, MaxPayloadBytes: 32 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Stop() }()
	nc, err := server.Connect(NATSOptions(nil)...)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	s, err := Open(t.Context(), nc, Options{})
	if err != nil {
		t.Fatal(err)
	}
	sink := newRecorder()
	stop := run(t, s, sink)
	sink.waitReady(t)
	for range 2 {
		publish(t, s, relay.Publication{Channel: "large", Text: make([]byte, pullBytes+1)})
		sink.waitSeq(t, publish(t, s, text("small", "x")).Seq)
	}
	stop()
}

// TestForeignSubjects: what Subject does not make is counted and passed over.
func TestForeignSubjects(t *testing.T) {
	rig := newRig(t)
	s := rig.open(Options{})
	js := rig.client()
	if _, err := js.Publish(t.Context(), "alerts.retained%2e", nil); err != nil {
		t.Fatal(err)
	}
	sink := newRecorder()
	run(t, s, sink)
	sink.waitReady(t)
	raw, err := nats.Connect("nats://" + rig.listen)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	foreign := []string{"alerts.*", "alerts.>", "alerts.a.*", "alerts.%2e", "alerts.%41", "alerts.a%", "alertsctl.*", "alertsctl.%2e"}
	for _, subject := range foreign {
		if err := raw.Publish(subject, []byte("foreign")); err != nil {
			t.Fatal(err)
		}
	}
	unknown := &nats.Msg{Subject: "alertsctl.a", Header: nats.Header{headerControl: {"explode"}}}
	if _, err := js.PublishMsg(t.Context(), unknown); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all is stored", func() bool {
		st, err := s.state(t.Context())
		return err == nil && st.msgs == uint64(len(foreign))+2
	})
	sink.waitSeq(t, publish(t, s, text("*", "ours")).Seq)
	if got, want := s.Foreign(), uint64(len(foreign))+2; got != want {
		t.Errorf("got %d foreign messages, want %d", got, want)
	}
	if got := sink.messages; len(got) != 1 || got[0].Channel != "*" {
		t.Errorf("got %+v, want the one of ours", got)
	}
	for _, channel := range []string{">", "*"} {
		msgs, err := s.Archive(t.Context(), relay.ArchiveQuery{Channel: channel})
		if err != nil || len(msgs) != 1 || msgs[0].Channel != "*" {
			t.Errorf("archive of %s: got %+v, %v", channel, msgs, err)
		}
	}
	// The channel "*" is not all channels.
	publish(t, s, text("a", "neighbour"))
	if _, err := s.DeleteChannel(t.Context(), "*", nil); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Last(t.Context(), "a"); err != nil {
		t.Errorf("deleting channel * has emptied its neighbour: %v", err)
	}
	_, _, err = s.Last(t.Context(), "*")
	wantError(t, err, relay.ErrNoMessage)
}

// What is published after the stream was found empty, and before its channels are
// counted, is read and not passed over.
func TestPublishedWhileStarting(t *testing.T) {
	rig := newRig(t)
	s := rig.open(Options{})
	st, err := s.state(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	publish(t, s, text("a", "x"))
	r := newReader(s, newRecorder())
	if err := r.prepare(t.Context(), st); err != nil {
		t.Fatal(err)
	}
	if pos := r.pos.Load(); pos != 0 || !r.warm {
		t.Errorf("the reader stands at %d and is warming up: %v; want 0, true", pos, r.warm)
	}
}
