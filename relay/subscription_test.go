package relay_test

import (
	"testing"

	"alertrelay/relay"
)

// What a poll goes on from: the newest message, stored or not, of the channels
// that it was sent something of, and of nothing after its subscription began.
func TestLatest(t *testing.T) {
	for _, tt := range []struct {
		path, sent string
		latest     uint64 // 0: none
	}{
		{"a.b1", "a1", 3},
		{"b.b1", "b1", 4},
		{"b.b1/a.b1", "b1 a1", 4},
		{"a.b1/b", "a1", 3}, // nothing of b was sent
		{"stored.b1/a.b1", "s a1", 5},
		{"stored/a", "", 0},
		{"*.b1", "s", 0},
	} {
		f := ready(t, relay.HubOptions{})
		unstored := func(channel string) {
			m := f.message(channel, "unstored")
			m.Stored = false
			f.hub.Append(m)
		}
		f.publish("a", "a1")     // 1
		f.publish("b", "b1")     // 2
		unstored("a")            // 3
		unstored("b")            // 4
		f.publish("stored", "s") // 5
		s := subscribe(t, f.hub, tt.path, relay.Cursor{})
		rep, err := s.Drain(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		unstored("a")
		unstored("b") // after the subscription began: not to be passed over
		got := uint64(0)
		if m := s.Latest(rep.Entries); m != nil {
			got = m.Seq
		}
		if sent := texts(rep.Entries); sent != tt.sent {
			t.Errorf("%s: got %q, want %q", tt.path, sent, tt.sent)
		}
		if want := tt.latest; got != want {
			t.Errorf("%s: got %d, want %d", tt.path, got, want)
		}
		s.Close()
	}
}
