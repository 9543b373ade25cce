package conf

import (
	"errors"
	"fmt"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// Watchdog is an alert that always fires; that it is missing is an alert.
type Watchdog struct {
	// Match are matchers in Alertmanager's syntax; all must hold. There is at least
	// one.
	Match []string
	// Within is how long nothing may be heard of it.
	Within time.Duration
	// Origin is the place in the file.
	Origin string
}

func watchdogWithin() span { return span{low: time.Second, high: 30 * 24 * time.Hour} }

// watchdogs reads the list of watchdogs. Matchers are parsed by package alerts.
func (r *yamlReader) watchdogs(n ast.Node, key string) []Watchdog {
	var list []Watchdog
	for i, item := range r.sequence(n, key) {
		w := Watchdog{Origin: r.place(item)}
		key := fmt.Sprintf("%s[%d]", key, i)
		r.mapping(item, key, fields{
			"match": func(n ast.Node, key string) {
				var ok bool
				if w.Match, ok = r.matchers(n, key); ok && len(w.Match) == 0 {
					r.report(r.place(n), "%s: %s", key, errWatchdogMatch)
				}
			},
			"within": r.between(&w.Within, watchdogWithin()),
		}, "match", "within")
		list = append(list, w)
	}
	return list
}

var errWatchdogMatch = errors.New(`is empty; write matchers such as 'alertname="Watchdog"', because with none any alert would do`)

// matchers reads one matcher or a list of them. ok is false if it is neither.
func (r *yamlReader) matchers(n ast.Node, key string) (list []string, ok bool) {
	value, ok := r.resolve(n)
	if !ok {
		return nil, false
	}
	one := r.text(func(s string) error {
		list = append(list, s)
		if s == "" {
			return errors.New(`is empty; write a matcher such as 'severity="critical"'`)
		}
		return nil
	})
	switch value.(type) {
	case ast.ScalarNode:
		if !isNull(value) {
			one(n, key)
			return list, true
		}
	case *ast.SequenceNode:
	default:
		ok = false
	}
	for i, m := range r.sequence(n, key) {
		one(m, fmt.Sprintf("%s[%d]", key, i))
	}
	return list, ok
}

// checkWatchdogs checks those that were made by hand.
func (c *Config) checkWatchdogs(p *problems) {
	for i, w := range c.Watchdogs {
		key := fmt.Sprintf("watchdogs[%d]", i)
		if len(w.Match) == 0 {
			p.report(key, "match: %s", errWatchdogMatch)
		}
		if err := watchdogWithin().check(w.Within); err != nil {
			p.report(key, "within: %s", err)
		}
	}
}
