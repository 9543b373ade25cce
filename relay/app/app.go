// Package app puts the parts together: every wire of the program can be read in
// New, and the order in which it stops, with the reasons, in (*App).Run.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"alertrelay/alerts"
	"alertrelay/alerts/am"
	"alertrelay/alerts/api"
	"alertrelay/alerts/board"
	"alertrelay/alerts/track"
	"alertrelay/embedded"
	"alertrelay/relay"
	"alertrelay/relay/conf"
	"alertrelay/relay/feed"
	"alertrelay/relay/store"
	"alertrelay/relay/web"
)

const (
	// prefix begins the subjects of all channels.
	prefix = "alerts"
	// graceTime is how long stopping may take: half of what a service manager
	// commonly allows before it kills.
	graceTime = 10 * time.Second
)

// App is a relay that holds its address, its directory and its connection to
// NATS. Run serves.
type App struct {
	log     *slog.Logger
	cfg     conf.Config                 // of the start
	groups  atomic.Pointer[conf.Config] // the last that was read
	alerts  atomic.Pointer[alertSettings]
	sockets []*web.Socket
	nats    *embedded.Server     // nil with an external one
	conn    interface{ Close() } // to NATS
	store   *store.Store
	peers   *store.Peers
	hub     *relay.Hub
	tracker *track.Tracker
	sources *sources
	web     *web.Server
	ready   http.Handler
	now     func() time.Time // of alerts; nil means time.Now
}

// Option is what no configuration can say.
type Option func(*App)

// Clock has alerts live by another clock than the machine's: their events' times,
// and when they are stale. The demonstration tells a past by it. The stream's
// times, and so those that can be asked for, are the machine's nevertheless.
func Clock(now func() time.Time) Option { return func(a *App) { a.now = now } }

// Check says what is wrong with a configuration that conf takes and others do
// not: routes, watchdogs and mappings.
func Check(cfg conf.Config) error {
	if _, err := newAlertSettings(&cfg); err != nil {
		return err
	}
	served, _ := serving(&cfg)
	return checkSite(&served)
}

// New makes a relay: it listens at its address, locks its directory, starts the
// embedded server and opens the stream there. An external NATS may be away: it is
// waited for in Run. The caller must Run what New has made, which also tidies up.
func New(ctx context.Context, cfg conf.Config, log *slog.Logger, options ...Option) (_ *App, err error) {
	settings, err := newAlertSettings(&cfg)
	if err != nil {
		return nil, err
	}
	a := &App{log: log.With("component", "app"), cfg: cfg}
	for _, o := range options {
		o(a)
	}
	a.groups.Store(&cfg)
	a.alerts.Store(settings)
	defer func() {
		if err != nil {
			err = errors.Join(err, a.close())
		}
	}()
	served, nextAt := serving(&cfg)
	if err := checkSite(&served); err != nil {
		return nil, err
	}
	a.say(&cfg, nextAt)
	if a.sockets, err = web.Listen(ctx, &served); err != nil {
		return nil, fmt.Errorf("app: %w; free it, or choose another address with --listen, or in the configuration", err)
	}
	if err := a.makeStore(ctx, cfg, log); err != nil {
		return nil, err
	}
	hub := a.hubOptions(&cfg, &served)
	hub.Archive, hub.StoredAt = a.store.Archive, a.store.StoredAt
	hub.Shared = func() bool { return !a.peers.Alone() }
	a.hub, err = relay.NewHub(hub)
	if err != nil {
		return nil, err
	}
	a.peers = a.store.NewPeers(a.hub)
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	registerMetrics(reg, a.hub, a.store, a.peers)
	a.sources = &sources{metrics: am.NewMetrics(reg), log: log}
	a.tracker, err = track.New(track.Options{
		Events: feed.Log{Store: a.store, Hub: a.hub}, Bucket: feed.NewBucket(a.store),
		AckEnded: a.sources.ackEnded, Metrics: track.NewMetrics(reg), Log: log,
		Now: a.now,
	}, settings.track)
	if err != nil {
		return nil, err
	}
	a.tracker.Collect(reg)
	a.sources.tracker = a.tracker
	if err := a.sources.configure(&cfg); err != nil {
		return nil, err
	}
	intake, err := alerts.New(alerts.Options{
		Recorder: a.tracker, Credentials: a.mayPost, DeadLetters: a.store, Metrics: alerts.NewMetrics(reg), Log: log,
	})
	if err != nil {
		return nil, err
	}
	a.ready = web.Ready(a.hub, a.waiting, a.store.Healthy)
	a.web, err = web.New(web.Options{
		Hub: a.hub, Store: a.store, Waiting: a.store.Waiting, Peers: a.peers,
		Site:         served,
		Next:         a.routes(intake, reg, log),
		Now:          feed.Snapshots{Tracker: a.tracker},
		NextAt:       nextAt,
		MaxChannelID: cfg.Limits.ChannelID,
		Metrics:      web.NewMetrics(reg),
		Log:          log,
	})
	return a, err
}

// makeStore starts the embedded server and opens the stream there, or makes a store
// that Run opens.
func (a *App) makeStore(ctx context.Context, cfg conf.Config, log *slog.Logger) (err error) {
	o := store.Options{
		Prefix:            prefix,
		MaxMsgsPerChannel: cfg.MaxMessages(),
		MaxAge:            cfg.MaxAge(),
		MaxBytes:          cfg.Storage.MaxBytes,
		Replicas:          replicas(cfg),
		Limits:            cfg.GroupLimits,
		WarmBytes:         cfg.Storage.Buffer,
		Log:               log,
	}
	if cfg.NATS.URL != "" {
		conn, err := store.Connect(cfg.NATS.URL, log)
		if err != nil {
			return err
		}
		a.conn = conn
		a.store, err = store.New(conn, o)
		return err
	}
	a.nats, err = embedded.Start(ctx, embedded.Options{
		Dir: cfg.Data, Listen: cfg.NATS.Listen, ListenRequired: cfg.NATS.ListenAsked,
		// Beside the stream there are the counts of channels and what is firing.
		MaxStoreBytes: cfg.Storage.MaxBytes + cfg.Storage.MaxBytes/4 + 512<<20,
		SyncAlways:    cfg.Storage.Durability == conf.DurabilityFsync,
		Log:           log,
	})
	if err != nil {
		return err
	}
	conn, err := a.nats.Connect(store.NATSOptions(log)...)
	if err != nil {
		return err
	}
	a.conn = conn
	a.store, err = store.Open(ctx, conn, o)
	return err
}

// replicas leaves an existing stream of a cluster as it is, unless the
// configuration says how many there should be.
func replicas(cfg conf.Config) int {
	if cfg.NATS.URL != "" && cfg.Origin("nats.replicas") == "default" {
		return 0
	}
	return cfg.NATS.Replicas
}

// routes are the paths that are no locations.
func (a *App) routes(intake *alerts.Intake, reg *prometheus.Registry, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	inputs := a.inputs(intake)
	mux.Handle("/in/", inputs)
	mux.Handle("/api/v2/alerts", inputs)
	mux.Handle("/api/", api.Handler(api.Options{
		Tracker: a.tracker, Archive: archive{a.store}, Token: a.token, Tokens: a.tokens,
		Sources: a.configured, Silencers: a.sources.silencers, OnAck: a.sources.acknowledged, Log: log,
	}))
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{MaxRequestsInFlight: 4}))
	mux.Handle("GET /-/healthy", web.Healthy())
	mux.Handle("GET /-/ready", a.ready)
	mux.Handle("/", board.Handler())
	return mux
}

// archive is the store as the API's.
type archive struct{ store *store.Store }

// History implements api.Archive.
func (a archive) History(ctx context.Context, q api.HistoryQuery, each func(relay.Message) error) error {
	return a.store.History(ctx, store.HistoryQuery(q), each)
}

// waiting says what the relay waits for before it can serve senders and
// subscribers; empty if it does for nothing that the hub does not say. Whoever sends
// alerts there before, sends them for nothing: Prometheus does not try again.
func (a *App) waiting() string {
	if reason := a.store.Waiting(); reason != "" {
		return reason
	}
	if a.hub.Ready() && !a.tracker.Ready() {
		return "what is firing is still being read"
	}
	return ""
}

// Builtin reports whether the built-in locations are served.
func (a *App) Builtin() bool { return a.cfg.Builtin() }

// HTTPURL is where the relay serves HTTP when it starts: the address of the setting
// listen, or another of TCP; empty if it has none.
func (a *App) HTTPURL() string {
	url := ""
	for _, s := range a.sockets {
		addr, ok := s.Addr().(*net.TCPAddr)
		if !ok || url != "" && s.At().Address != a.cfg.Listen {
			continue
		}
		host := addr.IP
		if host.IsUnspecified() {
			host = net.IPv4(127, 0, 0, 1)
		}
		url = "http"
		if s.At().TLS {
			url = "https"
		}
		url += "://" + net.JoinHostPort(host.String(), strconv.Itoa(addr.Port))
	}
	return url
}

// NATSURL is where the embedded server takes NATS clients; empty if it does not.
func (a *App) NATSURL() string {
	if a.nats == nil {
		return ""
	}
	return a.nats.ClientURL()
}

// Run serves until ctx ends or something fails, and returns why; nil if it was
// ctx. HTTP is served from the start. While an external NATS is away, that is with
// 503: what needs the stream runs once it is open. One that cannot be opened ends
// Run. It stops in this order:
//
//  1. New connections and streams are refused; publishers get their answers,
//     which needs the consumer and the store.
//  2. Subscribers are told to end, with their footers and a hint when to come
//     back.
//  3. The consumer stops and saves the counts, which needs the connection. What
//     is to be told on the events channel is told, and other relays hear that
//     this one is going.
//  4. The connection is closed, the embedded server syncs and closes its files,
//     and the directory is unlocked.
func (a *App) Run(ctx context.Context) error {
	consuming, stopConsuming := context.WithCancel(context.WithoutCancel(ctx))
	defer stopConsuming()
	g, failed := errgroup.WithContext(ctx)
	g.Go(func() error { return a.web.Serve(a.sockets) })
	g.Go(func() error {
		if err := a.store.Open(failed); err != nil {
			if failed.Err() != nil {
				return nil //nolint:nilerr // stopped while it waited
			}
			return err
		}
		g.Go(func() error { return a.store.Run(consuming, feed.Sink{Hub: a.hub, Tracker: a.tracker}) })
		g.Go(func() error { return a.tracker.Run(consuming) })
		g.Go(func() error { return a.sources.Run(consuming) })
		g.Go(func() error { return a.hub.Run(consuming) })
		g.Go(func() error { return a.hub.RunLifecycle(consuming, a.store, a.peers.Watched, a.log) })
		g.Go(func() error { return a.peers.Run(consuming) })
		return nil
	})
	g.Go(func() error {
		<-failed.Done()
		a.log.Info("stopping")
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), graceTime)
		defer cancel()
		err := a.web.Shutdown(grace)
		stopConsuming()
		if errors.Is(err, context.DeadlineExceeded) {
			a.log.Warn("connections were cut off", "err", err)
			err = nil
		}
		return err
	})
	err := errors.Join(g.Wait(), a.close())
	a.log.Info("stopped")
	return err
}

// close gives back what New took.
func (a *App) close() error {
	var errs []error
	for _, s := range a.sockets {
		if err := s.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if a.hub != nil {
		a.hub.Close()
	}
	if a.conn != nil {
		a.conn.Close()
	}
	if a.nats != nil {
		errs = append(errs, a.nats.Stop())
	}
	return errors.Join(errs...)
}
