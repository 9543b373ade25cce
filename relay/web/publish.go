package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"alertrelay/relay"
	"alertrelay/relay/site"
)

const (
	publisherMethods = "GET, POST, PUT"
	adminMethods     = "GET, POST, PUT, DELETE"
	maxEventHeader   = 1024 // bytes of Event-Id and Event-Type
)

// publisher serves a publisher location (protocol 5).
func (s *Server) publisher(w http.ResponseWriter, q *visit) {
	r, loc := q.r, q.loc
	methods := publisherMethods
	if loc.Mode == site.ModeAdmin {
		methods = adminMethods
	}
	h := w.Header()
	setNoCache(h)
	setCORS(h, q.origin(), methods)
	switch r.Method {
	case http.MethodGet, http.MethodPost, http.MethodPut:
	case http.MethodDelete:
		if loc.Mode != site.ModeAdmin {
			notAllowed(w, methods)
			return
		}
	case http.MethodOptions:
		empty(w, http.StatusOK)
		return
	default:
		notAllowed(w, methods)
		return
	}
	if s.waiting() {
		s.refused(w, errWaiting, loc.Mode)
		return
	}
	reqs, f := s.elements(q.set.channels.of(q), false)
	if f != nil {
		s.refused(w, *f, loc.Mode)
		return
	}
	if r.Method == http.MethodGet {
		s.channelInfo(w, q, reqs)
		return
	}
	if f := s.mayChange(q, reqs); f != nil {
		s.refused(w, *f, loc.Mode)
		return
	}
	body, f := s.readBody(w, r, loc)
	if f == &errTooLarge && loc.Module {
		s.metrics.refuse(loc.Mode, f.status)
		tooLarge(w)
		return
	}
	if f != nil {
		s.refused(w, *f, loc.Mode)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.opts.PublishTimeout)
	defer cancel()
	if r.Method == http.MethodDelete {
		s.deleteChannels(ctx, w, reqs, body, loc)
		return
	}
	s.publish(ctx, w, q, reqs, body)
}

func notAllowed(w http.ResponseWriter, methods string) {
	w.Header().Set("Allow", methods)
	empty(w, http.StatusMethodNotAllowed)
}

// mayChange refuses what would make too many channels, and the events channel.
func (s *Server) mayChange(q *visit, reqs []relay.Request) *refusal {
	st := &q.routing.site
	if q.r.Method != http.MethodDelete && (st.MaxChannels > 0 || st.MaxWildcardChannels > 0) {
		if err := s.hub.CanCreate(reqs); err != nil {
			f := refuse(err)
			return &f
		}
	}
	if s.withEvents(reqs) {
		return &errEventsWrite
	}
	return nil
}

// anyBody is the most that is read where any size is allowed: more than the store
// takes.
const anyBody = 64 << 20

// readBody reads a message, byte for byte. A body that is refused is not read as
// the next request: net/http skips it or closes the connection.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request, loc *location) ([]byte, *refusal) {
	most := loc.MaxBody
	if most == 0 {
		most = anyBody
	}
	if r.ContentLength > most {
		w.Header().Set("Connection", "close")
		return nil, &errTooLarge
	}
	control := http.NewResponseController(w)
	in := &patient{http.MaxBytesReader(w, r.Body, most), control, bodyTimeout(loc.Connection)}
	var body []byte
	var err error
	if r.ContentLength >= 0 && r.ContentLength <= 1<<20 {
		body = make([]byte, r.ContentLength)
		_, err = io.ReadFull(in, body)
	} else { // memory is for what has come
		body, err = io.ReadAll(in)
	}
	switch {
	case errors.As(err, new(*http.MaxBytesError)):
		w.Header().Set("Connection", "close") // net/http may not know, behind adding
		return nil, &errTooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		w.Header().Set("Connection", "close")
		return nil, &errSlowBody
	case err != nil:
		w.Header().Set("Connection", "close")
		return nil, &errBodyRead
	}
	// Or the deadline of the body would end the request while it is stored.
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // where it cannot be, there was none
	return body, nil
}

// patient reads a body whose client may be silent for so long.
type patient struct {
	r       io.Reader
	control *http.ResponseController
	timeout time.Duration
}

// Read waits for the next bytes.
func (p *patient) Read(b []byte) (int, error) {
	if err := p.control.SetReadDeadline(time.Now().Add(p.timeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	return p.r.Read(b)
}

// publish stores the message in each channel, in the order of the path, and
// answers when this relay has it too.
func (s *Server) publish(ctx context.Context, w http.ResponseWriter, q *visit, reqs []relay.Request, body []byte) {
	r, loc := q.r, q.loc
	start := time.Now()
	p := relay.Publication{Text: body, Unstored: !q.set.store}
	var ok bool
	if p.EventID, ok = eventHeader(r.Header["Event-Id"]); ok {
		p.EventType, ok = eventHeader(r.Header["Event-Type"])
	}
	switch {
	case !ok:
		s.refused(w, errEventHeader, loc.Mode)
		return
	case len(body) == 0:
		s.refused(w, errEmptyPost, loc.Mode)
		return
	}
	if err := s.publishTo(ctx, reqs, p); err != nil {
		s.log.Warn("publish refused", "channel", q.set.channels.of(q), "remote", r.RemoteAddr, "err", err)
		s.refused(w, refuse(err), loc.Mode)
		return
	}
	s.metrics.publish(len(reqs), time.Since(start))
	if !loc.Info {
		empty(w, http.StatusOK)
		return
	}
	s.channelInfo(w, q, reqs)
}

// publishTo publishes to each channel and waits until the hub has the last.
func (s *Server) publishTo(ctx context.Context, reqs []relay.Request, p relay.Publication) error {
	var last relay.Receipt
	for _, req := range reqs {
		p.Channel = req.Channel
		receipt, err := s.opts.Store.Publish(ctx, p)
		if err != nil {
			return err
		}
		last = receipt
	}
	// Stored is stored: that the hub does not have it yet only makes the counters
	// of the answer a little old.
	if err := s.hub.WaitApplied(ctx, last.Seq); err != nil {
		s.log.Debug("published, and not read back in time", "seq", last.Seq, "err", err)
	}
	return nil
}

// eventHeader gives the first value of a header; nil if there is none.
func eventHeader(values []string) (value *string, ok bool) {
	if len(values) == 0 {
		return nil, true
	}
	return &values[0], len(values[0]) <= maxEventHeader
}

// deleteChannels ends those channels that exist (protocol 5.4).
func (s *Server) deleteChannels(ctx context.Context, w http.ResponseWriter, reqs []relay.Request, text []byte, loc *location) {
	deleted := false
	for _, req := range reqs {
		if _, ok := s.hub.Channel(req.Channel); !ok && len(s.channels(ctx, []relay.Request{req})) == 0 {
			continue
		}
		receipt, err := s.opts.Store.DeleteChannel(ctx, req.Channel, text)
		if err == nil {
			err = s.hub.WaitApplied(ctx, receipt.Seq)
		}
		if err != nil {
			s.log.Warn("delete refused", "channel", req.Channel, "err", err)
			s.refused(w, refuse(err), loc.Mode)
			return
		}
		deleted = true
	}
	if !deleted {
		empty(w, http.StatusNotFound)
		return
	}
	w.Header()[headerExplain] = []string{"Channel deleted."}
	empty(w, http.StatusOK)
}
