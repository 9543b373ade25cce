package conf_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"alertrelay/relay/conf"
	"alertrelay/relay/site"
)

func loadSite(t *testing.T, content string) (conf.Config, *site.Site) {
	t.Helper()
	c, err := conf.Load(conf.Sources{File: write(t, content)})
	if err != nil {
		t.Fatalf("%v\nin %s", err, content)
	}
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	if c.Site != nil {
		roundTrip(t, *c.Site)
	}
	return c, c.Site
}

// everyKey has each key with another value than its default.
const everyKey = `
push_stream: {shared_memory: 1MiB, deleted_text: gone, ping_text: p, inactivity_time: 5s, timeout_body: true, message_ttl: 1h, max_messages: 3,
  max_subscribers: 4, max_channel_id: 50, max_channels: 6, max_wildcard_channels: 7, wildcard_prefix: bd_, events_channel: evs}
locations:
- {path: /ev/, mode: eventsource}
- {path: "= /pub", mode: admin, store: false, info: false, max_body: 10KiB, allow_origin: ""}
servers:
- listen: [0.0.0.0:80, 'unix:/run/x.sock', {address: ':443', tls: true, default: true}]
  names: [Example.org, '~^(?<who>a)']
  cert: c.pem
  key: k.pem
  header_timeout: 1s
  body_timeout: 2s
  send_timeout: 3s
  keepalive_timeout: 4s
  keepalive_requests: 5
  gzip: {types: [a/b], min_length: 1KiB, level: 2, vary: true, http10: true}
  types: {TXT: text/plain}
  steps:
  - {set: $a, value: $arg_x}
  - {if: $a, steps: [{return: 403, text: no $who}]}
  locations:
  - path: "~ ^/ws/(?<rest_of>.*)$"
    mode: websocket
    channels: $rest_of
    time: ""
    tag: $http_x
    event_id: x${a}
    header_cursor: false
    wildcards: false
    template: !!binary "/35+dGV4dH4="
    header: h
    footer: "f\r\n"
    content_type: text/html
    types: {}
    user_agent: $cookie_ua
    padding: [{agent: MSIE, header: 10, message: 20}]
    headers: [{name: X-A, value: $host, always: true}]
    ping: 1s
    ttl: 2s
    poll_ttl: 3s
    authorized_only: true
    wildcard_max: 2
    allow_publish: true
    allow_events: true
    gzip: {on: false}
    body_timeout: 12s
    send_timeout: 13s
    keepalive_timeout: 14s
    keepalive_requests: 15
    steps:
    - if: $arg_qs !~* ^a b
      channels: $arg_id
      time: t
      store: false
      steps: [{if: '$arg_y = ', tag: ""}, {break: true}]
    locations:
    - {path: /ws/in, mode: poll, module: true, channels: $1}
- {listen: ':443', module: true, cert: c, key: k, gzip: true, locations: [{path: /, mode: none, steps: [{return: 301, text: 'https://$host'}]}]}
`

func TestEveryKeyOfASite(t *testing.T) {
	c, s := loadSite(t, everyKey)
	if len(s.Servers) != 3 || s.Servers[0].Listen != nil || s.MaxWildcardChannels != 7 || s.EventsChannel != "evs" || !s.TimeoutBody || s.SharedMemory != 1<<20 {
		t.Errorf("got %+v", s)
	}
	// Each field is another than in an empty st: nothing is read into nothing.
	l := s.Servers[1].Locations[0]
	if l.Template != "\xff~~text~" || l.Time != site.ValueOf("") || l.EventID != site.ValueOf("x${a}") || l.Module || l.Wildcards || l.HeaderCursor || l.Types == nil ||
		l.Padding[0] != (site.Padding{Agent: "MSIE", Header: 10, Message: 20}) || l.Headers[0] != (site.Header{Name: "X-A", Value: "$host", Always: true}) ||
		l.PingInterval != time.Second || l.TTL != 2*time.Second || l.PollTTL != 3*time.Second || l.WildcardMax != 2 || !l.AllowPublish || !l.AllowEvents || !l.AuthorizedOnly ||
		l.Gzip.On || l.Gzip.Level != 2 || l.KeepaliveRequests != 15 || l.UserAgent != site.ValueOf("$cookie_ua") {
		t.Errorf("got %+v", l)
	}
	block := l.Steps[0].If
	if block.Condition != (site.Condition{Var: "arg_qs", Op: "!~*", Value: "^a b"}) || block.Channels != site.ValueOf("$arg_id") || block.Store || !block.AllowEvents || block.Tag != l.Tag {
		t.Errorf("got %+v", block)
	}
	if in := block.Steps[0].If; in.Condition != (site.Condition{Var: "arg_y", Op: "="}) || in.Tag != site.ValueOf("") || in.Channels != block.Channels || !block.Steps[1].Break {
		t.Errorf("got %+v", in)
	}
	if got := s.Servers[2].Locations[0]; !got.Module || !got.Gzip.On || got.Steps[0].Return.Code != 301 {
		t.Errorf("got %+v", got)
	}
	if !s.Servers[1].Listen[2].Default || s.Servers[2].Listen[0].Default {
		t.Error("the default server of :443")
	}
	// The limits of all channels are in the last group.
	last := c.Groups[len(c.Groups)-1]
	if last.MaxMessages != 3 || last.MaxAge != time.Hour || last.MaxSubscribers != 4 || c.Limits.ChannelID != 50 {
		t.Errorf("got %+v, %+v", last, c.Limits)
	}
	if g := c.Groups[0]; g.Match != conf.MatchAlerts || g.MaxMessages != 100 {
		t.Errorf("alerts: got %+v", g)
	}
}

func TestOwnLocationsDoBetter(t *testing.T) {
	c, s := loadSite(t, "locations:\n- {path: /ev/, mode: eventsource}\n- {path: /pub, mode: publisher}\n- {path: /m/, mode: eventsource, module: true, channels: $arg_id}\n")
	own := s.Servers[0].Locations[0]
	if own.Module || !own.Wildcards || !own.HeaderCursor || own.Channels != site.ValueOf("$rest") || own.Time != site.ValueOf("$arg_time") || !own.Store ||
		!strings.Contains(own.Template, "~text:json~") || own.PingInterval != 10*time.Second || own.PollTTL != 30*time.Second || own.AllowOrigin != site.ValueOf("*") {
		t.Errorf("got %+v", own)
	}
	if pub := s.Servers[0].Locations[1]; pub.Channels != site.ValueOf("$arg_id") || !pub.Store || !pub.Info {
		t.Errorf("got %+v", pub)
	}
	module := s.Servers[0].Locations[2]
	if !module.Module || module.Wildcards || module.Store || module.Template != "~text~" || module.AllowOrigin.Set || module.Time.Set || module.PingInterval != 0 {
		t.Errorf("got %+v", module)
	}
	if s.LimitsChannels() || c.Limits.ChannelID != 200 || c.Groups[len(c.Groups)-1].MaxMessages != 20 || c.Builtin() {
		t.Errorf("got %+v", c)
	}
	if c, s := loadSite(t, "push_stream: {ping_text: x}\n"); s.PingText != "x" || !c.Builtin() {
		t.Errorf("got %+v", s)
	}
	for _, content := range []string{"", "servers:\n", "locations:\n# - path: /\n"} {
		if c, s := loadSite(t, content); s != nil || !c.Builtin() {
			t.Errorf("%q: got %+v", content, s)
		}
	}
	if _, s := loadSite(t, "push_stream: {max_messages: 5}\n"); s.MessageTTL != 30*time.Minute {
		t.Errorf("got %s", s.MessageTTL)
	}
}

func TestRefusalsOfASite(t *testing.T) {
	location := func(keys string) string { return "locations:\n- {path: /a/, mode: stream, " + keys + "}" }
	for name, test := range map[string]struct{ content, want string }{
		"unknown key":            {location("templat: x"), `r.yaml:2:29: locations[0]: unknown key "templat"; did you mean template?`},
		"no path":                {"locations: [{mode: poll}]", "locations[0]: path is missing"},
		"no mode":                {"locations: [{path: /}]", "locations[0]: mode is missing"},
		"bad mode":               {"locations: [{path: /, mode: long-polling}]", `locations[0].mode: "long-polling" is not known`},
		"no slash":               {"locations: [{path: a, mode: poll}]", `locations[0].path: "a" begins with no slash`},
		"bad expression":         {"locations: [{path: '~ (', mode: poll}]", `invalid regular expression "("`},
		"path twice":             {"locations: [{path: /, mode: poll}, {path: ^~ /, mode: poll}]", `locations[1]: duplicate location "/"`},
		"outside":                {location("locations: [{path: /b, mode: poll}]"), `location "/b" is outside location "/a/"`},
		"no channels":            {location("module: true"), "locations[0]: channels is missing"},
		"empty channels":         {location(`channels: ""`), "locations[0]: channels is missing"},
		"empty template":         {location(`template: ""`), "template is empty"},
		"bad escaping":           {location("template: ~text:jsno~"), `unknown escaping "jsno"`},
		"ours and the module's":  {location("module: true, channels: $1, wildcards: true"), "not for module: true"},
		"unknown variable":       {location("channels: $nothing"), `locations[0].channels: unknown "nothing" variable`},
		"no variable":            {location("channels: a$"), `locations[0].channels: invalid variable name`},
		"bad duration":           {location("ping: 10"), `locations[0].ping: "10" has no unit`},
		"bad flag":               {location("store: on"), `locations[0].store: "on" is neither true nor false`},
		"bad size":               {location("max_body: 1m"), `write 1MiB`},
		"bad base64":             {location("header: !!binary x"), "locations[0].header: is no base64"},
		"no header file":         {location("header_file: /nonexistent"), "/nonexistent: no such file"},
		"padding":                {location("padding: [{agent: '('}]"), `padding[0]: invalid regular expression`},
		"much padding":           {location("padding: [{agent: a, header: 99999999}]"), "is out of range"},
		"header":                 {location("headers: [{name: 'a b', value: c}]"), `"a b" is no name of a header`},
		"types":                  {location("types: [a]"), "wants extensions and types"},
		"gzip level":             {location("gzip: {level: 12}"), "12 is out of range, 1 to 9"},
		"wildcard_max":           {location("wildcard_max: 1"), "no wildcard channels without push_stream.wildcard_prefix"},
		"wildcard_max too great": {"push_stream: {wildcard_prefix: b, max_wildcard_channels: 1}\n" + location("wildcard_max: 2"), "2 is more than push_stream.max_wildcard_channels, 1"},
		"no step":                {location("steps: [{value: x}]"), "wants one of set, if, return and break"},
		"two steps":              {location("steps: [{set: a, value: x, return: 200}]"), "each step is one of set, if, return and break"},
		"set":                    {location("steps: [{set: uri, value: x}]"), "$uri is the request's"},
		"set of no name":         {location("steps: [{set: 'a b', value: x}]"), "is no name"},
		"condition":              {location("steps: [{if: x}]"), "is no condition"},
		"condition's operator":   {location("steps: [{if: $uri == x}]"), "is no condition"},
		"condition's expression": {location("steps: [{if: '$uri ~ ('}]"), "invalid regular expression"},
		"condition's variable":   {location("steps: [{if: $nothing}]"), `unknown "nothing" variable`},
		"return":                 {location("steps: [{return: 1000}]"), "1000 is out of range"},
		"break":                  {location("steps: [{break: false}]"), "not known"},
		"if of a server":         {"servers: [{steps: [{if: $uri, store: true}]}]", `unknown key "store"`},
		"listen":                 {"servers: [{listen: 8080}]", "is a port only"},
		"listen twice":           {"servers: [{listen: [':80', ':80']}]", ":80 is there twice"},
		"no socket":              {"servers: [{listen: 'unix:'}]", "has no valid path"},
		"no address":             {"servers: [{listen: {tls: true}}]", "address is missing"},
		"no certificate":         {"servers: [{listen: {address: ':443', tls: true}}]", "cert and key are needed"},
		"two defaults":           {"servers: [{listen: [{address: ':1', default: true}]}, {listen: [{address: ':1', default: true}]}]", "has the default server at"},
		"name":                   {"servers: [{names: a*b}]", "invalid server name"},
		"message_ttl":            {"push_stream: {message_ttl: 0s}", "out of range"},
		"top key":                {"push_steam: {}", "did you mean push_stream?"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := conf.Load(conf.Sources{File: write(t, test.content)})
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "r.yaml:") {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func TestNginxConfAsSource(t *testing.T) {
	path := writeNginx(t, inLocation("push_stream_subscriber; push_stream_store_messages on;"), nil)
	c, err := conf.Load(conf.Sources{NginxConf: path, Flags: map[string]string{"data": "d"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	last := c.Groups[len(c.Groups)-1]
	if c.Nginx == nil || c.Builtin() || c.Data != "d" || c.Limits.ChannelID != 1024 || last.MaxMessages != 1_000_000 || last.MaxAge != 30*time.Minute || last.Origin != path+":1" {
		t.Errorf("got %+v", c)
	}
	var b strings.Builder
	if err := c.Describe(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"1000000 messages for 30m", "nginx.conf: read " + path, "/sub  stream  " + path + ":3", "The same as alertrelay.yaml:"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in %s", want, b.String())
		}
	}
	c, err = conf.Load(conf.Sources{NginxConf: path, Flags: map[string]string{"limits-channel-id": "300"}})
	if err != nil || c.Limits.ChannelID != 300 {
		t.Errorf("got %+v, %v", c.Limits, err)
	}
	if _, err := conf.Load(conf.Sources{NginxConf: path, File: path}); err == nil || !strings.Contains(err.Error(), "--nginx-conf: excludes --config") {
		t.Errorf("both: got %v", err)
	}
	if _, err := conf.Load(conf.Sources{NginxConf: writeNginx(t, "a b;", nil)}); err == nil || !strings.Contains(err.Error(), `unknown directive "a" in `) {
		t.Errorf("got %v", err)
	}
	c, err = conf.Load(conf.Sources{NginxConf: writeNginx(t, "events { }", nil)})
	if err != nil || c.Builtin() {
		t.Errorf("an nginx.conf that serves nothing: got %v, %v", c.Builtin(), err)
	}
}

// TestSiteHelp reads the documented file, and finds each key of the reader in it.
func TestSiteHelp(t *testing.T) {
	var file []string
	for line := range strings.Lines(conf.SiteHelp) {
		if line, ok := strings.CutPrefix(line, "   "); ok {
			file = append(file, strings.Replace(line, "header_file: page.html", "header_file: testdata/founding.conf", 1))
		}
	}
	content := strings.Join(file, "")
	if _, err := conf.Load(conf.Sources{File: write(t, content)}); err != nil {
		t.Errorf("%v\nin %s", err, content)
	}
	// What is valid is told to who writes a key that is like none.
	for _, place := range []string{
		"push_stream: {%s}", "locations: [{path: /, mode: none, %s}]", "servers: [{%s}]", "servers: [{listen: {address: ':1', %s}}]", "servers: [{gzip: {%s}}]",
		"locations: [{path: /, mode: none, padding: [{agent: a, %s}]}]", "locations: [{path: /, mode: none, headers: [{name: a, value: b, %s}]}]",
		"locations: [{path: /, mode: none, steps: [{set: a, value: b, %s}]}]",
	} {
		_, err := conf.Load(conf.Sources{File: write(t, strings.Replace(place, "%s", "qqqqqqqqqqqq: 1", 1))})
		_, valid, ok := strings.Cut(fmt.Sprint(err), "valid are ")
		if !ok {
			t.Fatalf("%s: got %v", place, err)
		}
		for key := range strings.SplitSeq(valid, ", ") {
			key, _, _ = strings.Cut(key, "\n")
			if word := regexp.MustCompile(`\b` + key + `\b`); !word.MatchString(conf.SiteHelp) || key != "header_file" && !word.MatchString(everyKey) {
				t.Errorf("%s of %s is not documented or not tested", key, place)
			}
		}
	}
}

func FuzzSite(f *testing.F) {
	f.Add(everyKey)
	f.Add("locations:\n- {path: /ev/, mode: eventsource}\n- {path: /pub, mode: publisher, steps: [{set: a, value: b}, {if: $a = b, store: false}]}\n")
	f.Add("servers: [{listen: {address: 'unix:/x', default: true}, names: '*.a', gzip: true, locations: [{path: ^~ /a, mode: longpoll, types: {a: b}}]}]")
	f.Fuzz(func(t *testing.T, content string) {
		if strings.Contains(content, "header_file") {
			return // what is on this machine does not belong here
		}
		c, err := conf.Load(conf.Sources{File: write(t, content)})
		if err == nil && c.Site != nil {
			roundTrip(t, *c.Site)
		}
	})
}

// The memory budget of an nginx.conf, and of the same as YAML, is the size of the
// stream, unless that is set.
func TestSharedMemoryIsTheSizeOfTheStream(t *testing.T) {
	const flag = "storage-max-bytes"
	for name, test := range map[string]struct {
		size  string
		flags map[string]string
		want  int64
		says  string
	}{
		"as it is":        {"100m", nil, 100 << 20, "(100MiB) is the size of the stream on disk, storage.max_bytes. Memory"},
		"the floor":       {"32m", nil, 32 << 20, "(32MiB) is the size of the stream on disk, storage.max_bytes. Memory"},
		"under the floor": {"10m", nil, 32 << 20, "(10MiB) is the size of the stream on disk, storage.max_bytes, but that is at least 32MiB: "},
		"a flag beats it": {"100m", map[string]string{flag: "2MiB"}, 2 << 20, "(100MiB) has no effect: storage.max_bytes is set by --storage-max-bytes."},
	} {
		t.Run(name, func(t *testing.T) {
			nginx := writeNginx(t, "http { push_stream_shared_memory_size "+test.size+"; }", nil)
			fromNginx, err := conf.Load(conf.Sources{NginxConf: nginx, Flags: test.flags})
			if err != nil {
				t.Fatal(err)
			}
			same := write(t, string(conf.SiteYAML(fromNginx.Site)))
			fromYAML, err := conf.Load(conf.Sources{File: same, Flags: test.flags})
			if err != nil {
				t.Fatal(err)
			}
			for file, c := range map[string]conf.Config{nginx: fromNginx, same: fromYAML} {
				if c.Storage.MaxBytes != test.want {
					t.Errorf("%s: got %d, want %d", file, c.Storage.MaxBytes, test.want)
				}
				if from := c.Origin("storage.max_bytes"); test.flags == nil && !strings.HasPrefix(from, file+":") {
					t.Errorf("%s: got its origin %s", file, from)
				}
				if err := c.Validate(); err != nil {
					t.Error(err)
				}
				var said strings.Builder
				if err := c.Describe(&said); err != nil || !strings.Contains(said.String(), test.says) {
					t.Errorf("%s: got %v, %s\nwant %s", file, err, said.String(), test.says)
				}
			}
		})
	}
	if c, _ := loadSite(t, "storage: {max_bytes: 3MiB}\npush_stream: {shared_memory: 1GiB}\n"); c.Storage.MaxBytes != 3<<20 {
		t.Errorf("the file says both: got %d", c.Storage.MaxBytes)
	}
	if c, _ := loadSite(t, "push_stream: {ping_text: x}\n"); c.Storage.MaxBytes != 1<<30 || c.Origin("storage.max_bytes") != "default" {
		t.Errorf("no memory is said: got %d", c.Storage.MaxBytes)
	}
}
