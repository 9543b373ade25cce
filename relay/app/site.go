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

// Reload serves what another configuration says is served where, and gives new
// channels its limits. Other settings are those of the start: that they differ is
// logged. On error nothing has changed. It must not be called before Run, and by
// one goroutine at a time.
func (a *App) Reload(ctx context.Context, cfg conf.Config) error {
	served, nextAt := serving(&cfg)
	if err := checkSite(&served); err != nil {
		return err
	}
	if err := a.web.Reload(ctx, served, nextAt); err != nil {
		return fmt.Errorf("app: reload: %w", err)
	}
	a.groups.Store(&cfg)
	a.say(&cfg, nextAt)
	before, _ := serving(&a.cfg)
	for _, s := range conf.Settings() {
		if now := s.Value(&cfg); now != s.Value(&a.cfg) && s.Key != "listen" {
			a.log.Warn("a setting has changed, which takes a restart", "setting", s.Key, "now", s.Value(&a.cfg), "then", now)
		}
	}
	if hubSettings(&served) != hubSettings(&before) {
		a.log.Warn("what push_stream says of all channels has changed, which takes a restart")
	}
	if served.SharedMemory != before.SharedMemory { // the module says so too
		a.log.Warn("the shared memory size has changed, which is ignored", "start", before.SharedMemory, "now", served.SharedMemory)
	}
	a.log.Info("configuration read again")
	return nil
}

// hubSettings are what the hub is told once.
func hubSettings(s *site.Site) [7]any {
	return [7]any{s.DeletedText, s.InactivityTime, s.MaxChannels, s.MaxWildcardChannels, s.WildcardPrefix, s.EventsChannel, s.MaxChannelID}
}

// hubOptions are what the configuration says of channels.
func (a *App) hubOptions(cfg *conf.Config, s *site.Site) relay.HubOptions {
	o := relay.HubOptions{
		Limits:              a.limits,
		BufferBytes:         cfg.Storage.Buffer,
		MaxChannels:         cfg.Limits.Channels,
		MaxWildcards:        cfg.Limits.Wildcards,
		WildcardPrefix:      s.WildcardPrefix,
		MaxWildcardChannels: s.MaxWildcardChannels,
		Inactivity:          max(s.InactivityTime, 1), // 0 would be the hub's default
		DeletedText:         s.DeletedText,
		EventsChannel:       s.EventsChannel,
	}
	if s.MaxChannels > 0 {
		o.MaxChannels = s.MaxChannels
	}
	return o
}

// limits are those of the configuration that was read last.
func (a *App) limits(channel string) relay.Limits { return a.groups.Load().GroupLimits(channel) }
