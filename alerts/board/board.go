package board

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed web
var web embed.FS

// policy lets the page load what is its own and talk to its own relay. Trusted
// Types have the browser refuse a string where markup or code is wanted.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'self'; require-trusted-types-for 'script'; trusted-types 'none'"

// contentTypes are of the files there are. Package mime asks the machine it runs
// on, and some answer text/plain for JavaScript, which no browser then runs.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

// asset is one file as it is served.
type asset struct {
	content     []byte
	contentType string
	etag        string
}

// Handler serves the page at "/" and its parts under "/assets/". Other paths get
// 404, other methods than GET and HEAD 405. A browser asks each time whether what
// it has is still right, which costs a 304: the modules import each other by name
// and must all be of the same version.
func Handler() http.Handler {
	assets := load()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secure(w.Header())
		a, ok := assets[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		h := w.Header()
		h.Set("Content-Type", a.contentType)
		h.Set("Etag", a.etag)
		h.Set("Cache-Control", "no-cache")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.content))
	})
}

// secure sets the headers that every answer carries.
func secure(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer") // channel names stand in the URL
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// load reads the embedded files, by the path of the URL.
func load() map[string]asset {
	assets := make(map[string]asset)
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
		sum := sha256.Sum256(content)
		url := strings.TrimPrefix(name, "web")
		if url == "/index.html" {
			url = "/"
		}
		assets[url] = asset{content, contentType, `"` + hex.EncodeToString(sum[:12]) + `"`}
		return nil
	})
	if err != nil { // the files are part of the program
		panic("board: " + err.Error())
	}
	return assets
}
