package cli

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"alertrelay/relay/client"
	"alertrelay/relay/conf"
)

func silenceCommand(io IO) *cli.Command {
	command := &cli.Command{
		Name:      "silence",
		Usage:     "silence alerts at their source",
		UsageText: "alertrelay alerts silence COMMAND [flags]",
		Description: `Silences are those of the source's Alertmanager, whose address the relay must know
(sources.<name>.api).

Examples:
   alertrelay alerts silence create --source am --match 'alertname="DiskFull"' --duration 2h --comment "moving it"
   alertrelay alerts silence ls
   alertrelay alerts silence expire am 2b0f1d5e-…`,
		Subcommands: []*cli.Command{silenceCreateCommand(io), silenceListCommand(io), silenceExpireCommand(io)},
	}
	command.Action = group(command)
	return command
}

func silenceCreateCommand(io IO) *cli.Command {
	return &cli.Command{
		Name:      "create",
		Usage:     "make a silence, and show what it matches",
		UsageText: "alertrelay alerts silence create --source NAME --match MATCHER... [flags]",
		Description: `Shows on standard error which alerts it matches now, makes it, and prints its id.

Examples:
   alertrelay alerts silence create --source am --match 'instance=~"db-.*"' --duration 2h
   alertrelay alerts silence create --source am --match 'team="db"' --preview`,
		Flags: apiFlags(
			&cli.StringFlag{Name: "source", Usage: "the `NAME` of the source"},
			&cli.StringSliceFlag{Name: "match", Usage: "silence alerts for which `MATCHER` holds; may be repeated, and all must hold"},
			&cli.StringFlag{Name: "duration", Usage: "for `DURATION`, such as 30m, 2h or 7d", Value: "1h"},
			byFlag(), commentFlag(),
			&cli.BoolFlag{Name: "preview", Usage: "only show what it would match"},
		),
		Action: withAPI(io, func(c *cli.Context, relay *client.Client) error {
			if err := noArguments(c); err != nil {
				return err
			}
			s := client.Silence{Source: c.String("source"), Matchers: c.StringSlice("match"), Comment: c.String("comment")}
			if s.Source == "" {
				return usagef("--source: is missing; name the source whose alerts are to be silenced")
			}
			if len(s.Matchers) == 0 {
				return usagef(`--match: is missing; write a matcher such as 'alertname="DiskFull"'`)
			}
			d, err := conf.ParseDuration(c.String("duration"))
			if err != nil {
				return usagef("--duration: %s", err)
			}
			if s.CreatedBy, err = by(c, io, relay); err != nil {
				return err
			}
			p, err := relay.PreviewSilence(c.Context, s)
			if err != nil {
				return err
			}
			out := c.App.ErrWriter
			if c.Bool("preview") {
				out = c.App.Writer
			}
			fmt.Fprintf(out, "matches %d alerts now\n", p.Total)
			for _, a := range p.Alerts {
				labels, err := json.Marshal(a.Labels)
				if err != nil {
					return err
				}
				fmt.Fprintf(out, "  %s  %s\n", printable(a.ID), printable(string(labels)))
			}
			if c.Bool("preview") {
				return nil
			}
			s.EndsAt = time.Now().Add(d).UTC()
			made, err := relay.CreateSilence(c.Context, s)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(c.App.Writer, made.ID)
			return err
		}),
	}
}

func silenceListCommand(io IO) *cli.Command {
	return &cli.Command{
		Name:      "ls",
		Usage:     "show silences",
		UsageText: "alertrelay alerts silence ls [flags]",
		Description: `Those that end first come first.

Example:
   alertrelay alerts silence ls --source am`,
		Flags: apiFlags(&cli.StringFlag{Name: "source", Usage: "only silences of the source `NAME`"}),
		Action: withAPI(io, func(c *cli.Context, relay *client.Client) error {
			if err := noArguments(c); err != nil {
				return err
			}
			silences, failed, err := relay.Silences(c.Context, c.String("source"))
			if err != nil {
				return err
			}
			t := table{rows: [][]string{{"STATE", "SOURCE", "ID", "ENDS", "BY", "MATCHERS", "COMMENT"}}}
			for _, s := range silences {
				t.rows = append(t.rows, []string{
					s.State, s.Source, s.ID, s.EndsAt.Local().Format("2006-01-02 15:04"), s.CreatedBy, strings.Join(s.Matchers, ", "), s.Comment,
				})
			}
			for _, source := range slices.Sorted(maps.Keys(failed)) {
				fmt.Fprintf(c.App.ErrWriter, "alertrelay: %s\n", printable(failed[source]))
			}
			return writeTable(c.App.Writer, t, false)
		}),
	}
}

func silenceExpireCommand(io IO) *cli.Command {
	return &cli.Command{
		Name:      "expire",
		Usage:     "end a silence",
		UsageText: "alertrelay alerts silence expire SOURCE ID [flags]",
		Description: `alerts silence ls shows sources and ids.

Example:
   alertrelay alerts silence expire am 2b0f1d5e-6d0c-4a55-a3a1-1a3f6a6d8c11`,
		Flags: apiFlags(),
		Action: withAPI(io, func(c *cli.Context, relay *client.Client) error {
			if c.Args().Len() != 2 {
				return usagef("give the source and the id; alertrelay alerts silence expire SOURCE ID")
			}
			return relay.ExpireSilence(c.Context, c.Args().Get(0), c.Args().Get(1))
		}),
	}
}
