package mapping_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"alertrelay/alerts"
	"alertrelay/alerts/alertstest"
	"alertrelay/alerts/mapping"
)

var update = flag.Bool("update", false, "write the golden files anew")

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// contentTypes are those of the fixtures' senders.
var contentTypes = map[string]string{
	".json":      "application/json",
	".form":      "application/x-www-form-urlencoded",
	".multipart": "multipart/form-data; boundary=------------------------618532297013450190563470",
}

// The golden files hold, for each body as its sender documents it, the channel and
// the event of each alert, or why there is none.
func TestPresets(t *testing.T) {
	router, err := alerts.ParseRoutes("", nil)
	must(t, err)
	now := time.Date(2026, 11, 24, 22, 0, 0, 0, time.UTC)
	for _, p := range mapping.Presets() {
		t.Run(p.Name, func(t *testing.T) {
			m, err := mapping.Preset(p.Name)
			must(t, err)
			if p.About == "" || strings.HasPrefix(p.About, "identity") {
				t.Errorf("got %q, want what it is for", p.About)
			}
			files, _ := filepath.Glob(filepath.Join("testdata", p.Name, "*.*"))
			bodies := 0
			for _, file := range files {
				kind, ok := contentTypes[filepath.Ext(file)]
				if !ok {
					continue
				}
				bodies++
				body, err := os.ReadFile(file)
				must(t, err)
				var b bytes.Buffer
				batch, err := m.Decode("src", http.Header{"Content-Type": {kind}}, body)
				if unmapped := (*alerts.UnmappedError)(nil); errors.As(err, &unmapped) {
					fmt.Fprintln(&b, "unmapped:", err)
				} else {
					must(t, err)
				}
				if batch.Invalid != nil {
					fmt.Fprintln(&b, "unmapped:", batch.Invalid)
				}
				if err == nil && len(batch.Alerts) == 0 {
					fmt.Fprintln(&b, "taken, and means nothing")
				}
				for i := range batch.Alerts {
					a := &batch.Alerts[i]
					if !a.Changing || a.Source != "src" {
						t.Errorf("%s: got %+v", file, a)
					}
					fmt.Fprintln(&b, strings.Join(router.Channels(a), " "))
					text, err := alerts.NewEvent(a, now).Encode()
					must(t, err)
					fmt.Fprintf(&b, "%s\n", text)
					if a.By != "" || a.Comment != "" {
						fmt.Fprintf(&b, "by %q: %q\n", a.By, a.Comment)
					}
				}
				alertstest.Golden(t, file+".golden", b.Bytes(), *update)
			}
			if bodies < 3 {
				t.Errorf("got %d bodies only", bodies)
			}
		})
	}
}

// What fires and what resolves it are one alert.
func TestPresetsPair(t *testing.T) {
	pairs := map[string][][]string{
		"uptime-kuma":  {{"down.json", "up.json", "maintenance.json", "down.multipart"}},
		"zabbix":       {{"problem.json", "resolved.json", "acknowledged.json", "suppressed.json", "severity-changed.json"}},
		"netdata":      {{"critical.json", "warning.json", "clear.json"}, {"unreachable.json", "reachable.json"}},
		"sentry":       {{"metric-critical.json", "metric-warning.json", "metric-resolved.json"}, {"event-alert-triggered.json", "issue-created.json", "issue-resolved.json", "issue-archived.json", "issue-assigned.json"}},
		"healthchecks": {{"down.json", "up.json"}},
		"icinga":       {{"problem.form", "recovery.form", "acknowledgement.form", "downtime-start.form", "downtime-end-still-critical.form"}, {"host-down.form", "host-up.form"}},
		"generic":      {{"firing.json", "resolved.json"}},
	}
	for _, p := range mapping.Presets() {
		seen := make(map[string]int)
		for group, files := range pairs[p.Name] {
			fingerprints := make(map[string]bool)
			for _, file := range files {
				a := decodeFile(t, p.Name, file)
				fingerprints[a.Fingerprint] = true
				seen[a.Fingerprint] = group
			}
			if len(fingerprints) != 1 {
				t.Errorf("%s: %v are %d alerts, want 1", p.Name, files, len(fingerprints))
			}
		}
		if len(seen) != len(pairs[p.Name]) || len(seen) == 0 {
			t.Errorf("%s: got %d alerts, want %d", p.Name, len(seen), len(pairs[p.Name]))
		}
	}
}

func decodeFile(t *testing.T, preset, file string) alerts.Alert {
	t.Helper()
	m, err := mapping.Preset(preset)
	must(t, err)
	body, err := os.ReadFile(filepath.Join("testdata", preset, file))
	must(t, err)
	batch, err := m.Decode("src", http.Header{"Content-Type": {contentTypes[filepath.Ext(file)]}}, body)
	must(t, err)
	if len(batch.Alerts) != 1 {
		t.Fatalf("%s: got %d alerts, want 1", file, len(batch.Alerts))
	}
	return batch.Alerts[0]
}

func TestUnknownPreset(t *testing.T) {
	for name, want := range map[string]string{
		"uptimekuma": "did you mean uptime-kuma?",
		"Sentry":     "did you mean sentry?",
		"nagios":     "valid are generic, healthchecks, icinga, netdata, sentry, uptime-kuma, zabbix",
		"":           "valid are generic",
		"../../x":    "unknown preset",
	} {
		if _, err := mapping.Preset(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", name, err, want)
		}
	}
}

const plain = `
identity: [id]
status: {from: status, firing: [firing], resolved: [ok]}
labels: {alertname: name}
`

// parse is a mapping with more than plain has.
func parse(t testing.TB, more string) *mapping.Mapping {
	t.Helper()
	m, err := mapping.Parse([]byte(plain + more))
	must(t, err)
	return m
}

func decode(t testing.TB, m *mapping.Mapping, body string) alerts.Alert {
	t.Helper()
	batch, err := m.Decode("src", nil, []byte(body))
	must(t, err)
	if len(batch.Alerts) != 1 {
		t.Fatalf("got %+v, want one alert", batch)
	}
	return batch.Alerts[0]
}

func TestMistakes(t *testing.T) {
	tests := []struct{ name, yaml, want string }{
		{"nothing", "", "mapping: identity: is missing; name what stays"},
		{"a list", "[a]", "mapping: must be keys and values (annotations: ...)"},
		{"no YAML", "identity: [a", "mapping: line 1: "},
		{"twice", plain + "identity: [b]", "already defined"},
		{"unknown key", plain + "lables: {}", `mapping: unknown key "lables"; did you mean labels?`},
		{"unknown key of status", "status: {from: a, firing: [x], resolves: [y]}", `mapping: status: unknown key "resolves"; did you mean resolved?`},
		{"unknown key of a value", plain + "by: {from: a, default: b}", `mapping: by: unknown key "default"; valid are from, map`},
		{"value without from", plain + "by: {map: {a: b}}", "mapping: by: from is missing"},
		{"no status", "identity: [a]", "mapping: status.from: is missing"},
		{"nothing fires", "status: {from: a}", "mapping: status.firing: is empty"},
		{"nothing resolves", "status: {from: a, firing: [b]}", "mapping: status.resolved: is empty"},
		{"in two lists", "status: {from: a, firing: [b, 1], resolved: [B]}", `mapping: status.resolved: "B" is in status.firing too`},
		{"twice in a list", "status: {from: a, firing: [b, B]}", `mapping: status.firing: "B" is there twice`},
		{"any status", "status: {from: a, firing: ['*']}", `mapping: status.firing: "*" fits nothing or everything`},
		{"no labels", "identity: [a]", "mapping: labels: are missing"},
		{"identity of constants", "identity: [=a]", "mapping: identity: has constants only"},
		{"empty path", "identity: ['']", `mapping: identity[0]: "" is empty; write a path`},
		{"constant in front", plain + "by: [=a, b]", `mapping: by: "=a" is a constant, so what follows is never used`},
		{"dots", plain + "by: a..b", `mapping: by: "a..b" has a dot without a name`},
		{"dot at the end", plain + "by: a.", `has a dot without a name`},
		{"bracket", plain + `by: 'a.#(b=="c"'`, "has a bracket that is not closed"},
		{"bracket closed only", plain + `by: 'a)'`, "has a bracket that is not opened"},
		{"quote", plain + `by: 'a.#(b=="c)'`, "has a quote that is not closed"},
		{"modifier", plain + "by: '@typo'", "a modifier that is not known"},
		{"JSONPath", plain + "by: $a", `begins with "$"`},
		{"header", plain + "by: '$header.A B'", "is no name of a header"},
		{"space", plain + "by: ' a'", "has a space"},
		{"each", plain + "each: a..b", `mapping: each: "a..b" has a dot`},
		{"second source", plain + "by: [a, b..c]", `mapping: by: source 2, "b..c", has a dot`},
		{"map twice", plain + "by: {from: a, map: {A: x, a: y}}", `mapping: by: map: "a" is there twice`},
		{"map a list", plain + "by: {from: a, map: [x]}", "mapping: by.map: must be values and what becomes of them"},
		{"all of a constant", plain + "values: {'*': =a}", "mapping: values.*: must be paths only"},
		{"layout", plain + "starts_at: {from: a, layout: YYYY}", `mapping: starts_at: layout "YYYY" has no time in it`},
		{"zone", plain + "starts_at: {from: a, layout: '2006', zone: Mars}", `mapping: starts_at: zone "Mars" is not known`},
		{"null", plain + "by:", "mapping: by: has no value"},
		{"labels a text", "labels: a", "mapping: labels: must be names"},
		{"nameless label", plain + "values: {'': a}", `mapping: values: "": is no name`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := mapping.Parse([]byte(tt.yaml))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
	_, err := mapping.Parse([]byte("lables: {}\nidentity: [a..b]\nstarts_at: {from: x, zone: Mars}"))
	if n := strings.Count(fmt.Sprint(err), "\n") + 1; n != 7 {
		t.Errorf("got %d lines, want one for each of 7 mistakes:\n%v", n, err)
	}
}

func TestUnmapped(t *testing.T) {
	tests := []struct{ name, more, body, want string }{
		{"empty", "", " ", "body: is empty"},
		{"no JSON", "", "status=firing", "body: is no JSON"},
		{"cut off", "", `{"status":"firing"`, "body: is no JSON"},
		{"no UTF-8", "", "{\"status\":\"\xff\"}", "body: is no UTF-8"},
		{"no status", "", `{"id":1,"name":"A"}`, "status: there is nothing at status"},
		{"null status", "", `{"id":1,"name":"A","status":null}`, "status: there is nothing at status"},
		{"other status", "", `{"id":1,"name":"A","status":"secret"}`, "status: what is at status is in none of the lists"},
		{"status an object", "", `{"id":1,"name":"A","status":{}}`, "status: what is at status is in none of the lists"},
		{"no identity", "", `{"name":"A","status":"ok"}`, "identity[0]: there is nothing at id"},
		{"empty identity", "", `{"id":"","name":"A","status":"ok"}`, "identity[0]: there is nothing at id"},
		{"no labels", "", `{"id":1,"status":"firing"}`, "labels: are missing"},
		{"bad time", "starts_at: t", `{"id":1,"name":"A","status":"firing","t":"secret"}`, "starts_at: what is there is no time"},
		{"time of another layout", "starts_at: {from: t, layout: unix}", `{"id":1,"name":"A","status":"firing","t":"2026-11-24T00:00:00Z"}`, "starts_at: what is there is no time"},
		{"year 20000", "starts_at: t", `{"id":1,"name":"A","status":"firing","t":"-1e300"}`, "starts_at: what is there is no time"},
		{"no list", "each: alerts", `{"alerts":3}`, "each: there is no list at alerts"},
		{"element", "each: alerts", `{"alerts":[{"id":1}]}`, "element 0: status: there is nothing at status"},
		{"elements", "each: alerts", `{"alerts":[1,2,3]}`, "element 0: status: there is nothing at status; as many more have no meaning: 2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := parse(t, tt.more).Decode("src", nil, []byte(tt.body))
			if unmapped := (*alerts.UnmappedError)(nil); !errors.As(err, &unmapped) || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
			if strings.Contains(fmt.Sprint(err), "secret") {
				t.Errorf("%v quotes the body", err)
			}
		})
	}
}

func TestTimes(t *testing.T) {
	want := time.Date(2026, 11, 24, 21, 14, 3, 0, time.UTC)
	for _, tt := range []struct{ layout, text string }{
		{"", `"2026-11-24T21:14:03Z"`},
		{"", `"2026-11-24T22:14:03+01:00"`},
		{"", fmt.Sprint(want.Unix())},
		{"", fmt.Sprintf(`"%d"`, want.Unix())},
		{"", fmt.Sprint(want.UnixMilli())},
		{"", fmt.Sprint(want.UnixMicro())},
		{"", fmt.Sprint(want.UnixNano())},
		{"", fmt.Sprintf("%d.0", want.Unix())},
		{"unix", fmt.Sprint(want.Unix())},
		{"unix_ms", fmt.Sprint(want.UnixMilli())},
		{"2006-01-02 15:04:05", `"2026-11-24 21:14:03"`},
		{"2006.01.02 15:04:05, zone: Europe/Berlin", `"2026.11.24 22:14:03"`},
		{"20060102150405", "20261124211403"},
	} {
		layout := tt.layout
		if name, zone, ok := strings.Cut(layout, ", zone: "); ok {
			layout = fmt.Sprintf("layout: %q, zone: %s", name, zone)
		} else {
			layout = fmt.Sprintf("layout: %q", layout)
		}
		m := parse(t, "starts_at: {from: t, "+layout+"}")
		if got := decode(t, m, `{"id":1,"name":"A","status":"firing","t":`+tt.text+`}`).StartsAt; !got.Equal(want) || got.Location() != time.UTC {
			t.Errorf("%s %s: got %s, want %s", tt.layout, tt.text, got, want)
		}
	}
	m := parse(t, "starts_at: s\nends_at: e\nreported_at: r")
	a := decode(t, m, `{"id":1,"name":"A","status":"firing","s":0,"e":5,"r":null}`)
	if !a.StartsAt.IsZero() || !a.EndsAt.IsZero() || !a.ReportedAt.IsZero() {
		t.Errorf("got %+v, want no times", a)
	}
	if a = decode(t, m, `{"id":1,"name":"A","status":"ok","e":5,"r":6}`); a.EndsAt.Unix() != 5 || a.ReportedAt.Unix() != 6 {
		t.Errorf("got %+v", a)
	}
}

func TestTexts(t *testing.T) {
	m := parse(t, `
annotations:
  list: l
  mixed: m
  object: o
  header: $header.X-Team
  constant: =always
  first: [none, empty, "null", n]
  mapped: {from: [a, b], map: {X: "", Y: why, "*": other}}
  number: n
  long: long
values: {"*": tags}
links: {"*": [none, o]}
by: b
reason: n
`)
	body := `{"id":1,"name":"A","status":"firing","l":["a",2,true],"m":["a",{"b":1}],"o":{ "k" : "v" },"empty":"","null":null,"n":12345678901234567890,
		"a":"x","b":"y","long":"` + strings.Repeat("é", 10_000) + `","tags":[{"tag":"t1","value":"v1"},{"name":"t2"},"t3",{"x":1},null]}`
	batch, err := m.Decode("src", http.Header{"X-Team": {"db"}}, []byte(body))
	must(t, err)
	a := batch.Alerts[0]
	for name, want := range map[string]string{
		"list": "a, 2, true", "mixed": `["a",{"b":1}]`, "object": `{"k":"v"}`, "header": "db", "constant": "always",
		"first": "12345678901234567890", "mapped": "why", "number": "12345678901234567890",
	} {
		if got := a.Annotations[name]; got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if got := a.Annotations["long"]; len(got) > alerts.MaxAnnotationBytes || !strings.HasSuffix(got, "é…") {
		t.Errorf("got %d bytes", len(got))
	}
	if got := fmt.Sprint(a.Values, a.Links); got != "map[t1:v1 t2:true t3:true] map[k:v]" {
		t.Errorf("got %s", got)
	}
	if a.By != "" || a.Reason != "12345678901234567890" {
		t.Errorf("got by %q, reason %q: nobody has acknowledged it", a.By, a.Reason)
	}
}

// Identities are told apart by where their parts end.
func TestIdentity(t *testing.T) {
	m, err := mapping.Parse([]byte(`
identity: [a, [b, "="]]
status: {from: =firing, firing: [firing], resolved: [ok]}
labels: {alertname: =A}
`))
	must(t, err)
	seen := make(map[string]string)
	for _, body := range []string{`{"a":"1","b":"23"}`, `{"a":"12","b":"3"}`, `{"a":"123"}`, `{"a":"1"}`} {
		fp := decode(t, m, body).Fingerprint
		if seen[fp] != "" || len(fp) != 16 {
			t.Errorf("%s is the same as %s: %s", body, seen[fp], fp)
		}
		seen[fp] = body
	}
	if got, want := decode(t, m, `{"a":1}`).Fingerprint, decode(t, m, `{"b":null,"a":"1"}`).Fingerprint; got != want {
		t.Errorf("got %s, want %s: a number is what it looks like", got, want)
	}
}

// With each, "$." is the body. What has no meaning does not keep the rest back.
func TestEach(t *testing.T) {
	m := parse(t, "each: data.alerts\nannotations: {cluster: $.cluster, own: cluster}")
	batch, err := m.Decode("src", nil, []byte(`{"cluster":"eu","data":{"alerts":[{"id":1,"name":"A","status":"firing"},{"id":2,"status":"firing"},{"id":3,"name":"C","status":"ok"}]}}`))
	must(t, err)
	if len(batch.Alerts) != 2 || batch.Alerts[1].Annotations["cluster"] != "eu" || batch.Alerts[1].Annotations["own"] != "" {
		t.Errorf("got %+v", batch.Alerts)
	}
	if unmapped := (*alerts.UnmappedError)(nil); !errors.As(batch.Invalid, &unmapped) || batch.Invalid.Error() != "element 1: labels: are missing; an alert needs at least one label" {
		t.Errorf("got %v", batch.Invalid)
	}
	many := `{"data":{"alerts":[0` + strings.Repeat(",0", alerts.MaxAlerts) + `]}}`
	if _, err := m.Decode("src", nil, []byte(many)); !errors.Is(err, alerts.ErrTooMany) {
		t.Errorf("got %v, want %v", err, alerts.ErrTooMany)
	}
}

func TestForms(t *testing.T) {
	const json = `{"id":1,"name":"A","status":"firing"}`
	m := parse(t, "form: payload")
	for _, tt := range []struct{ name, kind, body string }{
		{"field", "application/x-www-form-urlencoded", "other=1&payload=%7B%22id%22%3A1%2C%22name%22%3A%22A%22%2C%22status%22%3A%22firing%22%7D"},
		{"fields", "application/x-www-form-urlencoded; charset=utf-8", "id=1&name=A&status=firing&status=ok"},
		{"JSON that curl calls a form", "application/x-www-form-urlencoded", json},
		{"no type", "", json},
		{"odd type", "text/plain;;", "\ufeff" + json},
		{"multipart", `multipart/form-data; boundary="x"`, "--x\r\nContent-Disposition: form-data; name=\"payload\"\r\n\r\n" + json + "\r\n--x--"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			batch, err := m.Decode("src", http.Header{"Content-Type": {tt.kind}}, []byte(tt.body))
			must(t, err)
			if batch.Alerts[0].Fingerprint != decode(t, m, json).Fingerprint || batch.Alerts[0].Status != alerts.Firing {
				t.Errorf("got %+v", batch.Alerts)
			}
		})
	}
	for _, tt := range []struct{ name, kind, body string }{
		{"no form", "application/x-www-form-urlencoded", "a=%zz"},
		{"many fields", "application/x-www-form-urlencoded", strings.Repeat("a=b&", 1001)},
		{"no multipart", "multipart/form-data; boundary=x", "--y"},
		{"no boundary", "multipart/form-data", json},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := m.Decode("src", http.Header{"Content-Type": {tt.kind}}, []byte(tt.body))
			if unmapped := (*alerts.UnmappedError)(nil); !errors.As(err, &unmapped) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	var all []*mapping.Mapping
	for _, p := range mapping.Presets() {
		m, err := mapping.Preset(p.Name)
		must(f, err)
		all = append(all, m)
		files, _ := filepath.Glob(filepath.Join("testdata", p.Name, "*"))
		for _, file := range files {
			if kind := contentTypes[filepath.Ext(file)]; kind != "" {
				body, err := os.ReadFile(file)
				must(f, err)
				f.Add(kind, body)
			}
		}
	}
	all = append(all, parse(f, `
each: a.#(b!="c")#
starts_at: t
annotations: {x: 'a.@flatten.#.b', y: '{a,"b":c}', z: $.a.@reverse, "*": o}
`))
	router, err := alerts.ParseRoutes("", nil)
	must(f, err)
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		for _, m := range all {
			batch, err := m.Decode("src", http.Header{"Content-Type": {kind}}, body)
			if err != nil && len(batch.Alerts) > 0 {
				t.Errorf("got %d alerts with %v", len(batch.Alerts), err)
			}
			for i := range batch.Alerts {
				a := &batch.Alerts[i]
				if a.Source != "src" || len(a.Fingerprint) != 16 || a.Status == alerts.Firing && len(a.Labels) == 0 {
					t.Errorf("got %+v", a)
				}
				for _, channel := range router.Channels(a) {
					if n := strings.Count(channel, "."); n != 3 {
						t.Errorf("got channel %q", channel)
					}
				}
				if a.Status == alerts.Acknowledged {
					continue // no event has that status
				}
				alertstest.RoundTrip(t, a)
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, p := range mapping.Presets() {
		text, err := mapping.PresetYAML(p.Name)
		must(f, err)
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := mapping.Parse(text)
		if (m == nil) == (err == nil) {
			t.Errorf("got %v, %v", m, err)
		}
		if m != nil {
			_, _ = m.Decode("src", nil, []byte(`{"a":[{"b":"c"}]}`))
		}
	})
}

// A body as large as it may be is read within the time that senders wait.
func TestLargeBodies(t *testing.T) {
	generic, err := mapping.Preset("generic")
	must(t, err)
	one := `{"id":1,"name":"A","status":"firing","labels":{` + strings.Repeat(`"l":"v",`, 500_000) + `"z":{}},"annotations":[` + strings.Repeat("[1],", 500_000) + `[]]}`
	list := "[" + strings.Repeat(`{"id":1,"name":"A","status":"firing","labels":{"team":"db"},"summary":"x"},`, alerts.MaxAlerts-1) + `{"id":2,"name":"B","status":"ok"}]`
	for name, body := range map[string]string{"one": one, "list": list} {
		start := time.Now()
		batch, err := generic.Decode("src", nil, []byte(body))
		must(t, err)
		t.Logf("%s: %d MiB, %d alerts, %s", name, len(body)>>20, len(batch.Alerts), time.Since(start))
	}
}
