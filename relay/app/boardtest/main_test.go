// Package boardtest tests the board and its timeline in a browser, with real relays
// behind them. It is a package of its own because go test runs those beside each
// other, and browsers take time.
package boardtest

import (
	"testing"

	"alertrelay/relay/relaytest"
)

func TestMain(m *testing.M) { relaytest.Main(m) }
