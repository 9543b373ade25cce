package web

import (
	"context"
	"io"
	"net/http"
	"time"

	"alertrelay/relay"
)

const healthTimeout = 2 * time.Second

// Healthy answers 200 while the process serves requests.
func Healthy() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "alertrelay is healthy.\n") })
}

// Ready answers 200 when publishers and subscribers can be served: the relay is
// waiting for nothing, retained messages are loaded, and check, which asks the
// store, gives no error. Else it answers 503 with the reason.
func Ready(hub *relay.Hub, waiting func() string, check func(context.Context) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if reason := waiting(); reason != "" {
			say(w, http.StatusServiceUnavailable, "alertrelay is not ready: "+reason+".\n")
			return
		}
		if !hub.Ready() {
			say(w, http.StatusServiceUnavailable, "alertrelay is not ready: retained messages are still being loaded.\n")
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), healthTimeout)
		defer cancel()
		if err := check(ctx); err != nil {
			say(w, http.StatusServiceUnavailable, "alertrelay is not ready: the store does not answer.\n")
			return
		}
		say(w, http.StatusOK, "alertrelay is ready.\n")
	})
}

func say(w http.ResponseWriter, status int, text string) {
	setNoCache(w.Header())
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text) // the client's trouble
}
