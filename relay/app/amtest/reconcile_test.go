package amtest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"alertrelay/alerts"
	"alertrelay/relay/apptest"
	"alertrelay/relay/relaytest"
)

// With its Alertmanager's API the relay knows who has silenced what, and that an
// alert is over of which no webhook tells.
func TestReconciled(t *testing.T) {
	t.Parallel()
	r, am := apptest.StartAsked(t, "", "receivers:\n", `inhibit_rules:
  - {source_matchers: [severity="critical"], target_matchers: [severity="warning"], equal: [site]}
receivers:
`)
	am.Add(t, time.Time{}, "Silenced", "team=db")
	am.Add(t, time.Time{}, "Inhibited", "team=net", "site=one", "severity=warning")
	apptest.Becomes(t, r, "Silenced", alerts.Firing)
	apptest.Becomes(t, r, "Inhibited", alerts.Firing)

	am.Silence(t, "alertname=Silenced")
	am.Add(t, time.Time{}, "Inhibits", "team=net", "site=one", "severity=critical")
	if e := apptest.Becomes(t, r, "Silenced", alerts.Suppressed); e.Suppression.Kind != alerts.Silenced || e.Suppression.By != "ada" ||
		e.Suppression.Comment != "by the test" || time.Until(e.Suppression.Until) < 50*time.Minute {
		t.Errorf("got %+v, want who has silenced it, why and until when", e.Suppression)
	}
	// The group may have told first that it is missing there.
	relaytest.Eventually(t, "it is known to be inhibited", func() bool {
		for _, e := range apptest.Active(t, r.URL, ">") {
			if e.Labels["alertname"] == "Inhibited" && e.Suppression != nil && e.Suppression.Kind == alerts.Inhibited {
				return true
			}
		}
		return false
	})

	am.Add(t, time.Now(), "Silenced", "team=db")
	am.Add(t, time.Now(), "Inhibited", "team=net", "site=one", "severity=warning")
	for _, name := range []string{"Silenced", "Inhibited"} {
		if e := apptest.Becomes(t, r, name, alerts.Resolved); e.Reason != "reconciled" {
			t.Errorf("%s: resolved for the reason %q", name, e.Reason)
		}
	}
	if n := metric(t, r, `alertrelay_alert_events_total{kind="resolved",reason="reconciled"}`); n != 2 {
		t.Errorf("got %d of them counted, want 2", n)
	}
}

// Who acknowledges an alert silences it at its Alertmanager too, until it is over.
func TestAcknowledgingSilences(t *testing.T) {
	t.Parallel()
	r, am := apptest.StartAsked(t, ", ack_as_silence: 1h")
	am.Add(t, time.Time{}, "DiskFull", "team=db")
	e := apptest.Becomes(t, r, "DiskFull", alerts.Firing)
	if got := relaytest.Send(t, r.URL+"/api/v1/alerts/"+e.ID+"/ack", `{"by":"ada","comment":"on it"}`); got.Status != http.StatusOK {
		t.Fatalf("got %d %s", got.Status, got.Text)
	}
	if got := am.Amtool(t, "silence", "query", "alertname=DiskFull"); !strings.Contains(got, "ada") || !strings.Contains(got, "on it") {
		t.Errorf("the Alertmanager has the silences %s", got)
	}
	if e := apptest.Becomes(t, r, "DiskFull", alerts.Suppressed); e.Ack == nil || e.Ack.By != "ada" {
		t.Errorf("it is acknowledged by %+v", e.Ack)
	}
	am.Add(t, time.Now(), "DiskFull", "team=db")
	apptest.Becomes(t, r, "DiskFull", alerts.Resolved)
	relaytest.Eventually(t, "the silence has ended with the alert", func() bool {
		return am.Amtool(t, "silence", "query", "-q", "alertname=DiskFull") == ""
	})
	if got, want := fmt.Sprint(apptest.KindsOf(t, r.URL, "DiskFull")), "[firing acked suppressed resolved]"; got != want {
		t.Errorf("got the events %s, want %s", got, want)
	}
}

// A silence that is made at the relay is the Alertmanager's, and boards show it.
func TestSilenceAtTheRelay(t *testing.T) {
	t.Parallel()
	r, am := apptest.StartAsked(t, "")
	am.Add(t, time.Time{}, "DiskFull", "team=db", "instance=a")
	am.Add(t, time.Time{}, "Latency", "team=db", "instance=a")
	apptest.Becomes(t, r, "DiskFull", alerts.Firing)
	apptest.Becomes(t, r, "Latency", alerts.Firing)
	const silence = `{"source":"am","matchers":["alertname=\"DiskFull\"","team=\"db\""],"duration":"2h","createdBy":"ada","comment":"a new disk is on its way"}`
	if got := relaytest.Send(t, r.URL+"/api/v1/silences/preview", silence); got.Status != http.StatusOK || !strings.Contains(got.Text, `"total":1,`) {
		t.Errorf("the preview says %d %s, want 1", got.Status, got.Text)
	}
	if got := relaytest.Send(t, r.URL+"/api/v1/silences", silence); got.Status != http.StatusCreated {
		t.Fatalf("got %d %s", got.Status, got.Text)
	}
	id := am.Amtool(t, "silence", "query", "-q", "alertname=DiskFull")
	e := apptest.Becomes(t, r, "DiskFull", alerts.Suppressed)
	if e.Suppression.ID != id || e.Suppression.Comment != "a new disk is on its way" {
		t.Errorf("got %+v, want silence %s", e.Suppression, id)
	}
	if status, text := r.Get("/api/v1/silences?source=am"); status != http.StatusOK || !strings.Contains(text, id) {
		t.Errorf("got %d %s", status, text)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, r.URL+"/api/v1/silences/am/"+id, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		t.Fatalf("got %s", resp.Status)
	}
	apptest.Becomes(t, r, "DiskFull", alerts.Firing)
	if status, text := r.Get("/api/v1/sources"); status != http.StatusOK || !strings.Contains(text, `"healthy":true`) {
		t.Errorf("got %d %s", status, text)
	}
}
