package conf_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"alertrelay/relay/conf"
	"alertrelay/relay/site"
)

// writeNginx writes nginx.conf, and what it includes, into one directory.
func writeNginx(t testing.TB, content string, others map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range others {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// loadNginx reads what must be right, and checks that it comes back from YAML as
// it is.
func loadNginx(t testing.TB, content string) (site.Site, conf.Report) {
	t.Helper()
	st, report, err := conf.LoadNginx(writeNginx(t, content, nil))
	if err != nil {
		t.Fatalf("%v\nin %s", err, content)
	}
	roundTrip(t, st)
	return st, report
}

// roundTrip writes a st as YAML and reads it.
func roundTrip(t testing.TB, st site.Site) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "alertrelay.yaml")
	if err := os.WriteFile(path, conf.SiteYAML(&st), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := conf.Load(conf.Sources{File: path})
	if err != nil {
		t.Fatalf("%v\nin %s", err, conf.SiteYAML(&st))
	}
	if c.Site == nil {
		if len(conf.SiteYAML(&st)) > 0 {
			t.Fatalf("no st of %s", conf.SiteYAML(&st))
		}
		return // of a file without http
	}
	if got, want := c.Site.Bare(), st.Bare(); !reflect.DeepEqual(got, want) {
		t.Fatalf("not the same from YAML:\ngot  %+v\nwant %+v\n%s", got, want, conf.SiteYAML(&st))
	}
}

// inLocation is a file with one location, which holds the directives.
func inLocation(directives string) string {
	return "http { push_stream_shared_memory_size 10m;\nserver { listen 8080;\nlocation /sub {\npush_stream_channels_path $arg_id;\n" + directives + "\n} } }"
}

// subscriber is the location of such a file with a handler.
func subscriber(t *testing.T, directives string) site.Location {
	t.Helper()
	st, _ := loadNginx(t, inLocation("push_stream_subscriber;\n"+directives))
	return st.Servers[0].Locations[0]
}

func TestConfigurationsOfTheProtocol(t *testing.T) {
	for _, name := range []string{"founding.conf", "server-a.conf", "server-e.conf"} {
		t.Run(name, func(t *testing.T) {
			st, report, err := conf.LoadNginx(filepath.Join("testdata", name))
			if err != nil {
				t.Fatal(err)
			}
			if len(report.Warnings) > 0 {
				t.Errorf("warnings: %v", report.Warnings)
			}
			roundTrip(t, st)
		})
	}
}

func TestNothingThatStandsInAWord(t *testing.T) {
	for name, test := range map[string]struct{ word, want string }{
		"escapes in double quotes":  {`"\"\'\\\t\r\n"`, "\"'\\\t\r\n"},
		"escapes in single quotes":  {`'\"\'\\\t\r\n'`, "\"'\\\t\r\n"},
		"other backslashes":         {`"\d\$\x\/"`, `\d\$\x\/`},
		"ends with a backslash":     {`"x\\"`, `x\`},
		"two backslashes and quote": {`"x\\\"y"`, `x\"y`},
		"the other quote":           {`"it's"`, "it's"},
		"signs in quotes":           {`";{}#"`, ";{}#"},
		"lines in quotes":           {"\"a\nb\r\nc\"", "a\nb\r\nc"},
		"no quotes":                 {`~text~`, "~text~"},
		"space after a backslash":   {`a\ b`, `a\ b`},
		"sign after a backslash":    {`a\;b`, `a\;b`},
		"escapes without quotes":    {`a\tb\\`, "a\tb\\"},
		"quote inside a word":       {`a"b'c`, `a"b'c`},
		"hash inside a word":        {`a#b`, `a#b`},
		"bracket closes in a word":  {`a}b`, `a}b`},
		"variable in brackets":      {`a${b}c`, `a${b}c`},
		"bytes that are no UTF-8":   {"\"\xff\x80~text~\"", "\xff\x80~text~"},
		"NUL and control bytes":     {"\"\x00\x01\x7f\"", "\x00\x01\x7f"},
		"separators of Unicode":     {"\"\u2028\u0085\ufeff\U0001F600\"", "\u2028\u0085\ufeff\U0001F600"},
		"no variable":               {`$arg_x`, `$arg_x`},
		"looks like YAML":           {`"no"`, "no"},
		"a number":                  {`007`, "007"},
		"comment after it":          {"x # y;", "x"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := subscriber(t, "push_stream_message_template "+test.word+"\n;").Template; got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestLinesOfProblems(t *testing.T) {
	for name, test := range map[string]struct{ content, want string }{
		"after a text of lines": {"http { default_type \"a\nb\\\nc\";\nbad x;\n}", ":4"},
		"after comments":        {"# {\n# ;\n\nbad x;", ":4"},
		"of its first word":     {"http {\n\n  bad\n x\n;}", ":3"},
		"CR LF":                 {"user x;\r\nbad y;", ":2"},
		"after BOM":             {"\ufeffbad y;", ":1"},
	} {
		_, _, err := conf.LoadNginx(writeNginx(t, test.content, nil))
		if err == nil || !strings.Contains(err.Error(), `unknown directive "bad" in `) || !strings.HasSuffix(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %s", name, err, test.want)
		}
	}
}

func TestFilesThatAreNoConfiguration(t *testing.T) {
	for content, want := range map[string]string{
		"http {":             `unexpected end of file, expecting "}" in `,
		"user":               `unexpected end of file, expecting ";" or "}"`,
		"user x":             `unexpected end of file, expecting ";" or "}"`,
		`user "x`:            `unexpected end of file, expecting ";" or "}"`,
		`user x\`:            `unexpected end of file, expecting ";" or "}"`,
		"}":                  `unexpected "}"`,
		";":                  `unexpected ";"`,
		"{":                  `unexpected "{"`,
		"http { user }":      `unexpected "}"`,
		`user "x"y;`:         `unexpected "y"`,
		"http;":              `directive "http" has no opening "{"`,
		"user x {}":          `directive "user" is not terminated by ";"`,
		"http x {}":          `invalid number of arguments in "http" directive`,
		"http {} http {}":    `"http" directive is duplicate`,
		"server {}":          `"server" directive is not allowed here`,
		"htpp {}":            `unknown directive "htpp" in `,
		"include a b;":       `invalid number of arguments in "include" directive`,
		"include nothing;":   `nothing: no such file or directory in `,
		"include .;":         `not a regular file in `,
		"include nginx.*;":   `more than 20 includes within each other in `,
		"include '[a';":      `invalid pattern in "include [a"`,
		"include /dev/null;": `not a regular file in `,
		strings.Repeat("a{", 100) + strings.Repeat("}", 100): `more than 50 blocks within each other`,
	} {
		_, _, err := conf.LoadNginx(writeNginx(t, content, nil))
		var e *conf.Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", content, err, want)
		}
	}
	if _, _, err := conf.LoadNginx(filepath.Join(t.TempDir(), "none.conf")); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("no file: got %v", err)
	}
}

func TestNearestDirective(t *testing.T) {
	_, _, err := conf.LoadNginx(writeNginx(t, "http {\npush_stream_subscriberr;\nkeepalive_timout 5s;\nxyzzy;}", nil))
	for _, want := range []string{
		`unknown directive "push_stream_subscriberr" in `, "nginx.conf:2; did you mean push_stream_subscriber?",
		"nginx.conf:3; did you mean keepalive_timeout?", `unknown directive "xyzzy" in `,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestIncludes(t *testing.T) {
	path := writeNginx(t, "http { push_stream_shared_memory_size 10m; include mime.types; include conf.d/*.conf; include none/*.conf; }", map[string]string{
		"mime.types":        "types { text/html html HTM; application/json json; }",
		"conf.d/a.conf":     "server { listen 1; include snippets/loc.conf; }", // relative to the first file
		"conf.d/b.conf":     "server { listen 2; }",
		"conf.d/c.txt":      "nonsense",
		"snippets/loc.conf": "location /x { push_stream_publisher; push_stream_channels_path $arg_id; }",
	})
	st, report, err := conf.LoadNginx(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(st.Servers) != 2 || len(st.Servers[0].Locations) != 1 || st.Servers[1].Listen[0].Address != "0.0.0.0:2" {
		t.Fatalf("got %+v", st)
	}
	l := st.Servers[0].Locations[0]
	if got, want := l.Types, map[string]string{"html": "text/html", "htm": "text/html", "json": "application/json"}; !reflect.DeepEqual(got, want) {
		t.Errorf("types: got %v, want %v", got, want)
	}
	if !strings.HasSuffix(l.Origin, filepath.Join("snippets", "loc.conf")+":1") || len(report.Files) != 5 {
		t.Errorf("got %s, %v", l.Origin, report.Files)
	}
	roundTrip(t, st)
}

func FuzzNginx(f *testing.F) {
	for _, name := range []string{"founding.conf", "server-a.conf", "server-e.conf"} {
		content, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(content))
	}
	for _, directives := range []string{
		`push_stream_subscriber; push_stream_padding_by_user_agent "a,1,2:b,3,4"; push_stream_header_template "\xff";`,
		`push_stream_subscriber eventsource; set $a "x${arg_b}"; if ($a ~* ^(?<n>x)) { push_stream_channels_path $n; set $c 1; } return 200 "$a";`,
		`push_stream_publisher; types { a/b c; } gzip on; gzip_types *; add_header X "$host" always; location ~ /sub/x { proxy_pass http://y; }`,
	} {
		f.Add(inLocation(directives))
	}
	f.Fuzz(func(t *testing.T, content string) {
		if strings.Contains(content, "include") || strings.Contains(content, "_file") {
			return // what is on this machine does not belong here
		}
		st, report, err := conf.LoadNginx(writeNginx(t, content, nil))
		if err != nil {
			return
		}
		roundTrip(t, st)
		if err := report.Describe(new(strings.Builder), &st); err != nil {
			t.Error(err)
		}
	})
}
