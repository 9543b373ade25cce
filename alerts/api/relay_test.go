package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"alertrelay/alerts"
	"alertrelay/alerts/api"
	"alertrelay/relay"
	"alertrelay/relay/client"
	"alertrelay/relay/conf"
	"alertrelay/relay/relaytest"
)

// notify posts what Alertmanager would: one alert, at this status.
func notify(t testing.TB, r *relaytest.Relay, name, status string, startsAt time.Time) {
	t.Helper()
	endsAt := time.Time{}
	if status == "resolved" {
		endsAt = startsAt.Add(time.Second)
	}
	text := fmt.Sprintf(`{"version":"4","receiver":"relay","status":%[2]q,"groupKey":"{}","externalURL":"http://am","alerts":[{"status":%[2]q,
		"labels":{"alertname":%[1]q,"team":"db","severity":"critical"},"annotations":{},"startsAt":%[3]q,"endsAt":%[4]q,"generatorURL":"","fingerprint":""}]}`,
		name, status, startsAt.UTC().Format(time.RFC3339), endsAt.Format(time.RFC3339))
	text = strings.Replace(text, `"fingerprint":""`, `"fingerprint":"`+alerts.Fingerprint(firing(name).Labels)+`"`, 1)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.URL+"/in/alertmanager/am", strings.NewReader(text))
	must(t, err)
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	b, err := io.ReadAll(resp.Body)
	must(t, err)
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("got %d %s", resp.StatusCode, b)
	}
}

// startRelay starts a relay and waits until it takes alerts.
func startRelay(t testing.TB, changes ...func(*conf.Config)) *relaytest.Relay {
	t.Helper()
	r := relaytest.Start(t, changes...)
	takesAlerts(t, r)
	return r
}

func takesAlerts(t testing.TB, r *relaytest.Relay) {
	t.Helper()
	relaytest.Eventually(t, "what is firing is known", func() bool {
		_, err := r.Client.Alerts(t.Context(), client.AlertQuery{})
		return err == nil
	})
}

// ackOf is who has an alert in hand at a relay.
func ackOf(t testing.TB, r *relaytest.Relay, id string) string {
	t.Helper()
	list, err := r.Client.Alerts(t.Context(), client.AlertQuery{})
	if err != nil {
		return "" // not ready
	}
	for _, a := range list.Alerts {
		if a.ID == id && a.Ack != nil {
			return a.Ack.By
		}
	}
	return ""
}

// events are those of an alert, and their tags.
func events(t testing.TB, r *relaytest.Relay, id string) (kinds string, tags []uint64) {
	t.Helper()
	var b strings.Builder
	_, err := r.Client.History(t.Context(), client.HistoryQuery{ID: id}, &b)
	must(t, err)
	for line := range strings.Lines(b.String()) {
		var e event
		must(t, json.Unmarshal([]byte(line), &e))
		kinds, tags = strings.TrimSpace(kinds+" "+e.Event), append(tags, e.Tag)
	}
	return kinds, tags
}

// TestAckIsShared: all relays know within a second who has an alert in hand, after
// a restart as well, until it resolves or fires anew.
func TestAckIsShared(t *testing.T) {
	nats := relaytest.StartNATS(t)
	external := func(c *conf.Config) { c.NATS.URL = nats.URL }
	one, two := startRelay(t, external), startRelay(t, external)
	id, began := "am-"+alerts.Fingerprint(firing("DiskFull").Labels), time.Now().Add(-time.Hour).Truncate(time.Second)
	notify(t, one, "DiskFull", "firing", began)
	_, err := one.Client.Ack(t.Context(), id, "ada", "on it")
	must(t, err)
	acked := time.Now()
	relaytest.Eventually(t, "the other relay knows", func() bool { return ackOf(t, two, id) == "ada" })
	t.Logf("after %s", time.Since(acked))
	if d := time.Since(acked); d > time.Second {
		t.Errorf("the other relay knew after %s", d)
	}

	before, tags := events(t, one, id)
	nats.Restart()
	two.Restart()
	relaytest.Eventually(t, "it is there after a restart", func() bool { return ackOf(t, two, id) == "ada" })
	after, tagsAfter := events(t, two, id)
	if before != "firing acked" || after != before || !slices.Equal(tags, tagsAfter) {
		t.Errorf("got %s %v, before the restart %s %v", after, tagsAfter, before, tags)
	}

	notify(t, two, "DiskFull", "firing", began.Add(10*time.Minute)) // fires anew
	relaytest.Eventually(t, "firing anew ends it", func() bool { return ackOf(t, one, id) == "" && ackOf(t, two, id) == "" })
	_, err = two.Client.Ack(t.Context(), id, "bob", "")
	must(t, err)
	if got := ackOf(t, two, id); got != "bob" {
		t.Errorf("got %q", got)
	}
	notify(t, one, "DiskFull", "resolved", began.Add(10*time.Minute))
	notify(t, one, "DiskFull", "firing", began.Add(20*time.Minute))
	relaytest.Eventually(t, "the resolve has ended it", func() bool {
		kinds, _ := events(t, two, id)
		return strings.HasSuffix(kinds, "resolved firing") && ackOf(t, two, id) == ""
	})
	if got, _ := events(t, two, id); got != "firing acked updated acked resolved firing" {
		t.Errorf("got %s", got)
	}
	_, err = one.Client.Unack(t.Context(), "am-0000000000000000", "ada", "")
	refused := (*client.Error)(nil)
	if !errors.As(err, &refused) || refused.Status != 404 {
		t.Errorf("got %v", err)
	}
}

// TestHistoryAfterARestart: the same events, with the same tags, in the same order.
func TestHistoryAfterARestart(t *testing.T) {
	r := startRelay(t)
	began := time.Now().Add(-time.Hour)
	for i := range 5 {
		name := fmt.Sprintf("Rule%d", i%2)
		notify(t, r, name, "firing", began.Add(time.Duration(i)*time.Minute))
		notify(t, r, name, "resolved", began.Add(time.Duration(i)*time.Minute))
	}
	read := func() string {
		var b strings.Builder
		_, err := r.Client.History(t.Context(), client.HistoryQuery{Channels: []string{"db.>"}, Since: "2h"}, &b)
		must(t, err)
		return b.String()
	}
	before := read()
	r.Restart()
	if after := read(); after != before || strings.Count(before, "\n") != 10 {
		t.Errorf("got\n%s\nbefore\n%s", after, before)
	}
}

// TestListThenFollow: a subscriber that begins at the head of a list gets exactly
// what happened after it, on each transport.
func TestListThenFollow(t *testing.T) {
	r := startRelay(t)
	began := time.Now().Add(-time.Hour)
	for i := range 5 {
		notify(t, r, fmt.Sprintf("Before%d", i), "firing", began)
	}
	// While it is listed, more happens.
	posting, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for i := range 40 {
			if i == 10 {
				close(posting)
			}
			notify(t, r, fmt.Sprintf("Rule%d", i%7), []string{"firing", "resolved"}[i/7%2], began)
		}
	}()
	<-posting
	list, err := r.Client.Alerts(t.Context(), client.AlertQuery{Channels: []string{"db.>"}})
	must(t, err)
	<-done
	var all strings.Builder
	_, err = r.Client.History(t.Context(), client.HistoryQuery{}, &all)
	must(t, err)
	state, want := map[string]bool{}, []uint64(nil)
	for line := range strings.Lines(all.String()) {
		var e event
		must(t, json.Unmarshal([]byte(line), &e))
		if e.Tag > list.Tag {
			want = append(want, e.Tag)
		} else {
			state[e.ID] = alerts.Status(e.Status).Active() // each is missing from the other's group
		}
	}
	for _, a := range list.Alerts {
		if !state[a.ID] {
			t.Errorf("%s is in the list and did not fire at its head", a.ID)
		}
		delete(state, a.ID)
	}
	for id, fires := range state {
		if fires {
			t.Errorf("%s fired at the head of the list and is not in it", id)
		}
	}
	t.Logf("%d alerts at %s, %d; %d events after it", len(list.Alerts), list.Time, list.Tag, len(want))
	if len(want) == 0 {
		t.Fatal("nothing happened after the list")
	}
	for _, transport := range client.Transports() {
		var got []uint64
		enough := errors.New("enough")
		ctx, cancel := context.WithTimeout(t.Context(), relaytest.Patience)
		err := r.Client.Subscribe(ctx, client.SubscribeOptions{
			Channels: []string{"db.>"}, Transport: transport, From: relay.Cursor{Time: list.Time, Tag: list.Tag, HasTag: true},
		}, func(m client.Message) error {
			got = append(got, m.Tag)
			if len(got) == len(want) {
				return enough
			}
			return nil
		})
		cancel()
		if !errors.Is(err, enough) || !slices.Equal(got, want) {
			t.Errorf("%s: got %v (%v), want %v", transport, got, err, want)
		}
	}
}

// TestClientSilences has the client talk to the API.
func TestClientSilences(t *testing.T) {
	disk := firing("DiskFull")
	m := &memory{alerts: []api.Silenced{{Fingerprint: disk.Fingerprint, Labels: disk.Labels}}}
	r := start(t, withToken, withSilencers(map[string]api.Silencer{"am": m}))
	c, err := client.New(r.url)
	must(t, err)
	t.Cleanup(c.Close)
	s := client.Silence{Source: "am", Matchers: []string{`alertname="DiskFull"`}, CreatedBy: "ada"}
	_, err = c.PreviewSilence(t.Context(), s)
	if refused := (*client.Error)(nil); !errors.As(err, &refused) || refused.Status != 401 {
		t.Errorf("without a token: got %v", err)
	}
	c = c.WithToken("s3cret")
	p, err := c.PreviewSilence(t.Context(), s)
	must(t, err)
	if p.Total != 1 || p.Alerts[0].ID != disk.ID() {
		t.Errorf("got %+v", p)
	}
	s.EndsAt = time.Now().Add(time.Hour)
	made, err := c.CreateSilence(t.Context(), s)
	must(t, err)
	must(t, c.ExpireSilence(t.Context(), "am", made.ID))
	all, failed, err := c.Silences(t.Context(), "")
	must(t, err)
	if len(all) != 1 || all[0].State != "expired" || all[0].ID != made.ID || len(failed) != 0 {
		t.Errorf("got %+v, %v", all, failed)
	}
	if err := c.ExpireSilence(t.Context(), "am", "no such"); err == nil {
		t.Error("there is none")
	}
}
