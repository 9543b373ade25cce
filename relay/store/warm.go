package store

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"alertrelay/relay"
)

// countTimeout is the deadline for counting what is stored of every channel, or
// for reading what was counted before.
const countTimeout = time.Minute

// warmStart is the sequence from which the stream's last WarmBytes are read.
func (s *Store) warmStart(ctx context.Context, st state) (uint64, error) {
	if st.msgs == 0 {
		return st.last + 1, nil
	}
	if st.bytes <= uint64(s.opts.WarmBytes) {
		return st.first, nil
	}
	// Messages are taken to be of one size, and spread evenly. They are not:
	// limits per channel leave holes among the old ones. So count and step
	// back until there are enough.
	want := max(st.msgs*uint64(s.opts.WarmBytes)/st.bytes, 1)
	for back := max((st.last-st.first+1)*want/st.msgs, 1); ; back *= 2 {
		if back > st.last-st.first {
			return st.first, nil
		}
		seq := st.last + 1 - back
		p, err := s.page(ctx, pageRequest{Seq: seq, NextFor: ">", Batch: 1})
		if err != nil {
			return 0, err
		}
		if len(p.msgs) > 0 && p.msgs[0].pending+1 >= want*3/4 {
			return seq, nil
		}
	}
}

// restore returns what is known of channels from before. If the reader does not
// start at the stream's first message, how much of each channel is stored is
// asked of the server; upTo is the sequence up to which that was counted.
func (s *Store) restore(ctx context.Context, st state, start uint64) (states map[string]relay.ChannelState, upTo uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, countTimeout)
	defer cancel()
	if states, err = s.loadCounts(ctx, st); err != nil {
		return nil, 0, err
	}
	if start <= st.first {
		return states, 0, nil
	}
	stream, err := s.js.Stream(ctx, s.opts.Stream)
	if err != nil {
		return nil, 0, unavailable("count stored messages", err)
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(s.opts.Prefix+".>"))
	if err != nil {
		return nil, 0, unavailable("count stored messages", err)
	}
	if !info.Created.Equal(st.created) {
		return nil, 0, fmt.Errorf("store: count stored messages: %w: the stream was made anew", relay.ErrUnavailable)
	}
	for subject, n := range info.State.Subjects {
		channel, ok := Channel(s.opts.Prefix, subject)
		if !ok {
			continue
		}
		if limit := s.opts.Limits(channel).MaxMessages; limit > 0 {
			n = min(n, uint64(limit)) // the stream keeps more than the group shows
		}
		c := states[channel]
		c.Channel, c.Stored = channel, n
		states[channel] = c
	}
	return states, info.State.LastSeq, nil
}
