package web

import (
	"net/http"
	"strings"
)

// Rest is what follows a prefix of the path, as "$1" of "location ~ /sub/(.*)".
func Rest(prefix string) Value {
	return func(r *http.Request) string { return decodeValue(strings.TrimPrefix(r.URL.Path, prefix)) }
}

// Arg is the first query argument of that name, in any case, as "$arg_name": up
// to the next "&", a plus sign is a plus sign (protocol 2.3).
func Arg(name string) Value {
	return func(r *http.Request) string {
		value, _ := argument(r.URL.RawQuery, name)
		return decodeValue(value)
	}
}

// Constant is always the same.
func Constant(value string) Value { return func(*http.Request) string { return value } }

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
