package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"alertrelay/relay"
	"alertrelay/relay/client"
	"alertrelay/relay/conf"
)

const subDescription = `Prints each message on a line until ctrl-C. A lost connection is made again and
goes on where it stood; that is told on standard error.

A channel may be a wildcard: * is one token between dots, a last > the rest.

Examples:
   alertrelay sub ops
   alertrelay sub ops db --last 5                    with the last five of each
   alertrelay sub 'db.critical.>' --since 10m
   alertrelay sub 'db.>' --now                       what is active, then what happens
   alertrelay sub '>' --format json | jq .text
   alertrelay sub ops --count 1 --transport ws
   alertrelay sub ops --from "Sun, 22 Nov 2026 07:00:00 GMT,1234"
                              after the message that --format json showed with them`

func subCommand() *cli.Command {
	return &cli.Command{
		Name:        "sub",
		Usage:       "follow channels",
		UsageText:   "alertrelay sub CHANNEL... [flags]",
		Description: subDescription,
		Flags: withEnv(
			serverFlag(),
			&cli.StringFlag{Name: "since", Usage: "begin with the messages of the last `DURATION`, such as 10m"},
			&cli.IntFlag{Name: "last", Usage: "begin with the last `N` messages of each channel", DefaultText: "none"},
			&cli.BoolFlag{Name: "now", Usage: "begin with what is active"},
			&cli.StringFlag{Name: "from", Usage: "go on after the message with this `TIME,TAG`"},
			&cli.StringFlag{Name: "transport", Usage: "the `NAME` of the way messages come: sse, ws, lp (long-polling), stream, or poll", Value: string(client.SSE)},
			&cli.StringFlag{Name: "format", Usage: "print `FORMAT`: text, or json with channel, id, time and tag", Value: "text"},
			&cli.IntFlag{Name: "count", Usage: "end after `N` messages", DefaultText: "no end"},
		),
		Action: untilSignal(func(c *cli.Context) error {
			o, err := subscribeOptions(c)
			if err != nil {
				return err
			}
			relay, err := client.New(c.String("server"))
			if err != nil {
				return &usageError{err.Error()}
			}
			defer relay.Close()
			o.Notify = notices(c.App.ErrWriter, c.String("server"))
			left := c.Int("count")
			show := printer(c.App.Writer, c.String("format"))
			err = relay.Subscribe(c.Context, o, func(m client.Message) error {
				if err := show(m); err != nil {
					return err
				}
				if left--; left == 0 {
					return errEnough
				}
				return nil
			})
			if errors.Is(err, errEnough) {
				return nil
			}
			return explain(err, c.String("server"))
		}),
	}
}

// errEnough: --count is reached.
var errEnough = errors.New("enough")

func subscribeOptions(c *cli.Context) (client.SubscribeOptions, error) {
	o := client.SubscribeOptions{Channels: channels(c.Args().Slice()), Transport: client.Transport(c.String("transport"))}
	if len(o.Channels) == 0 {
		return o, usagef("no channel; alertrelay sub CHANNEL...")
	}
	var transports []string
	for _, t := range client.Transports() {
		transports = append(transports, string(t))
	}
	if err := choice("transport", string(o.Transport), transports...); err != nil {
		return o, err
	}
	if err := choice("format", c.String("format"), "text", "json"); err != nil {
		return o, err
	}
	if c.Int("last") < 0 || c.Int("count") < 0 {
		return o, usagef("--last and --count must not be negative")
	}
	starts := chosen(c, "since", "last", "from", "now")
	if len(starts) == 0 {
		return o, nil
	}
	if len(starts) > 1 {
		return o, usagef("--since, --last, --from and --now exclude each other")
	}
	switch starts[0] {
	case "now":
		o.Now = c.Bool("now")
	case "last":
		o.Last = c.Int("last")
	case "since":
		d, err := conf.ParseDuration(c.String("since"))
		if err != nil {
			return o, usagef("--since: %s", err)
		}
		o.Since = time.Now().Add(-d)
	case "from":
		var ok bool
		if o.From, ok = parseFrom(c.String("from")); !ok {
			return o, usagef(`--from: %q is no time and tag; write "Sun, 22 Nov 2026 07:00:00 GMT,1234", "2026-11-22T07:00:00Z,1234" or 1795330800,1234`, c.String("from"))
		}
	}
	return o, nil
}

// channels takes several channels in one argument apart, as in a location's path.
func channels(args []string) []string {
	var all []string
	for _, arg := range args {
		for c := range strings.SplitSeq(arg, "/") {
			if c != "" {
				all = append(all, c)
			}
		}
	}
	return all
}

func choice(flag, value string, valid ...string) error {
	if slices.Contains(valid, value) {
		return nil
	}
	return usagef("--%s: %q is not known; valid are %s", flag, value, strings.Join(valid, ", "))
}

// parseFrom reads a time and a tag with a comma between them; the time may have
// one of its own.
func parseFrom(s string) (relay.Cursor, bool) {
	if c, ok := relay.ParseEventCursor(s); ok {
		return c, true // what an event of /ev/ has as its id
	}
	i := strings.LastIndexByte(s, ',')
	if i < 0 {
		return relay.Cursor{}, false
	}
	at, tag := strings.TrimSpace(s[:i]), strings.TrimSpace(s[i+1:])
	if t, err := time.Parse(time.RFC3339, at); err == nil {
		at = strconv.FormatInt(t.Unix(), 10)
	}
	if c, ok := relay.ParseEventCursor(at + ":" + tag); ok {
		return c, true
	}
	t, timeOK := relay.ParseTime(at)
	n, tagOK := relay.ParseTag(tag)
	return relay.Cursor{Time: t, Tag: n, HasTag: true}, timeOK && tagOK
}

func printer(w io.Writer, format string) func(client.Message) error {
	if format == "json" {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		return func(m client.Message) error { return e.Encode(m) }
	}
	return func(m client.Message) error {
		_, err := fmt.Fprintln(w, m.Text)
		return err
	}
}

// notices tells on w what happens besides messages.
func notices(w io.Writer, server string) func(client.Notice) {
	lost, again := false, false
	return func(n client.Notice) {
		switch n.Kind {
		case client.Connected:
			if lost {
				fmt.Fprintln(w, "alertrelay: connected")
			}
			lost = false
		case client.Disconnected:
			if !lost { // once is enough
				n.Err = explain(n.Err, server)
			}
			lost = true
			fmt.Fprintf(w, "alertrelay: not connected (%v), trying again in %s\n", n.Err, n.Delay.Round(10*time.Millisecond))
		case client.Gap:
			if n.Channel != "" {
				n.Text = "channel " + n.Channel + ": " + n.Text
			}
			fmt.Fprintf(w, "alertrelay: %s\n", n.Text)
		case client.SnapshotBegin:
			if again {
				fmt.Fprintln(w, "alertrelay: too long away, beginning again with what is active")
			}
			again = true
		case client.SnapshotEnd:
			fmt.Fprintln(w, "alertrelay: that is all that is active")
		case client.Deleted:
			fmt.Fprintf(w, "alertrelay: channel %s was deleted: %s\n", n.Channel, n.Text)
		}
	}
}

// explain adds to an error of the network what to do about it.
func explain(err error, server string) error {
	if u, parseErr := url.Parse(server); parseErr == nil {
		server = u.Redacted()
	}
	dns := (*net.DNSError)(nil)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("no relay at %s: %w; start one with alertrelay serve, or name another with --server", server, err)
	case errors.As(err, &dns):
		return fmt.Errorf("no such host: %w; name the relay with --server", err)
	}
	return err
}
