package conf

import (
	"encoding/base64"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"alertrelay/relay/site"
)

// yamlMap is a mapping in order. A value is a string in YAML's form, a yamlMap,
// or a []any of these.
type yamlMap []yamlPair

type yamlPair struct {
	key   string
	value any
}

func (m *yamlMap) add(key string, value any) { *m = append(*m, yamlPair{key, value}) }

// write writes the pairs, each on a line of its own or more.
func (m yamlMap) write(w io.Writer, indent string) {
	for i, p := range m {
		if i > 0 {
			io.WriteString(w, indent) //nolint:errcheck // w is a buffer
		}
		fmt.Fprintf(w, "%s:", p.key)
		switch v := p.value.(type) {
		case string:
			fmt.Fprintf(w, " %s\n", v)
		case yamlMap:
			if len(v) == 0 {
				fmt.Fprint(w, " {}\n")
				continue
			}
			fmt.Fprintf(w, "\n%s  ", indent)
			v.write(w, indent+"  ")
		case []any:
			if _, scalars := first(v).(string); scalars || len(v) == 0 {
				fmt.Fprintf(w, " %s\n", flow(v))
				continue
			}
			fmt.Fprintln(w)
			for _, item := range v {
				fmt.Fprintf(w, "%s- ", indent)
				if m, ok := item.(yamlMap); ok {
					m.write(w, indent+"  ")
				} else {
					fmt.Fprintln(w, item)
				}
			}
		}
	}
}

func first(list []any) any {
	if len(list) == 0 {
		return nil
	}
	return list[0]
}

var (
	plainYAML    = regexp.MustCompile(`^[A-Za-z/$][A-Za-z0-9_./$-]*$`)
	reservedYAML = []string{"true", "false", "yes", "no", "on", "off", "null", "y", "n"}
)

// quoteYAML writes any text so that it is read as that text.
func quoteYAML(s string) string {
	switch {
	case plainYAML.MatchString(s) && !slices.Contains(reservedYAML, strings.ToLower(s)):
		return s
	case !utf8.ValidString(s):
		return `!!binary "` + base64.StdEncoding.EncodeToString([]byte(s)) + `"`
	}
	b := []byte{'"'}
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', byte(c))
		case c == '\n':
			b = append(b, `\n`...)
		case c == '\r':
			b = append(b, `\r`...)
		case c == '\t':
			b = append(b, `\t`...)
		case unicode.IsPrint(c):
			b = utf8.AppendRune(b, c)
		case c < 0x100:
			b = fmt.Appendf(b, `\x%02X`, c)
		case c < 0x10000:
			b = fmt.Appendf(b, `\u%04X`, c)
		default:
			b = fmt.Appendf(b, `\U%08X`, c)
		}
	}
	return string(append(b, '"'))
}

func quoteAll(list []string) []any {
	all := make([]any, len(list))
	for i, s := range list {
		all[i] = quoteYAML(s)
	}
	return all
}

// The following add what differs from the default.

func (m *yamlMap) text(key, s, def string) {
	if s != def {
		m.add(key, quoteYAML(s))
	}
}

func (m *yamlMap) expression(key string, v, def site.Value) {
	if v != def && v.Set {
		m.add(key, quoteYAML(v.Text))
	}
}

func differs[T comparable](m *yamlMap, key string, v, def T, format func(T) string) {
	if v != def {
		m.add(key, format(v))
	}
}

func (m *yamlMap) number(key string, n, def int) { differs(m, key, n, def, strconv.Itoa) }

func (m *yamlMap) flag(key string, on, def bool) { differs(m, key, on, def, strconv.FormatBool) }
