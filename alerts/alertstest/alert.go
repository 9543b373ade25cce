package alertstest

import (
	"time"

	"alertrelay/alerts"
)

// Firing is an alert of team db as Alertmanager "am" reports it, critical since three
// in the morning, with more labels by name and value.
func Firing(name string, more ...string) alerts.Alert {
	labels := map[string]string{"alertname": name, "team": "db", "severity": "critical"}
	for i := 0; i+1 < len(more); i += 2 {
		labels[more[i]] = more[i+1]
	}
	return alerts.Alert{
		Source: "am", Fingerprint: alerts.Fingerprint(labels), Status: alerts.Firing, Labels: labels,
		StartsAt: time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC), Receiver: "relay", GroupKey: "{}", ExternalURL: "http://am1",
	}
}

// Resolved is the report that an alert is over, a minute after it began.
func Resolved(a alerts.Alert) alerts.Alert {
	a.Status, a.EndsAt = alerts.Resolved, a.StartsAt.Add(time.Minute)
	return a
}
