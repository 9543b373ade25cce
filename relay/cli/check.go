package cli

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"alertrelay/relay/app"
	"alertrelay/relay/conf"
)

const checkDescription = `Shows every setting with where it comes from, what channels keep, and where
alerts go. Nothing is started, and nothing is written. Exit code 2 if something is
wrong.

Examples:
   alertrelay check
   alertrelay check --config /etc/alertrelay.yaml
   alertrelay check --nginx-conf /etc/nginx/nginx.conf     also what is ignored, and
                                                           the same as alertrelay.yaml

All keys of the file, with their defaults:
   listen: 127.0.0.1:8080
   data: ./alertrelay-data
   nats: {listen: 127.0.0.1:4222, url: none, replicas: 1}
   limits: {channel_id: 200, channels: 1000000, wildcards: 1000}
   groups:             # the first that matches a channel wins
   - match: ops.*      # a channel, a wildcard (* one token, > the rest), "@alerts"
     max_messages: 20
     max_age: 5m
     max_subscribers: 0      # any number
   routes:             # the first that matches an alert wins
   - match: ['source="grafana"']
     subject: 'alerts.{team|grafana_folder}.{severity}.{alertname}'
     continue: false
   storage: {max_bytes: 1GiB, durability: default, buffer: 64MiB}
   log: {level: info, format: text}
and sources, watchdogs, alerts, api; locations, servers, push_stream: see below.

After the groups of the file come two built-in ones: "@alerts", the channels whose
last token is an alert's id, keep 100 messages for 30d, and all others 20
messages for 5m.

` + conf.SourceHelp + "\n\n" + conf.SiteHelp

func checkCommand(io IO) *cli.Command {
	return &cli.Command{
		Name:        "check",
		Usage:       "check a configuration and show what it means",
		UsageText:   "alertrelay check [--config FILE | --nginx-conf FILE] [flags of serve]",
		Description: checkDescription,
		Flags:       configFlags(),
		Action: func(c *cli.Context) error {
			cfg, err := load(c, io.Environ)
			if err != nil {
				return err
			}
			if err := app.Check(cfg); err != nil {
				return err
			}
			if err := cfg.Describe(c.App.Writer); err != nil {
				return err
			}
			_, err = fmt.Fprintln(c.App.Writer, "\nThe configuration is valid.")
			return err
		},
	}
}
