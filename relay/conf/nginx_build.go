package conf

import (
	"slices"
	"time"

	"alertrelay/relay/site"
)

// build makes the Site of the http block.
func (r *nginxReader) build(http *scope) site.Site {
	uses := slices.ContainsFunc(http.servers, func(s *scope) bool { return slices.ContainsFunc(s.locations, (*scope).usesModule) })
	if uses {
		r.checkModule(http)
	}
	// Without a handler the values are not looked at (protocol 2.4).
	s := site.Site{
		SharedMemory:        get[int64](http, pushMemory, 0),
		DeletedText:         get(http, "push_stream_channel_deleted_message_text", "Channel deleted"),
		PingText:            get(http, "push_stream_ping_message_text", " "),
		InactivityTime:      get(http, "push_stream_channel_inactivity_time", 30*time.Second),
		MessageTTL:          get(http, "push_stream_message_ttl", defaultMessageTTL),
		TimeoutBody:         get(http, "push_stream_timeout_with_body", false),
		MaxMessages:         get(http, "push_stream_max_messages_stored_per_channel", 0),
		MaxSubscribers:      get(http, "push_stream_max_subscribers_per_channel", 0),
		MaxChannelID:        get(http, "push_stream_max_channel_id_length", 0),
		MaxChannels:         get(http, "push_stream_max_number_of_channels", 0),
		MaxWildcardChannels: get(http, pushWildcards, 0),
		WildcardPrefix:      get(http, pushPrefix, ""),
		EventsChannel:       get(http, "push_stream_events_channel_id", ""),
		Origin:              http.by.place(),
	}
	for _, most := range []struct {
		name string
		n    int
	}{{"push_stream_max_channel_id_length", mostChannelID}, {"push_stream_max_messages_stored_per_channel", mostMessages}} {
		if n, at := find(http, most.name, 0); n > most.n {
			r.warn(at.place(), "%s: %d is the most that is taken", most.name, most.n)
		}
	}
	if s.MessageTTL == 0 {
		s.MessageTTL = defaultMessageTTL
	}
	for _, srv := range http.servers {
		s.Servers = append(s.Servers, r.buildServer(srv))
	}
	s.ChooseDefaults()
	r.checkServers(http.servers)
	return s
}

// usesModule reports whether a location, or one in it, has a handler.
func (sc *scope) usesModule() bool {
	return sc.mode != site.ModeNone || slices.ContainsFunc(sc.locations, (*scope).usesModule)
}

func (r *nginxReader) buildServer(sc *scope) site.Server {
	s := site.Server{
		Listen: sc.listen, Names: slices.DeleteFunc(slices.Clone(sc.names), func(n string) bool { return n == "" }),
		HeaderTimeout: get(sc, "client_header_timeout", site.DefaultHeaderTimeout), Connection: connection(sc),
		Steps: r.buildSteps(sc, sc, r.failed), Origin: sc.by.place(),
	}
	if len(s.Names) == 0 {
		s.Names = nil
	}
	if len(s.Listen) == 0 {
		// nginx takes 8000 if it is not root; one that depends on that is not known.
		s.Listen = []site.Listen{{Address: "0.0.0.0:80"}}
		sc.listen = s.Listen
	}
	r.certificates(sc, &s)
	for _, loc := range sc.locations {
		s.Locations = append(s.Locations, r.buildLocation(loc))
	}
	return s
}

// certificates fills in the files of a server that speaks TLS.
func (r *nginxReader) certificates(sc *scope, s *site.Server) {
	if on, at := find(sc, "ssl", false); on {
		r.warn(at.place(), `ssl: write "listen … ssl"; every address of the server is taken for TLS`)
		for i := range s.Listen {
			s.Listen[i].TLS = true
		}
	}
	cert, certAt := find(sc, "ssl_certificate", "")
	key, keyAt := find(sc, "ssl_certificate_key", "")
	if slices.ContainsFunc(s.Listen, func(l site.Listen) bool { return l.TLS }) {
		switch {
		case certAt == nil:
			r.fail(sc.by, `no "ssl_certificate" is defined for the "listen ... ssl" directive`)
		case keyAt == nil:
			r.fail(sc.by, `no "ssl_certificate_key" is defined for certificate "%s"`, cert)
		}
	}
	for _, f := range []struct {
		name string
		at   *directive
		set  *string
	}{{cert, certAt, &s.CertFile}, {key, keyAt, &s.KeyFile}} {
		if f.at == nil {
			continue
		}
		if names, err := site.Variables(f.name); err != nil || len(names) > 0 {
			r.fail(f.at, `"%s" with variables is not supported`, f.at.name)
		}
		*f.set = r.path(f.name)
	}
}

// checkServers finds servers that no request reaches.
func (r *nginxReader) checkServers(servers []*scope) {
	type host struct{ address, name string }
	names, defaults := make(map[host]bool), make(map[string]bool)
	for _, srv := range servers {
		all := srv.names
		if len(all) == 0 {
			all = []string{""}
		}
		for _, l := range srv.listen {
			if l.Default && defaults[l.Key()] {
				r.fail(srv.by, "a duplicate default server for %s", l.Key())
			}
			defaults[l.Key()] = defaults[l.Key()] || l.Default
			for _, name := range all {
				if h := (host{l.Key(), name}); names[h] {
					r.warn(srv.by.place(), `conflicting server name "%s" on %s, ignored`, name, l.Key())
				} else {
					names[h] = true
				}
			}
		}
	}
}

func connection(sc *scope) site.Connection {
	c := site.DefaultConnection()
	c.BodyTimeout = get(sc, "client_body_timeout", c.BodyTimeout)
	c.SendTimeout = get(sc, "send_timeout", c.SendTimeout)
	c.KeepaliveTimeout = get(sc, "keepalive_timeout", c.KeepaliveTimeout)
	c.KeepaliveRequests = get(sc, "keepalive_requests", c.KeepaliveRequests)
	return c
}

func (r *nginxReader) buildLocation(sc *scope) site.Location {
	l := site.Location{
		Match: sc.match, Pattern: sc.pattern, Mode: sc.mode, Varying: r.varying(sc), Module: true,
		Header: get(sc, pushHeader, ""), Template: get(sc, pushTemplate, "~text~"), Footer: get(sc, "push_stream_footer_template", ""),
		ContentType: get(sc, "default_type", "text/plain"), Types: sc.typesInForce(), Headers: r.headersInForce(sc),
		UserAgent: r.value(sc, "push_stream_user_agent"), AllowOrigin: r.value(sc, "push_stream_allowed_origins"),
		PingInterval: get[time.Duration](sc, "push_stream_ping_message_interval", 0), TTL: get[time.Duration](sc, "push_stream_subscriber_connection_ttl", 0),
		Info: get(sc, "push_stream_channel_info_on_publish", true), AuthorizedOnly: get(sc, "push_stream_authorized_channels_only", false),
		WildcardMax:  get(sc, pushWildcardMax, get(sc, pushWildcards, 0)),
		AllowPublish: get(sc, "push_stream_websocket_allow_publish", false),
		MaxBody:      get[int64](sc, "client_max_body_size", 1<<20),
		Gzip:         gzip(sc), Connection: connection(sc), Origin: sc.by.place(),
	}
	l.PollTTL = get(sc, "push_stream_longpolling_connection_ttl", l.TTL)
	if l.Template == "" && l.Mode == site.ModeEventSource {
		l.Template = "~text~"
	}
	works := r.refuse(sc)
	if sc.mode == site.ModeNone {
		// What the directives say is of no use, and not checked; so leave it out.
		l = bareNone(l)
	} else {
		r.checkLocation(sc)
		l.Padding, _ = parsePadding(get(sc, pushPadding, ""))
	}
	switch {
	case works && sc.mode == site.ModeNone:
		l.Steps = r.buildSteps(sc, sc, func(d *directive, err error) {
			r.warn(sc.by.place(), `location "%s" answers 404: %s at %s`, sc.pattern, err, d.place())
			works = false
		})
		if !works {
			l.Steps = nil
		}
	case works:
		l.Steps = r.buildSteps(sc, sc, r.failed)
	}
	if l.Mode == site.ModeNone && works && len(sc.locations) == 0 && !returns(l.Steps) {
		r.warn(sc.by.place(), "location %s answers 404: it has no push_stream handler, and no files are served", l.Path())
	}
	for _, inner := range sc.locations {
		l.Locations = append(l.Locations, r.buildLocation(inner))
	}
	return l
}

// bareNone is a location that serves nothing: what it may return needs a content
// type, headers and the connection's times.
func bareNone(l site.Location) site.Location {
	from := inheritedDefaults()
	from.types, from.connection = l.Types, l.Connection
	n := newLocation(site.ModeNone, l.Match, l.Pattern, true, from)
	n.ContentType, n.Headers, n.MaxBody, n.Origin = l.ContentType, l.Headers, l.MaxBody, l.Origin
	return n
}

// returns reports whether there is an answer among the steps.
func returns(steps []site.Step) bool {
	return slices.ContainsFunc(steps, func(s site.Step) bool { return s.Return != nil || s.If != nil && returns(s.If.Steps) })
}

func (sc *scope) typesInForce() map[string]string {
	for ; sc != nil; sc = sc.parent {
		if sc.types != nil {
			return sc.types
		}
	}
	return site.DefaultTypes()
}

// headersInForce: those of a level only if the level below has none.
func (r *nginxReader) headersInForce(sc *scope) []site.Header {
	for ; sc != nil; sc = sc.parent {
		if sc.headers == nil {
			continue
		}
		for _, h := range sc.headers {
			if err := r.vars.check(h.Value); err != nil {
				r.fail(sc.by, "%s", err)
			}
		}
		return sc.headers
	}
	return nil
}

func gzip(sc *scope) site.Gzip {
	g := site.Gzip{
		On: get(sc, "gzip", false), Types: get[[]string](sc, "gzip_types", nil), MinLength: get[int64](sc, "gzip_min_length", 20),
		Level: get(sc, "gzip_comp_level", 1), Vary: get(sc, "gzip_vary", false), HTTP10: get(sc, "gzip_http_version", "1.1") == "1.0",
	}
	return g
}
