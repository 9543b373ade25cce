package store

import (
	"bytes"
	"context"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"alertrelay/relay"
)

// maxNames bounds the cache of channel names.
const maxNames = 10_000

// reader is where reading the stream has got to. It belongs to the goroutine of
// Run.
type reader struct {
	follower
	store   *Store
	sink    Sink
	repairs sync.WaitGroup

	warm    bool      // until the sink is told CaughtUp
	target  uint64    // sequence to catch up with
	loadAll bool      // all of the warm-up is for replay only, or
	cut     time.Time // only what is not newer than this: it was delivered in an epoch before
	// restored has the channels of which there are restored counts, loaded those
	// of which something was loaded; both while warm.
	restored map[string]relay.ChannelState
	loaded   map[string]bool

	missed uint64 // messages that the log does not tell of yet

	channels map[string]string // by subject, so that messages share one string
}

func newReader(s *Store, sink Sink) *reader {
	r := &reader{store: s, sink: sink, channels: make(map[string]string)}
	r.follower = follower{stream: s.stream, taker: r, log: s.log}
	return r
}

// begin finds where to start and prepares the sink. The error says why that will
// never be.
func (r *reader) begin(ctx context.Context) error {
	for {
		st, err := r.store.state(ctx)
		if err == nil {
			if err = r.prepare(ctx, st); err == nil {
				return nil
			}
		}
		if isCode(err, codeStreamNotFound) {
			if err = r.store.ensureStream(ctx); err == nil {
				continue
			}
		}
		r.trouble(err)
		if err := r.pause(ctx); err != nil {
			return err
		}
	}
}

func (r *reader) prepare(ctx context.Context, st state) error {
	from, err := r.store.warmStart(ctx, st)
	if err != nil {
		return err
	}
	states, upTo, err := r.store.restore(ctx, st, from)
	if err != nil {
		return err
	}
	r.restored = states
	for _, state := range states {
		r.sink.Restore(state)
	}
	r.loadAll = true
	st.last = max(st.last, upTo)
	r.start(st, from)
	return nil
}

// start sets the position in front of a sequence of the stream.
func (r *reader) start(st state, seq uint64) {
	r.store.created.Store(st.created.UnixNano())
	e := &epoch{created: st.created, floor: st.last}
	r.warm, r.target = true, st.last
	r.loaded = make(map[string]bool)
	r.pos.Store(max(seq, 1) - 1)
	r.epoch.Store(e)
	if seq > st.last {
		r.pos.Store(st.last)
		r.sink.Advance(st.last)
		r.caughtUp()
	}
}

// take hands one message to the sink.
func (r *reader) take(ctx context.Context, msg *nats.Msg, meta *nats.MsgMetadata) {
	seq, pos := meta.Sequence.Stream, r.pos.Load()
	if seq <= pos {
		return
	}
	if r.warm && seq > r.target {
		r.caughtUp()
	}
	if !r.warm {
		r.miss(seq - pos - 1)
	}
	r.deliver(ctx, msg, seq, meta.Timestamp)
	r.pos.Store(seq)
	r.epoch.Load().passed(seq, meta.Timestamp)
	if r.warm && (seq >= r.target || meta.NumPending == 0) {
		r.caughtUp()
	}
}

// miss counts messages that were removed from the stream before they could be
// read: by a limit, most likely, while more is published than can be delivered.
func (r *reader) miss(n uint64) {
	r.missed += n
	r.store.missed.Add(n)
}

func (r *reader) waiting() bool { return r.warm }

func (r *reader) connected() error { return nil }

// looked tells of missed messages in the log, not of each.
func (r *reader) looked(state) error {
	if r.missed > 0 {
		r.log.Warn("messages were removed from the stream before they could be delivered", "messages", r.missed, "seq", r.pos.Load())
		r.missed = 0
	}
	return nil
}

func (r *reader) deliver(ctx context.Context, msg *nats.Msg, seq uint64, at time.Time) {
	load := r.warm && (r.loadAll || !at.After(r.cut))
	if channel, ok := r.channel(msg.Subject); ok {
		m := message(channel, seq, at, msg.Header, kept(msg.Data))
		if load {
			r.loaded[channel] = true
			r.sink.Load(m)
		} else {
			r.sink.Append(m)
		}
		return
	}
	if channel, ok := Channel(r.store.control, msg.Subject); ok {
		kind := value(msg.Header, headerControl)
		switch {
		case kind == nil || *kind == controlDelete:
			r.delete(ctx, relay.Deletion{Seq: seq, Channel: channel, Time: at.UTC(), Text: msg.Data}, load)
			return
		case *kind == controlCreate:
			if load {
				r.loaded[channel] = true
			}
			r.sink.Create(relay.Mark{Seq: seq, Channel: channel, Loaded: load})
			return
		case *kind == controlExpire:
			if last, ok := since(msg.Header); ok {
				r.sink.Expire(relay.Mark{Seq: seq, Channel: channel, Last: last, Loaded: load})
				return
			}
		}
	}
	r.store.foreign.Add(1)
	r.log.Debug("foreign message passed over", "subject", msg.Subject, "seq", seq)
	r.sink.Advance(seq)
}

// kept is a text for the sink, which keeps it for long, in memory of its own: what
// comes is one with the headers, and lies among all that was needed to publish it.
// Of a large text the headers are little, and copying it is not.
func kept(text []byte) []byte {
	const large = 16 << 10
	if len(text) > large {
		return text
	}
	return bytes.Clone(text)
}

func (r *reader) delete(ctx context.Context, d relay.Deletion, load bool) {
	if len(d.Text) == 0 {
		d.Text = nil
	}
	if !load {
		r.sink.Delete(d)
		return
	}
	before, restored := r.restored[d.Channel]
	switch {
	case r.loaded[d.Channel]:
	case restored && before.LastSeq < d.Seq:
	default:
		// The channel as it is now came after the deletion, and its
		// subscribers must not be told again.
		r.sink.Advance(d.Seq)
		return
	}
	r.sink.Delete(d)
	if !r.loaded[d.Channel] && before.Stored == 0 {
		return
	}
	// What was before the deletion is still there: whoever deleted did not get
	// to purging it.
	r.repairs.Go(func() {
		if err := r.store.purge(ctx, d.Channel, d.Seq); err != nil && ctx.Err() == nil {
			r.log.Warn("purge a deleted channel", "channel", d.Channel, "err", err)
		}
	})
}

// channel returns the channel of a subject.
func (r *reader) channel(subject string) (string, bool) {
	if channel, ok := r.channels[subject]; ok {
		return channel, true
	}
	channel, ok := Channel(r.store.opts.Prefix, subject)
	if ok {
		if len(r.channels) >= maxNames {
			clear(r.channels)
		}
		r.channels[subject] = channel
	}
	return channel, ok
}

// allTaken notes that what else the stream has counted was removed before it
// could be delivered.
func (r *reader) allTaken(st state) {
	if seq, pos := st.last, r.pos.Load(); seq > pos {
		if !r.warm {
			r.miss(seq - pos)
		}
		r.pos.Store(seq)
		r.sink.Advance(seq)
	}
	if r.warm {
		r.caughtUp()
	}
}

func (r *reader) caughtUp() {
	r.warm, r.loadAll = false, false
	r.restored, r.loaded = nil, nil
	r.said = ""
	r.sink.CaughtUp()
	r.epoch.Load().ready.Store(true)
	r.log.Info("caught up with the stream", "seq", r.pos.Load())
}

// renew begins a new epoch: the stream has gone back or was made anew, or was
// deleted and is made again here. The error says why that will never be.
func (r *reader) renew(ctx context.Context) error {
	for {
		st, same, err := r.sameStream(ctx)
		if err == nil && same {
			return nil
		}
		deleted := isCode(err, codeStreamNotFound)
		if deleted {
			r.log.Error("the stream has been deleted, making it again", "stream", r.store.opts.Stream)
		}
		if deleted || err == nil {
			// Whoever made it anew may have given it other settings.
			err = r.store.ensureStream(ctx)
		}
		switch {
		case err == nil && deleted:
			continue
		case err == nil:
			r.log.Error("the stream has gone back or was made anew, reading it again",
				"stream", r.store.opts.Stream, "created", st.created, "seq", st.last, "position", r.pos.Load())
			// Of an epoch that ended before it was read through, the newest
			// message may be older than what was delivered before it.
			if last := r.epoch.Load().lastTime(); last.After(r.cut) {
				r.cut = last
			}
			r.sink.Reset()
			// From its beginning: the numbers of what is not loaded are not
			// known after a Reset. This is rare.
			r.start(st, max(st.first, 1))
			return nil
		}
		r.trouble(err)
		if err := r.pause(ctx); err != nil {
			return err
		}
	}
}
