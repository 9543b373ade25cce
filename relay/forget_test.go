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
