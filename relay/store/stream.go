package store

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"alertrelay/relay"
)

// duplicates is the window in which a Nats-Msg-Id is remembered: longer than
// senders retry.
const duplicates = 10 * time.Minute

func (s *Store) subjects() []string {
	return []string{s.opts.Prefix + ".>", s.control + ".>"}
}

// plan is what a stream of ours is to be.
type plan struct {
	name     string
	subjects []string
	// settings puts ours over what the stream has, or over nothing. What they do
	// not mention (placement, description, republishing) is its owner's.
	settings func(have jetstream.StreamConfig) jetstream.StreamConfig
	// usable refuses a stream that has what would break our promises. Changing it
	// silently could break another's.
	usable func(have jetstream.StreamConfig) error
}

// ensureStream makes the stream of all channels or updates its settings. Errors
// that may pass are relay.ErrUnavailable.
func (s *Store) ensureStream(ctx context.Context) error {
	info, err := s.ensure(ctx, plan{s.opts.Stream, s.subjects(), s.settings, s.usable})
	if err != nil {
		return err
	}
	s.created.Store(info.Created.UnixNano())
	s.replicas.Store(int64(info.Config.Replicas))
	return nil
}

// ensureSoon is ensure when there may be no NATS yet: it waits until ctx ends or the
// connection is closed.
func (s *Store) ensureSoon(ctx context.Context, ensure func(context.Context) error) error {
	for waiting := false; ; waiting = true {
		err := ensure(ctx)
		if !errors.Is(err, relay.ErrUnavailable) {
			return err
		}
		if !waiting {
			s.log.Warn("waiting for JetStream", "err", err)
		}
		if s.nc.IsClosed() || !sleep(ctx, retryInterval) {
			return err
		}
	}
}

// ensure makes a stream or updates its settings.
func (s *Store) ensure(ctx context.Context, p plan) (*jetstream.StreamInfo, error) {
	for range 3 { // another relay may make it or delete it at the same time
		ctx, cancel := context.WithTimeout(ctx, apiTimeout)
		info, err := s.try(ctx, p)
		cancel()
		switch {
		case err == nil:
			return info, nil
		case isCode(err, codeStreamNameInUse) || isCode(err, codeStreamNotFound):
			continue
		}
		return nil, err
	}
	return nil, fmt.Errorf("store: stream %s: %w: it comes and goes", p.name, relay.ErrUnavailable)
}

func (s *Store) try(ctx context.Context, p plan) (*jetstream.StreamInfo, error) {
	found, err := s.js.Stream(ctx, p.name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		made, err := s.js.CreateStream(ctx, p.settings(jetstream.StreamConfig{}))
		if err != nil {
			return nil, s.streamError(ctx, p, "create", err)
		}
		s.log.Info("stream made", "stream", p.name, "subjects", strings.Join(p.subjects, " "))
		return made.CachedInfo(), nil
	}
	if err != nil {
		return nil, s.streamError(ctx, p, "look up", err)
	}
	info := found.CachedInfo()
	if err := p.usable(info.Config); err != nil {
		return nil, err
	}
	want := p.settings(info.Config)
	if reflect.DeepEqual(info.Config, want) {
		return info, nil
	}
	if _, err := s.js.UpdateStream(ctx, want); err != nil {
		return nil, s.streamError(ctx, p, "update", err)
	}
	s.log.Info("stream settings updated", "stream", p.name)
	info.Config = want
	return info, nil
}

// settings are those of the stream of all channels.
func (s *Store) settings(cfg jetstream.StreamConfig) jetstream.StreamConfig {
	cfg.Name = s.opts.Stream
	cfg.Subjects = s.subjects()
	cfg.Storage = jetstream.FileStorage
	cfg.Retention = jetstream.LimitsPolicy
	cfg.Discard = jetstream.DiscardOld
	cfg.MaxMsgs = -1
	cfg.MaxMsgsPerSubject = int64(s.opts.MaxMsgsPerChannel) + int64(s.opts.Slack)
	cfg.MaxAge = s.opts.MaxAge
	cfg.MaxBytes = s.opts.MaxBytes
	cfg.Duplicates = min(duplicates, s.opts.MaxAge)
	cfg.AllowDirect = true
	cfg.AllowMsgTTL = true
	if s.opts.Replicas > 0 {
		cfg.Replicas = s.opts.Replicas
	}
	cfg.Replicas = max(cfg.Replicas, 1)
	return cfg
}

// usable refuses, beside what unusable names, what would lose messages or make others.
func (s *Store) usable(cfg jetstream.StreamConfig) error {
	const advice = "edit or remove the stream, or choose another stream name and prefix"
	refuse := func(reason string) error { return refused(s.opts.Stream, reason, advice) }
	if reason := unusable(cfg, s.subjects()); reason != "" {
		return refuse(reason)
	}
	switch {
	case cfg.AllowRollup:
		return refuse(`it allows rollups (allow_rollup_hdrs), so that any publisher can wipe it with the header "Nats-Rollup: all"`)
	case cfg.SubjectDeleteMarkerTTL > 0:
		return refuse("it makes delete markers (subject_delete_marker_ttl), which would be delivered as messages")
	case cfg.AllowMsgSchedules:
		return refuse("it allows scheduled messages (allow_msg_schedules), which turns rollups on")
	}
	return nil
}

func refused(name, reason, advice string) error {
	return fmt.Errorf("store: stream %s exists and cannot be used: %s; %s", name, reason, advice)
}

// unusable says what no stream of ours can have; empty if it has none of it.
func unusable(cfg jetstream.StreamConfig, subjects []string) string {
	have := slices.Sorted(slices.Values(cfg.Subjects))
	switch {
	case !slices.Equal(have, subjects):
		return fmt.Sprintf("it takes the subjects %q, not %q", have, subjects)
	case cfg.AllowMsgCounter:
		return "it is a counter stream (allow_msg_counter)"
	case cfg.Mirror != nil || len(cfg.Sources) > 0:
		return "it is filled from other streams, whose order of times is not its own"
	case cfg.Storage != jetstream.FileStorage:
		return "it is not kept in files"
	case cfg.Retention != jetstream.LimitsPolicy:
		return "its retention policy deletes what has been read"
	case cfg.PersistMode == jetstream.AsyncPersistMode:
		return "it acknowledges before it writes (persist_mode async)"
	case cfg.NoAck:
		return "it does not acknowledge (no_ack)"
	case cfg.Sealed || cfg.DenyPurge:
		return "it is sealed or denies purging"
	case cfg.SubjectTransform != nil:
		return "it renames subjects (subject_transform)"
	}
	return ""
}

func (s *Store) streamError(ctx context.Context, p plan, verb string, err error) error {
	var refused *jetstream.APIError
	switch {
	case isCode(err, codeStreamNameInUse) || isCode(err, codeStreamNotFound):
		return err
	case isCode(err, codeSubjectsOverlap):
		var others []string
		for _, subject := range p.subjects {
			if name, err := s.js.StreamNameBySubject(ctx, subject); err == nil && !slices.Contains(others, name) {
				others = append(others, name)
			}
		}
		return fmt.Errorf("store: stream %s cannot take the subjects %q: stream %s has some of them; remove that stream or choose other names: %w",
			p.name, p.subjects, strings.Join(others, ", "), err)
	case isCode(err, codeNoPeers): // a cluster that is not all there yet
	case errors.As(err, &refused) && refused.Code < 500 && !errors.Is(err, jetstream.ErrJetStreamNotEnabled) && !errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
		return fmt.Errorf("store: %s stream %s: %w", verb, p.name, err)
	case errors.As(err, &refused) && refused.Code == 500 && verb != "look up":
		return fmt.Errorf("store: %s stream %s: %w", verb, p.name, err)
	}
	return unavailable(verb+" stream "+p.name, err)
}
