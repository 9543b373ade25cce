package store

import (
	"context"
	"math"
	"time"

	"alertrelay/relay"
)

// Archive reads retained messages for the hub. What was published with storing
// off is left out. It implements relay.Archive.
func (s *Store) Archive(ctx context.Context, q relay.ArchiveQuery) ([]relay.Message, error) {
	r := scan{store: s, query: q, filter: filter(s.opts.Prefix, q.Channel), from: max(q.From, 1), before: q.Before}
	if !relay.IsWildcard(q.Channel) {
		r.filter = Subject(s.opts.Prefix, q.Channel)
	}
	if r.before == 0 {
		r.before = math.MaxUint64
	}
	if !q.Since.IsZero() {
		since, ok, err := r.at(ctx, q.Since)
		if err != nil || !ok {
			return nil, err
		}
		r.from = max(r.from, since)
	}
	if q.Tail <= 0 {
		return r.read(ctx, r.from, r.before, q.Limit, 0)
	}
	return r.tail(ctx, q.Tail)
}

// scan reads the messages that match a query.
type scan struct {
	store        *Store
	query        relay.ArchiveQuery
	filter       string // subject
	from, before uint64 // sequences
}

// at returns the sequence of the first matching message that is not older; ok
// is false if there is none.
func (r *scan) at(ctx context.Context, since time.Time) (seq uint64, ok bool, err error) {
	page, err := r.store.page(ctx, pageRequest{StartTime: &since, NextFor: r.filter, Batch: 1})
	if err != nil || len(page.msgs) == 0 {
		return 0, false, err
	}
	return page.msgs[0].seq, true, nil
}

// read returns matching messages, oldest first, from a sequence on and below
// another: the first limit of them, or the last tail; 0 means all.
func (r *scan) read(ctx context.Context, from, before uint64, limit, tail int) ([]relay.Message, error) {
	var msgs []relay.Message
	for from < before {
		batch := pageMessages
		if limit > 0 {
			batch = min(batch, limit-len(msgs))
		}
		if span := before - from; span < uint64(batch) {
			batch = int(span)
		}
		page, err := r.store.page(ctx, pageRequest{Seq: from, NextFor: r.filter, Batch: batch, MaxBytes: pageBytes})
		if err != nil {
			return nil, err
		}
		for _, m := range page.msgs {
			if m.seq >= before {
				return msgs, nil
			}
			if m, ok := r.message(m); ok {
				msgs = append(msgs, m)
			}
		}
		if tail > 0 && len(msgs) > 2*tail { // keep no more in memory than is wanted
			msgs = append(msgs[:0:0], msgs[len(msgs)-tail:]...)
		}
		if !page.more || len(page.msgs) == 0 || limit > 0 && len(msgs) >= limit {
			return msgs, nil
		}
		from = page.msgs[len(page.msgs)-1].seq + 1
	}
	return msgs, nil
}

// tail returns the last n matching messages. The server has no such call, and
// reading forward from the beginning would read everything for a wildcard; so
// steps are made backwards, growing while little is found.
func (r *scan) tail(ctx context.Context, n int) ([]relay.Message, error) {
	if r.before == math.MaxUint64 {
		st, err := r.store.state(ctx)
		if err != nil {
			return nil, err
		}
		r.before = st.last + 1
	}
	var tail []relay.Message
	for step := uint64(n) * 2; r.from < r.before && len(tail) < n; step *= 4 {
		lo := r.from
		if r.before-r.from > step {
			lo = r.before - step
		}
		msgs, err := r.read(ctx, lo, r.before, 0, n-len(tail))
		if err != nil {
			return nil, err
		}
		tail = append(msgs, tail...)
		r.before = lo
	}
	return tail[max(0, len(tail)-n):], nil
}

func (r *scan) message(m storedMsg) (relay.Message, bool) {
	channel, ok := Channel(r.store.opts.Prefix, m.subject)
	if !ok {
		return relay.Message{}, false
	}
	if !relay.Match(r.query.Channel, channel) {
		// A dot that is escaped separates tokens for relay.Match, and does not
		// for the server.
		return relay.Message{}, false
	}
	msg := message(channel, m.seq, m.at, m.header, m.data)
	return msg, msg.Stored && !msg.Time.Before(r.query.Since)
}
