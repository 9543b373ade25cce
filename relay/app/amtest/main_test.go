// Package amtest tests relays with real Alertmanagers and Prometheuses. It is a
// package of its own because go test runs those beside each other: most of the time
// these tests wait for the senders' intervals.
package amtest

import (
	"testing"

	"alertrelay/relay/relaytest"
)

func TestMain(m *testing.M) { relaytest.Main(m) }
