package relaytest

import (
	"math/rand/v2"
	"net"
	"strconv"
	"testing"
)

// FreeAddress returns a loopback address at which nothing listens. Its port is
// below those that systems give to outgoing connections: while a relay that comes
// back is away, none of its clients can take the port.
func FreeAddress(t testing.TB) string {
	t.Helper()
	for {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(10_000+rand.IntN(20_000)))
		var lc net.ListenConfig
		if l, err := lc.Listen(t.Context(), "tcp", address); err == nil {
			l.Close()
			return address
		}
		if err := t.Context().Err(); err != nil {
			t.Fatal(err)
		}
	}
}
