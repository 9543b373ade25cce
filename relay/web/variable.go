package web

import (
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"

	"alertrelay/relay/site"
)

// variable gives the value of one variable for a request.
type variable func(q *visit) string

// variables are those that every request has, as nginx has them.
var variables = map[string]variable{
	"uri":             func(q *visit) string { return q.path },
	"document_uri":    func(q *visit) string { return q.path },
	"request_uri":     func(q *visit) string { return q.r.RequestURI },
	"args":            func(q *visit) string { return q.r.URL.RawQuery },
	"query_string":    func(q *visit) string { return q.r.URL.RawQuery },
	"is_args":         func(q *visit) string { return text(q.r.URL.RawQuery != "", "?") },
	"host":            hostVariable,
	"hostname":        func(*visit) string { return hostName() },
	"remote_addr":     func(q *visit) string { return addressPart(q.r.RemoteAddr, hostPart) },
	"remote_port":     func(q *visit) string { return addressPart(q.r.RemoteAddr, portPart) },
	"server_addr":     func(q *visit) string { return localPart(q, hostPart) },
	"server_port":     func(q *visit) string { return localPart(q, portPart) },
	"server_name":     func(q *visit) string { return q.host.name },
	"server_protocol": func(q *visit) string { return q.r.Proto },
	"scheme":          func(q *visit) string { return scheme(q) },
	"https":           func(q *visit) string { return text(q.tls(), "on") },
	"request_method":  func(q *visit) string { return q.r.Method },
	"content_type":    func(q *visit) string { return q.r.Header.Get("Content-Type") },
	"content_length": func(q *visit) string {
		return text(q.r.ContentLength > 0 || q.r.Header.Get("Content-Length") != "", strconv.FormatInt(q.r.ContentLength, 10))
	},
	site.RestVariable: func(q *visit) string {
		if q.loc == nil || q.loc.Match.IsRegex() {
			return q.path
		}
		return strings.TrimPrefix(q.path, q.loc.Pattern)
	},
}

func text(is bool, s string) string {
	if is {
		return s
	}
	return ""
}

func scheme(q *visit) string {
	if q.tls() {
		return "https"
	}
	return "http"
}

func hostVariable(q *visit) string {
	if h := q.hostname(); h != "" {
		return h
	}
	return q.host.name
}

func hostName() string {
	name, err := os.Hostname()
	if err != nil {
		return "localhost"
	}
	return name
}

const (
	hostPart = iota
	portPart
)

func localPart(q *visit, part int) string {
	if addr := q.local(); addr != nil {
		return addressPart(addr.String(), part)
	}
	return ""
}

// addressPart is host or port of an address; a unix socket has no port.
func addressPart(address string, part int) string {
	host, port, err := net.SplitHostPort(address)
	switch {
	case err != nil && part == hostPart:
		return "unix:"
	case part == hostPart:
		return host
	}
	return port
}

// newVariable finds a variable by its name, whatever its case. One that is none of
// nginx's is made by set or a named capture, and empty before.
func newVariable(name string) variable {
	lower := strings.ToLower(name)
	if v := variables[lower]; v != nil {
		return v
	}
	if len(lower) == 1 && lower >= "1" && lower <= "9" {
		return func(q *visit) string { return q.capture(int(lower[0] - '0')) }
	}
	if arg, ok := strings.CutPrefix(lower, "arg_"); ok {
		return func(q *visit) string {
			value, _ := argument(q.r.URL.RawQuery, arg)
			return value
		}
	}
	if lower == "http_host" { // net/http takes it out of the header
		return func(q *visit) string { return q.r.Host }
	}
	if header, ok := strings.CutPrefix(lower, "http_"); ok {
		key := http.CanonicalHeaderKey(strings.ReplaceAll(header, "_", "-"))
		return func(q *visit) string {
			if values := q.r.Header[key]; key == "Cookie" {
				return strings.Join(values, "; ")
			} else if len(values) > 0 {
				return values[0]
			}
			return ""
		}
	}
	if cookie, ok := strings.CutPrefix(lower, "cookie_"); ok {
		return func(q *visit) string { return cookieValue(q.r.Header["Cookie"], cookie) }
	}
	return func(q *visit) string { return q.vars[lower] }
}

// cookieValue finds a cookie as nginx does: whatever its case, and as it is.
func cookieValue(headers []string, name string) string {
	for _, h := range headers {
		for pair := range strings.SplitSeq(h, ";") {
			n, v, found := strings.Cut(strings.TrimLeft(pair, " "), "=")
			if found && strings.EqualFold(n, name) {
				return v
			}
		}
	}
	return ""
}
