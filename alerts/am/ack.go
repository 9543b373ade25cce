package am

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"alertrelay/alerts"
)

// ackMarker ends the comment of a silence that was made for an acknowledged
// alert, the alert's id in between: "looking into it [alertrelay ack am-...]". So
// any relay finds it again, also after a restart, and people see where it is from.
const (
	ackMarker    = "[alertrelay ack "
	ackMarkerEnd = "]"
)

func marker(alertID string) string { return ackMarker + alertID + ackMarkerEnd }

// isAckOf reports whether the silence was made for the alert and is still what it
// was made as: one on exactly its labels. One that somebody has changed to match
// more is theirs.
func (s *Silence) isAckOf(alertID string) bool {
	if s.State == SilenceExpired || !strings.HasSuffix(strings.TrimSpace(s.Comment), marker(alertID)) {
		return false
	}
	set := make(map[string]string, len(s.Matchers))
	for _, m := range s.Matchers {
		if m.IsRegex || !m.IsEqual {
			return false
		}
		set[m.Name] = m.Value
	}
	return strings.HasSuffix(alertID, "-"+alerts.Fingerprint(set))
}

// SilenceForAck silences exactly the labels of an alert that somebody has
// acknowledged, from now on, and returns the silence's id. If there is one for it
// already, that is changed: it ends after the new duration. Errors: *InvalidError,
// and those of Client.CreateSilence.
func (s *Silencer) SilenceForAck(ctx context.Context, held *Held, by, comment string, d time.Duration) (id string, err error) {
	if d <= 0 {
		return "", &InvalidError{errors.New("duration: must be more than 0")}
	}
	have, err := s.ackSilences(ctx, held.ID)
	if err != nil {
		return "", err
	}
	now := s.now()
	silence := Silence{StartsAt: now, EndsAt: now.Add(d), CreatedBy: by, Comment: strings.TrimSpace(comment + " " + marker(held.ID))}
	for _, name := range slices.Sorted(maps.Keys(held.Labels)) {
		silence.Matchers = append(silence.Matchers, Matcher{Name: name, Value: held.Labels[name], IsEqual: true})
	}
	if strings.TrimSpace(by) == "" {
		silence.CreatedBy = "alertrelay" // whoever may acknowledge need not say who they are
	}
	if len(have) > 0 {
		silence.ID, silence.StartsAt = have[0].ID, have[0].StartsAt
	}
	id, err = s.Create(ctx, silence)
	if silence.ID != "" && errors.Is(err, ErrNotFound) { // it has ended since
		silence.ID, silence.StartsAt = "", now
		return s.Create(ctx, silence)
	}
	return id, err
}

// ExpireAckSilence ends what SilenceForAck has made for the alert with this id.
// Without any it does nothing. Errors: ErrUnreachable.
func (s *Silencer) ExpireAckSilence(ctx context.Context, alertID string) error {
	have, err := s.ackSilences(ctx, alertID)
	if err != nil {
		return err
	}
	var errs []error
	for _, silence := range have {
		if err := s.Client.ExpireSilence(ctx, silence.ID); err != nil && !errors.Is(err, ErrNotFound) {
			errs = append(errs, fmt.Errorf("am: silence %s: %w", silence.ID, err))
		}
	}
	return errors.Join(errs...)
}

// ackSilences are those made for the alert that are not over.
func (s *Silencer) ackSilences(ctx context.Context, alertID string) ([]Silence, error) {
	list, err := s.Client.Silences(ctx)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(list, func(silence Silence) bool { return !silence.isAckOf(alertID) }), nil
}
