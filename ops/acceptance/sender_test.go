//go:build acceptance

package acceptance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"alertrelay/relay/relaytest"
)

// amPackage is Debian's, which also has amtool.
const amPackage = "prometheus-alertmanager"

// amConfig is that of an Alertmanager whose groups are the teams.
const amConfig = `route:
  receiver: relay
  group_by: [team]
  group_wait: 1s
  group_interval: 15s
  repeat_interval: %s
inhibit_rules:
  - {source_matchers: [severity="critical"], target_matchers: [severity="warning"], equal: [site]}
receivers:
  - name: relay
    webhook_configs:
      - url: %s/in/alertmanager/am
        send_resolved: true
        max_alerts: 0
templates: []
`

// alertmanager is a real one. Its address is known before it runs: the relay asks
// it, and it posts to the relay.
type alertmanager struct {
	addr, dir string
	tool      string // amtool
	began     time.Time

	t    *testing.T
	args []string
	cmd  *exec.Cmd
}

func newAlertmanager(t *testing.T) *alertmanager {
	t.Helper()
	return &alertmanager{addr: relaytest.FreeAddress(t), dir: t.TempDir(), tool: relaytest.Program(t, amPackage, "amtool"), began: time.Now(), t: t}
}

// run starts it, posting to the address. Without flags it is no part of a cluster.
func (am *alertmanager) run(address string, repeat time.Duration, flags ...string) {
	am.t.Helper()
	config := filepath.Join(am.dir, "alertmanager.yml")
	write(am.t, config, fmt.Sprintf(amConfig, repeat, address))
	am.args = []string{"--config.file=" + config, "--storage.path=" + am.dir, "--web.listen-address=" + am.addr, "--log.level=warn"}
	if len(flags) == 0 {
		flags = []string{"--cluster.listen-address="}
	}
	am.args = append(am.args, flags...)
	am.start()
}

func (am *alertmanager) start() {
	am.t.Helper()
	am.cmd = relaytest.StartProgram(am.t, relaytest.Program(am.t, amPackage, amPackage, "alertmanager"), am.args...)
	relaytest.Eventually(am.t, "Alertmanager is ready", func() bool {
		status, _ := fetch(am.t, "http://"+am.addr+"/-/ready")
		return status == http.StatusOK
	})
}

// stop has it end in order: it keeps its silences, and no alerts.
func (am *alertmanager) stop() {
	am.t.Helper()
	if err := am.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		am.t.Fatal(err)
	}
	_ = am.cmd.Wait()
}

// up is the time at which it was started, by its own word.
func (am *alertmanager) up() time.Time {
	am.t.Helper()
	var status struct{ Uptime time.Time }
	_, body := fetch(am.t, "http://"+am.addr+"/api/v2/status")
	if err := json.Unmarshal(body, &status); err != nil {
		am.t.Fatalf("%v: %s", err, body)
	}
	return status.Uptime
}

// amtool returns what amtool says.
func (am *alertmanager) amtool(args ...string) string {
	am.t.Helper()
	out, err := exec.CommandContext(am.t.Context(), am.tool, append([]string{"--alertmanager.url=http://" + am.addr}, args...)...).CombinedOutput()
	if err != nil {
		am.t.Fatalf("amtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// add posts an alert that ends then.
func (am *alertmanager) add(end time.Time, labels ...string) {
	am.t.Helper()
	args := append([]string{"alert", "add", "--annotation=summary=added by the test"}, labels...)
	am.amtool(append(args, "--start="+am.began.UTC().Format(time.RFC3339), "--end="+end.UTC().Format(time.RFC3339))...)
}

// fire has an alert fire: without an end it would be over after five minutes.
func (am *alertmanager) fire(labels ...string) {
	am.t.Helper()
	am.add(time.Now().Add(2*time.Hour), labels...)
}

// resolve has it be over, and returns the time from which on that is so.
func (am *alertmanager) resolve(labels ...string) time.Time {
	am.t.Helper()
	am.add(time.Now(), labels...)
	return time.Now()
}

// silence has amtool silence one alert for an hour, and returns the silence's id.
func (am *alertmanager) silence(alertname string) string {
	am.t.Helper()
	return am.amtool("silence", "add", "--author=ada", "--comment=by the test", "--duration=1h", "alertname="+alertname)
}

// silences are those for one alert; expired ones if asked for.
func (am *alertmanager) silences(alertname string, flags ...string) []amSilence {
	am.t.Helper()
	var list []amSilence
	out := am.amtool(append([]string{"silence", "query", "-o", "json", "alertname=" + alertname}, flags...)...)
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		am.t.Fatalf("%v: %s", err, out)
	}
	return list
}

// amSilence is a silence as amtool shows it.
type amSilence struct {
	ID                 string
	StartsAt, EndsAt   time.Time
	CreatedBy, Comment string
	Status             struct{ State string }
}

// settled waits until a member of a cluster knows all n of them.
func (am *alertmanager) settled(n int) {
	am.t.Helper()
	relaytest.Eventually(am.t, "the cluster has settled", func() bool {
		_, metrics := fetch(am.t, "http://"+am.addr+"/metrics")
		_, status := fetch(am.t, "http://"+am.addr+"/api/v2/status")
		return bytes.Contains(status, []byte(`"status":"ready"`)) && bytes.Contains(metrics, fmt.Appendf(nil, "alertmanager_cluster_members %d\n", n))
	})
}
