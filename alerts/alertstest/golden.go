package alertstest

import (
	"bytes"
	"os"
	"testing"
	"time"

	"alertrelay/alerts"
)

// Golden expects a file to have the bytes, or writes them to it if the test is run
// with -update.
func Golden(t testing.TB, file string, got []byte, update bool) {
	t.Helper()
	if update {
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s:\ngot\n%s\nwant\n%s", file, got, want)
	}
}

// RoundTrip expects the event of an alert to be one line that is read as it was
// written.
func RoundTrip(t testing.TB, a *alerts.Alert) {
	t.Helper()
	text, err := alerts.NewEvent(a, time.Unix(0, 0)).Encode()
	if err != nil {
		t.Fatal(err)
	}
	e, err := alerts.ParseEvent(text)
	if err != nil {
		t.Fatal(err)
	}
	again, err := e.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(again, text) || bytes.ContainsAny(text, "\r\n") {
		t.Errorf("got %q, want %q", again, text)
	}
}
