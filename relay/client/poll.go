package client

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"alertrelay/relay"
)

// longPollSlack is how much longer than its own 30 s a relay may take to answer
// a long poll.
const longPollSlack = 30 * time.Second

// polling asks every now and then.
func (s *subscriber) polling(ctx context.Context) error {
	for {
		if err := s.poll(ctx, "/poll/"); err != nil {
			return err
		}
		// A little apart, so that clients do not ask in step.
		if !sleep(ctx, s.o.PollInterval*9/10+rand.N(s.o.PollInterval/5+1)) {
			return ctx.Err()
		}
	}
}

// longPolling asks again as soon as it is answered.
func (s *subscriber) longPolling(ctx context.Context) error {
	for {
		began := time.Now()
		before := s.cursor
		if err := s.poll(ctx, "/lp/"); err != nil {
			return err
		}
		// An answer at once that brought us nowhere must not become a busy loop.
		if s.cursor == before && time.Since(began) < 100*time.Millisecond && !sleep(ctx, backoff(2)) {
			return ctx.Err()
		}
	}
}

// poll asks once and delivers the answer.
func (s *subscriber) poll(ctx context.Context, location string) error {
	idle := s.o.IdleTimeout
	if location == "/lp/" {
		idle += longPollSlack
	}
	resp, _, err := s.get(ctx, location, idle)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	messages, err := decode(resp.Body)
	if err != nil {
		return err
	}
	s.snapshot(resp.Header)
	s.connected()
	if text := resp.Header.Get(gapHeader); text != "" && !hasGap(messages) {
		s.o.Notify(Notice{Kind: Gap, Text: text})
	}
	// Backtracks come channel by channel; all of them are here.
	slices.SortStableFunc(messages, func(a, b Message) int { return cmp.Compare(a.Tag, b.Tag) })
	for _, m := range messages {
		if err := s.deliver(m); err != nil && !errors.Is(err, errDeleted) { // the next poll is a new start anyway
			return err
		}
	}
	s.place(resp.Header.Get("Last-Modified"), resp.Header.Get("Etag"))
	if s.unplaced {
		s.snapshotEnd()
	}
	return nil
}

// gapHeader tells, in words, that the relay does not retain all that was asked
// for.
const gapHeader = "X-Alertrelay-Gap"

func hasGap(messages []Message) bool {
	return slices.ContainsFunc(messages, func(m Message) bool { return m.ID == relay.IDGap })
}

// place goes on from where an answer says the stream stands.
func (s *subscriber) place(lastModified, etag string) {
	t, ok := relay.ParseTime(lastModified)
	if !ok {
		return
	}
	n, hasTag := relay.ParseTag(etag)
	if s.placed && (!hasTag || n == 0) {
		// "This second, all of it" is no better than what is known.
		return
	}
	s.cursor, s.placed = relay.Cursor{Time: t, Tag: n, HasTag: true}, true
}
