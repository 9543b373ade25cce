package embedded

import (
	"fmt"
	"log/slog"
	"sync"
)

// logger takes the server's log lines. The server believes that Fatalf ends the
// process; here it is kept as the reason why the start did not work.
type logger struct {
	log *slog.Logger

	mu    sync.Mutex // guards fatal
	fatal error
}

func (l *logger) Noticef(format string, v ...any) { l.log.Debug("nats: " + fmt.Sprintf(format, v...)) } //nolint:sloglint // the server's own words

func (l *logger) Debugf(format string, v ...any) { l.log.Debug("nats: " + fmt.Sprintf(format, v...)) } //nolint:sloglint // the server's own words

func (l *logger) Tracef(format string, v ...any) { l.log.Debug("nats: " + fmt.Sprintf(format, v...)) } //nolint:sloglint // the server's own words

func (l *logger) Warnf(format string, v ...any) { l.log.Warn("nats: " + fmt.Sprintf(format, v...)) } //nolint:sloglint // the server's own words

func (l *logger) Errorf(format string, v ...any) { l.log.Error("nats: " + fmt.Sprintf(format, v...)) } //nolint:sloglint // the server's own words

// Fatalf keeps the first fatal error, and logs all: they may come later than the
// start too.
func (l *logger) Fatalf(format string, v ...any) {
	l.log.Error("nats: " + fmt.Sprintf(format, v...)) //nolint:sloglint // the server's own words
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fatal == nil {
		l.fatal = fmt.Errorf(format, v...)
	}
}

func (l *logger) err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fatal
}
