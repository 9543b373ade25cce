package client_test

import (
	"errors"
	"io"
	"net/http"
	"testing"

	"alertrelay/relay/client"
)

func TestPublish(t *testing.T) {
	var header http.Header
	var s scripted
	c := s.start(t, func(_ http.ResponseWriter, r *http.Request) { header = r.Header },
		status(http.StatusBadRequest, "Channel id is too large."))
	empty := ""
	p := client.Publication{Channels: []string{"a b", "c&d+%"}, Text: []byte("x"), EventID: &empty}
	if err := c.Publish(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if _, ok := header["Event-Id"]; !ok || header["Event-Type"] != nil {
		t.Errorf("got %v", header)
	}
	if got, want := s.requests[0], "/pub?id=a%20b%2Fc%26d%2B%25"; got != want { // a plus sign is a plus sign (protocol 2.3)
		t.Errorf("got %s, want %s", got, want)
	}
	if err := c.Publish(t.Context(), p); err == nil || err.Error() != "Channel id is too large. (400 Bad Request)" {
		t.Errorf("got %v", err)
	}
	for _, channels := range [][]string{nil, {""}, {"a/b"}, {"a?b"}} {
		p.Channels = channels
		if err := c.Publish(t.Context(), p); err == nil {
			t.Errorf("%q: no error", channels)
		}
	}
	if err := c.Publish(t.Context(), client.Publication{Channels: []string{"ops"}}); err == nil {
		t.Error("an empty message: no error")
	}
}

// A redirect that makes a GET of the POST is answered with 200 and publishes
// nothing.
func TestPublishDoesNotFollowIntoAGet(t *testing.T) {
	for _, code := range []int{http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther} {
		var s scripted
		c := s.start(t, redirect(code), send("application/json", "{}"))
		err := c.Publish(t.Context(), client.Publication{Channels: []string{"ops"}, Text: []byte("x")})
		if e := (*client.Error)(nil); !errors.As(err, &e) || e.Status != code || e.Temporary() {
			t.Errorf("%d: got %v", code, err)
		}
	}
	var s scripted
	var method, body string
	c := s.start(t, redirect(http.StatusPermanentRedirect), func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		method, body = r.Method, string(b)
	})
	if err := c.Publish(t.Context(), client.Publication{Channels: []string{"ops"}, Text: []byte("x")}); err != nil || method != http.MethodPost || body != "x" {
		t.Errorf("308: got %s %q, %v", method, body, err)
	}
}

func redirect(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.RequestURI(), code) }
}
