package cli

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

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
   alertrelay serve --nginx-conf /etc/nginx/nginx.conf     what nginx-push-stream-module served
   ALERTRELAY_LISTEN=:9000 alertrelay serve

SIGHUP reads the file again. Who is connected stays, and keeps the settings that
he came with; new requests get the new ones, and addresses are opened and closed.
A file that is wrong is refused, with its line, in the log. Storage, NATS, the log,
wildcard_prefix and events_channel take a restart: the log says so.

A configuration file (see alertrelay check --help):
   listen: 0.0.0.0:8080
   groups:
   - {match: ops.*, max_messages: 500, max_age: 7d}`

func serveCommand(io IO) *cli.Command {
	return &cli.Command{
		Name:        "serve",
		Usage:       "run a relay",
		UsageText:   "alertrelay serve [--config FILE | --nginx-conf FILE] [flags]",
		Description: serveDescription,
		Flags:       configFlags(),
		Action: untilSignal(func(c *cli.Context) error {
			hangups := make(chan os.Signal, 1)
			signal.Notify(hangups, syscall.SIGHUP)
			defer signal.Stop(hangups)
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
			defer reloadOn(hangups, c, io, a, cfg)()
			defer trimming()()
			return a.Run(c.Context)
		}),
	}
}

// reloadOn reads the configuration again at each signal, until the function that it
// returns is called. What is wrong with it is logged, and the old one stays.
func reloadOn(hangups <-chan os.Signal, c *cli.Context, io IO, a *app.App, cfg conf.Config) (stop func()) {
	log := cfg.Log.Logger(io.Err).With("component", "cli")
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-hangups:
			case <-done:
				return
			}
			next, err := load(c, io.Environ)
			if err == nil {
				err = a.Reload(c.Context, next)
			}
			if err == nil {
				continue
			}
			for line := range strings.SplitSeq(err.Error(), "\n") {
				log.Error("configuration refused, the old one stays", "err", line)
			}
		}
	})
	return func() {
		close(done)
		wg.Wait()
	}
}

// configFlags are --config and a flag for each setting.
func configFlags() []cli.Flag {
	flags := []cli.Flag{
		&cli.StringFlag{Name: "config", Usage: "read the configuration from `FILE` (YAML)"},
		&cli.StringFlag{Name: "nginx-conf", Usage: "serve what the nginx.conf `FILE` with push_stream directives says"},
	}
	for _, s := range conf.Settings() {
		if s.Flag() == "" {
			continue
		}
		flags = append(flags, &cli.StringFlag{Name: s.Flag(), Usage: s.Usage, DefaultText: s.Default()})
	}
	return withEnv(flags...)
}

// load puts the configuration of a command together.
func load(c *cli.Context, environ []string) (conf.Config, error) {
	if err := noArguments(c); err != nil {
		return conf.Config{}, err
	}
	for _, name := range []string{"config", "nginx-conf"} {
		if isExplicit(c, name) && c.String(name) == "" {
			return conf.Config{}, usagef("--%s: is empty; name a file, or leave the flag out to start with the defaults", name)
		}
	}
	file, nginx := c.String("config"), c.String("nginx-conf")
	// A flag beats a variable, also that of the other flag.
	switch configAsked, nginxAsked := isExplicit(c, "config"), isExplicit(c, "nginx-conf"); {
	case configAsked && !nginxAsked:
		nginx = ""
	case nginxAsked && !configAsked:
		file = ""
	}
	flags := make(map[string]string)
	for _, s := range conf.Settings() {
		if s.Flag() != "" && isExplicit(c, s.Flag()) {
			flags[s.Flag()] = c.String(s.Flag())
		}
	}
	return conf.Load(conf.Sources{File: file, NginxConf: nginx, Flags: flags, Environ: environ})
}

// greet shows what can be tried now.
func greet(w io.Writer, a *app.App) {
	url := a.HTTPURL()
	if url == "" {
		fmt.Fprintln(w, "alertrelay serves no address of TCP.")
		return
	}
	if !a.Builtin() {
		fmt.Fprintf(w, "alertrelay is listening at %s. \"alertrelay check\" with the same flags shows what is served there.\n", url)
		return
	}
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
