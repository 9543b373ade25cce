package conf_test

import (
	"strings"
	"testing"

	"alertrelay/relay/conf"
)

// The text of a mapping is read by others, whose errors must name lines and columns
// of the file.
func TestMappingsKeepTheirPlace(t *testing.T) {
	for name, content := range map[string]string{
		"block":                  "sources:\n  a:\n    mapping:\n      id: [$.a]\n      labels:\n        b: \"#c\"\n      - x\n",
		"block and more":         "sources:\n  a:\n    mapping:\n      firing: ['1']\n      text: |\n        # kept\n\n        two\n\n# about the next\n    silent_after: 1m\n",
		"list at its key's edge": "sources:\n  a:\n    mapping:\n      id:\n      - $.a\n      - $.b\n  b: {}\n",
		"one pair":               "sources:\n  a:\n    mapping:\n      id: $.a\n",
		"flow":                   "sources: {a: {mapping: {id: [$.a], x: {y: 'ü}'}}, silent_after: 1m}, b: {}}\n",
		"flow on lines":          "sources:\n  a: {mapping: {\n  id: $.a,\n    x: $.ü }, silent_after: 1m}\n",
		"behind umlauts":         "sources: {a: {auth: {basic: {user: üöä, password: ü}}, mapping: {id: $.ü}}}\n",
		"empty":                  "sources: {a: {mapping: {}}}\n",
		"windows":                "sources:\r\n  a:\r\n    mapping:\r\n      id: $.a\r\n      x: y\r\n    silent_after: 1m\r\n",
		"anchor elsewhere":       "sources:\n  a:\n    mapping: &m\n      id: $.a\n  b:\n    mapping: *m\n",
		"sources at the end":     "watchdogs: [{match: [a=b], within: 1m}]\nsources:\n  a:\n    mapping:\n          id: $.a\n        # inside\n          x: y",
	} {
		t.Run(name, func(t *testing.T) {
			if name == "block" {
				content = strings.Replace(content, "      - x\n", "", 1)
			}
			c, err := conf.Load(conf.Sources{File: write(t, content)})
			if err != nil {
				t.Fatal(err)
			}
			if !c.Sources[0].Mapping.IsSet() {
				t.Fatal("no mapping")
			}
			whole := strings.Split(content, "\n")
			for i, line := range strings.Split(strings.TrimSuffix(string(c.Sources[0].Mapping.YAML), "\n"), "\n") {
				kept := strings.TrimLeft(line, " ")
				if kept == "" {
					continue
				}
				column := len([]rune(line)) - len([]rune(kept))
				if got := string([]rune(whole[i])[column:]); !strings.HasPrefix(got, kept) {
					t.Errorf("line %d: got %q, want it in %q", i+1, line, whole[i])
				}
				for _, no := range []string{"silent_after", "b: {}", "about"} {
					if strings.Contains(line, no) {
						t.Errorf("line %d: %q does not belong to the mapping", i+1, line)
					}
				}
			}
		})
	}
	c, err := conf.Load(conf.Sources{File: write(t, "sources:\n  a: {mapping: {id: $.a,\n    x: y}, silent_after: 1m}\n")})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(c.Sources[0].Mapping.YAML), "\n               {id: $.a,\n    x: y}\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
