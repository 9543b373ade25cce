package apptest

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"alertrelay/relay/conf"
	"alertrelay/relay/relaytest"
)

// Settings has a relay read a configuration as its file would have it. It comes
// before other changes.
func Settings(t testing.TB, yaml string) func(*conf.Config) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "alertrelay.yaml")
	relaytest.WriteFile(t, file, yaml)
	return func(c *conf.Config) {
		read, err := conf.Load(conf.Sources{File: file})
		if err != nil {
			t.Fatal(err)
		}
		read.Listen, read.Data, read.NATS = c.Listen, c.Data, c.NATS
		*c = read
	}
}

// Fixture is a captured body, "alertmanager/alertmanager-0.34.2-group3-firing.json",
// of package alerts.
func Fixture(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(relaytest.Source(t, "alerts/testdata/"+name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// PostPayload posts a captured notification. Goroutines of a test may call it.
func PostPayload(t testing.TB, r *relaytest.Relay, name string) {
	t.Helper()
	body, err := os.ReadFile(relaytest.Source(t, "alerts/testdata/alertmanager/alertmanager-"+name+".json"))
	if err != nil {
		t.Error(err)
		return
	}
	relaytest.Post(t, r.URL+"/in/alertmanager/am", string(body), http.StatusOK)
}
