package store

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/nats-io/nats-server/v2/server"
)

func TestSubject(t *testing.T) {
	tests := []struct{ channel, want string }{
		{"ops", "alerts.ops"},
		{"db.critical.DiskFull.am-e0e5d472468ff987", "alerts.db.critical.DiskFull.am-e0e5d472468ff987"},
		{"a b", "alerts.a%20b"},
		{"100%", "alerts.100%25"},
		{"a*", "alerts.a%2A"},
		{"*", "alerts.%2A"},
		{">", "alerts.%3E"},
		{"a\tb\r\n\x00\x7f", "alerts.a%09b%0D%0A%00%7F"},
		{"été/日本", "alerts.été/日本"},
		{"\xff", "alerts.%FF"},
		{"a\xe6\x97b", "alerts.a%E6%97b"},
		{".", "alerts.%2E"},
		{"..", "alerts.%2E%2E"},
		{"...", "alerts.%2E.%2E"},
		{".a", "alerts.%2Ea"},
		{"a.", "alerts.a%2E"},
		{"a..b", "alerts.a.%2Eb"},
		{"$SYS", "alerts.$SYS"},
	}
	for _, tt := range tests {
		got := Subject("alerts", tt.channel)
		if got != tt.want {
			t.Errorf("Subject(%q): got %q, want %q", tt.channel, got, tt.want)
		}
		if back, ok := Channel("alerts", got); !ok || back != tt.channel {
			t.Errorf("Channel(%q): got %q, %v, want %q", got, back, ok, tt.channel)
		}
	}
}

func TestChannelRefusesWhatSubjectDoesNotMake(t *testing.T) {
	for _, subject := range []string{
		"", "alerts", "alerts.", "alertsctl.ops", "other.ops", "alerts.*", "alerts.a.>", "alerts.a%2", "alerts.a%", "alerts.%41",
		"alerts.a%2a", "alerts.a%2Eb", "alerts.a%zz", "alerts..a", "alerts.a.", "alerts.a b", "alerts.\xff",
	} {
		if got, ok := Channel("alerts", subject); ok {
			t.Errorf("Channel(%q): got %q, want none", subject, got)
		}
	}
}

func TestFilter(t *testing.T) {
	for wildcard, want := range map[string]string{
		"ops": "alerts.ops", "db.>": "alerts.db.>", ">": "alerts.>", "*.critical.>": "alerts.*.critical.>",
		"a b.*": "alerts.a%20b.*", "a>.*": "alerts.a%3E.*",
	} {
		if got := filter("alerts", wildcard); got != want {
			t.Errorf("filter(%q): got %q, want %q", wildcard, got, want)
		}
	}
}

// FuzzSubject: every channel has one subject, a valid one, and it leads back.
func FuzzSubject(f *testing.F) {
	for _, s := range []string{"ops", "a..b", ".", "a%20b", "\xff.", "日本.*", "%2E", "a.>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, channel string) {
		if channel == "" {
			return
		}
		subject := Subject("alerts", channel)
		if !server.IsValidLiteralSubject(subject) || !utf8.ValidString(subject) || strings.ContainsAny(subject, "\x7f") {
			t.Fatalf("Subject(%q) = %q is not a valid subject", channel, subject)
		}
		if got, ok := Channel("alerts", subject); !ok || got != channel {
			t.Fatalf("Channel(%q): got %q, %v, want %q", subject, got, ok, channel)
		}
	})
}

// FuzzChannel: no two subjects mean one channel.
func FuzzChannel(f *testing.F) {
	for _, s := range []string{"alerts.ops", "alerts.a%20b", "alerts.%2e", "alerts.a.%2Eb", "alerts.%41"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, subject string) {
		channel, ok := Channel("alerts", subject)
		if ok && Subject("alerts", channel) != subject {
			t.Fatalf("Channel(%q) = %q, whose subject is %q", subject, channel, Subject("alerts", channel))
		}
	})
}
