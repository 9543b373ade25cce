package mapping

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"alertrelay/alerts"
)

// kind says where a source begins.
type kind int

const (
	constant kind = iota
	element       // a path in the element
	whole         // a path in the body
	header
)

// source is one place where a text can be from.
type source struct {
	kind kind
	text string // the constant, path or name
}

// parseSource checks a source as far as that is possible: gjson takes any path,
// and finds nothing with one that makes no sense.
func parseSource(s string) (source, string) {
	if text, ok := strings.CutPrefix(s, "="); ok {
		return source{constant, text}, ""
	}
	if name, ok := strings.CutPrefix(s, "$header."); ok {
		if name == "" || strings.ContainsAny(name, " :") {
			return source{}, "is no name of a header; write $header.Ce-Subject"
		}
		return source{header, name}, ""
	}
	k, path := element, s
	if rest, ok := strings.CutPrefix(s, "$."); ok {
		k, path = whole, rest
	}
	return source{k, path}, checkPath(path)
}

const dotAlone = `has a dot without a name beside it; write \. for one that is part of a name`

// checkPath says what is wrong with a path, "" if nothing is.
func checkPath(path string) string {
	switch {
	case path == "":
		return "is empty; write a path such as data.name, or =text for a constant"
	case strings.TrimSpace(path) != path:
		return "has a space at its beginning or end"
	case strings.HasPrefix(path, "$"):
		return `begins with "$"; write $.name for what is in the whole body, $header.Name for a header, or \$name for a member of that name`
	case strings.HasPrefix(path, "."):
		return dotAlone
	}
	var open []byte
	for i := 0; i < len(path); i++ {
		switch c := path[i]; c {
		case '\\':
			i++
		case '.':
			if len(open) == 0 && (i+1 == len(path) || path[i+1] == '.') {
				return dotAlone
			}
		case '"':
			for i++; i < len(path) && path[i] != '"'; i++ {
				if path[i] == '\\' {
					i++
				}
			}
			if i >= len(path) {
				return "has a quote that is not closed"
			}
		case '(', '[', '{':
			open = append(open, c)
		case ')', ']', '}':
			if len(open) == 0 || open[len(open)-1] != map[byte]byte{')': '(', ']': '[', '}': '{'}[c] {
				return "has a bracket that is not opened"
			}
			open = open[:len(open)-1]
		case '@':
			if i > 0 && strings.IndexByte(".|", path[i-1]) < 0 {
				continue
			}
			name := path[i+1:]
			if end := strings.IndexAny(name, ".|:"); end >= 0 {
				name = name[:end]
			}
			if len(open) == 0 && !gjson.ModifierExists(name, nil) {
				return `has "@", which begins a modifier that is not known; write \@ for a name that begins with it`
			}
		}
	}
	if len(open) > 0 {
		return "has a bracket that is not closed"
	}
	return ""
}

// scope is what sources are looked up in.
type scope struct {
	header  http.Header
	body    string
	element string
	found   map[string]gjson.Result // in the whole body, by path: it may have many elements
}

func (s *scope) result(from source) gjson.Result {
	switch from.kind {
	case constant:
		return gjson.Result{Type: gjson.String, Str: from.text}
	case header:
		return gjson.Result{Type: gjson.String, Str: s.header.Get(from.text)}
	case whole:
		r, ok := s.found[from.text]
		if !ok {
			r = gjson.Get(s.body, from.text)
			s.found[from.text] = r
		}
		return r
	}
	return gjson.Get(s.element, from.text)
}

// value is a checked Value.
type value struct {
	from  []source
	table map[string]string // by lower case; nil if there is none
	rest  *string           // what becomes of all others; nil: they stay
}

// text returns the first text that is there. constant is true if it is one, and
// found false if there is none.
func (v *value) text(s *scope) (text string, isConstant, found bool) {
	for _, from := range v.from {
		if from.kind == constant {
			return from.text, true, true
		}
		if text := v.mapped(textOf(s.result(from))); text != "" {
			return text, false, true
		}
	}
	return "", false, false
}

func (v *value) mapped(text string) string {
	if text == "" || v.table == nil {
		return text
	}
	if to, ok := v.table[strings.ToLower(text)]; ok {
		return to
	}
	if v.rest != nil {
		return *v.rest
	}
	return text
}

// cut is the text, at most n bytes of it.
func (v *value) cut(s *scope, n int) string {
	text, _, _ := v.text(s)
	return alerts.Cut(text, n)
}

// textOf is a scalar as it is, a list of scalars with ", " in between, and JSON
// for anything else. It shares no memory with the body.
func textOf(r gjson.Result) string {
	switch {
	case !r.Exists() || r.Type == gjson.Null:
		return ""
	case r.Type != gjson.JSON:
		return clean(r.String())
	case r.IsArray():
		var texts []string
		scalars, size := true, 0
		r.ForEach(func(_, item gjson.Result) bool {
			scalars = item.Type != gjson.JSON
			if text := item.String(); scalars && text != "" {
				texts = append(texts, clean(text))
				size += len(text)
			}
			return scalars && size <= alerts.MaxAnnotationBytes
		})
		if scalars {
			return strings.Join(texts, ", ")
		}
	}
	var b bytes.Buffer
	if json.Compact(&b, []byte(r.Raw)) != nil {
		return ""
	}
	return clean(b.String())
}

func clean(s string) string { return strings.Clone(strings.ToValidUTF8(s, "\uFFFD")) }

// members calls add with each member of an object, or each tag of a list, until
// it returns false.
func members(r gjson.Result, add func(name, text string) bool) {
	switch {
	case r.IsObject():
		r.ForEach(func(key, item gjson.Result) bool {
			return add(clean(key.String()), textOf(item))
		})
	case r.IsArray():
		r.ForEach(func(_, item gjson.Result) bool {
			if !item.IsObject() {
				return add(textOf(item), "true")
			}
			name := ""
			for _, key := range []string{"name", "tag", "key"} {
				if name = textOf(item.Get(key)); name != "" {
					break
				}
			}
			text := textOf(item.Get("value"))
			if text == "" {
				text = "true"
			}
			return add(name, text)
		})
	}
}

// timeValue is a checked Time.
type timeValue struct {
	value
	layout string
	zone   *time.Location
}

const (
	unixSeconds = "unix"
	unixMillis  = "unix_ms"
)

// time is the zero time if there is none. ok is false if what is there is no time.
func (t *timeValue) time(s *scope) (at time.Time, ok bool) {
	text, _, _ := t.text(s)
	if text == "" {
		return time.Time{}, true
	}
	n, err := strconv.ParseFloat(text, 64)
	isNumber := err == nil
	switch {
	case t.layout == "" && isNumber:
		unit := time.Second // its size tells: 1e11 s is the year 5138, 1e11 ms is 1973
		for size := 1e11; size <= n && unit > time.Nanosecond; size *= 1000 {
			unit /= 1000
		}
		return unixTime(text, n, unit)
	case t.layout == unixSeconds && isNumber:
		return unixTime(text, n, time.Second)
	case t.layout == unixMillis && isNumber:
		return unixTime(text, n, time.Millisecond)
	case t.layout == "":
		at, err = time.Parse(time.RFC3339, text)
	case t.layout == unixSeconds || t.layout == unixMillis:
		return time.Time{}, false
	default:
		at, err = time.ParseInLocation(t.layout, text, t.zone)
	}
	return valid(at, err == nil)
}

// unixTime takes whole numbers as they are: the nanoseconds of today are not
// exact as a float.
func unixTime(text string, n float64, unit time.Duration) (time.Time, bool) {
	if n == 0 {
		return time.Time{}, true
	}
	perSecond := int64(time.Second / unit)
	if whole, err := strconv.ParseInt(text, 10, 64); err == nil {
		return valid(time.Unix(whole/perSecond, whole%perSecond*int64(unit)), true)
	}
	seconds := n / float64(perSecond)
	if !(seconds > -1e11 && seconds < 1e12) { // NaN is neither
		return time.Time{}, false
	}
	return valid(time.UnixMicro(int64(seconds*1e6)), true)
}

// valid takes years that have JSON, and Go's zero time for none.
func valid(at time.Time, ok bool) (time.Time, bool) {
	at = at.UTC()
	if !ok || at.Year() < 1 || at.Year() > 9999 {
		return time.Time{}, false
	}
	return at, true
}
