package alerts_test

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"alertrelay/alerts"
	"alertrelay/alerts/alertstest"
	"alertrelay/relay"
)

func TestEncodeToken(t *testing.T) {
	tests := []struct{ name, value, want string }{
		{"plain", "InstanceDown-2_x", "InstanceDown-2_x"},
		{"none", "", "_"},
		{"underscore", "_", "=5F"},
		{"two underscores", "__", "__"},
		{"dots and colons", "db-01.example:9100", "db-01=2Eexample=3A9100"},
		{"every reserved one", ". /:*>=$%", "=2E=20=2F=3A=2A=3E=3D=24=25"},
		{"not ASCII", "é日", "=C3=A9=E6=97=A5"},
		{"control bytes", "\x00\n\x7f", "=00=0A=7F"},
		{"just fits", strings.Repeat("a", 96), strings.Repeat("a", 96)},
		{"just fits escaped", strings.Repeat(".", 32), strings.Repeat("=2E", 32)},
		// printf 'a%.0s' {1..97} | sha256sum
		{"too long", strings.Repeat("a", 97), strings.Repeat("a", 78) + "==2a2c60fe96afac91"},
		{"too long, a unit does not fit", strings.Repeat("a", 76) + strings.Repeat(".", 9), strings.Repeat("a", 76) + "==471dbbf20f9d2b7e"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := alerts.EncodeToken(tt.value); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			got, cut, err := alerts.DecodeToken(tt.want)
			if want := strings.Contains(tt.want, "=="); err != nil || cut != want || !cut && got != tt.value || !strings.HasPrefix(tt.value, got) {
				t.Errorf("decoded: got %q, %t, %v", got, cut, err)
			}
		})
	}
}

func TestDecodeTokenRefuses(t *testing.T) {
	for _, token := range []string{
		"", "a.b", "a b", "*", ">", "=", "=2", "=2e", "=41", "=5Fa", "a==", "==0123456789abcdef",
		strings.Repeat("a", 97), strings.Repeat("a", 75) + "==0123456789abcdef", strings.Repeat("a", 79) + "==0123456789abcdef",
		strings.Repeat("a", 78) + "==0123456789ABCDEF", strings.Repeat("a", 78) + "==0123456789abcde",
	} {
		if got, cut, err := alerts.DecodeToken(token); err == nil {
			t.Errorf("%q: got %q, %t", token, got, cut)
		}
	}
}

// randomValue is a label's value of 0 to 120 characters, mostly odd ones.
func randomValue(rnd *rand.Rand) string {
	alphabet := []rune("abcXYZ019-_. */:>=$%\\\"'{}|@~\x00\n\t\x7fé日\u2028😀")
	n := rnd.IntN(12)
	if rnd.IntN(10) == 0 {
		n = rnd.IntN(121)
	}
	var b strings.Builder
	for range n {
		b.WriteRune(alphabet[rnd.IntN(len(alphabet))])
	}
	return b.String()
}

// checkChannel checks what must hold for every channel, in front of which the
// prefix and a dot will stand.
func checkChannel(t *testing.T, channel string, dots int) {
	t.Helper()
	subject := "alerts." + channel
	if got, want := strings.Count(subject, "."), dots+1; got != want {
		t.Errorf("%s: got %d dots, want %d", subject, got, want)
	}
	for token := range strings.SplitSeq(subject, ".") {
		if token == "" {
			t.Errorf("%s: an empty token", subject)
		}
	}
	if strings.ContainsFunc(subject, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '*' || r == '>' }) {
		t.Errorf("%q: a character that cannot be there", subject)
	}
	if len(subject) > 512 {
		t.Errorf("%s: %d bytes", subject, len(subject))
	}
}

// Whatever labels hold, the subject has five tokens and only those of the alert's
// own team match a wildcard of the team.
func TestRandomLabelSets(t *testing.T) {
	router := alertstest.Router(t)
	rnd := rand.New(rand.NewPCG(1, 2))
	cut := 0
	for range 10_000 {
		a := &alerts.Alert{Source: "am", Fingerprint: "6cbc862a35eef55a", Labels: map[string]string{
			"team": randomValue(rnd), "severity": randomValue(rnd), "alertname": randomValue(rnd), randomValue(rnd): randomValue(rnd),
		}}
		channels := router.Channels(a)
		if len(channels) != 1 {
			t.Fatalf("got %q", channels)
		}
		checkChannel(t, channels[0], 3)
		tokens := strings.Split(channels[0], ".")
		for i, name := range []string{"team", "severity", "alertname"} {
			value := a.Labels[name]
			if name == "team" && value == "" {
				continue // then it is another label's
			}
			got, isCut, err := alerts.DecodeToken(tokens[i])
			if isCut {
				cut++
			}
			if err != nil || !strings.HasPrefix(value, got) || !isCut && got != value {
				t.Fatalf("%q: got %q, %t, %v", value, got, isCut, err)
			}
		}
		if relay.Match("b.>", channels[0]) != (a.Labels["team"] == "b") {
			t.Errorf("team %q is in %s", a.Labels["team"], channels[0])
		}
	}
	if cut < 100 {
		t.Errorf("only %d tokens were cut", cut)
	}
}

func TestDifferentValuesDifferentTokens(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	values := make(map[string]string)
	for range 20_000 {
		value := randomValue(rnd)
		token := alerts.EncodeToken(value)
		if other, ok := values[token]; ok && other != value {
			t.Fatalf("%q and %q are both %s", value, other, token)
		}
		values[token] = value
	}
}

func FuzzDecodeToken(f *testing.F) {
	for _, seed := range []string{"_", "__", "=5F", "db-01=2Eexample", "a==0123456789abcdef", "=C3=A9", "=FF", "=2e", "==", strings.Repeat("a", 78) + "==0123456789abcdef"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		// As a token.
		if value, cut, err := alerts.DecodeToken(s); err == nil && !cut && alerts.EncodeToken(value) != s {
			t.Errorf("%q is not how %q is written", s, value)
		}
		// As a value.
		token := alerts.EncodeToken(s)
		value, cut, err := alerts.DecodeToken(token)
		if err != nil || !cut && value != s || !strings.HasPrefix(s, value) {
			t.Errorf("%q: got %q, %t, %v", s, value, cut, err)
		}
		if len(token) > 96 || token == "" || bytes.ContainsAny([]byte(token), ".*> %") || !utf8.ValidString(token) {
			t.Errorf("%q: got %q", s, token)
		}
	})
}
