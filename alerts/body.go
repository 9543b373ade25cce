package alerts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"golang.org/x/sync/semaphore"
)

// firstBytes is the buffer that a body begins with.
const firstBytes = 16 << 10

// bodyReader reads bodies within a budget of bytes for all of them. A body takes
// from it as it arrives, not what its Content-Length promises: many slow senders
// of large bodies would otherwise keep everybody else out.
type bodyReader struct {
	budget   *semaphore.Weighted
	maxBytes int64
	timeout  time.Duration // for one body
	wait     time.Duration // for a share of the budget
}

// read returns the body, and a function that gives its share back. Errors are
// *refusal.
func (b *bodyReader) read(ctx context.Context, w http.ResponseWriter, r *http.Request) (body []byte, release func(), err error) {
	if r.ContentLength > b.maxBytes {
		return nil, nil, b.tooLarge()
	}
	// A ResponseWriter that has no deadlines is a test's or a wrapper's; the
	// whole request has one anyway. net/http takes the deadline away at the end of
	// the body (TestReadTimeoutIsOfTheBodyOnly).
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(b.timeout))
	taken := int64(0)
	release = func() { b.budget.Release(taken) }
	defer func() {
		if err != nil {
			release()
			release = nil
		}
	}()
	limited := http.MaxBytesReader(w, r.Body, b.maxBytes)
	for {
		if len(body) == cap(body) {
			grown := min(max(firstBytes, 2*int64(cap(body))), b.maxBytes+1) // one more, to see the end
			if err := b.take(ctx, grown-taken); err != nil {
				return nil, release, err
			}
			taken = grown
			body = append(make([]byte, 0, grown), body...)
		}
		n, err := limited.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case err == io.EOF:
			return body, release, nil
		case err != nil:
			return nil, release, b.readError(err)
		}
	}
}

func (b *bodyReader) take(ctx context.Context, n int64) error {
	ctx, cancel := context.WithTimeout(ctx, b.wait)
	defer cancel()
	if err := b.budget.Acquire(ctx, n); err != nil {
		return &refusal{http.StatusServiceUnavailable, reasonOverload, errors.New("too much is being received at once; try again")}
	}
	return nil
}

func (b *bodyReader) tooLarge() error {
	return &refusal{
		http.StatusRequestEntityTooLarge, reasonTooLarge,
		fmt.Errorf("body: is larger than %d bytes; group alerts into smaller groups, or set max_alerts", b.maxBytes),
	}
}

func (b *bodyReader) readError(err error) error {
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return b.tooLarge()
	}
	if timeout := (interface{ Timeout() bool })(nil); errors.As(err, &timeout) && timeout.Timeout() {
		// 408 would be right, but Alertmanager gives up after it.
		return &refusal{http.StatusServiceUnavailable, reasonSlow, fmt.Errorf("body: has not arrived within %s", b.timeout)}
	}
	return &refusal{http.StatusBadRequest, reasonIncomplete, errors.New("body: is incomplete")}
}
