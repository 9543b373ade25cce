package alerts

import (
	"errors"
	"fmt"

	"github.com/prometheus/alertmanager/matcher/parse"
	"github.com/prometheus/alertmanager/pkg/labels"
)

// Matchers are matchers in Alertmanager's syntax, UTF-8 included, all of which
// must hold. None match everything.
type Matchers struct {
	all labels.Matchers
}

// maxMatchers bounds the matchers of one list.
const maxMatchers = 64

// ParseMatchers reads matchers; each text may hold several, separated by commas.
// The error has a line for each mistake, and says how to mend it.
func ParseMatchers(texts []string) (Matchers, error) {
	var m Matchers
	var mistakes []error
	for _, text := range texts {
		parsed, err := parse.Matchers(text)
		if err == nil && len(parsed) == 0 {
			err = errors.New("is empty")
		}
		if err != nil {
			mistakes = append(mistakes, fmt.Errorf(`match %q: %w; write a matcher such as 'severity="critical"' or 'team=~"db|web"'`, text, err))
		}
		m.all = append(m.all, parsed...)
	}
	if len(m.all) > maxMatchers {
		mistakes = append(mistakes, fmt.Errorf("match: are %d matchers, %d are possible", len(m.all), maxMatchers))
	}
	return m, errors.Join(mistakes...)
}

// Match reports whether all hold. value gives the value of a label, and of the
// names that Route.Match lists; a label that is missing has the empty value.
func (m Matchers) Match(value func(name string) string) bool {
	for _, one := range m.all {
		if !one.Matches(value(one.Name)) {
			return false
		}
	}
	return true
}

// Empty reports whether there are none.
func (m Matchers) Empty() bool { return len(m.all) == 0 }

// String is what ParseMatchers reads.
func (m Matchers) String() string { return m.all.String() }

// Texts are the matchers one by one, as ParseMatchers reads them.
func (m Matchers) Texts() []string {
	texts := make([]string, len(m.all))
	for i, one := range m.all {
		texts[i] = one.String()
	}
	return texts
}
