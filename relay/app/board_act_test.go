package app_test

import (
	"testing"
	"time"

	"alertrelay/alerts"
	"alertrelay/relay/relaytest"
)

// From the board, with the relay's own API, its token, and a real Alertmanager
// behind it: an ack that another board shows too, and a silence that the Alertmanager
// has.
func TestBoardActsForReal(t *testing.T) {
	r, am := startAskedWith(t, "api: {token: s3cret}\n", "")
	am.add(t, time.Time{}, "DiskFull", "team=db", "severity=critical")
	am.add(t, time.Time{}, "Latency", "team=db", "severity=warning")
	becomes(t, r, "DiskFull", alerts.Firing)
	becomes(t, r, "Latency", alerts.Firing)

	browser := relaytest.Chromium(t)
	other := openBoard(t, browser, r.URL+"/", nil)
	p := openBoard(t, browser, r.URL+"/?group=", nil)
	untilCount(p, "critical", 1)
	p.hit("j")
	p.until("document.querySelector('.row.selected .c-name')?.textContent === 'DiskFull'")
	p.hit("a")
	p.until("document.querySelector('#dialog input[type=password]') !== null")
	p.press("s3cret\r")
	p.until("document.querySelector('#dialog input[maxlength=\"100\"]') !== null")
	p.press("Mei\tlooking\r")
	p.until("!document.getElementById('dialog').open")
	for _, board := range []*tab{p, other} {
		board.until("document.getElementById('table').textContent.includes('acked by Mei: looking')")
	}

	p.hit("s")
	p.until("document.querySelector('#dialog .preview')?.textContent.startsWith('Matches 1 alert') === true")
	eval[bool](p, "document.querySelector('#dialog input[maxlength=\"1000\"]').focus() ?? true")
	p.press("a new disk is on its way\r")
	p.until("!document.getElementById('dialog').open")
	if e := becomes(t, r, "DiskFull", alerts.Suppressed); e.Suppression.Comment != "a new disk is on its way" || e.Suppression.By != "Mei" {
		t.Errorf("got %+v", e.Suppression)
	}
	if got := am.amtool(t, "silence", "query", "-q", "alertname=DiskFull"); got == "" {
		t.Error("the Alertmanager has no silence")
	}
	other.until("document.getElementById('table').textContent.includes('silenced by Mei until')")
	p.fine()
	other.fine()
}
