package relay

import (
	"context"
	"time"
)

// Message is one message of a channel. It is read-only once handed over: the
// same bytes are shared by every subscriber.
type Message struct {
	// Seq is the sequence of the message in the stream: the tag. It orders all
	// messages of all channels and is the same on every relay.
	Seq uint64
	// Channel is the channel's id, unescaped.
	Channel string
	// ID counts the messages of the channel from 1. The hub sets it. It is for
	// people and for compatibility, never a cursor.
	ID uint64
	// Time is when the store took the message, UTC.
	Time time.Time
	// EventID and EventType are what the publisher attached. nil means none; the
	// empty string is a value of its own (protocol 9.2).
	EventID, EventType *string
	// Text is the body, byte for byte as published.
	Text []byte
	// Stored is false for a message published with storing off: it is delivered
	// live and cannot be replayed.
	Stored bool
}

// Publication is a message on its way in.
type Publication struct {
	// Channel is the channel's id, unescaped.
	Channel string
	// EventID and EventType are attached to the message; nil means none.
	EventID, EventType *string
	// Text is the body. The publisher must not touch it any more.
	Text []byte
	// Unstored delivers the message live and keeps nothing.
	Unstored bool
	// DedupID makes a repeated publish within the store's window one message.
	// Empty: the store makes a random one.
	DedupID string
	// ExpectLast, if set, has the message stored only if the channel's last
	// message has this stream sequence (0: there is none); otherwise the
	// publish ends with ErrConflict.
	ExpectLast *uint64
}

// Receipt is the store's answer to a publish.
type Receipt struct {
	// Seq is the stream sequence the message got.
	Seq uint64
	// Duplicate is true when the message was stored before under its DedupID;
	// Seq is then that of the first.
	Duplicate bool
}

// Publisher takes messages. When Publish returns without an error, the message
// is stored. It may be called by several goroutines at once. Errors:
// ErrUnavailable (try again), ErrConflict, ErrTooLarge.
type Publisher interface {
	Publish(ctx context.Context, p Publication) (Receipt, error)
}

// Deletion is a channel's end, at its place in the stream's order.
type Deletion struct {
	Seq     uint64
	Channel string
	Time    time.Time
	// Text is what subscribers are told; nil means the hub's default.
	Text []byte
}

// ChannelState is what outlives a restart of a channel's counters.
type ChannelState struct {
	Channel string
	// Published counts the messages up to and including LastSeq.
	Published, LastSeq uint64
	// Stored is how many messages of the channel the stream holds, of those
	// that are not going to be loaded as well as of those that are. It may be 0
	// if the whole stream is going to be loaded.
	Stored uint64
}

// ChannelStats is what statistics say about one channel.
type ChannelStats struct {
	Channel           string
	Published, Stored uint64
	Subscribers       int
}

// PeerStats is what another relay on the same stream says of itself.
type PeerStats struct {
	// PID is its process id, on its machine.
	PID int
	// Subscribers counts its open subscriptions.
	Subscribers int
	// Uptime is how long it has been running.
	Uptime time.Duration
	// Channels has the number of its subscribers for those of the channels asked
	// for that have any.
	Channels map[string]int
}

// Stats is what statistics say about the relay as a whole.
type Stats struct {
	// Channels counts the channels that exist now.
	Channels int
	// Published counts messages since start, Stored those that can be replayed
	// now.
	Published, Stored uint64
	// Subscribers counts open subscriptions; one on three channels counts once.
	Subscribers int
}
