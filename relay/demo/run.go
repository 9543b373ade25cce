package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"alertrelay/relay/conf"
)

// Configure says of the sources what the relay must know to tell when they are
// late. The rest of the configuration stays.
func Configure(cfg *conf.Config) {
	cfg.Sources = []conf.Source{
		{Name: sourceAM, APIInterval: 30 * time.Second, RepeatInterval: repeatAM, GroupInterval: groupAM, RepeatAsked: true, Origin: "demo"},
		{Name: sourceEdge, APIInterval: 30 * time.Second, RepeatInterval: repeatEdge, GroupInterval: groupEdge, RepeatAsked: true, SilentAfter: silentEdge, Origin: "demo"},
		{Name: sourceProm, APIInterval: 30 * time.Second, RepeatInterval: 4 * time.Hour, GroupInterval: 5 * time.Minute, Origin: "demo"},
	}
}

// Runner sends what a Sim makes up to a relay.
type Runner struct {
	// URL is the relay's, without a slash at its end.
	URL string
	// Sim is required, and Clock the relay's.
	Sim   *Sim
	Clock *Clock
	// Told is called when the past has been told, with the number of requests that
	// took; nil: nobody wants to know.
	Told func(requests int)
	// Refused is called for each request that was not taken; nil: it is logged.
	Refused func(r Request, status int, answer string)
	// Log is required.
	Log *slog.Logger

	sent, refused int
	client        *http.Client
}

const (
	requestTime = 30 * time.Second
	// noticeTime is what the relay needs to look at every alert and source: it does
	// so each second.
	noticeTime = 1500 * time.Millisecond
	retryTime  = 200 * time.Millisecond
)

// Sent is how many requests were sent, and how many of them refused. It is not
// for use while Run runs.
func (r *Runner) Sent() (sent, refused int) { return r.sent, r.refused }

// Begin has the clock show the beginning of the past. It is called before the
// relay starts.
func (r *Runner) Begin() {
	if at, present := r.Sim.NextAt(); !present {
		r.Clock.Set(at)
	}
}

// Run tells the past as fast as the relay takes it, and then the present in its
// time, until ctx ends. The error is that of a relay that never got ready; nil if
// ctx has ended.
func (r *Runner) Run(ctx context.Context) error {
	transport := &http.Transport{MaxIdleConnsPerHost: 2}
	defer transport.CloseIdleConnections()
	r.client = &http.Client{Transport: transport, Timeout: requestTime}
	defer r.Clock.Set(time.Time{})
	if err := r.ready(ctx); err != nil {
		return r.unless(ctx, err)
	}
	for past := true; ; {
		at, present := r.Sim.NextAt()
		if present && past {
			past = false
			r.Clock.Set(time.Time{})
			r.Sim.Begin(time.Now())
			if r.Told != nil {
				r.Told(r.sent)
			}
			continue
		}
		if past {
			r.Clock.Set(at)
		} else if !sleep(ctx, time.Until(at)) {
			return nil
		}
		for _, request := range r.Sim.Next() {
			if err := r.send(ctx, request); err != nil {
				return r.unless(ctx, err)
			}
		}
	}
}

// unless is nil if it went wrong because ctx has ended.
func (r *Runner) unless(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return nil
}

// sleep reports whether ctx goes on.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// ready waits until the relay is.
func (r *Runner) ready(ctx context.Context) error {
	status := 0
	var err error
	for end := time.Now().Add(requestTime); time.Now().Before(end); {
		status, _, err = r.do(ctx, http.MethodGet, "/-/ready", nil)
		if status == http.StatusOK {
			return nil
		}
		if !sleep(ctx, retryTime/4) {
			return ctx.Err()
		}
	}
	return errors.Join(fmt.Errorf("demo: the relay is not ready, it answers %d", status), err)
}

// send posts a request; as senders do, once more if the relay cannot take it now.
func (r *Runner) send(ctx context.Context, request Request) error {
	if request.Path == "" {
		if !sleep(ctx, noticeTime) {
			return ctx.Err()
		}
		return nil
	}
	r.sent++
	for try := range 5 {
		status, answer, err := r.do(ctx, http.MethodPost, request.Path, request.Body)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil && status/100 == 2:
			return nil
		case (err != nil || status == http.StatusServiceUnavailable) && try < 4:
			if !sleep(ctx, retryTime<<try) {
				return ctx.Err()
			}
			continue
		case err != nil:
			return fmt.Errorf("demo: %w", err)
		}
		r.refused++
		if r.Refused != nil {
			r.Refused(request, status, answer)
		} else {
			r.Log.Warn("request refused", "path", request.Path, "status", status, "answer", answer)
		}
		return nil
	}
	return nil
}

func (r *Runner) do(ctx context.Context, method, path string, body []byte) (status int, answer string, err error) {
	req, err := http.NewRequestWithContext(ctx, method, r.URL+path, bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := r.client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	return resp.StatusCode, string(bytes.TrimSpace(text)), err
}
