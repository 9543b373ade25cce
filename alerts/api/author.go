package api

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"log/slog"
	"net/http"
	"strings"

	"alertrelay/alerts"
)

// NamedToken is a token of one person or script. A name may have several, while one
// takes the place of another.
type NamedToken struct {
	// Name is the author of what is changed with the token, as Person's by would be.
	Name string
	// Token is what is shown. It is not empty.
	Token alerts.Secret
}

// identify finds out whose token a request shows. author is empty if the token
// does not say; guarded is false if none is wanted.
func (a *api) identify(w http.ResponseWriter, r *http.Request) (author string, guarded bool, err error) {
	shared, named := a.o.Token(), a.o.Tokens()
	if shared == "" && len(named) == 0 {
		return "", false, nil
	}
	const realm = `Bearer realm="alertrelay"`
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		w.Header().Set("WWW-Authenticate", realm)
		return "", true, &refusal{status: http.StatusUnauthorized, reason: "a token is wanted: Authorization: Bearer …"}
	}
	// Sums are of the same length, so a comparison tells nothing of a token's; and
	// all are made, so the time tells not which one it was.
	got := sha256.Sum256([]byte(strings.TrimSpace(token)))
	same := func(wanted string) int {
		want := sha256.Sum256([]byte(wanted))
		return subtle.ConstantTimeCompare(got[:], want[:])
	}
	good, at := 0, len(named)
	if shared != "" {
		good = same(shared)
	}
	for i := range named {
		is := same(string(named[i].Token))
		good |= is
		at = subtle.ConstantTimeSelect(is, i, at)
	}
	switch {
	case good != 1:
		w.Header().Set("WWW-Authenticate", realm+`, error="invalid_token"`)
		return "", true, &refusal{status: http.StatusUnauthorized, reason: "the token is not the right one"}
	case at < len(named):
		author = named[at].Name
	}
	return author, true, nil
}

// authorKey is the key of a request's author in its context.
type authorKey struct{}

func withAuthor(r *http.Request, name string) *http.Request {
	if name == "" {
		return r
	}
	return r.WithContext(context.WithValue(r.Context(), authorKey{}, name))
}

// authorOf is the name that a request's token says; empty if it says none.
func authorOf(r *http.Request) string {
	name, _ := r.Context().Value(authorKey{}).(string)
	return name
}

// signed puts the author that the token says in the place of the one that a field
// of the request says. Another one there is refused and not passed over: who has
// taken somebody's token by mistake should not act in his name.
func signed(r *http.Request, field string, by *string) error {
	author := authorOf(r)
	if author == "" {
		return nil
	}
	if given := strings.TrimSpace(*by); given != "" && given != author {
		return &refusal{
			status: http.StatusForbidden, field: field,
			reason: fmt.Sprintf("%s: is not the name of the token, which is %q; leave it out, or show the token of who it should be", field, author),
		}
	}
	*by = author
	return nil
}

// logOf is the log with where a change comes from, and with its author if the token
// says one.
func (a *api) logOf(r *http.Request) *slog.Logger {
	log := a.log.With("remote", r.RemoteAddr)
	if author := authorOf(r); author != "" {
		log = log.With("author", author)
	}
	return log
}

// whoami answers with the name that the token says. It wants of a request what a
// change wants, so that a page can ask for the token before something is written.
func (a *api) whoami(w http.ResponseWriter, r *http.Request) error {
	if p := query(r); p.err != nil {
		return p.err
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Add("Vary", "Authorization")
	author, _, err := a.identify(w, r)
	if err != nil {
		return err
	}
	answer(w, r, http.StatusOK, struct {
		Name string `json:"name,omitempty"`
	}{author})
	return nil
}
