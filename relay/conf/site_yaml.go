package conf

import (
	"bytes"
	"maps"
	"slices"

	"alertrelay/relay/site"
)

// SiteYAML gives the site as our file has it; reading it makes the same site.
func SiteYAML(s *site.Site) []byte {
	var b bytes.Buffer
	siteTree(s).write(&b, "")
	return b.Bytes()
}

func siteTree(s *site.Site) yamlMap {
	var top yamlMap
	if m := pushTree(s); len(m) > 0 {
		top.add("push_stream", m)
	}
	var servers []any
	for i := range s.Servers {
		servers = append(servers, serverTree(&s.Servers[i], sharedAddress(s, &s.Servers[i])))
	}
	if len(servers) > 0 {
		top.add("servers", servers)
	}
	return top
}

func pushTree(s *site.Site) (m yamlMap) {
	d := site.New()
	differs(&m, "shared_memory", s.SharedMemory, d.SharedMemory, FormatSize)
	m.text("deleted_text", s.DeletedText, d.DeletedText)
	m.text("ping_text", s.PingText, d.PingText)
	differs(&m, "inactivity_time", s.InactivityTime, d.InactivityTime, FormatDuration)
	m.flag("timeout_body", s.TimeoutBody, d.TimeoutBody)
	differs(&m, "message_ttl", s.MessageTTL, d.MessageTTL, FormatDuration)
	m.number("max_messages", s.MaxMessages, d.MaxMessages)
	m.number("max_subscribers", s.MaxSubscribers, d.MaxSubscribers)
	m.number("max_channel_id", s.MaxChannelID, d.MaxChannelID)
	m.number("max_channels", s.MaxChannels, d.MaxChannels)
	m.number("max_wildcard_channels", s.MaxWildcardChannels, d.MaxWildcardChannels)
	m.text("wildcard_prefix", s.WildcardPrefix, d.WildcardPrefix)
	m.text("events_channel", s.EventsChannel, d.EventsChannel)
	return m
}

// sharedAddress reports whether another server has an address of this one, so that it
// must be said which is the default.
func sharedAddress(s *site.Site, srv *site.Server) func(l *site.Listen) bool {
	return func(l *site.Listen) bool {
		for i := range s.Servers {
			other := &s.Servers[i]
			if other != srv && slices.ContainsFunc(other.Listen, func(o site.Listen) bool { return o.Key() == l.Key() }) {
				return true
			}
		}
		return false
	}
}

func serverTree(s *site.Server, shared func(*site.Listen) bool) (m yamlMap) {
	var listen []any
	for i := range s.Listen {
		l := &s.Listen[i]
		if def := l.Default && shared(l); def || l.TLS {
			var entry yamlMap
			entry.add("address", quoteYAML(l.Key()))
			entry.flag("tls", l.TLS, false)
			entry.flag("default", def, false)
			listen = append(listen, entry)
		} else {
			listen = append(listen, quoteYAML(l.Key()))
		}
	}
	switch {
	case len(listen) == 1:
		m.add("listen", listen[0])
		if entry, ok := listen[0].(yamlMap); ok {
			m[0].value = []any{entry}
		}
	case len(listen) > 1:
		m.add("listen", listen)
	}
	if len(s.Names) > 0 {
		m.add("names", quoteAll(s.Names))
	}
	m.text("cert", s.CertFile, "")
	m.text("key", s.KeyFile, "")
	differs(&m, "header_timeout", s.HeaderTimeout, site.DefaultHeaderTimeout, FormatDuration)
	m.connection(s.Connection, site.DefaultConnection())
	from := inheritedDefaults()
	if len(s.Locations) > 0 {
		// What the first has is the default of all.
		first := &s.Locations[0]
		m.flag("module", first.Module, false)
		m.types(first.Types, from.types)
		m.gzip(first.Gzip, from.gzip)
		from = inherited{module: first.Module, types: first.Types, gzip: first.Gzip}
	}
	from.connection = s.Connection
	m.steps(s.Steps, nil)
	m.locations(s.Locations, from)
	return m
}

func (m *yamlMap) locations(list []site.Location, from inherited) {
	var items []any
	for i := range list {
		items = append(items, locationTree(&list[i], from))
	}
	if len(items) > 0 {
		m.add("locations", items)
	}
}

func (m *yamlMap) connection(c, d site.Connection) {
	differs(m, "body_timeout", c.BodyTimeout, d.BodyTimeout, FormatDuration)
	differs(m, "send_timeout", c.SendTimeout, d.SendTimeout, FormatDuration)
	differs(m, "keepalive_timeout", c.KeepaliveTimeout, d.KeepaliveTimeout, FormatDuration)
	m.number("keepalive_requests", c.KeepaliveRequests, d.KeepaliveRequests)
}

func (m *yamlMap) types(types, def map[string]string) {
	if sameTypes(types, def) {
		return
	}
	t := yamlMap{}
	for _, extension := range slices.Sorted(maps.Keys(types)) {
		t.add(quoteYAML(extension), quoteYAML(types[extension]))
	}
	m.add("types", t)
}

// gzip writes all settings, so that it does not matter what they start from.
func (m *yamlMap) gzip(g, def site.Gzip) {
	if sameGzip(g, def) {
		return
	}
	var t yamlMap
	t.flag("on", g.On, !g.On)
	t.add("types", quoteAll(g.Types))
	t.add("min_length", FormatSize(g.MinLength))
	t.number("level", g.Level, 0)
	t.flag("vary", g.Vary, !g.Vary)
	t.flag("http10", g.HTTP10, !g.HTTP10)
	m.add("gzip", t)
}

// locationTree is a location with what differs from the defaults of its mode.
func locationTree(l *site.Location, from inherited) (m yamlMap) {
	d := newLocation(l.Mode, l.Match, l.Pattern, l.Module, from)
	m.add("path", quoteYAML(l.Path()))
	m.add("mode", l.Mode.String())
	m.flag("module", l.Module, from.module)
	m.varying(&l.Varying, &d.Varying)
	m.flag("wildcards", l.Wildcards, d.Wildcards)
	m.flag("header_cursor", l.HeaderCursor, d.HeaderCursor)
	m.text("template", l.Template, d.Template)
	m.text("header", l.Header, d.Header)
	m.text("footer", l.Footer, d.Footer)
	m.text("content_type", l.ContentType, d.ContentType)
	m.types(l.Types, d.Types)
	m.expression("user_agent", l.UserAgent, d.UserAgent)
	var padding, headers []any
	for _, p := range l.Padding {
		var t yamlMap
		t.add("agent", quoteYAML(p.Agent))
		t.number("header", p.Header, 0)
		t.number("message", p.Message, 0)
		padding = append(padding, t)
	}
	if len(padding) > 0 {
		m.add("padding", padding)
	}
	m.expression("allow_origin", l.AllowOrigin, d.AllowOrigin)
	for _, h := range l.Headers {
		var t yamlMap
		t.add("name", quoteYAML(h.Name))
		t.add("value", quoteYAML(h.Value))
		t.flag("always", h.Always, false)
		headers = append(headers, t)
	}
	if len(headers) > 0 {
		m.add("headers", headers)
	}
	differs(&m, "ping", l.PingInterval, d.PingInterval, FormatDuration)
	differs(&m, "ttl", l.TTL, d.TTL, FormatDuration)
	differs(&m, "poll_ttl", l.PollTTL, d.PollTTL, FormatDuration)
	m.flag("info", l.Info, d.Info)
	m.flag("authorized_only", l.AuthorizedOnly, d.AuthorizedOnly)
	m.number("wildcard_max", l.WildcardMax, d.WildcardMax)
	m.flag("allow_publish", l.AllowPublish, d.AllowPublish)
	differs(&m, "max_body", l.MaxBody, d.MaxBody, FormatSize)
	m.gzip(l.Gzip, d.Gzip)
	m.connection(l.Connection, d.Connection)
	m.steps(l.Steps, &l.Varying)
	m.locations(l.Locations, from)
	return m
}

func (m *yamlMap) varying(v, d *site.Varying) {
	m.expression("channels", v.Channels, d.Channels)
	m.expression("time", v.Time, d.Time)
	m.expression("tag", v.Tag, d.Tag)
	m.expression("event_id", v.EventID, d.EventID)
	m.flag("store", v.Store, d.Store)
	m.flag("allow_events", v.AllowEvents, d.AllowEvents)
}

// steps are written with what their ifs change of outer.
func (m *yamlMap) steps(steps []site.Step, outer *site.Varying) {
	var items []any
	for _, s := range steps {
		var t yamlMap
		switch {
		case s.Set != nil:
			t.add("set", quoteYAML(s.Set.Var))
			t.add("value", quoteYAML(s.Set.Value))
		case s.Return != nil:
			t.number("return", s.Return.Code, -1)
			t.expression("text", s.Return.Text, site.Value{})
		case s.Break:
			t.add("break", "true")
		case s.If != nil:
			t.add("if", quoteYAML(s.If.Condition.String()))
			inner := outer
			if outer != nil {
				t.varying(&s.If.Varying, outer)
				inner = &s.If.Varying
			}
			t.steps(s.If.Steps, inner)
		}
		items = append(items, t)
	}
	if len(items) > 0 {
		m.add("steps", items)
	}
}
