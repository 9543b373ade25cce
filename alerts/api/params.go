package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"alertrelay/alerts"
	"alertrelay/relay"
)

const (
	maxQueryBytes = 16 << 10
	maxLimit      = 100_000
	maxChannels   = 64
	maxChannel    = 512 // bytes of a subject
	maxAge        = 3650 * 24 * time.Hour
)

// params reads the values of a query. The first mistake stays.
type params struct {
	values url.Values
	err    error
}

// query reads the query, in which only the names may be.
func query(r *http.Request, names ...string) *params {
	p := &params{}
	if len(r.URL.RawQuery) > maxQueryBytes {
		p.err = &refusal{status: http.StatusRequestURITooLong, reason: fmt.Sprintf("the query is longer than %d bytes", maxQueryBytes)}
		return p
	}
	var err error
	if p.values, err = url.ParseQuery(r.URL.RawQuery); err != nil {
		p.err = &refusal{status: http.StatusBadRequest, reason: "the query is not escaped rightly: a percent sign is %25, a semicolon %3B"}
		return p
	}
	names = append(names, "pretty")
	for name := range p.values {
		if !slices.Contains(names, name) {
			p.fail(fmt.Sprintf("%.40s", name), "is not known; valid are "+strings.Join(names, ", "))
		}
	}
	return p
}

func (p *params) fail(field, reason string) {
	if p.err == nil {
		p.err = wrong(field, reason)
	}
}

// one is the value of what may stand once.
func (p *params) one(name string) string {
	v := p.values[name]
	if len(v) > 1 {
		p.fail(name, "stands there more than once")
	}
	if len(v) == 0 {
		return ""
	}
	return v[0]
}

func (p *params) bool(name string) bool {
	on, err := parseBool(p.values[name])
	if err != nil {
		p.fail(name, err.Error())
	}
	return on
}

func parseBool(values []string) (bool, error) {
	if len(values) == 0 {
		return false, nil
	}
	switch values[len(values)-1] {
	case "", "1", "true":
		return true, nil
	case "0", "false":
		return false, nil
	}
	return false, errors.New("must be true or false")
}

// limit is how many are wanted; def if nothing is said.
func (p *params) limit(def int) int {
	s := p.one("limit")
	if s == "" {
		return def
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > maxLimit {
		p.fail("limit", fmt.Sprintf("must be a number from 1 to %d", maxLimit))
		return def
	}
	return n
}

func (p *params) matchers() alerts.Matchers {
	m, err := alerts.ParseMatchers(p.values["match"])
	if err != nil && p.err == nil {
		p.err = &refusal{status: http.StatusBadRequest, reason: err.Error(), field: "match"}
	}
	return m
}

// channels are those that are wanted; none means all.
func (p *params) channels() []string {
	channels := p.values["channel"]
	if len(channels) > maxChannels {
		p.fail("channel", fmt.Sprintf("stands there %d times, %d are possible", len(channels), maxChannels))
		return nil
	}
	for _, c := range channels {
		err := relay.CheckWildcard(c, maxChannel)
		if !strings.ContainsAny(c, "*>") && !errors.Is(err, relay.ErrIDTooLong) && c != "" {
			err = nil // a channel may have an empty token
		}
		if err != nil {
			p.fail("channel", fmt.Sprintf("%.80q is no channel and no wildcard such as db.> or *.critical.>", c))
		}
	}
	return channels
}

// statuses are those that are wanted; none means all.
func (p *params) statuses() []alerts.Status {
	valid := []alerts.Status{alerts.Firing, alerts.Suppressed, alerts.Stale, alerts.Resolved, alerts.Expired}
	var all []alerts.Status
	for _, v := range p.values["status"] {
		s := alerts.Status(v)
		if !slices.Contains(valid, s) {
			p.fail("status", fmt.Sprintf("%.40q is not known; valid are firing, suppressed, stale, resolved, expired", v))
			continue
		}
		if !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all
}

// time reads RFC 3339, unix seconds, or how long ago; zero if nothing is said.
func (p *params) time(name string, now time.Time) time.Time {
	s := p.one(name)
	if s == "" {
		return time.Time{}
	}
	t, err := parseTime(s, now)
	if err != nil {
		p.fail(name, err.Error())
	}
	return t
}

func parseTime(s string, now time.Time) (time.Time, error) {
	const forms = "write 2026-11-22T07:00:00Z, unix seconds, or how long ago, such as 2h or 7d"
	// A plus sign that was not escaped is a space.
	if t, err := time.Parse(time.RFC3339, strings.Replace(s, " ", "+", 1)); err == nil && t.Year() >= 1970 {
		return t.UTC(), nil
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil {
		if f < 1e8 || f > 1e11 { // 1973; nobody means 10 s of 1970
			return time.Time{}, fmt.Errorf("%.40q is neither a time nor a duration with its unit; %s", s, forms)
		}
		return time.UnixMicro(int64(f * 1e6)).UTC(), nil
	}
	d, err := parseDuration(s)
	if err != nil {
		return time.Time{}, fmt.Errorf("%.40q is no time; %s", s, forms)
	}
	return now.Add(-d).UTC(), nil
}

// parseDuration reads what Go does, and days and weeks: "90s", "1h30m", "7d".
func parseDuration(s string) (time.Duration, error) {
	var total time.Duration
	rest := s
	for _, unit := range []struct {
		name string
		days int
	}{{"w", 7}, {"d", 1}} {
		number, after, ok := strings.Cut(rest, unit.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(number, 10, 16)
		if err != nil {
			return 0, fmt.Errorf("%.40q is no duration; write 90s, 5m, 1h30m, 7d or 2w", s)
		}
		total += time.Duration(n) * time.Duration(unit.days) * 24 * time.Hour
		rest = after
	}
	if rest != "" || s == "" {
		d, err := time.ParseDuration(rest)
		if err != nil || d < 0 || strings.ContainsAny(rest[:1], "+-") {
			return 0, fmt.Errorf("%.40q is no duration; write 90s, 5m, 1h30m, 7d or 2w", s)
		}
		total += d
	}
	if total > maxAge {
		return 0, fmt.Errorf("%.40q is too long; 3650d is the most", s)
	}
	return total, nil
}

// wanted is the channels as a function; nil for all.
func wanted(channels []string) func(string) bool {
	if len(channels) == 0 {
		return nil
	}
	return func(channel string) bool {
		return slices.ContainsFunc(channels, func(c string) bool { return relay.Match(c, channel) })
	}
}
