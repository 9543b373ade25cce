package alerts

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxPlaceholders keeps subjects within maxSubject, whatever labels hold.
	maxPlaceholders = 4
	// maxSubject bounds the subject of an event.
	maxSubject = 512
	// maxID is the length of the longest id, "<source>-<fingerprint>".
	maxID = maxSource + 1 + 16

	defaultPrefix  = "alerts"
	defaultSubject = "{team|owner|namespace}.{severity}.{alertname}"
	// metaToken begins the channels of what the relay itself has to say.
	metaToken = "_meta"
	// escapedMeta is the first token of an alert whose label has that value.
	escapedMeta = "=5Fmeta"
)

// pattern makes the channel of an alert, all but the id. Each part makes one
// token.
type pattern []part

// part is a literal, or a placeholder with the names to look up, in this order.
type part struct {
	literal  string
	names    []string
	fallback string // of a placeholder whose names are all empty
}

// ownPattern is that of the relay's own alerts.
var ownPattern = pattern{{literal: metaToken}, {names: []string{"severity"}}, {names: []string{"alertname"}}}

func (p pattern) channel(a *Alert) string {
	var b strings.Builder
	for i, part := range p {
		token := part.literal
		if token == "" {
			token = EncodeToken(part.value(a))
			if i == 0 && token == metaToken {
				token = escapedMeta // no label puts an alert among our own
			}
		}
		b.WriteString(token)
		b.WriteByte('.')
	}
	b.WriteString(a.Source)
	b.WriteByte('-')
	b.WriteString(a.Fingerprint)
	return b.String()
}

func (p *part) value(a *Alert) string {
	for _, name := range p.names {
		if value := lookup(a, name); value != "" {
			return value
		}
	}
	return p.fallback
}

// lookup is what a name in a placeholder or a matcher stands for. "source" and
// "receiver" are never labels: a label of that name would let whoever writes the
// alert's rule choose another sender's channel.
func lookup(a *Alert, name string) string {
	switch {
	case name == "source":
		return a.Source
	case name == "receiver":
		return a.Receiver
	case strings.HasPrefix(name, "@"):
		return a.RouteLabels[name[1:]]
	}
	return a.Labels[name]
}

// parsePattern parses a subject behind the prefix and its dot. The error says
// how to mend it.
func parsePattern(s string) (pattern, error) {
	var p pattern
	placeholders := 0
	for rest := s; ; {
		var next part
		var err error
		if strings.HasPrefix(rest, "{") {
			placeholders++
			next, rest, err = parsePlaceholder(rest[1:])
		} else {
			next, rest, err = parseLiteral(rest)
		}
		if err != nil {
			return nil, err
		}
		p = append(p, next)
		if rest == "" {
			break
		}
		rest = rest[1:] // the dot
	}
	if p[0].literal == metaToken {
		return nil, fmt.Errorf("%q is the relay's own; choose another first token", metaToken)
	}
	if placeholders > maxPlaceholders {
		return nil, fmt.Errorf("has %d placeholders, %d are possible; put alternatives into one, {team|owner}", placeholders, maxPlaceholders)
	}
	return p, nil
}

// parseLiteral reads up to the next dot.
func parseLiteral(s string) (p part, rest string, err error) {
	token := s
	if i := strings.IndexByte(s, '.'); i >= 0 {
		token, rest = s[:i], s[i:]
	}
	switch {
	case token == "":
		return part{}, "", errors.New("has an empty token; take the superfluous dot away")
	case strings.Contains(token, "{"):
		return part{}, "", fmt.Errorf("%q: a placeholder is a whole token; put a dot between it and what is beside it", token)
	}
	for i := range len(token) {
		if unitSize(token[i]) != 1 {
			return part{}, "", fmt.Errorf(`%q: only letters, digits, "_" and "-" are possible between dots; labels go into braces, {team}`, token)
		}
	}
	if rest == "." {
		return part{}, "", errors.New("ends with a dot; take it away, the relay appends the alert's id")
	}
	return part{literal: token}, rest, nil
}

// parsePlaceholder reads what is behind an opening brace, up to the next dot.
func parsePlaceholder(s string) (p part, rest string, err error) {
	rest = s
	for {
		if strings.HasPrefix(rest, `"`) {
			end := strings.IndexByte(rest[1:], '"')
			if end < 1 || !utf8.ValidString(rest[1:1+end]) {
				return part{}, "", errors.New(`has a placeholder whose constant is empty or has no closing quote; write {team|"none"}`)
			}
			p.fallback, rest = rest[1:1+end], rest[end+2:]
			if !strings.HasPrefix(rest, "}") {
				return part{}, "", errors.New(`has a placeholder that goes on after its constant, where it would never get to; write the constant last, {team|"none"}`)
			}
		} else {
			end := strings.IndexAny(rest, "|}")
			if end < 0 {
				return part{}, "", errors.New("has a placeholder that is not closed; write {team}")
			}
			name := rest[:end]
			if !isName(name) {
				return part{}, "", fmt.Errorf(`%q in a placeholder is no label's name; write {team}, {team|owner}, {team|"none"} or {@routeLabel}`, name)
			}
			p.names, rest = append(p.names, name), rest[end:]
		}
		closed := rest[0] == '}'
		rest = rest[1:]
		if closed {
			break
		}
	}
	if rest != "" && rest[0] != '.' {
		return part{}, "", errors.New("has a placeholder with something behind it; a placeholder is a whole token, put a dot after it")
	}
	if rest == "." {
		return part{}, "", errors.New("ends with a dot; take it away, the relay appends the alert's id")
	}
	return p, rest, nil
}

func isName(name string) bool {
	bad := func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune(`{"`, r)
	}
	return name != "" && name != "@" && utf8.ValidString(name) && !strings.ContainsFunc(name, bad)
}

// maxLen is the length of the longest subject that the pattern makes.
func (p pattern) maxLen(prefix string) int {
	n := len(prefix) + 1 + maxID
	for _, part := range p {
		if part.literal != "" {
			n += len(part.literal) + 1
		} else {
			n += maxToken + 1
		}
	}
	return n
}
