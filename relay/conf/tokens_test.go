package conf_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"alertrelay/relay/conf"
)

// Each has a name and its own tokens, which nothing shows.
func TestTokensWithNames(t *testing.T) {
	c, err := conf.Load(conf.Sources{File: write(t, fmt.Sprintf(`
api:
  token: shared-geheim
  tokens:
  - {name: Mei Lin, token: geheim-geheim-1}
  - name: deploy-bot
    token: [geheim-geheim-22, geheim-geheim-33]
    token_file: %s
`, secretFile(t, "geheim-geheim-44\n")))})
	if err == nil || !strings.Contains(err.Error(), "api.tokens[0].token: has 15 characters and needs 16") {
		t.Fatalf("got %v", err)
	}
	c, err = conf.Load(conf.Sources{File: write(t, fmt.Sprintf(`
api:
  tokens:
  - {name: Mei Lin, token: geheim-geheim-11}
  - name: deploy-bot
    token: [geheim-geheim-22, geheim-geheim-33]
    token_file: %s
`, secretFile(t, "geheim-geheim-44\n"))), Environ: []string{"ALERTRELAY_API_TOKEN=shared-geheim"}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, n := range c.API.Tokens {
		for _, s := range n.Tokens {
			got = append(got, n.Name+" "+s.Reveal())
		}
	}
	if want := "Mei Lin geheim-geheim-11,deploy-bot geheim-geheim-22,deploy-bot geheim-geheim-33,deploy-bot geheim-geheim-44"; strings.Join(got, ",") != want {
		t.Errorf("got %q", got)
	}
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	var out bytes.Buffer
	if err := c.Describe(&out); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&out, "%v %+v %#v", c, c, c.API)
	if strings.Contains(out.String(), "geheim") {
		t.Errorf("a token is shown in %s", &out)
	}
	for _, want := range []string{
		"Who shows the api.token, in any name, or a token of his own, in that name, may acknowledge and silence alerts:\n",
		"  Mei Lin     ", "  deploy-bot  ", "3 tokens are good",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("got %s, want %q in it", &out, want)
		}
	}
}

func TestRefusalsOfTokensWithNames(t *testing.T) {
	const ada = "{name: ada, token: geheim-geheim-11}"
	for list, want := range map[string]string{
		"[]":                                    ":1:15: api.tokens: names nobody; leave the key out for none",
		"":                                      ":1:14: api.tokens: names nobody; leave the key out for none",
		"{ada: x}":                              ":1:15: api.tokens: wants a list (- ...), not keys and values",
		"[geheim]":                              ":1:16: api.tokens[0]: wants keys and values (name: ...), not a single value",
		"[{}]":                                  ":1:16: api.tokens[0]: name is missing",
		"[{name: ada}]":                         ":1:16: api.tokens[0]: token or token_file is missing",
		"[{token: geheim-geheim-11}]":           ":1:16: api.tokens[0]: name is missing",
		"[{name: '', token: geheim-geheim-11}]": ":1:23: api.tokens[0].name: is empty; write who has the token",
		"[{name: ' ada', token: geheim-geheim-11}]":                           ":1:23: api.tokens[0].name: begins or ends with a space",
		`[{name: "a\nb", token: geheim-geheim-11}]`:                           ":1:23: api.tokens[0].name: has a control character",
		"[{name: " + strings.Repeat("a", 101) + ", token: geheim-geheim-11}]": ":1:23: api.tokens[0].name: has 101 characters, 100 are possible",
		"[{name: ada, token: ''}]":                                            ":1:35: api.tokens[0].token: is empty; write the secret",
		"[{name: ada, token: []}]":                                            "api.tokens[0].token: is an empty list",
		"[{name: ada, token: geheim}]":                                        ":1:35: api.tokens[0].token: has 6 characters and needs 16, so that nobody guesses it; take what \"openssl rand -hex 16\" prints",
		"[{name: ada, token: geheim geheim geheim}]":                          ":1:35: api.tokens[0].token: has a space",
		"[{name: ada, token: [geheim-geheim-11, geheim-geheim-11]}]":          "api.tokens[0].token[1]: is given at ",
		"[{name: ada, token_file: /nowhere}]":                                 ":1:40: api.tokens[0].token_file: stat /nowhere",
		"[" + ada + ", {name: ada, token: geheim-geheim-22}]":                 "api.tokens[1].name: is given at ",
		"[" + ada + ", {name: Ada, token: geheim-geheim-22}]":                 "api.tokens[1].name: is given at ",
		"[" + ada + ", {name: bob, token: geheim-geheim-11}]":                 ":1:16 already; everybody needs one of his own",
		"[{naam: ada, token: geheim-geheim-11}]":                              `unknown key "naam"; valid are name, token, token_file`,
		"[{name: ada, token: geheim-shared-11}], token: geheim-shared-11":     ":1:16: api.tokens: the token of ada is also the api.token; everybody needs one of his own",
	} {
		_, err := conf.Load(conf.Sources{File: write(t, "api: {tokens: "+list+"}")})
		problem := (*conf.Error)(nil)
		if !errors.As(err, &problem) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", list, err, want)
		}
		if err != nil && (strings.Contains(err.Error(), "geheim-") || strings.Contains(err.Error(), "geheim geheim")) {
			t.Errorf("a token is shown: %v", err)
		}
	}
	shared := conf.Sources{File: write(t, "api: {tokens: [{name: ada, token: geheim-shared-11}]}"), Environ: []string{"ALERTRELAY_API_TOKEN=geheim-shared-11"}}
	if _, err := conf.Load(shared); err == nil || !strings.Contains(err.Error(), "is also the api.token") {
		t.Errorf("got %v", err)
	}
}

// What was made by hand is checked as the file is.
func TestTokensByHand(t *testing.T) {
	good, other := conf.NewSecret("geheim-geheim-11"), conf.NewSecret("geheim-geheim-22")
	for want, tokens := range map[string][]conf.NamedToken{
		"api.tokens[0]: name: is empty":               {{Tokens: []conf.Secret{good}}},
		"api.tokens[0]: token: is missing":            {{Name: "ada"}},
		"api.tokens[0]: token: has 6 characters":      {{Name: "ada", Tokens: []conf.Secret{conf.NewSecret("geheim")}}},
		"api.tokens[1]: name: is given at api.tokens": {{Name: "ada", Tokens: []conf.Secret{good}}, {Name: "ADA", Tokens: []conf.Secret{other}}},
		"api.tokens[1]: token: is given at api.token": {{Name: "ada", Tokens: []conf.Secret{good}}, {Name: "bob", Tokens: []conf.Secret{good}}},
	} {
		c := conf.Default()
		c.API.Tokens = tokens
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "geheim") {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
