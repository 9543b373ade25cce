package app_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"alertrelay/alerts"
	"alertrelay/relay/relaytest"
)

// startAsked starts a relay and an Alertmanager that posts to it and that it asks
// what is so. Between them stands what says that the Alertmanager was started an hour
// ago: one that was started just now is not believed that an alert is over.
func startAsked(t *testing.T, source string, replace ...string) (*relaytest.Relay, *alertmanager) {
	t.Helper()
	return startAskedWith(t, "", source, replace...)
}

// startAskedWith is startAsked with more in the relay's configuration.
func startAskedWith(t *testing.T, more, source string, replace ...string) (*relaytest.Relay, *alertmanager) {
	t.Helper()
	var address atomic.Pointer[string]
	uptime := regexp.MustCompile(`"uptime":"[^"]*"`)
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		to := address.Load()
		if to == nil {
			http.Error(w, "not there yet", http.StatusBadGateway)
			return
		}
		req, err := http.NewRequestWithContext(r.Context(), r.Method, "http://"+*to+r.URL.RequestURI(), r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		req.Header = r.Header.Clone()
		req.Header.Del("Accept-Encoding")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			http.Error(w, "away", http.StatusBadGateway)
			return
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Error(err)
		}
		if r.URL.Path == "/api/v2/status" {
			before := `"uptime":"` + time.Now().Add(-time.Hour).UTC().Format(time.RFC3339) + `"`
			body = uptime.ReplaceAll(body, []byte(before))
		}
		w.Header().Set("Content-Type", resp.Header.Get("Content-Type"))
		w.WriteHeader(resp.StatusCode)
		_, _ = w.Write(body)
	}))
	t.Cleanup(api.Close)
	r := relaytest.Start(t, settings(t, fmt.Sprintf("sources: {am: {api: ['%s'], api_interval: 5s%s}}\n%s", api.URL, source, more)))
	am := startAlertmanager(t, r, append([]string{"group_by: ['...']", "group_by: [team]", "group_interval: 5s", "group_interval: 1s"}, replace...)...)
	address.Store(&am.addr)
	return r, am
}

// With its Alertmanager's API the relay knows who has silenced what, and that an
// alert is over of which no webhook tells.
func TestReconciled(t *testing.T) {
	t.Parallel()
	r, am := startAsked(t, "", "receivers:\n", `inhibit_rules:
  - {source_matchers: [severity="critical"], target_matchers: [severity="warning"], equal: [site]}
receivers:
`)
	am.add(t, time.Time{}, "Silenced", "team=db")
	am.add(t, time.Time{}, "Inhibited", "team=net", "site=one", "severity=warning")
	becomes(t, r, "Silenced", alerts.Firing)
	becomes(t, r, "Inhibited", alerts.Firing)

	am.silence(t, "alertname=Silenced")
	am.add(t, time.Time{}, "Inhibits", "team=net", "site=one", "severity=critical")
	if e := becomes(t, r, "Silenced", alerts.Suppressed); e.Suppression.Kind != alerts.Silenced || e.Suppression.By != "ada" ||
		e.Suppression.Comment != "by the test" || time.Until(e.Suppression.Until) < 50*time.Minute {
		t.Errorf("got %+v, want who has silenced it, why and until when", e.Suppression)
	}
	// The group may have told first that it is missing there.
	relaytest.Eventually(t, "it is known to be inhibited", func() bool {
		for _, e := range active(t, r.URL, ">") {
			if e.Labels["alertname"] == "Inhibited" && e.Suppression != nil && e.Suppression.Kind == alerts.Inhibited {
				return true
			}
		}
		return false
	})

	am.add(t, time.Now(), "Silenced", "team=db")
	am.add(t, time.Now(), "Inhibited", "team=net", "site=one", "severity=warning")
	for _, name := range []string{"Silenced", "Inhibited"} {
		if e := becomes(t, r, name, alerts.Resolved); e.Reason != "reconciled" {
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
	r, am := startAsked(t, ", ack_as_silence: 1h")
	am.add(t, time.Time{}, "DiskFull", "team=db")
	e := becomes(t, r, "DiskFull", alerts.Firing)
	if got := send(t, r.URL+"/api/v1/alerts/"+e.ID+"/ack", `{"by":"ada","comment":"on it"}`); got.status != http.StatusOK {
		t.Fatalf("got %d %s", got.status, got.text)
	}
	if got := am.amtool(t, "silence", "query", "alertname=DiskFull"); !strings.Contains(got, "ada") || !strings.Contains(got, "on it") {
		t.Errorf("the Alertmanager has the silences %s", got)
	}
	if e := becomes(t, r, "DiskFull", alerts.Suppressed); e.Ack == nil || e.Ack.By != "ada" {
		t.Errorf("it is acknowledged by %+v", e.Ack)
	}
	am.add(t, time.Now(), "DiskFull", "team=db")
	becomes(t, r, "DiskFull", alerts.Resolved)
	relaytest.Eventually(t, "the silence has ended with the alert", func() bool {
		return am.amtool(t, "silence", "query", "-q", "alertname=DiskFull") == ""
	})
	if got, want := fmt.Sprint(kindsOf(t, r.URL, "DiskFull")), "[firing acked suppressed resolved]"; got != want {
		t.Errorf("got the events %s, want %s", got, want)
	}
}

// A silence that is made at the relay is the Alertmanager's, and boards show it.
func TestSilenceAtTheRelay(t *testing.T) {
	t.Parallel()
	r, am := startAsked(t, "")
	am.add(t, time.Time{}, "DiskFull", "team=db", "instance=a")
	am.add(t, time.Time{}, "Latency", "team=db", "instance=a")
	becomes(t, r, "DiskFull", alerts.Firing)
	becomes(t, r, "Latency", alerts.Firing)
	const silence = `{"source":"am","matchers":["alertname=\"DiskFull\"","team=\"db\""],"duration":"2h","createdBy":"ada","comment":"a new disk is on its way"}`
	if got := send(t, r.URL+"/api/v1/silences/preview", silence); got.status != http.StatusOK || !strings.Contains(got.text, `"total":1,`) {
		t.Errorf("the preview says %d %s, want 1", got.status, got.text)
	}
	if got := send(t, r.URL+"/api/v1/silences", silence); got.status != http.StatusCreated {
		t.Fatalf("got %d %s", got.status, got.text)
	}
	id := am.amtool(t, "silence", "query", "-q", "alertname=DiskFull")
	e := becomes(t, r, "DiskFull", alerts.Suppressed)
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
	becomes(t, r, "DiskFull", alerts.Firing)
	if status, text := r.Get("/api/v1/sources"); status != http.StatusOK || !strings.Contains(text, `"healthy":true`) {
		t.Errorf("got %d %s", status, text)
	}
}
