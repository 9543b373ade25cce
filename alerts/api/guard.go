package api

import (
	"net/http"
	"slices"
)

// secure sets the headers that every answer carries: it is data, whoever opens it.
func secure(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-cache")
}

// share lets pages of the configured sites read. A request that changes something
// gets no such header, and the answer to its preflight has no method for it.
func (a *api) share(w http.ResponseWriter, r *http.Request) {
	if len(a.o.Origins) == 0 {
		return
	}
	h := w.Header()
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if origin == "" || !slices.Contains(a.o.Origins, origin) && !slices.Contains(a.o.Origins, "*") {
		return
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		h.Set("Access-Control-Expose-Headers", "ETag, "+moreTrailer)
	case http.MethodOptions:
		h.Set("Access-Control-Allow-Methods", "GET, HEAD")
		h.Set("Access-Control-Allow-Headers", "If-None-Match")
		h.Set("Access-Control-Max-Age", "600")
	default:
		return
	}
	if slices.Contains(a.o.Origins, "*") {
		origin = "*"
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
}

// changes guards what changes something: with a token, or without one against
// pages of other sites, which have a visitor's browser send it. The request that
// handle gets knows its author.
func (a *api) changes(handle func(http.ResponseWriter, *http.Request) error) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Cache-Control", "no-store")
		author, guarded, err := a.identify(w, r)
		if err != nil {
			return err
		}
		if !guarded && a.foreign.Check(r) != nil {
			return &refusal{status: http.StatusForbidden, reason: "a page of another site may not change anything here; if it is the relay's own, the proxy in front must keep the header Host"}
		}
		return handle(w, withAuthor(r, author))
	}
}
