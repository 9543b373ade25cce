package relaytest

import (
	"bytes"
	"io"
	"strings"
	"sync"
)

// logbook keeps what is logged and passes it on to the test's output, until it is
// closed: then the test may be over, and must not be written to.
type logbook struct {
	mu   sync.Mutex // guards what follows
	kept bytes.Buffer
	out  io.Writer // nil when closed
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kept.Write(p)
	if l.out != nil {
		_, _ = l.out.Write(p)
	}
	return len(p), nil
}

func (l *logbook) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.out = nil
}

func (l *logbook) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.kept.String(), text)
}
