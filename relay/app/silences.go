package app

import (
	"context"
	"errors"
	"time"

	"alertrelay/alerts"
	"alertrelay/alerts/am"
	"alertrelay/alerts/api"
	"alertrelay/alerts/track"
)

// ackSilenceTimeout is the time for silencing what was acknowledged, and for taking
// that back.
const ackSilenceTimeout = 10 * time.Second

// acknowledged silences an alert at its Alertmanager too, if that is configured. It
// is acknowledged whether that goes well or not.
func (s *sources) acknowledged(ctx context.Context, c track.Current, by, comment string) {
	src := s.get(c.Source)
	if src == nil || src.conf.AckAsSilence == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, ackSilenceTimeout)
	defer cancel()
	held := &am.Held{Event: c.Event, LastSeen: c.LastSeen, StaleAt: c.StaleAt}
	if _, err := src.silencer(s.tracker).SilenceForAck(ctx, held, by, comment, src.conf.AckAsSilence); err != nil {
		s.log.Warn("an acknowledged alert is not silenced", "source", c.Source, "id", c.ID, "err", err)
	}
}

// ackEnded ends the silence that acknowledged has made.
func (s *sources) ackEnded(before *alerts.Event) {
	src := s.get(before.Source)
	if src == nil || src.conf.AckAsSilence == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running == nil {
		return // it ends by itself
	}
	ctx, id := s.running, before.ID
	s.wg.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, ackSilenceTimeout)
		defer cancel()
		if err := src.silencer(s.tracker).ExpireAckSilence(ctx, id); err != nil && s.wasRunning(ctx) {
			s.log.Warn("the silence of an acknowledged alert stays until it ends by itself", "source", src.conf.Name, "id", id, "err", err)
		}
	})
}

// wasRunning tells trouble from being stopped.
func (s *sources) wasRunning(ctx context.Context) bool {
	return !errors.Is(ctx.Err(), context.Canceled)
}

func (src *source) silencer(t *track.Tracker) *am.Silencer {
	return &am.Silencer{Client: src.client, Holder: holder{t}, Source: src.conf.Name, Now: time.Now}
}

// silencers implement api.Options.Silencers.
func (s *sources) silencers() map[string]api.Silencer {
	all := make(map[string]api.Silencer)
	for name, src := range s.all() {
		all[name] = silencer{src.silencer(s.tracker), src.reconciler}
	}
	return all
}

// silencer is an Alertmanager's silences as the API's. After a change the relay
// looks at once, so that boards show it.
type silencer struct {
	am   *am.Silencer
	look interface{ Look(context.Context) error }
}

// List implements api.Silencer.
func (s silencer) List(ctx context.Context) ([]api.Silence, error) {
	list, err := s.am.List(ctx)
	if err != nil {
		return nil, silenceError(err)
	}
	out := make([]api.Silence, len(list))
	for i := range list {
		if out[i], err = apiSilence(&list[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func apiSilence(s *am.Silence) (api.Silence, error) {
	matchers, err := am.Matchers(s.Matchers)
	if err != nil {
		return api.Silence{}, err
	}
	return api.Silence{
		ID: s.ID, Matchers: matchers.Texts(), StartsAt: s.StartsAt, EndsAt: s.EndsAt,
		CreatedBy: s.CreatedBy, Comment: s.Comment, State: s.State,
	}, nil
}

// Preview implements api.Silencer.
func (s silencer) Preview(_ context.Context, silence api.Silence) ([]api.Silenced, error) {
	matchers, err := am.ParseMatchers(silence.Matchers...)
	if err != nil {
		return nil, silenceError(err)
	}
	held, err := s.am.Preview(matchers)
	if err != nil {
		return nil, silenceError(err)
	}
	out := make([]api.Silenced, len(held))
	for i := range held {
		out[i] = api.Silenced{Fingerprint: held[i].Fingerprint, Labels: held[i].Labels}
	}
	return out, nil
}

// Create implements api.Silencer.
func (s silencer) Create(ctx context.Context, silence api.Silence) (string, error) {
	matchers, err := am.ParseMatchers(silence.Matchers...)
	if err != nil {
		return "", silenceError(err)
	}
	id, err := s.am.Create(ctx, am.Silence{
		ID: silence.ID, Matchers: matchers, StartsAt: silence.StartsAt, EndsAt: silence.EndsAt,
		CreatedBy: silence.CreatedBy, Comment: silence.Comment,
	})
	if err != nil {
		return "", silenceError(err)
	}
	_ = s.look.Look(ctx) // the next one will see it too, and says what is wrong
	return id, nil
}

// Expire implements api.Silencer.
func (s silencer) Expire(ctx context.Context, id string) error {
	if err := s.am.Expire(ctx, id); err != nil {
		return silenceError(err)
	}
	_ = s.look.Look(ctx)
	return nil
}

// silenceError is what the API tells of an Alertmanager's refusal.
func silenceError(err error) error {
	invalid, refused := (*am.InvalidError)(nil), (*am.RefusedError)(nil)
	switch {
	case errors.Is(err, am.ErrNotFound):
		return api.ErrNoSilence
	case errors.As(err, &invalid):
		return &api.RefusedError{Reason: invalid.Error()}
	case errors.As(err, &refused) && refused.Status < 500 && refused.Status != 401 && refused.Status != 403:
		return &api.RefusedError{Reason: refused.Reason}
	}
	return err
}

// configured implements api.Options.Sources.
func (a *App) configured() map[string]api.Source {
	cfg := a.groups.Load()
	all := make(map[string]api.Source)
	for i := range cfg.Sources {
		src := &cfg.Sources[i]
		s := api.Source{SilentAfter: src.SilentAfter}
		if running := a.sources.get(src.Name); running != nil {
			s.API = src.API[0]
			h := running.reconciler.Health()
			s.Reconcile = &api.Reconcile{LastTry: h.LastTry, LastSuccess: h.LastGood, Alerts: h.Alerts}
			if h.Err != nil {
				s.Reconcile.Error = h.Err.Error()
			}
		}
		all[src.Name] = s
	}
	return all
}

// token is what who changes something may show to act in any name, by the
// configuration that was read last.
func (a *App) token() string { return a.groups.Load().API.Token.Reveal() }

// tokens implements api.Options.Tokens, by the configuration that was read last.
func (a *App) tokens() []api.NamedToken {
	var all []api.NamedToken
	for _, t := range a.groups.Load().API.Tokens {
		for _, s := range t.Tokens {
			all = append(all, api.NamedToken{Name: t.Name, Token: alerts.Secret(s.Reveal())})
		}
	}
	return all
}
