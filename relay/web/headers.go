package web

import (
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"alertrelay/relay"
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
func (l *location) origin(r *http.Request) string {
	if l.AllowOrigin == nil {
		return ""
	}
	return headerValue(l.AllowOrigin(r))
}

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
	unbuffered   bool // ask proxies to pass bytes on at once
	exposed      bool // let scripts of other origins read the cursor
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
