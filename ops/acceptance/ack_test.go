//go:build acceptance

package acceptance

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"alertrelay/alerts"
	"alertrelay/relay/client"
	"alertrelay/relay/relaytest"
)

// follower is a screen: it has what is active, and then what changes.
type follower struct {
	mu   sync.Mutex // guards what follows
	seen map[string]time.Time
	over bool // the snapshot has ended
}

func follow(t *testing.T, r *relay) *follower {
	t.Helper()
	f := &follower{seen: make(map[string]time.Time)}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var wg sync.WaitGroup
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	wg.Go(func() {
		err := r.Client.Subscribe(ctx, client.SubscribeOptions{Channels: []string{">"}, Transport: client.SSE, Now: true, Notify: f.notice}, f.message)
		if err != nil {
			t.Error(err)
		}
	})
	r.until("the snapshot has ended", 10*time.Second, func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.over
	})
	return f
}

func (f *follower) notice(n client.Notice) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.over = f.over || n.Kind == client.SnapshotEnd
}

// message keeps when each kind of event of each alert came first.
func (f *follower) message(m client.Message) error {
	e, err := alerts.ParseEvent([]byte(m.Text))
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	key := e.Labels["alertname"] + " " + string(e.Kind)
	if _, twice := f.seen[key]; !twice {
		f.seen[key] = time.Now()
	}
	return nil
}

func (f *follower) at(key string) time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen[key]
}

// postDirect posts as Prometheus does, for source prom.
func postDirect(t *testing.T, r *relay, alertname string, startsAt, endsAt time.Time) {
	t.Helper()
	body := fmt.Sprintf(`[{"labels":{"alertname":%q,"team":"db","severity":"critical"},"startsAt":%q,"endsAt":%q}]`,
		alertname, startsAt.UTC().Format(time.RFC3339Nano), endsAt.UTC().Format(time.RFC3339Nano))
	if status, text := post(t, r.URL+"/in/prom/api/v2/alerts", body); status != http.StatusOK {
		t.Fatalf("got %d %s", status, text)
	}
}

// ack acknowledges an alert over HTTP.
func (r *relay) ack(alertname, by, comment string) {
	r.t.Helper()
	a, ok := r.alert(alertname)
	if !ok {
		r.t.Fatalf("%s is not there", alertname)
	}
	body := fmt.Sprintf(`{"by":%q,"comment":%q}`, by, comment)
	if status, text := post(r.t, r.URL+"/api/v1/alerts/"+a.ID+"/ack", body); status != http.StatusOK {
		r.t.Fatalf("ack: got %d %s", status, text)
	}
}

// acked expects an alert to be in somebody's hand; nobody's if by is empty.
func (r *relay) acked(alertname, by string) {
	r.t.Helper()
	a, ok := r.alert(alertname)
	got := ""
	if a.Ack != nil {
		got = a.Ack.By
	}
	if !ok || got != by {
		r.t.Errorf("%s, there %t, is acknowledged by %q, want %q", alertname, ok, got, by)
	}
}

// Feature 12: an acknowledgement at one relay is on the screens of another within a
// second, survives restarts of both, and ends with the incident.
func TestAckIsShared(t *testing.T) {
	t.Parallel()
	n := relaytest.StartNATS(t)
	a, b := startRelay(t, "", "--nats-url", n.URL), startRelay(t, "", "--nats-url", n.URL)
	screen := follow(t, b)
	began := time.Now()
	end := began.Add(time.Hour)
	const many = 20
	name := func(i int) string { return fmt.Sprint("Many", i) }
	var slowest, first time.Duration
	for i := range many {
		postDirect(t, a, name(i), began, end)
		r := a
		r.becomes(name(i), alerts.Firing, 5*time.Second)
		asked := time.Now()
		r.ack(name(i), "ada", "on it")
		key := name(i) + " acked"
		b.until(key, 5*time.Second, func() bool { return !screen.at(key).IsZero() })
		took := screen.at(key).Sub(asked)
		if took >= time.Second {
			t.Errorf("%s was seen at the other relay after %s, want less than 1 s", key, took)
		}
		if i == 0 {
			first = took
		}
		slowest = max(slowest, took)
		b.acked(name(i), "ada")
		a.hadEvents(name(i), "firing acked")
	}

	a.stop()
	b.acked(name(0), "ada")
	a.start()
	a.acked(name(0), "ada")
	a.stop()
	b.stop()
	a.start()
	a.acked(name(0), "ada")
	b.start()
	b.acked(name(1), "ada")

	// Each way in which an incident ends.
	postDirect(t, a, name(0), began, time.Now())
	a.leaves(name(0), 5*time.Second)
	again := time.Now()
	postDirect(t, b, name(0), again, end)
	b.becomes(name(0), alerts.Firing, 5*time.Second)
	b.acked(name(0), "")
	postDirect(t, b, name(1), time.Now(), end) // its resolve was missed
	b.until("it is told that it fires anew", 5*time.Second, func() bool { return b.kinds(name(1)) == "firing acked updated" })
	b.acked(name(1), "")
	a.acked(name(2), "ada")
	a.hadEvents(name(0), "firing acked resolved firing")
	t.Logf("%d acknowledgements were seen at another relay, the first after %s, the slowest after %s; they survived restarts and ended with a resolve and with a new incident",
		many, first.Round(time.Millisecond), slowest.Round(time.Millisecond))
}

// Feature 12: who acknowledges silences at the Alertmanager for an hour, and that
// ends with the alert: no notification tells of that, because it is silenced.
func TestAckAsSilence(t *testing.T) {
	t.Parallel()
	am := newAlertmanager(t)
	r := startRelay(t, fmt.Sprintf("sources: {am: {api: ['http://%s'], ack_as_silence: 1h}}\n", am.addr))
	am.run(r.URL, 5*time.Minute)
	labels := []string{"DiskFull", "team=db"}
	am.fire(labels...)
	r.becomes("DiskFull", alerts.Firing, 10*time.Second)
	asked := time.Now()
	r.ack("DiskFull", "ada", "on it")
	silences := am.silences("DiskFull")
	if len(silences) != 1 || silences[0].CreatedBy != "ada" || silences[0].Status.State != "active" {
		t.Fatalf("the Alertmanager has the silences %+v", silences)
	}
	s := silences[0]
	between(t, "the silence ends", s.EndsAt.Sub(asked), time.Hour-2*time.Second, time.Hour+2*time.Second)
	a := r.becomes("DiskFull", alerts.Suppressed, poll+5*time.Second)
	suppressed := time.Since(asked)
	if a.Suppression.ID != s.ID {
		t.Errorf("it is suppressed by %+v, want silence %s", a.Suppression, s.ID)
	}
	r.acked("DiskFull", "ada")
	r.stop()
	r.start()
	r.acked("DiskFull", "ada")

	time.Sleep(time.Until(am.up().Add(minUptime + time.Second)))
	resolved := am.resolve(labels...)
	if e := r.leaves("DiskFull", cleared); e.Kind != alerts.KindResolved || e.Ack != nil {
		t.Errorf("it has left by %s, acknowledged by %+v", e.Kind, e.Ack)
	}
	left := time.Since(resolved)
	r.until("the silence has ended", 5*time.Second, func() bool { return len(am.silences("DiskFull")) == 0 })
	ended := time.Since(resolved) - left
	expired := am.silences("DiskFull", "--expired")
	if len(expired) != 1 || expired[0].ID != s.ID || expired[0].Status.State != "expired" {
		t.Errorf("the Alertmanager has the expired silences %+v", expired)
	}
	r.hadEvents("DiskFull", "firing acked suppressed resolved")
	t.Logf("suppressed %s after it was acknowledged, gone %s after it was over; the silence of an hour ended %s later", brief(suppressed), brief(left), brief(ended))
}
