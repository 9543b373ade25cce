package api

import (
	"bufio"
	"context"
	"errors"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"alertrelay/alerts"
	"alertrelay/relay"
)

const (
	defaultHistory = 24 * time.Hour
	// historyTime is the time for one answer: the store reads for few at once.
	historyTime = 5 * time.Minute
	// moreTrailer says after which tag there are more events, when the limit was
	// reached.
	moreTrailer = "Alertrelay-More-After"
)

// event is an event of the past. Its JSON is the event's, and these.
type event struct {
	Time    time.Time `json:"time"`
	Tag     uint64    `json:"tag"`
	Channel string    `json:"channel"`
	alerts.Event
}

// eventWriter writes events in one of the formats.
type eventWriter interface {
	begin() error
	event(e *event) error
	// end says after which tag there is more; 0: that was all.
	end(after uint64) error
}

// history answers with events of the past, in the order of the stream.
func (a *api) history(w http.ResponseWriter, r *http.Request) error {
	p := query(r, "channel", "since", "until", "match", "id", "limit", "after", "format")
	now := a.o.Now()
	f := filter{channels: p.channels(), match: p.matchers(), id: p.one("id"), limit: p.limit(maxLimit)}
	q := HistoryQuery{Channel: ">", Since: p.time("since", now), Until: p.time("until", now), After: p.after()}
	format, indented := p.format(r), p.bool("pretty")
	if f.id != "" && !alerts.IsID(f.id) {
		p.fail("id", "is no alert's id; one is a source and a fingerprint, such as am-e0e5d472468ff987")
	}
	if !q.Since.IsZero() && !q.Until.IsZero() && !q.Since.Before(q.Until) {
		p.fail("until", "is not after since")
	}
	if p.err != nil {
		return p.err
	}
	if q.Since.IsZero() && q.After == 0 {
		q.Since = now.Add(-defaultHistory)
	}
	if len(f.channels) == 1 {
		q.Channel = f.channels[0] // the store has an index
	}
	leave, err := a.enter(r.Context())
	if err != nil {
		return err
	}
	defer leave()
	ctx, cancel := context.WithTimeout(r.Context(), historyTime)
	defer cancel()
	h := w.Header()
	h.Add("Vary", "Accept")
	h.Set("Trailer", moreTrailer)
	if format == "csv" {
		h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{
			"filename": "alertrelay-history-" + now.UTC().Format("20060102T150405Z") + ".csv",
		}))
	}
	return stream(w, r, historyTypes[format], func(b *bufio.Writer) error {
		after, err := a.writeHistory(ctx, q, &f, newEventWriter(b, format, indented))
		if err == nil && after > 0 {
			h.Set(moreTrailer, strconv.FormatUint(after, 10))
		}
		return err
	})
}

var historyTypes = map[string]string{
	"ndjson": "application/x-ndjson",
	"csv":    "text/csv; charset=utf-8; header=present",
	"json":   typeJSON,
}

func newEventWriter(b *bufio.Writer, format string, indented bool) eventWriter {
	switch format {
	case "csv":
		return newCSVWriter(b)
	case "json":
		return &jsonWriter{b: b, indented: indented}
	default:
		return &lineWriter{b: b}
	}
}

// writeHistory returns after which tag there is more, 0 if there is not.
func (a *api) writeHistory(ctx context.Context, q HistoryQuery, f *filter, to eventWriter) (after uint64, err error) {
	n, last := 0, uint64(0)
	err = a.o.Archive.History(ctx, q, func(m relay.Message) error {
		e, ok := f.take(&m)
		if !ok {
			return nil
		}
		if n == f.limit {
			after = last
			return errEnough
		}
		if n++; n == 1 { // not before: an error of the store can still be told
			if err := to.begin(); err != nil {
				return err
			}
		}
		last = m.Seq
		return to.event(e)
	})
	if err != nil && !errors.Is(err, errEnough) {
		return 0, err
	}
	if n == 0 {
		if err := to.begin(); err != nil {
			return 0, err
		}
	}
	return after, to.end(after)
}

// filter says which messages are events that are wanted.
type filter struct {
	channels []string
	match    alerts.Matchers
	id       string
	limit    int
}

func (f *filter) take(m *relay.Message) (*event, bool) {
	id := m.Channel[strings.LastIndexByte(m.Channel, '.')+1:]
	if !alerts.IsID(id) || f.id != "" && f.id != id {
		return nil, false
	}
	if want := wanted(f.channels); want != nil && !want(m.Channel) {
		return nil, false
	}
	e, err := alerts.ParseEvent(m.Text)
	if err != nil || e.ID != id {
		return nil, false // somebody else's
	}
	if !f.match.Match(func(name string) string { return value(&e, name) }) {
		return nil, false
	}
	return &event{m.Time, m.Seq, m.Channel, filled(e)}, true
}

// value is the value of a label, and of "source" and "status", as a Tracker has
// it.
func value(e *alerts.Event, name string) string {
	if v, ok := e.Labels[name]; ok {
		return v
	}
	switch name {
	case "source":
		return e.Source
	case "status":
		return string(e.Status)
	}
	return ""
}

func (p *params) after() uint64 {
	s := p.one("after")
	if s == "" {
		return 0
	}
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil {
		p.fail("after", "must be the tag of an event")
	}
	return n
}

// format is the one of the parameter, or what the client accepts first of what
// there is.
func (p *params) format(r *http.Request) string {
	if f := p.one("format"); f != "" {
		if historyTypes[f] == "" {
			p.fail("format", "is not known; valid are ndjson, csv, json")
		}
		return f
	}
	for item := range strings.SplitSeq(strings.Join(r.Header.Values("Accept"), ","), ",") {
		t, _, _ := mime.ParseMediaType(item)
		switch t {
		case "text/csv":
			return "csv"
		case typeJSON:
			return "json"
		case "application/x-ndjson", "application/ndjson", "application/jsonl":
			return "ndjson"
		}
	}
	return "ndjson"
}

// lineWriter writes an event a line.
type lineWriter struct{ b *bufio.Writer }

func (w *lineWriter) begin() error         { return nil }
func (w *lineWriter) event(e *event) error { return newEncoder(w.b, false).Encode(e) }
func (w *lineWriter) end(uint64) error     { return nil }

// jsonWriter writes one object.
type jsonWriter struct {
	b        *bufio.Writer
	indented bool
	some     bool
}

func (w *jsonWriter) begin() error {
	_, err := w.b.WriteString(`{"events":[`)
	return err
}

func (w *jsonWriter) event(e *event) error {
	if w.some {
		w.b.WriteByte(',')
	}
	w.some = true
	w.b.WriteByte('\n')
	return newEncoder(noNewline{w.b}, w.indented).Encode(e)
}

func (w *jsonWriter) end(after uint64) error {
	w.b.WriteString(`],"more":` + strconv.FormatBool(after > 0))
	if after > 0 {
		w.b.WriteString(`,"after":` + strconv.FormatUint(after, 10))
	}
	_, err := w.b.WriteString("}\n")
	return err
}
