package am

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/prometheus/common/model"
)

const (
	maxConfig = 8 << 20
	maxDepth  = 100 // of routes in routes
	// secretText is what stands in a configuration in the place of a secret.
	secretText = "<secret>"
)

// Defaults of Alertmanager's routes (dispatch/route.go).
const (
	defaultGroupWait     = 30 * time.Second
	defaultGroupInterval = 5 * time.Minute
	defaultRepeat        = 4 * time.Hour
)

// amConfig is what the doctor looks at of an Alertmanager's configuration.
type amConfig struct {
	Route     amRoute      `yaml:"route"`
	Receivers []amReceiver `yaml:"receivers"`
}

type amReceiver struct {
	Name     string      `yaml:"name"`
	Webhooks []amWebhook `yaml:"webhook_configs"`
}

type amWebhook struct {
	URL          string `yaml:"url"`
	URLFile      string `yaml:"url_file"`
	SendResolved *bool  `yaml:"send_resolved"`
	MaxAlerts    uint64 `yaml:"max_alerts"`
	Timeout      string `yaml:"timeout"`
	Payload      any    `yaml:"payload"`
	HTTP         struct {
		Basic         any `yaml:"basic_auth"`
		Authorization any `yaml:"authorization"`
		OAuth2        any `yaml:"oauth2"`
		Headers       any `yaml:"http_headers"`
	} `yaml:"http_config"`
}

// hidden reports whether its address is not told: it is a secret from 0.26 on.
func (w *amWebhook) hidden() bool { return w.URL == "" || w.URL == secretText }

// shows reports whether it shows credentials.
func (w *amWebhook) shows() bool {
	return w.HTTP.Basic != nil || w.HTTP.Authorization != nil || w.HTTP.OAuth2 != nil || w.HTTP.Headers != nil || strings.Contains(w.URL, "@")
}

type amRoute struct {
	Receiver       string            `yaml:"receiver"`
	GroupBy        []string          `yaml:"group_by"`
	Match          map[string]string `yaml:"match"`
	MatchRE        map[string]string `yaml:"match_re"`
	Matchers       []string          `yaml:"matchers"`
	Mute           []string          `yaml:"mute_time_intervals"`
	Active         []string          `yaml:"active_time_intervals"`
	Continue       bool              `yaml:"continue"`
	Routes         []amRoute         `yaml:"routes"`
	GroupWait      string            `yaml:"group_wait"`
	GroupInterval  string            `yaml:"group_interval"`
	RepeatInterval string            `yaml:"repeat_interval"`
}

func (r *amRoute) matches() []string {
	list := append([]string(nil), r.Matchers...)
	for name, value := range r.Match {
		list = append(list, fmt.Sprintf("%s=%q", name, value))
	}
	for name, value := range r.MatchRE {
		list = append(list, fmt.Sprintf("%s=~%q", name, value))
	}
	return list
}

func parseConfig(text string) (amConfig, error) {
	var c amConfig
	if len(text) > maxConfig {
		return c, fmt.Errorf("is larger than %d bytes", maxConfig)
	}
	if err := yaml.Unmarshal([]byte(text), &c); err != nil {
		// The error would quote the lines around the place.
		return amConfig{}, errors.New("is no YAML of an Alertmanager's configuration")
	}
	return c, nil
}

// routeTo is a route that a receiver gets alerts by, with all that it has from
// the routes above it.
type routeTo struct {
	place                  string // "route.routes[0]"
	root                   bool
	routes                 int // below it, which come before it
	matchers               []string
	groupBy                []string
	wait, interval, repeat time.Duration
	keeps                  bool   // without continue, and there are routes after it
	behind                 string // the place of a route before it that keeps what it matches
	behindAll              bool   // and that matches everything
	muted                  bool   // by time intervals
	badDuration            string // the name of a key that makes no sense
	receiver               string
}

// routesTo finds the routes of a receiver.
func (c *amConfig) routesTo(receiver string) []routeTo {
	var found []routeTo
	top := routeTo{place: "route", root: true, wait: defaultGroupWait, interval: defaultGroupInterval, repeat: defaultRepeat}
	walk(&c.Route, top, 0, func(r routeTo) {
		if r.receiver == receiver {
			found = append(found, r)
		}
	})
	return found
}

// walk calls each with r, of which in is what it has from above, and with all
// routes below it.
func walk(r *amRoute, in routeTo, depth int, each func(routeTo)) {
	if depth > maxDepth {
		return
	}
	at := in
	if r.Receiver != "" {
		at.receiver = r.Receiver
	}
	at.routes = len(r.Routes)
	at.matchers = append(append([]string(nil), in.matchers...), r.matches()...)
	if r.GroupBy != nil {
		at.groupBy = r.GroupBy
	}
	at.muted = in.muted || len(r.Mute) > 0 || len(r.Active) > 0
	for _, d := range []struct {
		key, text string
		value     *time.Duration
	}{{"group_wait", r.GroupWait, &at.wait}, {"group_interval", r.GroupInterval, &at.interval}, {"repeat_interval", r.RepeatInterval, &at.repeat}} {
		if d.text == "" {
			continue
		}
		parsed, err := model.ParseDuration(d.text)
		if err != nil {
			at.badDuration = d.key
			continue
		}
		*d.value = time.Duration(parsed)
	}
	each(at)
	below := at
	below.root = false
	for i := range r.Routes {
		child := &r.Routes[i]
		place := fmt.Sprintf("%s.routes[%d]", at.place, i)
		next := below
		next.place = place
		next.keeps = !child.Continue && i < len(r.Routes)-1
		walk(child, next, depth+1, each)
		if !child.Continue && !below.behindAll {
			below.behind, below.behindAll = place, len(child.matches()) == 0
		}
	}
}
