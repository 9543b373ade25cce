package conf

import (
	"errors"
	"fmt"
	"net"
	"path"
	"slices"
	"strconv"
	"strings"

	"alertrelay/relay/site"
)

func (r *nginxReader) http(sc *scope, d *directive) {
	if r.top != nil {
		r.fail(d, `"http" %s`, errDuplicate)
		return
	}
	r.top = sc.below(inHTTP, d)
	r.walk(r.top, d.block)
}

func (r *nginxReader) server(sc *scope, d *directive) {
	srv := sc.below(inServer, d)
	sc.servers = append(sc.servers, srv)
	r.walk(srv, d.block)
}

func (r *nginxReader) serverName(sc *scope, d *directive) {
	for _, name := range d.args {
		if pattern, ok := strings.CutPrefix(name, "~"); ok {
			re, err := site.CompileRegexp(pattern, false)
			if err != nil {
				r.fail(d, "%s", err)
				continue
			}
			r.vars.capture(re)
			sc.names = append(sc.names, name)
			continue
		}
		name = strings.ToLower(name)
		if err := checkServerName(name); err != nil {
			r.fail(d, "%s", err)
			continue
		}
		sc.names = append(sc.names, name)
	}
}

// checkServerName wants a star to be a whole first or last label.
func checkServerName(name string) error {
	inner := strings.TrimSuffix(strings.TrimPrefix(name, "*."), ".*")
	if strings.Contains(inner, "*") || strings.Contains(name, "/") || name == "." || name == "*." {
		return fmt.Errorf(`invalid server name or wildcard "%s"`, name)
	}
	if name == "$hostname" {
		return errors.New(`server name "$hostname" is not supported`)
	}
	return nil
}

// plainListen are the parameters of listen that the system sees to.
var plainListen = []string{
	"http2", "bind", "deferred", "reuseport", "multipath", "setfib=", "fastopen=", "backlog=", "rcvbuf=", "sndbuf=", "accept_filter=", "ipv6only=", "so_keepalive=",
}

func (r *nginxReader) listen(sc *scope, d *directive) {
	addresses, err := parseListen(d.args[0])
	if err != nil {
		r.fail(d, `%s in "%s" of the "listen" directive`, err, d.args[0])
		return
	}
	var ssl, first bool
	for _, word := range d.args[1:] {
		name, _, assigned := strings.Cut(word, "=")
		if assigned {
			name += "="
		}
		switch {
		case word == "default_server" || word == "default":
			first = true
		case word == "ssl":
			ssl = true
		case word == "proxy_protocol" || word == "quic":
			r.fail(d, `parameter "%s" of the "listen" directive is not supported`, word)
		case slices.Contains(plainListen, name):
			r.rep.Ignored = append(r.rep.Ignored, Ignored{Name: "listen … " + word, Origin: d.place(), Why: "the runtime decides"})
		default:
			r.fail(d, `invalid parameter "%s"`, word)
		}
	}
	for _, l := range addresses {
		if slices.ContainsFunc(sc.listen, func(o site.Listen) bool { return o.Key() == l.Key() }) {
			r.fail(d, "a duplicate listen %s", l.Key())
			continue
		}
		l.TLS, l.Default = ssl, first
		sc.listen = append(sc.listen, l)
	}
}

// parseListen reads "8080", "127.0.0.1", "*:80", "[::1]:80", "host:80-82" and
// "unix:path".
func parseListen(s string) ([]site.Listen, error) {
	if file, ok := strings.CutPrefix(s, "unix:"); ok {
		if file == "" || len(file) > 107 {
			return nil, errors.New("invalid path of a unix socket")
		}
		return []site.Listen{{Unix: path.Clean(file)}}, nil
	}
	host, port := s, "80"
	switch i := strings.LastIndexByte(s, ':'); {
	case i >= 0 && !strings.HasSuffix(s, "]"):
		host, port = s[:i], s[i+1:]
	case i < 0 && s != "" && strings.Trim(s, "0123456789-") == "":
		host, port = "*", s
	}
	if host == "*" {
		host = "0.0.0.0"
	}
	if inner, ok := strings.CutPrefix(host, "["); ok {
		inner, ok = strings.CutSuffix(inner, "]")
		if ip := net.ParseIP(inner); !ok || ip == nil {
			return nil, errors.New("invalid IPv6 address")
		}
		host = inner
	}
	if host == "" || strings.ContainsAny(host, " /:[]") && net.ParseIP(host) == nil {
		return nil, errors.New("invalid host")
	}
	low, high, isRange := strings.Cut(port, "-")
	first, err := parsePort(low)
	last := first
	if err == nil && isRange {
		if last, err = parsePort(high); err == nil && last < first {
			err = errors.New("invalid port range")
		}
	}
	if err != nil {
		return nil, err
	}
	var list []site.Listen
	for p := first; p <= last; p++ {
		list = append(list, site.Listen{Address: net.JoinHostPort(host, strconv.Itoa(p))})
	}
	return list, nil
}

func parsePort(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 {
		return 0, errors.New("invalid port")
	}
	return int(n), nil
}
