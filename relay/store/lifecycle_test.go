package store

import (
	"fmt"
	"slices"
	"testing"

	"alertrelay/relay"
)

func TestMarks(t *testing.T) {
	rig := newRig(t)
	s, other := rig.open(Options{}), rig.open(Options{})
	sink := newRecorder()
	run(t, s, sink)
	sink.waitReady(t)
	odd := "a b.*"
	created, err := s.CreateChannel(t.Context(), odd)
	if err != nil {
		t.Fatal(err)
	}
	expired, err := s.ExpireChannel(t.Context(), odd, created.Seq)
	if err != nil {
		t.Fatal(err)
	}
	again, err := other.ExpireChannel(t.Context(), odd, created.Seq)
	if err != nil || again.Seq != expired.Seq {
		t.Errorf("two relays found it idle: got %+v and %+v, %v", expired, again, err)
	}
	next, err := other.ExpireChannel(t.Context(), odd, expired.Seq)
	if err != nil || next.Seq == expired.Seq {
		t.Errorf("idle again: got %+v, %v", next, err)
	}
	calls := sink.waitSeq(t, next.Seq)
	got := append(of(calls, "create"), of(calls, "expire")...)
	want := []call{
		{"create", created.Seq, odd, ""}, {"expire", expired.Seq, odd, fmt.Sprint(created.Seq)}, {"expire", next.Seq, odd, fmt.Sprint(expired.Seq)},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if s.Foreign() != 0 {
		t.Errorf("got %d foreign messages", s.Foreign())
	}
	_, err = s.CreateChannel(t.Context(), "")
	wantError(t, err, relay.ErrNoChannel)
}

// What subscribers have made, and what has ended, is the same for a relay that
// starts later.
func TestMarksOutliveARestart(t *testing.T) {
	rig := newRig(t)
	s := rig.open(Options{})
	var last relay.Receipt
	for _, channel := range []string{"made", "expired", "deleted"} {
		var err error
		if last, err = s.CreateChannel(t.Context(), channel); err != nil {
			t.Fatal(err)
		}
		switch channel {
		case "expired":
			last, err = s.ExpireChannel(t.Context(), channel, last.Seq)
		case "deleted":
			last, err = s.DeleteChannel(t.Context(), channel, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	hub, err := relay.NewHub(relay.HubOptions{EventsChannel: "evs"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(hub.Close)
	run(t, s, hub)
	eventually(t, "the stream has been read", func() bool { return hub.Ready() && hub.Applied() >= last.Seq })
	for channel, want := range map[string]bool{"made": true, "expired": false, "deleted": false, "evs": true} {
		if _, got := hub.Channel(channel); got != want {
			t.Errorf("%s: got %v, want %v", channel, got, want)
		}
	}
}
