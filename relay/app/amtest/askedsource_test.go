package amtest

import (
	"net/http"
	"testing"
	"time"

	"alertrelay/alerts"
	"alertrelay/relay/apptest"
	"alertrelay/relay/relaytest"
)

// What is held of an Alertmanager is told by the source, whatever a label of that
// name says: alerts may have one, and the relay's own about silences do.
func TestAskedWithLabelSource(t *testing.T) {
	t.Parallel()
	r, am := apptest.StartAsked(t, "")
	labels := []string{"Ghost", "team=db", "source=sensor"}
	am.Add(t, time.Time{}, labels...)
	am.Add(t, time.Time{}, "Kept", "team=db")
	apptest.Becomes(t, r, "Ghost", alerts.Firing)
	apptest.Becomes(t, r, "Kept", alerts.Firing)

	// Of a silence this short a warning comes 6 s before its end.
	const silence = `{"source":"am","matchers":["alertname=\"Kept\""],"duration":"24s","createdBy":"ada","comment":"for a moment"}`
	if got := relaytest.Send(t, r.URL+"/api/v1/silences", silence); got.Status != http.StatusCreated {
		t.Fatalf("got %d %s", got.Status, got.Text)
	}
	am.Silence(t, "alertname=Ghost")
	apptest.Becomes(t, r, "Ghost", alerts.Suppressed)
	am.Add(t, time.Now(), labels...)
	if e := apptest.Becomes(t, r, "Ghost", alerts.Resolved); e.Reason != "reconciled" {
		t.Errorf("resolved for the reason %q", e.Reason)
	}

	apptest.Becomes(t, r, "SilenceExpiring", alerts.Firing)
	apptest.Becomes(t, r, "Kept", alerts.Firing)
	apptest.Becomes(t, r, "SilenceExpiring", alerts.Resolved)
	apptest.WasTold(t, r.URL, "_meta.>", "SilenceExpiring firing", "SilenceExpiring resolved")
}
