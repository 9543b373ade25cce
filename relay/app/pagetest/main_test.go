// Package pagetest tests in a browser what a relay is followed with there besides the
// board: client.js, the viewer and the list of channels, the pages in examples/, and a
// client of push_stream. It is a package of its own as boardtest is.
package pagetest

import (
	"testing"

	"alertrelay/relay/relaytest"
)

func TestMain(m *testing.M) { relaytest.Main(m) }
