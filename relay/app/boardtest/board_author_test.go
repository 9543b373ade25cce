package boardtest

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"alertrelay/alerts"
	"alertrelay/relay/apptest"
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
	r, am := apptest.StartAskedWith(t, namedTokens, "")
	am.Add(t, time.Time{}, "DiskFull", "team=db", "severity=critical")
	apptest.Becomes(t, r, "DiskFull", alerts.Firing)
	p := openBoard(t, relaytest.Chromium(t), r.URL+"/?group=&theme=light", nil)
	untilCount(p, "critical", 1)
	const (
		wantsToken = "document.querySelector('#dialog input[type=password]') !== null"
		author     = "document.querySelector('#dialog .author strong')?.textContent"
		closed     = "!document.getElementById('dialog').open"
	)
	p.Hit("j")
	p.Until("document.querySelector('.row.selected .c-name')?.textContent === 'DiskFull'")
	p.Hit("s")
	p.Until(wantsToken)
	p.Press(kb.Escape) // nothing is said of that, and nothing done
	p.Until(closed + " && document.getElementById('flash').hidden")
	p.Hit("a")
	p.Until(wantsToken)
	p.Press("jonas-token-0123456789\r")
	p.Until(author + " === 'jonas'")
	if n := relaytest.Eval[int](p, "document.querySelectorAll('#dialog input').length"); n != 1 {
		t.Errorf("there are %d inputs, want one, of the comment", n)
	}
	// He sits at the desk of another.
	p.Do(chromedp.Click(chromedp.CSS("#dialog .author button")))
	p.Until(wantsToken)
	p.Press("meis-token-0123456789\r")
	p.Until(author + " === 'Mei <b>Lin'")
	p.Shoot("author")
	looksRight(p)
	p.Press("looking\r")
	p.Until(closed)
	p.Until("document.getElementById('table').textContent.includes('acked by Mei <b>Lin: looking')")

	p.Hit("s")
	p.Until(author + " === 'Mei <b>Lin' && document.querySelector('#dialog .preview')?.textContent.startsWith('Matches 1 alert')")
	p.Shoot("author-silence")
	looksRight(p)
	relaytest.Eval[bool](p, "document.querySelector('#dialog input[maxlength=\"1000\"]').focus() ?? true")
	p.Press("a new disk is on its way\r")
	p.Until(closed)
	if e := apptest.Becomes(t, r, "DiskFull", alerts.Suppressed); e.Suppression.By != "Mei <b>Lin" || e.Suppression.Comment != "a new disk is on its way" {
		t.Errorf("got %+v", e.Suppression)
	}
	var silences []struct{ CreatedBy, Comment string }
	if err := json.Unmarshal([]byte(am.Amtool(t, "silence", "query", "-o", "json")), &silences); err != nil {
		t.Fatal(err)
	}
	if len(silences) != 1 || silences[0].CreatedBy != "Mei <b>Lin" {
		t.Errorf("the Alertmanager has %+v", silences)
	}
	p.Until("document.getElementById('table').textContent.includes('silenced by Mei <b>Lin until')")
	if kept := relaytest.Eval[string](p, "JSON.stringify(localStorage)"); strings.Contains(kept, "token-0123456789") || strings.Contains(kept, "Mei") {
		t.Errorf("the browser keeps %s", kept)
	}
	p.Hit("u")
	p.Until(author + " === 'Mei <b>Lin'")
	p.Press("\r")
	p.Until(closed)
	p.Fine()
}

// The dialogs fit a phone, in the dark too.
func TestBoardShowsTheAuthorOnAPhone(t *testing.T) {
	r := relaytest.Start(t, apptest.Settings(t, namedTokens))
	play(t, r, night()...)
	p := openBoard(t, relaytest.Chromium(t), r.URL+"/?group=&theme=dark", phone, "sessionStorage.setItem('alertrelay.token', 'meis-token-0123456789')")
	p.Until("document.querySelectorAll('#table .row').length > 5")
	p.Hit("j")
	p.Until("document.querySelector('.row.selected') !== null")
	p.Hit("a")
	p.Until("document.querySelector('#dialog .author strong') !== null")
	p.Shoot("author-phone")
	looksRight(p)
	p.Fine()
}
