package web

import (
	"strings"

	"alertrelay/relay/site"
)

// tree finds the location of a path among those of a server, or of a location.
type tree struct {
	exact  map[string]*location
	prefix []*location // the longest first
	regex  []*location // in the order of the file
}

// newTree takes locations in the order of the file.
func newTree(list []site.Location, compiled []*location) tree {
	t := tree{exact: make(map[string]*location)}
	for _, i := range site.MatchOrder(list) {
		switch l := compiled[i]; {
		case l.Match == site.MatchExact:
			t.exact[l.Pattern] = l
		case l.Match.IsRegex():
			t.regex = append(t.regex, l)
		default:
			t.prefix = append(t.prefix, l)
		}
	}
	return t
}

// find is nginx's search: an exact location counts at once; else the longest
// prefix is remembered, and what is in it looked at; then the regular expressions
// are tried in order, unless the prefix is a MatchFirst; the first that matches
// counts, or what is in it. final is true if no regular expression of an outer
// location is to be tried. It returns nil if there is none.
func (t *tree) find(q *visit) (found *location, final bool) {
	if l := t.exact[q.path]; l != nil {
		return l, true
	}
	first := false
	for _, l := range t.prefix {
		if strings.HasPrefix(q.path, l.Pattern) {
			found, first = l, l.Match == site.MatchFirst
			inner, final := l.inner.find(q)
			if inner != nil {
				found = inner
			}
			if final {
				return found, true
			}
			break
		}
	}
	if first {
		return found, false
	}
	for _, l := range t.regex {
		if !q.match(l.regexp, q.path) {
			continue
		}
		if inner, _ := l.inner.find(q); inner != nil {
			return inner, true
		}
		return l, true
	}
	return found, false
}

// all are the locations of the tree, without those in them.
func (t *tree) all() []*location {
	var list []*location
	for _, l := range t.exact {
		list = append(list, l)
	}
	list = append(list, t.prefix...)
	return append(list, t.regex...)
}
