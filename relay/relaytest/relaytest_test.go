package relaytest_test

import (
	"slices"
	"testing"

	"github.com/chromedp/chromedp"

	"alertrelay/relay/client"
	"alertrelay/relay/conf"
	"alertrelay/relay/relaytest"
)

func TestMain(m *testing.M) { relaytest.Main(m) }

func TestRelayIsRestarted(t *testing.T) {
	r := relaytest.Start(t, func(c *conf.Config) { c.Limits.ChannelID = 3 })
	r.Publish("ops", "before")
	subs := r.SubscribeAll("ops")
	r.Publish("ops", "one")
	r.Restart()
	r.Publish("ops", "two")
	for _, s := range subs {
		if got, want := s.Until("two"), []string{"one", "two"}; !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", s.Name(), got, want)
		}
	}
	if status, _ := r.Get("/poll/toolong"); status != 400 {
		t.Errorf("a channel beyond the configured length: got status %d, want 400", status)
	}
	if !r.Logged("stopped") {
		t.Error("the log has no line about the stop")
	}
}

func TestExternalNATS(t *testing.T) {
	n := relaytest.StartNATS(t)
	r := relaytest.Start(t, func(c *conf.Config) { c.NATS.URL = n.URL })
	s := r.Subscribe(client.SSE, "ops")
	nc := relaytest.Connect(t, r.NATSURL)
	if _, err := nc.Request("alerts.ops", []byte("over NATS"), relaytest.Patience); err != nil {
		t.Fatal(err)
	}
	s.Until("over NATS")
}

func TestChromium(t *testing.T) {
	ctx := relaytest.Chromium(t)
	got, err := chromedp.Run(ctx, chromedp.Evaluate[int]("1 + 2"))
	if err != nil || got != 3 {
		t.Errorf("got %d, %v", got, err)
	}
}
