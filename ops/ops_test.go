// Package ops checks the files of this directory with the programs that read them.
package ops

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"alertrelay/relay/conf"
)

// check runs a program that is to find nothing wrong; without it the test is
// skipped.
func check(t *testing.T, name string, args ...string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skip(err)
	}
	if out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput(); err != nil {
		t.Errorf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestSystemdUnit(t *testing.T) {
	dir := t.TempDir()
	binary := filepath.Join(dir, "alertrelay")
	write(t, binary, "#!/bin/sh\n") // it must exist to pass
	unit := filepath.Join(dir, "alertrelay.service")
	write(t, unit, strings.Replace(read(t, "alertrelay.service"), "/usr/local/bin/alertrelay", binary, 1))
	check(t, "systemd-analyze", "verify", "--man=no", "--recursive-errors=no", unit)
}

func TestCompose(t *testing.T) {
	var compose struct {
		Configs map[string]struct{ Content, File string }
	}
	if err := yaml.Unmarshal([]byte(read(t, "compose.yml")), &compose); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, c := range compose.Configs {
		if c.File != "" {
			c.Content = read(t, c.File)
		}
		write(t, filepath.Join(dir, name+".yml"), c.Content)
	}
	t.Run("prometheus", func(t *testing.T) { check(t, "promtool", "check", "config", filepath.Join(dir, "prometheus.yml")) })
	t.Run("alertmanager", func(t *testing.T) {
		path := filepath.Join(dir, "alertmanager.yml")
		write(t, path, strings.Replace(read(t, path), "timeout: 10s", "", 1)) // Debian's is older than that
		check(t, "amtool", "check-config", path)
	})
	t.Run("compose", func(t *testing.T) {
		if err := exec.CommandContext(t.Context(), "docker", "compose", "version").Run(); err != nil {
			t.Skip("no docker compose")
		}
		check(t, "docker", "compose", "-f", "compose.yml", "config", "--quiet")
	})
}

// A variable that alertrelay does not know would stop its start.
func TestVariablesExist(t *testing.T) {
	for _, file := range []string{"alertrelay.service", "Dockerfile", "compose.yml"} {
		for _, name := range regexp.MustCompile(`ALERTRELAY_\w+`).FindAllString(read(t, file), -1) {
			if err := conf.CheckEnviron([]string{name + "="}, "config"); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
	}
}
