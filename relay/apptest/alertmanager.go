package apptest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"alertrelay/relay/relaytest"
)

// Example is a file of examples/ with texts of it replaced, old to new, as a file
// of its own.
func Example(t testing.TB, name string, replace ...string) string {
	t.Helper()
	b, err := os.ReadFile(relaytest.Source(t, "examples/"+name))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(replace); i += 2 {
		if !bytes.Contains(b, []byte(replace[i])) {
			t.Fatalf("examples/%s does not have %q any more", name, replace[i])
		}
		b = bytes.ReplaceAll(b, []byte(replace[i]), []byte(replace[i+1]))
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Alertmanager is a real one, with the configuration in examples/.
type Alertmanager struct {
	Addr  string
	Tool  string    // the path of amtool
	Began time.Time // of its alerts
}

// StartAlertmanager starts one that posts to the relay. It is not part of a
// cluster. Texts of its configuration may be replaced.
func StartAlertmanager(t testing.TB, r *relaytest.Relay, replace ...string) *Alertmanager {
	t.Helper()
	const pkg = "prometheus-alertmanager"
	am := &Alertmanager{Addr: relaytest.FreeAddress(t), Tool: relaytest.Program(t, pkg, "amtool"), Began: time.Now()}
	program := relaytest.Program(t, pkg, pkg, "alertmanager")
	config := Example(t, "alertmanager.yml", append([]string{"http://127.0.0.1:8080/", r.URL + "/"}, replace...)...)
	relaytest.StartProgram(t, program, "--config.file="+config, "--storage.path="+t.TempDir(),
		"--web.listen-address="+am.Addr, "--cluster.listen-address=", "--log.level=warn")
	relaytest.Eventually(t, "Alertmanager is ready", func() bool {
		status, _ := relaytest.Get(t.Context(), "http://"+am.Addr+"/-/ready")
		return status == http.StatusOK
	})
	return am
}

// Add has amtool fire an alert, or resolve it if end is not zero. Goroutines of a
// test may call it.
func (am *Alertmanager) Add(t testing.TB, end time.Time, labels ...string) {
	t.Helper()
	args := append([]string{
		"--alertmanager.url=http://" + am.Addr, "alert", "add",
		"--start=" + am.Began.UTC().Format(time.RFC3339), "--annotation=summary=added by the test",
	}, labels...)
	if !end.IsZero() {
		args = append(args, "--end="+end.UTC().Format(time.RFC3339))
	}
	if out, err := exec.CommandContext(t.Context(), am.Tool, args...).CombinedOutput(); err != nil {
		t.Errorf("amtool: %v\n%s", err, out)
	}
}

// Silence has amtool silence alerts, and returns the silence's id.
func (am *Alertmanager) Silence(t testing.TB, matchers ...string) string {
	t.Helper()
	return am.Amtool(t, append([]string{"silence", "add", "--author=ada", "--comment=by the test", "--duration=1h"}, matchers...)...)
}

// Amtool runs amtool and returns what it says.
func (am *Alertmanager) Amtool(t testing.TB, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), am.Tool, append([]string{"--alertmanager.url=http://" + am.Addr}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("amtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// StartAsked starts a relay and an Alertmanager that posts to it and that it asks
// what is so. Between them stands what says that the Alertmanager was started an hour
// ago: one that was started just now is not believed that an alert is over.
func StartAsked(t testing.TB, source string, replace ...string) (*relaytest.Relay, *Alertmanager) {
	t.Helper()
	return StartAskedWith(t, "", source, replace...)
}

// StartAskedWith is StartAsked with more in the relay's configuration.
func StartAskedWith(t testing.TB, more, source string, replace ...string) (*relaytest.Relay, *Alertmanager) {
	t.Helper()
	var address atomic.Pointer[string]
	uptime := regexp.MustCompile(`"uptime":"[^"]*"`)
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		to := address.Load()
		if to == nil {
			http.Error(w, "not there yet", http.StatusBadGateway)
			return
		}
		req, err := http.NewRequestWithContext(r.Context(), r.Method, "http://"+*to+r.URL.RequestURI(), r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		req.Header = r.Header.Clone()
		req.Header.Del("Accept-Encoding")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			http.Error(w, "away", http.StatusBadGateway)
			return
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Error(err)
		}
		if r.URL.Path == "/api/v2/status" {
			before := `"uptime":"` + time.Now().Add(-time.Hour).UTC().Format(time.RFC3339) + `"`
			body = uptime.ReplaceAll(body, []byte(before))
		}
		w.Header().Set("Content-Type", resp.Header.Get("Content-Type"))
		w.WriteHeader(resp.StatusCode)
		_, _ = w.Write(body)
	}))
	t.Cleanup(api.Close)
	r := relaytest.Start(t, Settings(t, fmt.Sprintf("sources: {am: {api: ['%s'], api_interval: 5s%s}}\n%s", api.URL, source, more)))
	am := StartAlertmanager(t, r, append([]string{"group_by: ['...']", "group_by: [team]", "group_interval: 5s", "group_interval: 1s"}, replace...)...)
	address.Store(&am.Addr)
	return r, am
}
