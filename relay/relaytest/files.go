package relaytest

import (
	"os"
	"path/filepath"
	"testing"
)

// Source is the path of a file or directory of the project, "examples/rules.yml",
// whichever package is tested. Goroutines of a test may call it: where there is no
// project, the path is relative.
func Source(t testing.TB, name string) string {
	t.Helper()
	root := "."
	for {
		if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
			return filepath.Join(root, filepath.FromSlash(name))
		}
		above := filepath.Join(root, "..")
		if at, err := filepath.Abs(root); err != nil || filepath.Dir(at) == at {
			t.Errorf("no go.mod above the package that is tested: %v", err)
			return name
		}
		root = above
	}
}

// WriteFile writes a file that relays read.
func WriteFile(t testing.TB, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
