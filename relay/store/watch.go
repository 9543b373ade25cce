package store

import (
	"context"
	"hash/maphash"
	"time"

	"github.com/nats-io/nats.go"
)

// Watcher takes what Watch finds, from one goroutine.
type Watcher interface {
	// Entry is the newest write of a key: its value, or the marker that it was
	// deleted or has expired.
	Entry(e BucketEntry)
	// CaughtUp comes after the entries of all keys that there are, and before
	// what is written from then on.
	CaughtUp()
	// Reset comes when it is not known what has changed: the bucket was made anew,
	// went back, was emptied, or out of reach for long. All its keys come again,
	// and CaughtUp; what does not come again is not there any more.
	Reset()
}

// Watch tells of all keys of the bucket, and then of every change, in the order of
// revisions. Writes to one key in a short time may come as the last of them. A
// server that is away is waited for, and a bucket that was deleted is made again. It
// returns nil when ctx ends, and relay.ErrUnavailable when the connection is closed
// for good.
func (b *Bucket) Watch(ctx context.Context, to Watcher) error {
	w := &watch{bucket: b, to: to, seed: maphash.MakeSeed()}
	w.follower = follower{stream: b.stream, taker: w, log: b.store.log.With("bucket", b.opts.Name)}
	if err := w.begin(ctx, func() {}); err != nil {
		return ended(ctx, err)
	}
	return w.follow(ctx)
}

// watch is where a Watch has got to. It belongs to one goroutine.
type watch struct {
	follower
	bucket *Bucket
	to     Watcher

	warm   bool   // until CaughtUp
	target uint64 // revision to catch up with
	// live are the hashes of the keys with a value. They are counted against what
	// the bucket holds: it can be emptied without a word to those who watch.
	live map[uint64]struct{}
	seed maphash.Seed
	// known is a time up to which every change has been seen.
	known time.Time
	short int // looks since the bucket had less than live
}

// begin starts at the beginning of the bucket, after telling that it does.
func (w *watch) begin(ctx context.Context, tell func()) error {
	for {
		st, err := w.stream.state(ctx)
		if err == nil {
			tell()
			w.start(st)
			return nil
		}
		if isCode(err, codeStreamNotFound) {
			if err = w.bucket.ensure(ctx); err == nil {
				w.log.Warn("the bucket was deleted, it is made again")
				continue
			}
		}
		w.trouble(err)
		if err := w.pause(ctx); err != nil {
			return err
		}
	}
}

func (w *watch) start(st state) {
	w.warm, w.target = true, st.last
	w.live = make(map[uint64]struct{})
	w.known, w.short = time.Now(), 0
	w.pos.Store(0)
	w.epoch.Store(&epoch{created: st.created, floor: st.last})
	if st.msgs == 0 {
		w.pos.Store(st.last)
		w.caughtUp()
	}
}

func (w *watch) renew(ctx context.Context) error {
	return w.begin(ctx, func() {
		w.log.Warn("the bucket is not known to be what it was, reading it again", "seq", w.pos.Load())
		w.to.Reset()
	})
}

func (w *watch) waiting() bool { return w.warm }

// connected finds out whether a marker may have come and gone meanwhile.
func (w *watch) connected() error {
	if time.Since(w.known.Round(0)) > w.bucket.opts.MarkerTTL/2 { // by the clock, not the time awake
		return errNewEpoch
	}
	return nil
}

func (w *watch) take(_ context.Context, msg *nats.Msg, meta *nats.MsgMetadata) {
	seq, at := meta.Sequence.Stream, meta.Timestamp
	if seq <= w.pos.Load() {
		return
	}
	if w.warm && seq > w.target {
		w.caughtUp()
	}
	if key, ok := w.bucket.key(msg.Subject); ok {
		e := entry(key, seq, at, msg.Header, msg.Data)
		if hash := maphash.String(w.seed, key); e.Deleted {
			delete(w.live, hash)
		} else {
			w.live[hash] = struct{}{}
		}
		w.to.Entry(e)
	}
	w.pos.Store(seq)
	w.epoch.Load().passed(seq, at)
	if at.After(w.known) { // all that was stored before it has come
		w.known = at
	}
	if w.warm && (seq >= w.target || meta.NumPending == 0) {
		w.caughtUp()
	}
}

// looked compares how much there is with how much there should be. What has been
// taken cannot be more than what is stored: a key that is deleted leaves a marker
// for longer than it takes to come here.
func (w *watch) looked(st state) error {
	if st.msgs >= uint64(len(w.live)) {
		w.short = 0
		return nil
	}
	if w.short++; w.short > 1 {
		return errNewEpoch
	}
	return nil
}

// allTaken leaves the position where it is: a replica may have yet to bring what
// the leader counts.
func (w *watch) allTaken(state) {
	w.known = time.Now()
	if w.warm {
		w.caughtUp()
	}
}

func (w *watch) caughtUp() {
	w.warm, w.said = false, ""
	w.to.CaughtUp()
	w.log.Debug("caught up with the bucket", "seq", w.pos.Load())
}
