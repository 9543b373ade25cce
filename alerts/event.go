package alerts

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// Event is the text of a message in an alert's channel: what became of the alert.
// Its JSON is one line, and the same for the same event: keys in the order of the
// fields, labels in the order of their names, nothing escaped for HTML.
type Event struct {
	// ID is Alert.ID.
	ID          string `json:"id"`
	Source      string `json:"source"`
	Fingerprint string `json:"fingerprint"`
	Status      Status `json:"status"`
	// Labels and Annotations are objects in the JSON, even if empty.
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	// AnnotationsCut is true if the annotations were left out, because with them
	// the event is larger than the store takes.
	AnnotationsCut bool `json:"annotationsCut,omitempty"`
	// StartsAt is when the incident began. In the event of a resolve it is that
	// of the event before, because the resolve may come with another.
	StartsAt time.Time `json:"startsAt,omitzero"`
	// EndsAt is there if Status is Resolved and the sender gave it.
	EndsAt       time.Time `json:"endsAt,omitzero"`
	GeneratorURL string    `json:"generatorURL"`
	Receiver     string    `json:"receiver"`
	ExternalURL  string    `json:"externalURL"`
	// UpdatedAt is when the relay got the notification.
	UpdatedAt time.Time `json:"updatedAt"`
}

// NewEvent is the event of an alert that was not known before.
func NewEvent(a *Alert, updatedAt time.Time) Event {
	e := Event{
		ID: a.ID(), Source: a.Source, Fingerprint: a.Fingerprint, Status: a.Status,
		Labels: a.Labels, Annotations: a.Annotations,
		StartsAt: a.StartsAt, GeneratorURL: a.GeneratorURL,
		Receiver: a.Receiver, ExternalURL: a.ExternalURL,
		UpdatedAt: updatedAt.UTC().Truncate(time.Millisecond),
	}
	if a.Status == Resolved {
		e.EndsAt = a.EndsAt
	}
	return e
}

// Encode returns the event's JSON.
func (e Event) Encode() ([]byte, error) {
	if e.Labels == nil {
		e.Labels = map[string]string{}
	}
	if e.Annotations == nil {
		e.Annotations = map[string]string{}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // the text is data; whoever puts it into a page escapes it
	if err := enc.Encode(e); err != nil {
		return nil, fmt.Errorf("alerts: event: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// ParseEvent reads the text of a message. An error means that somebody else
// published it.
func ParseEvent(text []byte) (Event, error) {
	var e Event
	if err := json.Unmarshal(text, &e); err != nil {
		return Event{}, fmt.Errorf("alerts: event: %w", err)
	}
	if e.Status == "" {
		return Event{}, fmt.Errorf("alerts: event: no status")
	}
	return e, nil
}
