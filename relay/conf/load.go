package conf

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Sources are where a configuration comes from.
type Sources struct {
	// File is the path of the YAML file; empty means none.
	File string
	// NginxConf is the path of an nginx.conf with push_stream directives, which
	// excludes File; empty means none.
	NginxConf string
	// Flags are the flags that were given, name without dashes to value.
	Flags map[string]string
	// Environ is the environment, "NAME=value". Variables that are not ours are
	// ignored.
	Environ []string
}

// Error is what is wrong with a configuration: each problem with its place, its
// setting and how to mend it.
type Error struct {
	Problems []string
}

// Error gives the problems, one on a line.
func (e *Error) Error() string { return strings.Join(e.Problems, "\n") }

// problems collects what is wrong.
type problems []string

func (p *problems) report(where, format string, args ...any) {
	*p = append(*p, where+": "+fmt.Sprintf(format, args...))
}

func (p problems) err() error {
	if len(p) == 0 {
		return nil
	}
	return &Error{Problems: p}
}

// Load puts the sources together. A flag beats a variable, a variable the file,
// the file the default. The error is an *Error with everything that is wrong.
func Load(s Sources) (Config, error) {
	c := Default()
	var p problems
	switch {
	case s.File != "" && s.NginxConf != "":
		p.report("--nginx-conf", "excludes --config; leave one out, or write what \"alertrelay check --nginx-conf\" shows into the YAML file")
	case s.NginxConf != "":
		c.loadNginx(s.NginxConf, &p)
	case s.File != "":
		c.loadFile(s.File, &p)
	}
	env := environ(s.Environ)
	for _, setting := range Settings() {
		if v, ok := env[setting.Env()]; ok {
			c.apply(&setting, v, setting.Env(), &p)
		}
	}
	for _, setting := range Settings() {
		if v, ok := s.Flags[setting.Flag()]; ok && setting.Flag() != "" {
			c.apply(&setting, v, "--"+setting.Flag(), &p)
		}
	}
	c.takeLimits()
	c.takeMemory()
	if len(p) == 0 {
		c.together(&p)
	}
	return c, p.err()
}

// Validate checks a configuration that was made or changed by hand.
func (c *Config) Validate() error {
	var p problems
	for _, s := range Settings() {
		if s.Key == "nats.url" && c.NATS.URL == "" || s.Key == keyToken || s.Key == keyTokenFile {
			continue
		}
		probe := *c
		shown := s.show(c)
		if s.Key == "nats.url" {
			shown = c.NATS.URL
		}
		if err := s.set(&probe, shown); err != nil {
			p.report(s.Key, "%s", err)
		}
	}
	for i, g := range c.Groups {
		key := fmt.Sprintf("groups[%d]", i)
		if err := checkMatch(g.Match); err != nil {
			p.report(key, "match: %s", err)
		}
		if err := checkMaxMessages(g.MaxMessages); err != nil {
			p.report(key, "max_messages: %s", err)
		}
		if err := checkMaxAge(g.MaxAge); err != nil {
			p.report(key, "max_age: %s", err)
		}
		if g.MaxSubscribers < 0 {
			p.report(key, "max_subscribers: %d is no whole number from 0", g.MaxSubscribers)
		}
	}
	for i, r := range c.Routes {
		if r.Subject == "" {
			p.report(fmt.Sprintf("routes[%d]", i), "subject is missing")
		}
	}
	c.checkSources(&p)
	c.checkWatchdogs(&p)
	c.checkTokens(&p)
	if len(c.Groups) == 0 {
		p.report("groups", `empty; the last group should match ">"`)
	}
	c.together(&p)
	return p.err()
}

func (c *Config) apply(s *Setting, value, origin string, p *problems) {
	c.origin[s.Key] = origin
	if err := s.set(c, value); err != nil {
		p.report(origin, "%s", err)
	}
}

func (c *Config) loadFile(path string, p *problems) {
	content, err := os.ReadFile(path)
	if err != nil {
		p.report("--config", "%s; name an existing file, or leave the flag out to start with the defaults", err)
		return
	}
	r := &yamlReader{file: path, report: p.report}
	top := fields{}
	sections := make(map[string]fields)
	for _, s := range Settings() {
		set := r.text(func(v string) error { return s.set(c, v) })
		read := func(n ast.Node, key string) {
			c.origin[s.Key] = r.place(n)
			set(n, key)
		}
		section, name, nested := strings.Cut(s.Key, ".")
		if !nested {
			top[s.Key] = read
			continue
		}
		if sections[section] == nil {
			keys := fields{}
			sections[section] = keys
			top[section] = func(n ast.Node, key string) { r.mapping(n, key, keys) }
		}
		sections[section][name] = read
	}
	sections["api"]["tokens"] = func(n ast.Node, key string) { c.API.Tokens = r.tokens(n, key) }
	var groups []Group
	top["groups"] = func(n ast.Node, key string) { groups = r.groups(n, key) }
	top["routes"] = func(n ast.Node, key string) { c.Routes = r.routes(n, key) }
	top["sources"] = func(n ast.Node, key string) { c.Sources = r.sources(n, key) }
	top["watchdogs"] = func(n ast.Node, key string) { c.Watchdogs = r.watchdogs(n, key) }
	site := newSiteReader(r)
	site.addTo(top)
	r.read(content, top)
	c.Site = site.finish()
	c.Groups = append(groups, c.Groups...)
	checkGroups(c.Groups, p.report)
}

// together checks what depends on more than one setting.
func (c *Config) together(p *problems) {
	if c.NATS.URL != "" && c.NATS.ListenAsked && c.NATS.Listen != "" {
		p.report("nats", "listen (%s) and url (%s) exclude each other: the embedded server listens, the external one is connected to; leave one out",
			c.Origin("nats.listen"), c.Origin("nats.url"))
	}
	if c.NATS.URL == "" && c.NATS.Replicas > 1 {
		p.report("nats", "replicas (%s): the embedded server keeps one copy; more need a cluster, given by nats.url", c.Origin("nats.replicas"))
	}
	if c.NATS.URL != "" && c.Storage.Durability == DurabilityFsync {
		p.report("storage", "durability (%s): fsync is for the embedded server; with nats.url it is set in that server's configuration (sync_interval: always)", c.Origin("storage.durability"))
	}
	if c.NATS.URL == "" && c.Listen == c.NATS.Listen && !strings.HasSuffix(c.Listen, ":0") {
		p.report("listen", "%s is also the address for NATS clients; give one of them another port", c.Listen)
	}
	c.checkShared(p)
}

// environ gives our variables.
func environ(all []string) map[string]string {
	ours := make(map[string]string)
	for _, kv := range all {
		if name, value, ok := strings.Cut(kv, "="); ok && strings.HasPrefix(name, envPrefix) {
			ours[name] = value
		}
	}
	return ours
}

// CheckEnviron refuses variables that begin like ours and are unknown: a typing
// error there would otherwise go unseen. others are the flags that are no
// settings but have a variable too. What Kubernetes sets for a service named
// alertrelay is let through.
func CheckEnviron(all []string, others ...string) error {
	var valid []string
	for _, s := range Settings() {
		valid = append(valid, s.Env())
	}
	for _, flag := range others {
		valid = append(valid, EnvName(flag))
	}
	var p problems
	ours := environ(all)
	for _, name := range slices.Sorted(maps.Keys(ours)) {
		if !slices.Contains(valid, name) && !isServiceLink(name, ours[name]) {
			p.report(name, "unknown variable; %s", didYouMean(name, valid))
		}
	}
	return p.err()
}

// serviceLink matches the variables that Kubernetes gives each container of a
// namespace for a service named alertrelay, or alertrelay-something, in it.
var serviceLink = regexp.MustCompile(`^ALERTRELAY_(\w+?_)??(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$`)

// isServiceLink tells such a variable from a typing error, ALERTRELAY_PORT=8080,
// also by its value: PORT is a URL.
func isServiceLink(name, value string) bool {
	m := serviceLink.FindStringSubmatch(name)
	return m != nil && (m[2] != "PORT" || strings.Contains(value, "://"))
}
