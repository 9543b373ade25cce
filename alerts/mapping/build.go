package mapping

import (
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"alertrelay/alerts"
)

// New checks a mapping. The error has a line for each mistake, with its key and
// how to mend it.
func New(c Config) (*Mapping, error) {
	b := builder{}
	m := &Mapping{form: c.Form, each: c.Each}
	if m.form == "" {
		m.form = "data"
	}
	if c.Each != "" {
		if wrong := checkPath(c.Each); wrong != "" {
			b.mistakes.add("each", "%q %s", c.Each, wrong)
		}
	}
	if len(c.Identity) == 0 {
		b.mistakes.add("identity", "is missing; name what stays the same while an alert fires, such as [host, check]")
	}
	onlyConstants := true
	for i, v := range c.Identity {
		if len(v.From) == 0 {
			b.mistakes.add(at("identity", i), "is empty; write a path such as data.id")
		}
		m.identity = append(m.identity, b.value(at("identity", i), v, c.Each != ""))
		onlyConstants = onlyConstants && !slices.ContainsFunc(v.From, func(s string) bool { return !strings.HasPrefix(s, "=") })
	}
	if onlyConstants && len(c.Identity) > 0 {
		b.mistakes.add("identity", "has constants only, so all alerts were one; add a path such as data.id")
	}
	b.status(m, c)
	m.labels = b.fields("labels", c.Labels, c.Each != "")
	if len(c.Labels) == 0 {
		b.mistakes.add("labels", "are missing; an alert has at least one, such as alertname: data.name")
	}
	m.annotations = b.fields("annotations", c.Annotations, c.Each != "")
	m.links = b.fields("links", c.Links, c.Each != "")
	m.values = b.fields("values", c.Values, c.Each != "")
	m.startsAt = b.time("starts_at", c.StartsAt, c.Each != "")
	m.endsAt = b.time("ends_at", c.EndsAt, c.Each != "")
	m.reportedAt = b.time("reported_at", c.ReportedAt, c.Each != "")
	m.generatorURL = b.value("generator_url", c.GeneratorURL, c.Each != "")
	m.reason = b.value("reason", c.Reason, c.Each != "")
	m.by = b.value("by", c.By, c.Each != "")
	m.commentText = b.value("comment", c.Comment, c.Each != "")
	if len(b.mistakes) > 0 {
		return nil, b.mistakes
	}
	return m, nil
}

// builder gathers mistakes.
type builder struct{ mistakes mistakes }

// value checks a Value. Without "each", the body is the element.
func (b *builder) value(key string, v Value, each bool) value {
	var checked value
	for i, text := range v.From {
		from, wrong := parseSource(text)
		if wrong != "" {
			if len(v.From) > 1 {
				b.mistakes.add(key, "source %d, %q, %s", i+1, text, wrong)
			} else {
				b.mistakes.add(key, "%q %s", text, wrong)
			}
		}
		if from.kind == constant && i < len(v.From)-1 {
			b.mistakes.add(key, "%q is a constant, so what follows is never used; put it last", text)
		}
		if from.kind == element && !each {
			from.kind = whole // each path is looked up once
		}
		checked.from = append(checked.from, from)
	}
	if len(v.Map) > 0 {
		checked.table = make(map[string]string, len(v.Map))
	}
	for _, text := range slices.Sorted(maps.Keys(v.Map)) {
		to := v.Map[text]
		if text == "*" {
			checked.rest = &to
			continue
		}
		low := strings.ToLower(text)
		if _, twice := checked.table[low]; twice {
			b.mistakes.add(key, "map: %q is there twice; case does not matter", text)
		}
		checked.table[low] = to
	}
	return checked
}

func (b *builder) fields(key string, values map[string]Value, each bool) fields {
	f := fields{named: make(map[string]*value, len(values))}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		v := b.value(join(key, name), values[name], each)
		switch {
		case name == "*":
			f.all = &v
			if len(values[name].Map) > 0 || slices.ContainsFunc(v.from, func(s source) bool { return s.kind == constant || s.kind == header }) {
				b.mistakes.add(join(key, name), "must be paths only, to an object or a list of tags")
			}
		case name == "" || len(name) > maxName || strings.ContainsFunc(name, unicode.IsControl):
			b.mistakes.add(key, "%.40q: is no name", name)
		case len(v.from) == 0:
			b.mistakes.add(join(key, name), "is empty; write a path such as data.name, or =text for a constant")
		default:
			f.named[name] = &v
		}
	}
	return f
}

func (b *builder) time(key string, t Time, each bool) timeValue {
	checked := timeValue{value: b.value(key, Value{From: t.From}, each), layout: t.Layout, zone: time.UTC}
	if len(t.From) == 0 && (t.Layout != "" || t.Zone != "") {
		b.mistakes.add(key, "from is missing")
	}
	// A layout that has no part of a time in it gives itself.
	if t.Layout != "" && t.Layout != unixSeconds && t.Layout != unixMillis && time.Unix(0, 0).UTC().Format(t.Layout) == t.Layout {
		b.mistakes.add(key, `layout %q has no time in it; write Mon Jan 2 15:04:05 2006 as the sender would, such as "2006-01-02 15:04:05", or unix, or unix_ms`, t.Layout)
	}
	if t.Zone != "" {
		zone, err := time.LoadLocation(t.Zone)
		if err != nil {
			b.mistakes.add(key, "zone %q is not known; write one such as Europe/Berlin", t.Zone)
		} else {
			checked.zone = zone
		}
	}
	return checked
}

func (b *builder) status(m *Mapping, c Config) {
	s := c.Status
	if len(s.From) == 0 {
		b.mistakes.add("status.from", "is missing; write the path of what says whether an alert fires, such as data.status")
	}
	m.status = b.value("status.from", Value{From: s.From, Map: s.Map}, c.Each != "")
	m.words = make(map[string]alerts.Status)
	if len(s.Firing) == 0 {
		b.mistakes.add("status.firing", "is empty; list the values that mean that the alert fires")
	}
	if len(s.Resolved) == 0 {
		b.mistakes.add("status.resolved", "is empty; list the values that mean that it is over, or alerts stay until they expire")
	}
	for _, set := range []struct {
		status alerts.Status
		words  []string
	}{
		{alerts.Firing, s.Firing},
		{alerts.Resolved, s.Resolved},
		{alerts.Suppressed, s.Suppressed},
		{alerts.Acknowledged, s.Acknowledged},
		{ignored, s.Ignored},
	} {
		key := "status." + string(set.status)
		for _, word := range set.words {
			low := strings.ToLower(word)
			text := strings.Trim(low, "*")
			switch other, twice := m.words[low]; {
			case text == "":
				b.mistakes.add(key, "%q fits nothing or everything; write a value", word)
			case twice && other == set.status:
				b.mistakes.add(key, "%q is there twice", word)
			case twice:
				b.mistakes.add(key, "%q is in status.%s too; leave it in one of them", word, other)
			case text == low:
				m.words[low] = set.status
			default:
				p := pattern{status: set.status}
				switch before, after := strings.HasPrefix(low, "*"), strings.HasSuffix(low, "*"); {
				case before && after:
					p.text = text
				case before:
					p.suffix = text
				default:
					p.prefix = text
				}
				m.patterns = append(m.patterns, p)
			}
		}
	}
}
