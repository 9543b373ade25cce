package relay

import (
	"sync/atomic"
	"time"
)

// Entry is a message in the rings: shared by all who read it, never changed but
// for the frames that are rendered on demand.
type Entry struct {
	msg     Message
	pos     uint64 // place in this process's order; 0 if it came from the archive
	channel *ring  // the channel's ring; nil if the entry came from the archive
	control int8   // IDDeleted, IDGap, IDSnapshot, or 0 for a message
	loaded  bool   // put there by Load: for replay, not delivered live
	state   bool   // made by NewEntry: it is no place to go on from
	// out is the hub's position when the entry left its channel's retained view
	// by number, 0 while it is in.
	out    atomic.Uint64
	frames atomic.Pointer[[]frame]
}

type frame struct {
	format *Format
	bytes  []byte
}

// NewEntry makes an entry of a message that stands outside of the rings, in
// snapshots. All who follow should share it. Its ID is what m says, and 0 where that
// is not known.
//
// As an event it has an empty id. A browser that loses its connection in the middle
// of a snapshot must not go on after one of its entries, because it would never hear
// of what has ended before that: an empty id has it forget its place (WHATWG HTML
// 9.2.6), so that it gets a new snapshot. The end of the snapshot has the first
// place to go on from.
func NewEntry(m Message) *Entry { return &Entry{msg: m, state: true} }

// size is what the entry is taken to cost in the hub's buffer: itself and its
// text, and the text again in each of two formats.
func (e *Entry) size() int64 {
	const overhead = 512
	return overhead + 3*int64(len(e.msg.Text))
}

// Message returns the entry's message; read-only. Of a control entry only
// Channel and Text mean something; of IDSnapshot, Seq, Time and Text.
func (e *Entry) Message() *Message { return &e.msg }

// Control returns 0 for a message, IDDeleted for the end of a channel, IDGap
// where messages are missing, IDSnapshot where a snapshot ends.
func (e *Entry) Control() int { return int(e.control) }

// Frame returns the entry as it goes on the wire in the format f. The first
// caller renders it and all share the bytes: never modify them. It is empty if
// the template renders to nothing, and then nothing is to be sent.
func (e *Entry) Frame(f *Format) []byte {
	for {
		have := e.frames.Load()
		if have != nil {
			for i := range *have {
				if (*have)[i].format == f {
					return (*have)[i].bytes
				}
			}
		}
		var next []frame
		if have != nil {
			next = append(next, *have...)
		}
		next = append(next, frame{f, e.render(f)})
		if e.frames.CompareAndSwap(have, &next) {
			return next[len(next)-1].bytes
		}
	}
}

// Forget drops what was rendered; who wants it next renders it again.
func (e *Entry) Forget() {
	if e.frames.Load() != nil {
		e.frames.Store(nil)
	}
}

func (e *Entry) render(f *Format) []byte {
	switch {
	case e.control == IDSnapshot:
		return f.snapshotEnd(&e.msg)
	case e.control != 0:
		return f.Control(int(e.control), e.msg.Channel, string(e.msg.Text))
	}
	return f.render(&e.msg, !e.state)
}

// replayable reports whether someone who subscribed when the hub was at position
// seam may be sent the entry as history.
func (e *Entry) replayable(seam uint64, now time.Time) bool {
	if e.control != 0 || !e.msg.Stored {
		return false
	}
	if out := e.out.Load(); out != 0 && out <= seam {
		return false
	}
	return e.channel == nil || !e.channel.expired(e, now)
}
