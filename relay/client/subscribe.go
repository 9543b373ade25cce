package client

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"alertrelay/relay"
)

// Transport is the way messages come.
type Transport string

// The transports.
const (
	SSE         Transport = "sse"    // server-sent events, /ev/
	WebSocket   Transport = "ws"     // /ws/
	LongPolling Transport = "lp"     // /lp/
	Streaming   Transport = "stream" // one endless answer, /sub/
	Polling     Transport = "poll"   // asked every PollInterval, /poll/
)

// Transports lists the transports, the one to use first.
func Transports() []Transport { return []Transport{SSE, WebSocket, LongPolling, Streaming, Polling} }

// SubscribeOptions say what to subscribe to and where to begin. Of From, Since,
// Last and Now one may be set; none means from now on.
type SubscribeOptions struct {
	// Channels are channels and wildcards ("db.>"). A suffix as in "ops.b3"
	// begins that channel with its last three messages.
	Channels []string
	// Transport; empty means SSE.
	Transport Transport
	// From goes on after this place.
	From relay.Cursor
	// Since begins with the messages of this second.
	Since time.Time
	// Last begins with so many messages of each channel.
	Last int
	// Now begins with the newest message of each channel that is active. Notices of
	// SnapshotBegin and SnapshotEnd come around them, again whenever the relay cannot
	// go on where the subscription stood: the messages between them are then all
	// that is active, and what was known before is void. Their ID may be 0.
	Now bool
	// PollInterval is how often Polling asks; 0 means 1 s.
	PollInterval time.Duration
	// IdleTimeout ends a connection on which nothing comes, not even the relay's
	// pings; 0 means 45 s.
	IdleTimeout time.Duration
	// Notify is told what is no message; nil means nobody is. It is called by the
	// goroutine that called Subscribe.
	Notify func(Notice)
}

// Notice tells what happens to a subscription besides messages.
type Notice struct {
	Kind NoticeKind
	// Err is why a connection ended, or was refused, with Disconnected.
	Err error
	// Delay is when the next attempt begins, with Disconnected.
	Delay time.Duration
	// Channel and Text come with Deleted and Gap: the channel, if it is one, and the
	// relay's words.
	Channel, Text string
}

// NoticeKind is a kind of Notice.
type NoticeKind uint8

// Kinds of notices.
const (
	Connected     NoticeKind = iota // a connection stands
	Disconnected                    // it ended, and another is tried after Delay
	Gap                             // the relay does not retain all that was missed
	Deleted                         // the channel was deleted
	SnapshotBegin                   // what comes is all that is active, until SnapshotEnd
	SnapshotEnd
)

// errEnded: the relay ended the connection as it should, to stop or because its
// time was up.
var errEnded = errors.New("the relay ended the connection")

// errDeleted: the channel has been deleted. A connection does not follow a channel
// that is created under the same id later (protocol 5.4); the next one does.
var errDeleted = errors.New("the channel was deleted")

// handlerError is what the caller's function returned.
type handlerError struct{ error }

// subscriber is one call of Subscribe.
type subscriber struct {
	client *Client
	o      SubscribeOptions
	handle func(Message) error
	reqs   []relay.Request

	cursor relay.Cursor // where the next connection begins
	placed bool         // cursor is set
	alive  bool         // the connection has been of use
	// unplaced is true in the middle of a snapshot: its messages are no places to go
	// on from.
	unplaced bool
}

// Subscribe calls handle with each message, in order, from one goroutine, until
// ctx ends, handle returns an error, or the relay refuses for good (an *Error).
// It returns that, or nil when ctx has ended.
func (c *Client) Subscribe(ctx context.Context, o SubscribeOptions, handle func(Message) error) error {
	s, err := c.subscriber(o, handle)
	if err != nil {
		return err
	}
	for attempt := 0; ; attempt++ {
		s.alive = false
		err := s.connect(ctx)
		if handled := (handlerError{}); errors.As(err, &handled) {
			return handled.error
		}
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the caller's own wish, as documented
		}
		refused := (*Error)(nil)
		if errors.As(err, &refused) && !refused.Temporary() {
			return refused
		}
		if s.alive {
			attempt = 0
		}
		delay := backoff(attempt)
		if refused != nil && refused.RetryAfter > delay {
			delay = refused.RetryAfter + backoff(0)
		}
		s.o.Notify(Notice{Kind: Disconnected, Err: plain(err), Delay: delay})
		if !sleep(ctx, delay) {
			return nil
		}
	}
}

func (c *Client) subscriber(o SubscribeOptions, handle func(Message) error) (*subscriber, error) {
	if err := checkChannels(o.Channels); err != nil {
		return nil, err
	}
	starts := 0
	for _, set := range []bool{o.From != relay.Cursor{}, !o.Since.IsZero(), o.Last > 0, o.Now} {
		if set {
			starts++
		}
	}
	switch {
	case starts > 1:
		return nil, errors.New("client: of From, Since, Last and Now one may be set")
	case o.Last < 0:
		return nil, errors.New("client: Last must not be negative")
	}
	if o.Transport == "" {
		o.Transport = SSE
	}
	known := false
	for _, t := range Transports() {
		known = known || t == o.Transport
	}
	if !known {
		return nil, fmt.Errorf("client: unknown transport %q", o.Transport)
	}
	if o.PollInterval <= 0 {
		o.PollInterval = time.Second
	}
	if o.IdleTimeout <= 0 {
		o.IdleTimeout = 45 * time.Second
	}
	if o.Notify == nil {
		o.Notify = func(Notice) {}
	}
	s := &subscriber{client: c, o: o, handle: handle, reqs: relay.ParsePath(strings.Join(o.Channels, "/"))}
	for _, r := range s.reqs {
		if r.Channel == "." || r.Channel == ".." {
			return nil, fmt.Errorf("client: channel %q means a place in a path there", r.Channel)
		}
	}
	switch {
	case !o.From.Time.IsZero():
		s.cursor, s.placed = o.From, true
	case !o.Since.IsZero():
		s.cursor, s.placed = relay.Cursor{Time: o.Since, HasTag: true}, true
	}
	for i := range s.reqs {
		if o.Last > 0 && s.reqs[i].Backtrack == 0 {
			s.reqs[i].Backtrack = o.Last
		}
	}
	return s, nil
}

// connect makes one connection and reads it to its end.
func (s *subscriber) connect(ctx context.Context) error {
	s.unplaced = false
	if !s.placed && !s.o.Now {
		// A poll answers with the place where the stream stands, so that nothing
		// is lost even if the first connection breaks before its first message.
		if err := s.poll(ctx, "/poll/"); err != nil {
			return err
		}
	}
	switch s.o.Transport {
	case WebSocket:
		return s.websocket(ctx)
	case LongPolling:
		return s.longPolling(ctx)
	case Streaming:
		return s.stream(ctx)
	case Polling:
		return s.polling(ctx)
	default:
		return s.sse(ctx)
	}
}

// connected notes that the relay has accepted the connection.
func (s *subscriber) connected() {
	if !s.alive {
		s.alive = true
		s.o.Notify(Notice{Kind: Connected})
	}
}

// deliver hands over what has come.
func (s *subscriber) deliver(m Message) error {
	switch m.ID {
	case relay.IDGap:
		s.o.Notify(Notice{Kind: Gap, Channel: m.Channel, Text: m.Text})
		return nil
	case relay.IDSnapshot:
		s.cursor, s.placed = m.Cursor(), true
		s.snapshotEnd()
		return nil
	case relay.IDDeleted:
		s.o.Notify(Notice{Kind: Deleted, Channel: m.Channel, Text: m.Text})
		return errDeleted
	}
	if m.ID < 0 { // a ping, the end of a long poll, or what relays to come may send
		return nil
	}
	if err := s.handle(m); err != nil {
		return handlerError{err}
	}
	if !s.unplaced {
		s.cursor, s.placed = m.Cursor(), true
	}
	return nil
}

// snapshot notes that an answer begins with a snapshot, or is one.
func (s *subscriber) snapshot(h http.Header) {
	if h.Get("X-Alertrelay-Snapshot") == "" {
		return
	}
	s.unplaced, s.placed = true, false // should it break off, there must be another
	s.o.Notify(Notice{Kind: SnapshotBegin})
}

func (s *subscriber) snapshotEnd() {
	s.unplaced = false
	s.o.Notify(Notice{Kind: SnapshotEnd})
}

// url is where the next connection goes: the location, the channels, and the
// place to begin at.
func (s *subscriber) url(location string) string {
	var b strings.Builder
	b.WriteString(s.client.base)
	b.WriteString(strings.TrimSuffix(location, "/"))
	for _, r := range s.reqs {
		// Relays decode what follows the location once more (protocol 2.3).
		b.WriteString("/" + url.PathEscape(strings.ReplaceAll(r.Channel, "%", "%25")))
		switch bare := relay.ParsePath(r.Channel); {
		case r.Backtrack > 0 && !s.placed: // it would beat the cursor (protocol 7.3)
			b.WriteString(".b" + strconv.Itoa(r.Backtrack))
		case len(bare) == 1 && bare[0].Channel != r.Channel: // the id of "ops.b3.b4" is "ops.b3"
			b.WriteString(".b0")
		}
	}
	sep := "?"
	if s.o.Now {
		b.WriteString("?mode=now")
		sep = "&"
	}
	if !s.placed {
		return b.String()
	}
	b.WriteString(sep + "time=" + argument(relay.FormatTime(s.cursor.Time)))
	if s.cursor.HasTag {
		b.WriteString("&tag=" + strconv.FormatUint(s.cursor.Tag, 10))
	}
	return b.String()
}

// get begins a request and has it end when nothing comes for the idle timeout;
// touch puts that off.
func (s *subscriber) get(ctx context.Context, location string, idle time.Duration) (resp *http.Response, touch func(), err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(idle, func() { cancel(silence(idle)) })
	fail := func(err error) (*http.Response, func(), error) {
		timer.Stop()
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		cancel(nil)
		return nil, nil, plain(err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url(location), nil)
	if err != nil {
		return fail(err)
	}
	if location == "/ev/" {
		req.Header.Set("Accept", "text/event-stream")
	}
	resp, err = s.client.http.Do(req)
	if err != nil {
		return fail(err)
	}
	body := resp.Body
	resp.Body = &watchedBody{ReadCloser: body, ctx: ctx, close: func() { timer.Stop(); cancel(nil) }}
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusNotModified {
		resp.Body.Close()
		return nil, nil, refusal(resp)
	}
	return resp, func() { timer.Reset(idle) }, nil
}

// silence is why a connection on which nothing comes is ended.
func silence(idle time.Duration) error { return fmt.Errorf("nothing came for %s", idle) }

// backoff is how long to wait before the next attempt: 1/8 s, doubled to 8 s,
// with half of it random so that clients do not come back all at once.
func backoff(attempt int) time.Duration {
	d := 125 * time.Millisecond << min(attempt, 6)
	return d/2 + rand.N(d/2)
}

// sleep reports whether it slept to its end.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
