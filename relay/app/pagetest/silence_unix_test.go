//go:build unix

package pagetest

import (
	"net/http"
	"syscall"
	"testing"

	"alertrelay/relay/relaytest"
)

// A process that hangs closes no connection: only its silence tells.
func TestViewerNoticesSilence(t *testing.T) {
	t.Parallel()
	addr := relaytest.FreeAddress(t)
	cmd := relaytest.StartProcess(t, relaytest.Build(t, "alertrelay"), "http://"+addr,
		[]string{"serve", "--data", t.TempDir(), "--listen", addr, "--nats-listen", "", "--log-level", "error"})
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	say := func(text string) {
		t.Helper()
		relaytest.Post(t, "http://"+addr+"/pub?id=ops", text, http.StatusOK)
	}
	say("before")
	p := openViewer(t, "http://"+addr, ">")
	if err := cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	p.Until(viewerIsDead) // after 15 s
	if err := cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	p.Until(viewerIsLive)
	say("after")
	untilViewer(p, []string{"before", "after"})
	p.Fine()
}
