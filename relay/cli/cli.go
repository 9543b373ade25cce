// Package cli is the command line: what alertrelay's commands, flags and exit
// codes are. What they do is in relay/app (serve), relay/client (pub, sub, alerts),
// alerts/mapping (map) and alerts/am (doctor).
//
// Exit codes: 0 is success, also when a signal ends serve or sub; 1 is trouble
// while running, and what doctor would have changed; 2 is a command line or a
// configuration that makes no sense; 3 is an Alertmanager that doctor cannot reach.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"

	"alertrelay/relay/conf"
)

// IO is what a command reads from and writes to.
type IO struct {
	In       io.Reader
	Out, Err io.Writer
	// Environ is the environment, "NAME=value". Flags of pub, sub and doctor are read
	// from the process's own.
	Environ []string
}

// System is the process's own input, output and environment.
func System() IO {
	return IO{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Environ: os.Environ()}
}

// Exit codes.
const (
	exitOK = iota
	exitTrouble
	exitUsage
	exitUnreachable
)

// usageError is a command line that makes no sense.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// unreachableError is that of somebody whom a command has to ask.
type unreachableError struct{ err error }

func (e *unreachableError) Error() string { return e.err.Error() }
func (e *unreachableError) Unwrap() error { return e.err }

// Run runs the command that args name, args[0] being the program, and returns the
// exit code. It ends in order when ctx does.
func Run(ctx context.Context, args []string, io IO) int {
	app := newApp(io)
	args, explicit := flagsFirst(app, args)
	app.Metadata = map[string]any{explicitFlags: explicit}
	var unknownTopic error
	app.CommandNotFound = func(_ *cli.Context, name string) { unknownTopic = unknownCommand(app, name) }
	err := app.RunContext(ctx, args)
	if err == nil {
		err = unknownTopic // "help pup", which urfave/cli takes for a success
	}
	if err == nil {
		return exitOK
	}
	for line := range strings.SplitSeq(err.Error(), "\n") {
		fmt.Fprintln(io.Err, "alertrelay: "+line)
	}
	if e := (*usageError)(nil); errors.As(err, &e) {
		return exitUsage
	}
	if e := (*conf.Error)(nil); errors.As(err, &e) {
		return exitUsage
	}
	if e := (*unreachableError)(nil); errors.As(err, &e) {
		return exitUnreachable
	}
	return exitTrouble
}

// untilSignal makes SIGINT and SIGTERM end a command in order; a second one ends
// it at once. Commands without it end at the first: pub may be reading a terminal,
// which nothing else ends.
func untilSignal(action cli.ActionFunc) cli.ActionFunc {
	return func(c *cli.Context) error {
		ctx, stop := signal.NotifyContext(c.Context, os.Interrupt, syscall.SIGTERM)
		defer stop()
		defer context.AfterFunc(ctx, stop)() // the second signal is the system's to handle
		c.Context = ctx
		return action(c)
	}
}

const description = `Publish with a POST, follow with a browser, curl or nats, and lose nothing in
between: every message has its place in JetStream, and a reader goes on where it
stood.

   alertrelay serve                      run a relay, without any configuration
   alertrelay demo                       look at one with a fleet that does not exist
   alertrelay sub ops                    follow channel ops
   alertrelay pub ops "disk is full"     publish to it
   alertrelay alerts ls                  what is firing

Every flag has a variable: --nats-listen is ALERTRELAY_NATS_LISTEN. "alertrelay
help COMMAND" shows a command's flags and examples.

Exit codes: 0 success, also when a signal ends serve or sub; 1 trouble while
running, and something to change for doctor; 2 a command line or a configuration
that makes no sense; 3 doctor cannot reach the Alertmanager.`

func newApp(io IO) *cli.App {
	app := &cli.App{
		Name:        "alertrelay",
		Usage:       "a relay for alerts and messages",
		UsageText:   "alertrelay COMMAND [flags]",
		Description: description,
		Version:     version(),
		Reader:      io.In,
		Writer:      io.Out,
		ErrWriter:   io.Err,
		// Errors are Run's to show.
		ExitErrHandler: func(*cli.Context, error) {},
		// A matcher may have a comma in it.
		DisableSliceFlagSeparator: true,
		Commands: []*cli.Command{
			serveCommand(io), demoCommand(io), pubCommand(), subCommand(), alertsCommand(io), checkCommand(io), mapCommand(io), doctorCommand(), versionCommand(),
		},
	}
	app.OnUsageError = usage
	app.Action = func(c *cli.Context) error {
		if !c.Args().Present() {
			return cli.ShowAppHelp(c)
		}
		return unknownCommand(app, c.Args().First())
	}
	for command := range allCommands(app.Commands) {
		command.OnUsageError = usage
		command.HideHelpCommand = true // a channel may be called help
		command.Before = func(*cli.Context) error { return checkEnviron(io.Environ, app) }
	}
	return app
}

// allCommands are the commands and theirs.
func allCommands(commands []*cli.Command) iter.Seq[*cli.Command] {
	return func(yield func(*cli.Command) bool) {
		for _, command := range commands {
			if !yield(command) {
				return
			}
			for sub := range allCommands(command.Subcommands) {
				if !yield(sub) {
					return
				}
			}
		}
	}
}

func unknownCommand(app *cli.App, name string) error { return unknownAmong(app.Commands, name) }

func unknownAmong(commands []*cli.Command, name string) error {
	var names []string
	for _, command := range commands {
		names = append(names, command.Name)
	}
	if near := conf.Nearest(name, names); near != "" {
		return usagef("unknown command %q; did you mean %s?", name, near)
	}
	return usagef("unknown command %q; valid are %s", name, strings.Join(names, ", "))
}

// checkEnviron refuses ALERTRELAY_ variables that no flag of any command has.
func checkEnviron(environ []string, app *cli.App) error {
	flags := []string{"token"} // a secret does not belong on a command line
	for command := range allCommands(app.Commands) {
		for _, f := range command.Flags {
			flags = append(flags, f.Names()[0])
		}
	}
	return conf.CheckEnviron(environ, flags...)
}

// usage explains a command line that could not be read.
func usage(c *cli.Context, err error, _ bool) error {
	// The flag package has no values for its errors.
	const noValue, undefined = "flag needs an argument: -", "flag provided but not defined: -"
	text := err.Error()
	if name, ok := strings.CutPrefix(text, noValue); ok {
		return usagef("--%s wants a value (see %s --help)", name, fullName(c))
	}
	name, ok := strings.CutPrefix(text, undefined)
	if !ok {
		return usagef("%s (see %s --help)", strings.Replace(text, " for flag -", " for --", 1), fullName(c))
	}
	var names []string
	for _, f := range c.Command.Flags {
		names = append(names, f.Names()...)
	}
	if near := conf.Nearest(name, names); near != "" {
		return usagef("unknown flag --%s; did you mean --%s?", name, near)
	}
	hint := ""
	if c.Command.Name == "pub" {
		hint = ", and a text that begins with - is written after --"
	}
	return usagef("unknown flag --%s; %s --help lists them%s", name, fullName(c), hint)
}

// fullName is "alertrelay alerts ls".
func fullName(c *cli.Context) string {
	var names []string
	for _, of := range c.Lineage() {
		if of.Command != nil && of.Command.Name != "" && !slices.Contains(names, of.Command.Name) {
			names = append(names, of.Command.Name)
		}
	}
	if !slices.Contains(names, c.App.Name) {
		names = append(names, c.App.Name)
	}
	slices.Reverse(names)
	return strings.Join(names, " ")
}
