package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"alertrelay/relay"
	"alertrelay/relay/conf"
	"alertrelay/relay/site"
	"alertrelay/relay/web"
)

// builtinHeaderTimeout is shorter than nginx's: nobody has chosen it.
const builtinHeaderTimeout = 10 * time.Second

// serving is what is served where: the site of the configuration, or the built-in
// locations, with the addresses that the setting listen gives. nextAt are the
// addresses on which the board, the metrics and the inputs for alerts answer paths
// that no location matches.
//
// These are on the address of the setting listen only, and with servers that have
// addresses of their own only if listen was asked for: whoever puts the relay in
// the place of an nginx would not expect that its public address takes alerts and
// shows metrics.
func serving(cfg *conf.Config) (s site.Site, nextAt []string) {
	s = site.New()
	if cfg.Site != nil {
		s = *cfg.Site
	}
	s.Servers = slices.Clone(s.Servers)
	if cfg.Builtin() {
		s.Servers = []site.Server{{HeaderTimeout: builtinHeaderTimeout, Connection: site.DefaultConnection(), Locations: site.Builtin()}}
	}
	listen := site.Listen{Address: cfg.Listen}
	used := false
	for i := range s.Servers {
		srv := &s.Servers[i]
		if len(srv.Listen) == 0 {
			srv.Listen = []site.Listen{listen}
		}
		srv.Listen = slices.Clone(srv.Listen)
		used = used || slices.ContainsFunc(srv.Listen, func(l site.Listen) bool { return l.Key() == listen.Key() })
	}
	asked := cfg.Origin("listen") != "default"
	if !used && asked { // at that address there are the servers for every interface, and more
		used = listenToo(s.Servers, listen)
	}
	if !used && asked {
		s.Servers = append(s.Servers, site.Server{
			Listen: []site.Listen{listen}, HeaderTimeout: builtinHeaderTimeout, Connection: site.DefaultConnection(),
		})
		used = true
	}
	s.ChooseDefaults()
	if used {
		nextAt = []string{listen.Key()}
	}
	return s, nextAt
}

// listenToo gives an address to the servers that listen on every interface at its
// port. It reports whether there are any.
func listenToo(servers []site.Server, listen site.Listen) (any bool) {
	for i := range servers {
		srv := &servers[i]
		j := slices.IndexFunc(srv.Listen, func(l site.Listen) bool { return l.Key() == listen.Cover() })
		if j < 0 {
			continue
		}
		listen.TLS, listen.Default, any = srv.Listen[j].TLS, srv.Listen[j].Default, true
		srv.Listen = append(srv.Listen, listen)
	}
	return any
}

// checkSite says what is wrong with a site that conf took.
func checkSite(s *site.Site) error {
	if err := web.Check(s); err != nil {
		return &conf.Error{Problems: []string{strings.TrimPrefix(err.Error(), "web: ")}}
	}
	return nil
}

// say logs what people should know of how their files are served.
func (a *App) say(cfg *conf.Config, nextAt []string) {
	if cfg.Nginx != nil {
		for _, text := range cfg.Nginx.Warnings {
			a.log.Warn("nginx.conf is served differently", "warning", text)
		}
	}
	if len(nextAt) == 0 {
		a.log.Info("board, metrics, health and alert inputs are not served, because --listen is not given and no server uses its default", "default", conf.DefaultListen)
	}
}

// Reload serves what another configuration says is served where, and gives channels
// and alerts its limits, routes and sources. Settings that cannot change are those of the start: that they differ
// is logged. On error nothing has changed. It must not be called before Run, and by
// one goroutine at a time.
func (a *App) Reload(ctx context.Context, cfg conf.Config) error {
	served, nextAt := serving(&cfg)
	if err := checkSite(&served); err != nil {
		return err
	}
	settings, err := newAlertSettings(&cfg)
	if err != nil {
		return err
	}
	differs := a.keepClasses(&served)
	if err := a.web.Reload(ctx, served, nextAt); err != nil {
		return fmt.Errorf("app: reload: %w", err)
	}
	a.groups.Store(&cfg)
	if err := a.configureAlerts(&cfg, settings); err != nil {
		return err
	}
	a.web.LimitChannelID(cfg.Limits.ChannelID)
	if err := a.hub.Configure(hubSettings(&cfg, &served)); err != nil { // which conf has checked
		return fmt.Errorf("app: reload: %w", err)
	}
	a.say(&cfg, nextAt)
	for _, s := range conf.Settings() {
		if now := s.Value(&cfg); now != s.Value(&a.cfg) && !slices.Contains(liveSettings, s.Key) {
			a.log.Warn(needsRestart, "setting", s.Key, "now", s.Value(&a.cfg), "then", now)
		}
	}
	for _, d := range differs {
		a.log.Warn(needsRestart, "setting", d.key, "now", d.now, "then", d.then, "reason", d.reason)
	}
	a.log.Info("configuration read again")
	return nil
}

const needsRestart = "a setting has changed, which takes a restart"

// liveSettings are the keys of settings that Reload changes.
var liveSettings = []string{"listen", "limits.channel_id", "limits.channels", "limits.wildcards", "alerts.updates", "api.token", "api.token_file"}

// difference is a setting that stays as it is.
type difference struct{ key, now, then, reason string }

// keepClasses gives a site those settings of the start by which the hub tells
// channels apart, and returns those that it had otherwise.
func (a *App) keepClasses(s *site.Site) (differs []difference) {
	start, _ := serving(&a.cfg)
	for _, f := range []struct {
		key, reason string
		now         string
		then        *string
	}{
		{"push_stream.wildcard_prefix", "existing channels are counted by it", start.WildcardPrefix, &s.WildcardPrefix},
		{"push_stream.events_channel", "it is there from the start and never ends", start.EventsChannel, &s.EventsChannel},
	} {
		if *f.then != f.now {
			differs = append(differs, difference{f.key, f.now, *f.then, f.reason})
			*f.then = f.now
		}
	}
	return differs
}

// hubSettings are what the configuration says of channels and can change.
func hubSettings(cfg *conf.Config, s *site.Site) relay.HubSettings {
	h := relay.HubSettings{
		Inactivity:          max(s.InactivityTime, 1), // 0 would be the hub's default
		MaxChannels:         cfg.Limits.Channels,
		MaxWildcardChannels: s.MaxWildcardChannels,
		MaxWildcards:        cfg.Limits.Wildcards,
		DeletedText:         s.DeletedText,
	}
	if s.MaxChannels > 0 {
		h.MaxChannels = s.MaxChannels
	}
	return h
}

// hubOptions are what the configuration says of channels.
func (a *App) hubOptions(cfg *conf.Config, s *site.Site) relay.HubOptions {
	h := hubSettings(cfg, s)
	return relay.HubOptions{
		Limits:              a.limits,
		BufferBytes:         cfg.Storage.Buffer,
		MaxChannels:         h.MaxChannels,
		MaxWildcards:        h.MaxWildcards,
		WildcardPrefix:      s.WildcardPrefix,
		MaxWildcardChannels: h.MaxWildcardChannels,
		Inactivity:          h.Inactivity,
		DeletedText:         h.DeletedText,
		EventsChannel:       s.EventsChannel,
	}
}

// limits are those of the configuration that was read last.
func (a *App) limits(channel string) relay.Limits { return a.groups.Load().GroupLimits(channel) }
