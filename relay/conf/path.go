package conf

import (
	"fmt"
	"strings"

	"alertrelay/relay/site"
)

// parsePath reads what Path writes. A modifier needs no space after it, as in
// nginx.
func parsePath(s string) (site.Match, string) {
	for _, m := range []site.Match{site.MatchExact, site.MatchFirst, site.MatchRegexFold, site.MatchRegex} {
		if rest, ok := strings.CutPrefix(s, m.String()); ok {
			return m, strings.TrimPrefix(rest, " ")
		}
	}
	return site.MatchPrefix, s
}

// located is where a location is.
type located struct {
	match   site.Match
	pattern string
}

// fits says why a location cannot stand beside the siblings, and in outer unless
// it is nil.
func (l located) fits(siblings []located, outer *located) error {
	for _, o := range siblings {
		same := o.match == l.match || o.match != site.MatchExact && l.match != site.MatchExact && !o.match.IsRegex()
		if !l.match.IsRegex() && same && o.pattern == l.pattern {
			return fmt.Errorf(`duplicate location "%s"`, l.pattern)
		}
	}
	switch {
	case outer == nil:
	case outer.match == site.MatchExact:
		return fmt.Errorf(`location "%s" cannot be inside the exact location "%s"`, l.pattern, outer.pattern)
	case !l.match.IsRegex() && !outer.match.IsRegex() && !strings.HasPrefix(l.pattern, outer.pattern):
		return fmt.Errorf(`location "%s" is outside location "%s"`, l.pattern, outer.pattern)
	}
	return nil
}
