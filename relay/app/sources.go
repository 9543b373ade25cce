package app

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"sync"

	"alertrelay/alerts/am"
	"alertrelay/alerts/track"
	"alertrelay/relay/conf"
)

// sources are the Alertmanagers that are asked what is so: one Reconciler for each
// source with an API.
type sources struct {
	tracker *track.Tracker
	metrics *am.Metrics
	log     *slog.Logger

	mu      sync.Mutex
	running context.Context // nil: Run has not begun
	wg      sync.WaitGroup
	of      map[string]*source
}

// source is one of them.
type source struct {
	conf       conf.Source
	client     *am.Client
	reconciler *am.Reconciler
	stop       context.CancelFunc // nil: it does not run
}

// configure makes what the configuration says. Sources that have not changed go on.
func (s *sources) configure(cfg *conf.Config) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := make(map[string]*source)
	for i := range cfg.Sources {
		c := &cfg.Sources[i]
		if len(c.API) == 0 {
			continue
		}
		if have := s.of[c.Name]; have != nil && sameAPI(&have.conf, c) {
			next[c.Name] = have
			continue
		}
		made, err := s.newSource(c)
		if err != nil {
			return fmt.Errorf("app: source %s: %w", c.Name, err)
		}
		next[c.Name] = made
	}
	for name, old := range s.of {
		if next[name] != old && old.stop != nil {
			old.stop()
		}
	}
	s.of = next
	for _, src := range next {
		s.start(src)
	}
	return nil
}

func sameAPI(a, b *conf.Source) bool {
	return slices.Equal(a.API, b.API) && reflect.DeepEqual(a.APIAuth, b.APIAuth) && a.APIInterval == b.APIInterval && a.AckAsSilence == b.AckAsSilence
}

func (s *sources) newSource(c *conf.Source) (*source, error) {
	o := am.Options{URLs: c.API, Bearer: c.APIAuth.Bearer.Reveal()}
	if basic := c.APIAuth.Basic; basic != nil {
		o.BasicUser, o.BasicPassword = basic.User, basic.Password.Reveal()
	}
	client, err := am.NewClient(o)
	if err != nil {
		return nil, err
	}
	r, err := am.NewReconciler(am.ReconcilerOptions{
		Source: c.Name, Client: client, Holder: holder{s.tracker}, Recorder: s.tracker, Interval: c.APIInterval,
		Metrics: s.metrics, Log: s.log,
	})
	if err != nil {
		return nil, err
	}
	return &source{conf: *c, client: client, reconciler: r}, nil
}

// start runs a source, once there is a Run.
func (s *sources) start(src *source) {
	if s.running == nil || src.stop != nil {
		return
	}
	ctx, cancel := context.WithCancel(s.running)
	src.stop = cancel
	s.wg.Go(func() {
		if err := src.reconciler.Run(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("an Alertmanager is not asked any more", "source", src.conf.Name, "err", err)
		}
	})
}

// Run asks until ctx ends.
func (s *sources) Run(ctx context.Context) error {
	s.mu.Lock()
	s.running = ctx
	for _, src := range s.of {
		s.start(src)
	}
	s.mu.Unlock()
	<-ctx.Done()
	s.mu.Lock()
	s.running = nil
	s.mu.Unlock()
	s.wg.Wait()
	return nil
}

// get is the source of this name that has an API; nil if there is none.
func (s *sources) get(name string) *source {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.of[name]
}

// all are the sources with an API, by name.
func (s *sources) all() map[string]*source {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.of)
}

// holder is what the tracker has, as a Reconciler asks for it.
type holder struct{ tracker *track.Tracker }

// Known implements am.Holder.
func (h holder) Known(source string) ([]am.Held, error) {
	list, _, err := h.tracker.List(track.Query{Ended: true, Source: source})
	if err != nil {
		return nil, err
	}
	held := make([]am.Held, len(list))
	for i, c := range list {
		held[i] = am.Held{Event: c.Event, LastSeen: c.LastSeen, StaleAt: c.StaleAt}
	}
	return held, nil
}
