package api

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"alertrelay/alerts/track"
	"alertrelay/relay"
)

// refusal is an error that the client is told.
type refusal struct {
	status int
	reason string
	field  string // of the request that is wrong; empty if it is none
	err    error  // for the log; nil if there is no more to say
}

func (e *refusal) Error() string { return e.reason }
func (e *refusal) Unwrap() error { return e.err }

// wrong is a mistake in a field of the request.
func wrong(field, reason string) error {
	return &refusal{status: http.StatusBadRequest, reason: field + ": " + reason, field: field}
}

// refusalOf is the one table from errors to answers.
func refusalOf(err error) *refusal {
	if r := (*refusal)(nil); errors.As(err, &r) {
		return r
	}
	r := &refusal{status: http.StatusServiceUnavailable, err: err}
	switch {
	case errors.Is(err, track.ErrNotActive):
		r.status, r.reason = http.StatusNotFound, "no alert of this id is active"
	case errors.Is(err, relay.ErrNotReady):
		r.reason = "what is firing is still being read; try again"
	case errors.Is(err, relay.ErrNoChannel), errors.Is(err, relay.ErrReservedID), errors.Is(err, relay.ErrIDTooLong):
		r.status, r.field, r.reason = http.StatusBadRequest, "channel", "channel: is no channel and no wildcard"
	default:
		r.reason = "the store cannot be reached now; try again"
	}
	return r
}

// refuse answers with the reason. What the store says stays in our log.
func (a *api) refuse(w http.ResponseWriter, r *http.Request, err error) {
	refused := refusalOf(err)
	if refused.status >= 500 && refused.status != http.StatusNotImplemented && r.Context().Err() == nil {
		a.log.Log(r.Context(), slog.LevelWarn, "request refused", "path", r.URL.Path, "remote", r.RemoteAddr, "status", refused.status, "err", errors.Join(refused, refused.err))
	}
	h := w.Header()
	h.Del("Etag")
	h.Del("Content-Disposition")
	h.Del("Trailer")
	h.Set("Cache-Control", "no-store")
	if refused.status == http.StatusServiceUnavailable {
		h.Set("Retry-After", "1")
	}
	answer(w, r, refused.status, struct {
		Error string `json:"error"`
		Field string `json:"field,omitempty"`
	}{refused.reason, refused.field})
}

// answer writes what is small.
func answer(w http.ResponseWriter, r *http.Request, status int, v any) {
	w.Header().Set("Content-Type", typeJSON)
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_ = newEncoder(w, pretty(r)).Encode(v) // the client's trouble
	}
}

const typeJSON = "application/json"

func newEncoder(w io.Writer, pretty bool) *json.Encoder {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false) // it is no page, and the headers say so
	if pretty {
		e.SetIndent("", "  ")
	}
	return e
}

// pretty is read without complaint, for errors too.
func pretty(r *http.Request) bool {
	v, ok := r.URL.Query()["pretty"]
	on, err := parseBool(v)
	return ok && err == nil && on
}

const (
	// pieceBytes is how much of an answer is sent at once, and held in memory.
	pieceBytes = 32 << 10
	// pieceTime is how long a client may take for it.
	pieceTime = 30 * time.Second
)

// stream sends an answer that is made piece by piece, compressed if the client
// takes that. If write fails after something was sent, it does not return: the
// connection is cut, so that the client does not take what it has for the whole.
func stream(w http.ResponseWriter, r *http.Request, contentType string, write func(*bufio.Writer) error) error {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Add("Vary", "Accept-Encoding")
	if r.Method == http.MethodHead {
		return nil
	}
	to := &pieces{w: w, control: http.NewResponseController(w)}
	defer to.end()
	zipped := acceptsGzip(r)
	if zipped {
		h.Set("Content-Encoding", "gzip")
	}
	var sink io.Writer = to
	var zip *gzip.Writer
	if zipped {
		zip, _ = gzip.NewWriterLevel(to, gzip.BestSpeed) // there is such a level
		sink = zip
	}
	// In front of the compressor too: what it is given at once takes less time.
	b := bufio.NewWriterSize(sink, pieceBytes)
	err := write(b)
	if err == nil {
		err = b.Flush()
	}
	if err == nil && zipped {
		err = zip.Close()
	}
	switch {
	case err == nil:
		return nil
	case !to.begun:
		h.Del("Content-Encoding")
		return err
	default:
		panic(http.ErrAbortHandler)
	}
}

// pieces gives each write its time.
type pieces struct {
	w       http.ResponseWriter
	control *http.ResponseController
	begun   bool
}

func (p *pieces) Write(b []byte) (int, error) {
	p.begun = true
	_ = p.control.SetWriteDeadline(time.Now().Add(pieceTime)) // where it is not possible there is none
	return p.w.Write(b)
}

// end takes the deadline away: the connection may be used again.
func (p *pieces) end() {
	if p.begun {
		_ = p.control.Flush()
		_ = p.control.SetWriteDeadline(time.Time{})
	}
}

// acceptsGzip reports whether the client takes it (RFC 9110 12.5.3).
func acceptsGzip(r *http.Request) bool {
	for item := range strings.SplitSeq(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		name, parameter, _ := strings.Cut(item, ";")
		if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
			continue
		}
		q, found := strings.CutPrefix(strings.ReplaceAll(strings.ToLower(parameter), " ", ""), "q=")
		if !found {
			return true
		}
		weight, err := strconv.ParseFloat(q, 64)
		return err == nil && weight > 0
	}
	return false
}
