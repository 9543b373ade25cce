package embedded

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

const (
	spaceInterval = time.Second
	spaceProbe    = 4 << 20 // bytes that must be writable before JetStream is tried again
)

// spaceWatch brings JetStream back after the disk was full.
//
// A stream whose file could not be written refuses every message until it is
// opened anew, and without an answer, so that publishers wait for nothing. A
// cluster member or a directory without permission disables JetStream as a
// whole. In both cases JetStream is put off here, which lets publishes fail at
// once and health checks notice, and is enabled again as soon as a file can be
// written.
type spaceWatch struct {
	nats *server.Server
	cfg  server.JetStreamConfig
	dir  string
	log  *slog.Logger

	quit chan struct{}
	wg   sync.WaitGroup
}

func watchSpace(ns *server.Server, cfg server.JetStreamConfig, dir string, log *slog.Logger) *spaceWatch {
	w := &spaceWatch{nats: ns, cfg: cfg, dir: dir, log: log, quit: make(chan struct{})}
	w.wg.Go(w.run)
	return w
}

func (w *spaceWatch) stop() {
	close(w.quit)
	w.wg.Wait()
}

func (w *spaceWatch) run() {
	ticker := time.NewTicker(spaceInterval)
	defer ticker.Stop()
	down, reason := false, ""
	for {
		select {
		case <-w.quit:
			return
		case <-ticker.C:
		}
		if !down {
			err := w.broken()
			if err == nil {
				continue
			}
			w.log.Error("the store cannot write, messages are refused until it can", "dir", w.dir, "err", err)
			if err := w.nats.ShutdownJetStream(); err != nil {
				w.log.Warn("put JetStream off", "err", err)
			}
			down = true
			continue // the server may be shutting it down too: give it until the next tick
		}
		if err := w.revive(); err != nil {
			if err.Error() != reason { // once a second would fill the log, if not the disk again
				w.log.Warn("the store is still not usable", "dir", w.dir, "err", err)
			}
			reason = err.Error()
			continue
		}
		down, reason = false, ""
		w.log.Info("the store can write again", "dir", w.dir)
	}
}

// broken says why the store does not take messages, nil if it does.
func (w *spaceWatch) broken() error {
	if !w.nats.JetStreamEnabled() {
		return errors.New("JetStream was disabled")
	}
	if h := w.nats.Healthz(nil); strings.Contains(h.Error, "write error") {
		return errors.New(h.Error)
	}
	return nil
}

func (w *spaceWatch) revive() error {
	if err := w.probe(); err != nil {
		return err
	}
	cfg := w.cfg
	if err := w.nats.EnableJetStream(&cfg); err != nil {
		return errors.Join(err, w.nats.ShutdownJetStream())
	}
	if h := w.nats.Healthz(nil); h.Error != "" {
		return errors.Join(errors.New(h.Error), w.nats.ShutdownJetStream())
	}
	return nil
}

// probe writes, because free space alone does not tell about quotas and
// permissions.
func (w *spaceWatch) probe() (err error) {
	f, err := os.Create(filepath.Join(w.dir, "probe"))
	if err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	if _, err := f.Write(make([]byte, spaceProbe)); err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	return f.Sync()
}
