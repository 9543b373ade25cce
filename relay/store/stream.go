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

// ensureStream makes the stream or updates its settings. Errors that may pass
// are relay.ErrUnavailable.
func (s *Store) ensureStream(ctx context.Context) error {
	for range 3 { // another relay may make it or delete it at the same time
		ctx, cancel := context.WithTimeout(ctx, apiTimeout)
		err := s.tryStream(ctx)
		cancel()
		switch {
		case err == nil:
			return nil
		case isCode(err, codeStreamNameInUse) || isCode(err, codeStreamNotFound):
			continue
		}
		return err
	}
	return fmt.Errorf("store: stream %s: %w: it comes and goes", s.opts.Stream, relay.ErrUnavailable)
}

func (s *Store) tryStream(ctx context.Context) error {
	stream, err := s.js.Stream(ctx, s.opts.Stream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		stream, err = s.js.CreateStream(ctx, s.settings(jetstream.StreamConfig{}))
		if err != nil {
			return s.streamError(ctx, "create", err)
		}
		s.log.Info("stream made", "stream", s.opts.Stream, "subjects", strings.Join(s.subjects(), " "))
		s.created.Store(stream.CachedInfo().Created.UnixNano())
		s.replicas.Store(int64(stream.CachedInfo().Config.Replicas))
		return nil
	}
	if err != nil {
		return s.streamError(ctx, "look up", err)
	}
	s.created.Store(stream.CachedInfo().Created.UnixNano())
	have := stream.CachedInfo().Config
	if err := s.usable(have); err != nil {
		return err
	}
	want := s.settings(have)
	s.replicas.Store(int64(want.Replicas))
	if reflect.DeepEqual(have, want) {
		return nil
	}
	if _, err := s.js.UpdateStream(ctx, want); err != nil {
		return s.streamError(ctx, "update", err)
	}
	s.log.Info("stream settings updated", "stream", s.opts.Stream)
	return nil
}

// settings puts ours over what the stream has. What is not mentioned (placement,
// description, republishing) is its owner's.
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

// usable refuses a stream that has what would break our promises. Changing it
// silently could break another's.
func (s *Store) usable(cfg jetstream.StreamConfig) error {
	refuse := func(reason string) error {
		return fmt.Errorf("store: stream %s exists and cannot be used: %s; edit or remove the stream, or choose another stream name and prefix", s.opts.Stream, reason)
	}
	have, want := slices.Sorted(slices.Values(cfg.Subjects)), s.subjects()
	switch {
	case !slices.Equal(have, want):
		return refuse(fmt.Sprintf("it takes the subjects %q, not %q", have, want))
	case cfg.AllowRollup:
		return refuse(`it allows rollups (allow_rollup_hdrs), so that any publisher can wipe it with the header "Nats-Rollup: all"`)
	case cfg.SubjectDeleteMarkerTTL > 0:
		return refuse("it makes delete markers (subject_delete_marker_ttl), which would be delivered as messages")
	case cfg.AllowMsgSchedules:
		return refuse("it allows scheduled messages (allow_msg_schedules), which turns rollups on")
	case cfg.AllowMsgCounter:
		return refuse("it is a counter stream (allow_msg_counter)")
	case cfg.Mirror != nil || len(cfg.Sources) > 0:
		return refuse("it is filled from other streams, whose order of times is not its own")
	case cfg.Storage != jetstream.FileStorage:
		return refuse("it is not kept in files")
	case cfg.Retention != jetstream.LimitsPolicy:
		return refuse("its retention policy deletes what has been read")
	case cfg.PersistMode == jetstream.AsyncPersistMode:
		return refuse("it acknowledges before it writes (persist_mode async)")
	case cfg.NoAck:
		return refuse("it does not acknowledge (no_ack)")
	case cfg.Sealed || cfg.DenyPurge:
		return refuse("it is sealed or denies purging, which deleting a channel needs")
	case cfg.SubjectTransform != nil:
		return refuse("it renames subjects (subject_transform)")
	}
	return nil
}

func (s *Store) streamError(ctx context.Context, verb string, err error) error {
	var refused *jetstream.APIError
	switch {
	case isCode(err, codeStreamNameInUse) || isCode(err, codeStreamNotFound):
		return err
	case isCode(err, codeSubjectsOverlap):
		var others []string
		for _, subject := range s.subjects() {
			if name, err := s.js.StreamNameBySubject(ctx, subject); err == nil && !slices.Contains(others, name) {
				others = append(others, name)
			}
		}
		return fmt.Errorf("store: stream %s cannot take the subjects %q: stream %s has some of them; remove that stream or choose another prefix: %w",
			s.opts.Stream, s.subjects(), strings.Join(others, ", "), err)
	case isCode(err, codeNoPeers): // a cluster that is not all there yet
	case errors.As(err, &refused) && refused.Code < 500 && !errors.Is(err, jetstream.ErrJetStreamNotEnabled) && !errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
		return fmt.Errorf("store: %s stream %s: %w", verb, s.opts.Stream, err)
	case errors.As(err, &refused) && refused.Code == 500 && verb != "look up":
		return fmt.Errorf("store: %s stream %s: %w", verb, s.opts.Stream, err)
	}
	return unavailable(verb+" stream "+s.opts.Stream, err)
}
