package web

import (
	"context"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"alertrelay/relay"
)

// statistics serves a statistics location (protocol 6.5).
func (s *Server) statistics(w http.ResponseWriter, q *visit) {
	r, loc := q.r, q.loc
	h := w.Header()
	setNoCache(h)
	if r.Method != http.MethodGet {
		notAllowed(w, http.MethodGet)
		return
	}
	if s.waiting() {
		s.refused(w, errWaiting, loc.Mode)
		return
	}
	// A build stamp that the module sends (quirk 25).
	h["X-Nginx-PushStream-Tag"] = []string{"0.5.5"}
	h["X-Nginx-PushStream-Commit"] = []string{"3bc016f811d50374251960db091557571dfd7393"}

	path := q.set.channels.of(q)
	if strings.Count(path, "/") > s.opts.MaxElements {
		s.refused(w, errTooManyChans, loc.Mode)
		return
	}
	reqs := relay.ParsePath(path)
	if len(reqs) == 0 {
		s.answer(w, q, func(f infoFormat, b []byte) []byte { return f.summary(b, s.summary(r.Context())) })
		return
	}
	for _, req := range reqs {
		id := req.Channel
		if id == "ALL" {
			s.answerGroup(w, q, s.channelsUnder(r.Context(), ""))
			return
		}
		if before, _, found := strings.Cut(id, "*"); found {
			s.answerGroup(w, q, s.channelsUnder(r.Context(), before))
			return
		}
		if len(id) > int(s.maxID.Load()) {
			s.refused(w, refuse(relay.ErrIDTooLong), loc.Mode)
			return
		}
	}
	s.channelInfo(w, q, reqs)
}

// channelInfo answers with what is known of those channels that exist: in the
// form for one, or for a group if there are several.
func (s *Server) channelInfo(w http.ResponseWriter, q *visit, reqs []relay.Request) {
	found := s.channels(q.r.Context(), reqs)
	switch len(found) {
	case 0:
		empty(w, http.StatusNotFound)
	case 1:
		s.answer(w, q, func(f infoFormat, b []byte) []byte { return f.channel(b, &found[0]) })
	default:
		s.answerGroup(w, q, found)
	}
}

func (s *Server) answerGroup(w http.ResponseWriter, q *visit, channels []relay.ChannelStats) {
	s.answer(w, q, func(f infoFormat, b []byte) []byte { return f.group(b, s.about(), channels) })
}

// answer renders in the format that the client accepts (protocol 6.1).
func (s *Server) answer(w http.ResponseWriter, q *visit, render func(infoFormat, []byte) []byte) {
	contentType, format := negotiate(q.r.Header.Get("Accept"))
	body := render(format, make([]byte, 0, 256))
	h := w.Header()
	h.Set("Content-Type", contentType)
	if q.loc.compresses(contentType, len(body)) {
		if q.loc.Gzip.Vary {
			h.Set("Vary", "Accept-Encoding")
		}
		if q.loc.acceptsGzip(q.r) {
			body = q.loc.compress(body)
			h.Set("Content-Encoding", "gzip")
		}
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // the client's trouble
}

// about is what statistics say about the server.
type about struct {
	hostname string
	time     time.Time
	channels int
	prefixed int // channels that the module calls wildcard channels
	uptime   time.Duration
}

func (s *Server) about() about {
	normal, prefixed := s.hub.ChannelCounts()
	return about{hostname: s.host, time: time.Now(), channels: normal, prefixed: prefixed, uptime: time.Since(s.started)}
}

// summary is the whole server in numbers (protocol 6.4).
type summary struct {
	about
	published, stored uint64
	subscribers       int // of all relays
	workers           []workerStats
}

// workerStats is what a summary says of one relay. The module has workers where
// we have relays.
type workerStats struct{ pid, subscribers, uptime int }

func (s *Server) summary(ctx context.Context) summary {
	stats, about := s.hub.Stats(), s.about()
	sum := summary{
		about: about, published: stats.Published, stored: stats.Stored, subscribers: stats.Subscribers,
		workers: []workerStats{{os.Getpid(), stats.Subscribers, int(about.uptime.Seconds())}},
	}
	if s.alone() {
		return sum
	}
	for _, p := range s.opts.Peers.Stats(ctx) {
		sum.subscribers += p.Subscribers
		sum.workers = append(sum.workers, workerStats{p.PID, p.Subscribers, int(p.Uptime.Seconds())})
	}
	return sum
}
