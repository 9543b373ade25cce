package board

import (
	"bytes"
	"embed"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed web
var web embed.FS

// policy lets a page load what is its own and talk to its own relay. Trusted
// Types have the browser refuse a string where markup or code is wanted.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
	"media-src 'self'; manifest-src 'self'; worker-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'self'; require-trusted-types-for 'script'; trusted-types 'none'"

// contentTypes are of the files there are. Package mime asks the machine it runs
// on, and some answer text/plain for JavaScript, which no browser then runs.
var contentTypes = map[string]string{
	".html":        "text/html; charset=utf-8",
	".css":         "text/css; charset=utf-8",
	".js":          "text/javascript; charset=utf-8",
	".svg":         "image/svg+xml",
	".png":         "image/png",
	".webmanifest": "application/manifest+json",
}

// pages are the files of pages, by the first part of the paths that show them:
// "/channels" and everything under it is one page, which reads the rest itself.
var pages = map[string]string{
	"":         "index.html",
	"board":    "index.html",
	"channels": "channels.html",
}

// Handler serves the board at "/" and "/board/…", the list of channels at
// "/channels", a channel at "/channels/…", the module for other pages at
// "/client.js", and their parts. Other paths get 404, other methods than GET and
// HEAD 405. A browser asks each time whether what it has is still right, which
// costs a 304: the modules import each other by name and must all be of the same
// version.
func Handler() http.Handler {
	assets, pages := load()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secure(w.Header())
		a, ok := assets[r.URL.Path]
		if !ok {
			a, ok = pages.at(r.URL)
		}
		if !ok {
			http.NotFound(w, r)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		if isShared(r.URL.Path) {
			w.Header().Set("Access-Control-Allow-Origin", "*")
			w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
		}
		a.serve(w, r)
	})
}

// isShared reports whether pages of others may load what is at a path: they import
// client.js, and it imports its parts.
func isShared(path string) bool {
	return path == "/client.js" || strings.HasPrefix(path, "/client/")
}

// secure sets the headers that every answer carries.
func secure(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer") // channel names stand in the URL
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// load reads the embedded files: what is served as it is, by the path of the URL,
// and the pages.
func load() (assets map[string]asset, all pageSet) {
	assets, all = make(map[string]asset), make(pageSet)
	err := fs.WalkDir(web, "web", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := web.ReadFile(name)
		if err != nil {
			return err
		}
		contentType, ok := contentTypes[path.Ext(name)]
		if !ok {
			panic("board: no content type for " + name)
		}
		name = strings.TrimPrefix(name, "web/")
		if path.Ext(name) == ".html" {
			all.add(name, content)
			return nil
		}
		assets["/"+name] = newAsset(content, contentType, true)
		return nil
	})
	if err != nil { // the files are part of the program
		panic("board: " + err.Error())
	}
	return assets, all
}

// serve answers with the asset, or that the client has it.
func (a *asset) serve(w http.ResponseWriter, r *http.Request) {
	content, etag := a.content, a.etag
	h := w.Header()
	if a.zipped != nil {
		h.Set("Vary", "Accept-Encoding")
		if acceptsGzip(r.Header.Get("Accept-Encoding")) {
			content, etag = a.zipped, a.zippedEtag
			h.Set("Content-Encoding", "gzip")
		}
	}
	h.Set("Content-Type", a.contentType)
	h.Set("Etag", etag)
	h.Set("Cache-Control", "no-cache")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}
