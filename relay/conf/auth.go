package conf

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
)

// Auth is what a source must show to be let in: any one of Bearer, Basic, Header,
// PathToken and RoutingKey, if there are any, and HMAC too, if it is there. The
// zero value lets everybody in. Several of a kind are for changing a secret
// without a gap.
type Auth struct {
	// Bearer are the tokens of "Authorization: Bearer".
	Bearer []Secret
	// Basic are users with their passwords.
	Basic []Basic
	// Header are headers with their values.
	Header []HeaderSecret
	// PathToken are tokens in the address, /in/t/TOKEN/..., for senders that can
	// set no header. They are of unreserved characters.
	PathToken []Secret
	// RoutingKey are those of PagerDuty's events.
	RoutingKey []Secret
	// HMAC is how the body is signed; nil means that it need not be.
	HMAC *HMAC
}

// Basic is a user of HTTP's basic authentication.
type Basic struct {
	User     string
	Password Secret
}

// HeaderSecret is a header that shows a secret.
type HeaderSecret struct {
	Name  string
	Value Secret
}

// HMAC is a signature of the body in a header: Prefix and then the hex digits of
// HMAC-SHA256.
type HMAC struct {
	// Secrets are those of which one must have signed.
	Secrets []Secret
	// Header has the signature.
	Header string
	// Prefix stands before its digits, "sha256="; empty means nothing.
	Prefix string
	// TimestampHeader has the time of signing in Unix seconds, which then is
	// signed too; empty means that there is none.
	TimestampHeader string
	// MaxAge is how far that time may be away.
	MaxAge time.Duration
}

// APIAuth is what the relay shows to a source's API: one of the two, or nothing.
type APIAuth struct {
	Bearer Secret
	Basic  *Basic
}

const (
	defaultHMACHeader = "X-Grafana-Alerting-Signature" // Grafana's own default
	defaultHMACAge    = 5 * time.Minute
)

// span is what a duration may be.
type span struct {
	low, high time.Duration
	zero      string // what 0 means, if that is possible
}

func hmacAge() span { return span{low: time.Second, high: 24 * time.Hour} }

func (b span) check(d time.Duration) error {
	if d == 0 && b.zero != "" || d >= b.low && d <= b.high {
		return nil
	}
	or := ""
	if b.zero != "" {
		or = ", or 0 for " + b.zero
	}
	return fmt.Errorf("%s is out of range, %s to %s%s", FormatDuration(d), FormatDuration(b.low), FormatDuration(b.high), or)
}

// between is a field of a duration, which stays as it is if that is wrong.
func (r *yamlReader) between(to *time.Duration, b span) field {
	return r.text(func(s string) error {
		d, err := ParseDuration(s)
		if err == nil {
			err = b.check(d)
		}
		if err == nil {
			*to = d
		}
		return err
	})
}

// auth reads what a source must show.
func (r *yamlReader) auth(n ast.Node, key string, a *Auth) {
	keys := fields{
		"basic": r.each(func(n ast.Node, key string) { a.Basic = append(a.Basic, r.basic(n, key)) }),
		"header": r.each(func(n ast.Node, key string) {
			var h HeaderSecret
			keys := fields{"name": r.text(func(s string) error { h.Name = s; return checkHeaderName(s) })}
			r.secret(keys, "value", checkHeaderText, &h.Value)
			r.haveSecret(n, key, "value", r.mapping(n, key, keys, "name"))
			a.Header = append(a.Header, h)
		}),
		"hmac": func(n ast.Node, key string) { a.HMAC = r.hmac(n, key) },
	}
	r.secrets(keys, "bearer", checkToken, &a.Bearer)
	r.secrets(keys, "path_token", checkPathToken, &a.PathToken)
	r.secrets(keys, "routing_key", checkToken, &a.RoutingKey)
	// Who writes the key means to let in not everybody.
	if given := r.mapping(n, key, keys); given != nil && len(given) == 0 {
		r.report(r.place(n), "%s: asks for nothing; name bearer, basic, header, path_token, routing_key or hmac, or leave the key out to let everybody post as this source", key)
	}
}

// basic reads a user and his password.
func (r *yamlReader) basic(n ast.Node, key string) Basic {
	var b Basic
	keys := fields{"user": r.text(func(s string) error { b.User = s; return checkUser(s) })}
	r.secret(keys, "password", checkPassword, &b.Password)
	r.haveSecret(n, key, "password", r.mapping(n, key, keys, "user"))
	return b
}

// hmac reads how the body is signed.
func (r *yamlReader) hmac(n ast.Node, key string) *HMAC {
	h := &HMAC{Header: defaultHMACHeader, MaxAge: defaultHMACAge}
	keys := fields{
		"header":           r.text(func(s string) error { h.Header = s; return checkHeaderName(s) }),
		"prefix":           r.text(func(s string) error { h.Prefix = s; return checkPrefix(s) }),
		"timestamp_header": r.text(func(s string) error { h.TimestampHeader = s; return checkHeaderName(s) }),
		"max_age":          r.between(&h.MaxAge, hmacAge()),
	}
	r.secrets(keys, "secret", checkAnything, &h.Secrets)
	given := r.mapping(n, key, keys)
	if given != nil && given["secret"] == nil && given["secret_file"] == nil {
		r.report(r.place(n), "%s: secret or secret_file is missing", key)
	}
	if age := given["max_age"]; age != nil && given["timestamp_header"] == nil {
		r.report(r.place(age), "%s.max_age: nothing says how old a body is; name the timestamp_header, or leave this out", key)
	}
	return h
}

// apiAuth reads what the relay shows to a source's API.
func (r *yamlReader) apiAuth(n ast.Node, key string, a *APIAuth) {
	keys := fields{"basic": func(n ast.Node, key string) {
		b := r.basic(n, key)
		a.Basic = &b
	}}
	r.secret(keys, "bearer", checkToken, &a.Bearer)
	given := r.mapping(n, key, keys)
	switch basic, bearer := given["basic"], given["bearer"] != nil || given["bearer_file"] != nil; {
	case given == nil:
	case len(given) == 0:
		r.report(r.place(n), "%s: shows nothing; name bearer or basic, or leave the key out", key)
	case basic != nil && bearer:
		r.report(r.place(basic), "%s: bearer and basic exclude each other, because a request shows one of them; leave one out", key)
	case bearer:
		r.haveSecret(n, key, "bearer", given)
	}
}

func checkUser(s string) error {
	switch {
	case s == "":
		return errors.New("is empty")
	case hasControl(s) || strings.Contains(s, ":"):
		return errors.New("has a colon or a control character, which no user can have")
	}
	return nil
}

func checkPrefix(s string) error {
	if hasControl(s) {
		return errors.New("has a control character, which no header can have")
	}
	return nil
}
