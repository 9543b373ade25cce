package app_test

import (
	"net/http"
	"testing"
	"time"

	"alertrelay/alerts"
)

// What is held of an Alertmanager is told by the source, whatever a label of that
// name says: alerts may have one, and the relay's own about silences do.
func TestAskedWithLabelSource(t *testing.T) {
	t.Parallel()
	r, am := startAsked(t, "")
	labels := []string{"Ghost", "team=db", "source=sensor"}
	am.add(t, time.Time{}, labels...)
	am.add(t, time.Time{}, "Kept", "team=db")
	becomes(t, r, "Ghost", alerts.Firing)
	becomes(t, r, "Kept", alerts.Firing)

	// Of a silence this short a warning comes 6 s before its end.
	const silence = `{"source":"am","matchers":["alertname=\"Kept\""],"duration":"24s","createdBy":"ada","comment":"for a moment"}`
	if got := send(t, r.URL+"/api/v1/silences", silence); got.status != http.StatusCreated {
		t.Fatalf("got %d %s", got.status, got.text)
	}
	am.silence(t, "alertname=Ghost")
	becomes(t, r, "Ghost", alerts.Suppressed)
	am.add(t, time.Now(), labels...)
	if e := becomes(t, r, "Ghost", alerts.Resolved); e.Reason != "reconciled" {
		t.Errorf("resolved for the reason %q", e.Reason)
	}

	becomes(t, r, "SilenceExpiring", alerts.Firing)
	becomes(t, r, "Kept", alerts.Firing)
	becomes(t, r, "SilenceExpiring", alerts.Resolved)
	wasTold(t, r.URL, "_meta.>", "SilenceExpiring firing", "SilenceExpiring resolved")
}
