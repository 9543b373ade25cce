package conf

import (
	"errors"
	"fmt"

	"github.com/goccy/go-yaml/ast"
)

// Route says which channel an alert goes to.
type Route struct {
	// Match are matchers in Alertmanager's syntax; all must hold. None means
	// every alert.
	Match []string
	// Subject is the pattern of the subject, "alerts.{team}.{severity}".
	Subject string
	// Continue has later routes tried too.
	Continue bool
	// Origin is the place in the file.
	Origin string
}

// routes reads the list of routes. Matchers and patterns are parsed by package
// alerts.
func (r *yamlReader) routes(n ast.Node, key string) []Route {
	var routes []Route
	for i, item := range r.sequence(n, key) {
		route := Route{Origin: r.place(item)}
		key := fmt.Sprintf("%s[%d]", key, i)
		r.mapping(item, key, fields{
			"match": func(n ast.Node, key string) { route.Match, _ = r.matchers(n, key) },
			"subject": r.text(func(s string) error {
				route.Subject = s
				if s == "" {
					return errors.New("is empty; write a pattern such as 'alerts.{team}.{severity}.{alertname}'")
				}
				return nil
			}),
			"continue": r.text(func(s string) (err error) { route.Continue, err = parseBool(s); return err }),
		}, "subject")
		routes = append(routes, route)
	}
	return routes
}
