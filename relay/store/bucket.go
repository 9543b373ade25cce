package store

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"alertrelay/relay"
)

// BucketOptions configure a Bucket. Only Name is required.
type BucketOptions struct {
	// Name is the bucket's name: letters, digits, '_' and '-'.
	Name string
	// Description is for people who list the buckets; one that is there stays.
	Description string
	// MaxBytes is how much the bucket holds, 128 MiB. When it is full, new keys
	// are refused with relay.ErrUnavailable; what is in it stays.
	MaxBytes int64
	// MarkerTTL is how long it is kept in mind that a key was deleted or has
	// expired, 10 minutes; whole seconds. A Watch that was away for longer than
	// half of it reads everything again.
	MarkerTTL time.Duration
}

var validBucket = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

func (o *BucketOptions) setDefaults() error {
	if !validBucket.MatchString(o.Name) {
		return fmt.Errorf("store: bucket Name %q has other than letters, digits, '_' and '-'", o.Name)
	}
	if o.MaxBytes < 0 {
		return fmt.Errorf("store: bucket %s: MaxBytes must not be negative", o.Name)
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = 128 << 20
	}
	if o.MarkerTTL == 0 {
		o.MarkerTTL = 10 * time.Minute
	}
	if o.MarkerTTL < time.Second || o.MarkerTTL%time.Second != 0 {
		return fmt.Errorf("store: bucket %s: MarkerTTL must be whole seconds", o.Name)
	}
	return nil
}

// Bucket keeps the newest value of each key. It is a key-value bucket of NATS,
// with a history of one: "nats kv get" and "nats kv watch" read it. Everything
// may be called by several goroutines.
//
// A key is one or more tokens with dots between them, of letters, digits and
// '_', '=', '-', '/'. All methods refuse another with an error.
type Bucket struct {
	*stream
	opts   BucketOptions
	store  *Store
	prefix string // of the subjects, with the dot
}

// BucketEntry is what a bucket has of a key. The bytes are the receiver's.
type BucketEntry struct {
	Key   string
	Value []byte
	// Revision is the sequence of the write within the bucket. It orders all
	// writes of all keys.
	Revision uint64
	// Time is when the write was stored, UTC.
	Time time.Time
	// Deleted: the key was deleted or has expired, and this is the marker of
	// that.
	Deleted bool
}

// OpenBucket makes a bucket, or brings its settings up to date. It waits for NATS
// as Open does. A new bucket is kept by as many servers as the stream.
func (s *Store) OpenBucket(ctx context.Context, o BucketOptions) (*Bucket, error) {
	if err := o.setDefaults(); err != nil {
		return nil, err
	}
	b := &Bucket{stream: &stream{nc: s.nc, name: "KV_" + o.Name}, opts: o, store: s, prefix: "$KV." + o.Name + "."}
	if err := s.ensureSoon(ctx, b.ensure); err != nil {
		return nil, err
	}
	return b, nil
}

func (b *Bucket) ensure(ctx context.Context) error {
	_, err := b.store.ensure(ctx, plan{b.name, []string{b.prefix + ">"}, b.settings, b.usable})
	return err
}

// settings are those that nats.go gives a bucket, for its clients to find what
// they expect.
func (b *Bucket) settings(cfg jetstream.StreamConfig) jetstream.StreamConfig {
	cfg.Name = b.name
	cfg.Subjects = []string{b.prefix + ">"}
	if cfg.Description == "" {
		cfg.Description = b.opts.Description
	}
	cfg.Storage = jetstream.FileStorage
	cfg.Retention = jetstream.LimitsPolicy
	cfg.Discard = jetstream.DiscardNew
	cfg.MaxMsgs = -1
	cfg.MaxMsgsPerSubject = 1
	cfg.MaxAge = 0
	cfg.MaxBytes = b.opts.MaxBytes
	cfg.Duplicates = 2 * time.Minute
	cfg.AllowDirect = true
	cfg.AllowRollup = true
	cfg.DenyDelete = true
	cfg.AllowMsgTTL = true
	cfg.SubjectDeleteMarkerTTL = b.opts.MarkerTTL
	if cfg.Replicas == 0 || b.store.opts.Replicas > 0 {
		cfg.Replicas = int(max(b.store.replicas.Load(), 1))
	}
	return cfg
}

func (b *Bucket) usable(cfg jetstream.StreamConfig) error {
	reason := unusable(cfg, []string{b.prefix + ">"})
	if reason == "" && cfg.AllowMsgSchedules {
		reason = "it allows scheduled messages (allow_msg_schedules)"
	}
	if reason != "" {
		return refused(b.name, reason, "edit or remove the bucket, or choose another name")
	}
	return nil
}

// Put writes the value of a key if its newest write is the one with the revision
// that is expected; otherwise the error is relay.ErrConflict. Expecting 0 is
// expecting no value: the key was never written, or its deletion or expiry is
// what is newest. With a ttl the key expires by itself after so many seconds,
// rounded up, unless it is written again; the new write's ttl counts then, and 0
// means none. Other errors: relay.ErrTooLarge; relay.ErrUnavailable, after which
// the value may have been written nevertheless. It waits as Publish does.
func (b *Bucket) Put(ctx context.Context, key string, value []byte, expect uint64, ttl time.Duration) (revision uint64, err error) {
	h := nats.Header{}
	if ttl > 0 {
		h[headerTTL] = []string{wholeSeconds(ttl)}
	}
	revision, err = b.write(ctx, key, value, h, expect)
	if expect != 0 {
		return revision, err
	}
	// The marker may expire meanwhile, or another take its place.
	for try := 0; try < 3 && errors.Is(err, relay.ErrConflict); try++ {
		last, lastErr := b.Get(ctx, key)
		switch {
		case errors.Is(lastErr, relay.ErrNoMessage):
			revision, err = b.write(ctx, key, value, h, last.Revision)
		case lastErr != nil:
			return 0, lastErr
		default:
			return 0, err
		}
	}
	return revision, err
}

// Delete deletes a key whose newest write is the one with the revision that is
// expected; otherwise, and if that is 0, the error is relay.ErrConflict. Those who
// watch are told of it.
//
// It is written as a purge, which is the same in a history of one: when the marker
// of a mere delete expires, the server takes that for the end of a value and puts
// another marker in its place.
func (b *Bucket) Delete(ctx context.Context, key string, expect uint64) error {
	if expect == 0 {
		return fmt.Errorf("store: delete %s from %s: %w: a revision is needed", key, b.name, relay.ErrConflict)
	}
	_, err := b.write(ctx, key, nil, nats.Header{
		headerKVOperation: {"PURGE"}, headerRollup: {"sub"}, headerTTL: {wholeSeconds(b.opts.MarkerTTL)},
	}, expect)
	return err
}

// write stores a message over another.
func (b *Bucket) write(ctx context.Context, key string, value []byte, h nats.Header, over uint64) (revision uint64, err error) {
	subject, err := b.subject(key)
	if err != nil {
		return 0, err
	}
	id := nuid.Next()
	h[headerMsgID] = []string{id}
	h[headerExpectLast] = []string{strconv.FormatUint(over, 10)}
	r, resent, err := b.store.send(ctx, &nats.Msg{Subject: subject, Header: h, Data: value})
	if resent && errors.Is(err, relay.ErrConflict) {
		// It may be with our own first try: the server looks at the sequence
		// before it looks at the id.
		last, lastErr := b.stored(ctx, "last value", getRequest{LastFor: subject})
		if lastErr == nil && first(last.header, headerMsgID) == id {
			return last.seq, nil
		}
	}
	return r.Seq, err
}

// Get returns the newest value of a key; relay.ErrNoMessage if there is none. If
// it was deleted or has expired, and that is still known, the entry is the marker
// of it all the same. It sees every write that was acknowledged before.
func (b *Bucket) Get(ctx context.Context, key string) (BucketEntry, error) {
	subject, err := b.subject(key)
	if err != nil {
		return BucketEntry{}, err
	}
	got, err := b.stored(ctx, "last value", getRequest{LastFor: subject})
	if err != nil {
		return BucketEntry{Key: key}, err
	}
	e := entry(key, got.seq, got.at, got.header, got.data)
	if e.Deleted {
		return e, fmt.Errorf("store: last value: %w", relay.ErrNoMessage)
	}
	return e, nil
}

func entry(key string, seq uint64, at time.Time, h nats.Header, value []byte) BucketEntry {
	return BucketEntry{Key: key, Value: value, Revision: seq, Time: at.UTC(), Deleted: isMarker(h)}
}

// isMarker takes for a marker what nats.go does, so that everybody sees the same.
// Whoever may write to the bucket can set these headers, and could delete the key
// as well.
func isMarker(h nats.Header) bool {
	if operation := first(h, headerKVOperation); operation != "" {
		return operation == "DEL" || operation == "PURGE"
	}
	switch first(h, headerMarkerReason) {
	case "MaxAge", "Purge", "Remove":
		return true
	}
	return false
}

var validKey = regexp.MustCompile(`^[-/_=A-Za-z0-9]+(\.[-/_=A-Za-z0-9]+)*$`)

func (b *Bucket) subject(key string) (string, error) {
	if !validKey.MatchString(key) || len(b.prefix)+len(key) > maxSubject {
		return "", fmt.Errorf("store: bucket %s: %.100q is not a key", b.opts.Name, key)
	}
	return b.prefix + key, nil
}

// key undoes subject. ok is false for what another has written there.
func (b *Bucket) key(subject string) (key string, ok bool) {
	key, ok = strings.CutPrefix(subject, b.prefix)
	return key, ok && validKey.MatchString(key)
}
