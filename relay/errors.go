package relay

import "errors"

// Errors that callers must tell apart. relay/web has the one table from these
// to HTTP statuses.
var (
	// ErrUnavailable: the store cannot take or give messages now: NATS is away,
	// the disk is full, or no acknowledgement came in time. Trying again later
	// is right.
	ErrUnavailable = errors.New("relay: store unavailable")
	// ErrNotReady: the relay is still loading what the stream retains.
	ErrNotReady = errors.New("relay: not ready, retained messages are still being loaded")
	// ErrClosed: the subscription or the hub has been closed.
	ErrClosed = errors.New("relay: closed")
	// ErrConflict: the channel's last message is not the expected one.
	ErrConflict = errors.New("relay: channel has changed since")
	// ErrNoMessage: the channel has no message.
	ErrNoMessage = errors.New("relay: no message in channel")
	// ErrTooLarge: the message is larger than the store takes.
	ErrTooLarge = errors.New("relay: message too large")

	// ErrNoChannel: a path without a channel.
	ErrNoChannel = errors.New("relay: no channel id provided")
	// ErrReservedID: a channel id that has a meaning of its own: ALL, or one
	// with an asterisk that is no wildcard.
	ErrReservedID = errors.New("relay: channel id is reserved")
	// ErrIDTooLong: a channel id over the configured length.
	ErrIDTooLong = errors.New("relay: channel id is too long")
	// ErrWildcard: a wildcard where only a channel can be.
	ErrWildcard = errors.New("relay: wildcards are not allowed here")
	// ErrTooManySubscribers: the channel has as many subscribers as its group
	// allows.
	ErrTooManySubscribers = errors.New("relay: subscribers limit of the channel is reached")
	// ErrTooManyChannels: as many channels or wildcards exist as are allowed.
	ErrTooManyChannels = errors.New("relay: channels limit is reached")
)
