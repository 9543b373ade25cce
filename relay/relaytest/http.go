package relaytest

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
)

// Get returns the status and the body of the answer to a GET, 0 if there was none.
// It leaves no connection open.
func Get(ctx context.Context, url string) (status int, body []byte) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, nil
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil
	}
	defer resp.Body.Close()
	body, _ = io.ReadAll(resp.Body)
	return resp.StatusCode, body
}

// Post posts, and expects the status. Goroutines of a test may call it.
func Post(t testing.TB, url, body string, want int) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Error(err)
		return
	}
	defer resp.Body.Close()
	if resp.StatusCode != want {
		t.Errorf("POST %s: got status %d, want %d", url, resp.StatusCode, want)
	}
}

// Answer is an answer to a sender.
type Answer struct {
	Status int
	Header http.Header
	Text   string
}

// Send posts as a sender does, with headers name, value. Goroutines of a test may
// call it: without an answer the status is 0.
func Send(t testing.TB, address, body string, headers ...string) Answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return Answer{}
	}
	req.Close = true
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return Answer{Text: err.Error()}
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Error(err)
	}
	return Answer{resp.StatusCode, resp.Header, string(text)}
}
