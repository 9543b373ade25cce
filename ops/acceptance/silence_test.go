//go:build acceptance

package acceptance

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"alertrelay/alerts"
)

// Feature 13: a silence that is made at the relay, after a preview, is the
// Alertmanager's; boards show it within one look, and are warned before it ends: a
// quarter of an hour, of shorter silences a quarter of their time.
func TestSilenceFromRelay(t *testing.T) {
	t.Parallel()
	const (
		lasts   = time.Hour
		warning = 15 * time.Minute
		soon    = 20 * time.Second // until the warning is due
		short   = 4 * time.Minute
		slack   = 3 * time.Second
	)
	am := newAlertmanager(t)
	r := startRelay(t, fmt.Sprintf("sources: {am: {api: ['http://%s']}}\n", am.addr))
	am.run(r.URL, 5*time.Minute)
	for _, name := range []string{"DiskFull", "Latency", "Short"} {
		am.fire(name, "team=db")
	}
	for _, name := range []string{"DiskFull", "Latency", "Short"} {
		r.becomes(name, alerts.Firing, 20*time.Second)
	}

	silence := func(alertname string, d time.Duration) (id string) {
		t.Helper()
		request := fmt.Sprintf(`{"source":"am","matchers":["alertname=\"%s\"","team=\"db\""],"duration":"%s","createdBy":"ada","comment":"a new disk is on its way"}`, alertname, d)
		status, text := post(t, r.URL+"/api/v1/silences/preview", request)
		var preview struct{ Total int }
		if err := json.Unmarshal([]byte(text), &preview); err != nil || status != http.StatusOK || preview.Total != 1 {
			t.Errorf("the preview says %d %s, want 1 alert", status, text)
		}
		if got := am.silences(alertname); len(got) != 0 {
			t.Errorf("the preview has made a silence: %+v", got)
		}
		asked := time.Now()
		if status, text = post(t, r.URL+"/api/v1/silences", request); status != http.StatusCreated {
			t.Fatalf("got %d %s", status, text)
		}
		made := am.silences(alertname)
		if len(made) != 1 || made[0].CreatedBy != "ada" || made[0].Comment != "a new disk is on its way" || made[0].Status.State != "active" {
			t.Fatalf("the Alertmanager has the silences %+v", made)
		}
		a := r.becomes(alertname, alerts.Suppressed, poll)
		if s := a.Suppression; s.ID != made[0].ID || s.By != "ada" || !s.Until.Equal(made[0].EndsAt) {
			t.Errorf("it is suppressed by %+v, want %+v", s, made[0])
		}
		t.Logf("%s: the preview counts 1; suppressed %s after the request", alertname, brief(time.Since(asked)))
		return made[0].ID
	}
	id := silence("DiskFull", lasts)
	if !r.is("Latency", alerts.Firing) {
		t.Error("an alert that the silence does not match does not fire any more")
	}

	// The Alertmanager is told that the long one was made three quarters of an hour
	// ago.
	long := am.silences("DiskFull")[0]
	am.stop()
	am.age(long, lasts-warning-soon)
	am.start()
	for _, name := range []string{"DiskFull", "Latency", "Short"} {
		am.fire(name, "team=db")
	}
	long = am.silences("DiskFull")[0]
	between(t, "the silence ends", time.Until(long.EndsAt), warning, warning+soon)
	shortID := silence("Short", short)

	// warned waits for the warning of a silence, at a time before its end.
	warned := func(s amSilence, before time.Duration) (event alerts.Event) {
		t.Helper()
		r.until("a warning of "+s.ID, time.Until(s.EndsAt.Add(-before))+poll+slack, func() bool {
			for _, e := range r.history("SilenceExpiring") {
				if e.Labels["silence"] == s.ID {
					event = e
					return true
				}
			}
			return false
		})
		between(t, "the warning has come", event.UpdatedAt.Sub(s.EndsAt.Add(-before)), -cutOff, poll+slack)
		if event.Kind != alerts.KindFiring || event.Annotations["until"] != s.EndsAt.UTC().Format(time.RFC3339) || event.Annotations["by"] != "ada" {
			t.Errorf("got %+v", event)
		}
		return event
	}
	e := warned(long, warning)
	t.Logf("a silence of %s was warned of %s before its end", lasts, brief(long.EndsAt.Sub(e.UpdatedAt)))
	if a, _ := r.alert("SilenceExpiring"); !strings.HasPrefix(a.Channel, "_meta.warning.SilenceExpiring.") {
		t.Errorf("the warning is in channel %s", a.Channel)
	}
	if !r.is("DiskFull", alerts.Suppressed) {
		t.Error("DiskFull is not suppressed any more")
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
	if resp.StatusCode != http.StatusNoContent {
		t.Fatalf("got %s", resp.Status)
	}
	r.becomes("DiskFull", alerts.Firing, poll)
	r.until("the warning is over", 5*time.Second, func() bool { return !r.is("SilenceExpiring", alerts.Firing) })
	r.hadEvents("SilenceExpiring", "firing resolved")
	if got := am.silences("DiskFull"); len(got) != 0 {
		t.Errorf("the Alertmanager still has the silences %+v", got)
	}

	s := am.silences("Short")[0]
	if s.ID != shortID {
		t.Fatalf("the Alertmanager has the silence %+v, want %s", s, shortID)
	}
	e = warned(s, short/4)
	r.becomes("Short", alerts.Firing, time.Until(s.EndsAt)+poll+slack)
	t.Logf("a silence of %s was warned of %s before its end, and %s after it the alert fires on the board", short, brief(s.EndsAt.Sub(e.UpdatedAt)), brief(time.Since(s.EndsAt)))
}

// age has a silence begin and end earlier, in the file in which a stopped
// Alertmanager has it: no request can say that one began in the past.
func (am *alertmanager) age(s amSilence, by time.Duration) {
	am.t.Helper()
	file := filepath.Join(am.dir, "silences")
	content, err := os.ReadFile(file)
	if err != nil {
		am.t.Fatal(err)
	}
	// Seconds are field 1 of protobuf's timestamps, and as long as before.
	seconds := func(at time.Time) []byte { return binary.AppendUvarint([]byte{1 << 3}, uint64(at.Unix())) }
	for _, at := range []time.Time{s.StartsAt, s.EndsAt} {
		if !bytes.Contains(content, seconds(at)) {
			am.t.Fatalf("%s does not have the time %s", file, at)
		}
		content = bytes.ReplaceAll(content, seconds(at), seconds(at.Add(-by)))
	}
	write(am.t, file, string(content))
}
