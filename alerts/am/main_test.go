package am_test

import (
	"context"
	"flag"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"alertrelay/alerts"
	"alertrelay/alerts/am"
	"alertrelay/relay/relaytest"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) {
	flag.Parse()
	goleak.VerifyTestMain(m)
}

// newClient makes a client whose connections end with the test.
func newClient(t testing.TB, o am.Options) *am.Client {
	t.Helper()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	t.Cleanup(transport.CloseIdleConnections)
	o.HTTP = &http.Client{Transport: transport}
	c, err := am.NewClient(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// board is a relay without channels, streams and time: it holds what it is told.
type board struct {
	mu    sync.Mutex // guards what follows
	known map[string]am.Held
	told  []string // "alertname status reason", or the error of the next report
	err   error
}

func newBoard() *board { return &board{known: make(map[string]am.Held)} }

func (b *board) Known(source string) ([]am.Held, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []am.Held
	for _, h := range b.known {
		if h.Source == source {
			list = append(list, h)
		}
	}
	return list, b.err
}

func (b *board) Record(_ context.Context, batch alerts.Batch) (alerts.Result, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	for i := range batch.Alerts {
		a := &batch.Alerts[i]
		h, known := b.known[a.ID()]
		if !known && a.Status != alerts.Firing {
			continue
		}
		e := alerts.NewEvent(a, now)
		if known && a.Status != alerts.Firing {
			e.Labels, e.StartsAt = h.Labels, h.StartsAt
		}
		h.Event, h.LastSeen = e, now
		b.known[a.ID()] = h
		b.told = append(b.told, strings.TrimSpace(e.Labels["alertname"]+" "+string(a.Status)+" "+a.Reason))
	}
	return alerts.Result{}, nil
}

// hear has the board hear of alerts as from a webhook.
func (b *board) hear(t testing.TB, list ...alerts.Alert) {
	t.Helper()
	if _, err := b.Record(t.Context(), alerts.Batch{Source: "am", Alerts: list}); err != nil {
		t.Fatal(err)
	}
}

// news are the reports since the last call.
func (b *board) news() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	told := b.told
	b.told = nil
	return told
}

// held is what is held of an alert by its name, without a status if nothing is.
func (b *board) held(name string) am.Held {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, h := range b.known {
		if h.Labels["alertname"] == name {
			return h
		}
	}
	return am.Held{}
}

func firing(labels map[string]string) alerts.Alert {
	return alerts.Alert{
		Source: "am", Fingerprint: alerts.Fingerprint(labels), Status: alerts.Firing, Labels: labels,
		StartsAt: time.Now(), Receiver: "relay", GroupKey: "{}:{}",
	}
}

// server is a real Alertmanager, which is no part of a cluster.
type server struct {
	url, addr, tool, dir string
	cmd                  *exec.Cmd
}

const plainConfig = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\ntemplates: []\n"

// startAlertmanager starts one that is ended with the test.
func startAlertmanager(t *testing.T, config string) *server {
	t.Helper()
	s := &server{addr: relaytest.FreeAddress(t), tool: relaytest.Program(t, "prometheus-alertmanager", "amtool"), dir: t.TempDir()}
	s.url = "http://" + s.addr
	if err := os.WriteFile(filepath.Join(s.dir, "alertmanager.yml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	s.start(t)
	return s
}

func (s *server) start(t *testing.T) {
	t.Helper()
	const pkg = "prometheus-alertmanager"
	s.cmd = relaytest.StartProgram(t, relaytest.Program(t, pkg, pkg, "alertmanager"),
		"--config.file="+filepath.Join(s.dir, "alertmanager.yml"), "--storage.path="+t.TempDir(),
		"--web.listen-address="+s.addr, "--cluster.listen-address=", "--log.level=warn")
	c := newClient(t, am.Options{URLs: []string{s.url}})
	relaytest.Eventually(t, "Alertmanager answers", func() bool {
		status, err := c.Status(t.Context())
		return err == nil && status.Uptime() > 0 // by a clock of whole seconds
	})
}

func (s *server) stop(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = s.cmd.Wait()
}

// add has amtool fire an alert, or resolve it if end is not zero.
func (s *server) add(t *testing.T, end time.Time, labels ...string) {
	t.Helper()
	args := append([]string{"--alertmanager.url=" + s.url, "alert", "add"}, labels...)
	if !end.IsZero() {
		args = append(args, "--start="+end.Add(-time.Hour).UTC().Format(time.RFC3339), "--end="+end.UTC().Format(time.RFC3339))
	}
	if out, err := exec.CommandContext(t.Context(), s.tool, args...).CombinedOutput(); err != nil {
		t.Fatalf("amtool: %v\n%s", err, out)
	}
}

// has waits until the Alertmanager has just these alerts.
func (s *server) has(t *testing.T, names ...string) {
	t.Helper()
	c := newClient(t, am.Options{URLs: []string{s.url}})
	relaytest.Eventually(t, "Alertmanager has "+strings.Join(names, ", "), func() bool {
		list, err := c.Alerts(t.Context())
		var have []string
		for _, a := range list {
			have = append(have, a.Labels["alertname"])
		}
		slices.Sort(have)
		return err == nil && slices.Equal(have, names)
	})
}
