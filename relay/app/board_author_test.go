package app_test

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"alertrelay/alerts"
	"alertrelay/relay/conf"
	"alertrelay/relay/relaytest"
)

const namedTokens = `
api:
  token: s3cret
  tokens:
  - {name: 'Mei <b>Lin', token: meis-token-0123456789}
  - {name: jonas, token: jonas-token-0123456789}
`

// Whose token it is, is the author of what the board does, and stands there as text:
// an ack, and a silence that a real Alertmanager has.
func TestBoardActsInTheNameOfTheToken(t *testing.T) {
	r, am := startAskedWith(t, namedTokens, "")
	am.add(t, time.Time{}, "DiskFull", "team=db", "severity=critical")
	becomes(t, r, "DiskFull", alerts.Firing)
	p := openBoard(t, relaytest.Chromium(t), r.URL+"/?group=&theme=light", nil)
	untilCount(p, "critical", 1)
	const (
		wantsToken = "document.querySelector('#dialog input[type=password]') !== null"
		author     = "document.querySelector('#dialog .author strong')?.textContent"
		closed     = "!document.getElementById('dialog').open"
	)
	p.hit("j")
	p.until("document.querySelector('.row.selected .c-name')?.textContent === 'DiskFull'")
	p.hit("s")
	p.until(wantsToken)
	p.press(kb.Escape) // nothing is said of that, and nothing done
	p.until(closed + " && document.getElementById('flash').hidden")
	p.hit("a")
	p.until(wantsToken)
	p.press("jonas-token-0123456789\r")
	p.until(author + " === 'jonas'")
	if n := eval[int](p, "document.querySelectorAll('#dialog input').length"); n != 1 {
		t.Errorf("there are %d inputs, want one, of the comment", n)
	}
	// He sits at the desk of another.
	p.do(chromedp.Click(chromedp.CSS("#dialog .author button")))
	p.until(wantsToken)
	p.press("meis-token-0123456789\r")
	p.until(author + " === 'Mei <b>Lin'")
	p.shoot("author")
	p.looksRight()
	p.press("looking\r")
	p.until(closed)
	p.until("document.getElementById('table').textContent.includes('acked by Mei <b>Lin: looking')")

	p.hit("s")
	p.until(author + " === 'Mei <b>Lin' && document.querySelector('#dialog .preview')?.textContent.startsWith('Matches 1 alert')")
	p.shoot("author-silence")
	p.looksRight()
	eval[bool](p, "document.querySelector('#dialog input[maxlength=\"1000\"]').focus() ?? true")
	p.press("a new disk is on its way\r")
	p.until(closed)
	if e := becomes(t, r, "DiskFull", alerts.Suppressed); e.Suppression.By != "Mei <b>Lin" || e.Suppression.Comment != "a new disk is on its way" {
		t.Errorf("got %+v", e.Suppression)
	}
	var silences []struct{ CreatedBy, Comment string }
	if err := json.Unmarshal([]byte(am.amtool(t, "silence", "query", "-o", "json")), &silences); err != nil {
		t.Fatal(err)
	}
	if len(silences) != 1 || silences[0].CreatedBy != "Mei <b>Lin" {
		t.Errorf("the Alertmanager has %+v", silences)
	}
	p.until("document.getElementById('table').textContent.includes('silenced by Mei <b>Lin until')")
	if kept := eval[string](p, "JSON.stringify(localStorage)"); strings.Contains(kept, "token-0123456789") || strings.Contains(kept, "Mei") {
		t.Errorf("the browser keeps %s", kept)
	}
	p.hit("u")
	p.until(author + " === 'Mei <b>Lin'")
	p.press("\r")
	p.until(closed)
	p.fine()
}

// The dialogs fit a phone, in the dark too.
func TestBoardShowsTheAuthorOnAPhone(t *testing.T) {
	r := relaytest.Start(t, settings(t, namedTokens))
	play(t, r, night()...)
	p := openBoard(t, relaytest.Chromium(t), r.URL+"/?group=&theme=dark", phone, "sessionStorage.setItem('alertrelay.token', 'meis-token-0123456789')")
	p.until("document.querySelectorAll('#table .row').length > 5")
	p.hit("j")
	p.until("document.querySelector('.row.selected') !== null")
	p.hit("a")
	p.until("document.querySelector('#dialog .author strong') !== null")
	p.shoot("author-phone")
	p.looksRight()
	p.fine()
}

// Tokens change with the configuration that is read again: one that is gone is good
// no more, and a new one is. They are not in the log.
func TestReloadTokens(t *testing.T) {
	file, port := filepath.Join(t.TempDir(), "relay.yaml"), freePort(t)
	cfg := conf.Config{}
	yaml := func(api string) conf.Config {
		write(t, file, "listen: 127.0.0.1:"+port+"\n"+api+"\n")
		c := load(t, t.TempDir(), conf.Sources{File: file})
		if cfg.Data != "" {
			c.Data = cfg.Data
		}
		return c
	}
	cfg = yaml("api: {tokens: [{name: ada, token: first-token-0123456789}]}")
	a, log := start(t, cfg)
	whoami := func(token string, status int, want string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:"+port+"/api/v1/whoami", nil)
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var me struct{ Name string }
		if err := json.NewDecoder(resp.Body).Decode(&me); err != nil {
			t.Fatal(err)
		}
		if resp.StatusCode != status || me.Name != want {
			t.Errorf("%s: got %d %q, want %d %q", token, resp.StatusCode, me.Name, status, want)
		}
	}
	reload := func(api string) {
		t.Helper()
		if err := a.Reload(t.Context(), yaml(api)); err != nil {
			t.Fatal(err)
		}
	}
	whoami("first-token-0123456789", http.StatusOK, "ada")
	whoami("", http.StatusUnauthorized, "")
	reload("api: {tokens: [{name: ada, token: [first-token-0123456789, second-token-0123456789]}, {name: bob, token: bobs-token-0123456789}]}")
	whoami("first-token-0123456789", http.StatusOK, "ada")
	whoami("second-token-0123456789", http.StatusOK, "ada")
	whoami("bobs-token-0123456789", http.StatusOK, "bob")
	reload("api: {token: shared, tokens: [{name: ada, token: second-token-0123456789}]}")
	whoami("first-token-0123456789", http.StatusUnauthorized, "")
	whoami("bobs-token-0123456789", http.StatusUnauthorized, "")
	whoami("second-token-0123456789", http.StatusOK, "ada")
	whoami("shared", http.StatusOK, "")
	reload("")
	whoami("", http.StatusOK, "")
	if text := log.String(); strings.Contains(text, "token-0123456789") || strings.Contains(text, "takes a restart") {
		t.Errorf("got the log %s", text)
	}
}
