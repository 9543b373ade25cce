package app_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"testing"

	"alertrelay/relay/app"
	"alertrelay/relay/client"
	"alertrelay/relay/relaytest"
)

// Promise 3: whichever relay a message was published at, subscribers of all have
// it at the same place.
func TestTwoRelaysOnOneNATS(t *testing.T) {
	n := relaytest.StartNATS(t)
	a, b := relaytest.Start(t, relaytest.UseNATS(n)), relaytest.Start(t, relaytest.UseNATS(n))
	a.Publish("ops", "before all")
	subs := append(a.SubscribeAll("ops", "db.>"), b.SubscribeAll("ops", "db.>")...)
	var want []string
	for i := range 20 {
		at, channel := a, "ops"
		if i%2 == 1 {
			at = b
		}
		if i%3 == 1 {
			channel = "db.critical"
		}
		want = append(want, fmt.Sprint("message ", i))
		at.Publish(channel, want[i])
	}
	for _, s := range subs {
		if got := s.Until(want[len(want)-1]); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", s.Name(), got, want)
		}
	}
	samePlaces(t, subs, len(want))

	// What one relay has said is where to go on at the other.
	half := subs[0].Messages()[9]
	ctx, cancel := context.WithTimeout(t.Context(), relaytest.Patience)
	defer cancel()
	var rest []string
	err := b.Client.Subscribe(ctx, client.SubscribeOptions{Channels: []string{"ops", "db.>"}, From: half.Cursor()}, func(m client.Message) error {
		if rest = append(rest, m.Text); len(rest) == 10 {
			cancel()
		}
		return nil
	})
	if err != nil || !slices.Equal(rest, want[10:]) {
		t.Errorf("from the tenth on: got %q, %v, want %q", rest, err, want[10:])
	}
}

// Promise 1: no store, no 200. Subscribers stay, and have everything afterwards.
func TestNATSAway(t *testing.T) {
	n := relaytest.StartNATS(t)
	r := relaytest.Start(t, relaytest.UseNATS(n))
	r.Publish("ops", "before all")
	subs := r.SubscribeAll("ops")
	r.Publish("ops", "before")
	for _, s := range subs {
		s.Until("before")
	}

	n.Stop()
	err := r.Client.Publish(t.Context(), client.Publication{Channels: []string{"ops"}, Text: []byte("refused")})
	if refused := (*client.Error)(nil); !errors.As(err, &refused) || refused.Status != http.StatusServiceUnavailable {
		t.Errorf("a publisher got %v, want 503", err)
	}
	relaytest.Eventually(t, "the relay says that it is not ready", func() bool { return !r.Ready() })
	if status, _ := r.Get("/-/healthy"); status != http.StatusOK {
		t.Errorf("healthy: got status %d, want 200: restarting the relay would not help", status)
	}
	if status, body := r.Get("/poll/ops.b1"); status != http.StatusOK {
		t.Errorf("what is in memory: got %d %s, want 200", status, body)
	}

	n.Restart()
	publishNATS(t, n.URL, "alerts.ops", "before the relay is back")
	relaytest.Eventually(t, "the relay is ready again", r.Ready)
	r.Publish("ops", "last")
	want := []string{"before", "before the relay is back", "last"}
	for _, s := range subs {
		if got := s.Until("last"); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", s.Name(), got, want)
		}
		for _, notice := range s.Notices() {
			if notice.Kind != client.Connected {
				t.Errorf("%s was not left alone: %+v", s.Name(), notice)
			}
		}
	}
}

// Before the first message there is no place in the stream to go on from, and yet
// what comes while a subscriber is cut off is not lost.
func TestNothingIsLostOnAFreshStore(t *testing.T) {
	n := relaytest.StartNATS(t)
	r := relaytest.Start(t, relaytest.UseNATS(n))
	subs := r.SubscribeAll("ops")
	r.Stop()
	for _, s := range subs {
		s.Gone(1)
	}
	publishNATS(t, n.URL, "alerts.ops", "while nobody was there")
	r.Restart()
	r.Publish("ops", "last")
	for _, s := range subs {
		if got, want := s.Until("last"), []string{"while nobody was there", "last"}; !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", s.Name(), got, want)
		}
	}
}

// A relay that is started before its NATS waits for it.
func TestNATSComesLater(t *testing.T) {
	n := relaytest.StartNATS(t)
	n.Stop()
	cfg := relaytest.Config(t, relaytest.UseNATS(n))
	waiting := make(chan struct{})
	log := slog.New(slog.NewTextHandler(writerFunc(func(p []byte) (int, error) {
		if bytes.Contains(p, []byte("waiting for JetStream")) {
			close(waiting)
		}
		return t.Output().Write(p)
	}), nil))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		a, err := app.New(ctx, cfg, log)
		if err == nil {
			err = a.Run(ctx)
		}
		ended <- err
	}()
	<-waiting
	n.Restart()
	relaytest.Eventually(t, "it is ready", func() bool {
		status, _ := relaytest.Get(ctx, "http://"+cfg.Listen+"/-/ready")
		return status == http.StatusOK
	})
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
