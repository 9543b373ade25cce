package web

import (
	"bytes"
	"regexp"
	"strings"

	"alertrelay/relay/site"
)

// padding is a group of user agents ready to be padded for (protocol 7.8).
type padding struct {
	agent           *regexp.Regexp
	header, message int // least sizes
	most            int // the largest of the whole configuration
	event           bool
}

func newPaddings(list []site.Padding, most int, event bool) ([]padding, error) {
	var all []padding
	for _, p := range list {
		re, err := site.CompileRegexp(p.Agent, false)
		if err != nil {
			return nil, err
		}
		all = append(all, padding{re, p.Header, p.Message, most, event})
	}
	return all, nil
}

// padding is the first group that matches the user agent, nil if none does.
func (l *location) padding(q *visit) *padding {
	if len(l.paddings) == 0 {
		return nil
	}
	agent := q.r.UserAgent()
	if l.userAgent.set {
		agent = l.userAgent.of(q)
	}
	for i := range l.paddings {
		if agent != "" && l.paddings[i].agent.MatchString(agent) {
			return &l.paddings[i]
		}
	}
	return nil
}

// afterHeader is the filler after a header template of that size.
func (p *padding) afterHeader(size int) []byte {
	if p == nil || size == 0 {
		return nil
	}
	return p.filler(p.header - size)
}

// afterMessage is the filler after a message.
func (p *padding) afterMessage(frame []byte) []byte {
	if p == nil || len(frame) == 0 {
		return nil
	}
	if p.event { // what is before the data does not count
		for _, field := range []string{"id: ", "event: "} {
			if i := bytes.IndexByte(frame, '\n'); i > 0 && bytes.HasPrefix(frame, []byte(field)) {
				frame = frame[i+1:]
			}
		}
	}
	return p.filler(p.message - len(frame))
}

// filler has not exactly the size that is missing: the module has a few pieces
// ready, in steps of 100 and the largest.
func (p *padding) filler(missing int) []byte {
	if missing <= 0 {
		return nil
	}
	size := p.most
	if missing/100 != p.most/100 {
		size = (missing/100 + 1) * 100
	}
	if p.event {
		return []byte(strings.Repeat(":", size-1) + "\n")
	}
	return []byte(strings.Repeat("\r\n", size/2+1)[2-size%2:][:size])
}
