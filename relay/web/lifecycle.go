package web

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"time"
)

// Serve serves connections of the sockets until Shutdown; then it returns nil. It
// returns an error when one of the sockets fails. Then too Shutdown must be called,
// which closes them all.
func (s *Server) Serve(sockets []*Socket) error {
	for range runtime.GOMAXPROCS(0) {
		s.workers.Go(newWriter(s).run)
	}
	s.workers.Go(func() { s.wheel.run(s.quit) })
	s.workers.Go(func() { s.trim(s.quit) })
	back := newReturned(&net.UnixAddr{Net: "unix"})
	s.mu.Lock()
	s.back = back
	s.mu.Unlock()
	s.doors.Lock()
	for _, socket := range sockets {
		s.open(socket)
	}
	s.doors.Unlock()
	over := make(chan struct{})
	s.serving.Go(func() {
		_ = s.http.Serve(back)
		close(over)
	})
	select {
	case err := <-s.failed:
		return fmt.Errorf("web: serve: %w", err)
	case <-over:
		return nil
	}
}

// open serves a socket. The caller has s.doors.
func (s *Server) open(socket *Socket) {
	key := socket.at.Key()
	s.sockets[key] = socket
	s.serving.Go(func() {
		err := s.http.Serve(tuned{socket, s})
		if errors.Is(err, http.ErrServerClosed) {
			return
		}
		s.doors.Lock()
		wanted := s.sockets[key] == socket
		s.doors.Unlock()
		if !wanted {
			return
		}
		select {
		case s.failed <- err:
		default:
		}
	})
}

// Shutdown ends the server in order: no new connections, then publishers get
// their answers, then streams end with their footer and waiting polls are
// answered. What is not done when ctx ends is cut off. Serve must have been
// called.
func (s *Server) Shutdown(ctx context.Context) error {
	s.doors.Lock() // a Reload is over now, or refused
	s.stopping.Store(true)
	s.doors.Unlock()
	closed := make(chan error, 1)
	go func() { closed <- s.http.Shutdown(ctx) }()
	// Streams are not net/http's any more: they go on until publishers are done,
	// or until half of the time is over, because ending streams needs some too.
	s.answerRequests(ctx)
	s.endSubscribers(ctx)
	err := s.closeConnections(closed)
	s.serving.Wait()
	close(s.quit)
	s.queue.close()
	s.workers.Wait()
	if err != nil {
		return fmt.Errorf("web: shutdown: %w", err)
	}
	return nil
}

const (
	drainInterval  = 5 * time.Millisecond
	unfinishedTime = 500 * time.Millisecond // for what is written already to leave
)

// answerRequests waits until no handler is at work, for half of the time there
// is.
func (s *Server) answerRequests(ctx context.Context) {
	if end, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(end)/2)
		defer cancel()
	}
	ticker := time.NewTicker(drainInterval)
	defer ticker.Stop()
	for s.requests.Load() > 0 {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// closeConnections waits for net/http to close its connections. For those without
// a whole request it would wait for seconds, or until ctx ends: they are closed
// when nobody else is left.
func (s *Server) closeConnections(closed <-chan error) error {
	last := time.Now()
	ticker := time.NewTicker(drainInterval)
	defer ticker.Stop()
	for {
		select {
		case err := <-closed:
			if err != nil {
				err = errors.Join(err, s.http.Close())
			}
			return err
		case <-ticker.C:
			if s.requests.Load() > 0 {
				last = time.Now()
			} else if time.Since(last) > unfinishedTime {
				return errors.Join(s.http.Close(), <-closed)
			}
		}
	}
}

// endSubscribers asks all subscribers to end, and cuts off those that have not
// when ctx ends.
func (s *Server) endSubscribers(ctx context.Context) {
	s.eachSubscriber(func(c *subscriber) { c.ask(askStop) })
	defer context.AfterFunc(ctx, func() {
		s.eachSubscriber(func(c *subscriber) { c.conn.Close() })
	})()
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.subs) > 0 {
		s.none.Wait()
	}
	s.subs = nil // whoever comes now is too late
}

func (s *Server) eachSubscriber(do func(*subscriber)) {
	s.mu.Lock()
	all := make([]*subscriber, 0, len(s.subs))
	for c := range s.subs {
		all = append(all, c)
	}
	s.mu.Unlock()
	for _, c := range all {
		do(c)
	}
}

// add notes a subscriber. It reports false if the server is done with all of
// them.
func (s *Server) add(c *subscriber) bool {
	s.mu.Lock()
	if s.subs == nil {
		s.mu.Unlock()
		return false
	}
	s.subs[c] = struct{}{}
	s.mu.Unlock()
	s.metrics.connect(c.mode, 1)
	if s.stopping.Load() {
		c.asked.Or(askStop)
	}
	return true
}

func (s *Server) remove(c *subscriber) {
	s.metrics.connect(c.mode, -1)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.subs, c)
	if len(s.subs) == 0 {
		s.none.Broadcast()
	}
}
