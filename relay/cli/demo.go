package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sync/errgroup"

	"alertrelay/relay/app"
	"alertrelay/relay/conf"
	"alertrelay/relay/demo"
)

const demoDescription = `Starts a relay and the monitoring of a fleet that does not exist: alerts fire, flap,
are silenced and acknowledged, a site falls silent, and now and then one cause has
many of them fire. It begins with a past, told within seconds, so that there is
something to look back at: the times in events are those of the past, and those of
the stream's messages are when the demonstration was started.

What is kept is gone when it ends, unless --data names a new directory for it.

Examples:
   alertrelay demo
   alertrelay demo --listen :8080 --alerts 100 --speed 30
   alertrelay demo --history 3d --data ./demo-data         "alertrelay serve --data ./demo-data" shows it again
   alertrelay demo --seed 7 --history 0                    another fleet's day, from now on`

func demoCommand(io IO) *cli.Command {
	return &cli.Command{
		Name:        "demo",
		Usage:       "run a relay with a fleet that does not exist, to look at",
		UsageText:   "alertrelay demo [flags]",
		Description: demoDescription,
		Flags: withEnv(
			&cli.StringFlag{Name: "listen", Usage: "serve HTTP at `ADDRESS` (host:port)", DefaultText: "127.0.0.1, any free port"},
			&cli.StringFlag{Name: "data", Usage: "keep messages in `DIR`, which must be new", DefaultText: "a temporary one"},
			&cli.StringFlag{Name: "seed", Usage: "the number `N` decides what happens", Value: strconv.Itoa(demo.DefaultSeed)},
			&cli.StringFlag{Name: "alerts", Usage: "have about `N` alerts fire at a time", Value: strconv.Itoa(demo.DefaultAlerts)},
			&cli.StringFlag{Name: "history", Usage: "begin with a past of `DURATION`; 0: none", Value: conf.FormatDuration(demo.DefaultPast)},
			&cli.StringFlag{Name: "speed", Usage: "have things happen `N` times as fast as in a real fleet", Value: strconv.Itoa(demo.DefaultSpeed)},
		),
		Action: untilSignal(func(c *cli.Context) error {
			o, err := demoOptions(c)
			if err != nil {
				return err
			}
			return runDemo(c, io, o)
		}),
	}
}

func demoOptions(c *cli.Context) (o demo.Options, err error) {
	if err := noArguments(c); err != nil {
		return o, err
	}
	if o.Seed, err = strconv.ParseUint(c.String("seed"), 10, 64); err != nil || o.Seed == 0 {
		return o, usagef("--seed: %q is no whole number above 0", c.String("seed"))
	}
	if o.Alerts, err = strconv.Atoi(c.String("alerts")); err != nil || o.Alerts < demo.MinAlerts || o.Alerts > demo.MaxAlerts {
		return o, usagef("--alerts: %q is no number from %d to %d", c.String("alerts"), demo.MinAlerts, demo.MaxAlerts)
	}
	if o.Speed, err = strconv.ParseFloat(c.String("speed"), 64); err != nil || !(o.Speed >= demo.MinSpeed && o.Speed <= demo.MaxSpeed) {
		return o, usagef("--speed: %q is no number from %d to %d", c.String("speed"), demo.MinSpeed, demo.MaxSpeed)
	}
	o.Past, err = conf.ParseDuration(c.String("history"))
	switch {
	case err != nil:
		return o, usagef("--history: %s", err)
	case o.Past > demo.MaxPast:
		return o, usagef("--history: %s is more than %s", c.String("history"), conf.FormatDuration(demo.MaxPast))
	case o.Past == 0:
		o.Past = -1
	}
	return o, nil
}

// demoConfig is that of a relay which nothing of the machine's own reaches: no
// NATS clients, and no file.
func demoConfig(c *cli.Context, data string) (conf.Config, error) {
	cfg := conf.Default()
	cfg.Listen, cfg.Data = "127.0.0.1:0", data
	cfg.NATS.Listen, cfg.NATS.ListenAsked = "", true
	cfg.Log.Level = slog.LevelWarn
	if listen := c.String("listen"); listen != "" {
		cfg.Listen = listen
	}
	demo.Configure(&cfg)
	return cfg, cfg.Validate()
}

// demoData is the directory, and what takes it away again if it is temporary.
func demoData(c *cli.Context) (dir string, done func() error, err error) {
	if dir = c.String("data"); dir != "" {
		if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
			return "", nil, usagef("--data: %s is not empty, and a past can only be told from the beginning; name a new directory", dir)
		}
		return dir, func() error { return nil }, nil
	}
	if dir, err = os.MkdirTemp("", "alertrelay-demo-"); err != nil {
		return "", nil, err
	}
	return dir, func() error { return os.RemoveAll(dir) }, nil
}

func runDemo(c *cli.Context, io IO, o demo.Options) (err error) {
	dir, done, err := demoData(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	cfg, err := demoConfig(c, dir)
	if err != nil {
		return err
	}
	log := cfg.Log.Logger(io.Err)
	o.Start = time.Now()
	sim, err := demo.New(o)
	if err != nil {
		return err
	}
	runner := &demo.Runner{Sim: sim, Clock: new(demo.Clock), Log: log.With("component", "demo")}
	runner.Begin()
	a, err := app.New(c.Context, cfg, log, app.Clock(runner.Clock.Now))
	if err != nil {
		return err
	}
	runner.URL = a.HTTPURL()
	fmt.Fprintf(io.Out, "The board of the demonstration is at %s/\n", runner.URL)
	if o.Past > 0 {
		began := time.Now()
		fmt.Fprintf(io.Out, "Telling the past %s ...\n", conf.FormatDuration(o.Past))
		runner.Told = func(n int) {
			fmt.Fprintf(io.Out, "Told, with %d requests in %s; what comes now happens now.\n", n, time.Since(began).Round(100*time.Millisecond))
		}
	}
	g, ctx := errgroup.WithContext(c.Context)
	running, stop := context.WithCancel(ctx)
	g.Go(func() error { return a.Run(running) })
	g.Go(func() error {
		defer stop() // the relay goes after who talks to it
		return runner.Run(ctx)
	})
	return g.Wait()
}
