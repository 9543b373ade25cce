package boardtest

import (
	"testing"
	"time"

	"alertrelay/alerts"
	"alertrelay/relay/apptest"
	"alertrelay/relay/relaytest"
)

// From the board, with the relay's own API, its token, and a real Alertmanager
// behind it: an ack that another board shows too, and a silence that the Alertmanager
// has.
func TestBoardActsForReal(t *testing.T) {
	r, am := apptest.StartAskedWith(t, "api: {token: s3cret}\n", "")
	am.Add(t, time.Time{}, "DiskFull", "team=db", "severity=critical")
	am.Add(t, time.Time{}, "Latency", "team=db", "severity=warning")
	apptest.Becomes(t, r, "DiskFull", alerts.Firing)
	apptest.Becomes(t, r, "Latency", alerts.Firing)

	browser := relaytest.Chromium(t)
	other := openBoard(t, browser, r.URL+"/", nil)
	p := openBoard(t, browser, r.URL+"/?group=", nil)
	untilCount(p, "critical", 1)
	p.Hit("j")
	p.Until("document.querySelector('.row.selected .c-name')?.textContent === 'DiskFull'")
	p.Hit("a")
	p.Until("document.querySelector('#dialog input[type=password]') !== null")
	p.Press("s3cret\r")
	p.Until("document.querySelector('#dialog input[maxlength=\"100\"]') !== null")
	p.Press("Mei\tlooking\r")
	p.Until("!document.getElementById('dialog').open")
	for _, board := range []*relaytest.Tab{p, other} {
		board.Until("document.getElementById('table').textContent.includes('acked by Mei: looking')")
	}

	p.Hit("s")
	p.Until("document.querySelector('#dialog .preview')?.textContent.startsWith('Matches 1 alert') === true")
	relaytest.Eval[bool](p, "document.querySelector('#dialog input[maxlength=\"1000\"]').focus() ?? true")
	p.Press("a new disk is on its way\r")
	p.Until("!document.getElementById('dialog').open")
	if e := apptest.Becomes(t, r, "DiskFull", alerts.Suppressed); e.Suppression.Comment != "a new disk is on its way" || e.Suppression.By != "Mei" {
		t.Errorf("got %+v", e.Suppression)
	}
	if got := am.Amtool(t, "silence", "query", "-q", "alertname=DiskFull"); got == "" {
		t.Error("the Alertmanager has no silence")
	}
	other.Until("document.getElementById('table').textContent.includes('silenced by Mei until')")
	p.Fine()
	other.Fine()
}
