package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Options configure a Server. Only Dir is required.
type Options struct {
	// Dir is where everything is kept; it is made if it is missing. One process
	// at a time can use it.
	Dir string
	// Listen is the address, host and port, for other NATS clients; empty means
	// none. Port 0 takes a free one.
	Listen string
	// ListenRequired makes it an error when Listen cannot be had. Otherwise a
	// warning is logged and the server runs without a listener.
	ListenRequired bool
	// MaxStoreBytes bounds what all streams together may take on disk, 16 GiB.
	// JetStream's own default would be three quarters of the disk. Streams that
	// reserve more already keep it until they are made smaller and the server is
	// started again.
	MaxStoreBytes int64
	// MaxMemoryBytes bounds streams in memory, 256 MiB.
	MaxMemoryBytes int64
	// MaxPayloadBytes bounds one message with its headers, 8 MiB. The server
	// warns of more than that, and takes no more than 64 MiB.
	MaxPayloadBytes int
	// SyncAlways has every message on the disk before it is acknowledged. It
	// is about twelve times slower. Otherwise the disk is synced every second:
	// a crash of the process loses nothing, a power cut up to a second.
	SyncAlways bool
	// Log takes the server's log lines; nil discards them.
	Log *slog.Logger
}

const syncInterval = time.Second // no measurable cost; it also compacts the files

// Server is a running NATS server with JetStream.
type Server struct {
	nats *server.Server
	lock *lock
	url  string
	log  *slog.Logger

	space     *spaceWatch
	stopOnce  sync.Once
	stopError error
}

// Start runs a server and returns when JetStream has read its files and takes
// messages. ErrLocked means that another process uses the directory. The caller
// ends it with Stop.
func Start(ctx context.Context, o Options) (*Server, error) {
	if o.Dir == "" {
		return nil, errors.New("embedded: Dir is required")
	}
	if o.MaxStoreBytes < 0 || o.MaxMemoryBytes < 0 {
		return nil, errors.New("embedded: MaxStoreBytes and MaxMemoryBytes must not be negative")
	}
	if o.MaxPayloadBytes < 0 || o.MaxPayloadBytes > server.MAX_PENDING_SIZE {
		return nil, fmt.Errorf("embedded: MaxPayloadBytes must be between 0 and %d", server.MAX_PENDING_SIZE)
	}
	if _, _, err := splitListen(o.Listen); err != nil {
		return nil, err
	}
	if o.MaxPayloadBytes == 0 {
		o.MaxPayloadBytes = server.MAX_PAYLOAD_MAX_SIZE
	}
	if o.MaxStoreBytes == 0 {
		o.MaxStoreBytes = 16 << 30
	}
	if o.MaxMemoryBytes == 0 {
		o.MaxMemoryBytes = 256 << 20
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	log := o.Log.With("component", "embedded")
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("embedded: make data directory: %w", err)
	}
	lock, err := lockDir(o.Dir)
	if err != nil {
		return nil, err
	}
	s, err := startListening(ctx, o, log)
	if reserved := reservedBytes(s); err == nil && reserved > o.MaxStoreBytes {
		// The server would refuse every change of a stream, also one that makes it
		// smaller, and does not change its limit while it runs.
		log.Info("streams reserve more than there should be, which is let be until the next start", "reserved", reserved, "limit", o.MaxStoreBytes)
		shutdown(s.nats)
		o.MaxStoreBytes += reserved
		s, err = startListening(ctx, o, log)
	}
	if err != nil {
		return nil, errors.Join(err, lock.release())
	}
	s.lock = lock
	s.space = watchSpace(s.nats, jetStreamConfig(o), o.Dir, log)
	return s, nil
}

// reservedBytes is what the streams may take on disk, by their settings.
func reservedBytes(s *Server) int64 {
	if s == nil {
		return 0
	}
	_, reserved, err := s.nats.JetStreamReservedResources()
	if err != nil { // JetStream is off, which its watch will say
		return 0
	}
	return reserved
}

// startListening starts with the listener that is asked for, and without it if
// that is allowed.
func startListening(ctx context.Context, o Options, log *slog.Logger) (*Server, error) {
	// The server opens its files before it listens. Looking first saves doing
	// that twice when the address is taken.
	err := canListen(ctx, o.Listen)
	if err == nil {
		var s *Server
		s, err = start(ctx, o, log)
		if listen := (*listenError)(nil); err == nil || !errors.As(err, &listen) {
			return s, err
		}
	}
	if o.ListenRequired {
		return nil, fmt.Errorf("embedded: NATS cannot listen on %s: %w", o.Listen, err)
	}
	log.Warn("NATS address is not available, going on without a listener: the nats command line and other NATS clients cannot connect; choose another address or free this one",
		"address", o.Listen, "err", err)
	o.Listen = ""
	return start(ctx, o, log)
}

// splitListen returns host and port as the server wants them.
func splitListen(addr string) (host string, port int, err error) {
	if addr == "" {
		return "", 0, nil
	}
	host, number, err := net.SplitHostPort(addr)
	if err == nil {
		port, err = strconv.Atoi(number)
	}
	if err != nil || port < 0 || port > 65535 {
		return "", 0, fmt.Errorf("embedded: Listen %q is not a host and a port, such as 127.0.0.1:4222", addr)
	}
	if host == "" {
		host = "0.0.0.0"
	}
	if port == 0 {
		port = server.RANDOM_PORT
	}
	return host, port, nil
}

func canListen(ctx context.Context, addr string) error {
	if addr == "" {
		return nil
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	return l.Close()
}

// listenError is a start that failed for its listener only.
type listenError struct{ error }

func start(ctx context.Context, o Options, log *slog.Logger) (*Server, error) {
	opts := &server.Options{
		ServerName:             "alertrelay",
		DontListen:             o.Listen == "",
		NoSigs:                 true, // or the server calls os.Exit on a signal
		JetStream:              true,
		StoreDir:               o.Dir,
		JetStreamMaxMemory:     o.MaxMemoryBytes,
		JetStreamMaxStore:      o.MaxStoreBytes,
		SyncInterval:           syncInterval,
		SyncAlways:             o.SyncAlways,
		MaxPayload:             int32(o.MaxPayloadBytes), // checked by Start
		DisableJetStreamBanner: true,
	}
	var err error
	if opts.Host, opts.Port, err = splitListen(o.Listen); err != nil {
		return nil, err
	}
	ns, err := server.NewServer(opts)
	if err != nil {
		return nil, fmt.Errorf("embedded: %w", err)
	}
	l := &logger{log: log}
	ns.SetLoggerV2(l, false, false, false)
	ns.Start() // returns when everything has been tried, and has no error of its own
	if err := check(ctx, ns, l, o); err != nil {
		shutdown(ns)
		return nil, err
	}
	s := &Server{nats: ns, log: log}
	if o.Listen != "" {
		s.url = ns.ClientURL()
	}
	log.Info("embedded NATS runs", "dir", o.Dir, "url", s.url, "sync", syncMode(o))
	return s, nil
}

// check says what went wrong in the server's start.
func check(ctx context.Context, ns *server.Server, l *logger, o Options) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("embedded: %w", err)
	}
	switch err := l.err(); {
	case err == nil:
	case strings.Contains(err.Error(), "listening on port"):
		return &listenError{err}
	case strings.Contains(err.Error(), "JetStream"):
		return unreadable(o.Dir, err)
	default:
		return fmt.Errorf("embedded: %w", err)
	}
	if !ns.ReadyForConnections(10*time.Second) || !ns.JetStreamEnabled() {
		return errors.New("embedded: NATS is not ready after 10s")
	}
	// A stream that cannot be read is left out with no more than a line in the
	// log. Going on, the relay would make an empty one in its place.
	if h := health(ns); h.Error != "" {
		return unreadable(o.Dir, errors.New(h.Error))
	}
	return nil
}

// health asks more than once: the server gives itself a millisecond to find out
// that it has started, which a busy machine may not have.
func health(ns *server.Server) *server.HealthStatus {
	for range 9 {
		if h := ns.Healthz(nil); h.Error == "" {
			return h
		}
	}
	return ns.Healthz(nil)
}

func unreadable(dir string, err error) error {
	return fmt.Errorf("embedded: the store in %s cannot be used: %w; check the file permissions and the free space, or restore the directory from a backup, or move %s away to start with an empty store",
		dir, err, filepath.Join(dir, server.JetStreamStoreDir))
}

func jetStreamConfig(o Options) server.JetStreamConfig {
	return server.JetStreamConfig{
		StoreDir: o.Dir, MaxMemory: o.MaxMemoryBytes, MaxStore: o.MaxStoreBytes,
		SyncInterval: syncInterval, SyncAlways: o.SyncAlways, Strict: true, CompressOK: true,
	}
}

func syncMode(o Options) string {
	if o.SyncAlways {
		return "always"
	}
	return syncInterval.String()
}

// Connect makes a connection within the process. It needs no listener. The
// caller closes it before Stop.
func (s *Server) Connect(opts ...nats.Option) (*nats.Conn, error) {
	nc, err := nats.Connect("", append(opts, nats.InProcessServer(s.nats))...)
	if err != nil {
		return nil, fmt.Errorf("embedded: connect: %w", err)
	}
	return nc, nil
}

// ClientURL is the address for other NATS clients; empty if there is no
// listener.
func (s *Server) ClientURL() string { return s.url }

// Stop ends the server in order: files are synced and closed, then the directory
// is unlocked. It blocks until that is done and may be called twice.
func (s *Server) Stop() error {
	s.stopOnce.Do(func() {
		s.space.stop() // it may be about to start JetStream again
		shutdown(s.nats)
		s.stopError = s.lock.release()
		s.log.Info("embedded NATS stopped")
	})
	return s.stopError
}

func shutdown(ns *server.Server) {
	ns.Shutdown()
	ns.WaitForShutdown()
}
