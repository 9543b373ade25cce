package alerts

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Kind says what happened to an alert.
type Kind string

// The kinds of events.
const (
	KindFiring  Kind = "firing"
	KindUpdated Kind = "updated" // its text has changed, or it fires anew and the resolve was missed
	// KindResolved ends an incident, as does KindExpired: that one without news.
	KindResolved Kind = "resolved"
	KindExpired  Kind = "expired"
	// KindStale: nothing was heard for longer than usual. KindFresh: it was again.
	KindStale        Kind = "stale"
	KindFresh        Kind = "fresh"
	KindSuppressed   Kind = "suppressed"
	KindUnsuppressed Kind = "unsuppressed"
	KindAcked        Kind = "acked"
	KindUnacked      Kind = "unacked"
	// KindMoved ends the alert in this channel; it goes on in the channel MovedTo.
	KindMoved Kind = "moved"
)

// Ack says who has an alert in hand. It ends with the incident.
type Ack struct {
	By      string    `json:"by"`
	Comment string    `json:"comment,omitempty"`
	At      time.Time `json:"at"`
}

// Event is the text of a message in an alert's channel: what became of the alert.
// It holds all that is known of the alert then, so the last one of a channel is
// its state. Its JSON is one line, and the same for the same event: keys in the
// order of the fields, labels in the order of their names, nothing escaped for
// HTML.
type Event struct {
	// ID is Alert.ID.
	ID          string `json:"id"`
	Source      string `json:"source"`
	Fingerprint string `json:"fingerprint"`
	// Kind is what happened, and Status what the alert is after it: Firing,
	// Suppressed, Stale, Resolved or Expired.
	Kind   Kind   `json:"event"`
	Status Status `json:"status"`
	// Reason says why, if that is not plain: "reconciled", "no news".
	Reason string `json:"reason,omitempty"`
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
	EndsAt time.Time `json:"endsAt,omitzero"`
	// ReportedAt is when the sender last said that it fires, by the sender's clock.
	// It is there if the sender tells: its reports may come late.
	ReportedAt   time.Time `json:"reportedAt,omitzero"`
	GeneratorURL string    `json:"generatorURL"`
	Receiver     string    `json:"receiver"`
	GroupKey     string    `json:"groupKey,omitempty"`
	ExternalURL  string    `json:"externalURL"`
	// RouteLabels are the labels of the sender's route.
	RouteLabels map[string]string `json:"routeLabels,omitempty"`
	// Links and Values are the alert's.
	Links  map[string]string `json:"links,omitempty"`
	Values map[string]string `json:"values,omitempty"`
	// Ack is there while somebody has the alert in hand.
	Ack *Ack `json:"ack,omitempty"`
	// Suppression is there if Status is Suppressed.
	Suppression *Suppression `json:"suppression,omitempty"`
	// MovedTo is there if Kind is KindMoved.
	MovedTo string `json:"movedTo,omitempty"`
	// Flaps counts how often the incident began anew without a resolve in between.
	Flaps int `json:"flaps,omitempty"`
	// UpdatedAt is when the relay got the notification.
	UpdatedAt time.Time `json:"updatedAt"`
}

// NewEvent is the event of an alert that was not known before.
func NewEvent(a *Alert, updatedAt time.Time) Event {
	e := Event{
		ID: a.ID(), Source: a.Source, Fingerprint: a.Fingerprint,
		Kind: Kind(a.Status), Status: a.Status, Reason: a.Reason,
		Labels: a.Labels, Annotations: a.Annotations,
		StartsAt: a.StartsAt, GeneratorURL: a.GeneratorURL, Links: a.Links, Values: a.Values,
		Receiver: a.Receiver, GroupKey: a.GroupKey, ExternalURL: a.ExternalURL, RouteLabels: a.RouteLabels, Suppression: a.Suppression,
		UpdatedAt: updatedAt.UTC().Truncate(time.Millisecond),
	}
	switch a.Status {
	case Firing:
		e.ReportedAt = a.ReportedAt
	case Resolved:
		e.EndsAt = a.EndsAt
	}
	return e
}

// Alert is the alert that the event is of, as far as routes look at it.
func (e *Event) Alert() *Alert {
	return &Alert{
		Source: e.Source, Fingerprint: e.Fingerprint, Status: e.Status, Labels: e.Labels,
		Receiver: e.Receiver, RouteLabels: e.RouteLabels,
	}
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
	if !e.Status.Active() && e.Status != Resolved && e.Status != Expired {
		return Event{}, errors.New("alerts: event: no status")
	}
	return e, nil
}
