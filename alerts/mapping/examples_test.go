package mapping_test

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"alertrelay/alerts"
	"alertrelay/alerts/mapping"
)

// The media type for Zabbix posts the fields that the preset reads, and the script
// finds all of its parameters.
func TestZabbixMediaType(t *testing.T) {
	text, err := os.ReadFile("../../examples/zabbix/alertrelay.yaml")
	must(t, err)
	var export struct {
		Export struct {
			MediaTypes []struct {
				Type       string `yaml:"type"`
				Script     string `yaml:"script"`
				Parameters []struct{ Name, Value string }
			} `yaml:"media_types"`
		} `yaml:"zabbix_export"`
	}
	must(t, yaml.Unmarshal(text, &export))
	media := export.Export.MediaTypes[0]
	if media.Type != "WEBHOOK" {
		t.Errorf("got type %q", media.Type)
	}
	var has, wants []string
	for _, p := range media.Parameters {
		has = append(has, p.Name)
	}
	for _, m := range regexp.MustCompile(`\bp\.(\w+)`).FindAllStringSubmatch(media.Script, -1) {
		wants = append(wants, m[1])
	}
	slices.Sort(has)
	slices.Sort(wants)
	if wants = slices.Compact(wants); !slices.Equal(has, wants) {
		t.Errorf("got parameters\n%v, and the script wants\n%v", has, wants)
	}

	body, err := os.ReadFile(filepath.Join("testdata", "zabbix", "problem.json"))
	must(t, err)
	var fixture map[string]any
	must(t, json.Unmarshal(body, &fixture))
	posted := regexp.MustCompile(`(?m)^  (\w+): `).FindAllStringSubmatch(media.Script, -1)
	for _, m := range posted {
		delete(fixture, m[1])
	}
	if len(posted) != 15 || len(fixture) > 0 {
		t.Errorf("got %d fields posted, and none of %v", len(posted), fixture)
	}
	t.Run("run", func(t *testing.T) { runZabbixScript(t, media.Script) })
}

// runZabbixScript runs the script as Zabbix does, if there is something that runs
// JavaScript.
func runZabbixScript(t *testing.T, script string) {
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip(err)
	}
	m, err := mapping.Preset("zabbix")
	must(t, err)
	event := map[string]string{
		"event_source": "0", "event_id": "481516", "event_value": "1", "event_name": "High CPU", "event_nseverity": "4", "event_severity": "High",
		"event_date": "2026.11.24", "event_time": "21:14:03", "event_tags": `[{"tag":"team","value":"db"}]`, "event_opdata": "*UNKNOWN*",
		"event_update_status": "0", "event_update_action": "{EVENT.UPDATE.ACTION}", "event_update_message": "", "user": "ada",
		"host": "db-01", "host_name": "db-01", "trigger_id": "23042", "trigger_description": "", "zabbix_url": "{$ZABBIX.URL}",
		"relay_url": "https://relay.example/in/zabbix/zabbix", "relay_token": "secret",
	}
	for _, tt := range []struct {
		name   string
		change map[string]string
		want   alerts.Status
		by     string
	}{
		{"problem", nil, alerts.Firing, ""},
		{"recovery", map[string]string{"event_value": "0"}, alerts.Resolved, ""},
		{"acknowledged", map[string]string{"event_update_status": "1", "event_update_action": "acknowledged, commented"}, alerts.Acknowledged, "ada"},
		{"unacknowledged", map[string]string{"event_update_status": "1", "event_update_action": "unacknowledged"}, alerts.Firing, ""},
		{"suppressed", map[string]string{"event_update_status": "1", "event_update_action": "suppressed until 12:00"}, alerts.Suppressed, ""},
		{"tags that are none", map[string]string{"event_tags": "{EVENT.TAGSJSON}"}, alerts.Firing, ""},
	} {
		params := maps.Clone(event)
		maps.Copy(params, tt.change)
		value, err := json.Marshal(params)
		must(t, err)
		program := `const value = process.argv[1];
class HttpRequest {
  addHeader(h) {}
  post(url, body) { console.log(body); return ''; }
  getStatus() { return 200; }
}
(function () {` + script + `})();`
		cmd := exec.CommandContext(t.Context(), "node", "-e", program, string(value))
		cmd.Env = append(os.Environ(), "TZ=UTC")
		body, err := cmd.Output()
		must(t, err)
		batch, err := m.Decode("src", nil, body)
		must(t, err)
		a := batch.Alerts[0]
		if a.Status != tt.want || a.By != tt.by || a.StartsAt.Format(time.RFC3339) != "2026-11-24T21:14:03Z" || a.Annotations["operational_data"] != "" || a.GeneratorURL != "" {
			t.Errorf("%s: got %+v", tt.name, a)
		}
	}
}

// The script for Icinga posts what the preset reads.
func TestIcingaScript(t *testing.T) {
	for _, program := range []string{"sh", "curl"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(err)
		}
	}
	type request struct {
		header http.Header
		body   []byte
	}
	got := make(chan request, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- request{r.Header, body}
	}))
	defer srv.Close()
	token := filepath.Join(t.TempDir(), "token")
	must(t, os.WriteFile(token, []byte("secret\n"), 0o600))
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "sh", "../../examples/icinga/alertrelay.sh")
	cmd.Env = append(os.Environ(), "RELAY_URL="+srv.URL, "RELAY_TOKEN_FILE="+token, "NOTIFICATION_TYPE=PROBLEM", "STATE=CRITICAL",
		"HOST_NAME=db-01", "SERVICE_NAME=disk /var", "OUTPUT=a&b=c \"ü\"", "no_proxy=*")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	r := <-got
	if auth := r.header.Get("Authorization"); auth != "Bearer secret" {
		t.Errorf("got Authorization %q", auth)
	}
	m, err := mapping.Preset("icinga")
	must(t, err)
	batch, err := m.Decode("src", r.header, r.body)
	must(t, err)
	a := batch.Alerts[0]
	if a.Status != alerts.Firing || a.Labels["severity"] != "critical" || a.Labels["alertname"] != "disk /var" || a.Annotations["summary"] != `a&b=c "ü"` {
		t.Errorf("got %+v", a)
	}
}
