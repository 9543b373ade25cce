package web

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strconv"
	"strings"

	"alertrelay/relay/site"
)

// zipTypes are the content types that are compressed, nil for none.
func zipTypes(g *site.Gzip) map[string]bool {
	if !g.On {
		return nil
	}
	types := map[string]bool{"text/html": true}
	for _, t := range g.Types {
		types[strings.ToLower(t)] = true
	}
	return types
}

// compresses reports whether answers of this type and size are compressed, for
// clients that accept it. As in nginx, a type with a charset is another type, and
// unknownLength is long enough.
func (l *location) compresses(contentType string, length int) bool {
	if l.zipTypes == nil || length != unknownLength && int64(length) < l.Gzip.MinLength {
		return false
	}
	return l.zipTypes["*"] || l.zipTypes[strings.ToLower(contentType)]
}

// acceptsGzip reports whether a client, and what is in between, takes it.
func (l *location) acceptsGzip(r *http.Request) bool {
	if !r.ProtoAtLeast(1, 1) && !l.Gzip.HTTP10 || r.Header.Get("Via") != "" { // gzip_proxied is off
		return false
	}
	for item := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
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

// compress compresses an answer whole.
func (l *location) compress(b []byte) []byte {
	var out bytes.Buffer
	z := newZipper(&out, l.Gzip.Level)
	_, _ = z.Write(b) // a Buffer takes everything
	_ = z.Close()
	return out.Bytes()
}

func newZipper(to *bytes.Buffer, level int) *gzip.Writer {
	z, err := gzip.NewWriterLevel(to, level)
	if err != nil { // no such level
		z = gzip.NewWriter(to)
	}
	return z
}
