package board_test

import (
	"compress/gzip"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"alertrelay/alerts/board"
)

var handler = sync.OnceValue(board.Handler)

func serve(t *testing.T, method, path string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	handler().ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, resp *http.Response) string {
	t.Helper()
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestPageAndPartsAreServed(t *testing.T) {
	for path, contentType := range map[string]string{
		"/":                       "text/html; charset=utf-8",
		"/board":                  "text/html; charset=utf-8",
		"/board/db.%3E":           "text/html; charset=utf-8",
		"/board/db.%3E/ops":       "text/html; charset=utf-8",
		"/channels":               "text/html; charset=utf-8",
		"/channels/":              "text/html; charset=utf-8",
		"/channels/a/b/c/d/e/f/g": "text/html; charset=utf-8",
		"/assets/board.css":       "text/css; charset=utf-8",
		"/assets/app.js":          "text/javascript; charset=utf-8",
		"/assets/icon.svg":        "image/svg+xml",
		"/client.js":              "text/javascript; charset=utf-8",
	} {
		t.Run(path, func(t *testing.T) {
			resp := serve(t, http.MethodGet, path)
			if resp.StatusCode != http.StatusOK {
				t.Fatalf("got status %d, want 200", resp.StatusCode)
			}
			if got := resp.Header.Get("Content-Type"); got != contentType {
				t.Errorf("got Content-Type %q, want %q", got, contentType)
			}
			if got := resp.Header.Get("Cache-Control"); got != "no-cache" {
				t.Errorf("got Cache-Control %q, want no-cache", got)
			}
			if body(t, resp) == "" {
				t.Error("got no body")
			}
			if got := body(t, serve(t, http.MethodHead, path)); got != "" {
				t.Errorf("HEAD: got a body of %d bytes", len(got))
			}
			again := serve(t, http.MethodGet, path, "If-None-Match", resp.Header.Get("Etag"))
			if again.StatusCode != http.StatusNotModified {
				t.Errorf("with its own Etag: got status %d, want 304", again.StatusCode)
			}
		})
	}
}

// references are what a page or module loads: src, href and import.
var references = regexp.MustCompile(`\s(?:src|href)="([^"#]+)"|from '(\.[^']+)'`)

// Everything that pages and modules name is there, also under the prefix of a proxy,
// seen from where the page is.
func TestEveryPartThatIsNamedIsServed(t *testing.T) {
	const prefix = "/behind/a/proxy"
	todo := []string{"/", "/board", "/board/db.%3E", "/board/db.%3E/ops", "/channels", "/channels/a%2Fb", "/channels/a/b/c/d/e/f/g"}
	seen := make(map[string]bool)
	for ; len(todo) > 0; todo = todo[1:] {
		resp := serve(t, http.MethodGet, todo[0])
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s: got status %d, want 200", todo[0], resp.StatusCode)
		}
		at, err := url.Parse("http://relay.test" + prefix + todo[0])
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range references.FindAllStringSubmatch(body(t, resp), -1) {
			to, err := at.Parse(m[1] + m[2])
			if err != nil {
				t.Fatal(err)
			}
			path, found := strings.CutPrefix(to.Path, prefix)
			if !found {
				t.Errorf("%s names %s, which is not the relay's", todo[0], to)
			}
			if !seen[path] {
				seen[path] = true
				todo = append(todo, path)
			}
		}
	}
	for _, path := range []string{"/client.js", "/client/follower.js", "/client/transports.js", "/client/wire.js", "/assets/icon.svg", "/assets/channels/viewer.js", "/channels"} {
		if !seen[path] {
			t.Errorf("nothing names %s", path)
		}
	}
}

func TestAssetsAreCompressed(t *testing.T) {
	plain := body(t, serve(t, http.MethodGet, "/client.js"))
	for accept, want := range map[string]string{"gzip, br": "gzip", "br;q=1, *": "gzip", "GZIP ; q=0.5": "gzip", "gzip;q=0": "", "*, gzip;q=0": "", "br": "", "": ""} {
		resp := serve(t, http.MethodGet, "/client.js", "Accept-Encoding", accept)
		if got := resp.Header.Get("Content-Encoding"); got != want {
			t.Errorf("Accept-Encoding %q: got %q, want %q", accept, got, want)
		}
		if got := resp.Header.Get("Vary"); got != "Accept-Encoding" {
			t.Errorf("got Vary %q", got)
		}
		again := serve(t, http.MethodGet, "/client.js", "Accept-Encoding", accept, "If-None-Match", resp.Header.Get("Etag"))
		if again.StatusCode != http.StatusNotModified {
			t.Errorf("Accept-Encoding %q, with its own Etag: got status %d, want 304", accept, again.StatusCode)
		}
		if want == "" {
			continue
		}
		r, err := gzip.NewReader(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err != nil || string(got) != plain {
			t.Errorf("got %d bytes, %v, want %d", len(got), err, len(plain))
		}
	}
	if gzipped, plain := serve(t, http.MethodGet, "/client.js", "Accept-Encoding", "gzip").Header.Get("Etag"), serve(t, http.MethodGet, "/client.js").Header.Get("Etag"); gzipped == plain {
		t.Errorf("both have the Etag %s", plain)
	}
}

// Only client.js and its parts are for pages of others.
func TestOthersMayImportTheClient(t *testing.T) {
	for path, shared := range map[string]bool{"/client.js": true, "/client/wire.js": true, "/assets/app.js": false, "/": false, "/channels/client.js": false} {
		h := serve(t, http.MethodGet, path).Header
		if got := h.Get("Access-Control-Allow-Origin") == "*" && h.Get("Cross-Origin-Resource-Policy") == "cross-origin"; got != shared {
			t.Errorf("%s: got %v", path, h)
		}
	}
}

func TestSecurityHeadersAreOnEveryAnswer(t *testing.T) {
	for _, c := range []struct{ method, path string }{
		{http.MethodGet, "/"},
		{http.MethodGet, "/channels/db.>"},
		{http.MethodGet, "/assets/app.js"},
		{http.MethodGet, "/nothing"},
		{http.MethodPost, "/"},
	} {
		t.Run(c.method+" "+c.path, func(t *testing.T) {
			h := serve(t, c.method, c.path).Header
			for _, directive := range []string{
				"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "img-src 'self' data:",
				"base-uri 'none'", "form-action 'none'", "frame-ancestors 'self'", "require-trusted-types-for 'script'",
			} {
				if !strings.Contains(h.Get("Content-Security-Policy")+";", directive+";") {
					t.Errorf("got policy %q, want it to have %q", h.Get("Content-Security-Policy"), directive)
				}
			}
			for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"} {
				if got := h.Get(name); got != want {
					t.Errorf("%s: got %q, want %q", name, got, want)
				}
			}
		})
	}
}

func TestNothingElseIsServed(t *testing.T) {
	for _, path := range []string{"/index.html", "/assets", "/assets/", "/assets/nothing.js", "/web/index.html", "/assets/../index.html", "/favicon.ico", "/boards", "//", "/channels.html", "/client", "/client/", "/channels" + strings.Repeat("/", 100)} {
		if got := serve(t, http.MethodGet, path).StatusCode; got != http.StatusNotFound {
			t.Errorf("GET %s: got status %d, want 404", path, got)
		}
	}
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions} {
		resp := serve(t, method, "/")
		if resp.StatusCode != http.StatusMethodNotAllowed || resp.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s /: got status %d and Allow %q, want 405 and GET, HEAD", method, resp.StatusCode, resp.Header.Get("Allow"))
		}
	}
}

// inline is what the policy would block: scripts and styles in the page, handlers
// and styles in attributes.
var inline = regexp.MustCompile(`(?i)<script[^>]*>[^<]|<style|\son\w+=|\sstyle=`)

// markup is what would have a text become HTML or code.
var markup = regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|srcdoc|DOMParser|createContextualFragment|\beval\(|new Function`)

func TestThePageNeedsNoInlineCodeAndMakesNoMarkup(t *testing.T) {
	for _, path := range []string{"/", "/channels"} {
		page := body(t, serve(t, http.MethodGet, path))
		if m := inline.FindString(page); m != "" {
			t.Errorf("%s has %q", path, m)
		}
	}
	scripts := 0
	err := filepath.WalkDir("web", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".js" {
			return err
		}
		script, err := os.ReadFile(path)
		if m := markup.FindString(string(script)); m != "" {
			t.Errorf("%s has %q", path, m)
		}
		scripts++
		return err
	})
	if err != nil || scripts == 0 {
		t.Errorf("looked at %d scripts, %v", scripts, err)
	}
}

// imports are the modules that a module begins with.
var imports = regexp.MustCompile(`(?m)(?:from|^import) '(\.[^']+)'`)

// A browser learns of a module's imports only once it has the module: without
// these lines the board's would come one after another.
func TestTheBoardAsksForAllItsModulesAtOnce(t *testing.T) {
	page := body(t, serve(t, http.MethodGet, "/"))
	seen := map[string]bool{"/assets/app.js": true}
	for todo := []string{"/assets/app.js"}; len(todo) > 0; todo = todo[1:] {
		for _, m := range imports.FindAllStringSubmatch(body(t, serve(t, http.MethodGet, todo[0])), -1) {
			name := path.Join(path.Dir(todo[0]), m[1])
			if seen[name] {
				continue
			}
			seen[name] = true
			todo = append(todo, name)
			if !strings.Contains(page, `<link rel="modulepreload" href="`+name[1:]+`">`) {
				t.Errorf("%s is not asked for", name)
			}
		}
	}
}
