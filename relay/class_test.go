package relay_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"alertrelay/relay"
)

func TestChannelClassesAreCountedApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := ready(t, relay.HubOptions{WildcardPrefix: "bd_", MaxChannels: 2, MaxWildcardChannels: 1})
		go func() { _ = f.hub.Run(t.Context()) }()
		counts := func(normal, prefixed int) {
			t.Helper()
			if n, p := f.hub.ChannelCounts(); n != normal || p != prefixed {
				t.Errorf("got %d and %d channels, want %d and %d", n, p, normal, prefixed)
			}
		}
		subscribed := func(path string, want error) {
			t.Helper()
			s, err := f.hub.Subscribe(relay.ParsePath(path), relay.Cursor{}, nil)
			if !errors.Is(err, want) {
				t.Errorf("%s: got %v, want %v", path, err, want)
			}
			if err == nil {
				s.Close()
			}
		}
		counts(0, 0)
		subscribed("a/bd_x", nil)
		counts(1, 1)
		subscribed("bd_y", relay.ErrTooManyChannels)
		subscribed("b/c", relay.ErrTooManyChannels)
		subscribed("b/bd_x/a", nil)
		counts(2, 1)
		for path, want := range map[string]error{"a/b/bd_x": nil, "c": relay.ErrTooManyChannels, "a/bd_y": relay.ErrTooManyChannels} {
			if err := f.hub.CanCreate(relay.ParsePath(path)); !errors.Is(err, want) {
				t.Errorf("create %s: got %v, want %v", path, err, want)
			}
		}
		f.publish("bd_y", "what the store took is never refused")
		counts(2, 2)
		f.hub.Delete(relay.Deletion{Seq: f.message("bd_y", "").Seq, Channel: "bd_y"})
		counts(2, 1)
		time.Sleep(time.Minute) // idle channels go
		counts(0, 0)
		subscribed("bd_y/c/d", nil)
	})
}
