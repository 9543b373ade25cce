package relay_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"alertrelay/relay"
)

func TestParsePath(t *testing.T) {
	tests := []struct {
		path string
		want []relay.Request
	}{
		{"ch", []relay.Request{{Channel: "ch"}}},
		{"a/b", []relay.Request{{Channel: "a"}, {Channel: "b"}}},
		{"a/", []relay.Request{{Channel: "a"}}},
		{"/a", []relay.Request{{Channel: "a"}}},
		{"", nil},
		{"//", nil},
		{"a.b3", []relay.Request{{Channel: "a", Backtrack: 3}}},
		{"a.b", []relay.Request{{Channel: "a.b"}}},
		{"a.b3x", []relay.Request{{Channel: "a.b3x"}}},
		{"a.B3", []relay.Request{{Channel: "a.B3"}}},
		{"a.b3.b4", []relay.Request{{Channel: "a.b3", Backtrack: 4}}},
		{"room.b18.beautiful", []relay.Request{{Channel: "room.b18.beautiful"}}},
		{"a.b007", []relay.Request{{Channel: "a", Backtrack: 7}}},
		{"a.b0", []relay.Request{{Channel: "a"}}},
		{".b3", nil},
		{"a/a.b2/a", []relay.Request{{Channel: "a"}}},
		{"a.b99999999999999999999", []relay.Request{{Channel: "a", Backtrack: int(^uint(0) >> 1)}}},
		{"db.>.b5", []relay.Request{{Channel: "db.>", Backtrack: 5}}},
		{"a\n", []relay.Request{{Channel: "a\n"}}},
	}
	for _, tt := range tests {
		if got := relay.ParsePath(tt.path); !slices.Equal(got, tt.want) {
			t.Errorf("%q: got %v, want %v", tt.path, got, tt.want)
		}
	}
}

func TestCheckID(t *testing.T) {
	tests := []struct {
		id   string
		want error
	}{
		{"ops", nil},
		{"", relay.ErrNoChannel},
		{"ALL", relay.ErrReservedID},
		{"ALLx", nil},
		{"all", nil},
		{"a*b", relay.ErrReservedID},
		{"a>b", nil},
		{strings.Repeat("x", 20), nil},
		{strings.Repeat("x", 21), relay.ErrIDTooLong},
	}
	for _, tt := range tests {
		if err := relay.CheckID(tt.id, 20); !errors.Is(err, tt.want) {
			t.Errorf("%q: err = %v, want %v", tt.id, err, tt.want)
		}
	}
}

func TestWildcards(t *testing.T) {
	tests := []struct {
		wildcard, channel string
		want              bool
	}{
		{">", "a", true},
		{">", "a.b.c", true},
		{"db.>", "db.x", true},
		{"db.>", "db.x.y", true},
		{"db.>", "db", false},
		{"db.>", "dbx.y", false},
		{"*", "a", true},
		{"*", "a.b", false},
		{"*.critical.>", "db.critical.Disk.am-1", true},
		{"*.critical.>", "db.warning.Disk.am-1", false},
		{"a.*.c", "a.b.c", true},
		{"a.*", "a", false},
		{"a", "a", true},
		{"a", "a.b", false},
	}
	for _, tt := range tests {
		if got := relay.Match(tt.wildcard, tt.channel); got != tt.want {
			t.Errorf("Match(%q, %q) = %v", tt.wildcard, tt.channel, got)
		}
	}
	for id, want := range map[string]bool{">": true, "*": true, "a.>": true, "a.*.b": true, "a": false, "a*": false, "a.>.b": false, "a>": false, "": false} {
		if got := relay.IsWildcard(id); got != want {
			t.Errorf("IsWildcard(%q) = %v", id, got)
		}
	}
	for id, want := range map[string]error{"a.>": nil, "*.b": nil, "a.>.*": relay.ErrReservedID, "a..>": relay.ErrReservedID, "a*.>": relay.ErrReservedID, ".>": relay.ErrReservedID, strings.Repeat("a", 20) + ".>": relay.ErrIDTooLong} {
		if err := relay.CheckWildcard(id, 20); !errors.Is(err, want) {
			t.Errorf("CheckWildcard(%q) = %v, want %v", id, err, want)
		}
	}
}

func TestParseTime(t *testing.T) {
	want := time.Date(1994, 11, 6, 8, 49, 37, 0, time.UTC)
	for _, s := range []string{"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Sun, 6 Nov 1994 08:49:37 GMT"} {
		if got, ok := relay.ParseTime(s); !ok || !got.Equal(want) {
			t.Errorf("%q: got %v, %v", s, got, ok)
		}
	}
	if got, ok := relay.ParseTime("Thu, 01 Jan 1970 00:00:00 GMT"); !ok || got.Unix() != 0 || got.IsZero() {
		t.Errorf("the epoch: got %v, %v", got, ok)
	}
	for _, s := range []string{"", "null", "0", "1790000000", "Sun, 06 Nov 1969 08:49:37 GMT", "Sun,+06+Nov+1994+08:49:37+GMT", strings.Repeat("x", 1000)} {
		if got, ok := relay.ParseTime(s); ok {
			t.Errorf("%q: got %v, want no time", s, got)
		}
	}
	if got := relay.FormatTime(want.In(time.FixedZone("x", 3600))); got != "Sun, 06 Nov 1994 08:49:37 GMT" {
		t.Errorf("FormatTime = %q", got)
	}
}

func TestParseTag(t *testing.T) {
	for s, want := range map[string]uint64{"3": 3, "W/3": 3, "0": 0, "18446744073709551615": 1<<64 - 1} {
		if got, ok := relay.ParseTag(s); !ok || got != want {
			t.Errorf("%q: got %d, %v", s, got, ok)
		}
	}
	for _, s := range []string{`"3"`, `W/"3"`, "+1", "-3", "w/3", "W/1, W/2", "18446744073709551616", "", "W/", "3 "} {
		if got, ok := relay.ParseTag(s); ok {
			t.Errorf("%q: got %d, want no tag", s, got)
		}
	}
}

func FuzzCursor(f *testing.F) {
	for _, s := range []string{"1790000000:7", ":", "a:b", "W/3", "Sun, 06 Nov 1994 08:49:37 GMT", "-1:1", "1:W/1", "1:+1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if tm, ok := relay.ParseTime(s); ok {
			if again, ok := relay.ParseTime(relay.FormatTime(tm)); !ok || again.Unix() != tm.Unix() {
				t.Errorf("time %q came back as %v", s, again)
			}
		}
		if c, ok := relay.ParseEventCursor(s); ok && (!c.HasTag || c.Time.Unix() < 0) {
			t.Errorf("%q: cursor %+v", s, c)
		}
		_, _ = relay.ParseTag(s)
	})
}

func FuzzParsePath(f *testing.F) {
	for _, s := range []string{"a/b.b3", "a.b3.b4", "//", "a%0A", ".b3", "a.b99999999999999999999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		seen := make(map[string]bool)
		for _, r := range relay.ParsePath(s) {
			if r.Channel == "" || strings.Contains(r.Channel, "/") || r.Backtrack < 0 || seen[r.Channel] || !strings.Contains(s, r.Channel) {
				t.Errorf("%q: %+v", s, r)
			}
			seen[r.Channel] = true
		}
	})
}

func TestParseSince(t *testing.T) {
	now := time.Unix(1795330800, 5e8)
	for s, want := range map[string]int64{
		"10m": 1795330200, "1h30m": 1795325400, "7d": 1794726000, "0s": 1795330800, "1795330800": 1795330800, "0": 0,
		"2026-11-22T07:00:00Z": 1795330800, "2026-11-22T08:00:00+01:00": 1795330800, "2026-11-22T08:00:00 01:00": 1795330800,
		"2026-11-22T07:00:00.25Z": 1795330800, "1000000h": 0, "32767d": 0, "0001-01-01T00:00:00Z": 0,
	} {
		if got, ok := relay.ParseSince(s, now); !ok || got.Time.Unix() != want || !got.HasTag || got.Tag != 0 {
			t.Errorf("%s: got %+v, %t, want %d", s, got, ok, want)
		}
	}
	for _, s := range []string{
		"", "-10m", "+10m", "10 m", "yesterday", "m", "2026-11-22", "2026-13-22T07:00:00Z", "9999999999999", "99999d", "1.5d", "d",
		"Sun, 22 Nov 2026 07:00:00 GMT", "9999999h",
	} {
		if got, ok := relay.ParseSince(s, now); ok {
			t.Errorf("%q: got %+v", s, got)
		}
	}
}

// Whatever the text, the cursor is a time that history can begin at.
func FuzzParseSince(f *testing.F) {
	for _, s := range []string{"10m", "7d", "1795330800", "2026-11-22T07:00:00Z", "2026-11-22T08:00:00 01:00", "1e9h", "0001-01-01T00:00:00Z"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c, ok := relay.ParseSince(s, time.Unix(1795330800, 0))
		if ok && (c.Time.IsZero() || c.Time.Unix() < 0) {
			t.Errorf("%q: got %+v", s, c)
		}
	})
}
