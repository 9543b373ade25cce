package app_test

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"alertrelay/alerts"
	"alertrelay/relay/apptest"
	"alertrelay/relay/client"
	"alertrelay/relay/relaytest"
)

// screen is a page: what it shows by channel, after a snapshot and all that came
// then.
type screen struct {
	transport client.Transport

	mu        sync.Mutex        // guards what follows
	shown     map[string]string // channel -> status
	messages  []client.Message
	connected int
	begun     int // snapshots
	ended     int
	gaps      int
}

// openScreen follows what is active in channels.
func openScreen(t *testing.T, base string, transport client.Transport, channels string) *screen {
	t.Helper()
	c, err := client.New(base)
	if err != nil {
		t.Fatal(err)
	}
	s := &screen{transport: transport, shown: make(map[string]string)}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan struct{})
	t.Cleanup(func() {
		cancel()
		<-done
		c.Close()
	})
	go func() {
		defer close(done)
		err := c.Subscribe(ctx, client.SubscribeOptions{
			Channels: []string{channels}, Transport: transport, Now: true, PollInterval: 50 * time.Millisecond, Notify: s.notice,
		}, s.message)
		if err != nil {
			t.Errorf("%s: %v", transport, err)
		}
	}()
	relaytest.Eventually(t, fmt.Sprintf("%s: the end of a snapshot", transport), func() bool { return s.snapshots() > 0 })
	return s
}

func (s *screen) notice(n client.Notice) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch n.Kind {
	case client.Connected:
		s.connected++
	case client.SnapshotBegin:
		s.begun++
		clear(s.shown)
	case client.SnapshotEnd:
		s.ended++
	case client.Gap:
		s.gaps++
	case client.Deleted:
		delete(s.shown, n.Channel)
	case client.Disconnected:
	}
}

func (s *screen) message(m client.Message) error {
	if m.Channel == apptest.Barrier {
		return nil
	}
	e, err := alerts.ParseEvent([]byte(m.Text))
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.messages = append(s.messages, m)
	if delete(s.shown, m.Channel); e.Status.Active() {
		s.shown[m.Channel] = string(e.Status)
	}
	return nil
}

func (s *screen) snapshots() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

func (s *screen) connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.connected
}

func (s *screen) shows() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.shown)
}

func (s *screen) got() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.messages)
}

// Whoever opens a page is shown what fires now, and then what changes.
func TestNowThenLive(t *testing.T) {
	t.Parallel()
	r := relaytest.Start(t)
	apptest.PostPayload(t, r, "0.34.2-group3-firing")
	apptest.PostPayload(t, r, "0.34.2-group3-one-resolved")
	apptest.PostPayload(t, r, "0.34.2-single-firing") // of another team
	apptest.WasTold(t, r.URL, "web.>", "DiskFull firing", "DiskFull firing", "DiskFull firing", "DiskFull resolved")

	var screens []*screen
	for _, transport := range client.Transports() {
		s := openScreen(t, r.URL, transport, "web.>")
		if n := s.got(); n != 2 || len(s.shows()) != 2 {
			t.Errorf("%s: the snapshot has %d messages and shows %v, want the 2 that fire", transport, n, s.shows())
		}
		screens = append(screens, s)
	}
	stream, events := openEvents(t, r.URL+"/ev/web.%3E?mode=now")
	defer stream()
	text, found := readUntil(events, "event: snapshot-end\n")
	if !found || strings.Count(text, `\"event\":\"firing\"`) != 2 {
		t.Errorf("got %d alerts in %s", strings.Count(text, `\"event\":\"firing\"`), text)
	}
	if text, found = readUntil(events, "\n\n"); !found || !strings.Contains(text, `"count":2}`) {
		t.Errorf("the end of the snapshot says %s", text)
	}

	begin := time.Now()
	relaytest.Send(t, r.URL+"/in/alertmanager/am", notification("", 1, func(int) string {
		return `"status":"firing","labels":{"alertname":"New","team":"web","severity":"critical"}`
	}))
	if text, found := readUntil(events, "\n\n"); !found || !strings.Contains(text, "web.critical.New.am-") {
		t.Errorf("then came %s", text)
	}
	t.Logf("a new alert came after %s", time.Since(begin))
	for _, s := range screens {
		relaytest.Eventually(t, fmt.Sprintf("%s: the new alert comes", s.transport), func() bool { return len(s.shows()) == 3 })
		if n := s.got(); n != 3 || s.snapshots() != 1 {
			t.Errorf("%s: got %d messages and %d snapshots, want 3 and 1", s.transport, n, s.snapshots())
		}
	}
}

// openEvents opens an event stream.
func openEvents(t *testing.T, address string) (stop func(), events *bufio.Reader) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), relaytest.Patience)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return func() { cancel(); resp.Body.Close() }, bufio.NewReader(resp.Body)
}

// Alerts change 1,000 times while screens lose their connections 20 times, and the
// relay is restarted: in the end they show what fires, and nothing else.
func TestScreensAgreeWithTheRelay(t *testing.T) {
	t.Parallel()
	const alertCount, rounds, transitions = 60, 40, 1000
	r := relaytest.Start(t)
	proxy := relaytest.StartGate(t, r)
	screens := []*screen{
		openScreen(t, proxy.URL, client.SSE, ">"),
		openScreen(t, proxy.URL, client.Streaming, "flap.>"),
		openScreen(t, proxy.URL, client.LongPolling, ">"),
	}
	random := rand.New(rand.NewPCG(1, 2))
	fires := make([]bool, alertCount)
	changed, cuts := 0, 0
	for round := 0; round < rounds || changed < transitions; round++ {
		flips := random.Perm(alertCount)[:alertCount/2]
		now := time.Now().UTC().Format(time.RFC3339Nano)
		body := notification("", len(flips), func(i int) string {
			n := flips[i]
			status, end := "firing", "0001-01-01T00:00:00Z"
			if fires[n] = !fires[n]; !fires[n] {
				status, end = "resolved", now
			}
			return fmt.Sprintf(`"status":%q,"labels":{"alertname":"Flap%d","team":"flap"},"startsAt":%q,"endsAt":%q`, status, n, now, end)
		})
		if got, want := relaytest.Send(t, r.URL+"/in/alertmanager/am", body), fmt.Sprintf(`"stored":%d,`, len(flips)); !strings.Contains(got.Text, want) {
			t.Fatalf("round %d: got %d %s, want %s", round, got.Status, got.Text, want)
		}
		changed += len(flips)
		switch {
		case round == rounds/2+1:
			r.Restart()
		case round%2 == 0 && cuts < 20:
			for _, s := range screens[:2] { // net/http asks again by itself when a long poll breaks off
				relaytest.Eventually(t, fmt.Sprintf("%s: it is connected again", s.transport), func() bool { return s.connections() > cuts })
			}
			proxy.CloseClientConnections()
			cuts++
		}
	}
	want := make(map[string]string)
	for channel, e := range apptest.Active(t, r.URL, ">") {
		want[channel] = string(e.Status)
	}
	count := 0
	for _, f := range fires {
		if f {
			count++
		}
	}
	if len(want) != count {
		t.Errorf("the relay has %d active alerts, want %d", len(want), count)
	}
	for _, s := range screens {
		if !relaytest.Within(t, relaytest.Patience, func() bool { return maps.Equal(s.shows(), want) }) {
			t.Errorf("%s: shows %d, and %d are active: %v, want %v", s.transport, len(s.shows()), len(want), slices.Sorted(maps.Keys(s.shows())), slices.Sorted(maps.Keys(want)))
		}
		t.Logf("%s: %d transitions, %d connections, %d snapshots, %d messages", s.transport, changed, s.connections(), s.snapshots(), s.got())
		if s.connections() < cuts && s.transport != client.LongPolling {
			t.Errorf("%s: was connected %d times, and was cut off %d times", s.transport, s.connections(), cuts)
		}
	}
}
