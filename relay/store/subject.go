package store

import (
	"strings"
	"unicode/utf8"
)

// maxSubject bounds the subject of a message. The server closes the connection
// for good on a control line over 4096 bytes, and the reply subject and the
// sizes are part of it.
const maxSubject = 3200

const upperHex = "0123456789ABCDEF"

// Subject returns the subject of a channel: the prefix, a dot, and the channel
// with %XX for what a NATS subject cannot have in it: bytes up to 0x20, 0x7f,
// '*', '>', bytes that are not UTF-8 (subjects travel in JSON too), the '%'
// itself, and a dot that would make an empty token. The result is not bounded.
func Subject(prefix, channel string) string {
	return prefix + "." + escape(channel)
}

// Channel returns the channel of a subject. ok is false if the subject is not
// what Subject makes of any channel: then it is somebody else's.
func Channel(prefix, subject string) (channel string, ok bool) {
	rest, ok := strings.CutPrefix(subject, prefix)
	if !ok {
		return "", false
	}
	rest, ok = strings.CutPrefix(rest, ".")
	if !ok || rest == "" {
		return "", false
	}
	return unescape(rest)
}

// filter returns the subject that matches what the wildcard matches. A channel
// is a wildcard for itself.
func filter(prefix, wildcard string) string {
	var b strings.Builder
	b.WriteString(prefix)
	for rest := wildcard; ; {
		token, more, found := strings.Cut(rest, ".")
		b.WriteByte('.')
		if token == "*" || token == ">" && !found {
			b.WriteString(token)
		} else {
			b.WriteString(escape(token))
		}
		if !found {
			return b.String()
		}
		rest = more
	}
}

// escape makes an id the tokens of a subject.
func escape(id string) string {
	i := plain(id)
	if i == len(id) {
		return id
	}
	var b strings.Builder
	b.Grow(len(id) + 8)
	b.WriteString(id[:i])
	empty := i == 0 || id[i-1] == '.' // whether the token is, so far
	for i < len(id) {
		c := id[i]
		switch {
		case c == '.' && !empty && i+1 < len(id):
			b.WriteByte('.')
			empty = true
			i++
			continue
		case c == '.' || special(c):
			hexByte(&b, c)
		case c < utf8.RuneSelf:
			b.WriteByte(c)
		default:
			_, n := utf8.DecodeRuneInString(id[i:])
			if n == 1 {
				hexByte(&b, c)
			} else {
				b.WriteString(id[i : i+n])
				i += n - 1
			}
		}
		empty = false
		i++
	}
	return b.String()
}

// plain returns how many bytes of the id surely stay as they are; nearly always
// all of them.
func plain(id string) int {
	empty := true
	for i := range len(id) {
		c := id[i]
		if c == '.' {
			if empty || i+1 == len(id) {
				return i
			}
			empty = true
			continue
		}
		if special(c) || c >= utf8.RuneSelf {
			return i
		}
		empty = false
	}
	return len(id)
}

func special(c byte) bool {
	return c <= ' ' || c == 0x7f || c == '*' || c == '>' || c == '%'
}

func hexByte(b *strings.Builder, c byte) {
	b.Write([]byte{'%', upperHex[c>>4], upperHex[c&15]})
}

// unescape undoes escape, and refuses what escape would not have made: two
// subjects for one channel would be two channels to everybody else.
func unescape(s string) (id string, ok bool) {
	if plain(s) == len(s) {
		return s, true
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b = append(b, s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", false
		}
		hi, lo := strings.IndexByte(upperHex, s[i+1]), strings.IndexByte(upperHex, s[i+2])
		if hi < 0 || lo < 0 {
			return "", false
		}
		b = append(b, byte(hi<<4|lo))
		i += 2
	}
	id = string(b)
	return id, escape(id) == s
}
