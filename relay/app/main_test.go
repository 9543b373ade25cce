package app_test

import (
	"testing"

	"alertrelay/relay/relaytest"
)

func TestMain(m *testing.M) { relaytest.Main(m) }
