package app

import (
	"fmt"
	"net/http"
	"path"
	"strings"

	"alertrelay/alerts"
	"alertrelay/alerts/mapping"
	"alertrelay/alerts/track"
	"alertrelay/relay/conf"
)

// alertSettings are what the configuration says of alerts, as their packages want
// it.
type alertSettings struct {
	track       track.Settings
	credentials map[string]*alerts.Credentials // nil: every source may post
	mappings    map[string]*mapping.Mapping    // of sources that have one
}

// newAlertSettings converts what the configuration says of alerts. What is wrong
// with it is the configuration's fault.
func newAlertSettings(cfg *conf.Config) (*alertSettings, error) {
	s := &alertSettings{mappings: make(map[string]*mapping.Mapping)}
	var problems []string
	mistake := func(where string, err error) {
		for text := range strings.SplitSeq(err.Error(), "\n") {
			if where != "" {
				text = where + ": " + text
			}
			problems = append(problems, text)
		}
	}
	var err error
	if s.track.Router, err = router(cfg); err != nil {
		mistake("", err)
	}
	s.track.Updates = cfg.Updates
	for _, w := range cfg.Watchdogs {
		match, err := alerts.ParseMatchers(w.Match)
		if err != nil {
			mistake(w.Origin+": watchdogs", err)
		}
		s.track.Watchdogs = append(s.track.Watchdogs, track.Watchdog{Match: match, Within: w.Within})
	}
	if len(cfg.Sources) > 0 {
		s.credentials = make(map[string]*alerts.Credentials)
		s.track.Sources = make(map[string]track.Source)
	}
	for i := range cfg.Sources {
		src := &cfg.Sources[i]
		s.track.Sources[src.Name] = sourceTimes(cfg, src)
		s.credentials[src.Name] = credentials(&src.Auth)
		if err := s.credentials[src.Name].Check(); err != nil {
			mistake(src.Origin+": sources."+src.Name+".auth", err)
		}
		if !src.Mapping.IsSet() {
			continue
		}
		m, err := parseMapping(&src.Mapping)
		if err != nil {
			mistake(src.Mapping.Origin+": sources."+src.Name+".mapping", err)
		}
		s.mappings[src.Name] = m
	}
	if len(problems) > 0 {
		return nil, &conf.Error{Problems: problems}
	}
	return s, nil
}

func router(cfg *conf.Config) (*alerts.Router, error) {
	routes := make([]alerts.Route, len(cfg.Routes))
	for i, r := range cfg.Routes {
		routes[i] = alerts.Route{Match: r.Match, Subject: r.Subject, Continue: r.Continue, Origin: r.Origin}
	}
	return alerts.ParseRoutes(prefix, routes)
}

// sourceTimes leaves out what was not asked for: what the sender itself tells of
// its intervals goes before our defaults, and not before what people say.
func sourceTimes(cfg *conf.Config, src *conf.Source) track.Source {
	t := track.Source{SilentAfter: src.SilentAfter}
	if src.RepeatAsked {
		t.RepeatInterval = src.RepeatInterval
	}
	t.GroupInterval = src.GroupInterval
	return t
}

func parseMapping(m *conf.Mapping) (*mapping.Mapping, error) {
	if m.Preset != "" {
		return mapping.Preset(m.Preset)
	}
	return mapping.Parse(m.YAML)
}

func credentials(a *conf.Auth) *alerts.Credentials {
	c := &alerts.Credentials{
		Bearer: secrets(a.Bearer), PathTokens: secrets(a.PathToken), RoutingKeys: secrets(a.RoutingKey),
	}
	for _, b := range a.Basic {
		c.Basic = append(c.Basic, alerts.BasicUser{Name: b.User, Password: alerts.Secret(b.Password.Reveal())})
	}
	for _, h := range a.Header {
		c.Headers = append(c.Headers, alerts.HeaderSecret{Name: h.Name, Value: alerts.Secret(h.Value.Reveal())})
	}
	if h := a.HMAC; h != nil {
		c.HMAC = &alerts.HMAC{
			Secrets: secrets(h.Secrets), Header: h.Header, Prefix: h.Prefix,
			TimestampHeader: h.TimestampHeader, MaxAge: h.MaxAge,
		}
	}
	return c
}

func secrets(in []conf.Secret) []alerts.Secret {
	var out []alerts.Secret
	for _, s := range in {
		out = append(out, alerts.Secret(s.Reveal()))
	}
	return out
}

// mayPost implements alerts.Options.Credentials with the settings that were read
// last.
func (a *App) mayPost(source string) (c *alerts.Credentials, known bool) {
	s := a.alerts.Load()
	if s.credentials == nil {
		return nil, true
	}
	c, known = s.credentials[source]
	return c, known
}

// inputs are the addresses at which senders post. The kind of sender is the first
// part and the source the second, "/in/alertmanager/am".
func (a *App) inputs(in *alerts.Intake) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/in/alertmanager/{source}", in.Handler(alerts.Alertmanager()))
	mux.Handle("/in/grafana/{source}", in.Handler(alerts.Grafana()))
	mux.Handle("/in/events/{source}", in.Handler(alerts.EventRecorder()))
	pagerDuty := in.Handler(alerts.PagerDuty())
	mux.Handle("/in/pagerduty/{source}", pagerDuty)
	mux.Handle("/in/pagerduty/{source}/v2/enqueue", pagerDuty) // what clients append
	mux.Handle("/in/cloudevents/{source}", in.Handler(a.cloudEvents()))
	mux.Handle("/in/json/{source}", in.Handler(alerts.Sender{Decode: a.decodeMapped}))
	for _, preset := range mapping.Presets() {
		m, err := mapping.Preset(preset.Name)
		if err != nil {
			panic("app: preset " + preset.Name + ": " + err.Error()) // it is part of the program
		}
		mux.Handle("/in/"+preset.Name+"/{source}", in.Handler(m.Sender()))
	}
	prometheus := in.Handler(alerts.Prometheus(a.now))
	return alerts.PathToken(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Prometheus and those like it append this to any prefix.
		if prefix, ok := strings.CutSuffix(r.URL.Path, "/api/v2/alerts"); ok {
			source := path.Base(prefix)
			if source == "." || source == "/" || source == "in" {
				source = defaultSource
			}
			r.SetPathValue("source", source)
			prometheus.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	}))
}

// defaultSource is the source of what is posted to /api/v2/alerts without a prefix.
const defaultSource = "prometheus"

// decodeMapped makes alerts of JSON by the mapping that is configured for the
// source.
func (a *App) decodeMapped(source string, header http.Header, body []byte) (alerts.Batch, error) {
	m := a.alerts.Load().mappings[source]
	if m == nil {
		return alerts.Batch{}, &alerts.UnmappedError{Reason: fmt.Sprintf(
			"source %q has no mapping; add sources.%s.mapping to the configuration, or post to the address of a preset, such as /in/uptime-kuma/%s", source, source, source)}
	}
	return m.Decode(source, header, body)
}

// cloudEvents has the data read by the mapping of the source, if it has one.
func (a *App) cloudEvents() alerts.Sender {
	s := alerts.CloudEvents(nil)
	plain := s.Decode
	mapped := alerts.CloudEvents(a.decodeMapped).Decode
	s.Decode = func(source string, header http.Header, body []byte) (alerts.Batch, error) {
		if a.alerts.Load().mappings[source] != nil {
			return mapped(source, header, body)
		}
		return plain(source, header, body)
	}
	return s
}

// configureAlerts takes the alert side of a configuration that was read again.
func (a *App) configureAlerts(cfg *conf.Config, s *alertSettings) error {
	a.alerts.Store(s)
	a.tracker.Configure(s.track)
	return a.sources.configure(cfg)
}
