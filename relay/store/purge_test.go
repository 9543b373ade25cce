package store

import (
	"fmt"
	"testing"

	"github.com/nats-io/nats.go"

	"alertrelay/relay"
)

// TestDeleteChannel: two relays are told at the same place in the order, and the
// messages are gone.
func TestDeleteChannel(t *testing.T) {
	rig := newRig(t)
	stores, sinks := [2]*Store{}, [2]*recorder{newRecorder(), newRecorder()}
	for i := range stores {
		stores[i] = rig.open(Options{})
		run(t, stores[i], sinks[i])
		sinks[i].waitReady(t)
	}
	want := []string{
		`append 1 a "1"`, `append 2 b "2"`, `append 3 a "3"`, `delete 4 a "bye"`, `append 5 a "5"`, `delete 6 none ""`, `append 7 b "7"`,
	}
	publish(t, stores[0], text("a", "1"))
	publish(t, stores[1], text("b", "2"))
	publish(t, stores[1], text("a", "3"))
	for _, sink := range sinks {
		sink.waitSeq(t, 3) // a relay that is behind would find them purged
	}
	if r, err := stores[0].DeleteChannel(t.Context(), "a", []byte("bye")); err != nil || r.Seq != 4 {
		t.Fatalf("got %+v, %v", r, err)
	}
	publish(t, stores[0], text("a", "5"))
	if _, err := stores[1].DeleteChannel(t.Context(), "none", []byte{}); err != nil {
		t.Fatal(err)
	}
	publish(t, stores[0], text("b", "7"))
	for i, sink := range sinks {
		var got []string
		for _, c := range sink.waitSeq(t, 7) {
			if c.kind == "append" || c.kind == "delete" {
				got = append(got, c.String())
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("relay %d: got %q, want %q", i, got, want)
		}
		msgs, err := stores[i].Archive(t.Context(), relay.ArchiveQuery{Channel: "a"})
		if err != nil || len(msgs) != 1 || msgs[0].Seq != 5 {
			t.Errorf("relay %d: got %v, %v, want the message after the deletion", i, msgs, err)
		}
	}
	_, err := stores[0].DeleteChannel(t.Context(), "", nil)
	wantError(t, err, relay.ErrNoChannel)
}

// TestDeletionsAtWarmUp: what was deleted is not there after a restart, and what
// came later is; a purge that was left undone is done.
func TestDeletionsAtWarmUp(t *testing.T) {
	rig := newRig(t)
	s := rig.open(Options{})
	publish(t, s, text("done", "old"))
	publish(t, s, text("undone", "old"))
	if _, err := s.DeleteChannel(t.Context(), "done", nil); err != nil {
		t.Fatal(err)
	}
	// The relay that deleted this one died before it could purge.
	if _, err := rig.client().PublishMsg(t.Context(), &nats.Msg{Subject: "alertsctl.undone"}); err != nil {
		t.Fatal(err)
	}
	publish(t, s, text("undone", "new"))

	sink := newRecorder()
	run(t, s, sink)
	sink.waitReady(t)
	var got []string
	for _, c := range sink.waitSeq(t, 5) {
		if c.channel != "" && c.kind != "restore" {
			got = append(got, c.String())
		}
	}
	want := []string{`load 2 undone "old"`, `delete 4 undone ""`, `load 5 undone "new"`}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %q, want %q", got, want)
	}
	eventually(t, "the purge is done", func() bool {
		msgs, err := s.Archive(t.Context(), relay.ArchiveQuery{Channel: "undone"})
		return err == nil && len(msgs) == 1 && string(msgs[0].Text) == "new"
	})
}
