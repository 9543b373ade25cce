package relay

import "strings"

// Wildcards are those of NATS subjects: dots separate tokens, a token "*"
// stands for exactly one, and a last token ">" for the rest, one or more.

// IsWildcard reports whether id stands for many channels rather than one.
func IsWildcard(id string) bool {
	for rest := id; ; {
		token, more, found := strings.Cut(rest, ".")
		if token == "*" || token == ">" && !found {
			return true
		}
		if !found {
			return false
		}
		rest = more
	}
}

// CheckWildcard says whether a wildcard is well formed and short enough: "*"
// and ">" stand alone in their tokens, ">" is the last one, and no token is
// empty. Errors as CheckID.
func CheckWildcard(id string, maxLen int) error {
	if maxLen > 0 && len(id) > maxLen {
		return ErrIDTooLong
	}
	for rest := id; ; {
		token, more, found := strings.Cut(rest, ".")
		if token == "" || token == ">" && found || len(token) > 1 && strings.ContainsAny(token, "*>") {
			return ErrReservedID
		}
		if !found {
			return nil
		}
		rest = more
	}
}

// Match reports whether the channel falls under the wildcard. A wildcard
// without "*" and ">" matches only the channel of that name.
func Match(wildcard, channel string) bool {
	for {
		want, wantRest, wantMore := strings.Cut(wildcard, ".")
		if want == ">" && !wantMore {
			return true
		}
		got, gotRest, gotMore := strings.Cut(channel, ".")
		if want != "*" && want != got || wantMore != gotMore {
			return false
		}
		if !wantMore {
			return true
		}
		wildcard, channel = wantRest, gotRest
	}
}
