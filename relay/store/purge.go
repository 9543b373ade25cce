package store

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"

	"alertrelay/relay"
)

// DeleteChannel ends a channel: every relay tells the subscribers, at this place
// in the stream's order, and the messages before it are removed. text is what
// subscribers are told; nil or empty means the default. Errors as Publish. If
// it is relay.ErrUnavailable, the channel may be deleted nevertheless, and
// deleting it again is right.
func (s *Store) DeleteChannel(ctx context.Context, channel string, text []byte) (relay.Receipt, error) {
	subject, err := s.subject(s.control, channel)
	if err != nil {
		return relay.Receipt{}, err
	}
	r, _, err := s.send(ctx, &nats.Msg{
		Subject: subject, Data: text,
		Header: nats.Header{headerMsgID: {nuid.Next()}, headerControl: {controlDelete}},
	})
	if err != nil {
		return relay.Receipt{}, err
	}
	return r, s.purge(ctx, channel, r.Seq)
}

// purge removes the messages of a channel before the sequence. Relays hear of
// deletions by the control message; this only makes room and keeps them from
// coming back. One that is left undone is done after the next warm-up.
func (s *Store) purge(ctx context.Context, channel string, before uint64) error {
	request := struct {
		Filter string `json:"filter"`
		Seq    uint64 `json:"seq"`
	}{Subject(s.opts.Prefix, channel), before}
	var response struct {
		Success bool `json:"success"`
	}
	if err := s.api(ctx, "STREAM.PURGE."+s.opts.Stream, request, &response); err != nil {
		return err
	}
	if !response.Success {
		return fmt.Errorf("store: purge channel: %w", relay.ErrUnavailable)
	}
	return nil
}
