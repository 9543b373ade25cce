package app_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "alertrelay-app-test")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	programDir = dir
	goleak.VerifyTestMain(m,
		goleak.Cleanup(func(code int) {
			_ = os.RemoveAll(dir)
			os.Exit(code)
		}),
		// The server ends these a moment after WaitForShutdown.
		goleak.IgnoreTopFunction("github.com/nats-io/nats-server/v2/server.(*fileStore).expireMsgs"))
}

var programDir string // where programs are built

// Programs of ours that tests run as processes, built once.
var (
	relayProgram = program("alertrelay")
	pagesProgram = program("alertrelay/examples/pages")
)

func program(pkg string) func(t *testing.T) string {
	build := sync.OnceValues(func() (string, error) {
		out := filepath.Join(programDir, filepath.Base(pkg))
		if msg, err := exec.Command("go", "build", "-o", out, pkg).CombinedOutput(); err != nil { //nolint:noctx // it is for all tests
			return "", fmt.Errorf("go build %s: %w\n%s", pkg, err, msg)
		}
		return out, nil
	})
	return func(t *testing.T) string {
		t.Helper()
		path, err := build()
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
}
