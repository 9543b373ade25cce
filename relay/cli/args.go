package cli

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"alertrelay/relay/conf"
)

// explicitFlags is where App.Metadata holds the names of the flags that stand on
// the command line, to tell them from those that the environment sets.
const explicitFlags = "explicit flags"

// flagsFirst moves the flags of a command before its arguments: people write
// "pub ops hello --event-id 7", and urfave/cli/v2 stops at the first argument.
// What follows "--" is arguments. It also returns the names of the flags. After a
// last flag without its value it leaves the arguments out, so that urfave/cli
// refuses it rather than taking the "--" before them for the value.
func flagsFirst(app *cli.App, args []string) (sorted, explicit []string) {
	at := slices.IndexFunc(args[min(1, len(args)):], func(s string) bool { return !strings.HasPrefix(s, "-") }) + 1
	if at == 0 {
		return args, nil
	}
	command := app.Command(args[at])
	if command == nil {
		return args, nil
	}
	for at+1 < len(args) && len(command.Subcommands) > 0 {
		sub := subcommand(command, args[at+1])
		if sub == nil {
			return args, nil
		}
		command, at = sub, at+1
	}
	var flags, rest []string
	for i := at + 1; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			rest = append(rest, args[i+1:]...)
			break
		}
		if len(arg) < 2 || arg[0] != '-' { // "-" is an argument: standard input
			rest = append(rest, arg)
			continue
		}
		flags = append(flags, arg)
		name, _, hasValue := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		explicit = append(explicit, name)
		if !hasValue && takesValue(command, name) {
			if i++; i == len(args) {
				return slices.Concat(args[:at+1], flags), explicit
			}
			flags = append(flags, args[i])
		}
	}
	sorted = slices.Concat(args[:at+1], flags)
	if len(rest) > 0 {
		sorted = append(append(sorted, "--"), rest...)
	}
	return sorted, explicit
}

func subcommand(command *cli.Command, name string) *cli.Command {
	for _, sub := range command.Subcommands {
		if sub.HasName(name) {
			return sub
		}
	}
	return nil
}

func takesValue(command *cli.Command, name string) bool {
	for _, f := range command.Flags {
		if slices.Contains(f.Names(), name) {
			_, isBool := f.(*cli.BoolFlag)
			return !isBool
		}
	}
	return false
}

// isExplicit reports whether a flag stands on the command line.
func isExplicit(c *cli.Context, name string) bool {
	names, _ := c.App.Metadata[explicitFlags].([]string)
	return slices.Contains(names, name)
}

// chosen gives those of the flags that are set. Some on the command line beat
// those that variables set.
func chosen(c *cli.Context, flags ...string) []string {
	unset := func(name string) bool { return !c.IsSet(name) }
	implicit := func(name string) bool { return !isExplicit(c, name) }
	if explicit := slices.DeleteFunc(slices.Clone(flags), implicit); len(explicit) > 0 {
		return explicit
	}
	return slices.DeleteFunc(flags, unset)
}

// withEnv gives each flag its variable.
func withEnv(flags ...cli.Flag) []cli.Flag {
	for _, f := range flags {
		env := []string{conf.EnvName(f.Names()[0])}
		switch f := f.(type) {
		case *cli.StringFlag:
			f.EnvVars = env
		case *cli.IntFlag:
			f.EnvVars = env
		case *cli.Uint64Flag:
			f.EnvVars = env
		case *cli.StringSliceFlag:
			f.EnvVars = env
		case *cli.BoolFlag:
			f.EnvVars = env
		}
	}
	return flags
}

// noArguments refuses arguments that a command would not look at.
func noArguments(c *cli.Context) error {
	if c.Args().Present() {
		return usagef("%s takes no arguments, got %q (see %s --help)", fullName(c), c.Args().First(), fullName(c))
	}
	return nil
}
