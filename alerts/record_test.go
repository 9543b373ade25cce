package alerts_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"alertrelay/alerts"
	"alertrelay/alerts/alertstest"
	"alertrelay/embedded"
	"alertrelay/relay"
)

const (
	stored    = `{"received":1,"stored":1,"unchanged":0}`
	unchanged = `{"received":1,"stored":0,"unchanged":1}`
)

// report is a notification about one alert.
type report struct {
	status, startsAt, endsAt, externalURL string
}

func (r report) body() string {
	alert := fmt.Sprintf(`{"status":%q,"labels":{"alertname":"A","team":"db"},"startsAt":%q,"endsAt":%q,"fingerprint":"00000000000000aa"}`, r.status, r.startsAt, r.endsAt)
	return strings.Replace(body(alert), "http://am1", r.externalURL, 1)
}

const reportChannel = "db._.A.am-00000000000000aa"

func TestStateMachine(t *testing.T) {
	const (
		t1 = "2026-11-22T07:00:00Z"
		t2 = "2026-11-22T07:05:00Z"
		t3 = "2026-11-22T07:10:00Z"
		a  = "http://am1"
		b  = "http://am2"
	)
	firing := report{"firing", t1, "", a}
	resolved := report{"resolved", t1, t2, a}
	type step struct {
		report report
		stored bool
		ahead  time.Duration // of the clock, from now on
	}
	tests := []struct {
		name  string
		steps []step
		want  string
	}{
		{"repeats are no events", []step{{firing, true, 0}, {firing, false, 0}, {firing, false, 0}}, "firing"},
		{"resolve of the unknown", []step{{resolved, false, 0}}, ""},
		{"resolve once", []step{{firing, true, 0}, {resolved, true, 0}, {resolved, false, 0}}, "firing resolved"},
		{"resolve with another startsAt", []step{{firing, true, 0}, {report{"resolved", t2, t2, a}, true, 0}}, "firing resolved"},
		{"resolve without an end", []step{{firing, true, 0}, {report{"resolved", t1, "", a}, true, 0}}, "firing resolved"},
		{"resolve of an incident before", []step{{report{"firing", t3, "", a}, true, 0}, {resolved, false, 0}}, "firing"},
		{"newer startsAt is a new incident", []step{{firing, true, 0}, {report{"firing", t3, "", a}, true, 0}, {report{"firing", t3, "", a}, false, 0}}, "firing firing"},
		{"fires again with the same startsAt", []step{{firing, true, 0}, {resolved, true, 0}, {firing, true, 0}}, "firing resolved firing"},
		{"late copy of the other member", []step{{firing, true, 0}, {resolved, true, 0}, {report{"firing", t1, "", b}, false, 0}}, "firing resolved"},
		{"late copy, resolve with another startsAt", []step{{firing, true, 0}, {report{"resolved", t2, t2, a}, true, 0}, {report{"firing", t1, "", b}, false, 0}}, "firing resolved"},
		{"the other member 31 s later", []step{{firing, true, 0}, {resolved, true, 0}, {report{"firing", t1, "", b}, true, 31 * time.Second}}, "firing resolved firing"},
		{"the other member, another incident", []step{{firing, true, 0}, {resolved, true, 0}, {report{"firing", t3, "", b}, true, 0}}, "firing resolved firing"},
		{"the other member resolves", []step{{firing, true, 0}, {report{"resolved", t1, t2, b}, true, 0}}, "firing resolved"},
		{"firing that has ended is a resolve", []step{{firing, true, 0}, {report{"firing", t1, t2, a}, true, 400 * 24 * time.Hour}}, "firing resolved"},
	}
	s := openStore(t, startServer(t))
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			clock := &clock{}
			srv := serve(t, setup{Events: s, Now: clock.now})
			fp := fmt.Sprintf("%016x", i)
			for _, step := range tt.steps {
				clock.ahead += step.ahead
				want := unchanged
				if step.stored {
					want = stored
				}
				mustPost(t, srv, strings.Replace(step.report.body(), "00000000000000aa", fp, 1), want)
			}
			if got := statuses(history(t, s, "db._.A.am-"+fp)); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// A resolve's startsAt is that of the incident, so that the screen can tell how
// long it took.
func TestResolveKeepsStartsAt(t *testing.T) {
	s := openStore(t, startServer(t))
	srv := serve(t, setup{Events: s})
	mustPost(t, srv, payload(t, "0.34.2-single-firing"), stored)
	mustPost(t, srv, payload(t, "0.34.2-single-resolved-startsat-changed"), stored)
	events := history(t, s, "db.critical.>")
	if got, want := statuses(events), "firing resolved"; got != want {
		t.Fatalf("got %q, want %q", got, want)
	}
	if !events[1].StartsAt.Equal(events[0].StartsAt) || events[1].EndsAt.IsZero() || !events[0].EndsAt.IsZero() {
		t.Errorf("got %v to %v, then %v to %v", events[0].StartsAt, events[0].EndsAt, events[1].StartsAt, events[1].EndsAt)
	}
}

// The whole group comes each time; only what has changed becomes an event.
func TestGroup(t *testing.T) {
	s := openStore(t, startServer(t))
	srv := serve(t, setup{Events: s})
	mustPost(t, srv, payload(t, "0.34.2-group3-firing"), `{"received":3,"stored":3,"unchanged":0}`)
	mustPost(t, srv, payload(t, "0.34.2-group3-one-resolved"), `{"received":3,"stored":1,"unchanged":2}`)
	mustPost(t, srv, payload(t, "0.34.2-group-repeat-after-resolve"), `{"received":2,"stored":0,"unchanged":2}`)
	if got, want := len(history(t, s, "web.warning.DiskFull.*")), 4; got != want {
		t.Errorf("got %d events, want %d", got, want)
	}
	if got, want := statuses(history(t, s, "web.warning.DiskFull.am-28b0f433c19bb169")), "firing resolved"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Within seconds and with the same startsAt: any id made of fingerprint, status
// and startsAt would swallow the third.
func TestFiresAgain(t *testing.T) {
	s := openStore(t, startServer(t))
	srv := serve(t, setup{Events: s})
	for _, file := range []string{"0.34.2-refire-1-firing", "0.34.2-refire-2-timeout-resolved", "0.34.2-refire-3-firing-again-same-startsAt"} {
		mustPost(t, srv, payload(t, file), stored)
		mustPost(t, srv, payload(t, file), unchanged)
	}
	if got, want := statuses(history(t, s, "db.warning.ReFire.am-6064c7e831eebe6d")), "firing resolved firing"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Both members of a cluster post to two relays at once.
func TestClusterCopies(t *testing.T) {
	server := startServer(t)
	s := openStore(t, server)
	relays := []*httptest.Server{serve(t, setup{Events: s}), serve(t, setup{Events: openStore(t, server)})}
	bodies := []string{payload(t, "0.34.2-ha-duplicate-from-am1"), payload(t, "0.34.2-ha-duplicate-from-am2")}

	t.Run("the same alert 100 times", func(t *testing.T) {
		for range 100 {
			postToAll(t, relays, bodies, func(body string) string { return body })
		}
		if got := statuses(history(t, s, "_.critical.HaSlow.>")); got != "firing" {
			t.Errorf("got %q, want one", got)
		}
	})
	t.Run("100 alerts", func(t *testing.T) {
		for i := range 100 {
			fp := fmt.Sprintf("%016x", i)
			postToAll(t, relays, bodies, func(body string) string {
				return strings.Replace(body, "630c5010c57c9c77", fp, 1)
			})
			if got := statuses(history(t, s, "_.critical.HaSlow.am-"+fp)); got != "firing" {
				t.Errorf("%s: got %q, want one", fp, got)
			}
		}
	})
}

func postToAll(t *testing.T, relays []*httptest.Server, bodies []string, change func(body string) string) {
	t.Helper()
	var wg sync.WaitGroup
	for i, relay := range relays {
		wg.Go(func() {
			if status, answer := post(t, relay, "am", change(bodies[i])); status != http.StatusOK {
				t.Errorf("got %d %s", status, answer)
			}
		})
	}
	wg.Wait()
}

// Many senders report about one alert through two relays: its events alternate,
// and there are as many as answers that say so.
func TestManyAtOnce(t *testing.T) {
	server := startServer(t)
	stores := []*opened{openStore(t, server), openStore(t, server)}
	var wg sync.WaitGroup
	var told atomic.Int64
	for i := range 8 {
		srv := serve(t, setup{Events: stores[i%2]})
		wg.Go(func() {
			for n := range 30 {
				r := report{"firing", "2026-11-22T07:00:00Z", "", "http://am1"}
				if (n+i)%2 == 1 {
					r = report{"resolved", "2026-11-22T07:00:00Z", "2026-11-22T07:05:00Z", "http://am1"}
				}
				status, answer := post(t, srv, "am", r.body())
				if status != http.StatusOK {
					t.Errorf("got %d %s", status, answer)
				}
				if answer == stored {
					told.Add(1)
				}
			}
		})
	}
	wg.Wait()
	events := history(t, stores[0], reportChannel)
	for i, e := range events {
		if want := []alerts.Status{alerts.Firing, alerts.Resolved}[i%2]; e.Status != want {
			t.Fatalf("event %d: got %s, want %s", i, e.Status, want)
		}
	}
	if got, want := len(events), int(told.Load()); got != want || got < 2 {
		t.Errorf("got %d events, want the %d that were told", got, want)
	}
}

func TestSameAlertTwiceInOneBody(t *testing.T) {
	s := openStore(t, startServer(t))
	srv := serve(t, setup{Events: s})
	var reports []string
	for i := range 50 {
		for range 2 {
			status := []string{"firing", "resolved"}[i%2]
			reports = append(reports, fmt.Sprintf(`{"status":%q,"labels":{"alertname":"A","team":"db"},"fingerprint":"00000000000000aa"}`, status))
		}
	}
	mustPost(t, srv, body(strings.Join(reports, ",")), `{"received":100,"stored":50,"unchanged":50}`)
	if got, want := statuses(history(t, s, reportChannel)), strings.TrimSpace(strings.Repeat("firing resolved ", 25)); got != want {
		t.Errorf("got %q", got)
	}
}

// The second channel's first event has the DedupID of the first's.
func TestContinue(t *testing.T) {
	s := openStore(t, startServer(t))
	router := alertstest.Router(t, alerts.Route{Match: []string{`severity="critical"`}, Subject: "alerts.pager", Continue: true})
	srv := serve(t, setup{Events: s, Router: router})
	mustPost(t, srv, payload(t, "0.34.2-single-firing"), stored)
	mustPost(t, srv, payload(t, "0.34.2-single-firing"), unchanged)
	mustPost(t, srv, payload(t, "0.34.2-single-resolved-startsat-changed"), stored)
	for _, channel := range []string{"pager.*", "db.critical.InstanceDown.*"} {
		if got, want := statuses(history(t, s, channel)), "firing resolved"; got != want {
			t.Errorf("%s: got %q, want %q", channel, got, want)
		}
	}
}

// After a channel was deleted its next event has a DedupID that was used before,
// within the window in which the store would take it for a repeat.
func TestChannelDeleted(t *testing.T) {
	s := openStore(t, startServer(t))
	srv := serve(t, setup{Events: s})
	for range 4 {
		mustPost(t, srv, payload(t, "0.34.2-refire-1-firing"), stored)
		const channel = "db.warning.ReFire.am-6064c7e831eebe6d"
		if got := statuses(history(t, s, channel)); got != "firing" {
			t.Fatalf("got %q, want firing", got)
		}
		_, err := s.DeleteChannel(t.Context(), channel, nil)
		must(t, err)
	}
}

// Something happens to the channel between reading its last event and storing
// the next one.
func TestChannelChangesMeanwhile(t *testing.T) {
	s := openStore(t, startServer(t))
	other := serve(t, setup{Events: s}) // another relay
	firing := report{"firing", "2026-11-22T07:00:00Z", "", "http://am1"}.body()
	resolved := report{"resolved", "2026-11-22T07:00:00Z", "2026-11-22T07:05:00Z", "http://am1"}.body()
	write := func(t *testing.T) {
		_, err := s.Publish(t.Context(), relay.Publication{Channel: reportChannel, Text: []byte("{}")})
		must(t, err)
	}
	remove := func(t *testing.T) {
		_, err := s.DeleteChannel(t.Context(), reportChannel, nil)
		must(t, err)
	}
	tests := []struct {
		name                string
		before, meanwhile   func(t *testing.T)
		report              string
		answer, wantHistory string
	}{
		{
			"another relay says the same",
			func(t *testing.T) { mustPost(t, other, firing, stored) },
			func(t *testing.T) { mustPost(t, other, resolved, stored) },
			resolved, unchanged, "firing,resolved",
		},
		{
			"another relay was faster",
			func(t *testing.T) { mustPost(t, other, firing, stored); mustPost(t, other, resolved, stored) },
			func(t *testing.T) { mustPost(t, other, firing, stored) },
			firing, unchanged, "firing,resolved,firing",
		},
		{"the last message is gone", write, remove, firing, stored, "firing"},
		{"the incident is gone", func(t *testing.T) { mustPost(t, other, firing, stored) }, remove, resolved, unchanged, ""},
		{"somebody writes into the channel", func(t *testing.T) { mustPost(t, other, firing, stored) }, write, resolved, stored, "firing,,resolved"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			remove(t)
			tt.before(t)
			var once sync.Once
			srv := serve(t, setup{Events: interrupted{s, func(relay.Publication) {
				once.Do(func() { tt.meanwhile(t) })
			}}})
			mustPost(t, srv, tt.report, tt.answer)
			msgs, err := s.Archive(t.Context(), relay.ArchiveQuery{Channel: reportChannel})
			must(t, err)
			var got []string
			for _, m := range msgs {
				e, _ := alerts.ParseEvent(m.Text)
				got = append(got, string(e.Status))
			}
			if got := strings.Join(got, ","); got != tt.wantHistory {
				t.Errorf("got %q, want %q", got, tt.wantHistory)
			}
		})
	}
}

// A channel that others keep changing does not hold the request for ever.
func TestChannelNeverRests(t *testing.T) {
	s := openStore(t, startServer(t))
	srv := serve(t, setup{Events: interrupted{s, func(p relay.Publication) {
		_, err := s.Publish(t.Context(), relay.Publication{Channel: p.Channel, Text: []byte("chatter")})
		must(t, err)
	}}})
	status, answer := post(t, srv, "am", payload(t, "0.34.2-single-firing"))
	if status != http.StatusServiceUnavailable || answer != "alerts cannot be stored now; try again" {
		t.Errorf("got %d %s", status, answer)
	}
}

// An acknowledgement that is lost: the event is stored, and the publish seems to
// have failed. The sender tries again.
func TestAcknowledgementLost(t *testing.T) {
	s := openStore(t, startServer(t))
	srv := serve(t, setup{Events: unacknowledged{s}})
	if status, answer := post(t, srv, "am", payload(t, "0.34.2-single-firing")); status != http.StatusServiceUnavailable {
		t.Errorf("got %d %s", status, answer)
	}
	mustPost(t, srv, payload(t, "0.34.2-single-firing"), unchanged)
	if got := statuses(history(t, s, "db.critical.>")); got != "firing" {
		t.Errorf("got %q, want firing", got)
	}
}

type unacknowledged struct{ *opened }

func (s unacknowledged) Publish(ctx context.Context, p relay.Publication) (relay.Receipt, error) {
	_, err := s.opened.Publish(ctx, p)
	return relay.Receipt{}, errors.Join(err, relay.ErrUnavailable)
}

func TestMessagesThatAreNoEvents(t *testing.T) {
	s := openStore(t, startServer(t))
	srv := serve(t, setup{Events: s})
	firing := report{"firing", "2026-11-22T07:00:00Z", "", "http://am1"}.body()
	resolved := report{"resolved", "2026-11-22T07:00:00Z", "2026-11-22T07:05:00Z", "http://am1"}.body()
	for _, text := range []string{"a note", `"x"`, "null", "{}", `{"status":"acked"}`, `{"status":5}`, "\xff"} {
		for _, body := range []string{firing, resolved} {
			_, err := s.Publish(t.Context(), relay.Publication{Channel: reportChannel, Text: []byte(text)})
			must(t, err)
			mustPost(t, srv, body, stored)
			mustPost(t, srv, body, unchanged)
		}
	}
}

func TestTooLargeEvent(t *testing.T) {
	// The limit of a NATS server that nobody has configured.
	s := openStore(t, alertstest.Server(t, embedded.Options{MaxPayloadBytes: 1 << 20}))
	srv := serve(t, setup{Events: s})
	long := strings.Repeat("x", 2<<20)
	mustPost(t, srv, body(`{"status":"firing","labels":{"alertname":"A"},"annotations":{"description":"`+long+`"}}`), stored)
	events := history(t, s, "_._.A.*")
	if len(events) != 1 || !events[0].AnnotationsCut || len(events[0].Annotations) != 0 || events[0].Labels["alertname"] != "A" {
		t.Errorf("got %.500s", fmt.Sprintf("%+v", events))
	}
	status, answer := post(t, srv, "am", body(plainAlert+`,{"status":"firing","labels":{"alertname":"`+long+`"}},{"status":"firing","labels":{"alertname":"C"}}`))
	if want := "alerts[1]: is larger than the store takes"; status != http.StatusRequestEntityTooLarge || !strings.HasPrefix(answer, want) {
		t.Errorf("got %d %s, want 413 %s", status, answer, want)
	}
	if got := statuses(history(t, s, "_._.C.*")); got != "firing" { // the others are stored
		t.Errorf("got %q, want firing", got)
	}
}
