package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestPagesAreServedAndTheRestIsPassedOn(t *testing.T) {
	relay := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "relay "+r.URL.RequestURI())
	}))
	defer relay.Close()
	handler, err := newHandler(relay.URL)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	defer server.Close()
	for path, want := range map[string]string{
		"/":                        "<h1>alertrelay: example pages</h1>",
		"/sse.html?channel=ops":    "new EventSource(",
		"/page.js":                 "function show(message)",
		"/ev/a%2Fb%3E?time=x&tag=": "relay /ev/a%2Fb%3E?time=x&tag=",
		"/pub?id=ops":              "relay /pub?id=ops",
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || !strings.Contains(string(got), want) {
			t.Errorf("%s: got %.200q, %v, want it to have %q", path, got, err, want)
		}
	}
}

func TestARelayWithoutHostIsRefused(t *testing.T) {
	if _, err := newHandler("127.0.0.1:8080"); err == nil {
		t.Error("got no error")
	}
}
