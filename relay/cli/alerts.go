package cli

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"alertrelay/relay/client"
	"alertrelay/relay/conf"
)

const alertsDescription = `Shows what is firing, says who has it in hand, exports what has happened, and
silences. A relay that wants a token to change something gets the one in the file of
--token-file, or in the variable ALERTRELAY_TOKEN. If it has a name, that is who says so.

Examples:
   alertrelay alerts ls --match 'severity="critical"'
   alertrelay alerts ack am-e0e5d472468ff987 --comment "on it"
   alertrelay alerts history --channel 'db.>' --since 2h --format csv >history.csv
   alertrelay alerts silence create --source am --match 'alertname="DiskFull"' --duration 2h`

func alertsCommand(io IO) *cli.Command {
	command := &cli.Command{
		Name:        "alerts",
		Usage:       "show alerts, take them in hand, silence them",
		UsageText:   "alertrelay alerts COMMAND [flags]",
		Description: alertsDescription,
		Subcommands: []*cli.Command{listCommand(io), ackCommand(io), unackCommand(io), historyCommand(io), silenceCommand(io)},
	}
	command.Action = group(command)
	return command
}

// group is the action of a command that only has others under it.
func group(command *cli.Command) cli.ActionFunc {
	return func(c *cli.Context) error {
		if !c.Args().Present() {
			return cli.ShowSubcommandHelp(c)
		}
		var names []string
		for _, sub := range command.Subcommands {
			names = append(names, sub.Name)
		}
		name := c.Args().First()
		if near := conf.Nearest(name, names); near != "" {
			return usagef("unknown command %q; did you mean %s?", name, near)
		}
		return usagef("unknown command %q; valid are %s", name, strings.Join(names, ", "))
	}
}

// apiFlags are of all commands that ask the API.
func apiFlags(flags ...cli.Flag) []cli.Flag {
	return withEnv(append(flags, serverFlag(), &cli.StringFlag{Name: "token-file", Usage: "read the token from `FILE`", DefaultText: "$ALERTRELAY_TOKEN"})...)
}

func matchFlag() cli.Flag {
	return &cli.StringSliceFlag{Name: "match", Usage: "only alerts for which `MATCHER` holds, such as 'severity=\"critical\"'; may be repeated"}
}

func channelFlag() cli.Flag {
	return &cli.StringSliceFlag{Name: "channel", Usage: "only alerts of `CHANNEL`, which may be a wildcard such as 'db.>'; may be repeated"}
}

func byFlag() cli.Flag {
	return &cli.StringFlag{Name: "by", Usage: "the `NAME` of who says so", DefaultText: "the token's name, or $USER"}
}

func commentFlag() cli.Flag {
	return &cli.StringFlag{Name: "comment", Usage: "say more in `TEXT`"}
}

// withAPI is an action that has a client.
func withAPI(io IO, do func(c *cli.Context, relay *client.Client) error) cli.ActionFunc {
	return untilSignal(func(c *cli.Context) error {
		relay, err := client.New(c.String("server"))
		if err != nil {
			return &usageError{err.Error()}
		}
		defer relay.Close()
		token := environment(io, "ALERTRELAY_TOKEN")
		if file := c.String("token-file"); file != "" {
			b, err := os.ReadFile(file)
			if err != nil {
				return usagef("--token-file: %s", err)
			}
			token = string(b)
		}
		if token = strings.TrimSpace(token); strings.ContainsAny(token, "\r\n") {
			return usagef("the token has several lines; it must be one")
		}
		err = do(c, relay.WithToken(token))
		refused := (*client.Error)(nil)
		if errors.As(err, &refused) && refused.Status == 401 {
			return fmt.Errorf("%w; give it with --token-file or ALERTRELAY_TOKEN", err)
		}
		return explain(err, c.String("server"))
	})
}

func environment(io IO, name string) string {
	for _, v := range io.Environ {
		if value, ok := strings.CutPrefix(v, name+"="); ok {
			return value
		}
	}
	return ""
}

// by is who runs the command: the token's name goes before the machine's.
func by(c *cli.Context, io IO, relay *client.Client) (string, error) {
	token := ""
	if c.String("by") == "" && (c.String("token-file") != "" || environment(io, "ALERTRELAY_TOKEN") != "") {
		var err error
		token, err = relay.Whoami(c.Context)
		older := (*client.Error)(nil) // a relay whose tokens have no names
		if isOlder := errors.As(err, &older) && older.Status == 404; err != nil && !isOlder {
			return "", err
		}
	}
	for _, name := range []string{c.String("by"), token, environment(io, "USER"), environment(io, "USERNAME")} {
		if name != "" {
			return name, nil
		}
	}
	return "", usagef("--by: is missing, and $USER is empty; say who you are")
}

func listCommand(io IO) *cli.Command {
	return &cli.Command{
		Name:      "ls",
		Usage:     "show what is firing",
		UsageText: "alertrelay alerts ls [flags]",
		Description: `One line for each alert. A name in brackets has it in hand.

Examples:
   alertrelay alerts ls
   alertrelay alerts ls --channel 'db.>' --match 'severity=~"critical|warning"'
   alertrelay alerts ls --status resolved                  ended in the last 15 minutes
   alertrelay alerts ls --format json | jq .alerts[].labels`,
		Flags: apiFlags(
			matchFlag(), channelFlag(),
			&cli.StringSliceFlag{Name: "status", Usage: "only alerts of `STATUS`: firing, suppressed, stale, resolved, expired; may be repeated"},
			&cli.StringFlag{Name: "format", Usage: "print `FORMAT`: text, or json as the API gives it", Value: "text"},
		),
		Action: withAPI(io, func(c *cli.Context, relay *client.Client) error {
			if err := noArguments(c); err != nil {
				return err
			}
			if err := choice("format", c.String("format"), "text", "json"); err != nil {
				return err
			}
			list, err := relay.Alerts(c.Context, client.AlertQuery{
				Match: c.StringSlice("match"), Channels: c.StringSlice("channel"), Status: c.StringSlice("status"),
			})
			if err != nil {
				return err
			}
			if c.String("format") == "json" {
				_, err = c.App.Writer.Write(list.JSON)
				return err
			}
			return writeTable(c.App.Writer, alertTable(list.Alerts), isTerminal(c.App.Writer) && environment(io, "NO_COLOR") == "")
		}),
	}
}

func ackCommand(io IO) *cli.Command {
	return &cli.Command{
		Name:      "ack",
		Usage:     "say that somebody has an alert in hand",
		UsageText: "alertrelay alerts ack ID... [flags]",
		Description: `Every screen shows it, until the alert ends or fires anew. alerts ls shows the ids.

Examples:
   alertrelay alerts ack am-e0e5d472468ff987
   alertrelay alerts ack am-e0e5d472468ff987 --by ada --comment "moving the logs"`,
		Flags:  apiFlags(byFlag(), commentFlag()),
		Action: withAPI(io, func(c *cli.Context, relay *client.Client) error { return eachAlert(c, io, relay, relay.Ack) }),
	}
}

func unackCommand(io IO) *cli.Command {
	return &cli.Command{
		Name:      "unack",
		Usage:     "take it back",
		UsageText: "alertrelay alerts unack ID... [flags]",
		Description: `Nobody has the alert in hand any more.

Example:
   alertrelay alerts unack am-e0e5d472468ff987 --comment "needs the vendor"`,
		Flags:  apiFlags(byFlag(), commentFlag()),
		Action: withAPI(io, func(c *cli.Context, relay *client.Client) error { return eachAlert(c, io, relay, relay.Unack) }),
	}
}

func historyCommand(io IO) *cli.Command {
	return &cli.Command{
		Name:      "history",
		Usage:     "export what has happened",
		UsageText: "alertrelay alerts history [flags]",
		Description: `The events of alerts, in the order in which they were stored.

Examples:
   alertrelay alerts history --since 2h
   alertrelay alerts history --channel 'db.>' --since 7d --format csv >history.csv
   alertrelay alerts history --since 2026-11-22T07:00:00Z --until 2026-11-22T08:00:00Z --match 'severity="critical"'`,
		Flags: apiFlags(
			matchFlag(), channelFlag(),
			&cli.StringFlag{Name: "since", Usage: "begin at `TIME`: how long ago, such as 2h or 7d, RFC 3339, or unix seconds", DefaultText: "24h"},
			&cli.StringFlag{Name: "until", Usage: "end before `TIME`", DefaultText: "now"},
			&cli.Uint64Flag{Name: "after", Usage: "begin after the event with this `TAG`", DefaultText: "none"},
			&cli.IntFlag{Name: "limit", Usage: "at most `N` events", DefaultText: "100000"},
			&cli.StringFlag{Name: "format", Usage: "print `FORMAT`: ndjson, csv or json", Value: "ndjson"},
		),
		Action: withAPI(io, func(c *cli.Context, relay *client.Client) error {
			if err := noArguments(c); err != nil {
				return err
			}
			if err := choice("format", c.String("format"), "ndjson", "csv", "json"); err != nil {
				return err
			}
			if c.Int("limit") < 0 {
				return usagef("--limit must not be negative")
			}
			after, err := relay.History(c.Context, client.HistoryQuery{
				Match: c.StringSlice("match"), Channels: c.StringSlice("channel"), Since: c.String("since"), Until: c.String("until"),
				After: c.Uint64("after"), Limit: c.Int("limit"), Format: c.String("format"),
			}, c.App.Writer)
			if err == nil && after > 0 {
				fmt.Fprintf(c.App.ErrWriter, "alertrelay: there are more events; go on with --after %d\n", after)
			}
			return err
		}),
	}
}
