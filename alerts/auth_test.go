package alerts_test

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"alertrelay/alerts"
)

// only makes c the credentials of the source "am", and of no other.
func only(c *alerts.Credentials) func(string) (*alerts.Credentials, bool) {
	return func(source string) (*alerts.Credentials, bool) { return c, source == "am" }
}

func basic(name, password string) http.Header {
	r := &http.Request{Header: http.Header{}}
	r.SetBasicAuth(name, password)
	return r.Header
}

func TestCredentials(t *testing.T) {
	bearer := func(s string) http.Header { return http.Header{"Authorization": {s}} }
	all := alerts.Credentials{
		Bearer: []alerts.Secret{"old", "new"}, Basic: []alerts.BasicUser{{Name: "am", Password: "pw"}, {Name: "b", Password: "other"}},
		Headers: []alerts.HeaderSecret{{Name: "X-Token", Value: "h"}}, PathTokens: []alerts.Secret{"p t"},
	}
	const path = "/in/x/am"
	tests := []struct {
		name   string
		c      *alerts.Credentials
		path   string
		header http.Header
		status int
		asks   string // WWW-Authenticate
	}{
		{"nil", nil, path, nil, 200, ""},
		{"zero value", &alerts.Credentials{}, path, nil, 200, ""},
		{"nothing shown", &all, path, nil, 401, `Bearer realm="alerts", Basic realm="alerts", charset="UTF-8"`},
		{"old token", &all, path, bearer("Bearer old"), 200, ""},
		{"new token", &all, path, bearer("bearer  new"), 200, ""},
		{"wrong token", &all, path, bearer("Bearer olD"), 401, `Bearer realm="alerts", Basic realm="alerts", charset="UTF-8"`},
		{"part of a token", &all, path, bearer("Bearer ol"), 401, `Bearer realm="alerts", Basic realm="alerts", charset="UTF-8"`},
		{"no token", &all, path, bearer("Bearer "), 401, `Bearer realm="alerts", Basic realm="alerts", charset="UTF-8"`},
		{"another scheme", &all, path, bearer("Token old"), 401, `Bearer realm="alerts", Basic realm="alerts", charset="UTF-8"`},
		{"user", &all, path, basic("am", "pw"), 200, ""},
		{"second user", &all, path, basic("b", "other"), 200, ""},
		{"password of another user", &all, path, basic("am", "other"), 401, `Bearer realm="alerts", Basic realm="alerts", charset="UTF-8"`},
		{"no password", &all, path, basic("am", ""), 401, `Bearer realm="alerts", Basic realm="alerts", charset="UTF-8"`},
		{"header", &all, path, http.Header{"X-Token": {"h"}}, 200, ""},
		{"wrong header", &all, path, http.Header{"X-Token": {"H"}}, 401, `Bearer realm="alerts", Basic realm="alerts", charset="UTF-8"`},
		{"token in the address", &all, "/in/t/p%20t/x/am", nil, 200, ""},
		{"wrong token in the address", &all, "/in/t/pt/x/am", nil, 401, `Bearer realm="alerts", Basic realm="alerts", charset="UTF-8"`},
		{"token in an address without need", nil, "/in/t/pt/x/am", nil, 200, ""},
		{"right one beside a wrong one", &all, "/in/t/pt/x/am", bearer("Bearer new"), 200, ""},
		{"only a header", &alerts.Credentials{Headers: []alerts.HeaderSecret{{Name: "Authorization", Value: "Token token=k"}}}, path, bearer("Token token=k"), 200, ""},
		{"only a header, missing", &alerts.Credentials{Headers: []alerts.HeaderSecret{{Name: "Authorization", Value: "Token token=k"}}}, path, nil, 401, ""},
		{"empty token is none", &alerts.Credentials{Bearer: []alerts.Secret{""}}, path, bearer("Bearer "), 401, `Bearer realm="alerts"`},
		{"empty header is none", &alerts.Credentials{Headers: []alerts.HeaderSecret{{Name: "X-Token"}}}, path, http.Header{"X-Token": {""}}, 401, ""},
		{"empty password is none", &alerts.Credentials{Basic: []alerts.BasicUser{{Name: "am"}}}, path, basic("am", ""), 401, `Basic realm="alerts", charset="UTF-8"`},
		{"empty path token is none", &alerts.Credentials{PathTokens: []alerts.Secret{""}}, "/in/t//x/am", nil, 401, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			reg := prometheus.NewRegistry()
			srv, recorder := serveSender(t, alerts.Alertmanager(), alerts.Options{Credentials: only(tt.c), Metrics: alerts.NewMetrics(reg)})
			status, answer, header := send(t, srv, http.MethodPost, tt.path, body(plainAlert), tt.header)
			if status != tt.status || (recorder.taken() == 1) != (status == 200) {
				t.Errorf("got %d %s, want %d", status, answer, tt.status)
			}
			if got := strings.Join(header.Values("WWW-Authenticate"), ", "); got != tt.asks {
				t.Errorf("got WWW-Authenticate %q, want %q", got, tt.asks)
			}
			if got := series(t, reg, "alertrelay_alerts_refused_requests_total")["auth"]; (got == 1) != (status == 401) {
				t.Errorf("got %v refusals counted", got)
			}
		})
	}
}

func TestUnknownSource(t *testing.T) {
	srv, recorder := serveSender(t, alerts.Alertmanager(), alerts.Options{Credentials: only(nil)})
	status, answer, _ := send(t, srv, http.MethodPost, "/in/x/other", body(plainAlert), nil)
	if status != 404 || !strings.Contains(answer, "add sources.other to the configuration") || recorder.taken() != 0 {
		t.Errorf("got %d %s, want 404", status, answer)
	}
}

// What headers tell is checked before the body is there.
func TestCredentialsBeforeTheBody(t *testing.T) {
	for name, c := range map[string]*alerts.Credentials{
		"token":     {Bearer: []alerts.Secret{"x"}},
		"signature": {HMAC: &alerts.HMAC{Secrets: []alerts.Secret{"x"}}},
	} {
		t.Run(name, func(t *testing.T) {
			in, err := alerts.New(alerts.Options{Recorder: &taker{}, Credentials: only(c)})
			must(t, err)
			w := httptest.NewRecorder()
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", untouchable{t})
			r.SetPathValue("source", "am")
			in.Handler(alerts.Alertmanager()).ServeHTTP(w, r)
			if w.Code != 401 {
				t.Errorf("got %d, want 401", w.Code)
			}
		})
	}
}

type untouchable struct{ t *testing.T }

func (u untouchable) Read([]byte) (int, error) {
	u.t.Error("the body was read")
	return 0, os.ErrClosed
}

// The key in the body is one more credential that is enough.
func TestRoutingKey(t *testing.T) {
	keyed := alerts.Sender{Decode: func(source string, _ http.Header, body []byte) (alerts.Batch, error) {
		if bytes.Equal(body, []byte("unmapped")) {
			return alerts.Batch{}, &alerts.UnmappedError{Reason: "no rule fits"}
		}
		return alerts.Batch{Source: source, Key: string(body), Alerts: make([]alerts.Alert, 1)}, nil
	}}
	key := &alerts.Credentials{RoutingKeys: []alerts.Secret{"k1", "k2"}}
	either := &alerts.Credentials{RoutingKeys: []alerts.Secret{"k1"}, Bearer: []alerts.Secret{"b"}}
	tests := []struct {
		name   string
		c      *alerts.Credentials
		header http.Header
		body   string
		status int
	}{
		{"right", key, nil, "k1", 200},
		{"the other", key, nil, "k2", 200},
		{"wrong", key, nil, "k3", 401},
		{"none", key, nil, "", 401},
		{"not needed", &alerts.Credentials{}, nil, "k3", 200},
		{"key without a token", either, nil, "k1", 200},
		{"token without a key", either, http.Header{"Authorization": {"Bearer b"}}, "", 200},
		{"neither", either, http.Header{"Authorization": {"Bearer k1"}}, "b", 401},
		{"a body without meaning is nobody's", key, nil, "unmapped", 401},
		{"a body without meaning", &alerts.Credentials{}, nil, "unmapped", 422},
		{"empty key is none", &alerts.Credentials{RoutingKeys: []alerts.Secret{""}}, nil, "", 401},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			srv, recorder := serveSender(t, keyed, alerts.Options{Credentials: only(tt.c)})
			status, answer, _ := send(t, srv, http.MethodPost, "/in/x/am", tt.body, tt.header)
			if status != tt.status || (recorder.taken() == 1) != (status == 200) {
				t.Errorf("got %d %s, want %d", status, answer, tt.status)
			}
		})
	}
}

// captured is the headers of a request that Grafana's own library has made.
func captured(t *testing.T, name string) (header http.Header, body string) {
	t.Helper()
	head, err := os.ReadFile("testdata/grafana/" + name + ".headers.txt")
	must(t, err)
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(strings.TrimSpace(string(head)) + "\r\n\r\n")))
	must(t, err)
	r.Header.Del("Accept-Encoding")
	r.Header.Del("Connection")
	b, err := os.ReadFile("testdata/grafana/" + name + ".json")
	must(t, err)
	return r.Header, string(b)
}

func TestGrafanaSignatures(t *testing.T) {
	const signature, stamp = "X-Grafana-Alerting-Signature", "X-Grafana-Alerting-Timestamp"
	signed := time.Unix(1795332213, 0)
	withTime := alerts.HMAC{Secrets: []alerts.Secret{"s3cret"}, TimestampHeader: stamp}
	tests := []struct {
		name, file string
		h          alerts.HMAC
		after      time.Duration // that the request takes
		change     func(header http.Header, body *string)
		status     int
		want       string
	}{
		{"as it was", "firing-hmac", withTime, time.Second, nil, 200, ""},
		{"without a timestamp", "firing-hmac-nots", alerts.HMAC{Secrets: []alerts.Secret{"s3cret"}}, 1e9 * time.Second, nil, 200, ""},
		{"second secret", "firing-hmac", alerts.HMAC{Secrets: []alerts.Secret{"n3w", "s3cret"}, TimestampHeader: stamp}, 0, nil, 200, ""},
		{"wrong secret", "firing-hmac", alerts.HMAC{Secrets: []alerts.Secret{"s3creT"}, TimestampHeader: stamp}, 0, nil, 401, "the signature of the body does not fit"},
		{"no secret", "firing-hmac", alerts.HMAC{TimestampHeader: stamp}, 0, nil, 401, "the signature of the body does not fit"},
		{"one byte of the body changed", "firing-hmac", withTime, 0, func(_ http.Header, body *string) {
			*body = strings.Replace(*body, "db-01", "db-02", 1)
		}, 401, "the signature of the body does not fit"},
		{"one digit of the signature changed", "firing-hmac", withTime, 0, func(h http.Header, _ *string) {
			h.Set(signature, "d"+h.Get(signature)[1:])
		}, 401, "the signature of the body does not fit"},
		{"half a signature", "firing-hmac", withTime, 0, func(h http.Header, _ *string) {
			h.Set(signature, h.Get(signature)[:32])
		}, 401, "the signature of the body does not fit"},
		{"timestamp changed", "firing-hmac", withTime, 0, func(h http.Header, _ *string) {
			h.Set(stamp, "1795332214")
		}, 401, "the signature of the body does not fit"},
		{"timestamp not signed", "firing-hmac-nots", withTime, 0, func(h http.Header, _ *string) {
			h.Set(stamp, "1795332213")
		}, 401, "the signature of the body does not fit"},
		{"no timestamp", "firing-hmac-nots", withTime, 0, nil, 401, stamp + ": is missing"},
		{"timestamp no number", "firing-hmac", withTime, 0, func(h http.Header, _ *string) { h.Set(stamp, "now") }, 401, stamp + ": is missing"},
		{"5 m old", "firing-hmac", withTime, 5 * time.Minute, nil, 200, ""},
		{"older than 5 m", "firing-hmac", withTime, 5*time.Minute + time.Second, nil, 401, stamp + ": is more than 5m0s away"},
		{"from the future", "firing-hmac", withTime, -5*time.Minute - time.Second, nil, 401, stamp + ": is more than 5m0s away"},
		{"older than what is set", "firing-hmac", alerts.HMAC{Secrets: []alerts.Secret{"s3cret"}, TimestampHeader: stamp, MaxAge: time.Minute}, 61 * time.Second, nil, 401, stamp + ": is more than 1m0s away"},
		{"no signature", "resolved", withTime, 0, nil, 401, signature + ": is missing"},
		{"signature no hex", "firing-hmac", withTime, 0, func(h http.Header, _ *string) { h.Set(signature, "12345x") }, 401, signature + ": must be an HMAC-SHA256 in hex"},
		{"prefix missing", "firing-hmac", alerts.HMAC{Secrets: []alerts.Secret{"s3cret"}, TimestampHeader: stamp, Prefix: "sha256="}, 0, nil, 401, signature + ": must be an HMAC-SHA256 in hex, with \"sha256=\" before it"},
		{"prefix", "firing-hmac", alerts.HMAC{Secrets: []alerts.Secret{"s3cret"}, TimestampHeader: stamp, Prefix: "sha256="}, 0, func(h http.Header, _ *string) {
			h.Set(signature, "sha256="+h.Get(signature))
		}, 200, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			srv, recorder := serveSender(t, alerts.Grafana(), alerts.Options{
				Credentials: only(&alerts.Credentials{HMAC: &tt.h}), Now: func() time.Time { return signed.Add(tt.after) },
			})
			header, body := captured(t, "grafana-alerting-"+tt.file)
			if tt.change != nil {
				tt.change(header, &body)
			}
			status, answer, _ := send(t, srv, http.MethodPost, "/in/x/am", body, header)
			if status != tt.status || (recorder.taken() > 0) != (status == 200) || status != 200 && !strings.HasPrefix(answer, tt.want) {
				t.Errorf("got %d %s, want %d %s", status, answer, tt.status, tt.want)
			}
		})
	}
}

// A signature does not stand for the other credentials, nor they for it.
func TestSignatureAndToken(t *testing.T) {
	const secret = "sentry's"
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body(plainAlert)))
	signature := strings.ToUpper(hex.EncodeToString(mac.Sum(nil)))
	srv, _ := serveSender(t, alerts.Alertmanager(), alerts.Options{Credentials: only(&alerts.Credentials{
		Bearer: []alerts.Secret{"b"}, HMAC: &alerts.HMAC{Secrets: []alerts.Secret{secret}, Header: "Sentry-Hook-Signature"},
	})})
	for _, tt := range []struct {
		token, signature string
		status           int
	}{{"Bearer b", signature, 200}, {"Bearer b", "", 401}, {"", signature, 401}, {"Bearer b", signature[2:] + "00", 401}} {
		header := http.Header{"Authorization": {tt.token}, "Sentry-Hook-Signature": {tt.signature}}
		if status, answer, _ := send(t, srv, http.MethodPost, "/in/x/am", body(plainAlert), header); status != tt.status {
			t.Errorf("%q %q: got %d %s, want %d", tt.token, tt.signature, status, answer, tt.status)
		}
	}
}

// Nothing that was shown, or should have been, is in an answer or in the log.
func TestSecretsAreNotTold(t *testing.T) {
	var log bytes.Buffer
	srv, _ := serveSender(t, alerts.Alertmanager(), alerts.Options{
		Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Credentials: only(&alerts.Credentials{
			Bearer: []alerts.Secret{"secret1"}, Basic: []alerts.BasicUser{{Name: "am", Password: "secret2"}}, PathTokens: []alerts.Secret{"secret3"},
			Headers: []alerts.HeaderSecret{{Name: "X-Token", Value: "secret4"}}, RoutingKeys: []alerts.Secret{"secret5"},
		}),
	})
	told := ""
	for _, path := range []string{"/in/t/secret3/x/am", "/in/t/secret6/x/am", "/in/t/secret6/x/other", "/in/t/secret6/x/Am", "/in/t/secret6/y/am", "/in/t/secret6", "/in/t/secret6%zz"} {
		for _, header := range []http.Header{basic("am", "secret7"), {"Authorization": {"Bearer secret8"}, "X-Token": {"secret9"}}} {
			req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body(plainAlert)))
			req.URL.Path, req.Header = path, header
			w := httptest.NewRecorder()
			srv.Config.Handler.ServeHTTP(w, req)
			told += fmt.Sprintln(w.Code, w.Header(), w.Body)
		}
	}
	if !strings.Contains(log.String(), "status=401") || !strings.Contains(told, "401") {
		t.Errorf("got log %s, answers %s", &log, told)
	}
	if strings.Contains(log.String()+told, "secret") {
		t.Errorf("a secret is in the log or an answer: %s\n%s", &log, told)
	}
}

func TestSecretPrintsNothing(t *testing.T) {
	c := alerts.Credentials{Bearer: []alerts.Secret{"hunter2"}, Basic: []alerts.BasicUser{{Name: "am", Password: "hunter2"}}, HMAC: &alerts.HMAC{Secrets: []alerts.Secret{"hunter2"}}}
	var b bytes.Buffer
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", "c", c, "h", c.HMAC, "s", c.Bearer[0])
	slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "c", c, "h", c.HMAC, "s", c.Bearer[0])
	text, err := json.Marshal(c)
	must(t, err)
	fmt.Fprintf(&b, "%s %v %+v %#v %s %q %x", text, c, c, c, c.Bearer, c.Bearer, c.Bearer)
	if strings.Contains(b.String(), "hunter2") || strings.Contains(b.String(), hex.EncodeToString([]byte("hunter2"))) || !strings.Contains(b.String(), "(secret)") {
		t.Errorf("got %s", &b)
	}
}

func TestCredentialsCheck(t *testing.T) {
	for want, c := range map[string]alerts.Credentials{
		"Bearer":         {Bearer: []alerts.Secret{"a", ""}},
		"Basic":          {Basic: []alerts.BasicUser{{Name: "a"}}},
		"Headers":        {Headers: []alerts.HeaderSecret{{Value: "a"}}},
		"PathTokens":     {PathTokens: []alerts.Secret{""}},
		"has a slash":    {PathTokens: []alerts.Secret{"a/b"}},
		"RoutingKeys":    {RoutingKeys: []alerts.Secret{""}},
		"HMAC: a secret": {HMAC: &alerts.HMAC{}},
		"HMAC: MaxAge":   {HMAC: &alerts.HMAC{Secrets: []alerts.Secret{"a"}, MaxAge: -1}},
	} {
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	good := alerts.Credentials{Bearer: []alerts.Secret{"a"}, HMAC: &alerts.HMAC{Secrets: []alerts.Secret{"a"}}}
	must(t, good.Check(), (&alerts.Credentials{}).Check())
}

func TestPathToken(t *testing.T) {
	for address, want := range map[string]string{
		"/in/t/tok/alertmanager/am":        "/in/alertmanager/am",
		"/in/t/tok/alertmanager/a%2Fb?x=y": "/in/alertmanager/a%2Fb?x=y",
		"/in/t/t%2Fk/alertmanager/am":      "/in/alertmanager/am",
		"/in/t/tok/":                       "/in/",
		"/in/alertmanager/am?x=y":          "/in/alertmanager/am?x=y",
		"/in/t":                            "/in/t",
		"/in/t/tok":                        "404",
		"/other/in/t/tok/alertmanager/am":  "/other/in/t/tok/alertmanager/am",
	} {
		t.Run(address, func(t *testing.T) {
			w := httptest.NewRecorder()
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, address, nil)
			alerts.PathToken(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if r.RequestURI != want || r.URL.RequestURI() != want {
					t.Errorf("got %s and %s, want %s", r.RequestURI, r.URL, want)
				}
			})).ServeHTTP(w, r)
			if (w.Code == http.StatusNotFound) != (want == "404") {
				t.Errorf("got %d", w.Code)
			}
			if r.RequestURI != address {
				t.Errorf("the request of the caller is now %s", r.RequestURI)
			}
		})
	}
}
