package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"alertrelay/relay"
)

const (
	sweepBytes   = 4 << 20 // of one request, of two that there may be
	sweepTries   = 5       // that bring nothing
	sweepLook    = 250 * time.Millisecond
	sweepSilence = 20 // looks

	historiesMax = 4 // at the same time
	historyWait  = 2 * time.Second
)

// Head returns the sequence of the newest message of the stream, whatever it is,
// and when it was stored; 0 and the zero time if there never was one. The stream's
// leader says so: every publish that was acknowledged before is in it. Error:
// relay.ErrUnavailable, or one of NATS if there is no stream.
func (s *Store) Head(ctx context.Context) (seq uint64, at time.Time, err error) {
	st, err := s.state(ctx)
	if err != nil || st.lastTime.IsZero() {
		return st.last, time.Time{}, err
	}
	return st.last, st.lastTime.UTC(), nil
}

// LastOfEach calls each with the newest stored message of every channel, in the
// order of the stream, up to its end at the beginning of the call. Other subjects
// are passed over. A channel that is published to during the call may come
// again, with its newer message; one whose newest message is removed during the call
// may not come. If the newest message of a channel is one that is not kept, the one
// before it comes in its place in the order, or none. An error
// of each ends it and is returned; the others are relay.ErrUnavailable. Not much is
// in memory: a thousand messages or less, 8 MiB if they are as large as others.
func (s *Store) LastOfEach(ctx context.Context, each func(relay.Message) error) error {
	const op = "last of each"
	var failed error
	st, err := s.state(ctx)
	if err != nil {
		return notThere(op, err)
	}
	// Such a consumer cannot be asked for a number of bytes.
	size := st.bytes/max(st.msgs, 1) + 1
	from := start{lastPerSubject: true, filter: s.opts.Prefix + ".>", batch: int(min(max(2*sweepBytes/size, 2), pullMessages))}
	err = s.sweep(ctx, op, from, 0, func(m *nats.Msg, meta *nats.MsgMetadata) bool {
		channel, ok := Channel(s.opts.Prefix, m.Subject)
		if !ok {
			return true
		}
		last := message(channel, meta.Sequence.Stream, meta.Timestamp, m.Header, m.Data)
		if !last.Stored {
			before, err := s.Archive(ctx, relay.ArchiveQuery{Channel: channel, Before: last.Seq, Tail: 1})
			if err != nil || len(before) == 0 {
				failed = err
				return err == nil
			}
			last = before[0]
		}
		failed = each(last)
		return failed == nil
	})
	return cmp.Or(failed, err)
}

// HistoryQuery says which messages History is to bring. Zero fields set no bound.
type HistoryQuery struct {
	// Channel is a channel's id or a wildcard; ">" is all channels.
	Channel string
	// Since and Until bound the time of messages: not before Since, and before
	// Until.
	Since, Until time.Time
	// After is the sequence after which messages come.
	After uint64
	// Limit is how many may come.
	Limit int
}

// History calls each with the messages that match, in the order of the stream, up
// to its end at the time of the call. What was published with storing off is left
// out. An error of each ends it and is returned. Others: relay.ErrNoChannel,
// relay.ErrReservedID, relay.ErrIDTooLong; relay.ErrUnavailable, also if too many
// read history for more than a moment. What is in memory is bounded: 8 MiB, or
// twice the largest message.
func (s *Store) History(ctx context.Context, q HistoryQuery, each func(relay.Message) error) error {
	const op = "read history"
	subject, err := s.filter(q.Channel)
	if err != nil {
		return err
	}
	select {
	case s.sweeps <- struct{}{}:
		defer func() { <-s.sweeps }()
	case <-time.After(historyWait):
		return unavailable(op, errors.New("too many read it"))
	case <-ctx.Done():
		return unavailable(op, ctx.Err())
	}
	from := start{seq: q.After + 1, filter: subject}
	if !q.Since.IsZero() {
		from.time = q.Since
	}
	if !q.Since.IsZero() && q.After > 0 { // a consumer can begin with one of them
		at, ok, err := s.storedAt(ctx, q.After)
		if err != nil {
			return notThere(op, err)
		}
		if ok && !at.Before(q.Since) {
			from.time = time.Time{}
		}
	}
	var failed error
	n := 0
	err = s.sweep(ctx, op, from, q.After, func(m *nats.Msg, meta *nats.MsgMetadata) bool {
		if !q.Until.IsZero() && !meta.Timestamp.Before(q.Until) {
			return false
		}
		channel, ok := Channel(s.opts.Prefix, m.Subject)
		if !ok || !relay.Match(q.Channel, channel) || meta.Timestamp.Before(q.Since) {
			return true
		}
		msg := message(channel, meta.Sequence.Stream, meta.Timestamp, m.Header, m.Data)
		if !msg.Stored {
			return true
		}
		n++
		failed = each(msg)
		return failed == nil && (q.Limit <= 0 || n < q.Limit)
	})
	return cmp.Or(failed, err)
}

// filter returns the subject for a channel or a wildcard.
func (s *Store) filter(channel string) (string, error) {
	if !relay.IsWildcard(channel) {
		return s.subject(s.opts.Prefix, channel)
	}
	if err := relay.CheckWildcard(channel, maxSubject-len(s.opts.Prefix)-1); err != nil {
		return "", fmt.Errorf("store: %w", err)
	}
	return filter(s.opts.Prefix, channel), nil
}

// sweep takes what there is after a sequence, by a consumer of its own, up to the
// end of the stream as it is now, or until take returns false. A consumer that
// is lost is made again.
func (s *Store) sweep(ctx context.Context, op string, from start, after uint64, take func(*nats.Msg, *nats.MsgMetadata) bool) error {
	w := sweep{stream: s.stream, pos: after, take: take, lag: s.replicas.Load() > 1}
	from.maxBytes = sweepBytes
	for tries := 0; ; tries++ {
		before := w.pos
		err := w.pass(ctx, from)
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return unavailable(op, ctx.Err())
		case w.pos > before:
			tries = 0
			if !from.lastPerSubject {
				from.seq, from.time = w.pos+1, time.Time{}
			}
		}
		if tries == sweepTries || errors.Is(err, errNewEpoch) || s.nc.IsClosed() {
			return notThere(op, err)
		}
		if !sleep(ctx, retryInterval) {
			return unavailable(op, ctx.Err())
		}
	}
}

// notThere makes every error but those that say so already one of a store that
// cannot answer now.
func notThere(op string, err error) error {
	if errors.Is(err, relay.ErrUnavailable) {
		return err
	}
	return unavailable(op, err)
}

type sweep struct {
	stream *stream
	take   func(*nats.Msg, *nats.MsgMetadata) bool
	lag    bool // the consumer may be with a replica that has yet to get the last writes

	begun   bool
	created time.Time // of the stream
	end     uint64    // sequence
	pos     uint64    // up to which all has been taken
}

// pass takes what one consumer brings.
func (w *sweep) pass(ctx context.Context, from start) error {
	p, err := w.stream.newPull(ctx, from)
	if err != nil {
		return err
	}
	defer p.close()
	// Not before there is a consumer: what is the last of a channel then must be
	// in front of the end.
	st, err := w.stream.state(ctx)
	switch {
	case err != nil:
		return err
	case !w.begun:
		w.begun, w.created, w.end = true, st.created, st.last
	case !st.created.Equal(w.created) || st.last < w.pos:
		return errNewEpoch
	case from.lastPerSubject:
		w.end = st.last
	}
	if p.initial == 0 && !w.lag {
		return nil
	}
	for silent := 0; ; {
		m, meta, err := w.next(ctx, p)
		if err != nil {
			return err
		}
		if m == nil { // for a moment: enough for a replica
			rest, _, err := p.rest(ctx)
			if err != nil || rest == 0 {
				return err
			}
			if silent++; silent > sweepSilence {
				return errSilent
			}
			// The server waits where a message was removed from its list.
			if err := p.requestOne(); err != nil {
				return err
			}
			continue
		}
		silent = 0
		seq := meta.Sequence.Stream
		if seq > w.end {
			return nil
		}
		if seq > w.pos {
			w.pos = seq
			if !w.take(m, meta) {
				return nil
			}
		}
		if seq == w.end || meta.NumPending == 0 && !w.lag {
			return nil
		}
	}
}

func (w *sweep) next(ctx context.Context, p *pull) (*nats.Msg, *nats.MsgMetadata, error) {
	wait, cancel := context.WithTimeout(ctx, sweepLook)
	defer cancel()
	m, meta, err := p.next(wait)
	if err == nil && m == nil {
		err = ctx.Err()
	}
	return m, meta, err
}
