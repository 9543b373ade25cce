package conf_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"alertrelay/relay/conf"
)

const everySource = `
sources:
  am:
    auth:
      bearer: [geheim1, geheim2]
      bearer_file: %[1]s
      basic:
      - {user: ada, password: geheim4}
      - {user: bob, password_file: %[1]s}
      header: {name: X-Token, value: geheim 5}
      path_token: geheim6
      path_token_file: %[1]s
      routing_key: geheim7
      routing_key_file: [%[1]s]
      hmac: {secret: [geheim8], secret_file: %[1]s, header: X-Sig, prefix: "sha256=", timestamp_header: X-Time, max_age: 1m}
    api: ['http://am-1:9093/', 'https://am-2/prefix/']
    api_auth: {basic: {user: eve, password: geheim9}}
    api_interval: 10s
    repeat_interval: 5m
    group_interval: 15s
    silent_after: 10m
    ack_as_silence: 1h
    mapping: uptime-kuma
  kuma2:
    auth: {header: [{name: X-A, value: geheim10}, {name: X-A, value_file: %[1]s}], hmac: {secret: geheim11}}
    api: http://am-3:9093
    api_auth: {bearer_file: %[1]s}
    mapping:
      # Ein Kommentar.
      firing: [1]
  _x:
watchdogs:
- match: ['alertname="Watchdog"', 'source="am"']
  within: 3m
alerts: {updates: true}
api: {token_file: %[1]s}
`

func secretFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func secrets(texts ...string) []conf.Secret {
	var list []conf.Secret
	for _, s := range texts {
		list = append(list, conf.NewSecret(s))
	}
	return list
}

func TestEveryKeyOfSources(t *testing.T) {
	secret := secretFile(t, "geheim3\r\n")
	file := write(t, fmt.Sprintf(everySource, secret))
	c, err := conf.Load(conf.Sources{File: file})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Validate(); err != nil {
		t.Errorf("validate: %v", err)
	}
	s := conf.NewSecret
	want := []conf.Source{
		{
			Name: "am",
			Auth: conf.Auth{
				Bearer:     secrets("geheim1", "geheim2", "geheim3"),
				Basic:      []conf.Basic{{User: "ada", Password: s("geheim4")}, {User: "bob", Password: s("geheim3")}},
				Header:     []conf.HeaderSecret{{Name: "X-Token", Value: s("geheim 5")}},
				PathToken:  secrets("geheim6", "geheim3"),
				RoutingKey: secrets("geheim7", "geheim3"),
				HMAC:       &conf.HMAC{Secrets: secrets("geheim8", "geheim3"), Header: "X-Sig", Prefix: "sha256=", TimestampHeader: "X-Time", MaxAge: time.Minute},
			},
			API:         []string{"http://am-1:9093", "https://am-2/prefix"},
			APIAuth:     conf.APIAuth{Basic: &conf.Basic{User: "eve", Password: s("geheim9")}},
			APIInterval: 10 * time.Second, RepeatInterval: 5 * time.Minute, GroupInterval: 15 * time.Second, RepeatAsked: true,
			SilentAfter: 10 * time.Minute, AckAsSilence: time.Hour,
			Mapping: conf.Mapping{Preset: "uptime-kuma", File: file, Origin: file + ":23:14"},
			Origin:  file + ":3:3",
		},
		{
			Name: "kuma2",
			Auth: conf.Auth{
				Header: []conf.HeaderSecret{{Name: "X-A", Value: s("geheim10")}, {Name: "X-A", Value: s("geheim3")}},
				HMAC:   &conf.HMAC{Secrets: secrets("geheim11"), Header: "X-Grafana-Alerting-Signature", MaxAge: 5 * time.Minute},
			},
			API:         []string{"http://am-3:9093"},
			APIAuth:     conf.APIAuth{Bearer: s("geheim3")},
			APIInterval: 30 * time.Second, RepeatInterval: 4 * time.Hour, GroupInterval: 5 * time.Minute,
			Mapping: conf.Mapping{YAML: []byte(strings.Repeat("\n", 29) + "      firing: [1]\n"), File: file, Origin: file + ":30:7"},
			Origin:  file + ":24:3",
		},
		{Name: "_x", APIInterval: 30 * time.Second, RepeatInterval: 4 * time.Hour, GroupInterval: 5 * time.Minute, Origin: file + ":31:3"},
	}
	for i := range want {
		if i >= len(c.Sources) || !reflect.DeepEqual(c.Sources[i], want[i]) {
			t.Errorf("got %+v\nwant %+v", c.Sources[i], want[i])
		}
	}
	if got, want := c.Watchdogs, []conf.Watchdog{{Match: []string{`alertname="Watchdog"`, `source="am"`}, Within: 3 * time.Minute, Origin: file + ":33:3"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if !c.Updates || c.API.Token.Reveal() != "geheim3" || c.API.TokenFile != secret {
		t.Errorf("got %t, %s of %s", c.Updates, c.API.Token.Reveal(), c.API.TokenFile)
	}
}

func TestRefusalsOfSources(t *testing.T) {
	secret := secretFile(t, "geheim\n")
	for _, test := range []struct{ name, content, want string }{
		{"misspelt", "surces: {am: {}}", `r.yaml:1:1: unknown key "surces"; did you mean sources?`},
		{"no source", "sources: {}", `r.yaml:1:10: sources: names no source; leave the key out to let every source post`},
		{"no source but a comment", "sources:\n# am: {}\n", `sources: names no source; leave the key out to let every source post`},
		{"a list", "sources: [am]", `r.yaml:1:10: sources: wants keys and values (am: ...), not a list`},
		{"name", "sources: {Am-1: {}}", `r.yaml:1:11: sources: "Am-1" is no name of a source; it has 1 to 16 of a-z, 0-9 and _, such as am`},
		{"long name", "sources: {seventeen_letters: {}}", `is no name of a source`},
		{"twice", "sources:\n  am:\n  am:\n", `r.yaml:3:3: `},
		{"source is a value", "sources: {am: x}", `r.yaml:1:15: sources.am: wants keys and values (ack_as_silence: ...), not a single value`},
		{"key", "sources: {am: {silent_afer: 1m}}", `r.yaml:1:16: sources.am: unknown key "silent_afer"; did you mean silent_after?`},

		{"auth of nothing", "sources: {am: {auth: {}}}", `r.yaml:1:22: sources.am.auth: asks for nothing; name bearer, basic, header, path_token, routing_key or hmac, or leave the key out to let everybody post as this source`},
		{"auth without a value", "sources:\n  am:\n    auth:\n", `sources.am.auth: asks for nothing`},
		{"auth is a value", "sources: {am: {auth: geheim}}", `r.yaml:1:22: sources.am.auth: wants keys and values (basic: ...), not a single value`},
		{"kind of auth", "sources: {am: {auth: {barer: geheim}}}", `sources.am.auth: unknown key "barer"; did you mean bearer?`},
		{"no space after the colon", "sources:\n  am:\n    auth:\n      bearer:geheim:\n", `r.yaml:4:7: sources.am.auth: a space is missing after bearer:`},
		{"empty bearer", "sources: {am: {auth: {bearer: ''}}}", `r.yaml:1:31: sources.am.auth.bearer: is empty; write the secret, or leave the key out`},
		{"no bearer", "sources:\n  am:\n    auth:\n      bearer:\n", `sources.am.auth.bearer: has no value`},
		{"no bearers", "sources: {am: {auth: {bearer: []}}}", `sources.am.auth.bearer: is an empty list; leave the key out for none`},
		{"one bearer of two", "sources: {am: {auth: {bearer: [a, ge heim]}}}", `r.yaml:1:35: sources.am.auth.bearer[1]: has a space, a line break or another character that a token cannot have; it takes the letters, digits and signs of ASCII`},
		{"long bearer", "sources: {am: {auth: {bearer: " + strings.Repeat("heim", 1025) + "}}}", `sources.am.auth.bearer: is longer than 4096 bytes`},
		{"bearer of keys", "sources: {am: {auth: {bearer: {a: geheim}}}}", `sources.am.auth.bearer: wants one value, not keys and values`},
		{"no file", "sources: {am: {auth: {bearer_file: /nonexistent}}}", `r.yaml:1:36: sources.am.auth.bearer_file: stat /nonexistent: no such file or directory`},
		{"directory", "sources: {am: {auth: {bearer_file: /}}}", `sources.am.auth.bearer_file: open /: not a regular file`},
		{"file without a name", "sources: {am: {auth: {bearer_file: ''}}}", `sources.am.auth.bearer_file: is empty; name the file that holds the secret, or leave the key out`},
		{"empty file", "sources: {am: {auth: {bearer_file: " + secretFile(t, "\n") + "}}}", `/secret holds nothing`},
		{"large file", "sources: {am: {auth: {bearer_file: " + secretFile(t, strings.Repeat("heim", 2000)) + "}}}", `/secret: more than 4098 bytes`},
		{"lines in a file", "sources: {am: {auth: {bearer_file: " + secretFile(t, "geheim\ngeheim\n") + "}}}", `/secret has a space, a line break or another`},
		{"two newlines in a file", "sources: {am: {auth: {hmac: {secret: s}, bearer_file: " + secretFile(t, "geheim\n\n") + "}}}", `/secret has a space, a line break or another`},
		{"basic without user", "sources: {am: {auth: {basic: {password: geheim}}}}", `r.yaml:1:30: sources.am.auth.basic: user is missing`},
		{"basic without password", "sources: {am: {auth: {basic: {user: ada}}}}", `r.yaml:1:30: sources.am.auth.basic: password or password_file is missing`},
		{"basic with both", "sources: {am: {auth: {basic: {user: ada, password: geheim, password_file: " + secret + "}}}}", `sources.am.auth.basic: password and password_file exclude each other; leave one out`},
		{"user", "sources: {am: {auth: {basic: {user: 'ada:geheim', password: geheim}}}}", `sources.am.auth.basic.user: has a colon or a control character, which no user can have`},
		{"password", `sources: {am: {auth: {basic: [{user: ada, password: "ge\theim"}]}}}`, `sources.am.auth.basic[0].password: has a line break or another control character, which no password can have`},
		{"header without value", "sources: {am: {auth: {header: {name: X-Token}}}}", `sources.am.auth.header: value or value_file is missing`},
		{"header of a pair", "sources: {am: {auth: {header: {X-Token: geheim}}}}", `sources.am.auth.header: unknown key "X-Token"; valid are name, value, value_file`},
		{"header name", "sources: {am: {auth: {header: {name: 'X Token', value: geheim}}}}", `sources.am.auth.header.name: "X Token" is no name of a header`},
		{"header value", "sources: {am: {auth: {header: {name: X-Token, value: ' geheim'}}}}", `sources.am.auth.header.value: has a line break or another control character, or begins or ends with a space, which no header can have`},
		{"path token", "sources: {am: {auth: {path_token: ge/heim}}}", `sources.am.auth.path_token: has a character that an address cannot have as it is; it takes a-z, A-Z, 0-9, "-", "_", "." and "~"`},
		{"path token of dots", "sources: {am: {auth: {path_token: ..}}}", `sources.am.auth.path_token: has a character`},
		{"hmac without secret", "sources: {am: {auth: {hmac: {header: X-Sig}}}}", `r.yaml:1:29: sources.am.auth.hmac: secret or secret_file is missing`},
		{"hmac header", "sources: {am: {auth: {hmac: {secret: geheim, header: ''}}}}", `sources.am.auth.hmac.header: "" is no name of a header`},
		{"hmac prefix", `sources: {am: {auth: {hmac: {secret: geheim, prefix: "a\n"}}}}`, `sources.am.auth.hmac.prefix: has a control character, which no header can have`},
		{"hmac age alone", "sources: {am: {auth: {hmac: {secret: geheim, max_age: 1m}}}}", `r.yaml:1:55: sources.am.auth.hmac.max_age: nothing says how old a body is; name the timestamp_header, or leave this out`},
		{"hmac age", "sources: {am: {auth: {hmac: {secret: geheim, timestamp_header: X-T, max_age: 2d}}}}", `sources.am.auth.hmac.max_age: 2d is out of range, 1s to 1d`},

		{"api is empty", "sources: {am: {api: ''}}", `r.yaml:1:21: sources.am.api: is empty; write the URL of an Alertmanager, such as http://am-1:9093`},
		{"api without scheme", "sources: {am: {api: 'am-1:9093'}}", `sources.am.api: is no URL of an Alertmanager; write http:// or https://, a host and a port, such as http://am-1:9093`},
		{"api without host", "sources: {am: {api: 'http://:9093'}}", `sources.am.api: is no URL`},
		{"api of another scheme", "sources: {am: {api: ['http://a', 'ftp://am']}}", `sources.am.api[1]: is no URL`},
		{"api port", "sources: {am: {api: 'http://am:99999'}}", `sources.am.api: has no valid port; ports are 1 to 65535`},
		{"api with a user", "sources: {am: {api: 'http://ada:geheim@am'}}", `sources.am.api: has a user in it; write user and password as api_auth: {basic: {user: ..., password_file: ...}}, where they are not shown`},
		{"api with a broken user", "sources: {am: {api: 'http://ada:ge/heim@am'}}", `sources.am.api: is no URL`},
		{"api with a query", "sources: {am: {api: 'http://am?token=geheim'}}", `sources.am.api: has a part behind ? or #; write what stands before it`},
		{"api with its path", "sources: {am: {api: 'http://am/x/api/v2/alerts'}}", `sources.am.api: ends with the path of the API itself; write what stands before it, such as http://am-1:9093/x`},
		{"api twice", "sources: {am: {api: ['http://am', 'http://am/']}}", `r.yaml:1:35: sources.am.api[1]: is there already`},
		{"api_auth alone", "sources: {am: {api_auth: {bearer: geheim}}}", `r.yaml:1:26: sources.am.api_auth: needs api, the URL of the Alertmanager, such as http://am-1:9093`},
		{"api_auth of both", "sources: {am: {api: 'http://am', api_auth: {bearer: geheim, basic: {user: ada, password: geheim}}}}", `sources.am.api_auth: bearer and basic exclude each other, because a request shows one of them; leave one out`},
		{"api_auth of two tokens", "sources: {am: {api: 'http://am', api_auth: {bearer: geheim, bearer_file: " + secret + "}}}", `sources.am.api_auth: bearer and bearer_file exclude each other; leave one out`},
		{"api_auth of nothing", "sources: {am: {api: 'http://am', api_auth: {}}}", `sources.am.api_auth: shows nothing; name bearer or basic, or leave the key out`},
		{"api_auth of a list", "sources: {am: {api: 'http://am', api_auth: {bearer: [geheim]}}}", `sources.am.api_auth.bearer: wants one value, not a list`},
		{"api_interval", "sources: {am: {api: 'http://am', api_interval: 4s}}", `r.yaml:1:48: sources.am.api_interval: 4s is out of range, 5s to 1h`},
		{"api_interval alone", "sources: {am: {api_interval: 10s}}", `sources.am.api_interval: needs api, `},
		{"ack_as_silence alone", "sources: {am: {ack_as_silence: 1h}}", `r.yaml:1:32: sources.am.ack_as_silence: needs api, `},
		{"ack_as_silence", "sources: {am: {api: 'http://am', ack_as_silence: 1s}}", `sources.am.ack_as_silence: 1s is out of range, 1m to 30d, or 0 for no silence`},
		{"repeat under group", "sources: {am: {repeat_interval: 1m, group_interval: 2m}}", `r.yaml:1:33: sources.am.repeat_interval: 1m is less than the group_interval, 2m, at which a group is looked at again, so nothing is repeated that soon; write both as the sender's route has them`},
		{"repeat under the default", "sources: {am: {repeat_interval: 1m}}", `sources.am.repeat_interval: 1m is less than the group_interval, 5m`},
		{"default under group", "sources: {am: {group_interval: 5h}}", `r.yaml:1:32: sources.am.repeat_interval: 4h is less than the group_interval, 5h`},
		{"repeat of zero", "sources: {am: {repeat_interval: 0}}", `sources.am.repeat_interval: 0s is out of range, 1s to 30d`},
		{"silent_after", "sources: {am: {silent_after: 10}}", `sources.am.silent_after: "10" has no unit; write 10s or 10m, or use h, d, w`},
		{"long silence", "sources: {am: {silent_after: 1000d}}", `sources.am.silent_after: 1000d is out of range, 1s to 30d, or 0 for never`},
		{"preset", "sources: {am: {mapping: Uptime Kuma}}", `r.yaml:1:25: sources.am.mapping: is no name of a preset, such as uptime-kuma, and no mapping either`},
		{"mapping of a list", "sources: {am: {mapping: [a]}}", `sources.am.mapping: wants one value, not a list`},
		{"mapping with an alias", "data: &x d\nsources: {am: {mapping: {a: *x}}}", `r.yaml:2:25: sources.am.mapping: cannot be read apart from the rest of the file; write it on lines of its own, key: value, without & and *`},

		{"watchdog key", "watchdogs: [{match: [a=b], within: 1m, withn: 1m}]", `watchdogs[0]: unknown key "withn"; did you mean within?`},
		{"watchdog without match", "watchdogs: [{within: 1m}]", `r.yaml:1:13: watchdogs[0]: match is missing`},
		{"watchdog of everything", "watchdogs: [{match: [], within: 1m}]", `r.yaml:1:21: watchdogs[0].match: is empty; write matchers such as 'alertname="Watchdog"', because with none any alert would do`},
		{"watchdog of an empty matcher", "watchdogs: [{match: [''], within: 1m}]", `watchdogs[0].match[0]: is empty; write a matcher such as 'severity="critical"'`},
		{"watchdog match no list", "watchdogs: [{match: {a: b}, within: 1m}]", `watchdogs[0].match: wants a list (- ...), not keys and values`},
		{"watchdog of one empty matcher", "watchdogs: [{match: '', within: 1m}]", `watchdogs[0].match: is empty; write a matcher such as 'severity="critical"'`},
		{"watchdog of an alias", "watchdogs: [{match: *x, within: 1m}]", `r.yaml:1:21: *x: there is no &x above it`},
		{"watchdog without within", "watchdogs: [{match: [a=b]}]", `watchdogs[0]: within is missing`},
		{"watchdog within", "watchdogs: [{match: [a=b], within: 0}]", `watchdogs[0].within: 0s is out of range, 1s to 30d`},
		{"watchdogs no list", "watchdogs: {match: [a=b]}", `watchdogs: wants a list (- ...), not keys and values`},

		{"updates", "alerts: {updates: maybe}", `r.yaml:1:19: alerts.updates: "maybe" is neither true nor false`},
		{"empty token", "api: {token: ''}", `r.yaml:1:14: api.token: is empty; write the secret, or leave the key out`},
		{"token", "api: {token: ge heim}", `r.yaml:1:14: api.token: has a space, a line break or another`},
		{"token file", "api: {token_file: /nonexistent}", `r.yaml:1:19: api.token_file: stat /nonexistent: no such file`},
		{"both tokens", "api: {token: geheim, token_file: " + secret + "}", `r.yaml:1:34: api.token_file: excludes api.token (`},
		{"api at the top is a list", "api: [http://am]", `api: wants keys and values (token: ...), not a list`},
		{"token at the top", "token: geheim", `r.yaml:1:1: unknown key "token"; did you mean api.token, key token of section api?`},
		{"broken", "sources: {am: {auth: {bearer: geheim}}", `r.yaml:1:`},
		{"broken text", "sources:\n  am:\n    auth:\n      bearer: \"geheim\n", `r.yaml:4:`},
		{"broken lines", "sources:\n  am:\n    auth:\n      bearer: geheim\n     basic: geheim\n", `r.yaml:`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := conf.Load(conf.Sources{File: write(t, test.content)})
			if e := (*conf.Error)(nil); !errors.As(err, &e) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v\nwant %s", err, test.want)
			} else if len(e.Problems) > 1 && test.name != "mapping with an alias" && test.name != "header of a pair" {
				t.Errorf("one mistake is told as several: %v", err)
			}
			if strings.Contains(fmt.Sprint(err), "heim") {
				t.Errorf("a secret is shown: %v", err)
			}
		})
	}
}

func TestAllProblemsOfSourcesAreTold(t *testing.T) {
	_, err := conf.Load(conf.Sources{File: write(t, `
sources:
  A: {silent_after: x}
  am:
    auth: {bearer: [a b, 'c d'], basic: {}, hmac: {}}
    api: [x, y]
    repeat_interval: 1s
watchdogs:
- {}
`)})
	var e *conf.Error
	if !errors.As(err, &e) || len(e.Problems) != 12 {
		t.Errorf("got %d problems, want 12: %v", len(e.Problems), err)
	}
}

func TestSourcesByHand(t *testing.T) {
	for want, change := range map[string]func(*conf.Config){
		`sources: "A" is no name of a source`:                        func(c *conf.Config) { c.Sources[0].Name = "A" },
		"sources.am: given twice":                                    func(c *conf.Config) { c.Sources = append(c.Sources, c.Sources[0]) },
		"sources.am: api: is no URL of an Alertmanager":              func(c *conf.Config) { c.Sources[0].API = []string{"x"} },
		"sources.am: api_interval: 0s is out of range":               func(c *conf.Config) { c.Sources[0].APIInterval = 0 },
		"sources.am: group_interval: 0s is out of range":             func(c *conf.Config) { c.Sources[0].GroupInterval = 0 },
		"sources.am: silent_after: -1s is out of range":              func(c *conf.Config) { c.Sources[0].SilentAfter = -time.Second },
		"sources.am: repeat_interval: 2s is less than":               func(c *conf.Config) { c.Sources[0].RepeatInterval = 2 * time.Second },
		"sources.am: ack_as_silence: needs api":                      func(c *conf.Config) { c.Sources[0].AckAsSilence = time.Hour },
		"sources.am: api_auth: needs api":                            func(c *conf.Config) { c.Sources[0].APIAuth.Bearer = conf.NewSecret("x") },
		"watchdogs[0]: match: is empty":                              func(c *conf.Config) { c.Watchdogs = []conf.Watchdog{{Within: time.Minute}} },
		"watchdogs[0]: within: 0s is out of range":                   func(c *conf.Config) { c.Watchdogs = []conf.Watchdog{{Match: []string{"a=b"}}} },
		"sources.am: ack_as_silence: 1s is out of range, 1m to 30d,": func(c *conf.Config) { c.Sources[0].AckAsSilence = time.Second },
	} {
		c, err := conf.Load(conf.Sources{File: write(t, "sources: {am: {}}")})
		if err != nil {
			t.Fatal(err)
		}
		change(&c)
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestSharedAuth(t *testing.T) {
	c, err := conf.Load(conf.Sources{File: write(t, "sources:\n  a: {auth: &x {bearer: &t geheim}}\n  b: {auth: *x}\n  c: {auth: {path_token: [*t]}}\n")})
	if err != nil || c.Sources[1].Auth.Bearer[0].Reveal() != "geheim" || c.Sources[2].Auth.PathToken[0].Reveal() != "geheim" {
		t.Errorf("got %+v, %v", c.Sources, err)
	}
}

func TestDescribeSources(t *testing.T) {
	secret := secretFile(t, "geheim3\n")
	file := write(t, fmt.Sprintf(everySource, secret))
	c, err := conf.Load(conf.Sources{File: file})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := c.Describe(&b); err != nil {
		t.Fatal(err)
	}
	got := strings.Join(strings.Fields(b.String()), " ")
	for _, want := range []string{
		"alerts.updates true " + file + ":35:19", "api.token (what api.token_file holds) default", "api.token_file " + secret + " " + file + ":36:19",
		"Only these sources may post alerts: am " + file + ":3:3 shows a bearer token (3 are good) or user and password (2 are good) or header X-Token or a token in the path (2 are good) or a routing key (2 are good)," +
			" and a signature in X-Sig (2 secrets are good) with a time in X-Time at most 1m away repeats every 5m",
		"repeats every 5m, groups every 15s is asked at http://am-1:9093 or https://am-2/prefix every 10s, with user and password",
		"an acknowledged alert is silenced for 1h it is an alert that nothing was heard for 10m any JSON is read by the preset uptime-kuma",
		"kuma2 " + file + ":24:3 shows header X-A (2 are good), and a signature in X-Grafana-Alerting-Signature",
		"is asked at http://am-3:9093 every 30s, with a bearer token any JSON is read by the mapping at " + file + ":30:7",
		"_x " + file + ":31:3 need not show anything repeats every 4h",
		`It is an alert that one of these is missing: alertname="Watchdog" and source="am" for 3m ` + file + ":33:3",
		"Who shows the api.token may acknowledge and silence alerts.",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in %s", want, b.String())
		}
	}
	if strings.Contains(got, "heim") {
		t.Errorf("a secret is shown: %s", b.String())
	}
}

func TestDescribeWithoutSources(t *testing.T) {
	c := conf.Default()
	var b strings.Builder
	if err := c.Describe(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Every source may post alerts, and nothing is asked of it.", "Everybody who reaches the address may acknowledge and silence alerts."} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in %s", want, b.String())
		}
	}
}

// TestSourceHelp reads the documented file, and finds each key of the reader in it.
func TestSourceHelp(t *testing.T) {
	secret := secretFile(t, "geheim\n")
	var file []string
	for line := range strings.Lines(conf.SourceHelp) {
		if line, ok := strings.CutPrefix(line, "   "); ok {
			file = append(file, strings.NewReplacer("secrets/am.old", secret, "secrets/am", secret).Replace(line))
		}
	}
	content := strings.Join(file, "")
	c, err := conf.Load(conf.Sources{File: write(t, content)})
	if err != nil {
		t.Fatalf("%v\nin %s", err, content)
	}
	bare, err := conf.Load(conf.Sources{File: write(t, "sources: {am: {auth: {hmac: {secret: s}}}}")})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.Sources[0], bare.Sources[0]; got.APIInterval != want.APIInterval || got.RepeatInterval != want.RepeatInterval || got.GroupInterval != want.GroupInterval ||
		got.SilentAfter != want.SilentAfter || got.AckAsSilence != want.AckAsSilence || got.Auth.HMAC.MaxAge != want.Auth.HMAC.MaxAge ||
		got.Auth.HMAC.Header != want.Auth.HMAC.Header || got.Auth.HMAC.Prefix != want.Auth.HMAC.Prefix || c.Updates {
		t.Errorf("what is documented as default is none: %+v", got)
	}
	for _, place := range []string{
		"sources: {am: {%s}}", "sources: {am: {auth: {%s}}}", "sources: {am: {auth: {basic: {%s}}}}", "sources: {am: {auth: {header: {%s}}}}", "sources: {am: {auth: {hmac: {%s}}}}",
		"sources: {am: {api_auth: {%s}}}", "watchdogs: [{%s}]", "api: {%s}", "alerts: {%s}",
	} {
		_, err := conf.Load(conf.Sources{File: write(t, strings.Replace(place, "%s", "qqqqqqqqqqqqqqqqqq: 1", 1))})
		_, valid, ok := strings.Cut(fmt.Sprint(err), "valid are ")
		if !ok {
			t.Fatalf("%s: got %v", place, err)
		}
		valid, _, _ = strings.Cut(valid, "\n")
		for key := range strings.SplitSeq(valid, ", ") {
			if word := regexp.MustCompile(`\b` + key + `\b`); !word.MatchString(conf.SourceHelp) || !word.MatchString(everySource+"token: tokens:") {
				t.Errorf("%s of %s is not documented or not tested", key, place)
			}
		}
	}
}

func TestExample(t *testing.T) {
	c, err := conf.Load(conf.Sources{File: "../../examples/alertrelay.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Sources) == 0 || len(c.Watchdogs) == 0 || len(c.Routes) == 0 {
		t.Errorf("got %+v", c)
	}
}

// One matcher need not be a list.
func TestOneMatcher(t *testing.T) {
	c, err := conf.Load(conf.Sources{File: write(t, "watchdogs: [{match: 'a=\"b\"', within: 3m}]\nroutes: [{match: a=b, subject: c}, {match: , subject: d}]\n")})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Watchdogs[0].Match; !slices.Equal(got, []string{`a="b"`}) {
		t.Errorf("watchdog: got %q", got)
	}
	if got := c.Routes[0].Match; !slices.Equal(got, []string{"a=b"}) || c.Routes[1].Match != nil {
		t.Errorf("routes: got %q and %q", got, c.Routes[1].Match)
	}
}
