package pagetest

import (
	"os/exec"
	"path/filepath"
	"testing"

	"alertrelay/relay/relaytest"
)

// The tour in examples/ is what people try first.
func TestTour(t *testing.T) {
	t.Parallel()
	shell, _ := relaytest.Program(t, "dash", "sh"), relaytest.Program(t, "curl", "curl")
	r := relaytest.Start(t)
	out, err := exec.CommandContext(t.Context(), shell, filepath.Join("..", "..", "..", "examples", "tour.sh"), r.URL).CombinedOutput()
	if err != nil {
		t.Errorf("tour.sh: %v\n%s", err, out)
	}
}
