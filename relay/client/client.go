package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Client talks to one relay. It may be used by several goroutines at once.
type Client struct {
	base  string // URL without a slash at the end
	http  *http.Client
	token string // for the API; empty for none
}

// New makes a client of the relay at server, "http://127.0.0.1:8080". A path in
// it is kept, for relays behind a proxy. Nothing is connected yet.
func New(server string) (*Client, error) {
	if !strings.Contains(server, "://") {
		server = "http://" + server
	}
	u, err := url.Parse(server)
	if err != nil {
		// Without what was given: there may be a password in it.
		return nil, errors.New("client: the server is no URL; write http://host:port")
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("client: the server's URL has the scheme %q; write http://host:port or https://host", u.Scheme)
	case u.Host == "":
		return nil, errors.New("client: the server's URL has no host; write http://host:port")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, errors.New("client: the server's URL must end with its path")
	}
	return &Client{
		base: strings.TrimSuffix(u.String(), "/"),
		// No timeout over all: streams have no end. Each read has one.
		http: &http.Client{CheckRedirect: sameMethod, Transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
			TLSHandshakeTimeout: 10 * time.Second,
			DisableCompression:  true, // it would hold messages back
			MaxIdleConnsPerHost: 16,
			IdleConnTimeout:     60 * time.Second,
		}},
	}, nil
}

// sameMethod does not follow a redirect that makes a GET of a POST (301 to 303):
// the GET would be answered with 200, and nothing would be published.
func sameMethod(req *http.Request, via []*http.Request) error {
	if len(via) >= 10 || req.Method != via[0].Method {
		return http.ErrUseLastResponse
	}
	return nil
}

// Close gives up connections that are kept for later.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Publication is a message to publish.
type Publication struct {
	// Channels get the message, each its own copy.
	Channels []string
	// Text is the message, byte for byte; it must not be empty.
	Text []byte
	// EventID and EventType are attached to the message; nil means none.
	EventID, EventType *string
}

// Publish returns nil when the relay has stored the message. A refusal is an
// *Error. After any other error the message may or may not have been stored.
func (c *Client) Publish(ctx context.Context, p Publication) error {
	if err := checkChannels(p.Channels); err != nil {
		return err
	}
	if len(p.Text) == 0 {
		return errors.New("client: the message is empty")
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	target := c.base + "/pub?id=" + argument(strings.Join(p.Channels, "/"))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(p.Text))
	if err != nil {
		return plain(err)
	}
	req.Header.Set("Content-Type", "application/octet-stream")
	for name, value := range map[string]*string{"Event-Id": p.EventID, "Event-Type": p.EventType} {
		if value != nil {
			req.Header.Set(name, *value)
		}
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return plain(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20)) // so that the connection can be used again
	if resp.StatusCode/100 != 2 {
		return refusal(resp)
	}
	return nil
}

// Error is an answer that refuses a request.
type Error struct {
	// Status is the HTTP status.
	Status int
	// Explain is the relay's reason, if it gave one.
	Explain string
	// RetryAfter is how long the relay wants to be left alone, 0 if it did not
	// say.
	RetryAfter time.Duration
}

// Error gives the reason and the status.
func (e *Error) Error() string {
	if e.Explain != "" {
		return fmt.Sprintf("%s (%d %s)", e.Explain, e.Status, http.StatusText(e.Status))
	}
	switch {
	case e.Status/100 == 3:
		return fmt.Sprintf("%d %s; give the URL that it leads to", e.Status, http.StatusText(e.Status))
	case e.Status == http.StatusNotFound:
		return "404 Not Found; is this the URL of an alertrelay?"
	case e.Status == http.StatusServiceUnavailable:
		return "the relay cannot serve now (503 Service Unavailable)"
	}
	return fmt.Sprintf("%d %s", e.Status, http.StatusText(e.Status))
}

// Temporary reports whether the same request may be answered later.
func (e *Error) Temporary() bool {
	switch e.Status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return e.Status/100 == 5
}

func refusal(resp *http.Response) *Error {
	e := &Error{Status: resp.StatusCode, Explain: resp.Header.Get("X-Nginx-PushStream-Explain")}
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
		e.RetryAfter = min(time.Duration(seconds)*time.Second, time.Minute)
	}
	return e
}

// plain takes the URL out of an error: it is long, says nothing new, and may hold
// a password.
func plain(err error) error {
	if e := (*url.Error)(nil); errors.As(err, &e) {
		return e.Err
	}
	return err
}

// argument escapes a value of the query. A space is %20, because relays take "+"
// for itself (protocol 2.3).
func argument(value string) string { return strings.ReplaceAll(url.QueryEscape(value), "+", "%20") }

// checkChannels refuses what a request cannot express.
func checkChannels(channels []string) error {
	if len(channels) == 0 {
		return errors.New("client: no channel")
	}
	for _, c := range channels {
		if c == "" {
			return errors.New("client: a channel's id is empty")
		}
		if strings.Contains(c, "/") {
			return fmt.Errorf("client: channel %q: a slash separates channels and cannot be part of an id", c)
		}
		if strings.Contains(c, "?") { // it ends the decoding of the value (protocol 2.3)
			return fmt.Errorf("client: channel %q: a question mark cannot be sent", c)
		}
	}
	return nil
}
