package web

import (
	"crypto/tls"
	"fmt"
	"net"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"alertrelay/relay/site"
)

// routing is a site ready to serve. It never changes; Reload puts another in its
// place.
type routing struct {
	site      site.Site
	addresses map[string]*address // by site.Listen.Key
	shared    map[string]bool     // keys of sockets that take connections for other addresses too
	locations []*location         // all of them, for the next routing to take over
	nextAt    []string            // keys of addresses that have Options.Next
	padding   int                 // the largest minimum of all paddings
}

// address is where servers listen.
type address struct {
	at     site.Listen
	hosts  []*host
	byName map[string]*host // exact
	heads  []wildcardHost   // "*.example.org", the longest first
	tails  []wildcardHost   // "www.example.*"
	regexs []regexHost
	def    *host
	tls    *tls.Config // nil: plain
}

type wildcardHost struct {
	fix  string // ".example.org", "www.example."
	host *host
}

type regexHost struct {
	regexp *regexp.Regexp
	host   *host
}

// host is a site.Server ready to serve.
type host struct {
	*site.Server
	name  string // the first of its names, as the variable
	steps []step
	tree  tree
	cert  *tls.Certificate
}

// newRouting makes a routing, and takes those locations over from an older one,
// nil for none, that have not changed: their rendered messages are shared by old
// and new subscribers. Its errors name the place in the file.
func newRouting(s site.Site, old *routing) (*routing, error) {
	rt := &routing{site: s, addresses: make(map[string]*address), padding: largestPadding(s.Servers)}
	known := make(map[string][]*location)
	if old != nil && old.padding == rt.padding && old.site.PingText == s.PingText && old.site.TimeoutBody == s.TimeoutBody {
		for _, l := range old.locations {
			known[l.Path()] = append(known[l.Path()], l)
		}
	}
	for i := range s.Servers {
		srv := &s.Servers[i]
		h, err := rt.newHost(srv, known)
		if err != nil {
			return nil, fmt.Errorf("web: %s: %w", at(srv.Origin, "server"), err)
		}
		for _, l := range srv.Listen {
			if err := rt.address(l).add(h, l); err != nil {
				return nil, fmt.Errorf("web: %s: %w", at(srv.Origin, "server"), err)
			}
		}
	}
	for _, a := range rt.addresses {
		a.finish()
	}
	rt.shared = sharedSockets(rt.addresses)
	return rt, nil
}

func at(origin, otherwise string) string {
	if origin == "" {
		return otherwise
	}
	return origin
}

func largestPadding(servers []site.Server) int {
	most := 0
	var look func(list []site.Location)
	look = func(list []site.Location) {
		for _, l := range list {
			for _, p := range l.Padding {
				most = max(most, p.Header, p.Message)
			}
			look(l.Locations)
		}
	}
	for _, s := range servers {
		look(s.Locations)
	}
	return most
}

func (rt *routing) newHost(srv *site.Server, known map[string][]*location) (*host, error) {
	h := &host{Server: srv}
	if len(srv.Names) > 0 {
		h.name = strings.TrimPrefix(srv.Names[0], ".")
	}
	var err error
	if h.steps, err = newSteps(srv.Steps, false); err != nil {
		return nil, err
	}
	if h.tree, err = rt.newTree(srv.Locations, known); err != nil {
		return nil, err
	}
	if slices.ContainsFunc(srv.Listen, func(l site.Listen) bool { return l.TLS }) {
		cert, err := tls.LoadX509KeyPair(srv.CertFile, srv.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("certificate: %w", err)
		}
		h.cert = &cert
	}
	return h, nil
}

func (rt *routing) newTree(list []site.Location, known map[string][]*location) (tree, error) {
	compiled := make([]*location, len(list))
	for i := range list {
		l, err := rt.newLocation(&list[i], known)
		if err != nil {
			return tree{}, fmt.Errorf("%s: location %s: %w", at(list[i].Origin, "site"), list[i].Path(), err)
		}
		compiled[i] = l
	}
	return newTree(list, compiled), nil
}

func (rt *routing) newLocation(from *site.Location, known map[string][]*location) (*location, error) {
	bare := from.Bare()
	for _, old := range known[from.Path()] {
		if reflect.DeepEqual(old.bare, bare) {
			rt.keep(old)
			return old, nil
		}
	}
	l, err := newLocation(from, &rt.site, rt.padding)
	if err != nil {
		return nil, err
	}
	l.bare = bare
	if l.inner, err = rt.newTree(from.Locations, known); err != nil {
		return nil, err
	}
	l.nested = l.inner.all()
	rt.locations = append(rt.locations, l)
	return l, nil
}

// keep notes a location that was taken over, with what is in it.
func (rt *routing) keep(l *location) {
	rt.locations = append(rt.locations, l)
	for _, inner := range l.nested {
		rt.keep(inner)
	}
}

func (rt *routing) address(l site.Listen) *address {
	a := rt.addresses[l.Key()]
	if a == nil {
		a = &address{at: l, byName: make(map[string]*host)}
		rt.addresses[l.Key()] = a
	}
	a.at.TLS = a.at.TLS || l.TLS
	return a
}

// add adds a server. Of two with the same name the first counts, as in nginx.
func (a *address) add(h *host, l site.Listen) error {
	a.hosts = append(a.hosts, h)
	if l.Default || a.def == nil {
		a.def = h
	}
	exact := func(name string) {
		if a.byName[name] == nil {
			a.byName[name] = h
		}
	}
	for _, name := range h.Names {
		switch {
		case strings.HasPrefix(name, "~"):
			re, err := site.CompileRegexp(name[1:], true)
			if err != nil {
				return err
			}
			a.regexs = append(a.regexs, regexHost{re, h})
		case strings.HasPrefix(name, "*."):
			a.heads = append(a.heads, wildcardHost{name[1:], h})
		case strings.HasPrefix(name, "."):
			exact(name[1:])
			a.heads = append(a.heads, wildcardHost{name, h})
		case strings.HasSuffix(name, ".*"):
			a.tails = append(a.tails, wildcardHost{name[:len(name)-1], h})
		default:
			exact(name)
		}
	}
	return nil
}

func (a *address) finish() {
	longest := func(a, b wildcardHost) int { return len(b.fix) - len(a.fix) }
	slices.SortStableFunc(a.heads, longest)
	slices.SortStableFunc(a.tails, longest)
	if !a.at.TLS {
		return
	}
	a.tls = &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"http/1.1"}, // a subscriber takes its connection over, which HTTP/2 does not allow
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if h := a.find(strings.ToLower(hello.ServerName), nil); h.cert != nil {
				return h.cert, nil
			}
			return a.anyCert(), nil
		},
	}
}

// anyCert is for a server that has none of its own: of the default server, or of
// any.
func (a *address) anyCert() *tls.Certificate {
	if a.def.cert != nil {
		return a.def.cert
	}
	i := slices.IndexFunc(a.hosts, func(h *host) bool { return h.cert != nil })
	if i < 0 {
		return nil
	}
	return a.hosts[i].cert
}

// find chooses the server for a host name as nginx does: the exact name, the
// longest wildcard in front, the longest behind, the first regular expression
// that matches, the default server. q takes its captures, unless it is nil.
func (a *address) find(name string, q *visit) *host {
	if h := a.byName[name]; h != nil {
		return h
	}
	for _, w := range a.heads {
		if strings.HasSuffix(name, w.fix) && len(name) > len(w.fix) {
			return w.host
		}
	}
	for _, w := range a.tails {
		if strings.HasPrefix(name, w.fix) && len(name) > len(w.fix) {
			return w.host
		}
	}
	for _, r := range a.regexs {
		if name == "" {
			break
		}
		if q == nil && r.regexp.MatchString(name) || q != nil && q.match(r.regexp, name) {
			return r.host
		}
	}
	return a.def
}

// sharedSockets finds the addresses whose socket takes the connections for others
// too, because the system does not let both be bound: 0.0.0.0:80 for
// 127.0.0.1:80. The others get no socket.
func sharedSockets(addresses map[string]*address) map[string]bool {
	shared := make(map[string]bool)
	for key, a := range addresses {
		if cover := a.at.Cover(); cover != "" && cover != key && addresses[cover] != nil {
			shared[cover] = true
		}
	}
	return shared
}

// sockets are the addresses that need a socket of their own.
func (rt *routing) sockets() []site.Listen {
	var list []site.Listen
	for key, a := range rt.addresses {
		if cover := a.at.Cover(); cover == "" || cover == key || !rt.shared[cover] {
			list = append(list, a.at)
		}
	}
	slices.SortFunc(list, func(a, b site.Listen) int { return strings.Compare(a.Key(), b.Key()) })
	return list
}

// at finds the address of a connection that came through the socket with this
// key. It is nil after the address has gone.
func (rt *routing) at(key string, local net.Addr) *address {
	if rt.shared[key] && local != nil {
		if a := rt.addresses[local.String()]; a != nil {
			return a
		}
	}
	return rt.addresses[key]
}
