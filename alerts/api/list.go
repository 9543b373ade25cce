package api

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"alertrelay/alerts"
	"alertrelay/alerts/track"
	"alertrelay/relay"
)

// head is a place in the stream, as locations take it: ?time=…&tag=…, and cursor
// as Last-Event-ID.
type head struct {
	Time   string `json:"time"`
	Tag    uint64 `json:"tag"`
	Cursor string `json:"cursor"`
}

func newHead(h track.Head) head {
	at := h.Time
	if h.Seq == 0 { // nothing was ever stored: everything is later
		at = time.Unix(0, 0)
	}
	return head{relay.FormatTime(at), h.Seq, fmt.Sprintf("%d:%d", at.Unix(), h.Seq)}
}

// alert is an alert as it is shown. Its JSON is the last event's, and these.
type alert struct {
	alerts.Event
	alertRest
}

type alertRest struct {
	Channel   string    `json:"channel"`
	Channels  []string  `json:"channels,omitempty"`
	LastSeen  time.Time `json:"lastSeen,omitzero"`
	StaleAt   time.Time `json:"staleAt,omitzero"`
	ExpiresAt time.Time `json:"expiresAt,omitzero"`
	Seq       uint64    `json:"seq"`
	Time      time.Time `json:"time"`
}

func newAlert(c *track.Current) alert {
	a := alert{filled(c.Event), alertRest{c.Channel, nil, c.LastSeen, c.StaleAt, c.ExpiresAt, c.Seq, c.Time}}
	if len(c.Channels) > 1 {
		a.Channels = c.Channels
	}
	return a
}

// filled has what every event has, where somebody else's has it not.
func filled(e alerts.Event) alerts.Event {
	if e.Labels == nil {
		e.Labels = map[string]string{}
	}
	if e.Annotations == nil {
		e.Annotations = map[string]string{}
	}
	if e.Kind == "" {
		e.Kind = alerts.Kind(e.Status)
	}
	if dash := strings.LastIndexByte(e.ID, '-'); e.Source == "" && dash >= 0 {
		e.Source, e.Fingerprint = e.ID[:dash], e.ID[dash+1:]
	}
	return e
}

// list answers with what is firing, and up to which place of the stream that is so.
func (a *api) list(w http.ResponseWriter, r *http.Request) error {
	p := query(r, "match", "channel", "status", "ended", "limit")
	q := track.Query{Match: p.matchers(), Channel: wanted(p.channels()), Status: p.statuses(), Ended: p.bool("ended")}
	limit, indented := p.limit(maxLimit), p.bool("pretty")
	if p.err != nil {
		return p.err
	}
	for _, s := range q.Status {
		q.Ended = q.Ended || !s.Active() // whoever asks for them wants them
	}
	leave, err := a.enter(r.Context())
	if err != nil {
		return err
	}
	defer leave()
	found, err := a.o.Tracker.Find(q)
	if err != nil {
		return err
	}
	// What the bucket says, when an alert was last seen, changes without an event
	// and does not count: so it is a weak one. The number tells what ends without
	// one, too: deleted channels, and ended alerts that are too old to be told.
	total := found.Len()
	etag := fmt.Sprintf(`W/"%d-%d-%d"`, max(found.Head.Time.Unix(), 0), found.Head.Seq, total)
	w.Header().Set("Etag", etag)
	if matchesETag(r.Header.Get("If-None-Match"), etag) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	return stream(w, r, typeJSON, func(b *bufio.Writer) error {
		if err := writeList(b, found, total, limit, indented); err != nil {
			return err
		}
		return r.Context().Err()
	})
}

func writeList(b *bufio.Writer, found *track.Listing, total, limit int, indented bool) error {
	// The frame is written by hand around the alerts, which are encoded one by one.
	h := newHead(found.Head)
	format, margin, end := `{"head":{"time":%q,"tag":%d,"cursor":%q},"total":%d,"alerts":[`, "\n", "]}\n"
	if indented {
		format = "{\n  \"head\": {\n    \"time\": %q,\n    \"tag\": %d,\n    \"cursor\": %q\n  },\n  \"total\": %d,\n  \"alerts\": ["
		margin, end = "\n    ", "\n  ]\n}\n"
	}
	fmt.Fprintf(b, format, h.Time, h.Tag, h.Cursor, total)
	e := newEncoder(noNewline{b}, false)
	if indented {
		e.SetIndent("    ", "  ")
	}
	var splice splicer
	n := 0
	for f := range found.Found() {
		if n == limit {
			break
		}
		if n++; n > 1 {
			b.WriteByte(',')
		}
		b.WriteString(margin)
		if !indented && splice.write(b, &f) {
			continue
		}
		c, err := f.Current()
		if err != nil {
			return err // it was read before
		}
		if err := e.Encode(newAlert(&c)); err != nil {
			return err
		}
	}
	if n == 0 && indented {
		end = "]\n}\n"
	}
	_, err := b.WriteString(end)
	return err
}

// splicer writes an alert as newAlert makes it, without reading its event: the text
// of the event and what else there is become one object. 20,000 alerts took 1.4 s
// to read and to write again, and 0.1 s so.
type splicer struct{ rest bytes.Buffer }

// write reports false if the event may be somebody else's, who need not write as
// we do.
func (s *splicer) write(b *bufio.Writer, f *track.Found) bool {
	text, ok := bytes.CutSuffix(f.Text, []byte("}"))
	own := `{"id":"` + f.ID + `","source":"`
	if !ok || len(text) < len(own) || string(text[:len(own)]) != own || !utf8.Valid(text) {
		return false
	}
	s.rest.Reset()
	rest := alertRest{f.Channel, nil, f.LastSeen, f.StaleAt, f.ExpiresAt, f.Seq, f.Time}
	if len(f.Channels) > 1 {
		rest.Channels = f.Channels
	}
	if newEncoder(noNewline{&s.rest}, false).Encode(rest) != nil {
		return false
	}
	b.Write(text)
	b.WriteByte(',')
	b.Write(s.rest.Bytes()[1:])
	return true
}

// noNewline drops the newline that json.Encoder writes after each value, of which
// it makes one write.
type noNewline struct{ w io.Writer }

func (n noNewline) Write(p []byte) (int, error) {
	trimmed := p
	if len(p) > 0 && p[len(p)-1] == '\n' {
		trimmed = p[:len(p)-1]
	}
	if _, err := n.w.Write(trimmed); err != nil {
		return 0, err
	}
	return len(p), nil
}

// matchesETag compares weakly (RFC 9110 13.1.2).
func matchesETag(list, etag string) bool {
	etag = strings.TrimPrefix(etag, "W/")
	for item := range strings.SplitSeq(list, ",") {
		item = strings.TrimSpace(item)
		if item == "*" || strings.TrimPrefix(item, "W/") == etag {
			return true
		}
	}
	return false
}

// one answers with an alert, also if it has ended a moment ago.
func (a *api) one(w http.ResponseWriter, r *http.Request) error {
	if p := query(r); p.err != nil {
		return p.err
	}
	c, err := a.current(r.PathValue("id"), true)
	if err != nil {
		return err
	}
	w.Header().Set("Etag", `W/"`+strconv.FormatInt(c.Time.Unix(), 10)+"-"+strconv.FormatUint(c.Seq, 10)+`"`)
	if matchesETag(r.Header.Get("If-None-Match"), w.Header().Get("Etag")) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	answer(w, r, http.StatusOK, newAlert(&c))
	return nil
}

// current finds an alert.
func (a *api) current(id string, ended bool) (track.Current, error) {
	if !alerts.IsID(id) {
		return track.Current{}, &refusal{status: http.StatusNotFound, reason: "that is no alert's id; one is a source and a fingerprint, such as am-e0e5d472468ff987", field: "id"}
	}
	found, err := a.o.Tracker.Find(track.Query{ID: id, Ended: ended})
	if err != nil {
		return track.Current{}, err
	}
	for c := range found.All() {
		return c, nil
	}
	return track.Current{}, &refusal{status: http.StatusNotFound, reason: "no alert of this id is active, or has ended in the last 15 minutes; /api/v1/history may have it", field: "id"}
}
