package conf_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"alertrelay/relay/conf"
	"alertrelay/relay/site"
)

var update = flag.Bool("update", false, "write the golden files")

func TestListen(t *testing.T) {
	for words, want := range map[string][]site.Listen{
		"8080":                 {{Address: "0.0.0.0:8080", Default: true}},
		"*:80":                 {{Address: "0.0.0.0:80", Default: true}},
		"127.0.0.1":            {{Address: "127.0.0.1:80", Default: true}},
		"localhost:8000":       {{Address: "localhost:8000", Default: true}},
		"[::1]:81 ipv6only=on": {{Address: "[::1]:81", Default: true}},
		"[::]":                 {{Address: "[::]:80", Default: true}},
		"unix:/run/a.sock":     {{Unix: "/run/a.sock", Default: true}},
		"81-83 reuseport":      {{Address: "0.0.0.0:81", Default: true}, {Address: "0.0.0.0:82", Default: true}, {Address: "0.0.0.0:83", Default: true}},
		"80 default_server backlog=5 so_keepalive=on http2": {{Address: "0.0.0.0:80", Default: true}},
	} {
		st, _ := loadNginx(t, "http { server { listen "+words+"; } }")
		if got := st.Servers[0].Listen; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v", words, got, want)
		}
	}
	st, _ := loadNginx(t, "http { server { } server { listen 80; listen 81; } server { listen 81 default_server; } }")
	if got, want := fmt.Sprint(st.Servers[0].Listen, st.Servers[1].Listen, st.Servers[2].Listen),
		"[{0.0.0.0:80  false true}] [{0.0.0.0:80  false false} {0.0.0.0:81  false false}] [{0.0.0.0:81  false true}]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for words, want := range map[string]string{
		"0":                          `invalid port in "0" of the "listen" directive in `,
		"99999":                      `invalid port in "99999"`,
		"a:b":                        `invalid port in "a:b"`,
		"90-80":                      `invalid port range in "90-80"`,
		"[::1":                       `invalid IPv6 address`,
		":80":                        `invalid host in ":80"`,
		"unix:":                      `invalid path of a unix socket`,
		"80 sssl":                    `invalid parameter "sssl"`,
		"80 proxy_protocol":          `parameter "proxy_protocol" of the "listen" directive is not supported`,
		"443 quic":                   `parameter "quic"`,
		"80; listen *:80":            `a duplicate listen 0.0.0.0:80`,
		"443 ssl":                    `no "ssl_certificate" is defined for the "listen ... ssl" directive`,
		"443 ssl; ssl_certificate a": `no "ssl_certificate_key" is defined for certificate "a"`,
		"80 default; } server { listen 80 default": `a duplicate default server for 0.0.0.0:80`,
	} {
		if _, _, err := conf.LoadNginx(writeNginx(t, "http { server { listen "+words+"; } }", nil)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", words, err, want)
		}
	}
}

func TestServers(t *testing.T) {
	path := writeNginx(t, `http { ssl_certificate /etc/a.crt; ssl_certificate_key keys/a.key; keepalive_timeout 5s 4s; send_timeout 7;
		server { listen 443 ssl; server_name Example.org *.example.org www.example.* ~^(?<who>\w+)\.net$ ""; keepalive_requests 9; client_header_timeout 3; client_body_timeout 4;
		location / { push_stream_subscriber; push_stream_channels_path $who; send_timeout 500ms; } }
		server { listen 443; server_name example.org; } push_stream_shared_memory_size 1m; }`, nil)
	st, report, err := conf.LoadNginx(path)
	if err != nil {
		t.Fatal(err)
	}
	roundTrip(t, st)
	s := st.Servers[0]
	if s.CertFile != "/etc/a.crt" || s.KeyFile != filepath.Join(filepath.Dir(path), "keys", "a.key") || !s.Listen[0].TLS {
		t.Errorf("got %+v", s)
	}
	if want := []string{"example.org", "*.example.org", "www.example.*", `~^(?<who>\w+)\.net$`}; !reflect.DeepEqual(s.Names, want) {
		t.Errorf("names: got %v, want %v", s.Names, want)
	}
	if s.HeaderTimeout != 3*time.Second || s.Connection != (site.Connection{BodyTimeout: 4 * time.Second, SendTimeout: 7 * time.Second, KeepaliveTimeout: 5 * time.Second, KeepaliveRequests: 9}) {
		t.Errorf("got %+v", s)
	}
	if got := s.Locations[0].SendTimeout; got != 500*time.Millisecond {
		t.Errorf("send_timeout: got %s", got)
	}
	if len(report.Warnings) != 1 || !strings.HasSuffix(report.Warnings[0], `:4: conflicting server name "example.org" on 0.0.0.0:443, ignored`) {
		t.Errorf("warnings: got %v", report.Warnings)
	}
	for _, name := range []string{"a*b", "*.*", "~(", "$hostname", "a/b"} {
		if _, _, err := conf.LoadNginx(writeNginx(t, "http { server { server_name "+name+"; } }", nil)); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestLocationsInOrder(t *testing.T) {
	st, _ := loadNginx(t, `http { push_stream_shared_memory_size 1m; push_stream_channels_path $arg_id; server {
		location / { return 200; } location ~* \.JS$ { return 200; } location = /a { return 200; } location ^~ /abc { return 200; }
		location "~ ^/x/(?<n>\d{2})$" { push_stream_publisher; push_stream_last_event_id $n; } location ~^/y { return 200; } location =/b { return 200; } location /ab { return 200; } } }`)
	list := st.Servers[0].Locations
	var got []string
	for _, i := range site.MatchOrder(list) {
		got = append(got, list[i].Path())
	}
	want := []string{"= /a", "= /b", "^~ /abc", "/ab", "/", `~* \.JS$`, `~ ^/x/(?<n>\d{2})$`, "~ ^/y"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	re, err := list[1].Regexp()
	if err != nil || !re.MatchString("/a.js") {
		t.Errorf("got %v, %v", re, err)
	}
	for content, want := range map[string]string{
		"location /a { } location ^~ /a { }":           `duplicate location "/a" in `,
		"location = /a { } location = /a { }":          `duplicate location "/a" in `,
		"location ~~ /a { }":                           `invalid location modifier "~~"`,
		"location ~ ( { push_stream_publisher; }":      `invalid regular expression "("`,
		"location ~ /(?=x) { push_stream_publisher; }": `(look-ahead and look-behind are not supported)`,
		"location = /a { location /a/b { } }":          `location "/a/b" cannot be inside the exact location "/a"`,
		"location /a { location /b { } }":              `location "/b" is outside location "/a"`,
		"location /a { location @b { } }":              `named location "@b" can be on the server level only`,
		"location @b { push_stream_publisher; }":       `named location "@b" can not be reached`,
		`location "" { }`:                              `write "/" for every path`,
		"location { }":                                 `invalid number of arguments in "location" directive`,
		"location /a { server { } }":                   `"server" directive is not allowed here`,
	} {
		if _, _, err := conf.LoadNginx(writeNginx(t, "http { server { "+content+" } }", nil)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", content, err, want)
		}
	}
}

func TestSetIfAndReturn(t *testing.T) {
	l := subscriber(t, `push_stream_store_messages on; push_stream_last_received_message_tag $arg_tag;
		set $C "pre_$arg_id"; if ($arg_qs = "on") { push_stream_last_received_message_time $arg_time; push_stream_channels_path $c; set $d 1; }
		if ($http_x !~* ^(?<n>a|b$)) { push_stream_store_messages off; push_stream_allow_connections_to_events_channel on; if ( $d ) { push_stream_last_event_id $n; } break; }
		if ($request_method != "POST") { return 405; } return 302 https://$host/;`)
	s := l.Steps
	if len(s) != 5 || *s[0].Set != (site.Set{Var: "C", Value: "pre_$arg_id"}) {
		t.Fatalf("got %+v", s)
	}
	qs := s[1].If
	if qs.Condition != (site.Condition{Var: "arg_qs", Op: "=", Value: "on"}) || qs.Time != site.ValueOf("$arg_time") || qs.Channels != site.ValueOf("$c") ||
		qs.Tag != site.ValueOf("$arg_tag") || !qs.Store || qs.Steps[0].Set.Var != "d" {
		t.Errorf("got %+v", qs)
	}
	re := s[2].If
	if re.Condition != (site.Condition{Var: "http_x", Op: "!~*", Value: "^(?<n>a|b$)"}) || re.Store || !re.AllowEvents || re.Channels != site.ValueOf("$arg_id") || !re.Steps[1].Break {
		t.Errorf("got %+v", re)
	}
	if in := re.Steps[0].If; in.Condition != (site.Condition{Var: "d"}) || in.EventID != site.ValueOf("$n") || in.Store || !in.AllowEvents {
		t.Errorf("got %+v", in)
	}
	if r := s[3].If.Steps[0].Return; r.Code != 405 || r.Text.Set {
		t.Errorf("got %+v", r)
	}
	if r := s[4].Return; r.Code != 302 || r.Text != site.ValueOf("https://$host/") {
		t.Errorf("got %+v", r)
	}
	st, _ := loadNginx(t, `http { server { set $a 1; if ($host ~ x) { return 444; } location /r { return http://$a/; } location /t { return 200 ""; } } }`)
	srv := st.Servers[0]
	if len(srv.Steps) != 2 || srv.Steps[1].If.Steps[0].Return.Code != 444 || srv.Locations[0].Steps[0].Return.Code != 302 || srv.Locations[1].Steps[0].Return.Text != site.ValueOf("") {
		t.Errorf("got %+v", srv)
	}
	for directive, want := range map[string]string{
		"if $a { }":                    `invalid condition "$a"`,
		"if ($arg_a = b c) { }":        `invalid condition "$arg_a"`,
		"if ($arg_a == b) { }":         `unexpected "==" in condition`,
		"if ($arg_a ~ () { }":          `invalid regular expression "("`,
		"if () { }":                    `invalid condition "()"`,
		"if (a = b) { }":               `invalid condition "a"`,
		"if (!-f $uri) { }":            `"if" is not supported where push_stream is used`,
		"set a b;":                     `invalid variable name "a"`,
		"set $ b;":                     `invalid variable name "$"`,
		"set $uri b;":                  `the duplicate "uri" variable`,
		"set $a;":                      `invalid number of arguments in "set" directive`,
		"set $a $b;":                   `unknown "b" variable`,
		"return x;":                    `invalid return code "x"`,
		"return 1000;":                 `invalid return code "1000"`,
		"return 200 $b;":               `unknown "b" variable`,
		"if ($arg_a = $b) { }":         `unknown "b" variable`,
		"if ($arg_a) { rewrite a b; }": `"rewrite" is not supported where push_stream is used`,
	} {
		if _, _, err := conf.LoadNginx(writeNginx(t, inLocation("push_stream_publisher; "+directive), nil)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", directive, err, want)
		}
	}
}

func TestContentAndCompression(t *testing.T) {
	l := subscriber(t, `default_type "text/html; charset=utf-8"; types { a/b X y; } gzip on; gzip_types a/b c/d; gzip_min_length 1k; gzip_comp_level 6; gzip_vary on;
		gzip_http_version 1.0; gzip_proxied any; client_max_body_size 0; add_header X-A "$host" always; add_header X-B b;`)
	if l.ContentType != "text/html; charset=utf-8" || !reflect.DeepEqual(l.Types, map[string]string{"x": "a/b", "y": "a/b"}) || l.MaxBody != 0 {
		t.Errorf("got %+v", l)
	}
	if want := (site.Gzip{On: true, Types: []string{"a/b", "c/d"}, MinLength: 1024, Level: 6, Vary: true, HTTP10: true}); !reflect.DeepEqual(l.Gzip, want) {
		t.Errorf("got %+v, want %+v", l.Gzip, want)
	}
	if want := []site.Header{{Name: "X-A", Value: "$host", Always: true}, {Name: "X-B", Value: "b"}}; !reflect.DeepEqual(l.Headers, want) {
		t.Errorf("got %+v, want %+v", l.Headers, want)
	}
	if l := subscriber(t, "types { }"); l.Types == nil || len(l.Types) != 0 {
		t.Errorf("got %v, want no types", l.Types)
	}
	for directive, want := range map[string]string{
		"gzip_comp_level 10;":          "value must be between 1 and 9",
		"gzip_http_version 2;":         `invalid value "2"`,
		"types { a { } }":              `directive "a" is not terminated by ";"`,
		"add_header a b c;":            `invalid parameter "c"`,
		"add_header Content-Length 3;": "not for a configuration",
		"add_header 'a b' 3;":          "no name of a header",
		"add_header a $b;":             `unknown "b" variable`,
	} {
		if _, _, err := conf.LoadNginx(writeNginx(t, inLocation("push_stream_publisher; "+directive), nil)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", directive, err, want)
		}
	}
}

func TestWhatIsNotSupported(t *testing.T) {
	st, report := loadNginx(t, `user www; worker_processes 4; events { worker_connections 1; } http { sendfile on; access_log off; charset utf-8; upstream u { server x; }
		map $arg_a $b { x y; } server { location /api { proxy_set_header a b; proxy_pass http://u; set $x $request_id; return 200 $request_id; }
		location / { root html; set $y $msec; } location @x { } location nowhere { }
		location /f { if (!-f $request_filename) { rewrite a b; } } location ~ /\.(?!x) { deny all; } location /h { } } } stream { server { } }`)
	if len(st.Servers[0].Locations) != 4 || st.Servers[0].Locations[0].Mode != site.ModeNone || st.Servers[0].Locations[0].Steps != nil {
		t.Errorf("got %+v", st.Servers[0].Locations)
	}
	var ignored []string
	for _, i := range report.Ignored {
		ignored = append(ignored, i.Name)
		if i.Why == "" || !strings.Contains(i.Origin, "nginx.conf:") {
			t.Errorf("got %+v", i)
		}
	}
	if got, want := strings.Join(ignored, " "), "user worker_processes events sendfile access_log charset upstream map proxy_set_header root stream"; got != want {
		t.Errorf("ignored: got %s, want %s", got, want)
	}
	warnings := strings.Join(report.Warnings, "\n")
	for _, want := range []string{
		":1: charset: Content-Type is sent as default_type says", `:2: location "/api" answers 404: "proxy_pass" at `, ":4: location /h answers 404: it has no push_stream handler",
		`:3: location "/" answers 404: variable "$msec" is not supported at `, `:4: location "/f" answers 404: "if" at `, `:4: location "/\.(?!x)" is left out: invalid regular`, `:3: location "@x" is left out`, `:3: location "nowhere" is left out`, ":4: stream: not HTTP",
	} {
		if !strings.Contains(warnings, want) {
			t.Errorf("%q is not in %s", want, warnings)
		}
	}

	for where, content := range map[string]string{
		"location":     "http { push_stream_shared_memory_size 1m; server { location / { push_stream_publisher; push_stream_channels_path x; %s } } }",
		"around":       "http { push_stream_shared_memory_size 1m; server { location / { location /a { push_stream_publisher; push_stream_channels_path x; } %s } } }",
		"server":       "http { push_stream_shared_memory_size 1m; server { %s location / { push_stream_publisher; push_stream_channels_path x; } } }",
		"whole server": "http { push_stream_shared_memory_size 1m; %s server { location / { push_stream_publisher; push_stream_channels_path x; } } }",
	} {
		for _, directive := range []string{"proxy_pass http://x;", "fastcgi_pass x;", "rewrite a b;", "auth_basic x;", "limit_req zone=x;", "allow 10.0.0.1;", "deny all;", "limit_except GET { deny all; }", "try_files $uri =404;", "internal;"} {
			_, _, err := conf.LoadNginx(writeNginx(t, fmt.Sprintf(content, directive), nil))
			name, _, _ := strings.Cut(directive, " ")
			name = strings.TrimSuffix(name, ";")
			// A location inside another takes over only what nginx has it take over.
			if own := []string{"proxy_pass", "fastcgi_pass", "rewrite", "try_files", "internal"}; slices.Contains(own, name) && where == "around" || name == "try_files" && where == "server" {
				if err != nil {
					t.Errorf("%s in %s: got %v", directive, where, err)
				}
				continue
			}
			if err == nil || !strings.Contains(err.Error(), `"`+name+`" is not supported where push_stream is used (location "/`) && !strings.Contains(err.Error(), `"`+name+`" directive is not allowed here`) {
				t.Errorf("%s in %s: got %v", directive, where, err)
			}
		}
	}
}

func TestCheckOfTheFoundingConfiguration(t *testing.T) {
	path := filepath.Join("testdata", "founding.conf")
	st, report, err := conf.LoadNginx(path)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := report.Describe(&b, &st); err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "founding.golden")
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("got %s", b.String())
	}
}
