package alerts

import (
	"fmt"
	"net/http"
	"time"
)

// Status is what is known of an alert. Senders report the first four; the relay
// finds out the others.
type Status string

// Firing, Suppressed and Stale alerts are active: they are on the screens.
const (
	// Firing: the condition holds, and the sender says so from time to time.
	Firing Status = "firing"
	// Resolved: the sender, or its API, has said that it is over.
	Resolved Status = "resolved"
	// Suppressed: the sender keeps it back: it is silenced, inhibited, or missing
	// from its group. Whether the condition holds is not known.
	Suppressed Status = "suppressed"
	// Acknowledged is a report only: somebody has the alert in hand. It is shown
	// as Event.Ack, and the status stays.
	Acknowledged Status = "acknowledged"
	// Stale: the sender should have said something by now.
	Stale Status = "stale"
	// Expired: the sender has said nothing for so long that the alert is taken
	// away. It is not known to be over.
	Expired Status = "expired"
)

// Active reports whether an alert of this status is on the screens.
func (s Status) Active() bool { return s == Firing || s == Suppressed || s == Stale }

// Alert is what a sender reports of one alert. It is read-only once decoded.
type Alert struct {
	// Source is the configured name of the sender: 1 to 16 of a-z, 0-9 and _. The
	// members of one cluster share it.
	Source string
	// Fingerprint is 16 lower-case hex digits. Source and Fingerprint are the
	// alert's identity.
	Fingerprint string
	// Status is Firing, Resolved, Suppressed or Acknowledged.
	Status Status
	// Labels has no empty name and no empty value, and at least one label. Only a
	// report of an alert that must be known already may have none: Suppressed,
	// Acknowledged, or Resolved.
	Labels map[string]string
	// Annotations may be nil.
	Annotations map[string]string
	// StartsAt and EndsAt are UTC. The zero time means that there is none; an
	// alert that fires has no EndsAt.
	StartsAt, EndsAt time.Time
	GeneratorURL     string
	// Links are further addresses, by what is there: "silence", "dashboard",
	// "panel". nil if there are none. They are not checked: whoever makes a link
	// of one does so only for http and https.
	Links map[string]string
	// Values are what the condition was computed from, as text; nil if the sender
	// does not say.
	Values map[string]string

	// ExpiresAt is until when the alert fires if nothing more is heard. Zero: what
	// the source's repeat interval says.
	ExpiresAt time.Time
	// ReportedAt is when the sender knew this, by its clock; zero means now.
	// Reports that can come late and in any order have it.
	ReportedAt time.Time
	// Direct: several senders may speak of the alert, and each tells what it sees
	// (Prometheus' replicas). A resolve counts only if none has seen it fire since.
	Direct bool
	// Changing: labels may change while it fires, because the identity is another
	// (a deduplication key). It then stays in the channel where it is.
	Changing bool
	// Reason says why, if that is not plain: "reconciled". It is shown.
	Reason string
	// By and Comment are of an acknowledgement; By may be empty.
	By, Comment string
	// Suppression is there if Status is Suppressed.
	Suppression *Suppression

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

// Suppression is why an alert is kept back. Its JSON is part of an Event.
type Suppression struct {
	// Kind is one of the constants below.
	Kind string `json:"kind"`
	// ID is the silence's, or the fingerprint of the alert that inhibits; may be
	// empty.
	ID string `json:"id,omitempty"`
	// Since is when the sender said so.
	Since time.Time `json:"since,omitzero"`
	// By, Comment and Until are the silence's.
	By      string    `json:"by,omitempty"`
	Comment string    `json:"comment,omitempty"`
	Until   time.Time `json:"until,omitzero"`
}

// Kinds of suppression.
const (
	Silenced         = "silence"
	Inhibited        = "inhibition"
	MissingFromGroup = "group"
)

// Batch is what one request brought.
type Batch struct {
	// Source is that of all of Alerts.
	Source string
	Alerts []Alert
	// Invalid says what is wrong with alerts that are not in Alerts: the others
	// are stored, and then the request is refused. nil: nothing is.
	Invalid error
	// Key is a credential that stood in the body (PagerDuty's routing_key).
	Key string
	// Truncated is how many alerts the sender says it left out.
	Truncated int
	// WholeGroup is true if Alerts are all that the sender has in their group: all
	// that fire, and those that have resolved. A known member that is not among
	// them is kept back. It needs one Receiver and GroupKey in all of Alerts, and
	// Truncated 0.
	WholeGroup bool
	// Asked is true if the relay has asked the source for it: that the source speaks
	// by itself is another matter.
	Asked bool
	// RepeatInterval is the source's, if the sender says it; zero if not.
	RepeatInterval time.Duration
}

// Decoder reads the body of a request from one kind of sender. Its error means
// that the body can never be right; it names the field and the byte, and quotes
// nothing of the alerts. Alerts keep the body's order and share no memory with
// it.
type Decoder func(source string, header http.Header, body []byte) (Batch, error)

// Sender is how one kind of sender speaks.
type Sender struct {
	// Decode reads what it posts.
	Decode Decoder
	// Methods it may use; nil means POST.
	Methods []string
	// Answer writes what it wants to hear when all is stored; nil means 200 and
	// the numbers in JSON.
	Answer func(w http.ResponseWriter, b Batch, r Result)
	// Refuse writes a refusal, whose error may be told; nil means plain text. The
	// headers of every refusal are set, but for the content's type.
	Refuse func(w http.ResponseWriter, status int, err error)
	// Handshake answers OPTIONS, with which a sender asks whether it may post; it
	// must not believe what the request says. nil: OPTIONS is refused.
	Handshake func(w http.ResponseWriter, r *http.Request)
}

// UnmappedError is a Decoder's error for a body that may be right, and that the
// configuration gives no meaning: it is answered with 422 and kept as a dead
// letter.
type UnmappedError struct{ Reason string }

func (e *UnmappedError) Error() string { return e.Reason }

// maxAlerts bounds the alerts of a request: 32 MiB of real ones.
const maxAlerts = 50_000

// errTooMany is a Decoder's error for more than maxAlerts.
var errTooMany = fmt.Errorf("alerts: there are more than %d; group alerts into smaller groups, or set max_alerts", maxAlerts)

// OwnSource is the source of alerts that the relay itself raises: about senders
// that are silent, alerts that were left out, and the like.
const OwnSource = "relay"

// maxSource bounds the name of a source, which is part of every subject.
const maxSource = 16

// checkSender says what is wrong with the name of a source that posts.
func checkSender(source string) error {
	if source == OwnSource {
		return fmt.Errorf("source %q: is the relay's own; change the last part of the address to a name such as %q", source, "am")
	}
	return checkSource(source)
}

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
