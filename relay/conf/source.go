package conf

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// Source is a sender of alerts. Load gives every duration a value.
type Source struct {
	// Name of the source in addresses and channels: 1 to 16 of a-z, 0-9 and _.
	Name string
	// Auth is what a request in its name must show.
	Auth Auth
	// API are the URLs of its Alertmanagers, the members of one cluster, to see
	// what fires and to silence, without a slash at their end. None means that it
	// is not asked.
	API []string
	// APIAuth is what the relay shows there.
	APIAuth APIAuth
	// APIInterval is the time between two looks.
	APIInterval time.Duration
	// RepeatInterval and GroupInterval are those of the sender's route. They tell
	// when nothing was heard of an alert for too long.
	RepeatInterval, GroupInterval time.Duration
	// RepeatAsked is true if the repeat interval was asked for. Otherwise what the
	// sender itself tells goes first, and one that never repeats need not.
	RepeatAsked bool
	// SilentAfter is how long nothing may be heard of the source until that is an
	// alert; 0 means for ever.
	SilentAfter time.Duration
	// AckAsSilence is for how long an acknowledged alert is silenced too; 0 means
	// that it is not. It needs API.
	AckAsSilence time.Duration
	// Mapping says how alerts are read from any JSON; the zero value means that
	// they are not.
	Mapping Mapping
	// Origin is the place in the file.
	Origin string
}

// Mapping is a preset or a mapping of the file, not yet understood: package
// alerts/mapping knows what they mean.
type Mapping struct {
	// Preset is a name.
	Preset string
	// YAML is the text of a mapping, with as many empty lines and spaces in front
	// that its lines and columns are those of File.
	YAML []byte
	// File is the name of the file with the YAML.
	File string
	// Origin is the place in the file.
	Origin string
}

// IsSet reports whether there is a preset or a mapping.
func (m *Mapping) IsSet() bool { return m.Preset != "" || len(m.YAML) > 0 }

// What durations of a source may be. Shorter looks at the API would be a load for
// the Alertmanager; 30 days is how long alerts are kept.
func apiInterval() span   { return span{low: 5 * time.Second, high: time.Hour} }
func routeInterval() span { return span{low: time.Second, high: 30 * 24 * time.Hour} }
func silentAfter() span {
	return span{low: time.Second, high: 30 * 24 * time.Hour, zero: "never"}
}

func ackAsSilence() span {
	return span{low: time.Minute, high: 30 * 24 * time.Hour, zero: "no silence"}
}

// newSource is a source that says nothing but its name. The intervals are
// Alertmanager's defaults.
func newSource(name, origin string) Source {
	return Source{Name: name, APIInterval: 30 * time.Second, RepeatInterval: 4 * time.Hour, GroupInterval: 5 * time.Minute, Origin: origin}
}

// sources reads the senders. An empty list is refused: who has put the last one
// behind a comment sign would let in everybody.
func (r *yamlReader) sources(n ast.Node, key string) []Source {
	pairs, ok := r.pairs(n, key, "am")
	if ok && len(pairs) == 0 {
		r.report(r.place(n), "%s: names no source; leave the key out to let every source post", key)
	}
	var list []Source
	for _, pair := range pairs {
		name := pair.Key.GetToken().Value
		switch err := checkSourceName(name); {
		case err != nil:
			r.report(r.place(pair), "%s: %s", key, err)
			name = "?"
		case slices.ContainsFunc(list, func(s Source) bool { return s.Name == name }):
			r.report(r.place(pair), "%s: given twice", join(key, name))
		}
		list = append(list, r.source(pair.Value, join(key, name), newSource(name, r.place(pair))))
	}
	return list
}

// source reads one sender into s.
func (r *yamlReader) source(n ast.Node, key string, s Source) Source {
	given := r.mapping(n, key, fields{
		"auth": func(n ast.Node, key string) { r.auth(n, key, &s.Auth) },
		"api": r.each(r.text(func(v string) error {
			u, err := parseAPI(v)
			if err == nil && slices.Contains(s.API, u) {
				err = errors.New("is there already")
			}
			s.API = append(s.API, u)
			return err
		})),
		"api_auth":     func(n ast.Node, key string) { r.apiAuth(n, key, &s.APIAuth) },
		"api_interval": r.between(&s.APIInterval, apiInterval()),
		"repeat_interval": func(n ast.Node, key string) {
			s.RepeatAsked = true
			r.between(&s.RepeatInterval, routeInterval())(n, key)
		},
		"group_interval": r.between(&s.GroupInterval, routeInterval()),
		"silent_after":   r.between(&s.SilentAfter, silentAfter()),
		"ack_as_silence": r.between(&s.AckAsSilence, ackAsSilence()),
		"mapping":        func(n ast.Node, key string) { s.Mapping = r.rules(n, key) },
	})
	if given["api"] == nil {
		for _, name := range []string{"api_auth", "api_interval", "ack_as_silence"} {
			if n := given[name]; n != nil && (name != "ack_as_silence" || s.AckAsSilence > 0) {
				r.report(r.place(n), "%s.%s: needs api, the URL of the Alertmanager, such as http://am-1:9093", key, name)
			}
		}
	}
	if err := s.checkIntervals(); err != nil {
		at := given["repeat_interval"]
		if at == nil {
			at = given["group_interval"]
		}
		r.report(r.place(at), "%s.%s", key, err)
	}
	return s
}

// checkIntervals holds the intervals against each other.
func (s *Source) checkIntervals() error {
	if s.RepeatInterval < s.GroupInterval {
		return fmt.Errorf("repeat_interval: %s is less than the group_interval, %s, at which a group is looked at again, so nothing is repeated that soon; write both as the sender's route has them",
			FormatDuration(s.RepeatInterval), FormatDuration(s.GroupInterval))
	}
	return nil
}

func checkSourceName(name string) error {
	ok := name != "" && len(name) <= 16
	for _, c := range []byte(name) {
		ok = ok && (c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_')
	}
	if !ok {
		return fmt.Errorf("%.40q is no name of a source; it has 1 to 16 of a-z, 0-9 and _, such as am", name)
	}
	return nil
}

// parseAPI reads the URL of an Alertmanager. Its errors do not show what it was
// given: there may be a password in it.
func parseAPI(s string) (string, error) {
	u, err := url.Parse(s)
	switch {
	case s == "":
		return "", errors.New("is empty; write the URL of an Alertmanager, such as http://am-1:9093")
	case err == nil && u.User != nil:
		return "", errors.New("has a user in it; write user and password as api_auth: {basic: {user: ..., password_file: ...}}, where they are not shown")
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return "", errors.New("is no URL of an Alertmanager; write http:// or https://, a host and a port, such as http://am-1:9093")
	case u.RawQuery != "" || u.ForceQuery || strings.Contains(s, "#"):
		return "", errors.New("has a part behind ? or #; write what stands before it")
	}
	if port := u.Port(); port != "" {
		if p, err := strconv.Atoi(port); err != nil || p < 1 || p > 65535 {
			return "", errors.New("has no valid port; ports are 1 to 65535")
		}
	}
	u.Path, u.RawPath = strings.TrimRight(u.Path, "/"), strings.TrimRight(u.RawPath, "/")
	if before, _, ok := strings.Cut(u.Path+"/", "/api/v"); ok {
		return "", fmt.Errorf("ends with the path of the API itself; write what stands before it, such as http://am-1:9093%s", before)
	}
	return u.String(), nil
}

// checkSources checks those that were made by hand.
func (c *Config) checkSources(p *problems) {
	seen := make(map[string]bool)
	for i := range c.Sources {
		s := &c.Sources[i]
		key := "sources." + s.Name
		report := func(name string, err error) {
			if err != nil {
				p.report(key, "%s: %s", name, err)
			}
		}
		if err := checkSourceName(s.Name); err != nil {
			p.report("sources", "%s", err)
		} else if seen[s.Name] {
			p.report(key, "given twice")
		}
		seen[s.Name] = true
		for _, u := range s.API {
			_, err := parseAPI(u)
			report("api", err)
		}
		report("api_interval", apiInterval().check(s.APIInterval))
		report("repeat_interval", routeInterval().check(s.RepeatInterval))
		report("group_interval", routeInterval().check(s.GroupInterval))
		report("silent_after", silentAfter().check(s.SilentAfter))
		report("ack_as_silence", ackAsSilence().check(s.AckAsSilence))
		if err := s.checkIntervals(); err != nil {
			p.report(key, "%s", err)
		}
		if len(s.API) == 0 && (s.APIAuth != APIAuth{}) {
			p.report(key, "api_auth: needs api")
		}
		if len(s.API) == 0 && s.AckAsSilence > 0 {
			p.report(key, "ack_as_silence: needs api")
		}
	}
}
