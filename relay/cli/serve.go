package cli

import (
	"fmt"
	"io"

	"github.com/urfave/cli/v2"

	"alertrelay/relay/app"
	"alertrelay/relay/conf"
)

const serveDescription = `Without flags an embedded JetStream keeps messages in ./alertrelay-data, HTTP is
served at 127.0.0.1:8080, and NATS clients are let in at 127.0.0.1:4222.

A flag beats a variable, a variable beats the configuration file, the file beats
the default. Whatever is unknown in any of them stops the start with its name.

Examples:
   alertrelay serve
   alertrelay serve --listen :8080 --data /var/lib/alertrelay
   alertrelay serve --config /etc/alertrelay.yaml --log-format json
   alertrelay serve --nats-listen ""                       no NATS clients
   alertrelay serve --nats-url nats://a:4222,nats://b:4222 --nats-replicas 3
   ALERTRELAY_LISTEN=:9000 alertrelay serve

A configuration file (see alertrelay check --help):
   listen: 0.0.0.0:8080
   groups:
   - {match: ops.*, max_messages: 500, max_age: 7d}`

func serveCommand(io IO) *cli.Command {
	return &cli.Command{
		Name:        "serve",
		Usage:       "run a relay",
		UsageText:   "alertrelay serve [--config FILE] [flags]",
		Description: serveDescription,
		Flags:       configFlags(),
		Action: untilSignal(func(c *cli.Context) error {
			cfg, err := load(c, io.Environ)
			if err != nil {
				return err
			}
			a, err := app.New(c.Context, cfg, cfg.Log.Logger(io.Err))
			if err != nil {
				return err
			}
			if cfg.Log.Format == "text" {
				greet(io.Out, a)
			}
			return a.Run(c.Context)
		}),
	}
}

// configFlags are --config and a flag for each setting.
func configFlags() []cli.Flag {
	flags := []cli.Flag{&cli.StringFlag{Name: "config", Usage: "read the configuration from `FILE` (YAML)"}}
	for _, s := range conf.Settings() {
		flags = append(flags, &cli.StringFlag{Name: s.Flag(), Usage: s.Usage, DefaultText: s.Default()})
	}
	return withEnv(flags...)
}

// load puts the configuration of a command together.
func load(c *cli.Context, environ []string) (conf.Config, error) {
	if err := noArguments(c); err != nil {
		return conf.Config{}, err
	}
	if isExplicit(c, "config") && c.String("config") == "" {
		return conf.Config{}, usagef("--config: is empty; name a file, or leave the flag out to start with the defaults")
	}
	flags := make(map[string]string)
	for _, s := range conf.Settings() {
		if isExplicit(c, s.Flag()) {
			flags[s.Flag()] = c.String(s.Flag())
		}
	}
	return conf.Load(conf.Sources{File: c.String("config"), Flags: flags, Environ: environ})
}

// greet shows what can be tried now.
func greet(w io.Writer, a *app.App) {
	url := a.HTTPURL()
	server := ""
	if url != defaultServer {
		server = " --server " + url
	}
	fmt.Fprintf(w, `alertrelay is listening at %s. Try, in another terminal:
  alertrelay sub ops%s
  alertrelay pub ops "hello"%s
  curl -N %s/ev/ops
  curl -d hello '%s/pub?id=ops'
`, url, server, server, url, url)
	if nats := a.NATSURL(); nats != "" {
		fmt.Fprintf(w, "  nats --server %s sub 'alerts.>'\n", nats)
	}
	fmt.Fprintf(w, `The board is at %s/
Alertmanager: webhook_configs: [{url: '%s/in/alertmanager/am'}]
`, url, url)
}
