package relay

import (
	"strconv"
	"strings"
)

// Request is one element of a channels path: a channel and how many of its
// last messages to begin with.
type Request struct {
	// Channel is a channel's id, or a wildcard such as "db.>" (IsWildcard).
	Channel string
	// Backtrack asks for the last so many retained messages; 0 means none.
	Backtrack int
}

// ParsePath splits an already decoded channels path, "ops/db.critical.b3", into
// its elements (protocol section 4). Empty elements are skipped, because
// pushstream.js publishes to "/ops", and a channel named twice is taken once:
// a connection gets each message once. The result may be empty.
func ParsePath(path string) []Request {
	var reqs []Request
	for element := range strings.SplitSeq(path, "/") {
		r := parseElement(element)
		if r.Channel != "" && !named(reqs, r.Channel) {
			reqs = append(reqs, r)
		}
	}
	return reqs
}

func named(reqs []Request, channel string) bool {
	for _, r := range reqs {
		if r.Channel == channel {
			return true
		}
	}
	return false
}

// parseElement cuts the backtrack suffix off: ".b" and digits at the very end.
func parseElement(s string) Request {
	i := len(s)
	for i > 0 && s[i-1] >= '0' && s[i-1] <= '9' {
		i--
	}
	if i == len(s) || !strings.HasSuffix(s[:i], ".b") {
		return Request{Channel: s}
	}
	n, err := strconv.Atoi(s[i:])
	if err != nil { // only out of range is left: the module takes it for "all"
		n = int(^uint(0) >> 1)
	}
	return Request{Channel: s[:i-len(".b")], Backtrack: n}
}

// CheckID says whether a channel of this id may exist: ErrNoChannel,
// ErrReservedID ("ALL", or an asterisk anywhere) or ErrIDTooLong if it is
// longer than maxLen bytes. A maxLen of 0 sets no limit. Wildcards fail; a place
// that allows them asks IsWildcard first.
func CheckID(id string, maxLen int) error {
	switch {
	case id == "":
		return ErrNoChannel
	case id == "ALL" || strings.Contains(id, "*"):
		return ErrReservedID
	case maxLen > 0 && len(id) > maxLen:
		return ErrIDTooLong
	}
	return nil
}
