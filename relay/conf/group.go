package conf

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"alertrelay/relay"
)

// MatchAlerts is the named match for the channels of alerts. A bare "*.*.*.*"
// would take every channel of four tokens for an alert's, and none of a route
// with another number of tokens; what tells an alert's channel apart is its last
// token, the alert's id (Group.Matches).
const MatchAlerts = "@alerts"

// Group gives the channels that it matches their limits.
type Group struct {
	// Match is a wildcard of NATS subjects over the channel's id ("ops.*",
	// "db.>"), the id of one channel, or MatchAlerts.
	Match string
	// MaxMessages is how many messages of a channel are kept.
	MaxMessages int
	// MaxAge is how long they are kept.
	MaxAge time.Duration
	// MaxSubscribers of one channel; 0 means any number.
	MaxSubscribers int
	// Origin is the place in the file, or "built in".
	Origin string
}

// Limits of a group that does not name them, and of the built-in last one:
// those of the founding nginx.conf.
const (
	defaultMaxMessages = 20
	defaultMaxAge      = 5 * time.Minute
)

// builtinGroups come after those of the file, so that every channel falls into
// one and a short file does not take away the history of alerts.
func builtinGroups() []Group {
	return []Group{
		{Match: MatchAlerts, MaxMessages: 100, MaxAge: 30 * 24 * time.Hour, Origin: "built in"},
		{Match: ">", MaxMessages: defaultMaxMessages, MaxAge: defaultMaxAge, Origin: "built in"},
	}
}

// Matches reports whether the channel belongs to the group. MatchAlerts takes
// channels of at least two tokens whose last is "<source>-<fingerprint>": a
// source of 1 to 16 of a-z, 0-9 and _, and 16 lower-case hex digits, as in
// "db.critical.DiskFull.am-e0e5d472468ff987".
func (g *Group) Matches(channel string) bool {
	if g.Match == MatchAlerts {
		return isAlertChannel(channel)
	}
	if g.Match == ">" {
		return true // also ids that are no subject, such as "a..b"
	}
	return relay.Match(g.Match, channel)
}

func isAlertChannel(channel string) bool {
	dot := strings.LastIndexByte(channel, '.')
	if dot <= 0 {
		return false
	}
	source, fingerprint, found := strings.Cut(channel[dot+1:], "-")
	if !found || len(fingerprint) != 16 || source == "" || len(source) > 16 {
		return false
	}
	for _, c := range []byte(source) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	for _, c := range []byte(fingerprint) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func checkMatch(match string) error {
	switch {
	case match == "":
		return errors.New(`is empty; write a channel, a wildcard such as "ops.*" or "db.>", or "@alerts"`)
	case strings.HasPrefix(match, "@") && match != MatchAlerts:
		return fmt.Errorf(`%q is not known; the only named match is "@alerts"`, match)
	case relay.IsWildcard(match) && relay.CheckWildcard(match, 0) != nil,
		!relay.IsWildcard(match) && strings.ContainsAny(match, "*>"):
		return fmt.Errorf(`%q is no wildcard: "*" stands for exactly one token between dots and ">" for the rest, both alone in their token, ">" last, no token empty`, match)
	case match == "ALL":
		return errors.New(`"ALL" is reserved; write ">" for every channel`)
	}
	return nil
}

func checkMaxMessages(n int) error { return between(n, 1, 1_000_000) }

func checkMaxAge(d time.Duration) error {
	if d < time.Second || d > maxDuration {
		return fmt.Errorf("%s is out of range, 1s to 3650d", FormatDuration(d))
	}
	return nil
}

// groups reads the list of groups.
func (r *yamlReader) groups(n ast.Node, key string) []Group {
	var groups []Group
	for i, item := range r.sequence(n, key) {
		g := Group{MaxMessages: defaultMaxMessages, MaxAge: defaultMaxAge, Origin: r.place(item)}
		key := fmt.Sprintf("%s[%d]", key, i)
		r.mapping(item, key, fields{
			"match": r.text(func(s string) (err error) { g.Match = s; return checkMatch(s) }),
			"max_messages": r.text(func(s string) (err error) {
				if g.MaxMessages, err = parseCount(s); err == nil {
					err = checkMaxMessages(g.MaxMessages)
				}
				return err
			}),
			"max_age": r.text(func(s string) (err error) {
				if g.MaxAge, err = ParseDuration(s); err == nil {
					err = checkMaxAge(g.MaxAge)
				}
				return err
			}),
			"max_subscribers": r.text(func(s string) (err error) { g.MaxSubscribers, err = parseCount(s); return err }),
		}, "match")
		groups = append(groups, g)
	}
	return groups
}

// checkGroups finds groups that no channel can fall into.
func checkGroups(groups []Group, report func(where, format string, args ...any)) {
	for i, g := range groups {
		if g.Origin == "built in" {
			return
		}
		for _, before := range groups[:i] {
			if before.covers(&g) {
				report(g.Origin, "groups[%d]: never used, because the group with match %q above it takes all its channels; the first match wins, so put the narrower one first", i, before.Match)
				break
			}
		}
	}
}

// covers reports whether every channel of h is one of g.
func (g *Group) covers(h *Group) bool {
	switch {
	case g.Match == h.Match || g.Match == ">":
		return true
	case h.Match == MatchAlerts:
		return g.Match == "*.>" // at least two tokens
	case !relay.IsWildcard(h.Match):
		return g.Matches(h.Match)
	case g.Match == MatchAlerts:
		return false
	}
	// As text, the wildcard "ops.*" falls under "ops.>" and "*.*" like a channel;
	// only what ends with ">" is more than it looks.
	open := func(match string) bool { return match == ">" || strings.HasSuffix(match, ".>") }
	return relay.Match(g.Match, h.Match) && (open(g.Match) || !open(h.Match))
}
