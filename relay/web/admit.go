package web

import (
	"errors"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"

	"alertrelay/relay"
	"alertrelay/relay/site"
)

// subscribe serves a request at a subscriber location: in the order of protocol
// 7.1, it is refused or it becomes a subscriber.
func (s *Server) subscribe(w http.ResponseWriter, q *visit) {
	r, loc := q.r, q.loc
	if loc.Mode == site.ModeWebSocket {
		s.webSocket(w, q)
		return
	}
	h := w.Header()
	origin := q.origin()
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
	c.keepAlive, c.requests = q.keep, uint32(q.link.requests)
	c.format = loc.chunked
	if c.http10 {
		c.format = loc.plain
	}
	if f := c.begin(q); f != nil {
		s.refused(w, *f, loc.Mode)
		return
	}
	c.shape(q)
	c.hijack(w, q, origin)
}

// shape decides what is special about the answer.
func (c *subscriber) shape(q *visit) {
	contentType := c.contentType()
	if c.poll != nil {
		contentType = c.pollType()
	}
	zip := c.loc.compresses(contentType, unknownLength) && c.loc.acceptsGzip(q.r)
	if c.poll != nil {
		if c.poll.zip = zip; zip {
			c.format = c.loc.plain
		}
		c.poll.added, c.poll.addedAlways = q.added(http.StatusOK), q.added(http.StatusServiceUnavailable)
		c.poll.vary = q.vary(contentType)
		return
	}
	if c.special = newSpecial(q, zip); c.special != nil {
		c.format = c.loc.plain
	}
}

// vary is the header that tells caches that compression depends on the client.
func (q *visit) vary(contentType string) string {
	if q.loc.Gzip.Vary && q.loc.compresses(contentType, unknownLength) {
		return "\r\nVary: Accept-Encoding"
	}
	return ""
}

// begin makes the subscription that the request asks for, or says why not.
func (c *subscriber) begin(q *visit) *refusal {
	r, s := q.r, c.server
	if s.stopping.Load() {
		return &errStopping
	}
	if s.waiting() {
		return &errWaiting
	}
	reqs, f := s.elements(q.set.channels.of(q), c.loc.Wildcards)
	if f != nil {
		return f
	}
	if f := s.authorize(q, reqs); f != nil {
		return f
	}
	from, f := s.beginning(q, reqs)
	if f != nil {
		return f
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
		p.from, p.now = from.cursor, from.now
		p.headTime, p.headTag = s.hub.Head() // before the subscription: nothing may fall between
	}
	var err error
	if from.now {
		c.sub, err = s.follow(q, reqs, from.cursor, c.wake)
	} else {
		c.sub, err = s.hub.Subscribe(reqs, from.cursor, c.wake)
	}
	if err != nil {
		f := refuse(err)
		return &f
	}
	return nil
}

// waiting reports whether the store is not open yet: nobody knows which channels
// there are.
func (s *Server) waiting() bool { return s.opts.Waiting != nil && s.opts.Waiting() != "" }

// refused answers a subscriber that is not admitted.
func (s *Server) refused(w http.ResponseWriter, f refusal, m site.Mode) {
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
		if err := check(req.Channel, int(s.maxID.Load())); err != nil {
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

// authorize decides who may subscribe to what exists, and to the two special
// kinds of channels (protocol 7.1).
func (s *Server) authorize(q *visit, reqs []relay.Request) *refusal {
	loc, st := q.loc, &q.routing.site
	prefixed, others := 0, 0
	for _, req := range reqs {
		isPrefixed := st.WildcardPrefix != "" && strings.HasPrefix(req.Channel, st.WildcardPrefix)
		if isPrefixed {
			prefixed++
		} else {
			others++
		}
		if loc.AuthorizedOnly && !isPrefixed {
			if stats, ok := s.hub.Channel(req.Channel); !ok || stats.Stored == 0 {
				return &errNotCreated
			}
		}
	}
	if !q.set.allowEvents && s.withEvents(reqs) {
		return &errEventsChannel
	}
	if loc.WildcardMax > 0 && prefixed > loc.WildcardMax ||
		prefixed > 0 && others == 0 && (loc.WildcardMax > 0 || loc.AuthorizedOnly) { // quirk 23
		return &errTooManyPrefixed
	}
	return nil
}

// mode is what the location does for this request: a header may ask for a poll
// (protocol 8.5).
func (l *location) mode(r *http.Request) site.Mode {
	switch asked := r.Header.Get("X-Nginx-PushStream-Mode"); {
	case strings.EqualFold(asked, "long-polling"):
		return site.ModeLongPoll
	case strings.EqualFold(asked, "polling") && l.Mode != site.ModeLongPoll: // quirk 16
		return site.ModePoll
	}
	return l.Mode
}

// cursor reads where the client wants to go on from (protocol 7.2).
func (q *visit) cursor() relay.Cursor {
	l := q.loc
	from := relay.Cursor{InOrder: !l.Module}
	timeText := q.input(&q.set.time, "If-Modified-Since")
	if !l.Module { // URLSearchParams and others write a space so
		timeText = strings.ReplaceAll(timeText, "+", " ")
	}
	if t, ok := relay.ParseTime(timeText); ok {
		from.Time = t
	}
	from.Tag, from.HasTag = relay.ParseTag(q.input(&q.set.tag, "If-None-Match"))
	id, ok := q.eventID()
	if !ok {
		return from
	}
	if place, isPlace := relay.ParseEventCursor(id); isPlace && l.Mode == site.ModeEventSource && !l.Module {
		place.InOrder = true // what we sent as "id:" ourselves is a place
		return place
	}
	from.EventID = &id
	return from
}

// eventID reads the event id to go on from. An empty header is an empty id, an
// empty value is none.
func (q *visit) eventID() (id string, ok bool) {
	if v := &q.set.eventID; v.set {
		if id := v.of(q); id != "" || !q.loc.HeaderCursor {
			return id, id != ""
		}
	}
	values, ok := q.r.Header["Last-Event-Id"]
	if !ok {
		return "", false
	}
	return values[0], true
}

// input is a value, or a header where the location has none.
func (q *visit) input(v *value, header string) string {
	if v.set {
		if text := v.of(q); text != "" || !q.loc.HeaderCursor {
			return text
		}
	}
	return q.r.Header.Get(header)
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
