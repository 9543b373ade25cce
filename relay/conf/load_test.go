package conf_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"alertrelay/relay/conf"
)

func write(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "r.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const whole = `
listen: 0.0.0.0:9000
data: /var/lib/alertrelay
nats:
  listen: ""
limits: {channel_id: 100, channels: 5_000, wildcards: 10}
groups:
- match: ops.*
  max_messages: 500
  max_age: 2d12h
  max_subscribers: 3
- match: '@alerts'
routes:
- match: ['source="grafana"', severity!="info"]
  subject: 'alerts.{team}.{severity}'
  continue: true
- subject: alerts.{team}
storage: {max_bytes: 10GiB, durability: fsync, buffer: 16MiB}
log: {level: debug, format: json}
`

func TestEverySettingOfTheFile(t *testing.T) {
	c, err := conf.Load(conf.Sources{File: write(t, whole)})
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != "0.0.0.0:9000" || c.Data != "/var/lib/alertrelay" || c.NATS.Listen != "" || !c.NATS.ListenAsked {
		t.Errorf("got %+v", c)
	}
	if got, want := c.Limits, (conf.Limits{ChannelID: 100, Channels: 5000, Wildcards: 10}); got != want {
		t.Errorf("limits: got %+v, want %+v", got, want)
	}
	if got, want := c.Storage, (conf.Storage{MaxBytes: 10 << 30, Durability: conf.DurabilityFsync, Buffer: 16 << 20}); got != want {
		t.Errorf("storage: got %+v, want %+v", got, want)
	}
	if c.Log.Level != slog.LevelDebug || c.Log.Format != "json" {
		t.Errorf("log: got %+v", c.Log)
	}
	if len(c.Groups) != 4 {
		t.Fatalf("got %d groups, want the two of the file and the two built in", len(c.Groups))
	}
	if g := c.Groups[0]; g.MaxMessages != 500 || g.MaxAge != 60*time.Hour || g.MaxSubscribers != 3 || !strings.HasSuffix(g.Origin, "r.yaml:8:3") {
		t.Errorf("group: got %+v", g)
	}
	if g := c.Groups[1]; g.MaxMessages != 20 || g.MaxAge != 5*time.Minute {
		t.Errorf("group without limits: got %+v", g)
	}
	if r := c.Routes[0]; !slices.Equal(r.Match, []string{`source="grafana"`, `severity!="info"`}) || r.Subject != "alerts.{team}.{severity}" || !r.Continue {
		t.Errorf("route: got %+v", r)
	}
	if got := c.Origin("storage.buffer"); !strings.HasSuffix(got, "r.yaml:18:56") {
		t.Errorf("origin: got %s", got)
	}
	if err := c.Validate(); err != nil {
		t.Errorf("validate: %v", err)
	}
}

func TestSourcesInOrder(t *testing.T) {
	file := write(t, "listen: :1\ndata: file\nlog: {level: warn}\n")
	c, err := conf.Load(conf.Sources{
		File:    file,
		Environ: []string{"ALERTRELAY_LISTEN=:2", "ALERTRELAY_DATA=env", "PATH=/bin", "ALERTRELAY_NATS_LISTEN="},
		Flags:   map[string]string{"listen": ":3"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != ":3" || c.Data != "env" || c.Log.Level != slog.LevelWarn || c.NATS.Listen != "" || c.Limits.ChannelID != 200 {
		t.Errorf("got %+v", c)
	}
	for key, want := range map[string]string{
		"listen": "--listen", "data": "ALERTRELAY_DATA", "log.level": file + ":3:14", "limits.channel_id": "default",
	} {
		if got := c.Origin(key); got != want {
			t.Errorf("origin of %s: got %s, want %s", key, got, want)
		}
	}
}

func TestDefaultIsValidAndEmptyFilesToo(t *testing.T) {
	c := conf.Default()
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	for _, content := range []string{"", "# nothing\n", "groups:\n", "nats:\n# listen: :1\n", "---\nlisten: :1\n", "# first\n---\nlisten: :1\n", "listen: :1\n---\n", "%YAML 1.2\n---\nlisten: :1\n", "\ufefflisten: :1\r\n", "{}"} {
		if _, err := conf.Load(conf.Sources{File: write(t, content)}); err != nil {
			t.Errorf("%q: %v", content, err)
		}
	}
}

func TestRefusalsOfTheFile(t *testing.T) {
	for name, test := range map[string]struct{ content, want string }{
		"misspelt key":            {"lisen: :1", `r.yaml:1:1: unknown key "lisen"; did you mean listen?`},
		"misspelt key in section": {"limits:\n  chanel_id: 3", `r.yaml:2:3: limits: unknown key "chanel_id"; did you mean channel_id?`},
		"key of another section":  {"max_bytes: 1GiB", `did you mean storage.max_bytes, key max_bytes of section storage?`},
		"flag name as key":        {"nats-listen: ':1'", `did you mean nats.listen, key listen of section nats?`},
		"top key indented":        {"nats:\n  groups: []", `it belongs to the top of the file`},
		"top key in a section":    {"limits:\n  listen: :1", `r.yaml:2:3: limits: unknown key "listen"; it belongs to the top of the file`},
		"alias without anchor":    {"groups: *x", `r.yaml:1:9: *x: there is no &x above it`},
		"infinite":                {"listen: .inf", `listen: ".inf" is no address`},
		"nothing near":            {"storage: {xyzzy: 1}", `valid are buffer, durability, max_bytes`},
		"misspelt in a group":     {"groups:\n- match: a\n  max_mesages: 3", `r.yaml:3:3: groups[0]: unknown key "max_mesages"; did you mean max_messages?`},
		"misspelt in a route":     {"routes:\n- subjet: a", `did you mean subject?`},
		"given twice":             {"listen: :1\nlisten: :2", `r.yaml:2:1:`},
		"no value":                {"listen:", `listen: has no value`},
		"section is a value":      {"nats: 3", `nats: wants keys and values (listen: ...), not a single value`},
		"file is a list":          {"- a", `wants keys and values`},
		"value is a list":         {"listen: [a]", `listen: wants one value, not a list`},
		"list is a value":         {"groups: ops", `groups: wants a list (- ...), not a single value`},
		"two documents":           {"listen: :1\n---\nlisten: :2", `a second document`},
		"tab":                     {"nats:\n\tlisten: :1", `r.yaml:2:1: `},
		"broken":                  {"listen: \"abc", `r.yaml:1:9: `},
		"no address":              {"listen: localhost", `listen: "localhost" is no address; write host:port`},
		"port only":               {"listen: 8080", `"8080" is a port only; write 127.0.0.1:8080`},
		"bad port":                {"listen: a:99999", `ports are 0 (any free one) to 65535`},
		"url as address":          {"listen: http://a:1", `is a URL; write host:port only`},
		"empty address":           {"listen: ''", `listen: is empty`},
		"empty data":              {"data: ''", `data: is empty; name a directory`},
		"nats scheme":             {"nats: {url: 'http://u:geheim@h'}", `has the scheme "http"`},
		"nats url":                {"nats: {url: 'nats://u:ge/heim@h'}", `is no URL of a NATS server`},
		"nats listen and url":     {"nats: {url: 'nats://h', listen: ':1'}", `exclude each other`},
		"same address":            {"listen: :4222\nnats: {listen: ':4222'}", `is also the address for NATS clients`},
		"replicas alone":          {"nats: {replicas: 3}", `more need a cluster`},
		"fsync elsewhere":         {"nats: {url: 'nats://h'}\nstorage: {durability: fsync}", `fsync is for the embedded server`},
		"no number":               {"limits: {channel_id: many}", `limits.channel_id: "many" is no whole number`},
		"out of range":            {"limits: {channel_id: 5000}", `5000 is out of range, 1 to 1024`},
		"no size":                 {"storage: {max_bytes: big}", `"big" is no size; write a number and a unit`},
		"nginx size":              {"storage: {max_bytes: 100m}", `"100m" is ambiguous; write 100MiB (powers of 1024) or 100MB`},
		"small size":              {"storage: {max_bytes: 100}", `100B is out of range, 1MiB to`},
		"durability":              {"storage: {durability: fsnc}", `"fsnc" is not known; did you mean fsync?`},
		"level":                   {"log: {level: loud}", `"loud" is not known; valid are debug, error, info, warn`},
		"format":                  {"log: {format: xml}", `valid are json, text`},
		"duration without unit":   {"groups: [{match: a, max_age: 30}]", `groups[0].max_age: "30" has no unit; write 30s or 30m`},
		"no duration":             {"groups: [{match: a, max_age: soon}]", `"soon" is no duration`},
		"no age":                  {"groups: [{match: a, max_age: 0s}]", `0s is out of range`},
		"no messages":             {"groups: [{match: a, max_messages: 0}]", `0 is out of range, 1 to 1000000`},
		"group without match":     {"groups: [{max_messages: 5}]", `groups[0]: match is missing`},
		"bad wildcard":            {"groups: [{match: 'a.b*'}]", `groups[0].match: "a.b*" is no wildcard`},
		"wildcard in the middle":  {"groups: [{match: 'a.>.b'}]", `is no wildcard`},
		"unknown named match":     {"groups: [{match: '@alert'}]", `the only named match is "@alerts"`},
		"match all":               {"groups: [{match: ALL}]", `write ">" for every channel`},
		"group never used":        {"groups:\n- match: '>'\n- match: ops", `r.yaml:3:3: groups[1]: never used`},
		"group of one channel":    {"groups:\n- match: ops.*\n- match: ops.db", `groups[1]: never used, because the group with match "ops.*"`},
		"group within a group":    {"groups:\n- match: ops.>\n- match: ops.*.x", `groups[1]: never used`},
		"alerts within a group":   {"groups:\n- match: '*.>'\n- match: '@alerts'", `groups[1]: never used`},
		"one alert":               {"groups:\n- match: '@alerts'\n- match: db.am-e0e5d472468ff987", `groups[1]: never used`},
		"group twice":             {"groups:\n- match: a\n- match: a", `groups[1]: never used`},
		"route without subject":   {"routes: [{match: [a=b]}]", `routes[0]: subject is missing`},
		"route match no list":     {"routes: [{match: {a: b}, subject: b}]", `routes[0].match: wants a list`},
		"route continue":          {"routes: [{subject: b, continue: maybe}]", `"maybe" is neither true nor false`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := conf.Load(conf.Sources{File: write(t, test.content)})
			if err == nil {
				t.Fatal("accepted")
			}
			var e *conf.Error
			if !errors.As(err, &e) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
			if strings.Contains(err.Error(), "heim") {
				t.Errorf("a password is shown: %v", err)
			}
		})
	}
}

func TestRefusalsOfFlagsAndEnvironment(t *testing.T) {
	for name, test := range map[string]struct {
		s    conf.Sources
		want string
	}{
		"flag":     {conf.Sources{Flags: map[string]string{"listen": "x"}}, `--listen: "x" is no address`},
		"variable": {conf.Sources{Environ: []string{"ALERTRELAY_LOG_LEVEL="}}, `ALERTRELAY_LOG_LEVEL: is empty; valid are debug`},
		"no file":  {conf.Sources{File: "/nonexistent.yaml"}, `--config: open /nonexistent.yaml: no such file`},
		"both": {
			conf.Sources{Environ: []string{"ALERTRELAY_NATS_LISTEN=:1"}, Flags: map[string]string{"nats-url": "nats://h"}},
			`listen (ALERTRELAY_NATS_LISTEN) and url (--nats-url) exclude each other`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := conf.Load(test.s); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func TestAllProblemsAreTold(t *testing.T) {
	_, err := conf.Load(conf.Sources{
		File:    write(t, "lisen: :1\nlog: {level: x}\n"),
		Environ: []string{"ALERTRELAY_DATA="},
		Flags:   map[string]string{"nats-listen": "7"},
	})
	var e *conf.Error
	if !errors.As(err, &e) || len(e.Problems) != 4 {
		t.Errorf("got %v, want four problems", err)
	}
}

func TestUnknownVariables(t *testing.T) {
	if err := conf.CheckEnviron([]string{"HOME=/", "ALERTRELAY_LISTEN=x", "ALERTRELAY_CONFIG=y"}, "config"); err != nil {
		t.Error(err)
	}
	// What Kubernetes sets for a service named alertrelay.
	if err := conf.CheckEnviron([]string{
		"ALERTRELAY_SERVICE_HOST=10.0.0.1", "ALERTRELAY_SERVICE_PORT=8080", "ALERTRELAY_SERVICE_PORT_HTTP=8080", "ALERTRELAY_NATS_SERVICE_HOST=10.0.0.2",
		"ALERTRELAY_PORT=tcp://10.0.0.1:8080", "ALERTRELAY_PORT_8080_TCP=tcp://10.0.0.1:8080", "ALERTRELAY_PORT_8080_TCP_ADDR=10.0.0.1",
	}); err != nil {
		t.Error(err)
	}
	if err := conf.CheckEnviron([]string{"ALERTRELAY_PORT=8080"}); err == nil {
		t.Error("ALERTRELAY_PORT=8080 was let through")
	}
	err := conf.CheckEnviron([]string{"ALERTRELAY_LISEN=x"}, "config")
	if want := "ALERTRELAY_LISEN: unknown variable; did you mean ALERTRELAY_LISTEN?"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestAnchors(t *testing.T) {
	c, err := conf.Load(conf.Sources{File: write(t, "groups:\n- &g {match: a, max_age: 1h}\n- {match: b, max_age: &d 2h}\n- {match: c, max_age: *d}\n")})
	if err != nil || c.Groups[2].MaxAge != 2*time.Hour {
		t.Errorf("got %+v, %v", c.Groups, err)
	}
}

func TestDescribeHidesSecrets(t *testing.T) {
	c, err := conf.Load(conf.Sources{Flags: map[string]string{"nats-url": "nats://u:geheim@h1:4222, zeichen@h2"}})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := c.Describe(&b); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.String(), "geheim") || strings.Contains(b.String(), "zeichen") || !strings.Contains(b.String(), "nats://xxxxx@h1:4222") {
		t.Errorf("got %s", b.String())
	}
}

func FuzzFile(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte("a: &a\n  b: *a\n"))
	f.Add([]byte(everySource[:strings.Index(everySource, "bearer_file")] + "basic: {user: a, password: b}\n    mapping:\n      a: [b]\n      # c\n  b: {api: 'http://a', mapping: {a: b}}\nwatchdogs: [{match: [a=b], within: 1m}]\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		if bytes.Contains(content, []byte("_file")) {
			return // what is on this machine does not belong here
		}
		c, err := conf.Load(conf.Sources{File: write(t, string(content))})
		if err == nil {
			if err := c.Validate(); err != nil {
				t.Errorf("loaded but not valid: %v", err)
			}
		}
	})
}

func TestGroupsThatOverlap(t *testing.T) {
	for _, content := range []string{
		"groups:\n- match: ops.*\n- match: ops.>\n", "groups:\n- match: '*.*'\n- match: ops.>\n", "groups:\n- match: ops.db\n- match: ops.*\n",
		"groups:\n- match: ops.>\n- match: ops\n", "groups:\n- match: '@alerts'\n- match: '*.>'\n", "groups:\n- match: a.>\n- match: '@alerts'\n",
	} {
		if _, err := conf.Load(conf.Sources{File: write(t, content)}); err != nil {
			t.Errorf("%q: %v", content, err)
		}
	}
}

func TestValidateOfWhatWasMadeByHand(t *testing.T) {
	for want, change := range map[string]func(*conf.Config){
		`listen: "x" is no address`:                  func(c *conf.Config) { c.Listen = "x" },
		"log.level":                                  func(c *conf.Config) { c.Log.Level = 2 },
		"storage.buffer: 100B is out of range":       func(c *conf.Config) { c.Storage.Buffer = 100 },
		"nats.url: is no URL of a NATS server":       func(c *conf.Config) { c.NATS.URL = "nats://" },
		"groups: empty":                              func(c *conf.Config) { c.Groups = nil },
		"groups[0]: match: is empty":                 func(c *conf.Config) { c.Groups[0].Match = "" },
		"groups[0]: max_messages: 0 is out of range": func(c *conf.Config) { c.Groups[0].MaxMessages = 0 },
		"groups[0]: max_age: 0s is out of range":     func(c *conf.Config) { c.Groups[0].MaxAge = time.Microsecond },
		"groups[0]: max_subscribers: -1":             func(c *conf.Config) { c.Groups[0].MaxSubscribers = -1 },
		"routes[0]: subject is missing":              func(c *conf.Config) { c.Routes = []conf.Route{{}} },
		"replicas (default): the embedded server":    func(c *conf.Config) { c.NATS.Replicas = 3 },
	} {
		c := conf.Default()
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestDescribe(t *testing.T) {
	file := write(t, "groups:\n- {match: ops.*, max_subscribers: 1, max_age: 1h30m}\nroutes:\n- {match: ['a=\"b\"', c=d], subject: alerts.x, continue: true}\n")
	c, err := conf.Load(conf.Sources{File: file, Flags: map[string]string{"nats-listen": ""}})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := c.Describe(&b); err != nil {
		t.Fatal(err)
	}
	got := strings.Join(strings.Fields(b.String()), " ")
	for _, want := range []string{
		"listen 127.0.0.1:8080 default", "nats.listen (none) --nats-listen", "nats.url (embedded server) default", "storage.max_bytes 1GiB default",
		"ops.* 20 messages for 1h30m 1 subscriber " + file + ":2:3", "> (all others) 20 messages for 5m any number of subscribers built in",
		`alerts.x a="b" and c=d and on to the next route ` + file + ":4:3", "every other alert built in",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in %s", want, b.String())
		}
	}
}
