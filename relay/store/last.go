package store

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"alertrelay/relay"
)

// Last returns the newest message of a channel and the DedupID it was published
// with (of a publisher on NATS: its Nats-Msg-Id); relay.ErrNoMessage if there is
// none. It sees every publish that was acknowledged before.
func (s *Store) Last(ctx context.Context, channel string) (m relay.Message, dedupID string, err error) {
	subject, err := s.subject(s.opts.Prefix, channel)
	if err != nil {
		return relay.Message{}, "", err
	}
	got, err := s.stored(ctx, "last message", getRequest{LastFor: subject})
	if err != nil {
		return relay.Message{}, "", err
	}
	return message(channel, got.seq, got.at, got.header, got.data), dedupIDOf(channel, got.header), nil
}

// getRequest asks for one message.
type getRequest struct {
	Seq       uint64     `json:"seq,omitempty"`
	StartTime *time.Time `json:"start_time,omitempty"`
	NextFor   string     `json:"next_by_subj,omitempty"`
	LastFor   string     `json:"last_by_subj,omitempty"`
}

// stored asks the stream's leader for a message; relay.ErrNoMessage if there is
// none. A direct get may be answered by a replica that does not have the last
// writes yet, and mixes the publisher's headers with the server's; this is
// slower and does neither.
func (s *stream) stored(ctx context.Context, op string, r getRequest) (storedMsg, error) {
	var got struct {
		Message struct {
			Subject string    `json:"subject"`
			Seq     uint64    `json:"seq"`
			Header  []byte    `json:"hdrs"`
			Data    []byte    `json:"data"`
			Time    time.Time `json:"time"`
		} `json:"message"`
	}
	err := s.api(ctx, "STREAM.MSG.GET."+s.name, r, &got)
	if isCode(err, codeMessageNotFound) {
		return storedMsg{}, fmt.Errorf("store: %s: %w", op, relay.ErrNoMessage)
	}
	if err != nil {
		return storedMsg{}, err
	}
	m := storedMsg{subject: got.Message.Subject, seq: got.Message.Seq, at: got.Message.Time, data: got.Message.Data}
	if len(got.Message.Header) > 0 {
		// Headers that cannot be read are none, as in what a consumer brings.
		m.header, _ = nats.DecodeHeadersMsg(got.Message.Header)
	}
	return m, nil
}
