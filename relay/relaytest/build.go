package relaytest

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// built are the programs of ours that tests of this process run as processes.
var built struct {
	mu    sync.Mutex // guards what follows, and is held while one is built
	dir   string     // empty before the first
	paths map[string]string
}

// Build builds a program of ours, "alertrelay" or "alertrelay/examples/pages", once
// for all tests of a package, and returns its path. The package's TestMain is Main,
// which removes it.
func Build(t testing.TB, pkg string) string {
	t.Helper()
	built.mu.Lock()
	defer built.mu.Unlock()
	if path, ok := built.paths[pkg]; ok {
		return path
	}
	if built.dir == "" {
		dir, err := os.MkdirTemp("", "alertrelay-test") //nolint:usetesting // it outlives the test
		if err != nil {
			t.Fatal(err)
		}
		built.dir, built.paths = dir, make(map[string]string)
	}
	path := filepath.Join(built.dir, filepath.Base(pkg))
	if msg, err := exec.Command("go", "build", "-o", path, pkg).CombinedOutput(); err != nil { //nolint:noctx // it is for all tests
		t.Fatalf("go build %s: %v\n%s", pkg, err, msg)
	}
	built.paths[pkg] = path
	return path
}

func removeBuilt() {
	built.mu.Lock()
	defer built.mu.Unlock()
	_ = os.RemoveAll(built.dir)
}

// StartProcess starts a relay as a process, the program at a path with args, and
// waits until it is ready at base. The test ends it.
func StartProcess(t testing.TB, relay, base string, args []string) *exec.Cmd {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), relay, args...)
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(Patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if status, _ := Get(t.Context(), base+"/-/ready"); status == http.StatusOK {
			return cmd
		}
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	t.Fatalf("not ready after %s: %s", Patience, stderr.String())
	return nil
}

// StartBuilt starts a relay as a process until the end of the test, and returns where
// it serves. It takes what many messages would take too long for in a relay of this
// process: here the race detector may watch, and there it does not.
func StartBuilt(t testing.TB) (base string) {
	t.Helper()
	addr := FreeAddress(t)
	base = "http://" + addr
	cmd := StartProcess(t, Build(t, "alertrelay"), base, []string{
		"serve", "--listen", addr, "--data", filepath.Join(t.TempDir(), "data"), "--nats-listen", "", "--log-level", "error",
	})
	t.Cleanup(func() { _ = cmd.Wait() }) // the test's context has ended it
	return base
}
