package conf

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"alertrelay/relay/site"
)

// locations reads a list of locations; outer is what they are in, or nil.
func (r *siteReader) locations(n ast.Node, key string, from inherited, outer *located) []site.Location {
	var list []site.Location
	var siblings []located
	for i, item := range r.sequence(n, key) {
		key := fmt.Sprintf("%s[%d]", key, i)
		l := r.location(item, key, from)
		at := located{l.Match, l.Pattern}
		if err := at.fits(siblings, outer); err != nil {
			r.report(l.Origin, "%s: %s", key, err)
		}
		siblings = append(siblings, at)
		list = append(list, l)
	}
	return list
}

func (r *siteReader) location(n ast.Node, key string, from inherited) site.Location {
	var l site.Location
	var mode site.Mode
	var match site.Match
	var pattern string
	module := from.module
	keys := fields{
		"path": r.bytes(func(s string) error {
			match, pattern = parsePath(s)
			return r.pattern(match, pattern)
		}),
		"mode": r.text(func(s string) error {
			mode = site.Mode(max(0, slices.Index(site.ModeNames(), s)))
			return oneOf(s, site.ModeNames()...)
		}),
		"module": r.flag(&module),
	}
	// What the other keys change depends on these three.
	var later, last []func()
	for name, read := range r.locationFields(&l, from) {
		keys[name] = func(n ast.Node, key string) {
			if name == "steps" { // after the settings that its ifs take over
				last = append(last, func() { read(n, key) })
				return
			}
			later = append(later, func() { read(n, key) })
		}
	}
	r.mapping(n, key, keys, "path", "mode")
	l = newLocation(mode, match, pattern, module, from)
	l.Origin = r.place(n)
	for _, read := range append(later, last...) {
		read()
	}
	r.checkLocation(key, &l)
	return l
}

func (r *siteReader) pattern(match site.Match, pattern string) error {
	if match.IsRegex() {
		re, err := site.CompileRegexp(pattern, match == site.MatchRegexFold)
		if err == nil {
			r.vars.capture(re)
		}
		return err
	}
	if !strings.HasPrefix(pattern, "/") {
		return fmt.Errorf(`%q begins with no slash; write a prefix such as /sub/, "= /pub" for exactly that, or "~ ^/sub/(.*)" for a regular expression`, pattern)
	}
	return nil
}

func (r *siteReader) checkLocation(key string, l *site.Location) {
	fail := func(format string, args ...any) { r.report(l.Origin, "%s: %s", key, fmt.Sprintf(format, args...)) }
	switch {
	case l.Mode == site.ModeNone:
		return
	case !l.Channels.Set || l.Channels.Text == "":
		fail("channels is missing; say where the channels are, such as $arg_id or $1")
	case l.Mode.Subscribes() && l.Template == "":
		fail("template is empty, so that there would be no messages")
	}
	if err := checkTemplate(l.Template); err != nil {
		fail("%s", err)
	}
	if l.Module && (l.Wildcards || l.HeaderCursor) {
		fail("wildcards and header_cursor are ours, and not for module: true")
	}
}

func (r *siteReader) locationFields(l *site.Location, from inherited) fields {
	keys := fields{
		"wildcards":       r.flag(&l.Wildcards),
		"header_cursor":   r.flag(&l.HeaderCursor),
		"template":        r.bytes(keep(&l.Template)),
		"header":          r.bytes(keep(&l.Header)),
		"header_file":     r.text(func(path string) error { return readHeader(path, &l.Header) }),
		"footer":          r.bytes(keep(&l.Footer)),
		"content_type":    r.bytes(keep(&l.ContentType)),
		"types":           func(n ast.Node, key string) { l.Types = r.types(n, key) },
		"user_agent":      r.value(&l.UserAgent),
		"padding":         func(n ast.Node, key string) { l.Padding = r.padding(n, key) },
		"allow_origin":    r.value(&l.AllowOrigin),
		"headers":         func(n ast.Node, key string) { l.Headers = r.headers(n, key) },
		"ping":            r.duration(&l.PingInterval),
		"ttl":             r.duration(&l.TTL),
		"poll_ttl":        r.duration(&l.PollTTL),
		"info":            r.flag(&l.Info),
		"authorized_only": r.flag(&l.AuthorizedOnly),
		"wildcard_max":    r.number(&l.WildcardMax),
		"allow_publish":   r.flag(&l.AllowPublish),
		"max_body":        r.size(&l.MaxBody),
		"gzip":            func(n ast.Node, key string) { r.gzip(n, key, &l.Gzip) },
		"steps":           func(n ast.Node, key string) { l.Steps = r.steps(n, key, &l.Varying) },
		"locations": func(n ast.Node, key string) {
			l.Locations = r.locations(n, key, from, &located{l.Match, l.Pattern})
		},
	}
	maps.Copy(keys, r.varying(&l.Varying))
	r.addConnection(keys, &l.Connection)
	return keys
}

// varying are the settings that an if can change.
func (r *siteReader) varying(v *site.Varying) fields {
	return fields{
		"channels":     r.value(&v.Channels),
		"time":         r.value(&v.Time),
		"tag":          r.value(&v.Tag),
		"event_id":     r.value(&v.EventID),
		"store":        r.flag(&v.Store),
		"allow_events": r.flag(&v.AllowEvents),
	}
}

// readHeader reads a header template from a file, byte for byte.
func readHeader(path string, to *string) error {
	content, err := readRegular(path, maxNginxBytes)
	*to = string(content)
	return err
}

func (r *siteReader) padding(n ast.Node, key string) []site.Padding {
	var list []site.Padding
	for i, item := range r.sequence(n, key) {
		var p site.Padding
		key := fmt.Sprintf("%s[%d]", key, i)
		r.mapping(item, key, fields{"agent": r.bytes(keep(&p.Agent)), "header": r.number(&p.Header), "message": r.number(&p.Message)}, "agent")
		if err := checkPadding(&p); err != nil {
			r.report(r.place(item), "%s: %s", key, err)
		}
		list = append(list, p)
	}
	return list
}

func (r *siteReader) headers(n ast.Node, key string) []site.Header {
	var list []site.Header
	for i, item := range r.sequence(n, key) {
		var h site.Header
		r.mapping(item, fmt.Sprintf("%s[%d]", key, i), fields{
			"name": r.text(func(s string) error {
				h.Name = s
				return checkHeaderName(s)
			}),
			"value":  r.expression(func(s string) { h.Value = s }),
			"always": r.flag(&h.Always),
		}, "name", "value")
		list = append(list, h)
	}
	return list
}

var errCondition = errors.New(`is no condition; write "$name", or "$name = value" with one of = != ~ ~* !~ !~*`)

// condition reads what Condition.String writes.
func (r *siteReader) condition(s string) (site.Condition, error) {
	rest, ok := strings.CutPrefix(s, "$")
	name, rest, compared := strings.Cut(rest, " ")
	if !ok || name == "" || strings.ContainsFunc(name, func(c rune) bool { return c > 127 || !site.IsNameByte(byte(c)) }) {
		return site.Condition{}, errCondition
	}
	c := site.Condition{Var: name}
	if !compared {
		return c, nil
	}
	if c.Op, c.Value, ok = strings.Cut(rest, " "); !ok || c.Op == "" {
		return c, errCondition
	}
	re, known, err := c.Compile()
	switch {
	case !known:
		return c, errCondition
	case re != nil:
		r.vars.capture(re)
	}
	return c, err
}
