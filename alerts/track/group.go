package track

import (
	"context"
	"maps"
	"strconv"
	"time"

	"alertrelay/alerts"
)

// ownSource is the source of what the relay itself has to say.
const ownSource = alerts.OwnSource

// group has the known members of a group that are not in the sender's whole group
// suppressed: Alertmanager leaves out what is silenced or inhibited, and says
// nothing more of it, not even that it is over.
func (t *Tracker) group(ctx context.Context, batch alerts.Batch) error {
	if !batch.WholeGroup || batch.Truncated > 0 || len(batch.Alerts) == 0 {
		return nil
	}
	first := &batch.Alerts[0]
	g := group{first.Source, first.Receiver, first.GroupKey}
	named := make(map[string]bool, len(batch.Alerts))
	for i := range batch.Alerts {
		named[batch.Alerts[i].ID()] = true
	}
	for id, fingerprint := range t.missing(g, named) {
		missing := alerts.Alert{
			Source: g.source, Fingerprint: fingerprint, Status: alerts.Suppressed,
			Suppression: &alerts.Suppression{Kind: alerts.MissingFromGroup},
		}
		for _, channel := range t.activeChannels(id) {
			r, _, err := t.read(ctx, channel) // another relay may have heard of it just now
			if err != nil {
				return err
			}
			_, err = t.change(ctx, channel, expiry(&missing), func(s *state, now time.Time) (outcome, alerts.Event) {
				// Another member of the cluster has its own view, and may not have
				// heard of the alert yet.
				if s.event.ExternalURL != first.ExternalURL && (now.Sub(s.lastSeen) < lateCopyWindow || now.Sub(r.LastSeen) < lateCopyWindow) {
					return notActive, alerts.Event{}
				}
				return s.suppressed(&missing, now)
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// missing are the active members of a group that are not named, id to fingerprint.
func (t *Tracker) missing(g group, named map[string]bool) map[string]string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var ids map[string]string
	for it := range t.byGroup[g] {
		if it.status != alerts.Suppressed && !named[it.id] {
			if ids == nil {
				ids = make(map[string]string)
			}
			ids[it.id] = it.id[len(g.source)+1:]
		}
	}
	return ids
}

// truncation has an alert of our own fire while the sender leaves alerts of a group
// out, because they are on no screen.
func (t *Tracker) truncation(ctx context.Context, batch alerts.Batch) error {
	if len(batch.Alerts) == 0 {
		return nil
	}
	first := &batch.Alerts[0]
	a := own("AlertsTruncated", "warning", map[string]string{
		"source": batch.Source, "receiver": first.Receiver, "group": first.GroupKey,
	})
	a.StartsAt = t.now().UTC().Truncate(time.Millisecond)
	if batch.Truncated == 0 {
		if len(t.activeChannels(a.ID())) == 0 {
			return nil
		}
		a.Status = alerts.Resolved
	}
	a.Annotations = map[string]string{
		"summary":     hidden(batch.Truncated),
		"description": "The sender has left them out, so they are on no screen. Set max_alerts of its receiver to 0.",
	}
	_, err := t.report(ctx, &a)
	return err
}

// own is an alert of the relay about itself and its sources.
func own(name, severity string, labels map[string]string) alerts.Alert {
	all := map[string]string{"alertname": name, "severity": severity}
	maps.Copy(all, labels)
	maps.DeleteFunc(all, func(_, value string) bool { return value == "" })
	return alerts.Alert{Source: ownSource, Fingerprint: alerts.Fingerprint(all), Status: alerts.Firing, Labels: all}
}

func hidden(n int) string {
	if n == 1 {
		return "1 alert hidden by max_alerts"
	}
	return strconv.Itoa(n) + " alerts hidden by max_alerts"
}
