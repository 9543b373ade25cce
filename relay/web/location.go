package web

import (
	"errors"
	"regexp"
	"time"

	"alertrelay/relay"
	"alertrelay/relay/site"
)

// location is a site.Location ready to serve.
type location struct {
	*site.Location
	bare   site.Location // to be compared
	regexp *regexp.Regexp
	inner  tree        // the locations inside
	nested []*location // the same

	settings    *settings
	steps       []step
	allowOrigin value
	userAgent   value
	headers     []addedHeader
	paddings    []padding
	zipTypes    map[string]bool // nil: nothing is compressed
	timeoutBody bool

	chunked *framed // HTTP/1.1
	plain   *framed // HTTP/1.0, JSONP, and what is compressed or padded
	frame   *framed // WebSocket
}

// framed is a format with the control messages that have no channel.
type framed struct {
	*relay.Format
	ping, timeout []byte
}

func newLocation(from *site.Location, s *site.Site, mostPadding int) (*location, error) {
	l := &location{Location: from, timeoutBody: s.TimeoutBody}
	var err error
	if from.Match.IsRegex() {
		if l.regexp, err = from.Regexp(); err != nil {
			return nil, err
		}
	}
	if from.Mode > site.ModeWebSocket {
		return nil, errors.New("no such mode")
	}
	if from.PingInterval < 0 || from.TTL < 0 || from.PollTTL < 0 || from.MaxBody < 0 {
		return nil, errors.New("times and sizes must not be negative")
	}
	if l.settings, err = newSettings(&from.Varying); err != nil {
		return nil, err
	}
	if l.steps, err = newSteps(from.Steps, true); err != nil {
		return nil, err
	}
	if l.allowOrigin, err = newValue(from.AllowOrigin); err != nil {
		return nil, err
	}
	if l.userAgent, err = newValue(from.UserAgent); err != nil {
		return nil, err
	}
	if l.headers, err = newHeaders(from.Headers); err != nil {
		return nil, err
	}
	l.zipTypes = zipTypes(&from.Gzip)
	if from.Mode == site.ModeStream || from.Mode == site.ModeEventSource {
		if l.paddings, err = newPaddings(from.Padding, mostPadding, from.Mode == site.ModeEventSource); err != nil {
			return nil, err
		}
	}
	if from.Mode.Subscribes() {
		err = l.newFormats(s.PingText)
	}
	return l, err
}

func (l *location) newFormats(pingText string) (err error) {
	framings := [2]relay.Framing{relay.FrameChunked, relay.FramePlain}
	switch l.Mode {
	case site.ModeWebSocket:
		l.frame, err = l.newFormat(relay.FrameWebSocket, pingText)
		return err
	case site.ModeEventSource:
		framings = [2]relay.Framing{relay.FrameEventChunked, relay.FrameEvent}
	}
	if l.chunked, err = l.newFormat(framings[0], pingText); err == nil {
		l.plain, err = l.newFormat(framings[1], pingText)
	}
	return err
}

func (l *location) newFormat(framing relay.Framing, pingText string) (*framed, error) {
	f, err := relay.NewFormat(relay.FormatOptions{
		Template: l.Template, Header: l.Header, Footer: l.Footer, Framing: framing,
		CursorIDs: l.Mode == site.ModeEventSource && !l.Module,
	})
	if err != nil {
		return nil, err
	}
	ping := wsPing
	if framing != relay.FrameWebSocket {
		ping = f.Control(relay.IDPing, "", pingText)
	}
	return &framed{Format: f, ping: ping, timeout: f.Control(relay.IDTimeout, "", "Timed out")}, nil
}

// defaultTime stands for a time of the configuration that is 0 and cannot be.
const defaultTime = time.Minute

func sendTimeout(c site.Connection) time.Duration { return orDefault(c.SendTimeout) }
func bodyTimeout(c site.Connection) time.Duration { return orDefault(c.BodyTimeout) }

func orDefault(d time.Duration) time.Duration {
	if d <= 0 {
		return defaultTime
	}
	return d
}
