package relaytest

import (
	"os"
	"os/exec"
	"testing"
)

// Program returns the path of the first of the commands that is installed.
// Without any of them the test is skipped, and fails if the variable CI is set:
// there, what is not tested must be seen. pkg is Debian's package that has one.
func Program(t testing.TB, pkg string, commands ...string) string {
	t.Helper()
	for _, command := range commands {
		if path, err := exec.LookPath(command); err == nil {
			return path
		}
	}
	const missing = "%s is not installed: run \"go run ./ops/test\", which installs all that the tests need, or \"apt-get install %s\""
	if os.Getenv("CI") != "" {
		t.Fatalf(missing, commands[0], pkg)
	}
	t.Skipf(missing, commands[0], pkg)
	return ""
}

// StartProgram starts a command that is killed at the end of the test. Its output
// goes to that of the test.
func StartProgram(t testing.TB, name string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(name, args...) //nolint:noctx // killed below, after what uses it has ended
	out := &logbook{out: t.Output()}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		out.close()
	})
	return cmd
}
