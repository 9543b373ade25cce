// Command test passes or fails the tests on a machine that has Go and git and
// nothing else: it installs what they need with apt-get where it is missing, says
// what and why, and runs go vet and go test. Arguments go to go test.
//
//	go run ./ops/test
//	go run ./ops/test -run TestChat -v ./examples/...
//
// Packages named there replace ./... .
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// limit is what go test gets for a package; CI gives 15 minutes to the whole.
const limit = 14 * time.Minute

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "ops/test:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] == installArg {
		return install(ctx, args[1:])
	}
	ready, err := provide(ctx)
	if err != nil {
		return err
	}
	test := []string{"test", "-timeout", limit.String()}
	if ready[compiler.name] {
		test = append(test, "-race")
		if err := os.Setenv("CGO_ENABLED", "1"); err != nil { // -race needs it
			return err
		}
	} else {
		say("no C compiler: the tests run without the race detector")
	}
	test = append(test, args...)
	if !slices.ContainsFunc(args, isPackage) {
		test = append(test, "./...")
	}
	if err := command(ctx, "go", "vet", "-tags", "acceptance", "./..."); err != nil { // those tests must compile, too
		return err
	}
	return command(ctx, "go", test...)
}

// isPackage reports whether an argument names packages, which all of ours are
// named by path.
func isPackage(arg string) bool {
	return arg == "." || strings.HasPrefix(arg, "./") || strings.HasPrefix(arg, "alertrelay")
}

// command runs a command in sight, and ends it with ctx.
func command(ctx context.Context, name string, args ...string) error {
	say("%s %s", name, strings.Join(args, " "))
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return fmt.Errorf("%s %s: %w", name, args[0], err)
	}
	return err
}

func say(format string, args ...any) { fmt.Printf("== "+format+"\n", args...) }
