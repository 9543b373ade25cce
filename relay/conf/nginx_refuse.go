package conf

import (
	"slices"

	"alertrelay/relay/site"
)

// refuse tells of directives that would change what the location answers. It
// returns false if the location is left without function for their sake.
func (r *nginxReader) refuse(sc *scope) bool {
	works := true
	for s := sc; s != nil; s = s.parent {
		for _, d := range s.refusedInside() {
			if s != sc && r.rules[d.name].own && (s.in == inLocation || d.name != "rewrite" && d.name != "if") {
				continue // it is not inherited; a server's rewrite is for all
			}
			if sc.mode != site.ModeNone {
				r.fail(d, `"%s" is not supported where push_stream is used (location "%s" at %s): %s`, d.name, sc.pattern, sc.by.place(), r.rules[d.name].why)
				continue
			}
			if works {
				r.warn(sc.by.place(), `location "%s" answers 404: "%s" at %s is not supported`, sc.pattern, d.name, d.place())
			}
			works = false
		}
	}
	return works
}

// refusedInside are those of a block and of the ifs in it.
func (sc *scope) refusedInside() []*directive {
	list := slices.Clone(sc.refused)
	for _, s := range sc.steps {
		if s.inner != nil {
			list = append(list, s.inner.refusedInside()...)
		}
	}
	return list
}
