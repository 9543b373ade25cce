package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"

	"alertrelay/relay/site"
)

// Socket is a socket that listens at an address of a site.
type Socket struct {
	net.Listener
	at site.Listen
}

// At is the address in the site. That of the Listener has the port that was free
// if the site asked for port 0.
func (s *Socket) At() site.Listen { return s.at }

// Listen opens a socket for each address of the site that needs one: 0.0.0.0:80
// takes connections for 127.0.0.1:80 too, as nginx has it. On error none is left
// open.
//
// The file of a unix socket that nobody listens at is replaced. As nginx does it,
// everybody may connect to it.
func Listen(ctx context.Context, s *site.Site) ([]*Socket, error) {
	addresses := make(map[string]*address)
	for _, srv := range s.Servers {
		for _, l := range srv.Listen {
			addresses[l.Key()] = &address{at: l}
		}
	}
	rt := routing{addresses: addresses, shared: sharedSockets(addresses)}
	return listenAll(ctx, rt.sockets())
}

func listenAll(ctx context.Context, at []site.Listen) ([]*Socket, error) {
	var sockets []*Socket
	for _, l := range at {
		s, err := listen(ctx, l)
		if err != nil {
			for _, s := range sockets {
				s.Close()
			}
			return nil, fmt.Errorf("web: cannot serve HTTP at %s: %w", l.Key(), err)
		}
		sockets = append(sockets, s)
	}
	return sockets, nil
}

func listen(ctx context.Context, at site.Listen) (*Socket, error) {
	network, address := "tcp", at.Address
	if at.Unix != "" {
		network, address = "unix", at.Unix
		if err := removeStale(ctx, address); err != nil {
			return nil, err
		}
	} else if host, _, err := net.SplitHostPort(address); err == nil {
		// Not both protocols with one socket: [::]:80 stands beside 0.0.0.0:80.
		switch ip := net.ParseIP(host); {
		case ip == nil:
		case ip.To4() != nil:
			network = "tcp4"
		default:
			network = "tcp6"
		}
	}
	l, err := new(net.ListenConfig).Listen(ctx, network, address)
	if err != nil {
		return nil, err
	}
	if at.Unix != "" {
		if err := os.Chmod(address, 0o666); err != nil { //nolint:gosec // as nginx: everybody may connect
			l.Close()
			return nil, err
		}
	}
	return &Socket{Listener: l, at: at}, nil
}

// removeStale removes the file of a socket that nobody listens at any more, and
// nothing else.
func removeStale(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%s is there and is no socket", path)
	}
	conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
	if err == nil {
		conn.Close()
		return fmt.Errorf("%s: %w", path, syscall.EADDRINUSE)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return err
	}
	return os.Remove(path)
}

// tuned is a listener whose connections are set up for us. Go sets TCP_NODELAY
// and keep-alive probes itself.
type tuned struct {
	*Socket
	server *Server
}

// Accept waits for the next connection.
func (l tuned) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		a := l.server.routing.Load().at(l.at.Key(), c.LocalAddr())
		if a == nil { // it has just been taken out of the configuration
			c.Close()
			continue
		}
		if a.tls != nil {
			c = tls.Server(c, a.tls) // whose handshake comes with the first read
		}
		in := &link{Conn: c, server: l.server, key: l.at.Key(), tls: a.tls != nil}
		in.tune(sendTimeout(a.def.Connection))
		return in, nil
	}
}

// socketOf finds the socket to write to.
func socketOf(c net.Conn) (socket, error) {
	s, ok := c.(syscall.Conn)
	if !ok {
		return socket{}, errors.New("web: the connection has no socket")
	}
	return newSocket(s)
}
