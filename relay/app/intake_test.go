package app_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"alertrelay/alerts"
	"alertrelay/relay/client"
	"alertrelay/relay/conf"
	"alertrelay/relay/relaytest"
)

// settings has a relay read a configuration as its file would have it. It comes
// before other changes.
func settings(t *testing.T, yaml string) func(*conf.Config) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "alertrelay.yaml")
	write(t, file, yaml)
	return func(c *conf.Config) {
		read, err := conf.Load(conf.Sources{File: file})
		if err != nil {
			t.Fatal(err)
		}
		read.Listen, read.Data, read.NATS = c.Listen, c.Data, c.NATS
		*c = read
	}
}

// fixture is a captured body, "alertmanager/alertmanager-0.34.2-group3-firing.json",
// of package alerts.
func fixture(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "alerts", "testdata", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// answered is an answer to a sender.
type answered struct {
	status int
	header http.Header
	text   string
}

// send posts as a sender does, with headers name, value. Goroutines of a test may
// call it: without an answer the status is 0.
func send(t *testing.T, address, body string, headers ...string) answered {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return answered{}
	}
	req.Close = true
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return answered{text: err.Error()}
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return answered{resp.StatusCode, resp.Header, string(text)}
}

// polled are the messages in the answer to a poll of channels.
func polled(t *testing.T, base, channels, query string) []client.Message {
	t.Helper()
	status, body := get(t.Context(), base+"/poll/"+url.PathEscape(channels)+"?"+query)
	if status != http.StatusOK && status != http.StatusNotModified {
		t.Fatalf("poll %s?%s: got status %d %s", channels, query, status, body)
	}
	var all []client.Message
	for d := json.NewDecoder(bytes.NewReader(body)); ; {
		var m struct {
			ID            int64
			Channel, Text string
		}
		if err := d.Decode(&m); err == io.EOF {
			return all
		} else if err != nil {
			t.Fatalf("poll %s?%s: %v", channels, query, err)
		}
		all = append(all, client.Message{ID: m.ID, Channel: m.Channel, Text: m.Text})
	}
}

// barrier is a channel that tests publish to: a publisher is answered when the relay
// itself has the message, and so has all that was stored before. Senders of alerts
// are answered when the store has them.
const barrier = "barrier"

// caughtUp waits until the relay shows what it has stored.
func caughtUp(t *testing.T, base string) {
	t.Helper()
	if got := send(t, base+"/pub?id="+barrier, "x"); got.status != http.StatusOK {
		t.Fatalf("publish: got %d %s", got.status, got.text)
	}
}

// history are the events in channels, in the order of the stream.
func history(t *testing.T, base, channels string) []alerts.Event {
	t.Helper()
	caughtUp(t, base)
	return shownEvents(t, base, channels)
}

// shownEvents are those of history that the relay shows already.
func shownEvents(t *testing.T, base, channels string) []alerts.Event {
	t.Helper()
	var all []alerts.Event
	for _, m := range polled(t, base, channels, "since=1h") {
		if m.Channel != barrier {
			all = append(all, event(t, m.Text))
		}
	}
	return all
}

// told is "alertname kind" of each event in channels.
func told(t *testing.T, base, channels string) []string {
	t.Helper()
	var all []string
	for _, e := range history(t, base, channels) {
		all = append(all, e.Labels["alertname"]+" "+string(e.Kind))
	}
	return all
}

// wasTold expects the events of channels, "alertname kind", in the order of the
// stream.
func wasTold(t *testing.T, base, channels string, want ...string) {
	t.Helper()
	if got := told(t, base, channels); !slices.Equal(got, want) {
		t.Errorf("%s: got the events %q, want %q", channels, got, want)
	}
}

// kindsOf are the kinds of one alert's events.
func kindsOf(t *testing.T, base, alertname string) []alerts.Kind {
	t.Helper()
	var kinds []alerts.Kind
	for _, e := range history(t, base, ">") {
		if e.Labels["alertname"] == alertname {
			kinds = append(kinds, e.Kind)
		}
	}
	return kinds
}

// active is what a page that opens now is shown, by channel.
func active(t *testing.T, base, channels string) map[string]alerts.Event {
	t.Helper()
	caughtUp(t, base)
	all := make(map[string]alerts.Event)
	for _, m := range polled(t, base, channels, "mode=now") {
		if _, twice := all[m.Channel]; twice {
			t.Errorf("a snapshot has %s twice", m.Channel)
		}
		all[m.Channel] = event(t, m.Text)
	}
	return all
}

// activeStatus is "alertname status" of what is active, sorted.
func activeStatus(t *testing.T, base, channels string) []string {
	t.Helper()
	all := []string{}
	for _, e := range active(t, base, channels) {
		all = append(all, e.Labels["alertname"]+" "+string(e.Status))
	}
	slices.Sort(all)
	return all
}

// becomes waits until an alert has a status, and returns its last event.
func becomes(t *testing.T, r *relaytest.Relay, alertname string, want alerts.Status) alerts.Event {
	t.Helper()
	return becomesWithin(t, relaytest.Patience, r, alertname, want)
}

func becomesWithin(t *testing.T, patience time.Duration, r *relaytest.Relay, alertname string, want alerts.Status) (last alerts.Event) {
	t.Helper()
	reached := relaytest.Within(t, patience, func() bool {
		last = alerts.Event{}
		for _, e := range shownEvents(t, r.URL, ">") {
			if e.Labels["alertname"] == alertname {
				last = e
			}
		}
		return last.Status == want
	})
	if !reached {
		t.Fatalf("%s never becomes %s; its events are %q", alertname, want, kindsOf(t, r.URL, alertname))
	}
	return last
}
