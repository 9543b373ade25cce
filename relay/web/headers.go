package web

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"alertrelay/relay"
	"alertrelay/relay/site"
)

// Cache headers of every response of a location (protocol 3.2).
const (
	expires      = "Thu, 01 Jan 1970 00:00:01 GMT"
	cacheControl = "no-cache, no-store, must-revalidate"
)

// headerExplain says why; its spelling is the module's, which net/http would
// change.
const headerExplain = "X-Nginx-PushStream-Explain"

// corsHeaders are those that a cross-origin script may send (protocol 3.3).
const corsHeaders = "If-Modified-Since,If-None-Match,Etag,Event-Id,Event-Type,Last-Event-Id"

// Values that many answers share, and nobody changes.
var (
	expiresValue      = []string{expires}
	cacheControlValue = []string{cacheControl}
	corsHeadersValue  = []string{corsHeaders}
	keepAliveValue    = []string{"keep-alive"}
	nothingValue      = []string{"0"}
)

func setNoCache(h http.Header) {
	h["Expires"] = expiresValue
	h["Cache-Control"] = cacheControlValue
}

func setCORS(h http.Header, origin, methods string) {
	if origin == "" {
		return
	}
	h["Access-Control-Allow-Origin"] = []string{origin}
	h["Access-Control-Allow-Methods"] = []string{methods}
	h["Access-Control-Allow-Headers"] = corsHeadersValue
}

// origin is the value of Access-Control-Allow-Origin, empty for none.
func (q *visit) origin() string { return headerValue(q.loc.allowOrigin.of(q)) }

// addedHeader is a site.Header ready to be added.
type addedHeader struct {
	name   string
	value  value
	always bool
}

func newHeaders(list []site.Header) ([]addedHeader, error) {
	var all []addedHeader
	for _, h := range list {
		v, err := newText(h.Value)
		if err != nil {
			return nil, err
		}
		all = append(all, addedHeader{h.Name, v, h.Always})
	}
	return all, nil
}

// added are the headers that the location adds to an answer with this status, as
// they go on the wire, each after a line end. As in nginx an empty one is left
// out.
func (q *visit) added(status int) string {
	var b strings.Builder
	q.eachAdded(status, func(name, value string) { b.WriteString("\r\n" + name + ": " + value) })
	return b.String()
}

func (q *visit) eachAdded(status int, add func(name, value string)) {
	if q.loc == nil {
		return
	}
	for i := range q.loc.headers {
		h := &q.loc.headers[i]
		if !h.always && !slices.Contains(addedStatuses, status) {
			continue
		}
		if v := headerValue(h.value.raw(q)); v != "" {
			add(h.name, v)
		}
	}
}

// addedStatuses are those of nginx's add_header without always.
var addedStatuses = []int{200, 201, 204, 206, 301, 302, 303, 304, 307, 308}

// adding is a ResponseWriter that adds the location's headers.
type adding struct {
	http.ResponseWriter
	q     *visit
	wrote bool
}

// WriteHeader adds them.
func (w *adding) WriteHeader(status int) {
	if !w.wrote && status >= http.StatusOK {
		w.wrote = true
		h := w.Header()
		w.q.eachAdded(status, func(name, value string) { h[name] = append(h[name], value) })
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write begins the answer where WriteHeader has not.
func (w *adding) Write(b []byte) (int, error) {
	if !w.wrote {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (w *adding) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// headerValue takes out what would begin another header.
func headerValue(s string) string {
	for i := range len(s) {
		if s[i] < ' ' && s[i] != '\t' || s[i] == 0x7f {
			return ""
		}
	}
	return s
}

// head is the status line and the headers of a response that is written here and
// not by net/http.
type head struct {
	status       string
	contentType  string
	lastModified time.Time // zero: none
	tag          uint64
	hasTag       bool
	length       int  // -1: chunked, or until the connection closes
	keepAlive    bool // else the connection closes
	http10       bool
	origin       string
	gap          string
	snapshot     bool // the body is one
	unbuffered   bool // ask proxies to pass bytes on at once
	exposed      bool // let scripts of other origins read the cursor
	zipped       bool
	added        string // by the location
}

const unknownLength = -1

// append appends the head in the order of the module's.
func (h *head) append(b []byte) []byte {
	b = append(b, "HTTP/1.1 "...)
	b = append(b, h.status...)
	b = append(b, "\r\nDate: "...)
	b = append(b, httpDate()...)
	b = append(b, "\r\nContent-Type: "...)
	b = append(b, h.contentType...)
	if h.length != unknownLength {
		b = append(b, "\r\nContent-Length: "...)
		b = strconv.AppendInt(b, int64(h.length), 10)
	}
	if !h.lastModified.IsZero() {
		b = append(b, "\r\nLast-Modified: "...)
		b = append(b, relay.FormatTime(h.lastModified)...)
	}
	if h.length == unknownLength && !h.http10 {
		b = append(b, "\r\nTransfer-Encoding: chunked"...)
	}
	if h.keepAlive {
		b = append(b, "\r\nConnection: keep-alive"...)
	} else {
		b = append(b, "\r\nConnection: close"...)
	}
	if h.origin != "" {
		b = append(b, "\r\nAccess-Control-Allow-Origin: "...)
		b = append(b, h.origin...)
		b = append(b, "\r\nAccess-Control-Allow-Methods: GET\r\nAccess-Control-Allow-Headers: "+corsHeaders...)
		if h.exposed {
			b = append(b, "\r\nAccess-Control-Expose-Headers: Last-Modified,Etag,"+headerGap...)
			if h.snapshot {
				b = append(b, ","+headerSnapshot...)
			}
		}
	}
	b = append(b, "\r\nExpires: "+expires+"\r\nCache-Control: "+cacheControl...)
	if h.unbuffered {
		b = append(b, "\r\nX-Accel-Buffering: no"...)
	}
	if h.gap != "" {
		b = append(b, "\r\n"+headerGap+": "...)
		b = append(b, h.gap...)
	}
	if h.snapshot {
		b = append(b, "\r\n"+headerSnapshot+": end"...)
	}
	if h.zipped {
		b = append(b, "\r\nContent-Encoding: gzip"...)
	}
	b = append(b, h.added...)
	if h.hasTag {
		b = append(b, "\r\nEtag: W/"...)
		b = strconv.AppendUint(b, h.tag, 10)
	}
	return append(b, "\r\n\r\n"...)
}

// headerGap tells a poll that messages are missing (our own locations).
const headerGap = "X-Alertrelay-Gap"

// date is the current second as an HTTP date.
var date atomic.Pointer[dated]

type dated struct {
	second int64
	text   string
}

// httpDate formats the time once a second: thousands of polls may ask for it.
func httpDate() string {
	now := time.Now()
	d := date.Load()
	if d == nil || d.second != now.Unix() {
		d = &dated{now.Unix(), relay.FormatTime(now)}
		date.Store(d)
	}
	return d.text
}
