package relaytest

import (
	"testing"
	"time"
)

// Patience is how long tests wait for what must come: long, because machines that
// run tests may have other things to do.
const Patience = 30 * time.Second

// Eventually waits until the condition holds, and fails the test if it does not
// within Patience. what ends the sentence "never: ".
func Eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	if !Within(t, Patience, condition) {
		t.Fatalf("never: %s", what)
	}
}

// Within waits until the condition holds, and reports whether it did before the
// time was up.
func Within(t testing.TB, d time.Duration, condition func() bool) bool {
	t.Helper()
	for deadline := time.Now().Add(d); !condition(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}
