package cli_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"alertrelay/relay/cli"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"alertrelay": func() { os.Exit(cli.Run(context.Background(), os.Args, cli.System())) },
	})
}

// TestScripts runs testdata/script, in each of which "alertrelay" is the program.
// Beside testscript's own there are the commands "exits CODE PROGRAM ...", "ready",
// which waits until the relay at $RELAY is, "until FILE PATTERN", which waits
// until the file has it, "post FILE PATH", which posts it to the relay, and the variables RELAY and NATS, addresses that are
// free.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("GORACE", "atexit_sleep_ms=0") // else each program waits for 1 s at its end
			for _, name := range []string{"RELAY", "NATS"} {
				address, err := freeAddress()
				if err != nil {
					return err
				}
				e.Setenv(name, address)
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "ready": ready, "until": until, "post": post},
	})
}

// exits runs a program and checks its exit code.
func exits(ts *testscript.TestScript, not bool, args []string) {
	if not || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM [ARGS...]")
	}
	want, err := strconv.Atoi(args[0])
	if err != nil {
		ts.Fatalf("exits: %v", err)
	}
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit := (*exec.ExitError)(nil)
		if !errors.As(err, &exit) {
			ts.Fatalf("exits: %v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code: got %d, want %d", got, want)
	}
}

func ready(ts *testscript.TestScript, _ bool, _ []string) {
	url := "http://" + ts.Getenv("RELAY") + "/-/ready"
	wait(ts, func() (bool, string) {
		resp, err := http.Get(url) //nolint:noctx // it is loopback and ends with the test
		if err != nil {
			return false, err.Error()
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK, url + " answers " + resp.Status
	})
}

func post(ts *testscript.TestScript, not bool, args []string) {
	if not || len(args) != 2 {
		ts.Fatalf("usage: post FILE PATH")
	}
	resp, err := http.Post("http://"+ts.Getenv("RELAY")+args[1], "application/json", strings.NewReader(ts.ReadFile(args[0]))) //nolint:noctx // it is loopback and ends with the test
	ts.Check(err)
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		ts.Fatalf("%s answers %s", args[1], resp.Status)
	}
}

func until(ts *testscript.TestScript, not bool, args []string) {
	if not || len(args) != 2 {
		ts.Fatalf("usage: until FILE PATTERN")
	}
	pattern, err := regexp.Compile(args[1])
	ts.Check(err)
	wait(ts, func() (bool, string) {
		content, err := os.ReadFile(ts.MkAbs(args[0]))
		return err == nil && pattern.Match(content), fmt.Sprintf("no match for %s in %q (%v)", pattern, content, err)
	})
}

// wait waits until done says so, which also says what is there instead.
func wait(ts *testscript.TestScript, done func() (bool, string)) {
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		ok, state := done()
		if ok {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("after 30 s: %s", state)
		}
	}
}

// freeAddress is an address on which nobody listens now.
func freeAddress() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it does not block
	if err != nil {
		return "", fmt.Errorf("no free address: %w", err)
	}
	return ln.Addr().String(), ln.Close()
}
