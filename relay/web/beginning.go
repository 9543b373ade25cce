package web

import (
	"context"
	"time"

	"alertrelay/relay"
)

// beginning is where a subscriber begins.
type beginning struct {
	cursor relay.Cursor
	// now asks for a snapshot of what is active, unless the cursor can be gone on
	// from with nothing missing.
	now bool
}

// beginning reads where a subscriber begins: its cursor, and on our own locations
// the arguments mode and since. A cursor beats since, because browsers come back
// with the same URL and their Last-Event-ID.
func (s *Server) beginning(q *visit, reqs []relay.Request) (beginning, *refusal) {
	b := beginning{cursor: q.cursor()}
	if q.loc.Module {
		return b, nil
	}
	mode, _ := argument(q.r.URL.RawQuery, "mode")
	switch mode {
	case "":
	case "now":
		b.now = true
	default:
		return b, &errMode
	}
	since, _ := argument(q.r.URL.RawQuery, "since")
	if b.now {
		for _, req := range reqs {
			if req.Backtrack > 0 {
				return b, &errTwoBeginnings
			}
		}
		switch {
		case since != "":
			return b, &errTwoBeginnings
		case s.opts.Now == nil:
			return b, &errNoState
		}
		return b, nil
	}
	if since == "" {
		return b, nil
	}
	from, ok := relay.ParseSince(decodeValue(since), time.Now())
	if !ok {
		return b, &errSince
	}
	if b.cursor.Time.IsZero() && b.cursor.EventID == nil {
		from.InOrder = b.cursor.InOrder
		b.cursor = from
	}
	return b, nil
}

// follow begins with what is active.
func (s *Server) follow(q *visit, reqs []relay.Request, from relay.Cursor, wake func()) (*relay.Subscription, error) {
	ctx, cancel := context.WithTimeout(q.r.Context(), pollDeadline)
	defer cancel()
	sub, resumed, err := s.hub.Follow(ctx, reqs, from, s.opts.Now, wake)
	q.snapshot = err == nil && !resumed
	return sub, err
}

// headerSnapshot says that a body is a whole snapshot ("end", polls), or that it
// begins with one ("begin", what is endless): what a client had until now is void
// when the snapshot has ended. Without it a client goes on from its cursor.
const headerSnapshot = "X-Alertrelay-Snapshot"

// snapshotHeader is the header of what is endless, after a line end.
func (q *visit) snapshotHeader() string {
	return text(q.snapshot, "\r\n"+headerSnapshot+": begin")
}
