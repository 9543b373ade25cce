package am

import (
	"maps"
	"slices"
	"time"

	"alertrelay/alerts"
)

const (
	// silenceExpiring is the name of our alert about a silence.
	silenceExpiring = "SilenceExpiring"
	defaultWarning  = 15 * time.Minute
	// warnedPart is which part of a silence's time may at most be warned of: who
	// silences for ten minutes knows that it ends soon.
	warnedPart = 4
)

// expiring reports which of the silences that keep something back end soon, and
// of which that is over: they are gone, were extended, or keep nothing back any
// more. own is what is known of the relay's own alerts: what fires already is not
// reported again.
func expiring(source string, silences map[string]Silence, own []Held, now time.Time, warning time.Duration) []alerts.Alert {
	fires := make(map[string]bool) // fingerprints
	for i := range own {
		h := &own[i]
		if h.Status.Active() && h.Labels["alertname"] == silenceExpiring && h.Labels["source"] == source {
			fires[h.Fingerprint] = true
		}
	}
	var reports []alerts.Alert
	for _, id := range slices.Sorted(maps.Keys(silences)) {
		s := silences[id]
		left := s.EndsAt.Sub(now)
		if left <= 0 || left > min(warning, s.EndsAt.Sub(s.StartsAt)/warnedPart) {
			continue
		}
		labels := map[string]string{"alertname": silenceExpiring, "severity": "warning", "source": source, "silence": id}
		a := alerts.Alert{
			Source: alerts.OwnSource, Fingerprint: alerts.Fingerprint(labels), Status: alerts.Firing, Labels: labels,
			StartsAt: now.UTC().Truncate(time.Millisecond),
			Annotations: map[string]string{
				"summary":     "A silence by " + orNobody(s.CreatedBy) + " ends at " + s.EndsAt.UTC().Format("15:04") + " UTC",
				"description": "It keeps back alerts that still fire. Extend it, or mend what they are about.",
				"by":          s.CreatedBy, "comment": s.Comment, "until": s.EndsAt.UTC().Format(time.RFC3339),
			},
		}
		if !fires[a.Fingerprint] {
			reports = append(reports, a)
		}
		delete(fires, a.Fingerprint)
	}
	for _, fingerprint := range slices.Sorted(maps.Keys(fires)) {
		reports = append(reports, alerts.Alert{Source: alerts.OwnSource, Fingerprint: fingerprint, Status: alerts.Resolved, EndsAt: now.UTC().Truncate(time.Millisecond)})
	}
	return reports
}

func orNobody(name string) string {
	if name == "" {
		return "(nobody)"
	}
	return name
}
