package app_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"alertrelay/alerts"
	"alertrelay/alerts/mapping"
	"alertrelay/relay/apptest"
	"alertrelay/relay/conf"
	"alertrelay/relay/relaytest"
)

// debugging has a relay log all that it can.
func debugging(c *conf.Config) { c.Log.Level = slog.LevelDebug }

// only is the one event that channels have.
func only(t *testing.T, base, channels string) alerts.Event {
	t.Helper()
	all := apptest.History(t, base, channels)
	if len(all) != 1 {
		t.Fatalf("%s has the events %q, want one", channels, apptest.Told(t, base, channels))
	}
	return all[0]
}

// Each source asks for what it is configured to, and the rest of the relay's
// addresses do not know it. No secret, and none that was tried, is in the log.
func TestCredentialsOfSources(t *testing.T) {
	t.Parallel()
	r := relaytest.Start(t, apptest.Settings(t, `
sources:
  bearer: {auth: {bearer: [old-5ecret-b, new-5ecret-b]}}
  basic: {auth: {basic: {user: ada, password: 5ecret-basic}}}
  header: {auth: {header: {name: X-Sender-Key, value: 5ecret-header}}}
  path: {auth: {path_token: 5ecret-path}}
  several: {auth: {bearer: 5ecret-s1, path_token: 5ecret-s2}}
  key: {auth: {routing_key: 5ecret-key}}
  open: {}
`), debugging)
	bearer := func(token string) []string { return []string{"Authorization", "Bearer " + token} }
	basic := func(user, password string) []string {
		req := http.Request{Header: make(http.Header)}
		req.SetBasicAuth(user, password)
		return []string{"Authorization", req.Header.Get("Authorization")}
	}
	am := apptest.Fixture(t, "alertmanager/alertmanager-0.34.2-single-firing.json")
	direct := `[{"labels":{"alertname":"Direct"}}]`
	key := func(k string) string {
		return strings.ReplaceAll(apptest.Fixture(t, "pagerduty/trigger.json"), "R0123456789ABCDEF0123456789ABCDE", k)
	}
	tests := []struct {
		path, body string
		headers    []string
		want       int
	}{
		{"/in/alertmanager/bearer", am, bearer("old-5ecret-b"), 200},
		{"/in/alertmanager/bearer", am, bearer("new-5ecret-b"), 200},
		{"/in/bearer/api/v2/alerts", direct, bearer("new-5ecret-b"), 200},
		{"/in/alertmanager/bearer", am, bearer("wr0ng-b"), 401},
		{"/in/alertmanager/bearer", am, basic("ada", "new-5ecret-b"), 401},
		{"/in/alertmanager/bearer", am, nil, 401},
		{"/in/t/new-5ecret-b/alertmanager/bearer", am, nil, 401},
		{"/in/bearer/api/v2/alerts", direct, bearer("wr0ng-b"), 401},

		{"/in/alertmanager/basic", am, basic("ada", "5ecret-basic"), 200},
		{"/in/alertmanager/basic", am, basic("ada", "wr0ng-basic"), 401},
		{"/in/alertmanager/basic", am, basic("bob", "5ecret-basic"), 401},
		{"/in/alertmanager/basic", am, bearer("5ecret-basic"), 401},

		{"/in/alertmanager/header", am, []string{"X-Sender-Key", "5ecret-header"}, 200},
		{"/in/alertmanager/header", am, []string{"X-Sender-Key", "wr0ng-header"}, 401},
		{"/in/alertmanager/header", am, bearer("5ecret-header"), 401},

		{"/in/t/5ecret-path/alertmanager/path", am, nil, 200},
		{"/in/t/5ecret-path/path/api/v2/alerts", direct, nil, 200},
		{"/in/t/5ecret-path/uptime-kuma/path", `{"msg":"Testing"}`, nil, 200},
		{"/in/t/wr0ng-path/alertmanager/path", am, nil, 401},
		{"/in/alertmanager/path", am, nil, 401},
		{"/in/t/5ecret-path/alertmanager/header", am, nil, 401},
		{"/in/t/5ecret-path/nothing/path", am, nil, 404},
		{"/in/t/5ecret-path", am, nil, 404},

		{"/in/alertmanager/several", am, bearer("5ecret-s1"), 200},
		{"/in/t/5ecret-s2/alertmanager/several", am, nil, 200},
		{"/in/t/5ecret-s1/alertmanager/several", am, nil, 401},

		{"/in/pagerduty/key", key("5ecret-key"), nil, 202},
		{"/in/pagerduty/key/v2/enqueue", key("5ecret-key"), nil, 202},
		{"/in/pagerduty/key", key("wr0ng-key"), nil, 401},

		{"/in/alertmanager/open", am, nil, 200},
		{"/in/alertmanager/open", am, bearer("5ecret-b"), 200},

		{"/in/alertmanager/other", am, nil, 404},
		{"/in/other/api/v2/alerts", direct, bearer("new-5ecret-b"), 404},
		{"/api/v2/alerts", direct, nil, 404}, // is source prometheus
		{"/in/t/5ecret-path/alertmanager/other", am, nil, 404},
		{"/in/json/relay", `{}`, nil, 400}, // the relay's own
	}
	for _, tt := range tests {
		got := relaytest.Send(t, r.URL+tt.path, tt.body, tt.headers...)
		if got.Status != tt.want {
			t.Errorf("%s with %q: got %d %s, want %d", tt.path, tt.headers, got.Status, got.Text, tt.want)
		}
		if challenge := got.Header.Get("WWW-Authenticate"); (got.Status == http.StatusUnauthorized) && challenge == "" &&
			(strings.HasSuffix(tt.path, "/bearer") || strings.HasSuffix(tt.path, "/basic")) {
			t.Errorf("%s with %q: is not told what to show", tt.path, tt.headers)
		}
		if strings.Contains(got.Text, "5ecret") {
			t.Errorf("%s with %q: the answer has a secret in it: %s", tt.path, tt.headers, got.Text)
		}
	}
	if !r.Logged("alerts refused") || !r.Logged("alerts taken") {
		t.Error("the log has nothing about requests")
	}
	for _, text := range []string{"5ecret", "wr0ng", "5ecret-path", "YWRh"} { // the last is "ada" in base64
		if r.Logged(text) {
			t.Errorf("the log has %q in it", text)
		}
	}
	// What was refused is stored nowhere.
	if got := slices.Compact(slices.Sorted(slices.Values(sourcesOf(t, r.URL)))); !slices.Equal(got, []string{"basic", "bearer", "header", "key", "open", "path", "several"}) {
		t.Errorf("there are events of %q", got)
	}
}

func sourcesOf(t *testing.T, base string) (all []string) {
	t.Helper()
	for _, e := range apptest.History(t, base, ">") {
		all = append(all, e.Source)
	}
	return all
}

// Without sources in the configuration every one may post.
func TestEverySourceMayPost(t *testing.T) {
	t.Parallel()
	r := relaytest.Start(t)
	for _, path := range []string{"/api/v2/alerts", "/in/api/v2/alerts", "/in/prom_eu/api/v2/alerts", "/in/any/depth/prom_us/api/v2/alerts", "/in/t/unasked/prom_de/api/v2/alerts"} {
		if got := relaytest.Send(t, r.URL+path, `[{"labels":{"alertname":"Direct"}}]`); got.Status != http.StatusOK || got.Text != "" {
			t.Errorf("%s: got %d %s, want Alertmanager's answer", path, got.Status, got.Text)
		}
	}
	got := sourcesOf(t, r.URL)
	slices.Sort(got)
	if want := []string{"prom_de", "prom_eu", "prom_us", "prometheus"}; !slices.Equal(slices.Compact(got), want) {
		t.Errorf("got alerts of %q, want %q", got, want)
	}
	// As Alertmanager refuses: what is right is stored.
	answer := relaytest.Send(t, r.URL+"/in/prom_eu/api/v2/alerts", `[{"labels":{"alertname":"Right","team":"x"}},{"labels":{}}]`)
	reason := ""
	if err := json.Unmarshal([]byte(answer.Text), &reason); err != nil || answer.Status != http.StatusBadRequest || !strings.Contains(reason, "at least one label pair required") {
		t.Errorf("got %d %s, %v", answer.Status, answer.Text, err)
	}
	only(t, r.URL, "x.>")
}

// Grafana signs the bytes of the body, if asked to with the time.
func TestGrafanaSigns(t *testing.T) {
	t.Parallel()
	r := relaytest.Start(t, apptest.Settings(t, `
sources:
  grafana: {auth: {hmac: {secret: s3cret}}}
  timed: {auth: {hmac: {secret: [older, s3cret], timestamp_header: X-Grafana-Alerting-Timestamp}}}
`))
	const signature, timestamp = "X-Grafana-Alerting-Signature", "X-Grafana-Alerting-Timestamp"
	body := apptest.Fixture(t, "grafana/grafana-alerting-firing-hmac-nots.json")
	changed := strings.Replace(body, "CPU above 90%", "CPU above 91%", 1)
	captured := func(name, header string) string {
		for line := range strings.Lines(apptest.Fixture(t, name)) {
			if value, ok := strings.CutPrefix(line, header+": "); ok {
				return strings.TrimSpace(value)
			}
		}
		t.Fatalf("%s has no %s", name, header)
		return ""
	}
	sign := func(at time.Time, body string) []string {
		ts := strconv.FormatInt(at.Unix(), 10)
		mac := hmac.New(sha256.New, []byte("s3cret"))
		fmt.Fprintf(mac, "%s:%s", ts, body)
		return []string{signature, hex.EncodeToString(mac.Sum(nil)), timestamp, ts}
	}
	real := captured("grafana/grafana-alerting-firing-hmac-nots.headers.txt", signature)
	old := []string{
		signature, captured("grafana/grafana-alerting-firing-hmac.headers.txt", signature),
		timestamp, captured("grafana/grafana-alerting-firing-hmac.headers.txt", timestamp),
	}
	now := time.Now()
	for _, tt := range []struct {
		name, source, body string
		headers            []string
		want               int
	}{
		{"no signature", "grafana", body, nil, 401},
		{"one byte changed", "grafana", changed, []string{signature, real}, 401},
		{"a byte more", "grafana", body + "\n", []string{signature, real}, 401},
		{"another's signature", "grafana", body, old, 401},
		{"no time", "timed", body, []string{signature, real}, 401},
		{"as captured, long ago", "timed", apptest.Fixture(t, "grafana/grafana-alerting-firing-hmac.json"), old, 401},
		{"ten minutes old", "timed", body, sign(now.Add(-10*time.Minute), body), 401},
		{"one byte changed, with time", "timed", changed, sign(now, body), 401},
		{"another time", "timed", body, append(sign(now, body)[:2], timestamp, strconv.FormatInt(now.Unix()+1, 10)), 401},
	} {
		if got := relaytest.Send(t, r.URL+"/in/grafana/"+tt.source, tt.body, tt.headers...); got.Status != tt.want {
			t.Errorf("%s: got %d %s, want %d", tt.name, got.Status, got.Text, tt.want)
		}
	}
	apptest.WasTold(t, r.URL, ">")

	for source, headers := range map[string][]string{"grafana": {signature, real}, "timed": sign(now, body)} {
		if got := relaytest.Send(t, r.URL+"/in/grafana/"+source, body, headers...); got.Status != http.StatusOK {
			t.Errorf("%s: got %d %s, want 200", source, got.Status, got.Text)
		}
		e := only(t, r.URL, "db.critical.High=20CPU."+source+"-8d0e226520eec7b4") // Grafana's own fingerprint
		if e.Values["B"] != "92.5" || e.Values["C"] != "1" {
			t.Errorf("%s: got the values %v", source, e.Values)
		}
		for name, want := range map[string]string{"silence": "/alerting/silence/new?", "dashboard": "/d/dash1?", "panel": "viewPanel=4"} {
			if !strings.Contains(e.Links[name], want) {
				t.Errorf("%s: got the link %s %q, want %s in it", source, name, e.Links[name], want)
			}
		}
	}
}

// Alertmanager's event recorder says who keeps an alert back, and that it is over
// nevertheless.
func TestEventRecorderTellsWhy(t *testing.T) {
	t.Parallel()
	r := relaytest.Start(t)
	relaytest.Post(t, r.URL+"/in/alertmanager/am", notification("{}:{}", 1, func(int) string {
		return `"status":"firing","labels":{"alertname":"SilenceMe","cluster":"eu-1","severity":"info","team":"db"}`
	}), http.StatusOK)
	relaytest.Post(t, r.URL+"/in/alertmanager/am", notification("{}:{x}", 1, func(int) string {
		return `"status":"firing","labels":{"alertname":"NodeWarn","cluster":"c1","severity":"warning"}`
	}), http.StatusOK)
	apptest.WasTold(t, r.URL, ">", "SilenceMe firing", "NodeWarn firing")

	recorded := func(kind string, replace ...string) string { // as if it happened now
		body := apptest.Fixture(t, "eventrecorder/alertmanager-0.34.2-event-"+kind+".json")
		at := slices.Index(strings.Split(body, `"`), "@timestamp")
		old := strings.Split(body, `"`)[at+2]
		replace = append(replace, old, time.Now().Add(time.Millisecond).UTC().Format(time.RFC3339Nano))
		return strings.NewReplacer(replace...).Replace(body)
	}
	silenced := recorded("silenceMutedAlert")
	for range 2 { // it repeats at every flush
		relaytest.Post(t, r.URL+"/in/events/am", silenced, http.StatusOK)
	}
	relaytest.Post(t, r.URL+"/in/events/am", "["+recorded("inhibitionMutedAlert")+","+recorded("notification")+"]", http.StatusOK)
	apptest.WasTold(t, r.URL, ">", "SilenceMe firing", "NodeWarn firing", "SilenceMe suppressed", "NodeWarn suppressed")

	e := apptest.Becomes(t, r, "SilenceMe", alerts.Suppressed)
	until := time.Date(2026, 11, 22, 7, 20, 1, 225_000_000, time.UTC)
	if s := e.Suppression; s == nil || s.Kind != alerts.Silenced || s.By != "ops" || s.Comment != "maintenance" || !s.Until.Equal(until) || s.ID != "631aaa4a-ad12-4c87-9986-0794df55db40" {
		t.Errorf("got %+v, want who has silenced it, why and until when", s)
	}
	if e.ID != "am-e0e5d472468ff987" {
		t.Errorf("got the id %s, which is not that of the decimal fingerprint", e.ID)
	}
	e = apptest.Becomes(t, r, "NodeWarn", alerts.Suppressed)
	if s := e.Suppression; s == nil || s.Kind != alerts.Inhibited || s.ID == "" {
		t.Errorf("got %+v, want what inhibits it", s)
	}
	if got := apptest.ActiveStatus(t, r.URL, ">"); !slices.Equal(got, []string{"NodeWarn suppressed", "SilenceMe suppressed"}) {
		t.Errorf("%q are active", got)
	}

	// The alert that is silenced is over.
	relaytest.Post(t, r.URL+"/in/events/am", recorded("alertResolved",
		"2932111860546908521", "16205592421437798791", "DiskFull", "SilenceMe", `"warning"`, `"info"`, `"web"`, `"db"`,
		"2026-11-22T06:59:24.396Z", time.Now().UTC().Format(time.RFC3339Nano)), http.StatusOK)
	if e := apptest.Becomes(t, r, "SilenceMe", alerts.Resolved); e.Suppression != nil || e.Reason != "event recorder" {
		t.Errorf("resolved for the reason %q, and suppressed by %+v", e.Reason, e.Suppression)
	}
}

// deadLetters are the dead letters of a source.
func deadLetters(t *testing.T, base, source string) (letters []alerts.DeadLetter) {
	t.Helper()
	apptest.CaughtUp(t, base)
	for _, m := range apptest.Polled(t, base, "_meta.deadletter."+source, "since=1h") {
		var letter alerts.DeadLetter
		if err := json.Unmarshal([]byte(m.Text), &letter); err != nil {
			t.Fatal(err)
		}
		letters = append(letters, letter)
	}
	return letters
}

// JSON of senders that nobody has written code for becomes alerts by a preset, at
// its own address, or as the configuration says. What has no meaning is refused and
// kept.
func TestMappings(t *testing.T) {
	t.Parallel()
	r := relaytest.Start(t, apptest.Settings(t, `
sources:
  kuma: {}
  named: {mapping: uptime-kuma}
  shop:
    mapping:
      identity: [check]
      status: {from: ok, firing: ["false"], resolved: ["true"]}
      labels: {alertname: check, severity: {from: prio, map: {"1": critical, "*": info}}, team: =shop}
      annotations: {summary: text}
  unmapped: {}
  forms: {}
`))
	preset := func(file string) string { return apptest.Fixture(t, "../mapping/testdata/"+file) }
	for path, channels := range map[string]string{
		"/in/uptime-kuma/kuma": "shop.critical.Website.kuma-06f647b157b8557a",
		"/in/json/named":       "shop.critical.Website.named-06f647b157b8557a",
	} {
		relaytest.Post(t, r.URL+path, preset("uptime-kuma/down.json"), http.StatusOK)
		relaytest.Post(t, r.URL+path, preset("uptime-kuma/down.json"), http.StatusOK)
		relaytest.Post(t, r.URL+path, preset("uptime-kuma/test.json"), http.StatusOK) // the test button
		relaytest.Post(t, r.URL+path, preset("uptime-kuma/up.json"), http.StatusOK)
		apptest.WasTold(t, r.URL, channels, "Website firing", "Website resolved")
	}

	relaytest.Post(t, r.URL+"/in/json/shop", `{"check":"till","ok":false,"prio":1,"text":"no paper"}`, http.StatusOK)
	if e := only(t, r.URL, "shop.critical.till.>"); e.Status != alerts.Firing || e.Source != "shop" || e.Annotations["summary"] != "no paper" {
		t.Errorf("got %+v", e)
	}
	relaytest.Post(t, r.URL+"/in/json/shop", `{"check":"till","ok":true}`, http.StatusOK)
	apptest.WasTold(t, r.URL, "shop.*.till.>", "till firing", "till resolved")

	for _, p := range mapping.Presets() {
		if got := relaytest.Send(t, r.URL+"/in/"+p.Name+"/nobody", "{}"); got.Status != http.StatusNotFound || !strings.Contains(got.Text, `"nobody" is not configured`) {
			t.Errorf("preset %s: got %d %s, want to be told of the source", p.Name, got.Status, got.Text)
		}
	}
	form := preset("uptime-kuma/down.multipart")
	boundary, _, _ := strings.Cut(strings.TrimPrefix(form, "--"), "\r\n")
	for _, tt := range []struct{ path, body, contentType string }{
		{"/in/uptime-kuma/forms", form, "multipart/form-data; boundary=" + boundary},
		{"/in/icinga/forms", preset("icinga/problem.form"), "application/x-www-form-urlencoded"},
	} {
		if got := relaytest.Send(t, r.URL+tt.path, tt.body, "Content-Type", tt.contentType); got.Status != http.StatusOK {
			t.Errorf("%s: got %d %s", tt.path, got.Status, got.Text)
		}
	}
	n := 0
	for channel, e := range apptest.Active(t, r.URL, "*.*.*.*") {
		if n++; e.Source != "forms" || e.Status != alerts.Firing {
			t.Errorf("%s is active: %+v", channel, e)
		}
	}
	if n != 2 {
		t.Errorf("%d alerts of forms are active, want 2", n)
	}

	before := len(apptest.History(t, r.URL, "*.*.*.*"))
	for path, bodies := range map[string][]string{
		"/in/uptime-kuma/kuma": {preset("uptime-kuma/certificate.json"), preset("uptime-kuma/certificate.json")},
		"/in/json/shop":        {`{"check":"till","ok":"perhaps"}`},
		"/in/json/unmapped":    {`{"any":"thing"}`},
	} {
		source := path[strings.LastIndexByte(path, '/')+1:]
		reason := ""
		for _, body := range bodies {
			got := relaytest.Send(t, r.URL+path, body)
			if reason = strings.TrimSpace(got.Text); got.Status != http.StatusUnprocessableEntity || reason == "" {
				t.Errorf("%s: got %d %s, want 422 and the reason", path, got.Status, got.Text)
			}
		}
		letters := deadLetters(t, r.URL, source)
		if len(letters) != 1 { // the same twice is one
			t.Errorf("%s: got %d dead letters, want 1: %+v", path, len(letters), letters)
			continue
		}
		if l := letters[0]; l.Body != bodies[0] || l.Source != source || l.Reason != reason || l.ContentType != "application/json" {
			t.Errorf("%s: got the dead letter %+v, the sender was told %q", path, l, reason)
		}
	}
	if after := len(apptest.History(t, r.URL, "*.*.*.*")); after != before {
		t.Errorf("what has no meaning has made %d events", after-before)
	}
}

// PagerDuty's three actions on one key are one alert.
func TestPagerDutyEvents(t *testing.T) {
	t.Parallel()
	r := relaytest.Start(t)
	const channels = "_.critical.disk.pd-5005313df319afe5"
	for i, action := range []string{"trigger", "acknowledge", "resolve"} {
		path := "/in/pagerduty/pd"
		if i == 1 {
			path += "/v2/enqueue" // what clients append
		}
		got := relaytest.Send(t, r.URL+path, apptest.Fixture(t, "pagerduty/"+action+".json"))
		var answer struct {
			Status   string
			DedupKey string `json:"dedup_key"`
		}
		if err := json.Unmarshal([]byte(got.Text), &answer); err != nil || got.Status != http.StatusAccepted || answer.Status != "success" || answer.DedupKey != "srv01/HTTP" {
			t.Errorf("%s: got %d %s, want 202, success and the dedup_key", action, got.Status, got.Text)
		}
		all := apptest.History(t, r.URL, channels)
		last := all[len(all)-1]
		switch by := last.Ack; {
		case action == "acknowledge" && (by == nil || by.By != "ada" || last.Status != alerts.Firing):
			t.Errorf("after acknowledge it is %s, in the hands of %+v", last.Status, by)
		case action != "acknowledge" && by != nil:
			t.Errorf("after %s it is in the hands of %+v", action, by)
		}
	}
	apptest.WasTold(t, r.URL, channels, "disk firing", "disk acked", "disk resolved")
	if got := relaytest.Send(t, r.URL+"/in/pagerduty/pd", `{"event_action":"trigger"}`); got.Status != http.StatusBadRequest || !strings.Contains(got.Text, "invalid event") {
		t.Errorf("an event without a payload: got %d %s", got.Status, got.Text)
	}
}

func TestCloudEvents(t *testing.T) {
	t.Parallel()
	r := relaytest.Start(t, apptest.Settings(t, `
sources:
  ce: {}
  mapped: {mapping: {identity: [disk], status: {from: state, firing: [full], resolved: [fine]}, labels: {alertname: =DiskFull, instance: disk, type: $header.Ce-Type}}}
`))
	const structured = "application/cloudevents+json"
	now := func(name string, at time.Time) string {
		return strings.ReplaceAll(apptest.Fixture(t, "cloudevents/"+name+".json"), "2026-11-24T21:14:03Z", at.UTC().Format(time.RFC3339Nano))
	}
	posted := func(source, body, contentType string, want int, headers ...string) {
		t.Helper()
		if got := relaytest.Send(t, r.URL+"/in/cloudevents/"+source, body, append(headers, "Content-Type", contentType)...); got.Status != want {
			t.Errorf("got %d %s, want %d", got.Status, got.Text, want)
		}
	}
	firing := now("structured-firing", time.Now())
	posted("ce", firing, structured, 200)
	posted("ce", firing, structured, 200)
	posted("ce", now("structured-resolved", time.Now().Add(time.Millisecond)), structured, 200)
	apptest.WasTold(t, r.URL, "db.critical.com=2Eexample=2Edisk.>", "com.example.disk firing", "com.example.disk resolved")
	posted("ce", now("no-status", time.Now()), structured, 422)
	if letters := deadLetters(t, r.URL, "ce"); len(letters) != 1 {
		t.Errorf("got the dead letters %+v, want one", letters)
	}

	binary := []string{"Ce-Specversion", "1.0", "Ce-Id", "1", "Ce-Source", "/disks", "Ce-Type", "com.example.disk"}
	posted("mapped", `{"disk":"sda","state":"full"}`, "application/json", 200, binary...)
	if e := only(t, r.URL, "*.*.DiskFull.>"); e.Labels["instance"] != "sda" || e.Labels["type"] != "com.example.disk" {
		t.Errorf("got %+v", e)
	}
	posted("mapped", `{"disk":"sda","state":"who knows"}`, "application/json", 422, binary...)
	posted("mapped", `{"disk":"sda","state":"fine"}`, "application/json", 200, binary...)
	apptest.WasTold(t, r.URL, "*.*.DiskFull.>", "DiskFull firing", "DiskFull resolved")

	// The handshake of the webhook specification.
	req, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, r.URL+"/in/cloudevents/ce", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Close = true
	req.Header.Set("WebHook-Request-Origin", "events.example")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got := resp.Header.Get("WebHook-Allowed-Origin"); resp.StatusCode != http.StatusOK || got == "" {
		t.Errorf("the handshake: got %d, allowed origin %q", resp.StatusCode, got)
	}
}

// Events need time to come: both of these were made before the relay has got the
// first of them.
func TestCloudEventsComeLate(t *testing.T) {
	t.Parallel()
	r := relaytest.Start(t)
	at := time.Now().Add(-10 * time.Second)
	for i, name := range []string{"structured-firing", "structured-resolved"} {
		body := strings.ReplaceAll(apptest.Fixture(t, "cloudevents/"+name+".json"), "2026-11-24T21:14:03Z", at.Add(time.Duration(i)*time.Second).UTC().Format(time.RFC3339))
		if got := relaytest.Send(t, r.URL+"/in/cloudevents/ce", body, "Content-Type", "application/cloudevents+json"); got.Status != http.StatusOK {
			t.Errorf("got %d %s", got.Status, got.Text)
		}
	}
	apptest.WasTold(t, r.URL, ">", "com.example.disk firing", "com.example.disk resolved")
}

// What a sender leaves out is on no screen, and that is said.
func TestTruncation(t *testing.T) {
	t.Parallel()
	r := relaytest.Start(t)
	truncated := apptest.Fixture(t, "alertmanager/alertmanager-0.34.2-truncated.json")
	for range 2 {
		relaytest.Post(t, r.URL+"/in/alertmanager/am", truncated, http.StatusOK)
	}
	const channels = "_meta.warning.AlertsTruncated.>"
	e := only(t, r.URL, channels)
	if e.Status != alerts.Firing || e.Annotations["summary"] != "3 alerts hidden by max_alerts" || e.Labels["source"] != "am" || e.Labels["receiver"] != "trunc" {
		t.Errorf("got %+v", e)
	}
	if got := apptest.ActiveStatus(t, r.URL, ">"); !slices.Equal(got, []string{"AlertsTruncated firing", "Flood firing", "Flood firing"}) {
		t.Errorf("%q are active", got)
	}
	relaytest.Post(t, r.URL+"/in/alertmanager/am", strings.Replace(truncated, `"truncatedAlerts": 3`, `"truncatedAlerts": 0`, 1), http.StatusOK)
	apptest.WasTold(t, r.URL, channels, "AlertsTruncated firing", "AlertsTruncated resolved")
}
