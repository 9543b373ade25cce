// Command pages serves the example pages, and passes everything else on to a
// relay, so that pages and relay have the same origin:
//
//	go run ./examples/pages --relay http://127.0.0.1:8080
//	open http://127.0.0.1:8081/
package main

import (
	"context"
	"embed"
	"errors"
	"flag"
	"fmt"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/signal"
	"time"
)

//go:embed *.html *.css *.js
var pages embed.FS

func main() {
	listen := flag.String("listen", "127.0.0.1:8081", "serve at `ADDRESS`")
	relay := flag.String("relay", "http://127.0.0.1:8080", "pass requests on to the relay at `URL`")
	flag.Parse()
	if err := run(*listen, *relay); err != nil {
		log.Fatal(err)
	}
}

func run(listen, relay string) error {
	handler, err := newHandler(relay)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	// Streams have no end, so there is no timeout over a whole answer.
	server := &http.Server{Addr: listen, Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	fmt.Printf("pages at http://%s/, relay at %s\n", listen, relay)
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// newHandler serves the pages and passes other paths on, WebSockets too.
func newHandler(relay string) (http.Handler, error) {
	target, err := url.Parse(relay)
	if err != nil || target.Host == "" {
		return nil, fmt.Errorf("the relay's URL is %q; write http://host:port", relay)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target); r.SetXForwarded() },
		FlushInterval: -1, // messages go on at once
	}
	files, err := pages.ReadDir(".")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/", proxy)
	server := http.FileServerFS(pages)
	mux.Handle("/{$}", server)
	for _, f := range files {
		mux.Handle("/"+f.Name(), server)
	}
	return mux, nil
}
