package am

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/prometheus/alertmanager/matcher/parse"
	"github.com/prometheus/alertmanager/pkg/labels"

	"alertrelay/alerts"
)

const (
	// maxSilence bounds the time of a silence: longer ones are mistakes.
	maxSilence  = 366 * 24 * time.Hour
	maxMatchers = 64
	maxText     = 4 << 10
	// startSlack is how long ago a silence may begin: the Alertmanager begins it now.
	startSlack = 5 * time.Minute
)

// InvalidError is what is wrong with a silence. Its text has a line for each
// mistake, and begins each with the field.
type InvalidError struct{ Err error }

func (e *InvalidError) Error() string { return e.Err.Error() }
func (e *InvalidError) Unwrap() error { return e.Err }

// ParseMatchers reads matchers in Alertmanager's syntax: 'severity="warning"',
// 'team=~"db|web"'; each text may hold several. Errors: *InvalidError.
func ParseMatchers(texts ...string) ([]Matcher, error) {
	m, err := alerts.ParseMatchers(texts)
	if err != nil {
		return nil, &InvalidError{err}
	}
	return FromMatchers(m)
}

// FromMatchers gives matchers as the API has them.
func FromMatchers(m alerts.Matchers) ([]Matcher, error) {
	if m.Empty() {
		return nil, nil
	}
	parsed, err := parse.Matchers(m.String())
	if err != nil {
		return nil, &InvalidError{fmt.Errorf("matchers: %w", err)}
	}
	list := make([]Matcher, 0, len(parsed))
	for _, p := range parsed {
		list = append(list, Matcher{
			Name: p.Name, Value: p.Value,
			IsRegex: p.Type == labels.MatchRegexp || p.Type == labels.MatchNotRegexp,
			IsEqual: p.Type == labels.MatchEqual || p.Type == labels.MatchRegexp,
		})
	}
	return list, nil
}

// Matchers is the way back: they match what Alertmanager's match, for which a
// label that is missing has the empty value. Errors: *InvalidError.
func Matchers(list []Matcher) (alerts.Matchers, error) {
	if len(list) == 0 {
		return alerts.Matchers{}, &InvalidError{errors.New("matchers: are missing; a silence without any would keep everything back")}
	}
	if len(list) > maxMatchers {
		return alerts.Matchers{}, &InvalidError{fmt.Errorf("matchers: are %d, %d are possible", len(list), maxMatchers)}
	}
	texts := make([]string, 0, len(list))
	for i, m := range list {
		compiled, err := m.compile()
		if err != nil {
			return alerts.Matchers{}, &InvalidError{fmt.Errorf("matchers[%d].%w", i, err)}
		}
		texts = append(texts, compiled.String())
	}
	all, err := alerts.ParseMatchers(texts)
	if err != nil {
		return alerts.Matchers{}, &InvalidError{err}
	}
	return all, nil
}

// compile checks a matcher. The error begins with its field.
func (m Matcher) compile() (*labels.Matcher, error) {
	if m.Name == "" || !utf8.ValidString(m.Name) {
		return nil, errors.New("name: is empty, or not UTF-8")
	}
	if len(m.Name) > maxText || len(m.Value) > maxText || !utf8.ValidString(m.Value) {
		return nil, fmt.Errorf("value: is longer than %d bytes, or not UTF-8", maxText)
	}
	kind := labels.MatchEqual
	switch {
	case m.IsRegex && m.IsEqual:
		kind = labels.MatchRegexp
	case m.IsRegex:
		kind = labels.MatchNotRegexp
	case !m.IsEqual:
		kind = labels.MatchNotEqual
	}
	compiled, err := labels.NewMatcher(kind, m.Name, m.Value)
	if err != nil {
		return nil, fmt.Errorf("value: is no regular expression: %w", err)
	}
	return compiled, nil
}

// Check says what is wrong with a silence that is to be made. Errors:
// *InvalidError.
func (s *Silence) Check(now time.Time) error {
	var mistakes []error
	if _, err := Matchers(s.Matchers); err != nil {
		mistakes = append(mistakes, err)
	} else if !slices.ContainsFunc(s.Matchers, func(m Matcher) bool { return !m.matchesEmpty() }) {
		mistakes = append(mistakes, errors.New("matchers: each of them matches a label that is missing too, so they keep everything back; add one such as 'alertname=\"DiskFull\"'"))
	}
	switch {
	case !isTime(s.StartsAt) || !isTime(s.EndsAt) || s.EndsAt.IsZero():
		mistakes = append(mistakes, errors.New("endsAt: is missing or out of range"))
	case !s.EndsAt.After(s.StartsAt):
		mistakes = append(mistakes, errors.New("endsAt: must be after startsAt"))
	case !s.EndsAt.After(now):
		mistakes = append(mistakes, errors.New("endsAt: is past already"))
	case s.EndsAt.Sub(later(s.StartsAt, now)) > maxSilence:
		mistakes = append(mistakes, fmt.Errorf("endsAt: is more than %d days after startsAt", int(maxSilence.Hours()/24)))
	}
	for _, text := range []struct{ field, value string }{{"createdBy", s.CreatedBy}, {"comment", s.Comment}} {
		switch {
		case strings.TrimSpace(text.value) == "":
			mistakes = append(mistakes, fmt.Errorf("%s: is missing", text.field))
		case len(text.value) > maxText || !utf8.ValidString(text.value):
			mistakes = append(mistakes, fmt.Errorf("%s: is longer than %d bytes, or not UTF-8", text.field, maxText))
		}
	}
	if mistakes != nil {
		return &InvalidError{errors.Join(mistakes...)}
	}
	return nil
}

func (m Matcher) matchesEmpty() bool {
	compiled, err := m.compile()
	return err != nil || compiled.Matches("")
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Silencer silences at the Alertmanager of one source. Client, Holder and Source
// are required. Its methods may be called by several goroutines at once.
type Silencer struct {
	Client *Client
	Holder Holder
	Source string
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

func (s *Silencer) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

// Preview gives the alerts that are active now and that the matchers match, in
// the order of their ids. Errors: *InvalidError, the Holder's.
func (s *Silencer) Preview(list []Matcher) ([]Held, error) {
	m, err := Matchers(list)
	if err != nil {
		return nil, err
	}
	known, err := s.Holder.Known(s.Source)
	if err != nil {
		return nil, fmt.Errorf("am: source %s: %w", s.Source, err)
	}
	found := make([]Held, 0)
	for _, h := range known {
		if h.Status.Active() && m.Match(func(name string) string { return h.Labels[name] }) {
			found = append(found, h)
		}
	}
	slices.SortFunc(found, func(a, b Held) int { return cmp.Compare(a.ID, b.ID) })
	return found, nil
}

// Create makes a silence, or changes the one of its ID, and returns its id. A
// StartsAt of zero, or in the last minutes, is now. Errors: *InvalidError, and
// those of Client.CreateSilence.
func (s *Silencer) Create(ctx context.Context, silence Silence) (id string, err error) {
	now := s.now()
	if silence.StartsAt.IsZero() {
		silence.StartsAt = now
	}
	if err := silence.Check(now); err != nil {
		return "", err
	}
	if silence.ID == "" && now.Sub(silence.StartsAt) > startSlack {
		return "", &InvalidError{errors.New("startsAt: is past; leave it out for a silence that begins now")}
	}
	return s.Client.CreateSilence(ctx, silence)
}

// List gives the silences: those that are active in the order in which they end,
// then those that are to come, then the others. Errors: ErrUnreachable.
func (s *Silencer) List(ctx context.Context) ([]Silence, error) {
	list, err := s.Client.Silences(ctx)
	if err != nil {
		return nil, err
	}
	rank := func(state string) int {
		return slices.Index([]string{SilenceExpired, SilencePending, SilenceActive}, state)
	}
	slices.SortFunc(list, func(a, b Silence) int {
		byEnd := a.EndsAt.Compare(b.EndsAt)
		if a.State == SilenceExpired {
			byEnd = -byEnd // the last first
		}
		return cmp.Or(cmp.Compare(rank(b.State), rank(a.State)), byEnd, cmp.Compare(a.ID, b.ID))
	})
	return list, nil
}

// Expire ends a silence. Errors: ErrNotFound, ErrUnreachable.
func (s *Silencer) Expire(ctx context.Context, id string) error {
	return s.Client.ExpireSilence(ctx, id)
}
