package client

import "testing"

func FuzzParseCall(f *testing.F) {
	f.Add(`1,'ops','text','e','Sun, 22 Nov 2026 07:00:00 GMT','1');`)
	f.Add(`-1,"\x41\u00e9\ud83d\ude00\`)
	f.Fuzz(func(t *testing.T, s string) {
		if m, err := parseCall(s); err == nil && m.Time.IsZero() {
			t.Errorf("%q gave a message without a time", s)
		}
	})
}
