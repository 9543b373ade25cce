package site

import (
	"errors"
	"fmt"
	"strings"
)

// Part is a stretch of a text with variables: literal text, or the name of a
// variable. Exactly one of them is not empty.
type Part struct {
	Literal string
	Var     string
}

// Parts takes a text with variables, "$name" or "${name}", apart. "1" to "9" are
// captures. Names are the same whatever their case, as in nginx. The errors are
// nginx's.
func Parts(text string) ([]Part, error) {
	var parts []Part
	for text != "" {
		literal, rest, found := strings.Cut(text, "$")
		if literal != "" {
			parts = append(parts, Part{Literal: literal})
		}
		if !found {
			break
		}
		// A number in brackets is a name like any other, as in nginx.
		if rest != "" && rest[0] >= '1' && rest[0] <= '9' {
			parts = append(parts, Part{Var: rest[:1]})
			text = rest[1:]
			continue
		}
		inner, braced := strings.CutPrefix(rest, "{")
		n := 0
		for n < len(inner) && IsNameByte(inner[n]) {
			n++
		}
		if n == 0 {
			return parts, errors.New("invalid variable name")
		}
		name, after := inner[:n], inner[n:]
		if braced {
			var closed bool
			if after, closed = strings.CutPrefix(after, "}"); !closed {
				return parts, fmt.Errorf(`the closing bracket in "%s" variable is missing`, name)
			}
		}
		parts = append(parts, Part{Var: name})
		text = after
	}
	return parts, nil
}

// Variables gives the names of the variables in a text. The errors are those of
// Parts; what is before the place of the error is still given.
func Variables(text string) ([]string, error) {
	parts, err := Parts(text)
	var names []string
	for _, p := range parts {
		if p.Var != "" {
			names = append(names, p.Var)
		}
	}
	return names, err
}

// Expand replaces the variables in a text. Its errors are those of Parts.
func Expand(text string, value func(name string) string) (string, error) {
	parts, err := Parts(text)
	var b strings.Builder
	for _, p := range parts {
		b.WriteString(p.Literal)
		if p.Var != "" {
			b.WriteString(value(p.Var))
		}
	}
	return b.String(), err
}

// IsNameByte reports whether a variable's name can have this byte.
func IsNameByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
