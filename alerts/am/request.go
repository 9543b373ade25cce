package am

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// memberError is why a member is of no use.
type memberError struct {
	member string
	err    error
	// notDone: the request has not reached it, so another may be asked. final: no
	// other may be.
	notDone, final bool
}

func (e *memberError) Error() string { return e.member + ": " + e.err.Error() }
func (e *memberError) Unwrap() error { return e.err }

func badAnswer(member string, err error) error {
	return &memberError{member: member, err: fmt.Errorf("its answer is none of an Alertmanager's: %w; check the address and its path", err)}
}

// notFound makes ErrNotFound of a 404.
func notFound(err error) error {
	if e := (*RefusedError)(nil); errors.As(err, &e) && e.Status == http.StatusNotFound {
		return ErrNotFound
	}
	return err
}

// each calls ask with one member after the other, until one is of use.
func (c *Client) each(ctx context.Context, ask func(member string) error) error {
	first := int(c.good.Load())
	var errs []error
	for i := range c.members {
		at := (first + i) % len(c.members)
		err := ask(c.members[at])
		useless := (*memberError)(nil)
		if !errors.As(err, &useless) {
			if err == nil {
				c.good.Store(int32(at)) //nolint:gosec // at most maxMembers
			}
			return err
		}
		errs = append(errs, err)
		if useless.final || ctx.Err() != nil {
			break
		}
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, oneLine(errs))
}

// oneLine joins errors: each line of a log is one.
func oneLine(errs []error) error {
	err := errs[0]
	for _, next := range errs[1:] {
		err = fmt.Errorf("%w; %w", err, next)
	}
	return err
}

// do makes one request to one member. Errors: *memberError, *RefusedError.
func (c *Client) do(ctx context.Context, member, method, path string, body []byte) ([]byte, http.Header, error) {
	useless := func(notDone bool, format string, args ...any) error {
		return &memberError{member: member, err: fmt.Errorf(format, args...), notDone: notDone}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.opts.Timeout, fmt.Errorf("no answer within %s", c.opts.Timeout))
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, member+"/api/v2"+path, bytes.NewReader(body))
	if err != nil {
		return nil, nil, useless(true, "%w", withoutURL(err))
	}
	r.Header.Set("Accept", "application/json")
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	switch {
	case c.opts.Bearer != "":
		r.Header.Set("Authorization", "Bearer "+c.opts.Bearer)
	case c.opts.BasicUser != "":
		r.SetBasicAuth(c.opts.BasicUser, c.opts.BasicPassword)
	}
	resp, err := c.http.Do(r)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return nil, nil, useless(false, "%w; check that it is up", cause)
		}
		dial := (*net.OpError)(nil)
		return nil, nil, useless(errors.As(err, &dial) && dial.Op == "dial", "%w; check the address, and that it is up", withoutURL(err))
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil && context.Cause(ctx) != nil:
		return nil, nil, useless(false, "%w: the answer is incomplete", context.Cause(ctx))
	case err != nil:
		return nil, nil, useless(false, "the answer is incomplete: %w", err)
	case len(answer) > maxAnswer:
		return nil, nil, useless(false, "the answer is larger than %d bytes", maxAnswer)
	}
	switch status := resp.StatusCode; {
	case status == http.StatusOK:
		return answer, resp.Header, nil
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return nil, nil, useless(true, "status %d: it wants other credentials; check the user and password, or the token", status)
	case status == http.StatusNotFound && strings.HasPrefix(path, "/silence"):
		return nil, nil, &RefusedError{member, status, reason(answer)}
	case status >= 300 && status < 400, status == http.StatusNotFound, status == http.StatusMethodNotAllowed:
		return nil, nil, useless(true, "status %d: there is no API of an Alertmanager; check the address and its path", status)
	case status >= 400 && status < 500 && status != http.StatusTooManyRequests && status != http.StatusRequestTimeout:
		return nil, nil, &RefusedError{member, status, reason(answer)}
	default:
		return nil, nil, useless(status == http.StatusServiceUnavailable, "status %d: %s", status, reason(answer))
	}
}

// withoutURL takes the URL away from an error of net/http: the member is named
// already.
func withoutURL(err error) error {
	if e := (*url.Error)(nil); errors.As(err, &e) {
		return e.Err
	}
	return err
}

// reason is what an error's answer says: a string, or an object with a message.
func reason(answer []byte) string {
	var text string
	var object struct {
		Message string `json:"message"`
	}
	switch {
	case json.Unmarshal(answer, &text) == nil:
	case json.Unmarshal(answer, &object) == nil && object.Message != "":
		text = object.Message
	default:
		text = string(answer)
	}
	text = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(text, "?"), func(r rune) bool { return r < ' ' || r == 0x7f }), " ")
	if text = strings.TrimSpace(text); text == "" {
		return "no reason given"
	}
	if len(text) > maxReason {
		text = strings.ToValidUTF8(text[:maxReason], "") + "..."
	}
	return text
}
