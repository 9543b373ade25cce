package am

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"alertrelay/alerts"
)

// ReasonReconciled is the reason of what a look has found out.
const ReasonReconciled = "reconciled"

// looksNeeded is in how many looks in a row an alert must be absent before it is
// cleared, and missing before it is adopted. The second look of a pair is by the
// time that a webhook on its way needs to come.
const looksNeeded = 2

// Held is what the relay knows of an alert.
type Held struct {
	alerts.Event
	// LastSeen is when it was last said to be there, by our clock; zero if that is
	// not known.
	LastSeen time.Time
	// StaleAt is when it is taken for stale if nothing more is heard; zero means
	// never.
	StaleAt time.Time
}

// Holder tells what the relay has. Its methods may be called by several
// goroutines at once.
type Holder interface {
	// Known are the alerts of a source, each once: all that are active, and those
	// that have ended in the last minutes, in which a look may still have them. An
	// error means that it is not known yet: an empty list would be taken for
	// "nothing".
	Known(source string) ([]Held, error)
}

// saidAfter reports whether something was heard of the alert after a time.
func (h *Held) saidAfter(at time.Time) bool { return h.UpdatedAt.After(at) || h.LastSeen.After(at) }

// old reports whether it should be said again that the alert is there. That is so
// when between a half and three quarters of the time until it is stale have
// passed: always the same part for an alert, so that thousands that were adopted
// at once are not refreshed at once. Where webhooks come, that is one more write
// between two of them; a tenth of the repeat interval, of five minutes, would be a
// write for every alert at every look. And with looks every 30 s there are two
// more before the alert is stale.
func (h *Held) old(now time.Time) bool {
	life := h.StaleAt.Sub(h.LastSeen)
	if h.StaleAt.IsZero() || h.LastSeen.IsZero() || life <= 0 {
		return false
	}
	n, err := strconv.ParseUint(h.Fingerprint, 16, 64)
	if err != nil {
		n = 0
	}
	return now.Sub(h.LastSeen) >= life/2+time.Duration(n%uint64(life/4+1)) //nolint:gosec // less than life
}

// comparison remembers of past looks what the next one needs.
type comparison struct {
	source    string
	minUptime time.Duration
	// receivers are the names of the relay's own; alerts that go to none of them
	// are not the relay's. Without configured ones, those are learned that have
	// sent notifications; and as long as there are none, every alert is ours.
	receivers []string
	learn     bool

	absent, missing map[string]int // fingerprint -> looks in a row
}

// differences is what a look has found out.
type differences struct {
	// reports are in the order in which they should be recorded. Those of one
	// alert are in their order.
	reports []alerts.Alert
	// silences are those that keep back what is held.
	silences map[string]Silence
	// held and there are how many alerts are active, and how many the look has.
	held, there int
}

// compare says what the relay should hear after a look.
func (c *comparison) compare(l *Look, known []Held) differences {
	there := make(map[string]*Alert, len(l.Alerts))
	for i := range l.Alerts {
		there[l.Alerts[i].Fingerprint] = &l.Alerts[i]
	}
	d := differences{silences: make(map[string]Silence), there: len(there)}
	absent, missing := make(map[string]int), make(map[string]int)
	held := make(map[string]*Held, len(known)) // by fingerprint; active ones come before ended ones
	for i := range known {
		h := &known[i]
		c.learnReceiver(h)
		if before := held[h.Fingerprint]; before == nil || !before.Status.Active() && (h.Status.Active() || h.UpdatedAt.After(before.UpdatedAt)) {
			held[h.Fingerprint] = h
		}
	}
	for i := range known {
		h := &known[i]
		if held[h.Fingerprint] != h || !h.Status.Active() {
			continue
		}
		d.held++
		a := there[h.Fingerprint]
		switch {
		case a != nil:
			for _, id := range a.SilencedBy {
				if s, ok := l.Silences[id]; ok {
					d.silences[id] = s
				}
			}
			d.reports = append(d.reports, c.present(l, h, a)...)
		case l.Uptime <= c.minUptime || h.saidAfter(l.At):
		default:
			absent[h.Fingerprint] = c.absent[h.Fingerprint] + 1
			if absent[h.Fingerprint] >= looksNeeded {
				d.reports = append(d.reports, alerts.Alert{
					Source: c.source, Fingerprint: h.Fingerprint, Status: alerts.Resolved, Reason: ReasonReconciled, ReportedAt: reportedAt(l.At),
				})
			}
		}
	}
	for i := range l.Alerts {
		a := &l.Alerts[i]
		h := held[a.Fingerprint]
		if h != nil && (h.Status.Active() || h.saidAfter(l.At)) {
			continue
		}
		receiver, ours := c.receiver(a)
		if !ours {
			continue
		}
		missing[a.Fingerprint] = c.missing[a.Fingerprint] + 1
		if missing[a.Fingerprint] >= looksNeeded {
			d.reports = append(d.reports, c.adopt(l, a, receiver)...)
		}
	}
	c.absent, c.missing = absent, missing
	return d
}

// reportedAt is a time as events have it.
func reportedAt(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }

// present is what to report of an alert that both have.
func (c *comparison) present(l *Look, h *Held, a *Alert) []alerts.Alert {
	newer := h.UpdatedAt.After(l.At) // what it is was said after the look
	old := h.old(l.At)
	if why := suppression(l, a, h.Suppression); why != nil {
		if !newer && (h.Status != alerts.Suppressed || !sameSuppression(h.Suppression, why)) || old {
			return []alerts.Alert{{
				Source: c.source, Fingerprint: h.Fingerprint, Status: alerts.Suppressed, Suppression: why, ReportedAt: reportedAt(l.At),
			}}
		}
		return nil
	}
	// If it began anew, the resolve in between was missed.
	changed := h.Status != alerts.Firing || !h.StartsAt.IsZero() && a.StartsAt.After(h.StartsAt)
	if !newer && changed || old {
		report := c.firing(a, h)
		if !changed {
			report.GroupKey = "" // it may be in another group by now, which a notification has said
		}
		return []alerts.Alert{report}
	}
	return nil
}

// firing reports that an alert is there. Of what its notification said it has
// what is held, so that its routes stay the same.
func (c *comparison) firing(a *Alert, h *Held) alerts.Alert {
	return alerts.Alert{
		Source: c.source, Fingerprint: a.Fingerprint, Status: alerts.Firing, Reason: ReasonReconciled,
		Labels: a.Labels, Annotations: a.Annotations, StartsAt: a.StartsAt, GeneratorURL: a.GeneratorURL,
		Links: h.Links, Values: h.Values,
		Receiver: h.Receiver, GroupKey: h.GroupKey, ExternalURL: h.ExternalURL, RouteLabels: h.RouteLabels,
	}
}

// adopt reports an alert that the relay does not have.
func (c *comparison) adopt(l *Look, a *Alert, receiver string) []alerts.Alert {
	fires := c.firing(a, &Held{Event: alerts.Event{Receiver: receiver}})
	reports := []alerts.Alert{fires}
	if why := suppression(l, a, nil); why != nil {
		// With labels, because its channels are not known otherwise yet, and without
		// ReportedAt, which would be before the report that it fires.
		fires.Status, fires.Suppression, fires.Reason = alerts.Suppressed, why, ""
		reports = append(reports, fires)
	}
	return reports
}

// suppression is why an alert is kept back; nil if it is not. Of several reasons
// it is the one that is held, or else the silence that lasts longest.
func suppression(l *Look, a *Alert, held *alerts.Suppression) *alerts.Suppression {
	if a.State != StateSuppressed {
		return nil
	}
	is := func(kind string, ids []string) bool {
		return held != nil && held.Kind == kind && slices.Contains(ids, held.ID)
	}
	switch {
	case len(a.SilencedBy) > 0:
		id := slices.MaxFunc(a.SilencedBy, func(x, y string) int {
			if by := l.Silences[x].EndsAt.Compare(l.Silences[y].EndsAt); by != 0 {
				return by
			}
			return strings.Compare(y, x)
		})
		if is(alerts.Silenced, a.SilencedBy) {
			id = held.ID
		}
		s := l.Silences[id] // made just now, it may be missing
		return &alerts.Suppression{Kind: alerts.Silenced, ID: id, By: s.CreatedBy, Comment: s.Comment, Until: s.EndsAt}
	case is(alerts.Inhibited, a.InhibitedBy):
		return &alerts.Suppression{Kind: alerts.Inhibited, ID: held.ID}
	case len(a.InhibitedBy) > 0:
		return &alerts.Suppression{Kind: alerts.Inhibited, ID: slices.Min(a.InhibitedBy)}
	}
	return nil // what else there may be is of other routes: a time interval
}

// sameSuppression leaves out what comes and goes: who and why are known with the
// time only.
func sameSuppression(have, want *alerts.Suppression) bool {
	return have != nil && have.Kind == want.Kind && have.ID == want.ID && (want.Until.IsZero() || have.Until.Equal(want.Until))
}

// learnReceiver takes the receiver of a notification. What was adopted has none
// of its own, and no group.
func (c *comparison) learnReceiver(h *Held) {
	if c.learn && h.GroupKey != "" && h.Receiver != "" && !slices.Contains(c.receivers, h.Receiver) {
		c.receivers = append(c.receivers, h.Receiver)
	}
}

// receiver is the one by which the alert reaches the relay.
func (c *comparison) receiver(a *Alert) (name string, ours bool) {
	for _, name := range a.Receivers {
		if slices.Contains(c.receivers, name) {
			return name, true
		}
	}
	switch {
	case len(c.receivers) > 0:
		return "", false
	case len(a.Receivers) == 0:
		return "", true
	}
	return a.Receivers[0], true
}
