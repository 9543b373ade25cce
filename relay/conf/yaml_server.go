package conf

import (
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"alertrelay/relay/site"
)

func (r *siteReader) newServer(n ast.Node) site.Server {
	return site.Server{HeaderTimeout: site.DefaultHeaderTimeout, Connection: site.DefaultConnection(), Origin: r.place(n)}
}

// server reads an item of servers.
func (r *siteReader) server(n ast.Node, key string) site.Server {
	s, from := r.newServer(n), inheritedDefaults()
	var inner func()
	keys := fields{
		"listen":         func(n ast.Node, key string) { s.Listen = r.listen(n, key) },
		"names":          r.strings(&s.Names, r.serverName),
		"cert":           r.bytes(keep(&s.CertFile)),
		"key":            r.bytes(keep(&s.KeyFile)),
		"header_timeout": r.duration(&s.HeaderTimeout),
		"steps":          func(n ast.Node, key string) { s.Steps = r.steps(n, key, nil) },
		"module":         r.flag(&from.module),
		"types":          func(n ast.Node, key string) { from.types = r.types(n, key) },
		"gzip":           func(n ast.Node, key string) { r.gzip(n, key, &from.gzip) },
		"locations": func(n ast.Node, key string) {
			inner = func() {
				from.connection = s.Connection
				s.Locations = r.locations(n, key, from, nil)
			}
		},
	}
	r.addConnection(keys, &s.Connection)
	r.mapping(n, key, keys)
	if inner != nil { // after the defaults of the locations, wherever they stand
		inner()
	}
	for i, name := range s.Names {
		if !strings.HasPrefix(name, "~") {
			s.Names[i] = strings.ToLower(name)
		}
	}
	return s
}

func (r *siteReader) serverName(name string) error {
	if pattern, ok := strings.CutPrefix(name, "~"); ok {
		re, err := site.CompileRegexp(pattern, false)
		if err == nil {
			r.vars.capture(re)
		}
		return err
	}
	return checkServerName(name)
}

func (r *siteReader) addConnection(keys fields, c *site.Connection) {
	keys["body_timeout"] = r.duration(&c.BodyTimeout)
	keys["send_timeout"] = r.duration(&c.SendTimeout)
	keys["keepalive_timeout"] = r.duration(&c.KeepaliveTimeout)
	keys["keepalive_requests"] = r.number(&c.KeepaliveRequests)
}

// listen reads an address or several, each "host:port", "unix:/path", or keys.
func (r *siteReader) listen(n ast.Node, key string) []site.Listen {
	var list []site.Listen
	for i, item := range r.items(n, key) {
		var l site.Listen
		address := r.bytes(func(s string) error {
			if path, ok := strings.CutPrefix(s, "unix:"); ok {
				l.Unix = path
				if path == "" || len(path) > 107 {
					return fmt.Errorf("%q has no valid path", s)
				}
				return nil
			}
			l.Address = s
			return checkAddress(s)
		})
		key := fmt.Sprintf("%s[%d]", key, i)
		switch v, _ := r.resolve(item); v.(type) {
		case *ast.MappingNode, *ast.MappingValueNode:
			r.mapping(item, key, fields{"address": address, "tls": r.flag(&l.TLS), "default": r.flag(&l.Default)}, "address")
		default:
			address(item, key)
		}
		if slices.ContainsFunc(list, func(o site.Listen) bool { return o.Key() == l.Key() }) {
			r.report(r.place(item), "%s: %s is there twice", key, l.Key())
		}
		list = append(list, l)
	}
	return list
}

// types reads content types by extension.
func (r *siteReader) types(n ast.Node, key string) map[string]string {
	types := make(map[string]string)
	value, ok := r.resolve(n)
	if !ok {
		return types
	}
	var pairs []*ast.MappingValueNode
	switch v := value.(type) {
	case *ast.MappingNode:
		pairs = v.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{v}
	default:
		r.report(r.place(n), "%s: wants extensions and types (html: text/html)", key)
	}
	for _, pair := range pairs {
		extension := strings.ToLower(pair.Key.GetToken().Value)
		r.bytes(func(s string) error {
			types[extension] = s
			return nil
		})(pair.Value, join(key, extension))
	}
	return types
}

// gzip reads true, false, or keys, of which there being any means true.
func (r *siteReader) gzip(n ast.Node, key string, g *site.Gzip) {
	switch v, _ := r.resolve(n); v.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		g.On = true
		r.mapping(n, key, fields{
			"on":         r.flag(&g.On),
			"types":      r.strings(&g.Types, func(string) error { return nil }),
			"min_length": r.size(&g.MinLength),
			"level": r.text(func(s string) (err error) {
				if g.Level, err = parseCount(s); err != nil {
					return err
				}
				return between(g.Level, 1, 9)
			}),
			"vary":   r.flag(&g.Vary),
			"http10": r.flag(&g.HTTP10),
		})
	default:
		r.flag(&g.On)(n, key)
	}
}
