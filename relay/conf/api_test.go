package conf_test

import (
	"strings"
	"testing"

	"alertrelay/relay/conf"
)

func TestTheLastTokenWins(t *testing.T) {
	secret := secretFile(t, "geheim1\n")
	other := secretFile(t, "geheim2")
	inFile, fileInFile := "api: {token: geheim3}", "api: {token_file: "+other+"}"
	for name, test := range map[string]struct {
		content string
		environ []string
		flags   map[string]string
		token   string
		file    string
		from    map[string]string
	}{
		"none":                              {token: "", from: map[string]string{"api.token": "default", "api.token_file": "default"}},
		"file":                              {content: inFile, token: "geheim3"},
		"file of the file":                  {content: fileInFile, token: "geheim2", file: other},
		"variable beats the file":           {content: fileInFile, environ: []string{"ALERTRELAY_API_TOKEN=geheim4"}, token: "geheim4", from: map[string]string{"api.token": "ALERTRELAY_API_TOKEN", "api.token_file": "default"}},
		"variable of a file beats the file": {content: inFile, environ: []string{"ALERTRELAY_API_TOKEN_FILE=" + secret}, token: "geheim1", file: secret, from: map[string]string{"api.token": "default", "api.token_file": "ALERTRELAY_API_TOKEN_FILE"}},
		"flag beats a variable":             {environ: []string{"ALERTRELAY_API_TOKEN=geheim4"}, flags: map[string]string{"api-token-file": secret}, token: "geheim1", file: secret, from: map[string]string{"api.token": "default", "api.token_file": "--api-token-file"}},
		"a token is no flag":                {flags: map[string]string{"": "geheim5", "api-token": "geheim5"}, token: ""},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := conf.Load(conf.Sources{File: write(t, test.content), Environ: test.environ, Flags: test.flags})
			if err != nil {
				t.Fatal(err)
			}
			if c.API.Token.Reveal() != test.token || c.API.TokenFile != test.file {
				t.Errorf("got %q of %q, want %q of %q", c.API.Token.Reveal(), c.API.TokenFile, test.token, test.file)
			}
			for key, want := range test.from {
				if got := c.Origin(key); got != want {
					t.Errorf("origin of %s: got %s, want %s", key, got, want)
				}
			}
			for _, s := range conf.Settings() {
				if strings.Contains(s.Value(&c), "heim") {
					t.Errorf("%s shows %s", s.Key, s.Value(&c))
				}
			}
			if err := c.Validate(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestRefusalsOfTokens(t *testing.T) {
	for want, s := range map[string]conf.Sources{
		"ALERTRELAY_API_TOKEN: is empty; write the secret, or leave the key out": {Environ: []string{"ALERTRELAY_API_TOKEN="}},
		"--api-token-file: is empty; name the file that holds the secret":        {Flags: map[string]string{"api-token-file": ""}},
		"ALERTRELAY_API_TOKEN_FILE: excludes api.token (ALERTRELAY_API_TOKEN); leave one out": {
			Environ: []string{"ALERTRELAY_API_TOKEN=geheim", "ALERTRELAY_API_TOKEN_FILE=" + secretFile(t, "geheim")},
		},
	} {
		if _, err := conf.Load(s); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "heim") {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if err := conf.CheckEnviron([]string{"ALERTRELAY_API_TOKEN=a", "ALERTRELAY_API_TOKEN_FILE=b"}); err != nil {
		t.Error(err)
	}
}
