//go:build acceptance

package acceptance

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"alertrelay/alerts"
	"alertrelay/relay/client"
	"alertrelay/relay/relaytest"
)

var relayProgram string

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// run builds the program that all tests start.
func run(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "alertrelay-acceptance")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	relayProgram = filepath.Join(dir, "alertrelay")
	if out, err := exec.Command("go", "build", "-o", relayProgram, "alertrelay").CombinedOutput(); err != nil { //nolint:noctx // it is for all tests
		return 0, fmt.Errorf("go build: %w\n%s", err, out)
	}
	return m.Run(), nil
}

// relay is the program, running.
type relay struct {
	URL, NATSURL string
	Client       *client.Client

	t    *testing.T
	args []string
	cmd  *exec.Cmd
}

// startRelay starts one with a configuration file, on addresses and a directory of
// its own, and waits until it is ready. It stays so over restart.
func startRelay(t *testing.T, config string, flags ...string) *relay {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "alertrelay.yaml")
	write(t, file, config)
	addr, nats := relaytest.FreeAddress(t), relaytest.FreeAddress(t)
	r := &relay{URL: "http://" + addr, NATSURL: "nats://" + nats, t: t}
	r.args = []string{"serve", "--config", file, "--data", filepath.Join(dir, "data"), "--listen", addr, "--log-level", "warn"}
	if len(flags) == 0 {
		flags = []string{"--nats-listen", nats}
	}
	r.args = append(r.args, flags...)
	var err error
	if r.Client, err = client.New(r.URL); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Client.Close)
	r.start()
	return r
}

func (r *relay) start() {
	r.t.Helper()
	r.cmd = relaytest.StartProgram(r.t, relayProgram, r.args...)
	relaytest.Eventually(r.t, "the relay is ready", func() bool {
		status, _ := fetch(r.t, r.URL+"/-/ready")
		return status == http.StatusOK
	})
}

// stop has it stop in order.
func (r *relay) stop() {
	r.t.Helper()
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		r.t.Fatal(err)
	}
	if err := r.cmd.Wait(); err != nil {
		r.t.Errorf("an orderly stop ends with %v", err)
	}
}

// shown is an alert as /api/v1/alerts shows it.
type shown struct {
	alerts.Event
	Channel                      string
	LastSeen, StaleAt, ExpiresAt time.Time
}

// alert is what the relay shows of an alert; ok is false if it is not there.
func (r *relay) alert(alertname string) (a shown, ok bool) {
	r.t.Helper()
	status, body := fetch(r.t, r.URL+"/api/v1/alerts?match="+url.QueryEscape(fmt.Sprintf("alertname=%q", alertname)))
	if status != http.StatusOK {
		r.t.Fatalf("alerts: got %d %s", status, body)
	}
	var list struct{ Alerts []shown }
	if err := json.Unmarshal(body, &list); err != nil {
		r.t.Fatalf("%v: %s", err, body)
	}
	switch len(list.Alerts) {
	case 0:
		return shown{}, false
	case 1:
		return list.Alerts[0], true
	}
	r.t.Fatalf("%s is there %d times", alertname, len(list.Alerts))
	return shown{}, false
}

// is reports whether the relay shows an alert in this state.
func (r *relay) is(alertname string, want alerts.Status) bool {
	r.t.Helper()
	a, ok := r.alert(alertname)
	return ok && a.Status == want
}

// becomes waits until the relay shows an alert in this state.
func (r *relay) becomes(alertname string, want alerts.Status, within time.Duration) shown {
	r.t.Helper()
	var last shown
	r.until(fmt.Sprintf("%s is %s", alertname, want), within, func() bool {
		a, ok := r.alert(alertname)
		last = a
		return ok && a.Status == want
	})
	return last
}

// leaves waits until the relay does not show an alert any more, and returns the
// event that has ended it.
func (r *relay) leaves(alertname string, within time.Duration) alerts.Event {
	r.t.Helper()
	r.until(alertname+" has gone", within, func() bool {
		_, ok := r.alert(alertname)
		return !ok
	})
	all := r.history(alertname)
	return all[len(all)-1]
}

// until waits for a condition, which may be late by as long as looking takes.
func (r *relay) until(what string, within time.Duration, condition func() bool) {
	r.t.Helper()
	began := time.Now()
	for !condition() {
		if time.Since(began) > within {
			_, body := fetch(r.t, r.URL+"/api/v1/alerts?ended&pretty")
			r.t.Fatalf("not within %s: %s; what is there:\n%s", within.Round(time.Second), what, body)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// history are the events of one alert, in the order of the stream.
func (r *relay) history(alertname string) []alerts.Event {
	r.t.Helper()
	status, body := fetch(r.t, r.URL+"/api/v1/history?format=ndjson&match="+url.QueryEscape(fmt.Sprintf("alertname=%q", alertname)))
	if status != http.StatusOK {
		r.t.Fatalf("history: got %d %s", status, body)
	}
	var all []alerts.Event
	for lines := bufio.NewScanner(bytes.NewReader(body)); lines.Scan(); {
		var e alerts.Event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			r.t.Fatalf("%v: %s", err, lines.Text())
		}
		all = append(all, e)
	}
	return all
}

// kinds are those of history, "firing resolved".
func (r *relay) kinds(alertname string) string {
	r.t.Helper()
	var all []string
	for _, e := range r.history(alertname) {
		all = append(all, string(e.Kind))
	}
	return strings.Join(all, " ")
}

// hadEvents expects the kinds of an alert's events.
func (r *relay) hadEvents(alertname, want string) {
	r.t.Helper()
	if got := r.kinds(alertname); got != want {
		r.t.Errorf("%s: got the events %q, want %q", alertname, got, want)
	}
}

// post posts JSON and returns the answer's status and body.
func post(t *testing.T, address, body string) (status int, text string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// fetch gets an address; without an answer the status is 0.
func fetch(t *testing.T, address string) (status int, body []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true // what answers may be restarted
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil
	}
	defer resp.Body.Close()
	if body, err = io.ReadAll(resp.Body); err != nil {
		return 0, nil
	}
	return resp.StatusCode, body
}

func write(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// between expects a duration in bounds, both included.
func between(t *testing.T, what string, got, low, high time.Duration) {
	t.Helper()
	if got < low || got > high {
		t.Errorf("%s after %s, want %s to %s", what, got.Round(time.Millisecond), low, high)
	}
}

// cutOff is what times in events may be too early: they have whole milliseconds.
const cutOff = time.Millisecond

// brief is a duration as it is told.
func brief(d time.Duration) time.Duration { return d.Round(10 * time.Millisecond) }
