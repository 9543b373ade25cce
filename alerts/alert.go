package alerts

import (
	"fmt"
	"time"
)

// Status says whether an alert's condition holds.
type Status string

// The two statuses that senders report.
const (
	Firing   Status = "firing"
	Resolved Status = "resolved"
)

// Alert is one alert of a notification, whoever sent it. It is read-only once
// decoded.
type Alert struct {
	// Source is the configured name of the sender: 1 to 16 of a-z, 0-9 and _. The
	// members of one cluster share it.
	Source string
	// Fingerprint is 16 lower-case hex digits. Source and Fingerprint are the
	// alert's identity.
	Fingerprint string
	Status      Status
	// Labels has no empty name and no empty value, and at least one label.
	Labels map[string]string
	// Annotations may be nil.
	Annotations map[string]string
	// StartsAt and EndsAt are UTC. The zero time means that there is none; an
	// alert that fires has no EndsAt.
	StartsAt, EndsAt time.Time
	GeneratorURL     string

	// What follows is of the notification.

	// Receiver is the receiver's name as it is written in the sender's
	// configuration.
	Receiver string
	// GroupKey names the sender's group of alerts.
	GroupKey string
	// ExternalURL is the sender's own address. The members of a cluster differ in
	// it and in nothing else.
	ExternalURL string
	// RouteLabels are the labels of the sender's route; nil if it has none.
	RouteLabels map[string]string
}

// ID is "<source>-<fingerprint>", the last token of the alert's channels.
func (a *Alert) ID() string { return a.Source + "-" + a.Fingerprint }

// Batch is what one request brought.
type Batch struct {
	Alerts []Alert
	// Truncated is how many alerts the sender says it left out.
	Truncated int
}

// Decoder reads the body of a request from one kind of sender. Its error means
// that the body can never be right; it names the field and the byte, and quotes
// nothing of the alerts. Alerts keep the body's order and share no memory with
// it.
type Decoder func(source string, body []byte) (Batch, error)

// maxAlerts bounds the alerts of a request: 32 MiB of real ones.
const maxAlerts = 50_000

// errTooMany is a Decoder's error for more than maxAlerts.
var errTooMany = fmt.Errorf("alerts: there are more than %d; group alerts into smaller groups, or set max_alerts", maxAlerts)

// maxSource bounds the name of a source, which is part of every subject.
const maxSource = 16

// checkSource says what is wrong with a source's name.
func checkSource(source string) error {
	ok := source != "" && len(source) <= maxSource
	for _, c := range []byte(source) {
		ok = ok && (c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_')
	}
	if !ok {
		return fmt.Errorf("source %.40q: must be 1 to %d of a-z, 0-9 and _; change the last part of the address to a name such as %q", source, maxSource, "am")
	}
	return nil
}
