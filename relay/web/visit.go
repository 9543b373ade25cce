package web

import (
	"net"
	"net/http"
	"regexp"
	"strings"

	"alertrelay/relay/site"
)

// visit is a request on its way to a location: what the configuration knows of
// it. It lives no longer than the request's handler.
type visit struct {
	r       *http.Request
	link    *link
	routing *routing
	address *address
	host    *host
	loc     *location // nil: none matches
	set     *settings // of the location, or of an if in it

	path    string // decoded and normalised: "$uri"
	subject string // what the last regular expression matched
	groups  []int  // and where
	vars    map[string]string
	keep    bool // the connection may be used again
	// snapshot is true if what is sent begins with one.
	snapshot bool
}

// match tries a regular expression. If it matches, its captures are those that
// count from now on.
func (q *visit) match(re *regexp.Regexp, text string) bool {
	groups := re.FindStringSubmatchIndex(text)
	if groups == nil {
		return false
	}
	q.subject, q.groups = text, groups
	for i, name := range re.SubexpNames() {
		if name != "" {
			q.assign(name, q.capture(i))
		}
	}
	return true
}

// capture is what a group matched, empty if it did not.
func (q *visit) capture(n int) string {
	if 2*n+1 >= len(q.groups) || q.groups[2*n] < 0 {
		return ""
	}
	return q.subject[q.groups[2*n]:q.groups[2*n+1]]
}

func (q *visit) assign(name, value string) {
	if q.vars == nil {
		q.vars = make(map[string]string)
	}
	q.vars[strings.ToLower(name)] = value
}

// hostname is the host that was asked for, in lower case and without port.
func (q *visit) hostname() string {
	host := q.r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
		if strings.Contains(h, ":") {
			host = "[" + h + "]"
		}
	}
	return strings.TrimSuffix(strings.ToLower(host), ".")
}

// local is the address that the client connected to.
func (q *visit) local() net.Addr {
	addr, _ := q.r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return addr
}

func (q *visit) tls() bool { return q.link.tls }

// connection says how the connection is treated.
func (q *visit) connection() site.Connection {
	if q.loc != nil {
		return q.loc.Connection
	}
	return q.host.Connection
}
