package web

import (
	"context"
	"errors"
	"net/http"

	"alertrelay/relay"
)

// refusal is an answer to a request that is not served: a status and the reason.
type refusal struct {
	status  int
	explain string
}

// Reasons of our own; those for errors of relay are in the table below
// (protocol 3.5).
var (
	errNoChannel       = refusal{http.StatusBadRequest, "No channel id provided."}
	errEmptyPost       = refusal{http.StatusBadRequest, "Empty post requests are not allowed."}
	errBodyRead        = refusal{http.StatusBadRequest, "The request's body could not be read to its end."}
	errSlowBody        = refusal{http.StatusRequestTimeout, "The request's body did not come in time."}
	errTooLarge        = refusal{http.StatusRequestEntityTooLarge, "The message is larger than this location takes."}
	errGetBody         = refusal{http.StatusRequestEntityTooLarge, "A subscription takes no request body."}
	errNULPath         = refusal{http.StatusBadRequest, "The path has a NUL byte in it."}
	errCallback        = refusal{http.StatusBadRequest, "The callback is no name of a function: letters, digits and _ $ . [ ] are."}
	errNoMasked        = refusal{http.StatusBadRequest, "Don't have at least one of the mandatory headers: Connection, Upgrade, Sec-WebSocket-Key and Sec-WebSocket-Version"}
	errWSVersion       = refusal{http.StatusBadRequest, "Version not supported. Supported versions: 8, 13"}
	errStopping        = refusal{http.StatusServiceUnavailable, "The relay is stopping."}
	errWaiting         = refusal{http.StatusServiceUnavailable, "The relay waits for its store."}
	errTooManyChans    = refusal{http.StatusBadRequest, "Too many channels in one request."}
	errNotCreated      = refusal{http.StatusForbidden, "Subscriber could not create channels."}
	errTooManyPrefixed = refusal{http.StatusForbidden, "Subscribed too much wildcard channels."}
	errEventsChannel   = refusal{http.StatusForbidden, "Subscription to events channel is not allowed."}
	errEventsWrite     = refusal{http.StatusForbidden, "Only internal routines can change events channel."}
	errMode            = refusal{http.StatusBadRequest, "The mode is not known; mode=now begins with what is active."}
	errNoState         = refusal{http.StatusNotFound, "This relay does not know what is active: there is no mode=now."}
	errSince           = refusal{http.StatusBadRequest, "since is no time; write 10m, 2h, 7d, 2026-11-22T07:00:00Z, or seconds since 1970."}
	errTwoBeginnings   = refusal{http.StatusBadRequest, "mode=now begins with what is active: since, or a number of messages as in ops.b5, cannot be asked for as well."}
	errEventHeader     = refusal{http.StatusBadRequest, "Event-Id and Event-Type take up to 1024 bytes each."}
)

// refusals is the one table from errors to answers. Bad input is 4xx; our or the
// store's trouble is 503, which senders of alerts retry.
var refusals = []struct {
	err error
	refusal
}{
	{relay.ErrNoChannel, errNoChannel},
	{relay.ErrReservedID, refusal{http.StatusForbidden, "Channel id not authorized for this method."}},
	{relay.ErrWildcard, refusal{http.StatusForbidden, "Channel id not authorized for this method."}},
	{relay.ErrIDTooLong, refusal{http.StatusBadRequest, "Channel id is too large."}},
	{relay.ErrTooManyChannels, refusal{http.StatusForbidden, "Number of channels were exceeded."}},
	{relay.ErrTooManySubscribers, refusal{http.StatusForbidden, "Subscribers limit per channel has been exceeded."}},
	{relay.ErrTooLarge, refusal{http.StatusRequestEntityTooLarge, "The message is larger than the store takes."}},
	{relay.ErrNotReady, refusal{http.StatusServiceUnavailable, "The relay is still loading retained messages."}},
	{relay.ErrUnavailable, refusal{http.StatusServiceUnavailable, "The message could not be stored. Try again."}},
	{relay.ErrClosed, errStopping},
	{context.DeadlineExceeded, refusal{http.StatusServiceUnavailable, "The store did not answer in time. Try again."}},
}

// refuse finds the answer to an error.
func refuse(err error) refusal {
	for _, r := range refusals {
		if errors.Is(err, r.err) {
			return r.refusal
		}
	}
	return refusal{http.StatusServiceUnavailable, "The relay cannot serve this now."}
}

// write answers with the status, the reason and nothing else.
func (f refusal) write(w http.ResponseWriter) {
	h := w.Header()
	if f.explain != "" {
		h[headerExplain] = []string{f.explain}
	}
	if f.status == http.StatusServiceUnavailable {
		h.Set("Retry-After", "1")
	}
	empty(w, f.status)
}

// empty answers with a status and no body.
func empty(w http.ResponseWriter, status int) {
	w.Header()["Content-Length"] = nothingValue
	w.WriteHeader(status)
}
