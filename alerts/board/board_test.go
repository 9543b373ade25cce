package board_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"alertrelay/alerts/board"
)

func serve(t *testing.T, method, path string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	board.Handler().ServeHTTP(w, r)
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
		"/":                 "text/html; charset=utf-8",
		"/assets/board.css": "text/css; charset=utf-8",
		"/assets/app.js":    "text/javascript; charset=utf-8",
		"/assets/icon.svg":  "image/svg+xml",
		"/client.js":        "text/javascript; charset=utf-8",
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
var references = regexp.MustCompile(`(?:src|href)="(assets/[^"]+)"|from '\./([^']+)'`)

func TestEveryPartThatIsNamedIsServed(t *testing.T) {
	seen := map[string]bool{"/": true}
	for todo := []string{"/"}; len(todo) > 0; todo = todo[1:] {
		resp := serve(t, http.MethodGet, todo[0])
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s: got status %d, want 200", todo[0], resp.StatusCode)
		}
		for _, m := range references.FindAllStringSubmatch(body(t, resp), -1) {
			path := "/" + m[1]
			if m[2] != "" {
				path = "/assets/" + m[2]
			}
			if !seen[path] {
				seen[path] = true
				todo = append(todo, path)
			}
		}
	}
	if len(seen) < 8 {
		t.Errorf("got %d parts, want the page, the style, the icon and the modules", len(seen))
	}
}

func TestSecurityHeadersAreOnEveryAnswer(t *testing.T) {
	for _, c := range []struct{ method, path string }{
		{http.MethodGet, "/"},
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
	for _, path := range []string{"/index.html", "/assets", "/assets/", "/assets/nothing.js", "/web/index.html", "/assets/../index.html", "/favicon.ico"} {
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
	page := body(t, serve(t, http.MethodGet, "/"))
	if m := inline.FindString(page); m != "" {
		t.Errorf("the page has %q", m)
	}
	for _, name := range []string{"app", "feed", "wire", "list", "render", "status", "time"} {
		script := body(t, serve(t, http.MethodGet, "/assets/"+name+".js"))
		if m := markup.FindString(script); m != "" {
			t.Errorf("%s.js has %q", name, m)
		}
	}
}
