package app_test

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"alertrelay/embedded"
	"alertrelay/relay/app"
	"alertrelay/relay/client"
	"alertrelay/relay/conf"
	"alertrelay/relay/relaytest"
)

// taken is an address at which something else listens.
func taken(t *testing.T) string {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", relaytest.FreeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

// refuses expects New to fail with an error that has all the texts, and to give
// back what it took before.
func refuses(t *testing.T, cfg conf.Config, texts ...string) {
	t.Helper()
	a, err := app.New(t.Context(), cfg, cfg.Log.Logger(t.Output()))
	if err == nil {
		t.Fatalf("New took it: %s", a.HTTPURL())
	}
	for _, text := range texts {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("got the error %q, want it to have %q", err, text)
		}
	}
}

func TestHTTPAddressTaken(t *testing.T) {
	address := taken(t)
	cfg := relaytest.Config(t, func(c *conf.Config) { c.Listen = address })
	refuses(t, cfg, address, "address already in use", "--listen")
	cfg.Listen = relaytest.FreeAddress(t)
	startsWith(t, cfg)
}

func TestNATSAddressTaken(t *testing.T) {
	address := taken(t)
	t.Run("the default one: says so and goes on", func(t *testing.T) {
		r := relaytest.Start(t, func(c *conf.Config) { c.NATS.Listen, c.NATS.ListenAsked = address, false })
		if !r.Logged("NATS address is not available, going on without a listener") || !r.Logged(address) {
			t.Error("the log does not say so")
		}
		if r.NATSURL != "" {
			t.Errorf("got the NATS URL %s, want none", r.NATSURL)
		}
		s := r.Subscribe(client.SSE, "ops.b1")
		r.Publish("ops", "all the same")
		s.Until("all the same")
	})
	t.Run("one that was asked for: refuses", func(t *testing.T) {
		cfg := relaytest.Config(t, func(c *conf.Config) { c.NATS.Listen = address })
		refuses(t, cfg, address, "address already in use")
		cfg.NATS.Listen = relaytest.FreeAddress(t)
		startsWith(t, cfg)
	})
}

func TestDirectoryInUse(t *testing.T) {
	r := relaytest.Start(t)
	cfg := relaytest.Config(t, func(c *conf.Config) { c.Data = r.Data() })
	refuses(t, cfg, embedded.ErrLocked.Error(), r.Data(), fmt.Sprint("process ", os.Getpid()))
	r.Publish("ops", "the first one still works")
	r.Stop()
	startsWith(t, cfg)
}

// startsWith expects a relay to start with the configuration.
func startsWith(t *testing.T, cfg conf.Config) {
	t.Helper()
	relaytest.Start(t, func(c *conf.Config) { *c = cfg }).Stop()
}
