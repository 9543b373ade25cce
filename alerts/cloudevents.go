package alerts

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// CloudEvents is the HTTP binding of CloudEvents 1.0 in its three modes:
// structured, batched and binary, with the handshake of the webhook specification.
//
// decode gets the data of each event: its body is the data, its header the
// attributes as in binary mode (Ce-Source, Ce-Type, Ce-Subject, with nothing
// percent-encoded) and Content-Type. nil takes from the data what it calls status
// (or state), severity, labels, annotations and summary, see decodeEventData.
//
// source and id together are an event's identity. The same event twice is one:
// within a batch the second is left out, and later the state is what the first has
// made it. An old event that comes again, or late, has the event's time as
// Alert.ReportedAt, so that it does not undo a newer one.
func CloudEvents(decode Decoder) Sender {
	if decode == nil {
		decode = decodeEventData
	}
	return Sender{
		Decode: func(source string, header http.Header, body []byte) (Batch, error) {
			return decodeCloudEvents(source, header, body, decode)
		},
		Refuse:    refuseCloudEvents,
		Handshake: shakeHands,
	}
}

// cloudEvent is an event in the JSON format.
type cloudEvent struct {
	SpecVersion     string          `json:"specversion"`
	ID              string          `json:"id"`
	Source          string          `json:"source"`
	Type            string          `json:"type"`
	Subject         string          `json:"subject"`
	Time            string          `json:"time"`
	DataContentType string          `json:"datacontenttype"`
	Data            json.RawMessage `json:"data"`
	DataBase64      string          `json:"data_base64"`

	at time.Time
}

const (
	cloudEventsType      = "application/cloudevents"
	cloudEventsBatchType = "application/cloudevents-batch"
	maxAttribute         = 4 << 10 // bytes
)

// errMediaType is for what is no CloudEvent at all.
var errMediaType = errors.New("Content-Type: must be application/cloudevents+json or application/cloudevents-batch+json, or the headers ce-specversion, ce-id, ce-source and ce-type must be there")

func decodeCloudEvents(source string, header http.Header, body []byte, decode Decoder) (Batch, error) {
	media, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		media = ""
	}
	format := media[strings.LastIndexByte(media, '+')+1:]
	switch {
	case strings.HasPrefix(media, cloudEventsBatchType):
		if format != "json" {
			return Batch{}, errMediaType
		}
		return decodeEventBatch(source, body, decode)
	case strings.HasPrefix(media, cloudEventsType):
		if format != "json" {
			return Batch{}, errMediaType
		}
		return decodeStructured(source, body, decode)
	case header.Get("Ce-Specversion") != "":
		return decodeBinary(source, header, body, decode)
	}
	return Batch{}, errMediaType
}

func decodeStructured(source string, body []byte, decode Decoder) (Batch, error) {
	r, err := newJSONReader(body)
	if err != nil {
		return Batch{}, err
	}
	var e cloudEvent
	if err := r.value("event", &e); err != nil {
		return Batch{}, err
	}
	if err := r.end(); err != nil {
		return Batch{}, err
	}
	return e.batch(source, decode)
}

// decodeEventBatch puts the alerts of all events together. Events that have no
// meaning do not keep back the others.
func decodeEventBatch(source string, body []byte, decode Decoder) (Batch, error) {
	r, err := newJSONReader(body)
	if err != nil {
		return Batch{}, err
	}
	all := Batch{Source: source}
	seen := make(map[[2]string]bool)
	events := 0
	err = r.array("body", func(i int) error {
		if i == maxAlerts {
			return errTooMany
		}
		path := fmt.Sprintf("[%d]", i)
		var e cloudEvent
		if err := r.value(path, &e); err != nil {
			return err
		}
		b, err := e.batch(source, decode)
		if unmapped := (*UnmappedError)(nil); errors.As(err, &unmapped) {
			if all.Invalid == nil { // the first is enough to go by
				all.Invalid = &UnmappedError{Reason: path + "." + unmapped.Reason}
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s.%w", path, err)
		}
		id := [2]string{e.Source, e.ID}
		if seen[id] {
			return nil
		}
		seen[id] = true
		if len(all.Alerts)+len(b.Alerts) > maxAlerts {
			return errTooMany
		}
		events++
		all.Alerts = append(all.Alerts, b.Alerts...)
		all.Truncated = min(all.Truncated+b.Truncated, maxTruncated)
		all.WholeGroup = b.WholeGroup && events == 1 // several are several groups
		if all.Invalid == nil {
			all.Invalid = b.Invalid
		}
		return nil
	})
	if err == nil {
		err = r.end()
	}
	if err != nil {
		return Batch{}, err
	}
	return all, nil
}

func decodeBinary(source string, header http.Header, body []byte, decode Decoder) (Batch, error) {
	e := cloudEvent{DataContentType: header.Get("Content-Type")}
	for name, field := range map[string]*string{
		"specversion": &e.SpecVersion, "id": &e.ID, "source": &e.Source, "type": &e.Type, "subject": &e.Subject, "time": &e.Time,
	} {
		value, err := attribute(header.Get("Ce-" + name))
		if err != nil {
			return Batch{}, fmt.Errorf("ce-%s: %w", name, err)
		}
		*field = value
	}
	if err := e.check(); err != nil {
		return Batch{}, fmt.Errorf("ce-%w", err)
	}
	return e.decode(source, body, decode)
}

// attribute undoes quotes and percent-encoding (HTTP binding, 3.1.3.2).
func attribute(s string) (string, error) {
	if len(s) > 1 && s[0] == '"' && s[len(s)-1] == '"' {
		var b strings.Builder
		for i := 1; i < len(s)-1; i++ {
			if s[i] == '\\' && i+1 < len(s)-1 {
				i++
			}
			b.WriteByte(s[i])
		}
		s = b.String()
	}
	plain, err := url.PathUnescape(s)
	if err != nil || !utf8.ValidString(plain) {
		return "", errors.New("must be percent-encoded UTF-8")
	}
	return plain, nil
}

// check says what is wrong with the attributes. It sets at.
func (e *cloudEvent) check() error {
	for _, required := range [][2]string{{"id", e.ID}, {"source", e.Source}, {"type", e.Type}} {
		if required[1] == "" {
			return fmt.Errorf("%s: is missing", required[0])
		}
	}
	switch {
	case !strings.HasPrefix(e.SpecVersion, "1."):
		return errors.New("specversion: must be 1.0")
	case max(len(e.ID), len(e.Source), len(e.Type), len(e.Subject), len(e.DataContentType)) > maxAttribute:
		return fmt.Errorf("id, source, type, subject, datacontenttype: one is longer than %d bytes", maxAttribute)
	}
	var err error
	if e.at, err = parseTime(e.Time); err != nil {
		return fmt.Errorf("time: %w", err)
	}
	return nil
}

// batch is what the event's data says.
func (e *cloudEvent) batch(source string, decode Decoder) (Batch, error) {
	if err := e.check(); err != nil {
		return Batch{}, err
	}
	data := []byte(e.Data)
	var text string
	switch {
	case e.DataBase64 != "" && len(e.Data) > 0:
		return Batch{}, errors.New("data_base64: cannot be there beside data")
	case e.DataBase64 != "":
		var err error
		if data, err = base64.StdEncoding.DecodeString(e.DataBase64); err != nil {
			return Batch{}, errors.New("data_base64: must be base64")
		}
	case len(data) > 0 && data[0] == '"' && !isJSONType(e.DataContentType):
		if err := json.Unmarshal(data, &text); err != nil {
			return Batch{}, errors.New("data: must be a JSON string")
		}
		data = []byte(text)
	}
	return e.decode(source, data, decode)
}

// isJSONType: without a type, data is JSON.
func isJSONType(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	return contentType == "" || err == nil && (strings.HasSuffix(media, "/json") || strings.HasSuffix(media, "+json"))
}

// decode passes the data on. An event may have none.
func (e *cloudEvent) decode(source string, data []byte, decode Decoder) (Batch, error) {
	header := make(http.Header, 8)
	for name, value := range map[string]string{
		"Ce-Specversion": e.SpecVersion, "Ce-Id": e.ID, "Ce-Source": e.Source, "Ce-Type": e.Type, "Ce-Subject": e.Subject, "Ce-Time": e.Time,
		"Content-Type": firstOf(e.DataContentType, "application/json"),
	} {
		if value != "" {
			header[name] = []string{value}
		}
	}
	if none := string(bytes.TrimSpace(data)); none == "" || none == "null" {
		data = []byte("{}")
	}
	b, err := decode(source, header, data)
	if unmapped := (*UnmappedError)(nil); errors.As(err, &unmapped) {
		return Batch{}, &UnmappedError{Reason: "data: " + unmapped.Reason}
	}
	if err != nil {
		return Batch{}, fmt.Errorf("data: %w", err)
	}
	for i := range b.Alerts {
		if a := &b.Alerts[i]; a.ReportedAt.IsZero() {
			a.ReportedAt = e.at
		}
	}
	return b, nil
}

// eventData is what is looked for in the data of an event for which no mapping is
// given. Each may be missing or anything else.
type eventData struct {
	Status, State, Severity, Summary, Description json.RawMessage
	Labels, Annotations                           json.RawMessage
}

// decodeEventData makes an alert of an event whose data looks like one. Its status
// is data.status, data.state, or else the last word of the type
// ("com.example.disk.resolved"); its identity is source, subject, the type without
// such a word, and data.labels.
func decodeEventData(source string, header http.Header, body []byte) (Batch, error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	var data eventData
	if err := dec.Decode(&data); err != nil || !utf8.Valid(body) {
		return Batch{}, &UnmappedError{"is no JSON object; give this source a mapping"}
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Batch{}, &UnmappedError{"is more than one JSON object; give this source a mapping"}
	}
	kind := header.Get("Ce-Type")
	stem, last := kind, ""
	if i := strings.LastIndexAny(kind, "./:"); i > 0 {
		stem, last = kind[:i], kind[i+1:]
	}
	byType := statusWord(last)
	if byType == "" {
		stem = kind
	}
	status := byType
	if said := firstOf(text(data.Status), text(data.State)); said != "" {
		if status = statusWord(said); status == "" {
			return Batch{}, &UnmappedError{"status: is no word for firing, resolved, acknowledged or suppressed; give this source a mapping"}
		}
	}
	if status == "" {
		return Batch{}, &UnmappedError{"status: is missing, and the event's type does not end with one; give this source a mapping"}
	}
	labels := texts(data.Labels, MaxLabelBytes)
	identity := maps.Clone(labels)
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %q ", header.Get("Ce-Source"), header.Get("Ce-Subject"), stem)
	for _, name := range slices.Sorted(maps.Keys(identity)) {
		if name != "severity" { // it may change while it fires
			fmt.Fprintf(h, "%q=%q ", name, identity[name])
		}
	}
	for name, value := range map[string]string{
		"alertname": stem, "severity": text(data.Severity), "event_source": header.Get("Ce-Source"), "event_type": kind, "subject": header.Get("Ce-Subject"),
	} {
		if value != "" && labels[name] == "" {
			labels[name] = Cut(value, MaxLabelBytes)
		}
	}
	if err := checkLabels(labels); err != nil {
		return Batch{}, fmt.Errorf("labels: %w", err)
	}
	annotations := texts(data.Annotations, MaxAnnotationBytes)
	for name, value := range map[string]string{"summary": text(data.Summary), "description": text(data.Description)} {
		if value != "" && annotations[name] == "" {
			annotations[name] = Cut(value, MaxAnnotationBytes)
		}
	}
	a := Alert{Source: source, Fingerprint: hex.EncodeToString(h.Sum(nil)[:hashBytes]), Status: status, Labels: labels, Annotations: annotations, Changing: true}
	switch status {
	case Acknowledged:
		a.Comment = annotations["summary"]
	case Suppressed:
		a.Suppression = &Suppression{Kind: "silence", Comment: annotations["summary"]}
	}
	return Batch{Source: source, Alerts: []Alert{a}}, nil
}

// statusWord is the status that a word stands for, "" if it is none.
func statusWord(word string) Status {
	switch strings.ToLower(word) {
	case "firing", "triggered", "active", "open", "opened", "problem", "alerting", "fired", "down":
		return Firing
	case "resolved", "closed", "ok", "recovered", "cleared", "inactive", "up":
		return Resolved
	case "acknowledged", "acked":
		return Acknowledged
	case "suppressed", "silenced", "muted":
		return Suppressed
	}
	return ""
}

// text is a string, number or boolean as text, "" for anything else.
func text(raw json.RawMessage) string {
	var v any
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if dec.Decode(&v) != nil {
		return ""
	}
	switch v := v.(type) {
	case string:
		return v
	case json.Number, bool:
		return fmt.Sprint(v)
	}
	return ""
}

// texts are the members of an object that have a text.
func texts(raw json.RawMessage, maxBytes int) map[string]string {
	into := make(map[string]string)
	var members map[string]json.RawMessage
	if json.Unmarshal(raw, &members) != nil {
		return into
	}
	for name, value := range members {
		if s := text(value); s != "" && name != "" {
			into[name] = Cut(s, maxBytes)
		}
	}
	return into
}

// shakeHands lets any sender post as often as it likes (http-webhook, 4): whether
// it may is for its credentials to say, and overload for 503. Nobody is called
// back, because the address would be a stranger's choice.
func shakeHands(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Allow", "POST, OPTIONS")
	h.Set("Cache-Control", "no-store")
	if origin := r.Header.Get("WebHook-Request-Origin"); origin != "" && len(origin) <= 255 {
		h.Set("WebHook-Allowed-Origin", origin)
		h.Set("WebHook-Allowed-Rate", "*")
	}
	w.WriteHeader(http.StatusOK) // some senders take nothing else for a yes
}

func refuseCloudEvents(w http.ResponseWriter, status int, err error) {
	if errors.Is(err, errMediaType) {
		status = http.StatusUnsupportedMediaType
	}
	refuse(w, status, err)
}
