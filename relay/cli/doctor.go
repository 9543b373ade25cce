package cli

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"alertrelay/alerts/am"
)

const doctorDescription = `Reads an Alertmanager's configuration over its API and says, line by line, what is
good (ok) and what should be changed so that the boards are complete and in time.
Then it prints what to paste into alertmanager.yml and alertrelay.yaml. Nothing is
changed.

From 0.26 on Alertmanager does not show the addresses of webhooks. The relay's
receiver is then the one with "relay" in its name, unless --receiver names it.

Exit codes: 0 nothing to change, 1 something to change, 2 usage, 3 the Alertmanager
cannot be reached.

Examples:
   alertrelay doctor --alertmanager http://am-1:9093
   alertrelay doctor --alertmanager http://am-1:9093,http://am-2:9093     all of a cluster
   alertrelay doctor --alertmanager https://ada:PASSWORD@am.example --relay http://relay:8080
   alertrelay doctor --alertmanager http://am-1:9093 --source eu --receiver board`

func doctorCommand() *cli.Command {
	return &cli.Command{
		Name:        "doctor",
		Usage:       "see whether an Alertmanager is configured well for the relay",
		UsageText:   "alertrelay doctor --alertmanager URL[,URL...] [flags]",
		Description: doctorDescription,
		Flags: withEnv(
			&cli.StringFlag{Name: "alertmanager", Usage: "the `URLs` of the members of its cluster, separated by commas"},
			&cli.StringFlag{Name: "bearer-file", Usage: "show the token in `FILE` there"},
			&cli.StringFlag{Name: "relay", Usage: "the relay's `URL`, as the Alertmanager reaches it"},
			&cli.StringFlag{Name: "source", Usage: "the `NAME` of the source", DefaultText: "that of the receiver's address, or am"},
			&cli.StringFlag{Name: "receiver", Usage: "the `NAME` of the relay's receiver", DefaultText: "the one that posts to the relay"},
		),
		Action: untilSignal(func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			o, err := alertmanagerOptions(c)
			if err != nil {
				return err
			}
			report, err := am.Examine(c.Context, o, am.DoctorOptions{Relay: c.String("relay"), Source: c.String("source"), Receiver: c.String("receiver")})
			if invalid := (*am.InvalidError)(nil); errors.As(err, &invalid) {
				return &usageError{strings.TrimPrefix(invalid.Error(), "am: ")}
			}
			if errors.Is(err, am.ErrUnreachable) {
				return &unreachableError{err}
			}
			if err != nil {
				return err
			}
			if err := report.Write(c.App.Writer); err != nil {
				return err
			}
			if n := report.Changes(); n > 0 {
				return fmt.Errorf("things to change: %d", n)
			}
			return nil
		}),
	}
}

// alertmanagerOptions reads whom to ask, and what to show there. A user in a URL
// is that of all of them.
func alertmanagerOptions(c *cli.Context) (am.Options, error) {
	var o am.Options
	for text := range strings.SplitSeq(c.String("alertmanager"), ",") {
		text = strings.TrimSpace(text)
		if text == "" {
			continue
		}
		if u, err := url.Parse(text); err == nil && u.User != nil {
			password, _ := u.User.Password()
			if o.BasicUser != "" && (o.BasicUser != u.User.Username() || o.BasicPassword != password) {
				return o, usagef("--alertmanager: the members of a cluster have one user and one password")
			}
			o.BasicUser, o.BasicPassword = u.User.Username(), password
			u.User = nil
			text = u.String()
		}
		o.URLs = append(o.URLs, text)
	}
	if len(o.URLs) == 0 {
		return o, usagef("no Alertmanager; alertrelay doctor --alertmanager http://am-1:9093")
	}
	if file := c.String("bearer-file"); file != "" {
		token, err := os.ReadFile(file)
		if err != nil {
			return o, usagef("--bearer-file: %s; name an existing file", err)
		}
		if o.Bearer = string(bytes.TrimSpace(token)); o.Bearer == "" {
			return o, usagef("--bearer-file: %s is empty", file)
		}
	}
	return o, nil
}
