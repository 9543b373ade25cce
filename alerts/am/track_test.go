package am_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"alertrelay/alerts"
	"alertrelay/alerts/am"
	"alertrelay/alerts/track"
	"alertrelay/relay"
)

// memory is an event log and a bucket, without a stream.
type memory struct {
	mu       sync.Mutex // guards what follows
	seq      uint64
	last     map[string]relay.Message
	kinds    []string // "alertname kind reason" of every event
	values   map[string]track.Value
	revision uint64

	tracker *track.Tracker
}

func (m *memory) Publish(_ context.Context, p relay.Publication) (relay.Receipt, error) {
	m.mu.Lock()
	if p.ExpectLast != nil && m.last[p.Channel].Seq != *p.ExpectLast {
		m.mu.Unlock()
		return relay.Receipt{}, relay.ErrConflict
	}
	m.seq++
	message := relay.Message{Seq: m.seq, Channel: p.Channel, Time: time.Now(), Text: p.Text, Stored: true}
	m.last[p.Channel] = message
	if e, err := alerts.ParseEvent(p.Text); err == nil {
		m.kinds = append(m.kinds, e.Labels["alertname"]+" "+string(e.Kind)+" "+e.Reason)
	}
	m.mu.Unlock()
	m.tracker.Append(message)
	return relay.Receipt{Seq: message.Seq}, nil
}

func (m *memory) Last(_ context.Context, channel string) (relay.Message, string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if message, ok := m.last[channel]; ok {
		return message, "", nil
	}
	return relay.Message{}, "", relay.ErrNoMessage
}

func (m *memory) LastOfEach(context.Context, func(relay.Message) error) error { return nil }
func (m *memory) Applied(context.Context) error                               { return nil }
func (m *memory) WaitApplied(context.Context, uint64) error                   { return nil }

func (m *memory) Put(_ context.Context, key string, data []byte, expect uint64, _ time.Duration) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.values[key].Revision != expect {
		return 0, relay.ErrConflict
	}
	m.revision++
	m.values[key] = track.Value{Key: key, Data: data, Revision: m.revision}
	return m.revision, nil
}

func (m *memory) Delete(_ context.Context, key string, expect uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.values[key].Revision != expect {
		return relay.ErrConflict
	}
	delete(m.values, key)
	return nil
}

func (m *memory) Get(_ context.Context, key string) (track.Value, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if v, ok := m.values[key]; ok {
		return v, nil
	}
	return track.Value{}, relay.ErrNoMessage
}

func (m *memory) Watch(ctx context.Context, to track.Watcher) error {
	to.CaughtUp()
	<-ctx.Done()
	return nil
}

// holder is what of a Tracker a Reconciler needs.
type holder struct{ tracker *track.Tracker }

func (h holder) Known(source string) ([]am.Held, error) {
	match, err := alerts.ParseMatchers([]string{`source="` + source + `"`})
	if err != nil {
		return nil, err
	}
	list, _, err := h.tracker.List(track.Query{Match: match, Ended: true})
	if err != nil {
		return nil, err
	}
	held := make([]am.Held, 0, len(list))
	for _, c := range list {
		held = append(held, am.Held{Event: c.Event, LastSeen: c.LastSeen, StaleAt: c.StaleAt})
	}
	return held, nil
}

// What a Tracker makes of what a Reconciler reports.
func TestTracker(t *testing.T) {
	t.Parallel()
	router, err := alerts.ParseRoutes("", nil)
	if err != nil {
		t.Fatal(err)
	}
	m := &memory{last: make(map[string]relay.Message), values: make(map[string]track.Value)}
	if m.tracker, err = track.New(track.Options{Events: m, Bucket: m}, track.Settings{Router: router}); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	defer wg.Wait()
	defer cancel()
	wg.Go(func() {
		if err := m.tracker.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	h := holder{m.tracker}
	eventually(t, "the tracker is ready", func() bool {
		_, err := h.Known("am")
		return err == nil
	})

	s := startAlertmanager(t, plainConfig)
	c := newClient(t, am.Options{URLs: []string{s.url}})
	r, err := am.NewReconciler(am.ReconcilerOptions{Source: "am", Client: c, Holder: h, Recorder: m.tracker, MinUptime: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	silencer := am.Silencer{Client: c, Holder: h, Source: "am"}
	expect := func(looks int, want ...string) {
		t.Helper()
		for range looks {
			if err := r.Look(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Millisecond) // events have whole milliseconds
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		if got := m.kinds; !slices.Equal(got, want) {
			t.Errorf("got events %q, want %q", got, want)
		}
		m.kinds = nil
	}
	silence := func(name string) string {
		t.Helper()
		id, err := silencer.Create(t.Context(), am.Silence{
			Matchers: []am.Matcher{{Name: "alertname", Value: name, IsEqual: true}}, EndsAt: time.Now().Add(time.Hour), CreatedBy: "ada", Comment: "x",
		})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}

	// Adopted, and suppressed at once.
	first := silence("DiskFull")
	s.add(t, time.Time{}, "DiskFull", "team=db")
	s.has(t, "DiskFull")
	expect(1)
	expect(1, "DiskFull firing reconciled", "DiskFull suppressed ")
	expect(2)
	// Silenced no longer, and then again.
	if err := silencer.Expire(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	expect(2, "DiskFull unsuppressed reconciled")
	silence("DiskFull")
	expect(2, "DiskFull suppressed ")
	// The resolve of which no webhook tells.
	s.add(t, time.Now(), "DiskFull", "team=db")
	s.has(t)
	expect(1)
	expect(3, "DiskFull resolved reconciled")
	// A webhook's alert goes the same way.
	a := firing(map[string]string{"alertname": "Latency"})
	if _, err := m.tracker.Record(t.Context(), alerts.Batch{Source: "am", Alerts: []alerts.Alert{a}}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(2 * time.Millisecond)
	expect(1, "Latency firing ")
	expect(2, "Latency resolved reconciled")
}
