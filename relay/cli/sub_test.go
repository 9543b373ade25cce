package cli

import "testing"

func TestPlacesToGoOnFrom(t *testing.T) {
	for s, want := range map[string][2]int64{
		"Sun, 22 Nov 2026 07:00:00 GMT,1234":  {1795330800, 1234},
		"Sun, 22 Nov 2026 07:00:00 GMT, W/12": {1795330800, 12}, // as the headers of a poll have it
		"Sunday, 22-Nov-26 07:00:00 GMT,1":    {1795330800, 1},
		"2026-11-22T07:00:00Z,1234":           {1795330800, 1234},
		"2026-11-22T08:00:00.9+01:00, 1234":   {1795330800, 1234},
		"1795330800,1234":                     {1795330800, 1234},
		"1795330800:1234":                     {1795330800, 1234}, // as events have it
		"0,0":                                 {0, 0},
		"1795330800,18446744073709551615":     {1795330800, -1},
	} {
		got, ok := parseFrom(s)
		if !ok || got.Time.Unix() != want[0] || int64(got.Tag) != want[1] || !got.HasTag {
			t.Errorf("%s: got %+v, %t", s, got, ok)
		}
	}
	for _, s := range []string{
		"", ",", "1234", "yesterday,1", "1795330800,", ",1", "1795330800,-1", "1795330800,x", "-5,1", "9999999999999,1",
		"1960-01-01T00:00:00Z,1", "Sun, 22 Nov 2026 07:00:00 GMT", "1795330800,18446744073709551616",
	} {
		if got, ok := parseFrom(s); ok {
			t.Errorf("%q: got %+v", s, got)
		}
	}
}
