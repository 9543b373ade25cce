package alerts

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Route says which channel an alert goes to.
type Route struct {
	// Match are matchers in Alertmanager's syntax, UTF-8 included; all must hold.
	// None means every alert. A name is a label, or "source", "receiver", or "@"
	// and the name of a label of the sender's route. A label that is missing has
	// the empty value.
	Match []string
	// Subject is the pattern of the subject, "alerts.{team|owner}.{severity}":
	// the prefix, then tokens that are a literal or a placeholder. The alert's id
	// is appended.
	Subject string
	// Continue has later routes tried too.
	Continue bool
	// Origin is the place in the configuration, for errors.
	Origin string
}

// Router finds the channels of alerts. It may be used by several goroutines at
// once.
type Router struct {
	routes []parsedRoute
}

type parsedRoute struct {
	matchers Matchers
	pattern  pattern
	more     bool // later routes are tried too
}

// ParseRoutes checks the routes and makes a Router of them. The first route that
// matches wins. Behind all of them stands
// "<prefix>.{team|owner|namespace}.{severity}.{alertname}" for every alert, so
// that none is lost. An empty prefix means "alerts". The error has a line for
// each mistake, with the route and how to mend it.
func ParseRoutes(prefix string, routes []Route) (*Router, error) {
	if prefix == "" {
		prefix = defaultPrefix
	}
	r := &Router{}
	var mistakes []error
	all := "" // the route that takes every alert
	for i, route := range routes {
		name := fmt.Sprintf("routes[%d]", i)
		if route.Origin != "" {
			name += " (" + route.Origin + ")"
		}
		mistake := func(err error) { mistakes = append(mistakes, fmt.Errorf("alerts: %s: %w", name, err)) }
		if all != "" {
			mistake(fmt.Errorf("never used, because %s takes every alert; put it above, or give that one a match or continue: true", all))
		}
		parsed, errs := route.parse(prefix)
		for _, err := range errs {
			mistake(err)
		}
		r.routes = append(r.routes, parsed)
		if parsed.matchers.Empty() && len(errs) == 0 && !route.Continue && all == "" {
			all = name
		}
	}
	if len(mistakes) > 0 {
		return nil, errors.Join(mistakes...)
	}
	last := Route{Subject: prefix + "." + defaultSubject}
	parsed, errs := last.parse(prefix)
	if len(errs) > 0 {
		return nil, fmt.Errorf("alerts: default route: %w", errors.Join(errs...))
	}
	r.routes = append(r.routes, parsed)
	return r, nil
}

func (route *Route) parse(prefix string) (parsedRoute, []error) {
	parsed := parsedRoute{more: route.Continue}
	var errs []error
	var err error
	if parsed.matchers, err = ParseMatchers(route.Match); err != nil {
		errs = append(errs, err)
	}
	rest, ok := strings.CutPrefix(route.Subject, prefix+".")
	if !ok {
		errs = append(errs, fmt.Errorf("subject %q: must begin with %q, the prefix of all subjects", route.Subject, prefix+"."))
		return parsed, errs
	}
	if parsed.pattern, err = parsePattern(rest); err != nil {
		return parsed, append(errs, fmt.Errorf("subject %q: %w", route.Subject, err))
	}
	if n := parsed.pattern.maxLen(prefix); n > maxSubject {
		errs = append(errs, fmt.Errorf("subject %q: can become %d bytes long, %d are possible; shorten its literals or use fewer placeholders", route.Subject, n, maxSubject))
	}
	return parsed, errs
}

// Channels are the channels of the alert, at least one and each once, without
// the prefix: "db.critical.InstanceDown.am-6cbc862a35eef55a".
func (r *Router) Channels(a *Alert) []string {
	if a.Source == OwnSource {
		return []string{ownPattern.channel(a)}
	}
	var channels []string
	for i := range r.routes {
		route := &r.routes[i]
		if !route.matchers.Match(func(name string) string { return lookup(a, name) }) {
			continue
		}
		if channel := route.pattern.channel(a); !slices.Contains(channels, channel) {
			channels = append(channels, channel)
		}
		if !route.more {
			break
		}
	}
	return channels
}
