package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"alertrelay/relay"
)

const (
	// apiTimeout is for one request of the API but History, whose parts may each
	// take historyIdle.
	apiTimeout  = 30 * time.Second
	historyIdle = time.Minute
	// maxErrorBytes is how much of an error's text is read.
	maxErrorBytes = 64 << 10
)

// WithToken makes a client that shows a token with what it asks of the API for
// alerts. It shares the connections of c. Empty shows none.
func (c *Client) WithToken(token string) *Client {
	other := *c
	other.token = token
	return &other
}

// AlertQuery says which alerts are wanted; the zero one wants all that are active.
type AlertQuery struct {
	// Match are matchers in Alertmanager's syntax, all of which must hold.
	Match []string
	// Channels are channels and wildcards, one of which must match.
	Channels []string
	// Status are those that are wanted, "firing".
	Status []string
	// Ended has alerts come that ended in the last 15 minutes, too.
	Ended bool
	// Limit is how many may come; 0 means all.
	Limit int
}

// AlertList is what is so at one place of the stream.
type AlertList struct {
	// Time and Tag are that place. Subscribing From it brings what happens after.
	Time time.Time
	Tag  uint64
	// Total is how many alerts there are, also beyond the limit.
	Total  int
	Alerts []Alert
	// JSON is the answer as it came.
	JSON []byte
}

// Alert is an alert as the API shows it.
type Alert struct {
	ID          string            `json:"id"`
	Source      string            `json:"source"`
	Status      string            `json:"status"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	StartsAt    time.Time         `json:"startsAt"`
	EndsAt      time.Time         `json:"endsAt"`
	UpdatedAt   time.Time         `json:"updatedAt"`
	Channel     string            `json:"channel"`
	// Ack is nil unless somebody has it in hand.
	Ack *Ack `json:"ack"`
	// Tag and StoredAt are those of its last event.
	Tag      uint64    `json:"seq"`
	StoredAt time.Time `json:"time"`
}

// Ack says who has an alert in hand.
type Ack struct {
	By      string    `json:"by"`
	Comment string    `json:"comment"`
	At      time.Time `json:"at"`
}

// Alerts gives the alerts that are wanted. A refusal is an *Error.
func (c *Client) Alerts(ctx context.Context, q AlertQuery) (AlertList, error) {
	v := url.Values{"match": q.Match, "channel": q.Channels, "status": q.Status}
	if q.Ended {
		v.Set("ended", "true")
	}
	if q.Limit > 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	var l struct {
		Head   struct{ Time, Cursor string }
		Total  int
		Alerts []Alert
	}
	text, err := c.api(ctx, http.MethodGet, "/api/v1/alerts", v, nil, &l)
	if err != nil {
		return AlertList{}, err
	}
	list := AlertList{Total: l.Total, Alerts: l.Alerts, JSON: text}
	if at, ok := relay.ParseEventCursor(l.Head.Cursor); ok {
		list.Time, list.Tag = at.Time, at.Tag
	}
	return list, nil
}

// Whoami gives the name of the client's token, which is then the author of what it
// changes; empty if the token has none, or none is wanted. A refusal is an *Error,
// with the status 401 if a token is wanted, or another one.
func (c *Client) Whoami(ctx context.Context) (name string, err error) {
	var me struct{ Name string }
	_, err = c.api(ctx, http.MethodGet, "/api/v1/whoami", nil, nil, &me)
	return me.Name, err
}

// Ack says that somebody has an alert in hand, and gives the alert as it is then.
// by may be empty if the token has a name. A refusal is an *Error, with the status
// 404 if no such alert is active.
func (c *Client) Ack(ctx context.Context, id, by, comment string) (Alert, error) {
	return c.person(ctx, id, "/ack", by, comment)
}

// Unack takes that back.
func (c *Client) Unack(ctx context.Context, id, by, comment string) (Alert, error) {
	return c.person(ctx, id, "/unack", by, comment)
}

func (c *Client) person(ctx context.Context, id, what, by, comment string) (Alert, error) {
	if id == "" {
		return Alert{}, errors.New("client: the alert's id is empty")
	}
	var a Alert
	body := map[string]string{"by": by, "comment": comment}
	_, err := c.api(ctx, http.MethodPost, "/api/v1/alerts/"+url.PathEscape(id)+what, nil, body, &a)
	return a, err
}

// HistoryQuery says which events are wanted.
type HistoryQuery struct {
	// Match, Channels and ID (of one alert) are as in AlertQuery.
	Match, Channels []string
	ID              string
	// Since and Until are RFC 3339, unix seconds, or how long ago ("2h"). Since is
	// 24 h ago if it is empty.
	Since, Until string
	// After is the tag after which events come; 0 means any.
	After uint64
	// Limit is how many may come; 0 means 100,000.
	Limit int
	// Format is "ndjson", "csv" or "json"; empty means ndjson.
	Format string
}

// History writes the events that are wanted to w, in the order of the stream, while
// they come. after is the tag to go on after if there are more; 0 if there are not.
// A refusal is an *Error; after any other error w has a part.
func (c *Client) History(ctx context.Context, q HistoryQuery, w io.Writer) (after uint64, err error) {
	v := url.Values{"match": q.Match, "channel": q.Channels}
	for name, value := range map[string]string{"id": q.ID, "since": q.Since, "until": q.Until, "format": q.Format} {
		if value != "" {
			v.Set(name, value)
		}
	}
	if q.After > 0 {
		v.Set("after", strconv.FormatUint(q.After, 10))
	}
	if q.Limit > 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(historyIdle, func() { cancel(silence(historyIdle)) })
	defer timer.Stop()
	resp, err := c.send(ctx, http.MethodGet, "/api/v1/history", v, nil)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	body := &watchedBody{ReadCloser: resp.Body, ctx: ctx, close: func() {}}
	buf := make([]byte, 32<<10)
	for {
		n, err := body.Read(buf)
		timer.Reset(historyIdle)
		if _, err := w.Write(buf[:n]); err != nil {
			return 0, err
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, fmt.Errorf("client: the answer broke off: %w", err)
		}
	}
	more := resp.Trailer.Get("Alertrelay-More-After")
	if more == "" {
		return 0, nil
	}
	if after, err = strconv.ParseUint(more, 10, 64); err != nil {
		return 0, fmt.Errorf("client: the answer's trailer: %w", err)
	}
	return after, nil
}

// api asks and reads the JSON of the answer into v, nil for none.
func (c *Client) api(ctx context.Context, method, path string, query url.Values, body, v any) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	resp, err := c.send(ctx, method, path, query, body)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("client: the answer broke off: %w", plain(err))
	}
	if v == nil {
		return text, nil
	}
	if err := json.Unmarshal(text, v); err != nil {
		return nil, fmt.Errorf("client: reading the answer: %w", err)
	}
	return text, nil
}

// send asks, and makes an *Error of every answer but 2xx.
func (c *Client) send(ctx context.Context, method, path string, query url.Values, body any) (*http.Response, error) {
	target := c.base + path
	if encoded := query.Encode(); encoded != "" {
		target += "?" + encoded
	}
	var text io.Reader = http.NoBody
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, fmt.Errorf("client: %w", err)
		}
		text = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, target, text)
	if err != nil {
		return nil, plain(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, plain(err)
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer resp.Body.Close()
	refused := refusal(resp)
	var e struct{ Error string }
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxErrorBytes))
	if err == nil && json.Unmarshal(b, &e) == nil && e.Error != "" {
		refused.Explain = e.Error
	}
	return nil, refused
}
