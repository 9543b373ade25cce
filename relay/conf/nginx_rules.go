package conf

import (
	"maps"
	"strings"
)

// context is where a directive stands; a rule has the set of those where it may.
type context uint8

const (
	inMain context = 1 << iota
	inHTTP
	inServer
	inLocation
	inServerIf
	inLocationIf

	inAny     = inHTTP | inServer | inLocation
	inRewrite = inServer | inLocation | inServerIf | inLocationIf
)

// class says what is done with a directive that is not understood.
type class uint8

const (
	// ignored does nothing here; the file is taken.
	ignored class = iota
	// differing does nothing here, and somebody may miss it: a warning.
	differing
	// refused would change what a push_stream location answers: an error there,
	// elsewhere a warning.
	refused
)

// rule says where a directive may stand and what becomes of it.
type rule struct {
	in       context
	min, max int // number of arguments; max -1 means any
	block    bool
	class    class
	why      string // of an ignored or refused one
	harmless string // argument that makes a refused one do nothing
	own      bool   // blocks inside do not inherit it
	// slot reads the value of a setting that can be given once per block; read does
	// anything else.
	slot slot
	read func(r *nginxReader, sc *scope, d *directive)
}

// setting is a directive with one argument and one value.
func setting(in context, s slot) rule { return rule{in: in, min: 1, max: 1, slot: s} }

// coreRules are the directives of nginx itself that are understood.
func coreRules() map[string]rule {
	return map[string]rule{
		"http":     {in: inMain, block: true, read: (*nginxReader).http},
		"server":   {in: inHTTP, block: true, read: (*nginxReader).server},
		"location": {in: inServer | inLocation, min: 1, max: 2, block: true, read: (*nginxReader).location},
		"if":       {in: inRewrite, min: 1, max: -1, block: true, read: (*nginxReader).ifBlock, own: true, why: "files are not looked for"},
		"set":      {in: inRewrite, min: 2, max: 2, read: (*nginxReader).set},
		"return":   {in: inRewrite, min: 1, max: 2, read: (*nginxReader).returns},
		"break":    {in: inRewrite, read: (*nginxReader).breaks},
		"types":    {in: inAny, block: true, read: (*nginxReader).types},

		"listen":      {in: inServer, min: 1, max: -1, read: (*nginxReader).listen},
		"server_name": {in: inServer, min: 1, max: -1, read: (*nginxReader).serverName},
		"ssl":         {in: inHTTP | inServer, min: 1, max: 1, slot: flagSlot},

		"ssl_certificate":       setting(inHTTP|inServer, textSlot),
		"ssl_certificate_key":   setting(inHTTP|inServer, textSlot),
		"client_header_timeout": setting(inHTTP|inServer, millisecondsSlot),
		"client_body_timeout":   setting(inAny, millisecondsSlot),
		"send_timeout":          setting(inAny, millisecondsSlot),
		"keepalive_timeout":     {in: inAny, min: 1, max: 2, slot: millisecondsSlot},
		"keepalive_requests":    setting(inAny, numberSlot),
		"client_max_body_size":  setting(inAny, sizeSlot),
		"default_type":          setting(inAny, textSlot),
		"add_header":            {in: inAny | inLocationIf, min: 2, max: 3, read: (*nginxReader).addHeader},

		"gzip":              setting(inAny|inLocationIf, flagSlot),
		"gzip_types":        {in: inAny, min: 1, max: -1, slot: func(d *directive) (any, error) { return d.args, nil }},
		"gzip_min_length":   setting(inAny, sizeSlot),
		"gzip_comp_level":   setting(inAny, gzipLevelSlot),
		"gzip_vary":         setting(inAny, flagSlot),
		"gzip_http_version": setting(inAny, httpVersionSlot),
	}
}

// nginxRules are all directives that are known.
func nginxRules() map[string]rule {
	rules := coreRules()
	maps.Copy(rules, pushRules())
	for _, g := range otherDirectives() {
		for name := range strings.FieldsSeq(g.names) {
			rules[name] = rule{in: g.in, max: -1, block: g.block, class: g.class, why: g.why, harmless: g.harmless, own: g.own}
		}
	}
	return rules
}

// otherFamily gives the rule of a directive that belongs to a family of which the
// names are not listed.
func otherFamily(name string) (rule, bool) {
	for _, prefix := range []string{"proxy_", "fastcgi_", "uwsgi_", "scgi_", "grpc_", "memcached_"} {
		if strings.HasPrefix(name, prefix) {
			return rule{in: inAny | inLocationIf, max: -1, class: ignored, why: "setting of " + prefix + "pass, which is not supported"}, true
		}
	}
	return rule{}, false
}
