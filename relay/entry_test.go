package relay_test

import (
	"bytes"
	"testing"
	"time"

	"alertrelay/relay"
)

// What was rendered is shared until it is forgotten, and then rendered anew.
func TestForget(t *testing.T) {
	f, err := relay.NewFormat(relay.FormatOptions{Template: "[~id~:~text~]", Framing: relay.FrameChunked})
	if err != nil {
		t.Fatal(err)
	}
	e := relay.NewEntry(relay.Message{Seq: 7, Channel: "a", ID: 1, Time: time.Unix(1, 0), Text: []byte("x")})
	first := e.Frame(f)
	if again := e.Frame(f); &again[0] != &first[0] {
		t.Error("it is rendered twice")
	}
	e.Forget()
	if again := e.Frame(f); &again[0] == &first[0] || !bytes.Equal(again, first) {
		t.Errorf("got %q after it was forgotten, and %q before", again, first)
	}
}
