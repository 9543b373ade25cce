package conf

import (
	"errors"
	"fmt"
	"strings"

	"alertrelay/relay/site"
)

func (r *nginxReader) location(sc *scope, d *directive) {
	loc := sc.below(inLocation, d)
	if len(d.args) == 2 {
		loc.pattern = d.args[1]
		var known bool
		if loc.match, known = site.ParseMatch(d.args[0]); !known {
			r.fail(d, `invalid location modifier "%s"`, d.args[0])
		}
	} else {
		loc.match, loc.pattern = parsePath(d.args[0])
	}
	r.walk(loc, d.block)
	if strings.HasPrefix(loc.pattern, "@") && loc.match == site.MatchPrefix {
		r.named(loc)
		return
	}
	if loc.match.IsRegex() {
		re, err := site.CompileRegexp(loc.pattern, loc.match == site.MatchRegexFold)
		switch {
		case err != nil && loc.usesModule():
			r.fail(d, "%s", err)
			return
		case err != nil:
			r.warn(d.place(), `location "%s" is left out: %s`, loc.pattern, err)
			return
		}
		r.vars.capture(re)
	}
	var siblings []located
	for _, other := range sc.locations {
		siblings = append(siblings, located{other.match, other.pattern})
	}
	var outer *located
	if sc.in == inLocation {
		outer = &located{sc.match, sc.pattern}
	}
	if err := (located{loc.match, loc.pattern}).fits(siblings, outer); err != nil {
		r.fail(d, "%s", err)
		return
	}
	switch {
	case loc.match.IsRegex() || strings.HasPrefix(loc.pattern, "/"):
		sc.locations = append(sc.locations, loc)
	case loc.pattern == "":
		r.fail(d, `location "" is not supported; write "/" for every path`)
	default:
		r.warn(d.place(), `location "%s" is left out: every path begins with a slash`, loc.pattern)
	}
}

// named drops a location that only directives lead to that are not supported.
func (r *nginxReader) named(loc *scope) {
	switch {
	case loc.parent.in != inServer:
		r.fail(loc.by, `named location "%s" can be on the server level only`, loc.pattern)
	case loc.mode != site.ModeNone:
		r.fail(loc.by, `named location "%s" can not be reached: try_files and error_page are not supported`, loc.pattern)
	default:
		r.warn(loc.by.place(), `location "%s" is left out: nothing leads to it`, loc.pattern)
	}
}

// types reads a block of content types: "text/html html htm;".
func (r *nginxReader) types(sc *scope, d *directive) {
	if sc.types == nil {
		sc.types = make(map[string]string)
	}
	for _, t := range d.block {
		if t.hasBlock {
			r.fail(t, `directive "%s" is not terminated by ";"`, t.name)
			continue
		}
		for _, extension := range t.args {
			sc.types[strings.ToLower(extension)] = t.name
		}
	}
}

func (r *nginxReader) addHeader(sc *scope, d *directive) {
	h := site.Header{Name: d.args[0], Value: d.args[1], Always: len(d.args) == 3}
	if h.Always && d.args[2] != "always" {
		r.fail(d, `invalid parameter "%s"`, d.args[2])
		return
	}
	if err := checkHeaderName(h.Name); err != nil {
		r.fail(d, `"%s": %s`, d.name, err)
		return
	}
	if sc.in == inLocationIf {
		r.fail(d, `"%s" in "if" is not supported`, d.name)
		return
	}
	sc.headers = append(sc.headers, h)
}

// checkHeaderName wants a token of HTTP that does not frame the answer.
func checkHeaderName(name string) error {
	if name == "" || strings.Trim(name, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return fmt.Errorf("%q is no name of a header", name)
	}
	switch strings.ToLower(name) {
	case "content-length", "transfer-encoding", "connection", "upgrade", "date":
		return fmt.Errorf("%s is not for a configuration to say", name)
	}
	return nil
}

func gzipLevelSlot(d *directive) (any, error) {
	n, err := numberSlot(d)
	if err != nil {
		return nil, err
	}
	if level := n.(int); level < 1 || level > 9 {
		return nil, errors.New("value must be between 1 and 9")
	}
	return n, nil
}

func httpVersionSlot(d *directive) (any, error) {
	switch d.args[0] {
	case "1.0", "1.1":
		return d.args[0], nil
	}
	return nil, fmt.Errorf(`invalid value "%s"`, d.args[0])
}
