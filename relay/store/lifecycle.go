package store

import (
	"context"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"

	"alertrelay/relay"
)

// markTTL is how long marks of channels stay in the stream: for relays that read
// it, and for those that start again before the counts of channels are saved.
const markTTL = "600s"

// CreateChannel marks the place in the stream where a subscriber has made a
// channel. Errors as Publish.
func (s *Store) CreateChannel(ctx context.Context, channel string) (relay.Receipt, error) {
	return s.mark(ctx, channel, nats.Header{headerMsgID: {nuid.Next()}, headerControl: {controlCreate}})
}

// ExpireChannel marks the place in the stream where a channel ends that was idle
// since the sequence last. Several relays may say so; it is stored once. Errors
// as Publish.
func (s *Store) ExpireChannel(ctx context.Context, channel string, last uint64) (relay.Receipt, error) {
	since := strconv.FormatUint(last, 10)
	return s.mark(ctx, channel, nats.Header{
		// No id of a message has a ">" (messageID).
		headerMsgID:   {"> expire " + escape(channel) + " " + since},
		headerControl: {controlExpire}, headerSince: {since},
	})
}

func (s *Store) mark(ctx context.Context, channel string, h nats.Header) (relay.Receipt, error) {
	subject, err := s.subject(s.control, channel)
	if err != nil {
		return relay.Receipt{}, err
	}
	h[headerTTL] = []string{markTTL}
	r, _, err := s.send(ctx, &nats.Msg{Subject: subject, Header: h})
	return r, err
}

// since is the sequence after which a channel was idle.
func since(h nats.Header) (seq uint64, ok bool) {
	text := value(h, headerSince)
	if text == nil {
		return 0, false
	}
	seq, err := strconv.ParseUint(*text, 10, 64)
	return seq, err == nil
}
