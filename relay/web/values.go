package web

import (
	"fmt"
	"strings"

	"alertrelay/relay/site"
)

// value is a text with variables, taken apart. The zero value is not set.
type value struct {
	set   bool
	text  string // if there are no variables
	parts []part // otherwise
}

// part is literal text or a variable.
type part struct {
	literal  string
	variable variable
}

func newValue(v site.Value) (value, error) {
	if !v.Set {
		return value{}, nil
	}
	return newText(v.Text)
}

// newText is newValue for what is always set.
func newText(text string) (value, error) {
	parts, err := site.Parts(text)
	if err != nil {
		return value{}, fmt.Errorf("%q: %w", text, err)
	}
	v := value{set: true}
	for _, p := range parts {
		if p.Var == "" {
			v.text += p.Literal
			v.parts = append(v.parts, part{literal: p.Literal})
			continue
		}
		v.parts = append(v.parts, part{variable: newVariable(p.Var)})
	}
	for _, p := range v.parts {
		if p.variable != nil {
			v.text = ""
			return v, nil
		}
	}
	v.parts = nil
	return v, nil
}

// raw is the text with its variables replaced.
func (v *value) raw(q *visit) string {
	switch len(v.parts) {
	case 0:
		return v.text
	case 1:
		return v.parts[0].variable(q)
	}
	var b strings.Builder
	for _, p := range v.parts {
		if p.variable != nil {
			b.WriteString(p.variable(q))
		} else {
			b.WriteString(p.literal)
		}
	}
	return b.String()
}

// of is the text as the module takes it: decoded once, unless it has no variables
// and is meant literally (quirk 7).
func (v *value) of(q *visit) string {
	if v.parts == nil {
		return v.text
	}
	return decodeValue(v.raw(q))
}

func argument(query, name string) (value string, ok bool) {
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		if n, v, _ := strings.Cut(pair, "="); strings.EqualFold(n, name) {
			return v, true
		}
	}
	return "", false
}

// decodeValue decodes percent escapes once, as the module does with every value
// (protocol 2.3): invalid escapes lose characters and a question mark ends the
// decoding.
func decodeValue(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '?' { // raw: what follows is cut off, since something was decoded before it, or left as it is
			if len(b) == i {
				return s
			}
			return string(append(b, '?'))
		}
		if c != '%' {
			b = append(b, c)
			continue
		}
		if i+1 >= len(s) {
			break
		}
		hi, ok := unhex(s[i+1])
		if !ok { // "%z": only the percent sign goes
			continue
		}
		if i+2 >= len(s) {
			break
		}
		lo, ok := unhex(s[i+2])
		i += 2
		if !ok { // "%4z": all three go
			continue
		}
		b = append(b, hi<<4|lo)
		if hi<<4|lo == '?' {
			break
		}
	}
	return string(b)
}

func unhex(c byte) (byte, bool) {
	switch {
	case c >= '0' && c <= '9':
		return c - '0', true
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10, true
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}
