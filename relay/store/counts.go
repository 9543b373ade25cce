package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"alertrelay/relay"
)

// Counts of channels are kept in a key-value bucket, because the stream does not
// know of messages it has removed. Each key holds the channels of one shard, a
// line for each: subject without prefix, published, last sequence. The first
// line says of which stream. Several relays may write the same: each value is
// true of its own sequences.
const (
	countsBucket = "alertrelay_counts"
	countsShards = 1024
	saveInterval = 5 * time.Second
	saveTimeout  = 3 * time.Second // at the end, when somebody waits
)

// bucketName has the stream's name in it, unless it is the default.
func (s *Store) bucketName() string {
	if s.opts.Stream == "ALERTS" {
		return countsBucket
	}
	return countsBucket + "_" + strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
			return r
		}
		return '_'
	}, s.opts.Stream)
}

func (s *Store) bucket(ctx context.Context) (jetstream.KeyValue, error) {
	kv, err := s.js.KeyValue(ctx, s.bucketName())
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		kv, err = s.js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
			Bucket: s.bucketName(), Description: "alertrelay: how many messages each channel has had", History: 1,
			Storage: jetstream.FileStorage, Replicas: int(max(s.replicas.Load(), 1)),
		})
	}
	if err != nil {
		return nil, unavailable("counts", err)
	}
	return kv, nil
}

// loadCounts returns the counts that were saved of the stream.
func (s *Store) loadCounts(ctx context.Context, st state) (map[string]relay.ChannelState, error) {
	kv, err := s.bucket(ctx)
	if err != nil {
		return nil, err
	}
	known := make(map[string]relay.ChannelState)
	watch, err := kv.WatchAll(ctx, jetstream.IgnoreDeletes())
	if err != nil {
		return nil, unavailable("counts", err)
	}
	defer func() { _ = watch.Stop() }()
	for {
		select {
		case entry, open := <-watch.Updates():
			if !open {
				return nil, unavailable("counts", errors.New("the watch has ended"))
			}
			if entry == nil { // that was all
				return known, nil
			}
			if err := decodeShard(entry.Value(), st, known); err != nil {
				s.log.Warn("counts passed over", "key", entry.Key(), "err", err)
			}
		case <-ctx.Done():
			return nil, unavailable("counts", ctx.Err())
		}
	}
}

// counts saves the sink's counts now and then.
type counts struct {
	store  *Store
	sink   Sink
	reader *reader

	epoch *epoch // of what has been saved
	pos   uint64
	sums  [countsShards]uint64 // of what has been saved, 0: nothing
}

func (c *counts) run(ctx context.Context) {
	for sleep(ctx, saveInterval) {
		if err := c.saveWithin(ctx, countTimeout); err != nil {
			c.store.log.Debug("save counts", "err", err)
		}
	}
	if err := c.saveWithin(context.WithoutCancel(ctx), saveTimeout); err != nil {
		c.store.log.Warn("counts of channels are not saved, those of the last seconds may be low after the restart", "err", err)
	}
}

func (c *counts) saveWithin(ctx context.Context, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return c.save(ctx)
}

// save writes the shards that have changed.
func (c *counts) save(ctx context.Context) error {
	e, pos := c.reader.epoch.Load(), c.reader.pos.Load()
	if !e.ready.Load() || e == c.epoch && pos == c.pos {
		return nil
	}
	states := c.sink.Counts()
	if c.reader.epoch.Load() != e {
		return nil // a Reset was in between
	}
	if c.epoch != e {
		c.sums = [countsShards]uint64{}
	}
	var sums [countsShards]uint64
	shardOf := make([]uint16, len(states))
	for i := range states {
		shard, sum := hash(&states[i])
		shardOf[i] = shard
		sums[shard] += sum // in any order
	}
	var dirty [countsShards]*bytes.Buffer
	for i := range states {
		shard := shardOf[i]
		if sums[shard] == c.sums[shard] {
			continue
		}
		if dirty[shard] == nil {
			dirty[shard] = shardHead(e.created)
		}
		encodeState(dirty[shard], &states[i])
	}
	kv, err := c.store.bucket(ctx)
	if err != nil {
		return err
	}
	for shard, sum := range sums {
		if sum == c.sums[shard] {
			continue
		}
		b := dirty[shard]
		if b == nil { // all its channels are gone
			b = shardHead(e.created)
		}
		if _, err := kv.Put(ctx, strconv.Itoa(shard), b.Bytes()); err != nil {
			return unavailable("save counts", err)
		}
		c.sums[shard] = sum
	}
	c.epoch, c.pos = e, pos
	return nil
}

// hash returns the channel's shard and a sum of all that is saved of it.
func hash(s *relay.ChannelState) (shard uint16, sum uint64) {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s.Channel))
	name := h.Sum64()
	sum = (name ^ s.Published*0x9e3779b97f4a7c15) * 0xbf58476d1ce4e5b9
	sum = (sum ^ sum>>31 ^ s.LastSeq) * 0x94d049bb133111eb
	return uint16(name>>32) % countsShards, sum ^ sum>>29
}

const countsVersion = "alertrelay-counts 1 "

func shardHead(created time.Time) *bytes.Buffer {
	return bytes.NewBufferString(countsVersion + created.UTC().Format(time.RFC3339Nano) + "\n")
}

func encodeState(b *bytes.Buffer, s *relay.ChannelState) {
	fmt.Fprintf(b, "%s %d %d\n", escape(s.Channel), s.Published, s.LastSeq)
}

// decodeShard adds the shard's channels to known, unless they are of another
// stream. A line that cannot be read is passed over, and told in the error.
func decodeShard(value []byte, st state, known map[string]relay.ChannelState) error {
	head, rest, _ := strings.Cut(string(value), "\n")
	stamp, ok := strings.CutPrefix(head, countsVersion)
	if !ok {
		return fmt.Errorf("unknown version %q", head)
	}
	created, err := time.Parse(time.RFC3339Nano, stamp)
	if err != nil {
		return err
	}
	if !created.Equal(st.created) {
		return nil
	}
	for line := range strings.Lines(rest) {
		c, lineErr := decodeState(strings.TrimSuffix(line, "\n"))
		if lineErr != nil {
			err = errors.Join(err, lineErr)
			continue
		}
		c.LastSeq = min(c.LastSeq, st.last) // the stream may have lost its tail since
		known[c.Channel] = c
	}
	return err
}

func decodeState(line string) (c relay.ChannelState, err error) {
	// Not Sscanf: a channel may have a space in it that is not ASCII.
	fields := strings.Split(line, " ")
	if len(fields) != 3 {
		return c, fmt.Errorf("%q is not a channel and two numbers", line)
	}
	var ok bool
	if c.Channel, ok = unescape(fields[0]); !ok || c.Channel == "" {
		return c, fmt.Errorf("%q is no channel", fields[0])
	}
	if c.Published, err = strconv.ParseUint(fields[1], 10, 64); err != nil {
		return c, err
	}
	c.LastSeq, err = strconv.ParseUint(fields[2], 10, 64)
	return c, err
}
