package am

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// Errors of a Client. Others are *RefusedError.
var (
	// ErrUnreachable: no member has given an answer that makes sense. Trying again
	// later may be right; the text says what to do about each member.
	ErrUnreachable = errors.New("am: no Alertmanager has answered")
	// ErrNotFound: there is no silence with this id.
	ErrNotFound = errors.New("am: no such silence")
)

// RefusedError is an Alertmanager's answer to what can never be right.
type RefusedError struct {
	// Member is the URL of the one that has answered.
	Member string
	Status int
	// Reason is the Alertmanager's, of at most 300 bytes.
	Reason string
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("am: %s refuses it with status %d: %s", e.Member, e.Status, e.Reason)
}

const (
	defaultTimeout = 5 * time.Second
	// maxAnswer bounds an answer: 100,000 real alerts.
	maxAnswer    = 64 << 20
	maxReason    = 300
	maxRedirects = 5
	maxMembers   = 16
)

// Options configure a Client. URLs is required.
type Options struct {
	// URLs are the members of one cluster, such as "http://am-1:9093", with the
	// prefix of their addresses if they have one.
	URLs []string
	// Bearer is a token, BasicUser and BasicPassword are the other way of showing
	// who asks. Empty: nothing is shown.
	Bearer, BasicUser, BasicPassword string
	// HTTP is what requests are made with; nil means a client of its own. Its
	// CheckRedirect is not used.
	HTTP *http.Client
	// Timeout is the time for one request to one member, 5 s.
	Timeout time.Duration
}

// Client asks the members of one Alertmanager cluster: the one that has answered
// last, and if it does not, the others in turn. Its methods may be called by
// several goroutines at once.
type Client struct {
	members []string
	opts    Options
	http    *http.Client
	good    atomic.Int32 // the index of the member that has answered last
}

// NewClient makes a Client, and asks nobody. The error names the option that is
// wrong.
func NewClient(o Options) (*Client, error) {
	if len(o.URLs) == 0 || len(o.URLs) > maxMembers {
		return nil, fmt.Errorf("am: URLs: are %d, and must be 1 to %d", len(o.URLs), maxMembers)
	}
	switch {
	case o.Bearer != "" && o.BasicUser != "":
		return nil, errors.New("am: Bearer and BasicUser exclude each other")
	case o.BasicPassword != "" && o.BasicUser == "":
		return nil, errors.New("am: BasicPassword: needs BasicUser")
	case strings.ContainsAny(o.Bearer, "\r\n"):
		return nil, errors.New("am: Bearer: has a line break in it; a file's last one has to go")
	case o.Timeout < 0:
		return nil, errors.New("am: Timeout: must not be negative")
	case o.Timeout == 0:
		o.Timeout = defaultTimeout
	}
	c := &Client{opts: o}
	for i, u := range o.URLs {
		member, err := parseMember(u)
		if err == nil && slices.Contains(c.members, member) {
			err = errors.New("is there already")
		}
		if err != nil {
			return nil, fmt.Errorf("am: URLs[%d]: %w", i, err)
		}
		c.members = append(c.members, member)
	}
	h := http.Client{}
	if o.HTTP != nil {
		h = *o.HTTP
	}
	h.CheckRedirect = c.checkRedirect
	c.http = &h
	return c, nil
}

// parseMember gives a member's URL without a slash at its end. Its errors do not
// quote the URL, which may have a password in it.
func parseMember(s string) (string, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return "", errors.New("is no address of an Alertmanager; write it as http://am-1:9093")
	case u.User != nil:
		return "", errors.New("has a user in it; give user and password on their own")
	case u.RawQuery != "" || u.Fragment != "":
		return "", errors.New("has a ? or # in it; write it as http://am-1:9093")
	}
	return strings.TrimSuffix(strings.TrimRight(u.String(), "/"), "/api/v2"), nil
}

// Members are the URLs of the members.
func (c *Client) Members() []string { return slices.Clone(c.members) }

// checkRedirect keeps credentials, and what would be changed, from going to
// anybody but the member that was asked.
func (c *Client) checkRedirect(r *http.Request, via []*http.Request) error {
	first := via[0].URL
	same := r.URL.Host == first.Host && (r.URL.Scheme == first.Scheme || r.URL.Scheme == "https")
	switch {
	case len(via) > maxRedirects:
		return errors.New("it sends from one address to the next without an end")
	case !same && (c.opts.Bearer != "" || c.opts.BasicUser != "" || r.Method != http.MethodGet):
		return errors.New("it sends to another host, which is not told the credentials; name that address instead")
	}
	return nil
}

// Status tells what a member is. Errors: ErrUnreachable.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var s Status
	err := c.each(ctx, func(member string) (err error) {
		s, err = c.status(ctx, member)
		return err
	})
	return s, err
}

func (c *Client) status(ctx context.Context, member string) (Status, error) {
	body, header, err := c.do(ctx, member, http.MethodGet, "/status", nil)
	if err != nil {
		return Status{}, err
	}
	s, err := decodeStatus(body)
	if err != nil {
		return Status{}, badAnswer(member, err)
	}
	s.Member, s.Now = member, time.Now()
	// By its own clock, which may be another than ours.
	if at, err := http.ParseTime(header.Get("Date")); err == nil {
		s.Now = at
	}
	return s, nil
}

// Alerts are all that a member has and that are not over, each once. Errors:
// ErrUnreachable.
func (c *Client) Alerts(ctx context.Context) ([]Alert, error) {
	var list []Alert
	err := c.each(ctx, func(member string) (err error) {
		list, err = c.alerts(ctx, member)
		return err
	})
	return list, err
}

func (c *Client) alerts(ctx context.Context, member string) ([]Alert, error) {
	body, _, err := c.do(ctx, member, http.MethodGet, "/alerts?silenced=true&inhibited=true&active=true&unprocessed=true", nil)
	if err != nil {
		return nil, err
	}
	list, err := decodeAlerts(body)
	if err != nil {
		return nil, badAnswer(member, err)
	}
	return list, nil
}

// Silences are all that a member has, those included that have ended lately.
// Errors: ErrUnreachable.
func (c *Client) Silences(ctx context.Context) ([]Silence, error) {
	var list []Silence
	err := c.each(ctx, func(member string) (err error) {
		list, err = c.silences(ctx, member, "/silences")
		return err
	})
	return list, err
}

func (c *Client) silences(ctx context.Context, member, path string) ([]Silence, error) {
	body, _, err := c.do(ctx, member, http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	list, err := decodeSilences(body)
	if err != nil {
		return nil, badAnswer(member, err)
	}
	return list, nil
}

// Silence gives one by its id. Errors: ErrNotFound, ErrUnreachable.
func (c *Client) Silence(ctx context.Context, id string) (Silence, error) {
	if !isUUID(id) {
		return Silence{}, ErrNotFound
	}
	var s Silence
	err := c.each(ctx, func(member string) error {
		body, _, err := c.do(ctx, member, http.MethodGet, "/silence/"+id, nil)
		if err != nil {
			return notFound(err)
		}
		if s, err = decodeSilence(body); err != nil {
			return badAnswer(member, err)
		}
		return nil
	})
	return s, err
}

// CreateSilence makes a silence and returns its id. If s.ID is not empty it
// changes that silence, whose id may then become another. It is not asked of a
// second member if the first may have done it. Errors: *RefusedError, ErrNotFound
// (of s.ID), ErrUnreachable.
func (c *Client) CreateSilence(ctx context.Context, s Silence) (id string, err error) {
	body, err := json.Marshal(newPostableSilence(&s))
	if err != nil {
		return "", fmt.Errorf("am: silence: %w", err)
	}
	err = c.each(ctx, func(member string) error {
		answer, _, err := c.do(ctx, member, http.MethodPost, "/silences", body)
		if e := (*memberError)(nil); errors.As(err, &e) && !e.notDone {
			return &memberError{member, fmt.Errorf("%w; whether it has silenced is not known, look at its silences", e.err), false, true}
		}
		if err != nil {
			return notFound(err)
		}
		if id, err = decodeSilenceID(answer); err != nil {
			return badAnswer(member, err)
		}
		return nil
	})
	return id, err
}

// ExpireSilence ends a silence; one that has ended already stays so. Errors:
// ErrNotFound, ErrUnreachable.
func (c *Client) ExpireSilence(ctx context.Context, id string) error {
	if !isUUID(id) {
		return ErrNotFound
	}
	return c.each(ctx, func(member string) error {
		_, _, err := c.do(ctx, member, http.MethodDelete, "/silence/"+id, nil)
		if e := (*memberError)(nil); errors.As(err, &e) {
			// Until 0.28 it is a 500 with a text.
			switch text := e.err.Error(); {
			case strings.Contains(text, "already expired"):
				return nil
			case strings.Contains(text, "not found"):
				return ErrNotFound
			}
		}
		return notFound(err)
	})
}

// Look is what a member has, all at one time.
type Look struct {
	// Member is its URL.
	Member string
	// At is when the look began, by our clock: what is known to have happened
	// after it may be missing.
	At time.Time
	// Uptime is for how long the member has been running.
	Uptime time.Duration
	Alerts []Alert
	// Silences that are not over, by their ids. nil if no alert is silenced.
	Silences map[string]Silence
}

// Look asks one member for everything. Errors: ErrUnreachable.
func (c *Client) Look(ctx context.Context, now func() time.Time) (Look, error) {
	var l Look
	err := c.each(ctx, func(member string) error {
		l = Look{Member: member, At: now()}
		s, err := c.status(ctx, member)
		if err != nil {
			return err
		}
		l.Uptime = s.Uptime()
		if l.Alerts, err = c.alerts(ctx, member); err != nil {
			return err
		}
		if !slices.ContainsFunc(l.Alerts, func(a Alert) bool { return len(a.SilencedBy) > 0 }) {
			return nil
		}
		// The parameter is known from 0.34 on, and passed over before.
		list, err := c.silences(ctx, member, "/silences?expired=false")
		if err != nil {
			return err
		}
		l.Silences = make(map[string]Silence, len(list))
		for _, s := range list {
			l.Silences[s.ID] = s
		}
		return nil
	})
	return l, err
}

// elsewhere are the fingerprints of what the members other than this one have.
// Those that do not answer have nothing to say.
func (c *Client) elsewhere(ctx context.Context, but string) map[string]bool {
	found := make(map[string]bool)
	for _, member := range c.members {
		if member == but {
			continue
		}
		list, err := c.alerts(ctx, member)
		if err != nil {
			continue
		}
		for i := range list {
			found[list[i].Fingerprint] = true
		}
	}
	return found
}
