package relaytest

import (
	"context"
	"io"
	"net/http"
	"testing"

	"alertrelay/relay/app"
	"alertrelay/relay/client"
	"alertrelay/relay/conf"
)

// Relay is a relay that a test has started. Only the test's own goroutine may
// start and stop it.
type Relay struct {
	// URL is where it serves HTTP.
	URL string
	// NATSURL is where NATS clients reach its stream: in the embedded server, or in
	// the external one. It is empty if it cannot be reached.
	NATSURL string
	// Client talks to it.
	Client *client.Client

	t    testing.TB
	cfg  conf.Config
	log  *logbook
	stop context.CancelFunc // nil while it is stopped
	done chan error         // gets what Run returned
}

// Start starts a relay and returns when it is ready. Without changes it has the
// default configuration, free addresses for HTTP and NATS, and a directory of its
// own. The addresses stay the same over Restart.
func Start(t testing.TB, changes ...func(*conf.Config)) *Relay {
	t.Helper()
	r := &Relay{t: t, cfg: Config(t, changes...), log: &logbook{out: t.Output()}}
	r.URL = "http://" + r.cfg.Listen
	var err error
	if r.Client, err = client.New(r.URL); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.Client.Close()
		if r.stop != nil {
			r.Stop()
		}
		r.log.close()
	})
	r.start()
	return r
}

// Config is the configuration that Start starts with.
func Config(t testing.TB, changes ...func(*conf.Config)) conf.Config {
	t.Helper()
	cfg := conf.Default()
	cfg.Listen, cfg.Data = FreeAddress(t), t.TempDir()
	cfg.NATS.Listen, cfg.NATS.ListenAsked = FreeAddress(t), true
	for _, change := range changes {
		change(&cfg)
	}
	if cfg.NATS.URL != "" {
		cfg.NATS.Listen, cfg.NATS.ListenAsked = "", false // there is no embedded server
	}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	return cfg
}

func (r *Relay) start() {
	r.t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(r.t.Context()))
	a, err := app.New(ctx, r.cfg, r.cfg.Log.Logger(r.log))
	if err != nil {
		stop()
		r.t.Fatal(err)
	}
	if r.NATSURL = r.cfg.NATS.URL; r.NATSURL == "" {
		r.NATSURL = a.NATSURL()
	}
	r.stop, r.done = stop, make(chan error, 1)
	go func() { r.done <- a.Run(ctx) }()
	Eventually(r.t, "the relay is ready", r.Ready)
}

// Ready reports whether it says that it is ready.
func (r *Relay) Ready() bool {
	r.t.Helper()
	status, _ := r.Get("/-/ready")
	return status == http.StatusOK
}

// Get returns the status and the body of the answer to a GET, 0 if there was none.
func (r *Relay) Get(path string) (status int, body string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodGet, r.URL+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	req.Close = true // or an idle connection outlives the relay
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, ""
	}
	return resp.StatusCode, string(b)
}

// Stop has it stop in order, as SIGTERM does, and waits for that.
func (r *Relay) Stop() {
	r.t.Helper()
	r.stop()
	r.stop = nil
	if err := <-r.done; err != nil {
		r.t.Errorf("the relay stopped with: %v", err)
	}
}

// Restart starts it, on the same directory and at the same addresses, after
// stopping it if it runs.
func (r *Relay) Restart() {
	r.t.Helper()
	if r.stop != nil {
		r.Stop()
	}
	r.start()
}

// Data is its directory.
func (r *Relay) Data() string { return r.cfg.Data }

// Logged reports whether the text is in what it has logged since Start.
func (r *Relay) Logged(text string) bool { return r.log.has(text) }

// Publish publishes over HTTP and expects to be told that it is stored.
func (r *Relay) Publish(channel, text string) {
	r.t.Helper()
	p := client.Publication{Channels: []string{channel}, Text: []byte(text)}
	if err := r.Client.Publish(r.t.Context(), p); err != nil {
		r.t.Fatalf("publish to %s: %v", channel, err)
	}
}
