package relay

import (
	"strconv"
	"strings"
	"time"
)

// Cursor is where a subscriber wants to go on from: the time and tag of the
// last message it saw, or that message's event id. The zero Cursor asks for
// what comes from now on.
type Cursor struct {
	// Time is the second of the last message seen; the zero Time means none.
	Time time.Time
	// Tag is the tag of the last message seen, if HasTag. Without it nothing of
	// the second Time is sent again; with 0, all of that second is.
	Tag    uint64
	HasTag bool
	// EventID is the event id of the last message seen; nil means none.
	EventID *string
	// InOrder has the history of several channels come in the order of the
	// stream, so that the last message seen is always the place to go on from.
	// Without it, it comes channel after channel, as the module does it
	// (protocol 7.3), and only the greatest time and tag seen are.
	InOrder bool
}

// isZero reports whether the cursor asks for nothing of the past.
func (c Cursor) isZero() bool { return c.Time.IsZero() && c.EventID == nil }

// named reports whether the cursor names one message.
func (c Cursor) named() bool { return c.HasTag && c.Tag > 0 && !c.Time.IsZero() }

// passedBy reports whether a message at (t, seq) comes after the cursor by time
// and tag (protocol 7.3).
func (c Cursor) passedBy(t time.Time, seq uint64) bool {
	if c.Time.IsZero() {
		return false
	}
	second, at := t.Unix(), c.Time.Unix()
	return second > at || second == at && c.HasTag && seq > c.Tag
}

// ParseSince reads a time from which on messages are wanted, as a cursor that has
// all of its second sent: a date of RFC 3339, seconds since 1970, or how long ago,
// in Go's units and d for days ("10m", "1h30m", "7d").
func ParseSince(s string, now time.Time) (Cursor, bool) {
	t, ok := parseSince(s, now)
	if t.Unix() < 0 {
		t = time.Unix(0, 0)
	}
	return Cursor{Time: t.UTC(), HasTag: true}, ok
}

func parseSince(s string, now time.Time) (time.Time, bool) {
	if s == "" || len(s) > 40 || s[0] < '0' || s[0] > '9' {
		return time.Time{}, false
	}
	// A "+" may have become a space on its way through a query.
	if t, err := time.Parse(time.RFC3339, strings.Replace(s, " ", "+", 1)); err == nil {
		return t, true
	}
	if seconds, err := strconv.ParseInt(s, 10, 64); err == nil {
		return time.Unix(seconds, 0), len(s) <= 12
	}
	if days, found := strings.CutSuffix(s, "d"); found {
		n, err := strconv.ParseUint(days, 10, 15)
		return now.AddDate(0, 0, -int(n)), err == nil
	}
	d, err := time.ParseDuration(s)
	return now.Add(-d), err == nil
}

// timeFormat is the preferred HTTP date (RFC 9110 5.6.7).
const timeFormat = "Mon, 02 Jan 2006 15:04:05 GMT"

// timeFormats are the forms that are read: the three of RFC 9110, the first of
// them also with a one-digit day, which the module's documentation shows and the
// module refuses (protocol quirk 27).
var timeFormats = [...]string{timeFormat, "Mon, 2 Jan 2006 15:04:05 GMT", time.RFC850, time.ANSIC}

// ParseTime reads an HTTP date in any of its three forms (RFC 9110 5.6.7), as
// protocol 7.2 says. Everything else, and dates before 1970, mean no time.
func ParseTime(s string) (time.Time, bool) {
	if len(s) > 64 {
		return time.Time{}, false
	}
	for _, layout := range timeFormats {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), t.Unix() >= 0
		}
	}
	return time.Time{}, false
}

// FormatTime renders t as an RFC 1123 date in GMT, what Last-Modified and ~time~
// carry.
func FormatTime(t time.Time) string { return t.UTC().Format(timeFormat) }

// ParseTag reads a tag as it stands in If-None-Match: decimal digits after an
// optional "W/" (protocol 7.2).
func ParseTag(s string) (uint64, bool) {
	s = strings.TrimPrefix(s, "W/")
	if s == "" || s[0] < '0' || s[0] > '9' { // ParseUint takes a leading "+"
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, 64)
	return n, err == nil
}

// ParseEventCursor reads what our own eventsource locations send as "id:" when
// a message has no event id of its own, "<unix seconds>:<tag>", and browsers
// send back as Last-Event-ID.
func ParseEventCursor(s string) (Cursor, bool) {
	sec, tag, found := strings.Cut(s, ":")
	if !found || len(sec) > 12 || sec == "" || sec[0] < '0' || sec[0] > '9' {
		return Cursor{}, false
	}
	seconds, err := strconv.ParseInt(sec, 10, 64)
	if err != nil {
		return Cursor{}, false
	}
	n, ok := ParseTag(tag)
	if !ok || tag[0] == 'W' {
		return Cursor{}, false
	}
	return Cursor{Time: time.Unix(seconds, 0).UTC(), Tag: n, HasTag: true}, true
}
