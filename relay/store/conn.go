package store

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
)

const writeTimeout = 10 * time.Second

// NATSOptions are the options every connection of ours has: it reconnects for
// ever, refuses to publish while it is away, and says in the log when it is lost
// and found.
func NATSOptions(log *slog.Logger) []nats.Option {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	log = log.With("component", "nats")
	return []nats.Option{
		nats.Name("alertrelay"),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(250 * time.Millisecond),
		nats.ReconnectJitter(100*time.Millisecond, 500*time.Millisecond),
		// Without this, what was refused to a publisher is kept and stored later.
		nats.ReconnectBufSize(-1),
		nats.PingInterval(10 * time.Second),
		// A write holds up all others: a peer that does not read must not do so
		// for the minute that is the library's default.
		nats.FlusherTimeout(writeTimeout),
		// Or the connection is closed for good when a server refuses it twice
		// while its users are being changed.
		nats.IgnoreAuthErrorAbort(),
		nats.ConnectHandler(func(nc *nats.Conn) {
			if nc.Opts.InProcessServer == nil { // which has no address
				log.Info("connected", "remote", nc.ConnectedUrlRedacted())
			}
		}),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil { // nil: it was closed
				log.Info("connection lost", "err", err)
			}
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) {
			log.Info("connection found", "remote", nc.ConnectedUrlRedacted())
		}),
		nats.ClosedHandler(func(nc *nats.Conn) {
			if err := nc.LastError(); err != nil {
				log.Error("connection closed for good", "err", err)
			}
		}),
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
			if sub != nil {
				log.Warn("subscription error", "subject", sub.Subject, "err", err)
				return
			}
			log.Warn("connection error", "err", err)
		}),
	}
}

// Connect connects to an external server or cluster, with NATSOptions. A server
// that is not there yet is no error: the connection goes on trying, and Open
// waits for it.
func Connect(url string, log *slog.Logger, opts ...nats.Option) (*nats.Conn, error) {
	all := append(NATSOptions(log), nats.RetryOnFailedConnect(true))
	nc, err := nats.Connect(url, append(all, opts...)...)
	if err != nil {
		return nil, fmt.Errorf("store: connect to NATS: %w", err)
	}
	return nc, nil
}
