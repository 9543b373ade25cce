package relaytest

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// Main is a package's TestMain: it runs the tests, removes what Build has built, and
// fails if they leave goroutines behind.
func Main(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.Cleanup(func(code int) {
			removeBuilt()
			os.Exit(code)
		}),
		// The server ends these a moment after WaitForShutdown.
		goleak.IgnoreTopFunction("github.com/nats-io/nats-server/v2/server.(*fileStore).expireMsgs"))
}
