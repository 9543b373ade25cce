package api

import (
	"bufio"
	"encoding/csv"
	"strconv"
	"strings"
	"time"

	"alertrelay/alerts"
)

// csvColumns stay what they are: new ones come at the end.
var csvColumns = []string{
	"time", "tag", "channel", "id", "source", "fingerprint", "event", "status", "severity", "alertname",
	"summary", "reason", "by", "startsAt", "endsAt", "labels",
}

// csvWriter writes a line of cells for each event (RFC 4180).
type csvWriter struct{ w *csv.Writer }

func newCSVWriter(b *bufio.Writer) *csvWriter {
	w := csv.NewWriter(b)
	w.UseCRLF = true
	return &csvWriter{w}
}

func (w *csvWriter) begin() error { return w.w.Write(csvColumns) }

func (w *csvWriter) event(e *event) error {
	by, reason := byAndReason(e)
	labels, err := encodeLine(e.Labels)
	if err != nil {
		return err
	}
	row := []string{
		csvTime(e.Time), strconv.FormatUint(e.Tag, 10), e.Channel, e.ID, e.Source, e.Fingerprint, string(e.Kind), string(e.Status),
		e.Labels["severity"], e.Labels["alertname"], summary(&e.Event), reason, by, csvTime(e.StartsAt), csvTime(e.EndsAt), labels,
	}
	for i := range row {
		row[i] = cell(row[i])
	}
	return w.w.Write(row)
}

func (w *csvWriter) end(uint64) error {
	w.w.Flush()
	return w.w.Error()
}

// cell puts a quote in front of what a spreadsheet would take for a formula: the
// text of an alert may come from anywhere.
func cell(s string) string {
	if s != "" && strings.IndexByte("=+-@\t\r\n", s[0]) >= 0 {
		return "'" + s
	}
	return s
}

func csvTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// byAndReason is who has caused an event, and why.
func byAndReason(e *event) (by, reason string) {
	reason = e.Reason
	why := ""
	switch {
	case e.Kind == alerts.KindAcked && e.Ack != nil:
		by, why = e.Ack.By, e.Ack.Comment
	case e.Kind == alerts.KindSuppressed && e.Suppression != nil:
		by, why = e.Suppression.By, e.Suppression.Comment
	case e.Kind == alerts.KindMoved:
		why = e.MovedTo
	}
	if reason == "" {
		reason = why
	}
	return by, reason
}

// summary is the alert in a line, as senders have it.
func summary(e *alerts.Event) string {
	for _, name := range []string{"summary", "description", "message"} {
		if s := e.Annotations[name]; s != "" {
			return s
		}
	}
	return ""
}

func encodeLine(labels map[string]string) (string, error) {
	var b strings.Builder
	if err := newEncoder(&b, false).Encode(labels); err != nil {
		return "", err
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}
