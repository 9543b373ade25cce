package apptest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"alertrelay/alerts"
	"alertrelay/relay/client"
	"alertrelay/relay/relaytest"
)

// Event is what a message says of an alert.
func Event(t testing.TB, text string) alerts.Event {
	t.Helper()
	e, err := alerts.ParseEvent([]byte(text))
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return e
}

// Polled are the messages in the answer to a poll of channels.
func Polled(t testing.TB, base, channels, query string) []client.Message {
	t.Helper()
	status, body := relaytest.Get(t.Context(), base+"/poll/"+url.PathEscape(channels)+"?"+query)
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

// Barrier is a channel that tests publish to: a publisher is answered when the relay
// itself has the message, and so has all that was stored before. Senders of alerts
// are answered when the store has them.
const Barrier = "barrier"

// CaughtUp waits until the relay shows what it has stored.
func CaughtUp(t testing.TB, base string) {
	t.Helper()
	if got := relaytest.Send(t, base+"/pub?id="+Barrier, "x"); got.Status != http.StatusOK {
		t.Fatalf("publish: got %d %s", got.Status, got.Text)
	}
}

// History are the events in channels, in the order of the stream.
func History(t testing.TB, base, channels string) []alerts.Event {
	t.Helper()
	CaughtUp(t, base)
	return ShownEvents(t, base, channels)
}

// ShownEvents are those of history that the relay shows already.
func ShownEvents(t testing.TB, base, channels string) []alerts.Event {
	t.Helper()
	var all []alerts.Event
	for _, m := range Polled(t, base, channels, "since=1h") {
		if m.Channel != Barrier {
			all = append(all, Event(t, m.Text))
		}
	}
	return all
}

// Told is "alertname kind" of each event in channels.
func Told(t testing.TB, base, channels string) []string {
	t.Helper()
	var all []string
	for _, e := range History(t, base, channels) {
		all = append(all, e.Labels["alertname"]+" "+string(e.Kind))
	}
	return all
}

// WasTold expects the events of channels, "alertname kind", in the order of the
// stream.
func WasTold(t testing.TB, base, channels string, want ...string) {
	t.Helper()
	if got := Told(t, base, channels); !slices.Equal(got, want) {
		t.Errorf("%s: got the events %q, want %q", channels, got, want)
	}
}

// KindsOf are the kinds of one alert's events.
func KindsOf(t testing.TB, base, alertname string) []alerts.Kind {
	t.Helper()
	var kinds []alerts.Kind
	for _, e := range History(t, base, ">") {
		if e.Labels["alertname"] == alertname {
			kinds = append(kinds, e.Kind)
		}
	}
	return kinds
}

// Active is what a page that opens now is shown, by channel.
func Active(t testing.TB, base, channels string) map[string]alerts.Event {
	t.Helper()
	CaughtUp(t, base)
	all := make(map[string]alerts.Event)
	for _, m := range Polled(t, base, channels, "mode=now") {
		if _, twice := all[m.Channel]; twice {
			t.Errorf("a snapshot has %s twice", m.Channel)
		}
		all[m.Channel] = Event(t, m.Text)
	}
	return all
}

// ActiveStatus is "alertname status" of what is active, sorted.
func ActiveStatus(t testing.TB, base, channels string) []string {
	t.Helper()
	all := []string{}
	for _, e := range Active(t, base, channels) {
		all = append(all, e.Labels["alertname"]+" "+string(e.Status))
	}
	slices.Sort(all)
	return all
}

// Becomes waits until an alert has a status, and returns its last event.
func Becomes(t testing.TB, r *relaytest.Relay, alertname string, want alerts.Status) alerts.Event {
	t.Helper()
	return BecomesWithin(t, relaytest.Patience, r, alertname, want)
}

// BecomesWithin is Becomes with another patience.
func BecomesWithin(t testing.TB, patience time.Duration, r *relaytest.Relay, alertname string, want alerts.Status) (last alerts.Event) {
	t.Helper()
	reached := relaytest.Within(t, patience, func() bool {
		last = alerts.Event{}
		for _, e := range ShownEvents(t, r.URL, ">") {
			if e.Labels["alertname"] == alertname {
				last = e
			}
		}
		return last.Status == want
	})
	if !reached {
		t.Fatalf("%s never becomes %s; its events are %q", alertname, want, KindsOf(t, r.URL, alertname))
	}
	return last
}
