package alerts

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Bounds of an event, PagerDuty's where it has some.
const (
	maxDedupKey = 255  // characters
	maxPDField  = 1024 // bytes of a label's value
	maxPDLinks  = 16
	// Of custom_details, which can be any JSON.
	maxDetails      = 64
	maxDetailBytes  = 4 << 10
	maxDetailsBytes = 64 << 10
	maxDetailDepth  = 8
)

// pdEvent is an event of PagerDuty's Events API v2. A string that is not there is
// the same as an empty one, and null as none.
type pdEvent struct {
	RoutingKey string     `json:"routing_key"`
	Action     string     `json:"event_action"`
	DedupKey   string     `json:"dedup_key"`
	Payload    *pdPayload `json:"payload"`
	Client     string     `json:"client"`
	ClientURL  string     `json:"client_url"`
	Links      []struct {
		Href string `json:"href"`
		Text string `json:"text"`
	} `json:"links"`
	Images []struct {
		Src  string `json:"src"`
		Href string `json:"href"`
	} `json:"images"`
}

type pdPayload struct {
	Summary       string          `json:"summary"`
	Source        string          `json:"source"`
	Severity      string          `json:"severity"`
	Timestamp     string          `json:"timestamp"`
	Component     string          `json:"component"`
	Group         string          `json:"group"`
	Class         string          `json:"class"`
	CustomDetails json.RawMessage `json:"custom_details"`
}

// PagerDuty is the Events API v2, for tools whose PagerDuty address can be set:
// trigger, acknowledge and resolve, which the dedup_key ties together. Answers are
// PagerDuty's: 202 and the dedup_key, or a list of what is wrong. Batch.Key is the
// routing_key.
func PagerDuty() Sender {
	return Sender{Decode: DecodePagerDuty, Answer: answerPagerDuty, Refuse: refusePagerDuty}
}

// pdError is what is wrong with an event, each in a sentence.
type pdError []string

func (e pdError) Error() string { return strings.Join(e, "; ") }

// DecodePagerDuty is the Decoder of an event of the Events API v2. The dedup_key
// becomes Alert.GroupKey.
func DecodePagerDuty(source string, _ http.Header, body []byte) (Batch, error) {
	r, err := newJSONReader(body)
	if err != nil {
		return Batch{}, err
	}
	if i := r.next(); i < len(body) && body[i] != '{' {
		return Batch{}, fmt.Errorf("body: must be an object, at byte %d", i+1)
	}
	var e pdEvent
	if err := r.value("body", &e); err != nil {
		return Batch{}, err
	}
	if err := r.end(); err != nil {
		return Batch{}, err
	}
	if wrong := e.check(); len(wrong) > 0 {
		return Batch{}, wrong
	}
	a := Alert{Source: source, Changing: true, GroupKey: e.DedupKey}
	if p := e.payload(); p.Summary != "" && p.Source != "" && p.Severity != "" {
		a.Labels = e.labels() // a part of them would take others away from an alert that is known
	}
	if a.GroupKey == "" {
		a.GroupKey = e.madeUpKey(a.Labels)
	}
	sum := sha256.Sum256([]byte(a.GroupKey))
	a.Fingerprint = hex.EncodeToString(sum[:hashBytes])
	switch e.Action {
	case "trigger":
		a.Status = Firing
	case "resolve":
		a.Status = Resolved
	default:
		a.Status = Acknowledged
		a.By = Cut(firstOf(e.Client, e.payload().Source), maxPDField)
		a.Comment = Cut(e.payload().Summary, MaxAnnotationBytes)
	}
	if a.Status != Acknowledged {
		a.Annotations = e.annotations()
	}
	a.Links = e.links()
	a.GeneratorURL = e.ClientURL
	return Batch{Source: source, Alerts: []Alert{a}, Key: e.RoutingKey}, nil
}

func (e *pdEvent) payload() pdPayload {
	if e.Payload == nil {
		return pdPayload{}
	}
	return *e.Payload
}

// check says what PagerDuty would not take either. It tells no values.
func (e *pdEvent) check() pdError {
	var wrong pdError
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	switch e.Action {
	case "trigger":
		p := e.payload()
		switch {
		case e.Payload == nil:
			say("payload: is missing; a trigger has one with summary, source and severity")
		case p.Summary == "":
			say("payload.summary: is missing")
		}
		if e.Payload != nil && p.Source == "" {
			say("payload.source: is missing; it names what is affected, such as a host")
		}
		if e.Payload != nil && !slices.Contains([]string{"critical", "error", "warning", "info"}, p.Severity) {
			say("payload.severity: must be critical, error, warning or info")
		}
	case "acknowledge", "resolve":
		if e.DedupKey == "" {
			say("dedup_key: is missing; it says which alert is meant")
		}
	default:
		say("event_action: must be trigger, acknowledge or resolve")
	}
	if len([]rune(e.DedupKey)) > maxDedupKey {
		say("dedup_key: is longer than %d characters", maxDedupKey)
	}
	if len(e.ClientURL) > maxFieldBytes {
		say("client_url: is longer than %d bytes", maxFieldBytes)
	}
	return wrong
}

// labels have no "source": in routes, that is the relay's name of the sender. The
// name of the alert is what stays the same from one event to the next; the summary
// often has numbers in it.
func (e *pdEvent) labels() map[string]string {
	p := e.payload()
	labels := make(map[string]string, 8)
	for name, value := range map[string]string{
		"severity": p.Severity, "instance": p.Source, "component": p.Component, "group": p.Group, "class": p.Class, "client": e.Client,
	} {
		if value != "" {
			labels[name] = Cut(value, maxPDField)
		}
	}
	var details struct {
		Alertname string `json:"alertname"`
	}
	if json.Unmarshal(p.CustomDetails, &details) != nil {
		details.Alertname = ""
	}
	labels["alertname"] = Cut(firstOf(p.Class, details.Alertname, p.Component, e.Client, "PagerDuty"), maxPDField)
	return labels
}

// madeUpKey is the dedup_key of a trigger without one. Severity may change while
// it fires. Without a class the summary is all that tells the problems of one host
// apart.
func (e *pdEvent) madeUpKey(labels map[string]string) string {
	stable := maps.Clone(labels)
	delete(stable, "severity")
	if e.payload().Class == "" {
		stable["summary"] = e.payload().Summary
	}
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(stable)) {
		fmt.Fprintf(h, "%q=%q ", name, stable[name])
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// annotations are the summary, the time, and custom_details. The time is no
// startsAt: tools that trigger again while it fires send another, which would look
// like a resolve that was missed.
func (e *pdEvent) annotations() map[string]string {
	p := e.payload()
	annotations := flatten(p.CustomDetails)
	for name, value := range map[string]string{"summary": p.Summary, "timestamp": p.Timestamp} {
		if value != "" {
			annotations[name] = Cut(value, MaxAnnotationBytes)
		}
	}
	return annotations
}

func (e *pdEvent) links() map[string]string {
	links := make(map[string]string)
	add := func(name, address string) {
		if address == "" || len(address) > maxFieldBytes || len(links) == maxPDLinks {
			return
		}
		name = Cut(name, maxNameBytes)
		for i, base := 2, name; links[name] != ""; i++ {
			name = base + " " + strconv.Itoa(i)
		}
		links[name] = address
	}
	for _, l := range e.Links {
		add(firstOf(l.Text, "link"), l.Href)
	}
	for _, i := range e.Images {
		add("image", firstOf(i.Href, i.Src))
	}
	if len(links) == 0 {
		return nil
	}
	return links
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// flatten makes annotations of any JSON: {"a":{"b":[1]}} is a.b.0=1. What is too
// much is left out, and the annotation "details_cut" says so.
func flatten(details []byte) map[string]string {
	f := flattener{into: make(map[string]string), dec: json.NewDecoder(bytes.NewReader(details))}
	f.dec.UseNumber()
	if len(details) > 0 {
		if err := f.value("", 0); err != nil && !errors.Is(err, io.EOF) {
			f.into["details_cut"] = "true"
		}
	}
	return f.into
}

type flattener struct {
	into map[string]string
	dec  *json.Decoder
	size int
}

var errDetails = errors.New("alerts: details are more than is kept")

func (f *flattener) value(path string, depth int) error {
	token, err := f.dec.Token()
	if err != nil {
		return err
	}
	delim, nested := token.(json.Delim)
	if !nested {
		return f.add(firstOf(path, "details"), token)
	}
	if depth == maxDetailDepth {
		return errDetails
	}
	for i := 0; f.dec.More(); i++ {
		name := strconv.Itoa(i)
		if delim == '{' {
			key, err := f.dec.Token()
			if err != nil {
				return err
			}
			name = key.(string) // the decoder lets only strings be keys
		}
		if path != "" {
			name = path + "." + name
		}
		if err := f.value(name, depth+1); err != nil {
			return err
		}
	}
	_, err = f.dec.Token()
	return err
}

func (f *flattener) add(name string, token json.Token) error {
	if token == nil || token == "" {
		return nil
	}
	value := Cut(fmt.Sprint(token), maxDetailBytes)
	f.size += len(name) + len(value)
	if len(f.into) == maxDetails || f.size > maxDetailsBytes {
		return errDetails
	}
	if len(name) > maxNameBytes || strings.ContainsFunc(name, unicode.IsControl) {
		return nil
	}
	f.into[name] = value
	return nil
}

// pdAnswer is PagerDuty's answer.
type pdAnswer struct {
	Status   string   `json:"status"`
	Message  string   `json:"message"`
	DedupKey string   `json:"dedup_key,omitempty"`
	Errors   []string `json:"errors,omitempty"`
}

func (a *pdAnswer) write(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// An error is the connection's.
	_ = json.NewEncoder(w).Encode(a)
}

func answerPagerDuty(w http.ResponseWriter, b Batch, _ Result) {
	a := pdAnswer{Status: "success", Message: "Event processed"}
	if len(b.Alerts) == 1 {
		a.DedupKey = b.Alerts[0].GroupKey
	}
	a.write(w, http.StatusAccepted)
}

func refusePagerDuty(w http.ResponseWriter, status int, err error) {
	a := pdAnswer{Status: "error", Message: err.Error()}
	if status == http.StatusBadRequest {
		a = pdAnswer{Status: "invalid event", Message: "Event object is invalid", Errors: []string{err.Error()}}
	}
	if wrong := pdError(nil); errors.As(err, &wrong) {
		a.Errors = wrong
	}
	a.write(w, status)
}
