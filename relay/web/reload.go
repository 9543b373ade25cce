package web

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"

	"alertrelay/relay/site"
)

// Check says what is wrong with a site: patterns, templates, certificates.
func Check(s *site.Site) error {
	_, err := newRouting(*s, nil)
	return err
}

// Reload serves another site, and Options.Next at other addresses. Its addresses are opened, and those that it does not
// have any more are closed; their connections stay. Subscribers stay as they are,
// and so do their settings; requests that come now get the new ones. On error
// nothing has changed.
//
// It may be called by one goroutine at a time, after Serve.
func (s *Server) Reload(ctx context.Context, next site.Site, nextAt []string) error {
	rt, err := newRouting(next, s.routing.Load())
	if err != nil {
		return err
	}
	rt.nextAt = nextAt
	s.doors.Lock()
	defer s.doors.Unlock()
	if s.stopping.Load() || len(s.sockets) == 0 {
		return errors.New("web: the server does not serve now")
	}
	wanted := make(map[string]bool)
	var missing []site.Listen
	for _, at := range rt.sockets() {
		wanted[at.Key()] = true
		if s.sockets[at.Key()] == nil {
			missing = append(missing, at)
		}
	}
	var gone []*Socket
	for key, socket := range s.sockets {
		if !wanted[key] {
			gone = append(gone, socket)
		}
	}
	fresh, err := listenAll(ctx, missing)
	if errors.Is(err, syscall.EADDRINUSE) && len(gone) > 0 {
		// 0.0.0.0:80 cannot be opened before 127.0.0.1:80 is closed.
		s.close(gone)
		if fresh, err = listenAll(ctx, missing); err != nil {
			return errors.Join(err, s.reopen(ctx, gone))
		}
		gone = nil
	}
	if err != nil {
		return err
	}
	s.routing.Store(rt)
	for _, socket := range fresh {
		s.open(socket)
	}
	s.close(gone)
	return nil
}

// LimitChannelID changes Options.MaxChannelID for requests that come from now on. 0,
// and what is over the most, mean the most.
func (s *Server) LimitChannelID(most int) {
	if most <= 0 || most > maxChannelID {
		most = maxChannelID
	}
	s.maxID.Store(int64(most))
}

// close closes sockets. The caller has s.doors.
func (s *Server) close(sockets []*Socket) {
	for _, socket := range sockets {
		delete(s.sockets, socket.at.Key())
		if err := socket.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			s.log.Warn("a listener could not be closed", "address", socket.at.Key(), "err", err)
		}
	}
}

// reopen takes close back.
func (s *Server) reopen(ctx context.Context, closed []*Socket) error {
	var at []site.Listen
	for _, socket := range closed {
		at = append(at, socket.at)
	}
	sockets, err := listenAll(ctx, at)
	if err != nil {
		return fmt.Errorf("and the old addresses are lost: %w", err)
	}
	for _, socket := range sockets {
		s.open(socket)
	}
	return nil
}

// Sockets are those that are listened at now.
func (s *Server) Sockets() []*Socket {
	s.doors.Lock()
	defer s.doors.Unlock()
	var all []*Socket
	for _, socket := range s.sockets {
		all = append(all, socket)
	}
	return all
}
