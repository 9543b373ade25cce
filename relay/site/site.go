package site

import (
	"net"
	"time"
)

// Site is what is served where: neutral between an nginx.conf with push_stream
// directives and our own YAML, both of which fill it.
//
// The limits MaxMessages, MessageTTL, MaxSubscribers and MaxChannelID are those
// of all channels. They are in force if MessageTTL is not 0, which an nginx.conf
// always has it; otherwise the configuration's groups and limits say.
type Site struct {
	// Servers in the order of the file.
	Servers []Server

	// SharedMemory is the memory budget in bytes, here of the stream on disk; 0 means
	// that none was given.
	SharedMemory int64
	// DeletedText is sent to subscribers of a channel that is deleted.
	DeletedText string
	// PingText is the text of a ping on a stream.
	PingText string
	// InactivityTime is how long a channel without messages and subscribers lives.
	InactivityTime time.Duration
	// MessageTTL is how long a message is kept; 0 means that groups say.
	MessageTTL time.Duration
	// TimeoutBody has a long poll that waited in vain end with a message.
	TimeoutBody bool
	// MaxMessages kept of a channel; 0 means any number.
	MaxMessages int
	// MaxSubscribers of a channel; 0 means any number.
	MaxSubscribers int
	// MaxChannelID is the length of a channel's id in bytes; 0 means any.
	MaxChannelID int
	// MaxChannels is how many channels there may be beside wildcard channels; the
	// events channel counts. 0 means any number.
	MaxChannels int
	// MaxWildcardChannels is how many channels whose id begins with
	// WildcardPrefix there may be; 0 means any number.
	MaxWildcardChannels int
	// WildcardPrefix begins the ids of wildcard channels; empty means that there
	// are none.
	WildcardPrefix string
	// EventsChannel is the id of the events channel; empty means none.
	EventsChannel string

	// Origin is the place in the file, "file:line".
	Origin string
}

// Server is one server block.
type Server struct {
	// Listen are its addresses. None means the address of the setting listen.
	Listen []Listen
	// Names as server_name has them: exact in lower case, "*.example.org",
	// ".example.org", "www.example.*", or "~" and a regular expression. None means
	// that only requests for no other server come here.
	Names []string
	// CertFile and KeyFile are PEM files for its TLS addresses.
	CertFile, KeyFile string
	// HeaderTimeout is how long a client may take to send its request's header.
	HeaderTimeout time.Duration
	// Connection has the values for what matches no location.
	Connection
	// Steps run for each request before its location is sought. Their ifs change
	// no settings.
	Steps []Step
	// Locations in the order of the file; MatchOrder has the order in which
	// requests find them.
	Locations []Location
	// Origin is the place in the file, "file:line".
	Origin string
}

// Listen is an address of a server.
type Listen struct {
	// Address is host:port; empty with Unix. The host is an IP address, a name, or
	// empty for every interface.
	Address string
	// Unix is the path of a socket.
	Unix string
	// TLS has it speak HTTPS, with the certificate of the server.
	TLS bool
	// Default is true for exactly one server of each address: the one for requests
	// whose Host no server has.
	Default bool
}

// Key tells addresses apart: "host:port", or "unix:" and the path.
func (l *Listen) Key() string {
	if l.Unix != "" {
		return "unix:" + l.Unix
	}
	return l.Address
}

// Cover is the Key of the address that stands for every interface of the same
// protocol and port: "0.0.0.0:80" for "127.0.0.1:80", and for itself. It is empty for
// names, unix sockets, and port 0.
func (l *Listen) Cover() string {
	host, port, err := net.SplitHostPort(l.Address)
	ip := net.ParseIP(host)
	switch {
	case l.Unix != "" || err != nil || ip == nil || port == "0":
		return ""
	case ip.To4() != nil:
		return net.JoinHostPort("0.0.0.0", port)
	}
	return net.JoinHostPort("::", port)
}

// Connection says how connections are treated.
type Connection struct {
	// BodyTimeout is how long a client may be silent while it sends a body.
	BodyTimeout time.Duration
	// SendTimeout is how long a client may take nothing of what is sent to it.
	SendTimeout time.Duration
	// KeepaliveTimeout is how long a connection may wait for its next request; 0
	// means that it is closed after the first.
	KeepaliveTimeout time.Duration
	// KeepaliveRequests is how many requests a connection may carry; 0 means none
	// after the first.
	KeepaliveRequests int
}

// DefaultHeaderTimeout is nginx's, and ours.
const DefaultHeaderTimeout = 60 * time.Second

// DefaultConnection is nginx's, and ours.
func DefaultConnection() Connection {
	return Connection{BodyTimeout: 60 * time.Second, SendTimeout: 60 * time.Second, KeepaliveTimeout: 75 * time.Second, KeepaliveRequests: 1000}
}

// New has the defaults of a site, and no servers.
func New() Site {
	return Site{DeletedText: "Channel deleted", PingText: " ", InactivityTime: 30 * time.Second}
}

// LimitsChannels reports whether the site's own limits are in force, rather than
// Config.Groups and Config.Limits.
func (s *Site) LimitsChannels() bool { return s.MessageTTL > 0 }

// ChooseDefaults makes the first server of each address its default, where none
// asks for it.
func (s *Site) ChooseDefaults() {
	have := make(map[string]bool)
	for _, srv := range s.Servers {
		for _, l := range srv.Listen {
			have[l.Key()] = have[l.Key()] || l.Default
		}
	}
	for i := range s.Servers {
		for j := range s.Servers[i].Listen {
			l := &s.Servers[i].Listen[j]
			if !have[l.Key()] {
				have[l.Key()], l.Default = true, true
			}
		}
	}
}

// Bare is a copy without the places in the file, for comparing two sites by
// reflect.DeepEqual.
func (s Site) Bare() Site {
	s.Origin = ""
	s.Servers = append([]Server(nil), s.Servers...)
	for i := range s.Servers {
		srv := &s.Servers[i]
		srv.Origin = ""
		srv.Steps = bareSteps(srv.Steps)
		srv.Locations = bareLocations(srv.Locations)
	}
	return s
}
