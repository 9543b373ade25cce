package embedded

import (
	"errors"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
)

func TestMaxPayload(t *testing.T) {
	for name, tt := range map[string]struct {
		option, want int
	}{
		"default": {0, 8 << 20},
		"smaller": {1000, 1000},
	} {
		t.Run(name, func(t *testing.T) {
			s := start1(t, Options{Dir: t.TempDir(), MaxPayloadBytes: tt.option})
			js := connect(t, s)
			makeStream(t, js)
			if _, err := js.Publish(t.Context(), "s.a", make([]byte, tt.want)); err != nil {
				t.Error("as large as it can be:", err)
			}
			if _, err := js.Publish(t.Context(), "s.a", make([]byte, tt.want+1)); !errors.Is(err, nats.ErrMaxPayload) {
				t.Errorf("larger: got %v, want %v", err, nats.ErrMaxPayload)
			}
		})
	}
}

func TestOptionsThatCannotBe(t *testing.T) {
	for want, o := range map[string]Options{
		"Dir":             {},
		"MaxStoreBytes":   {Dir: t.TempDir(), MaxStoreBytes: -1},
		"MaxPayloadBytes": {Dir: t.TempDir(), MaxPayloadBytes: 65 << 20},
		// A listener that is not required may fail, but not for a mistake.
		`Listen "4222"`:            {Dir: t.TempDir(), Listen: "4222"},
		`Listen "localhost:many"`:  {Dir: t.TempDir(), Listen: "localhost:many"},
		`Listen "localhost:65536"`: {Dir: t.TempDir(), Listen: "localhost:65536"},
	} {
		s, err := Start(t.Context(), o)
		if err == nil {
			t.Errorf("%+v: got no error", o)
			_ = s.Stop()
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %v, want it to say %s", o, err, want)
		}
	}
}
