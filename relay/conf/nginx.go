package conf

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"alertrelay/relay/site"
)

// Report says how an nginx.conf was understood, beside the Site.
type Report struct {
	// Files that were read, in order.
	Files []string
	// Ignored are the directives that do nothing here, in the order of the files.
	Ignored []Ignored
	// Warnings are what will be otherwise than the file says, each with its place.
	Warnings []string
}

// Ignored is a directive that does nothing here.
type Ignored struct {
	Name string
	// Origin is its place, "file:line".
	Origin string
	// Why it does nothing.
	Why string
}

// LoadNginx reads an nginx.conf with push_stream directives. The error is an
// *Error with everything that is wrong, in nginx's words; the Report is of use in
// any case.
func LoadNginx(path string) (site.Site, Report, error) {
	var p problems
	r := &nginxReader{
		nginxParser: nginxParser{dir: filepath.Dir(path), problems: &p},
		rules:       nginxRules(),
		told:        make(map[string]bool),
		vars:        variables{own: make(map[string]bool), foreign: make(map[string]string)},
	}
	list, err := r.file(path, 0)
	if err != nil {
		p = append(p, err.Error())
	}
	top := &scope{in: inMain, values: make(map[string]held)}
	r.walk(top, list)
	built := site.New()
	switch {
	case r.top != nil:
		built = r.build(r.top)
	case len(p) == 0:
		r.warn(path, "ngx_http_push_stream_module will not be used with this configuration.")
	}
	r.rep.Files = r.files
	if err := p.err(); err != nil {
		return site.Site{}, r.rep, err
	}
	return built, r.rep, nil
}

// nginxReader makes a Site of directives, in two passes, because what stands
// below a block in the file also goes for it: walk puts them into scopes, and
// build makes the Site of these.
type nginxReader struct {
	nginxParser
	rules map[string]rule
	rep   Report
	told  map[string]bool // problems
	vars  variables
	top   *scope // of the http block
}

// scope is a block: what it says itself, and what it is in.
type scope struct {
	in     context
	by     *directive
	parent *scope
	// values are of directives that may be given once.
	values  map[string]held
	refused []*directive
	headers []site.Header
	types   map[string]string

	servers []*scope
	listen  []site.Listen
	names   []string

	locations []*scope
	match     site.Match
	pattern   string
	mode      site.Mode
	modeAt    *directive

	steps     []scopeStep
	condition site.Condition
}

// held is the value of a directive.
type held struct {
	value any
	by    *directive
}

// scopeStep is a Step whose If is not resolved yet.
type scopeStep struct {
	site.Step
	inner *scope
	by    *directive
}

// find gives the value that is in force, def if there is none. at is the
// directive that gives it, nil for def.
func find[T any](sc *scope, name string, def T) (value T, at *directive) {
	for ; sc != nil; sc = sc.parent {
		if h, ok := sc.values[name]; ok {
			return h.value.(T), h.by
		}
	}
	return def, nil
}

// get is find without the directive.
func get[T any](sc *scope, name string, def T) T {
	value, _ := find(sc, name, def)
	return value
}

// walk puts directives into a scope.
func (r *nginxReader) walk(sc *scope, list []*directive) {
	for _, d := range list {
		u, ok := r.rules[d.name]
		if !ok {
			u, ok = otherFamily(d.name)
		}
		switch {
		case !ok:
			r.unknown(d)
		case u.in&sc.in == 0:
			r.fail(d, `"%s" directive is not allowed here`, d.name)
		case d.hasBlock && !u.block:
			r.fail(d, `directive "%s" is not terminated by ";"`, d.name)
		case !d.hasBlock && u.block:
			r.fail(d, `directive "%s" has no opening "{"`, d.name)
		case len(d.args) < u.min || u.max >= 0 && len(d.args) > u.max:
			r.fail(d, `invalid number of arguments in "%s" directive`, d.name)
		case u.slot != nil:
			r.hold(sc, d, u.slot)
		case u.read != nil:
			u.read(r, sc, d)
		default:
			r.other(sc, d, u)
		}
	}
}

func (r *nginxReader) unknown(d *directive) {
	text := ""
	if near := Nearest(d.name, slices.Collect(maps.Keys(r.rules))); near != "" {
		text = "; did you mean " + near + "?"
	}
	p := fmt.Sprintf(`unknown directive "%s" in %s%s`, d.name, d.place(), text)
	if !r.told[p] {
		r.told[p] = true
		*r.problems = append(*r.problems, p)
	}
}

// hold keeps the value of a directive that may be given once.
func (r *nginxReader) hold(sc *scope, d *directive, read slot) {
	if _, ok := sc.values[d.name]; ok {
		r.fail(d, `"%s" %s`, d.name, errDuplicate)
		return
	}
	value, err := read(d)
	if err != nil {
		r.fail(d, "%s", err)
		return
	}
	sc.values[d.name] = held{value: value, by: d}
}

// other is a directive that is not understood.
func (r *nginxReader) other(sc *scope, d *directive, u rule) {
	if u.harmless != "" && len(d.args) == 1 && d.args[0] == u.harmless {
		return
	}
	switch u.class {
	case refused:
		sc.refused = append(sc.refused, d)
		return
	case differing:
		r.warn(d.place(), "%s: %s", d.name, u.why)
	}
	r.rep.Ignored = append(r.rep.Ignored, Ignored{Name: d.name, Origin: d.place(), Why: u.why})
	// Tables of variables.
	if (d.name == "map" || d.name == "geo" || d.name == "split_clients") && len(d.args) > 0 {
		name := d.args[len(d.args)-1]
		if name != "" && name[0] == '$' {
			r.vars.foreign[strings.ToLower(name[1:])] = d.name + " at " + d.place()
		}
	}
}

func (r *nginxReader) warn(where, format string, args ...any) {
	r.rep.Warnings = append(r.rep.Warnings, where+": "+fmt.Sprintf(format, args...))
}

// below makes the scope of a block.
func (sc *scope) below(in context, d *directive) *scope {
	return &scope{in: in, by: d, parent: sc, values: make(map[string]held)}
}
