package mapping

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
)

// Config is a mapping as it is written. Identity and Status are required.
type Config struct {
	// Form is the field of a form that has the JSON in it; empty means "data". A
	// form without such a field is taken for an object of its fields.
	Form string `yaml:"form,omitempty"`
	// Each is the path to a list whose elements are the alerts; one object is a
	// list of one. Empty: the body is one alert.
	Each string `yaml:"each,omitempty"`
	// Identity together is the same in all that is said of one alert, and in
	// nothing else. Each must be there, unless one of its sources is a constant.
	Identity []Value `yaml:"identity"`
	Status   Status  `yaml:"status"`
	// Labels, Annotations, Links and Values have the name "*" for all members of
	// what is there; other names count more. A list there is one of tags: objects
	// with name (or tag, or key) and value, or texts, whose value is "true".
	Labels      map[string]Value `yaml:"labels,omitempty"`
	Annotations map[string]Value `yaml:"annotations,omitempty"`
	Links       map[string]Value `yaml:"links,omitempty"`
	Values      map[string]Value `yaml:"values,omitempty"`
	// StartsAt is when the incident began. It must stay the same while it fires: a
	// later one counts as a new incident whose resolve before was missed. The time
	// of the notification is no such time.
	StartsAt Time `yaml:"starts_at,omitempty"`
	// EndsAt counts if the alert is resolved.
	EndsAt Time `yaml:"ends_at,omitempty"`
	// ReportedAt is when the sender knew this, for senders that may tell late and
	// in any order. It must then be in all that they tell.
	ReportedAt   Time  `yaml:"reported_at,omitempty"`
	GeneratorURL Value `yaml:"generator_url,omitempty"`
	// Reason says why, if that is not plain.
	Reason Value `yaml:"reason,omitempty"`
	// By and Comment are of who has acknowledged or suppressed it.
	By      Value `yaml:"by,omitempty"`
	Comment Value `yaml:"comment,omitempty"`
}

// Status says what the sender's words mean. Firing and Resolved are required.
type Status struct {
	// From are its sources, and Map goes over them, as in Value.
	From         []string          `yaml:"from"`
	Map          map[string]string `yaml:"map,omitempty"`
	Firing       []string          `yaml:"firing"`
	Resolved     []string          `yaml:"resolved,omitempty"`
	Suppressed   []string          `yaml:"suppressed,omitempty"`
	Acknowledged []string          `yaml:"acknowledged,omitempty"`
	// Ignored is taken, and means nothing: a sender's test, or "pending".
	Ignored []string `yaml:"ignored,omitempty"`
}

// Value says where a text is from. In YAML it is one source, a list of them, or
// {from, map}.
type Value struct {
	// From are the sources; the first that is not empty counts. None: no value.
	From []string `yaml:"from"`
	// Map has what becomes of a text; "*" is all others.
	Map map[string]string `yaml:"map,omitempty"`
}

// From is a Value of these sources.
func From(sources ...string) Value { return Value{From: sources} }

// Time says where a time is from. In YAML it is one source, a list of them, or
// {from, layout, zone}.
type Time struct {
	From []string `yaml:"from"`
	// Layout is Go's ("2006-01-02 15:04:05"), or "unix", "unix_ms". Empty means
	// RFC 3339, or Unix time in a unit that its size tells.
	Layout string `yaml:"layout,omitempty"`
	// Zone is the time zone of a layout without one, such as "Europe/Berlin";
	// empty means UTC.
	Zone string `yaml:"zone,omitempty"`
}

// Parse reads a mapping from YAML. The error has a line for each mistake: keys
// that are not known, and what New says.
func Parse(text []byte) (*Mapping, error) {
	var tree any
	if err := yaml.Unmarshal(text, &tree); err != nil {
		return nil, plain(err)
	}
	var c Config
	wrong := c.read(tree)
	m, err := New(c)
	if more := mistakes(nil); len(wrong) > 0 && errors.As(err, &more) {
		return nil, append(wrong, more...)
	}
	if len(wrong) > 0 {
		return nil, wrong
	}
	return m, err
}

// plain takes the piece of the file out of the YAML reader's error, and keeps the
// line.
func plain(err error) error {
	var e yaml.Error
	if !errors.As(err, &e) || e.GetToken() == nil {
		return fmt.Errorf("mapping: %w", err)
	}
	return fmt.Errorf("mapping: line %d: %s", e.GetToken().Position.Line, e.GetMessage())
}

// UnmarshalYAML reads a mapping wherever it stands in a YAML file. It is strict,
// and tells all mistakes at once.
func (c *Config) UnmarshalYAML(unmarshal func(any) error) error {
	var tree any
	if err := unmarshal(&tree); err != nil {
		return err
	}
	if wrong := c.read(tree); len(wrong) > 0 {
		return wrong
	}
	return nil
}

func (c *Config) read(tree any) mistakes {
	r := reader{}
	r.keys("", tree, map[string]func(string, any){
		"form":          func(key string, v any) { c.Form = r.text(key, v) },
		"each":          func(key string, v any) { c.Each = r.text(key, v) },
		"identity":      func(key string, v any) { c.Identity = r.identity(key, v) },
		"status":        func(key string, v any) { c.Status = r.status(key, v) },
		"labels":        func(key string, v any) { c.Labels = r.values(key, v) },
		"annotations":   func(key string, v any) { c.Annotations = r.values(key, v) },
		"links":         func(key string, v any) { c.Links = r.values(key, v) },
		"values":        func(key string, v any) { c.Values = r.values(key, v) },
		"starts_at":     func(key string, v any) { c.StartsAt = r.time(key, v) },
		"ends_at":       func(key string, v any) { c.EndsAt = r.time(key, v) },
		"reported_at":   func(key string, v any) { c.ReportedAt = r.time(key, v) },
		"generator_url": func(key string, v any) { c.GeneratorURL = r.value(key, v) },
		"reason":        func(key string, v any) { c.Reason = r.value(key, v) },
		"by":            func(key string, v any) { c.By = r.value(key, v) },
		"comment":       func(key string, v any) { c.Comment = r.value(key, v) },
	})
	return r.mistakes
}

// mistakes is an error of one line each.
type mistakes []string

func (m mistakes) Error() string { return strings.Join(m, "\n") }

func (m *mistakes) add(key, format string, args ...any) {
	if key != "" {
		key += ": "
	}
	*m = append(*m, "mapping: "+key+fmt.Sprintf(format, args...))
}

// reader reads a tree of maps, lists and scalars.
type reader struct{ mistakes mistakes }

func (r *reader) keys(key string, v any, known map[string]func(key string, v any)) {
	if v == nil {
		return
	}
	members, ok := v.(map[string]any)
	if !ok {
		r.mistakes.add(key, "must be keys and values (%s: ...)", slices.Sorted(maps.Keys(known))[0])
		return
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		read, ok := known[name]
		if !ok {
			r.mistakes.add(key, "unknown key %q; %s", name, didYouMean(name, slices.Sorted(maps.Keys(known))))
			continue
		}
		read(join(key, name), members[name])
	}
}

func (r *reader) text(key string, v any) string {
	switch v := v.(type) {
	case string:
		return v
	case bool, int64, uint64, int:
		return fmt.Sprint(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case nil:
		r.mistakes.add(key, "has no value; leave the key out, or write \"\"")
	default:
		r.mistakes.add(key, "must be one value")
	}
	return ""
}

// texts takes one value for a list of one.
func (r *reader) texts(key string, v any) []string {
	list, ok := v.([]any)
	if !ok {
		return []string{r.text(key, v)}
	}
	texts := make([]string, len(list))
	for i, v := range list {
		texts[i] = r.text(at(key, i), v)
	}
	return texts
}

func (r *reader) table(key string, v any) map[string]string {
	members, ok := v.(map[string]any)
	if !ok {
		r.mistakes.add(key, "must be values and what becomes of them, such as {5: critical}")
	}
	table := make(map[string]string, len(members))
	for name, v := range members {
		table[name] = r.text(join(key, name), v)
	}
	return table
}

func (r *reader) value(key string, v any) (value Value) {
	if _, ok := v.(map[string]any); !ok {
		return Value{From: r.texts(key, v)}
	}
	r.keys(key, v, map[string]func(string, any){
		"from": func(key string, v any) { value.From = r.texts(key, v) },
		"map":  func(key string, v any) { value.Map = r.table(key, v) },
	})
	if value.From == nil {
		r.mistakes.add(key, "from is missing")
	}
	return value
}

func (r *reader) time(key string, v any) (t Time) {
	if _, ok := v.(map[string]any); !ok {
		return Time{From: r.texts(key, v)}
	}
	r.keys(key, v, map[string]func(string, any){
		"from":   func(key string, v any) { t.From = r.texts(key, v) },
		"layout": func(key string, v any) { t.Layout = r.text(key, v) },
		"zone":   func(key string, v any) { t.Zone = r.text(key, v) },
	})
	if t.From == nil {
		r.mistakes.add(key, "from is missing")
	}
	return t
}

func (r *reader) identity(key string, v any) []Value {
	list, ok := v.([]any)
	if !ok {
		return []Value{r.value(key, v)}
	}
	values := make([]Value, len(list))
	for i, v := range list {
		values[i] = r.value(at(key, i), v)
	}
	return values
}

func (r *reader) values(key string, v any) map[string]Value {
	members, ok := v.(map[string]any)
	if !ok && v != nil {
		r.mistakes.add(key, "must be names and where each is from, such as {summary: msg}")
	}
	values := make(map[string]Value, len(members))
	for _, name := range slices.Sorted(maps.Keys(members)) {
		values[name] = r.value(join(key, name), members[name])
	}
	return values
}

func (r *reader) status(key string, v any) (s Status) {
	r.keys(key, v, map[string]func(string, any){
		"from":         func(key string, v any) { s.From = r.texts(key, v) },
		"map":          func(key string, v any) { s.Map = r.table(key, v) },
		"firing":       func(key string, v any) { s.Firing = r.texts(key, v) },
		"resolved":     func(key string, v any) { s.Resolved = r.texts(key, v) },
		"suppressed":   func(key string, v any) { s.Suppressed = r.texts(key, v) },
		"acknowledged": func(key string, v any) { s.Acknowledged = r.texts(key, v) },
		"ignored":      func(key string, v any) { s.Ignored = r.texts(key, v) },
	})
	return s
}

func join(key, name string) string {
	if key == "" {
		return name
	}
	return key + "." + name
}

func at(key string, i int) string { return fmt.Sprintf("%s[%d]", key, i) }

// didYouMean is the end of a message about an unknown name: the nearest that is
// valid, or all of them.
func didYouMean(name string, valid []string) string {
	best, least := "", 1+len(name)/3
	for _, v := range valid {
		if d := distance(strings.ToLower(name), v); d <= least && d < len(name) {
			best, least = v, d-1
		}
	}
	if best != "" {
		return fmt.Sprintf("did you mean %s?", best)
	}
	return "valid are " + strings.Join(valid, ", ")
}

// distance is how many letters must be changed, added or left out; "-" and "_"
// are the same.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] || strings.IndexByte("-_", a[i]) >= 0 && strings.IndexByte("-_", b[j]) >= 0 {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
