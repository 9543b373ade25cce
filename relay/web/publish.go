package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"alertrelay/relay"
)

const (
	publisherMethods = "GET, POST, PUT"
	adminMethods     = "GET, POST, PUT, DELETE"
	maxEventHeader   = 1024 // bytes of Event-Id and Event-Type
)

// publisher serves a publisher location (protocol 5).
func (s *Server) publisher(w http.ResponseWriter, r *http.Request, loc *location) {
	methods := publisherMethods
	if loc.Mode == AdminPublisher {
		methods = adminMethods
	}
	h := w.Header()
	setNoCache(h)
	setCORS(h, loc.origin(r), methods)
	switch r.Method {
	case http.MethodGet, http.MethodPost, http.MethodPut:
	case http.MethodDelete:
		if loc.Mode != AdminPublisher {
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
	reqs, f := s.elements(loc.Channels(r), false)
	if f != nil {
		s.refused(w, *f, loc.Mode)
		return
	}
	if r.Method == http.MethodGet {
		s.channelInfo(w, r, reqs)
		return
	}
	if s.withEvents(reqs) {
		s.refused(w, errEventsOurs, loc.Mode)
		return
	}
	body, f := s.readBody(w, r, loc)
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
	s.publish(ctx, w, r, loc, reqs, body)
}

func notAllowed(w http.ResponseWriter, methods string) {
	w.Header().Set("Allow", methods)
	empty(w, http.StatusMethodNotAllowed)
}

// readBody reads a message, byte for byte. A body that is refused is not read as
// the next request: net/http skips it or closes the connection.
func (s *Server) readBody(w http.ResponseWriter, r *http.Request, loc *location) ([]byte, *refusal) {
	if r.ContentLength > loc.MaxBody {
		w.Header().Set("Connection", "close")
		return nil, &errTooLarge
	}
	var body []byte
	var err error
	if r.ContentLength >= 0 {
		body = make([]byte, r.ContentLength)
		_, err = io.ReadFull(r.Body, body)
	} else {
		body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, loc.MaxBody))
	}
	switch {
	case errors.As(err, new(*http.MaxBytesError)):
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

// publish stores the message in each channel, in the order of the path, and
// answers when this relay has it too.
func (s *Server) publish(ctx context.Context, w http.ResponseWriter, r *http.Request, loc *location, reqs []relay.Request, body []byte) {
	start := time.Now()
	p := relay.Publication{Text: body, Unstored: loc.Unstored}
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
		s.log.Warn("publish refused", "channel", loc.Channels(r), "remote", r.RemoteAddr, "err", err)
		s.refused(w, refuse(err), loc.Mode)
		return
	}
	s.metrics.publish(len(reqs), time.Since(start))
	if loc.NoInfo {
		empty(w, http.StatusOK)
		return
	}
	s.channelInfo(w, r, reqs)
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
