package alerts

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Secret is a secret of the configuration. It prints as "(secret)", also in JSON
// and logs.
type Secret string

const hiddenSecret = "(secret)"

// String returns "(secret)".
func (Secret) String() string { return hiddenSecret }

// GoString returns "(secret)".
func (Secret) GoString() string { return hiddenSecret }

// MarshalText returns "(secret)".
func (Secret) MarshalText() ([]byte, error) { return []byte(hiddenSecret), nil }

// Credentials are what a source's sender must show. The zero value lets everybody
// in. One of Bearer, Basic, Headers, PathTokens and RoutingKeys is enough: with
// two of them a secret can be changed while senders still use the old one. An
// empty secret fits nothing.
type Credentials struct {
	// Bearer are tokens in "Authorization: Bearer".
	Bearer []Secret
	// Basic are users in "Authorization: Basic".
	Basic []BasicUser
	// Headers are headers, each with its whole value.
	Headers []HeaderSecret
	// PathTokens are tokens in the address, for senders that can do nothing else.
	// They need PathToken.
	PathTokens []Secret
	// RoutingKeys stand in the body, where Decoder finds them: Batch.Key.
	RoutingKeys []Secret
	// HMAC is a signature of the body. If it is not nil it must fit, whatever else
	// is shown.
	HMAC *HMAC
}

// BasicUser is a user with a password.
type BasicUser struct {
	Name     string
	Password Secret
}

// HeaderSecret is a header that has a secret value.
type HeaderSecret struct {
	Name  string
	Value Secret
}

// HMAC is how a sender signs: HMAC-SHA256 in hex, as Grafana and Sentry do.
type HMAC struct {
	// Secrets are the keys; one of them must fit.
	Secrets []Secret
	// Header has the signature; "" means X-Grafana-Alerting-Signature. Sentry's is
	// Sentry-Hook-Signature.
	Header string
	// Prefix stands before the signature, as in "sha256=".
	Prefix string
	// TimestampHeader has the time of signing in Unix seconds. If it is set, what
	// is signed is that, a colon, and the body; "" means the body only, and then an
	// old request can be posted again by whoever has seen it.
	TimestampHeader string
	// MaxAge is how far the timestamp may be away from our clock, 5 m.
	MaxAge time.Duration
}

const (
	defaultSignatureHeader = "X-Grafana-Alerting-Signature"
	defaultMaxAge          = 5 * time.Minute
)

// Check says which secret is empty or missing, by the field's name. Such
// credentials are safe: they let nobody in.
func (c *Credentials) Check() error {
	empty := func(secrets []Secret) bool { return slices.Contains(secrets, "") }
	switch {
	case empty(c.Bearer):
		return errors.New("alerts: Bearer: a token is empty")
	case empty(c.PathTokens):
		return errors.New("alerts: PathTokens: a token is empty")
	case empty(c.RoutingKeys):
		return errors.New("alerts: RoutingKeys: a key is empty")
	case c.HMAC != nil && (len(c.HMAC.Secrets) == 0 || empty(c.HMAC.Secrets)):
		return errors.New("alerts: HMAC: a secret is empty or missing")
	case c.HMAC != nil && c.HMAC.MaxAge < 0:
		return errors.New("alerts: HMAC: MaxAge must not be negative")
	}
	for _, t := range c.PathTokens {
		if strings.Contains(string(t), "/") {
			return errors.New("alerts: PathTokens: a token has a slash in it")
		}
	}
	for _, u := range c.Basic {
		if u.Name == "" || u.Password == "" {
			return errors.New("alerts: Basic: a name or password is empty")
		}
	}
	for _, h := range c.Headers {
		if h.Name == "" || h.Value == "" {
			return errors.New("alerts: Headers: a name or value is empty")
		}
	}
	return nil
}

// authError is told to a sender whose credentials are missing or do not fit.
type authError struct {
	text       string
	challenges []string // for WWW-Authenticate
}

func (e *authError) Error() string { return e.text }

func unauthorized(text string, challenges ...string) error {
	return &refusal{http.StatusUnauthorized, reasonAuth, &authError{text, challenges}}
}

// admission is what is left to check of a request, after its headers were.
type admission struct {
	credentials *Credentials
	keyNeeded   bool   // one of RoutingKeys must be in the body
	signature   []byte // that the body must have, if there is an HMAC
	timestamp   string // that is signed together with the body
}

// admit checks what can be before the body is read. Its error is a *refusal.
// c may be nil.
func (c *Credentials) admit(r *http.Request, now time.Time) (*admission, error) {
	if c == nil {
		c = &Credentials{}
	}
	a := &admission{credentials: c}
	inHeaders := len(c.Bearer) + len(c.Basic) + len(c.Headers) + len(c.PathTokens)
	if inHeaders+len(c.RoutingKeys) > 0 && !c.shown(r) {
		if len(c.RoutingKeys) == 0 {
			return nil, unauthorized("the credentials of this source are missing or do not fit", c.challenges()...)
		}
		a.keyNeeded = true
	}
	if c.HMAC == nil {
		return a, nil
	}
	var err error
	a.signature, a.timestamp, err = c.HMAC.fromHeaders(r.Header, now)
	return a, err
}

// shown reports whether one of the credentials outside of the body fits. All of
// them are tried, so that the time does not tell which one was close.
func (c *Credentials) shown(r *http.Request) bool {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		token = ""
	}
	ok := oneFits(strings.TrimSpace(token), c.Bearer)
	if name, password, has := r.BasicAuth(); has {
		for _, u := range c.Basic {
			nameFits := oneFits(name, []Secret{Secret(u.Name)})
			ok = oneFits(password, []Secret{u.Password}) && nameFits || ok
		}
	}
	for _, h := range c.Headers {
		ok = oneFits(r.Header.Get(h.Name), []Secret{h.Value}) || ok
	}
	token, _ = r.Context().Value(pathTokenKey{}).(string)
	return oneFits(token, c.PathTokens) || ok
}

// challenges are of the schemes that HTTP has a name for.
func (c *Credentials) challenges() []string {
	var s []string
	if len(c.Bearer) > 0 {
		s = append(s, `Bearer realm="alerts"`)
	}
	if len(c.Basic) > 0 {
		s = append(s, `Basic realm="alerts", charset="UTF-8"`)
	}
	return s
}

// oneFits compares in a time that depends on the length of shown and on the
// number of secrets only.
func oneFits(shown string, secrets []Secret) bool {
	got := sha256.Sum256([]byte(shown))
	fits := 0
	for _, s := range secrets {
		want := sha256.Sum256([]byte(s))
		fits |= subtle.ConstantTimeCompare(got[:], want[:])
	}
	return fits == 1 && shown != ""
}

// fromHeaders returns the signature and the timestamp.
func (h *HMAC) fromHeaders(header http.Header, now time.Time) (signature []byte, timestamp string, err error) {
	name := h.Header
	if name == "" {
		name = defaultSignatureHeader
	}
	value := header.Get(name)
	if value == "" {
		return nil, "", unauthorized(name + ": is missing; the sender must sign with this source's secret")
	}
	text, ok := strings.CutPrefix(value, h.Prefix)
	if ok {
		signature, err = hex.DecodeString(text)
	}
	if !ok || err != nil {
		return nil, "", unauthorized(fmt.Sprintf("%s: must be an HMAC-SHA256 in hex, with %q before it", name, h.Prefix))
	}
	if h.TimestampHeader == "" {
		return signature, "", nil
	}
	timestamp = header.Get(h.TimestampHeader)
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return nil, "", unauthorized(h.TimestampHeader + ": is missing, or is no time in Unix seconds")
	}
	maxAge := h.MaxAge
	if maxAge == 0 {
		maxAge = defaultMaxAge
	}
	// A signature from the future is as bad as an old one: it can be kept.
	if age := now.Sub(time.Unix(seconds, 0)); age > maxAge || age < -maxAge {
		return nil, "", unauthorized(fmt.Sprintf("%s: is more than %s away from our clock", h.TimestampHeader, maxAge))
	}
	return signature, timestamp, nil
}

// checkBody checks the signature of the body. Its error is a *refusal.
func (a *admission) checkBody(body []byte) error {
	h := a.credentials.HMAC
	if h == nil {
		return nil
	}
	fits := false
	for _, s := range h.Secrets {
		mac := hmac.New(sha256.New, []byte(s))
		if h.TimestampHeader != "" {
			mac.Write([]byte(a.timestamp))
			mac.Write([]byte(":"))
		}
		mac.Write(body)
		fits = hmac.Equal(mac.Sum(nil), a.signature) && s != "" || fits
	}
	if !fits {
		return unauthorized("the signature of the body does not fit; it must be made with this source's secret, and nothing on the way may change the body")
	}
	return nil
}

// checkKey checks the key that stood in the body. Its error is a *refusal.
func (a *admission) checkKey(key string) error {
	if a.keyNeeded && !oneFits(key, a.credentials.RoutingKeys) {
		return unauthorized("the credentials of this source are missing or do not fit, the key in the body among them", a.credentials.challenges()...)
	}
	return nil
}

// pathTokenKey is the context's key of the token that stood in the address.
type pathTokenKey struct{}

// pathTokenPrefix is what an address with a token begins with.
const pathTokenPrefix = "/in/t/"

// PathToken takes the token out of addresses such as
// "/in/t/{token}/alertmanager/{source}", so that next sees
// "/in/alertmanager/{source}", and Credentials the token. Other addresses pass
// through as they are. It belongs around everything that may log an address.
func PathToken(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rest, ok := strings.CutPrefix(r.URL.EscapedPath(), pathTokenPrefix)
		if !ok {
			next.ServeHTTP(w, r)
			return
		}
		token, rest, ok := strings.Cut(rest, "/")
		rest = "/in/" + rest
		plain, err := url.PathUnescape(rest)
		if err == nil {
			token, err = url.PathUnescape(token)
		}
		if !ok || err != nil {
			http.NotFound(w, r)
			return
		}
		address := *r.URL
		address.Path, address.RawPath = plain, rest
		r = r.WithContext(context.WithValue(r.Context(), pathTokenKey{}, token))
		r.URL, r.RequestURI = &address, address.RequestURI()
		next.ServeHTTP(w, r)
	})
}
