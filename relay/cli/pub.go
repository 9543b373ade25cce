package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"alertrelay/relay/client"
)

const defaultServer = "http://127.0.0.1:8080"

const pubDescription = `The message is TEXT, or what comes on standard input if TEXT is "-", byte for
byte. When the command ends with 0, the relay has stored it. Several channels are
separated by slashes.

Examples:
   alertrelay pub ops "disk is full"
   alertrelay pub ops/db "both get it"
   date | alertrelay pub ops -
   tail -f /var/log/syslog | alertrelay pub log --lines -
   alertrelay pub ops "restart" --event-id 7 --event-type deploy
   alertrelay pub ops -- "-5 degrees"                a text that begins with -
   alertrelay pub ops hi --server https://relay.example.org`

func pubCommand() *cli.Command {
	return &cli.Command{
		Name:        "pub",
		Usage:       "publish a message",
		UsageText:   "alertrelay pub CHANNEL [TEXT|-] [flags]",
		Description: pubDescription,
		Flags: withEnv(
			serverFlag(),
			&cli.StringFlag{Name: "event-id", Usage: "attach the event id `ID`, to go on from"},
			&cli.StringFlag{Name: "event-type", Usage: "attach the event type `TYPE`, which EventSource listeners select"},
			&cli.BoolFlag{Name: "lines", Usage: "one message for each line that is not empty"},
		),
		Action: func(c *cli.Context) error {
			args := c.Args().Slice()
			switch {
			case len(args) == 0:
				return usagef("no channel; alertrelay pub CHANNEL TEXT")
			case len(args) == 1:
				return usagef("no text; give it after the channel, or - to read it from standard input")
			case len(args) > 2:
				return usagef("more than one text (%q); put quotes around it", args[2])
			}
			p := client.Publication{Channels: channels(args[:1])}
			if len(p.Channels) == 0 {
				return usagef("no channel; alertrelay pub CHANNEL TEXT")
			}
			if args[1] == "" {
				return usagef("the text is empty, and an empty message cannot be published")
			}
			for name, field := range map[string]**string{"event-id": &p.EventID, "event-type": &p.EventType} {
				if c.IsSet(name) {
					value := c.String(name)
					*field = &value
				}
			}
			relay, err := client.New(c.String("server"))
			if err != nil {
				return &usageError{err.Error()}
			}
			defer relay.Close()
			var text io.Reader = bytes.NewReader([]byte(args[1]))
			if args[1] == "-" {
				text = c.App.Reader
			}
			if c.Bool("lines") {
				err = publishLines(c.Context, relay, p, text)
			} else if p.Text, err = io.ReadAll(text); err == nil {
				err = relay.Publish(c.Context, p)
			}
			return explain(err, c.String("server"))
		},
	}
}

func serverFlag() cli.Flag {
	return &cli.StringFlag{Name: "server", Usage: "the relay's `URL`", Value: defaultServer}
}

// publishLines publishes each line, and says how far it came if it fails.
func publishLines(ctx context.Context, relay *client.Client, p client.Publication, text io.Reader) error {
	r := bufio.NewReader(text)
	n := 0
	for end := false; !end; {
		line, err := r.ReadBytes('\n')
		if end = errors.Is(err, io.EOF); err != nil && !end {
			return err
		}
		if p.Text = bytes.TrimRight(line, "\r\n"); len(p.Text) == 0 {
			continue
		}
		if err := relay.Publish(ctx, p); err != nil {
			return fmt.Errorf("line not published, %d before it were: %w", n, err)
		}
		n++
	}
	return nil
}
