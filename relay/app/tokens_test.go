package app_test

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"alertrelay/relay/conf"
	"alertrelay/relay/relaytest"
)

// Tokens change with the configuration that is read again: one that is gone is good
// no more, and a new one is. They are not in the log.
func TestReloadTokens(t *testing.T) {
	file, port := filepath.Join(t.TempDir(), "relay.yaml"), freePort(t)
	cfg := conf.Config{}
	yaml := func(api string) conf.Config {
		relaytest.WriteFile(t, file, "listen: 127.0.0.1:"+port+"\n"+api+"\n")
		c := load(t, t.TempDir(), conf.Sources{File: file})
		if cfg.Data != "" {
			c.Data = cfg.Data
		}
		return c
	}
	cfg = yaml("api: {tokens: [{name: ada, token: first-token-0123456789}]}")
	a, log := start(t, cfg)
	whoami := func(token string, status int, want string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:"+port+"/api/v1/whoami", nil)
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var me struct{ Name string }
		if err := json.NewDecoder(resp.Body).Decode(&me); err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != status || me.Name != want {
			t.Errorf("%s: got %d %q, want %d %q", token, resp.StatusCode, me.Name, status, want)
		}
	}
	reload := func(api string) {
		t.Helper()
		if err := a.Reload(t.Context(), yaml(api)); err != nil {
			t.Fatal(err)
		}
	}
	whoami("first-token-0123456789", http.StatusOK, "ada")
	whoami("", http.StatusUnauthorized, "")
	reload("api: {tokens: [{name: ada, token: [first-token-0123456789, second-token-0123456789]}, {name: bob, token: bobs-token-0123456789}]}")
	whoami("first-token-0123456789", http.StatusOK, "ada")
	whoami("second-token-0123456789", http.StatusOK, "ada")
	whoami("bobs-token-0123456789", http.StatusOK, "bob")
	reload("api: {token: shared, tokens: [{name: ada, token: second-token-0123456789}]}")
	whoami("first-token-0123456789", http.StatusUnauthorized, "")
	whoami("bobs-token-0123456789", http.StatusUnauthorized, "")
	whoami("second-token-0123456789", http.StatusOK, "ada")
	whoami("shared", http.StatusOK, "")
	reload("")
	whoami("", http.StatusOK, "")
	if text := log.String(); strings.Contains(text, "token-0123456789") || strings.Contains(text, "takes a restart") {
		t.Errorf("got the log %s", text)
	}
}
