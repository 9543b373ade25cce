package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"slices"
	"strings"
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

// changes guards what changes something: with the token, or without one against
// pages of other sites, which have a visitor's browser send it.
func (a *api) changes(handle func(http.ResponseWriter, *http.Request) error) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Cache-Control", "no-store")
		if want := a.o.Token(); want != "" {
			if err := authorize(w, r, want); err != nil {
				return err
			}
			return handle(w, r)
		}
		if a.foreign.Check(r) != nil {
			return &refusal{status: http.StatusForbidden, reason: "a page of another site may not change anything here; if it is the relay's own, the proxy in front must keep the header Host"}
		}
		return handle(w, r)
	}
}

func authorize(w http.ResponseWriter, r *http.Request, wanted string) error {
	const realm = `Bearer realm="alertrelay"`
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		w.Header().Set("WWW-Authenticate", realm)
		return &refusal{status: http.StatusUnauthorized, reason: "a token is wanted: Authorization: Bearer …"}
	}
	// Sums are of the same length, so the comparison tells nothing of the token's.
	got, want := sha256.Sum256([]byte(strings.TrimSpace(token))), sha256.Sum256([]byte(wanted))
	if subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
		w.Header().Set("WWW-Authenticate", realm+`, error="invalid_token"`)
		return &refusal{status: http.StatusUnauthorized, reason: "the token is not the right one"}
	}
	return nil
}
