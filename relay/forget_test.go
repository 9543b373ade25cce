package relay_test

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"alertrelay/relay"
)

// What was rendered of a message is shared while it is new, and not kept for as
// long as the message is.
func TestFramesAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		format, err := relay.NewFormat(relay.FormatOptions{Template: "[~id~:~text~]", Framing: relay.FrameChunked})
		if err != nil {
			t.Fatal(err)
		}
		h := ready(t, relay.HubOptions{})
		go func() { _ = h.hub.Run(t.Context()) }()
		s := subscribe(t, h.hub, "a", relay.Cursor{})
		time.Sleep(3 * time.Minute)
		h.publish("a", "x")
		e := next(t, s, 1)[0]
		first := e.Frame(format)
		time.Sleep(15 * time.Second)
		if again := e.Frame(format); &again[0] != &first[0] {
			t.Error("it is rendered twice within seconds")
		}
		time.Sleep(time.Minute)
		if again := e.Frame(format); &again[0] == &first[0] || !bytes.Equal(again, first) {
			t.Errorf("after a minute: got %q, want %q rendered anew", again, first)
		}
	})
}

// So it is with many, though one sweep looks at some only.
func TestFramesOfManyAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 50_000
		format, err := relay.NewFormat(relay.FormatOptions{Template: "~text~", Framing: relay.FrameChunked})
		if err != nil {
			t.Fatal(err)
		}
		h := ready(t, relay.HubOptions{Limits: func(string) relay.Limits { return relay.Limits{MaxMessages: n} }})
		go func() { _ = h.hub.Run(t.Context()) }()
		s := subscribe(t, h.hub, "a", relay.Cursor{})
		for range n {
			h.publish("a", "x")
		}
		all := next(t, s, n)
		before := make([]*byte, n)
		for round := range 2 { // whoever comes late has them rendered anew, and not for longer
			for i, e := range all {
				before[i] = &e.Frame(format)[0]
			}
			time.Sleep(time.Minute)
			for i, e := range all {
				if &e.Frame(format)[0] == before[i] {
					t.Fatalf("round %d: what was rendered of entry %d is still there", round, i)
				}
			}
		}
	})
}
