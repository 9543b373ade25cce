package site

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Match is how a location's pattern is compared with the path.
type Match uint8

// The ways to match, as nginx writes them: "/a", "= /a", "^~ /a", "~ re", "~* re".
// Of the first three the longest prefix counts, and an exact one at once; unless
// it is MatchFirst, the regular expressions are tried before it is taken.
const (
	MatchPrefix Match = iota
	MatchExact
	MatchFirst
	MatchRegex
	MatchRegexFold
)

var matchModifiers = []string{"", "=", "^~", "~", "~*"}

// String is nginx's modifier.
func (m Match) String() string {
	if int(m) >= len(matchModifiers) {
		return "?"
	}
	return matchModifiers[m]
}

// ParseMatch reads a modifier; known is false for another word, and for none.
func ParseMatch(modifier string) (m Match, known bool) {
	i := slices.Index(matchModifiers, modifier)
	return Match(max(i, 0)), i > 0
}

// IsRegex reports whether the pattern is a regular expression.
func (m Match) IsRegex() bool { return m == MatchRegex || m == MatchRegexFold }

// Path is match and pattern as nginx and our YAML have them: "~ /sub/(.*)".
func (l *Location) Path() string {
	if l.Match == MatchPrefix {
		return l.Pattern
	}
	return l.Match.String() + " " + l.Pattern
}

// Regexp is the pattern compiled. It fails for patterns of Perl's that Go does
// not have, such as look-ahead, and must not be called for a prefix.
func (l *Location) Regexp() (*regexp.Regexp, error) {
	return CompileRegexp(l.Pattern, l.Match == MatchRegexFold)
}

// CompileRegexp compiles a regular expression of an nginx.conf or our YAML.
func CompileRegexp(pattern string, fold bool) (*regexp.Regexp, error) {
	if fold {
		pattern = "(?i)" + pattern
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		text := strings.TrimPrefix(err.Error(), "error parsing regexp: ")
		if strings.Contains(pattern, "(?=") || strings.Contains(pattern, "(?!") || strings.Contains(pattern, "(?<=") || strings.Contains(pattern, "(?<!") {
			text += " (look-ahead and look-behind are not supported)"
		}
		return nil, fmt.Errorf("invalid regular expression %q: %s", strings.TrimPrefix(pattern, "(?i)"), text)
	}
	return re, nil
}

// MatchOrder gives the indexes of locations in the order in which a path is
// compared with them: exact, then "^~" and other prefixes by length, then regular
// expressions. (That a plain prefix is only taken if no regular expression
// matches is not an order.)
func MatchOrder(list []Location) []int {
	order := make([]int, len(list))
	for i := range order {
		order[i] = i
	}
	rank := func(m Match) int {
		switch m {
		case MatchExact:
			return 0
		case MatchPrefix, MatchFirst:
			return 1
		}
		return 2
	}
	slices.SortStableFunc(order, func(i, j int) int {
		a, b := &list[i], &list[j]
		if d := rank(a.Match) - rank(b.Match); d != 0 || a.Match.IsRegex() {
			return d
		}
		return len(b.Pattern) - len(a.Pattern)
	})
	return order
}
