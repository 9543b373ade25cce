package web

import (
	"errors"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"

	"alertrelay/relay"
)

// subscribe serves a request at a subscriber location: in the order of protocol
// 7.1, it is refused or it becomes a subscriber.
func (s *Server) subscribe(w http.ResponseWriter, r *http.Request, loc *location) {
	if loc.Mode == WebSocket {
		s.webSocket(w, r, loc)
		return
	}
	h := w.Header()
	origin := loc.origin(r)
	setCORS(h, origin, http.MethodGet)
	if r.Method == http.MethodOptions {
		empty(w, http.StatusOK)
		return
	}
	setNoCache(h)
	if r.Method != http.MethodGet {
		h.Set("Allow", http.MethodGet)
		empty(w, http.StatusMethodNotAllowed)
		return
	}
	c := newSubscriber(s, loc, loc.mode(r))
	c.http10 = !r.ProtoAtLeast(1, 1)
	c.keepAlive = !c.http10 && !r.Close
	c.format = loc.chunked
	if c.http10 {
		c.format = loc.plain
	}
	if f := c.begin(r); f != nil {
		s.refused(w, *f, loc.Mode)
		return
	}
	c.hijack(w, origin)
}

// begin makes the subscription that the request asks for, or says why not.
func (c *subscriber) begin(r *http.Request) *refusal {
	s, from := c.server, c.loc.cursor(r)
	if s.stopping.Load() {
		return &errStopping
	}
	reqs, f := s.elements(c.loc.Channels(r), c.loc.Wildcards)
	if f != nil {
		return f
	}
	if !c.loc.AllowEvents && s.withEvents(reqs) {
		return &errEvents
	}
	if c.ends() {
		if f := c.readCallback(r); f != nil {
			return f
		}
	}
	if f := discardBody(r); f != nil {
		return f
	}
	if p := c.poll; p != nil {
		p.from = from
		p.headTime, p.headTag = s.hub.Head() // before the subscription: nothing may fall between
	}
	sub, err := s.hub.Subscribe(reqs, from, c.wake)
	if err != nil {
		f := refuse(err)
		return &f
	}
	c.sub = sub
	return nil
}

// refused answers a subscriber that is not admitted.
func (s *Server) refused(w http.ResponseWriter, f refusal, m Mode) {
	s.metrics.refuse(m, f.status)
	f.write(w)
}

// elements takes a channels path apart and checks the ids. Nothing is made of a
// path that is refused.
func (s *Server) elements(path string, wildcards bool) ([]relay.Request, *refusal) {
	if strings.Count(path, "/") > s.opts.MaxElements {
		return nil, &errTooManyChans
	}
	reqs := relay.ParsePath(path)
	if len(reqs) == 0 {
		return nil, &errNoChannel
	}
	for _, req := range reqs {
		check := relay.CheckID
		if wildcards && relay.IsWildcard(req.Channel) {
			check = relay.CheckWildcard
		}
		if err := check(req.Channel, s.opts.MaxChannelID); err != nil {
			f := refuse(err)
			return nil, &f
		}
	}
	return reqs, nil
}

// withEvents reports whether the events channel is among reqs.
func (s *Server) withEvents(reqs []relay.Request) bool {
	events := s.hub.EventsChannel()
	return events != "" && slices.ContainsFunc(reqs, func(r relay.Request) bool { return r.Channel == events })
}

// mode is what the location does for this request: a header may ask for a poll
// (protocol 8.5).
func (l *location) mode(r *http.Request) Mode {
	switch asked := r.Header.Get("X-Nginx-PushStream-Mode"); {
	case strings.EqualFold(asked, "long-polling"):
		return LongPolling
	case strings.EqualFold(asked, "polling") && l.Mode != LongPolling: // quirk 16
		return Polling
	}
	return l.Mode
}

// cursor reads where the client wants to go on from (protocol 7.2).
func (l *location) cursor(r *http.Request) relay.Cursor {
	from := relay.Cursor{InOrder: !l.Module}
	timeText := l.input(r, l.Time, "If-Modified-Since")
	if !l.Module { // URLSearchParams and others write a space so
		timeText = strings.ReplaceAll(timeText, "+", " ")
	}
	if t, ok := relay.ParseTime(timeText); ok {
		from.Time = t
	}
	from.Tag, from.HasTag = relay.ParseTag(l.input(r, l.Tag, "If-None-Match"))
	id, ok := l.eventID(r)
	if !ok {
		return from
	}
	if place, isPlace := relay.ParseEventCursor(id); isPlace && l.Mode == EventSource && !l.Module {
		place.InOrder = true // what we sent as "id:" ourselves is a place
		return place
	}
	from.EventID = &id
	return from
}

// eventID reads the event id to go on from. An empty header is an empty id, an
// empty value is none.
func (l *location) eventID(r *http.Request) (id string, ok bool) {
	if l.EventID != nil {
		if id := l.EventID(r); id != "" || !l.HeaderCursor {
			return id, id != ""
		}
	}
	values, ok := r.Header["Last-Event-Id"]
	if !ok {
		return "", false
	}
	return values[0], true
}

// input is a value, or a header where the location has none.
func (l *location) input(r *http.Request, v Value, header string) string {
	if v != nil {
		if text := v(r); text != "" || !l.HeaderCursor {
			return text
		}
	}
	return r.Header.Get(header)
}

// maxGetBody is how much of a body is read to find the next request behind it.
const maxGetBody = 64 << 10

// discardBody reads the body that a GET should not have: the connection goes on
// after us, and what is left of the body would be read as the next request
// (quirk 1).
func discardBody(r *http.Request) *refusal {
	if r.ContentLength == 0 {
		return nil
	}
	n, err := io.Copy(io.Discard, io.LimitReader(r.Body, maxGetBody+1))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &errSlowBody
	case err != nil:
		return &errBodyRead
	case n > maxGetBody:
		return &errGetBody
	}
	return nil
}
