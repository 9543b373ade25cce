//go:build acceptance

package acceptance

import (
	"bytes"
	"encoding/json"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// proxy stands in front of a relay, keeps what senders post, and can hold back the
// answers.
type proxy struct {
	*httptest.Server

	mu    sync.Mutex // guards posts
	posts []posted
}

// posted is a request as it came, and how it was answered.
type posted struct {
	at     time.Time
	path   string
	body   string
	status int // 0: the sender did not wait
}

func startProxy(t *testing.T, r *relay, hold time.Duration) *proxy {
	t.Helper()
	target, err := url.Parse(r.URL)
	if err != nil {
		t.Fatal(err)
	}
	p := new(proxy)
	relay := httputil.NewSingleHostReverseProxy(target)
	relay.Transport = &http.Transport{DisableKeepAlives: true}
	relay.ErrorLog = log.New(io.Discard, "", 0) // of senders that are stopped; the status tells
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return // it was stopped
		}
		req.Body = io.NopCloser(bytes.NewReader(body))
		p.mu.Lock()
		n := len(p.posts)
		p.posts = append(p.posts, posted{at: time.Now(), path: req.URL.Path, body: string(body)})
		p.mu.Unlock()
		answer := httptest.NewRecorder()
		relay.ServeHTTP(answer, req)
		select {
		case <-time.After(hold):
		case <-req.Context().Done():
			return
		}
		p.mu.Lock()
		p.posts[n].status = answer.Code
		p.mu.Unlock()
		maps.Copy(w.Header(), answer.Header())
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	}))
	t.Cleanup(p.Close)
	return p
}

// heard are the posts that have all of the texts in them.
func (p *proxy) heard(texts ...string) []posted {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []posted
next:
	for _, post := range p.posts {
		for _, text := range texts {
			if !strings.Contains(post.body, text) {
				continue next
			}
		}
		all = append(all, post)
	}
	return all
}

// told is what posts to a path, as to an Alertmanager, have said of one alert.
type told struct {
	fires, over int
	lastEnd     time.Time // that was given
	refused     int       // not answered with 200
}

func (p *proxy) told(t *testing.T, path, alertname string) told {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	var all told
	for _, post := range p.posts {
		if post.path != path {
			continue
		}
		var list []struct {
			Labels map[string]string
			EndsAt time.Time
		}
		if err := json.Unmarshal([]byte(post.body), &list); err != nil {
			t.Fatalf("%v: %s", err, post.body)
		}
		for _, a := range list {
			if a.Labels["alertname"] != alertname {
				continue
			}
			if post.status != http.StatusOK {
				all.refused++
			}
			if all.lastEnd = a.EndsAt; a.EndsAt.After(post.at) {
				all.fires++
			} else {
				all.over++
			}
		}
	}
	return all
}
