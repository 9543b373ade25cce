package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Silence is a silence of a source.
type Silence struct {
	Source string `json:"source"`
	// ID and State ("active", "pending", "expired") are the source's.
	ID    string `json:"id,omitempty"`
	State string `json:"state,omitempty"`
	// Matchers are in Alertmanager's syntax; all must hold.
	Matchers  []string  `json:"matchers"`
	StartsAt  time.Time `json:"startsAt,omitzero"`
	EndsAt    time.Time `json:"endsAt,omitzero"`
	CreatedBy string    `json:"createdBy,omitempty"`
	Comment   string    `json:"comment,omitempty"`
}

// SilencePreview is what a silence would match now.
type SilencePreview struct {
	// Total is how many alerts; Alerts are the first 1,000 of them, with ID and
	// Labels.
	Total  int     `json:"total"`
	Alerts []Alert `json:"alerts"`
}

// Silences gives the silences of a source, or of all if it is empty. failed has
// the reasons of the sources that do not answer.
func (c *Client) Silences(ctx context.Context, source string) (silences []Silence, failed map[string]string, err error) {
	v := url.Values{}
	if source != "" {
		v.Set("source", source)
	}
	var l struct {
		Silences []Silence
		Errors   []struct{ Source, Error string }
	}
	if _, err := c.api(ctx, http.MethodGet, "/api/v1/silences", v, nil, &l); err != nil {
		return nil, nil, err
	}
	failed = make(map[string]string)
	for _, e := range l.Errors {
		failed[e.Source] = e.Error
	}
	return l.Silences, failed, nil
}

// PreviewSilence says what a silence would match now. A zero EndsAt is possible.
func (c *Client) PreviewSilence(ctx context.Context, s Silence) (SilencePreview, error) {
	s.ID, s.State = "", ""
	var p SilencePreview
	_, err := c.api(ctx, http.MethodPost, "/api/v1/silences/preview", nil, s, &p)
	return p, err
}

// CreateSilence makes a silence and gives it with its id.
func (c *Client) CreateSilence(ctx context.Context, s Silence) (Silence, error) {
	s.ID, s.State = "", ""
	var made Silence
	_, err := c.api(ctx, http.MethodPost, "/api/v1/silences", nil, s, &made)
	return made, err
}

// ExpireSilence ends a silence.
func (c *Client) ExpireSilence(ctx context.Context, source, id string) error {
	_, err := c.api(ctx, http.MethodDelete, "/api/v1/silences/"+url.PathEscape(source)+"/"+url.PathEscape(id), nil, nil, nil)
	return err
}
