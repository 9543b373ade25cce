package alerts

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// recorderEvent is an event of Alertmanager's event recorder. Only one of its
// data is there. The kinds that are not here tell nothing that the webhook does
// not, and newer versions may have more of them.
type recorderEvent struct {
	Timestamp string `json:"@timestamp"`
	Data      *struct {
		AlertResolved *struct {
			Alert struct {
				Details *recorderAlert `json:"details"`
			} `json:"alert"`
			GroupInfo struct {
				GroupKey     string `json:"groupKey"`
				ReceiverName string `json:"receiverName"`
			} `json:"groupInfo"`
		} `json:"alertResolved"`
		SilenceMutedAlert *struct {
			Silence struct {
				ID        string `json:"id"`
				CreatedBy string `json:"createdBy"`
				Comment   string `json:"comment"`
				EndsAt    string `json:"endsAt"`
			} `json:"silence"`
			MutedAlert recorderAlert `json:"mutedAlert"`
		} `json:"silenceMutedAlert"`
		InhibitionMutedAlert *struct {
			MutedAlert             recorderAlert     `json:"mutedAlert"`
			InhibitingFingerprints []json.RawMessage `json:"inhibitingFingerprints"`
		} `json:"inhibitionMutedAlert"`
		Notification *struct {
			RepeatInterval string `json:"repeatInterval"`
			Integration    struct {
				Name string `json:"name"`
			} `json:"integration"`
		} `json:"notification"`
	} `json:"data"`
}

// recorderAlert has an alert's details, of which a muted one has only the first
// two.
type recorderAlert struct {
	Fingerprint json.RawMessage `json:"fingerprint"` // decimal, in a string
	Labels      recorderLabels  `json:"labels"`
	Annotations recorderLabels  `json:"annotations"`
	StartsAt    string          `json:"startsAt"`
	EndsAt      string          `json:"endsAt"`
}

type recorderLabels struct {
	Labels []struct {
		Key   string `json:"key"`
		Value string `json:"value"`
	} `json:"labels"`
}

// reasonRecorder is Alert.Reason of a resolve that no webhook may have told.
const reasonRecorder = "event recorder"

// maxRepeatInterval bounds what is believed of a sender's configuration.
const maxRepeatInterval = 366 * 24 * time.Hour

// EventRecorder is the webhook of Alertmanager's event recorder. It tells what
// the one for alerts does not: which of them are muted and why, and that a muted
// one is over. It may drop events, and several of its workers change their order.
func EventRecorder() Sender { return Sender{Decode: DecodeEventRecorder} }

// DecodeEventRecorder is the Decoder of Alertmanager's event recorder: one event,
// or a list of them. Events of a kind that means nothing here are passed over.
func DecodeEventRecorder(source string, _ http.Header, body []byte) (Batch, error) {
	r, err := newJSONReader(body)
	if err != nil {
		return Batch{}, err
	}
	batch := Batch{Source: source}
	read := func(path string) error {
		var in recorderEvent
		if err := r.value(path, &in); err != nil {
			return err
		}
		if err := in.addTo(&batch); err != nil {
			return fmt.Errorf("%s%w, before byte %d", path, err, r.dec.InputOffset())
		}
		return nil
	}
	if bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("[")) {
		err = r.array("body", func(i int) error {
			if i == maxAlerts {
				return errTooMany
			}
			return read(fmt.Sprintf("[%d]", i))
		})
	} else {
		err = read("body")
	}
	if err == nil {
		err = r.end()
	}
	if err != nil {
		return Batch{}, err
	}
	return batch, nil
}

// addTo adds what the event tells to the batch. The error begins with the field's
// path below the event.
func (in *recorderEvent) addTo(batch *Batch) error {
	if in.Data == nil {
		return errors.New(".data: is missing; this address takes Alertmanager's events, and /in/alertmanager/{source} its notifications")
	}
	reportedAt, err := parseTime(in.Timestamp)
	if err == nil && reportedAt.IsZero() {
		err = errors.New("is missing")
	}
	if err != nil {
		return fmt.Errorf(".@timestamp: %w", err)
	}
	var a Alert
	switch d := in.Data; {
	case d.AlertResolved != nil:
		a, err = in.resolved()
	case d.SilenceMutedAlert != nil:
		a, err = in.silenced()
	case d.InhibitionMutedAlert != nil:
		a, err = in.inhibited()
	case d.Notification != nil:
		return in.learnRepeat(batch)
	default:
		return nil
	}
	if err != nil {
		return err
	}
	a.Source, a.ReportedAt = batch.Source, reportedAt
	batch.Alerts = append(batch.Alerts, a)
	return nil
}

func (in *recorderEvent) resolved() (Alert, error) {
	const path = ".data.alertResolved"
	d := in.Data.AlertResolved
	if d.Alert.Details == nil {
		return Alert{}, errors.New(path + ".alert.details: is missing")
	}
	if len(d.GroupInfo.ReceiverName) > maxFieldBytes || len(d.GroupInfo.GroupKey) > maxFieldBytes {
		return Alert{}, fmt.Errorf("%s.groupInfo: a field is longer than %d bytes", path, maxFieldBytes)
	}
	a, err := d.Alert.Details.alert()
	if err != nil {
		return Alert{}, fmt.Errorf("%s.alert.details%w", path, err)
	}
	a.Status, a.Reason = Resolved, reasonRecorder
	a.Receiver, a.GroupKey = d.GroupInfo.ReceiverName, d.GroupInfo.GroupKey // the name is not quoted here
	return a, nil
}

func (in *recorderEvent) silenced() (Alert, error) {
	const path = ".data.silenceMutedAlert"
	d := in.Data.SilenceMutedAlert
	until, err := parseTime(d.Silence.EndsAt)
	if err != nil {
		return Alert{}, fmt.Errorf("%s.silence.endsAt: %w", path, err)
	}
	if len(d.Silence.ID) > maxFieldBytes || len(d.Silence.CreatedBy) > maxFieldBytes || len(d.Silence.Comment) > maxFieldBytes {
		return Alert{}, fmt.Errorf("%s.silence: a field is longer than %d bytes", path, maxFieldBytes)
	}
	a, err := d.MutedAlert.alert()
	if err != nil {
		return Alert{}, fmt.Errorf("%s.mutedAlert%w", path, err)
	}
	a.Status = Suppressed
	a.Suppression = &Suppression{Kind: "silence", ID: d.Silence.ID, By: d.Silence.CreatedBy, Comment: d.Silence.Comment, Until: until}
	return a, nil
}

func (in *recorderEvent) inhibited() (Alert, error) {
	const path = ".data.inhibitionMutedAlert"
	d := in.Data.InhibitionMutedAlert
	a, err := d.MutedAlert.alert()
	if err != nil {
		return Alert{}, fmt.Errorf("%s.mutedAlert%w", path, err)
	}
	a.Status, a.Suppression = Suppressed, &Suppression{Kind: "inhibition"}
	if len(d.InhibitingFingerprints) > 0 { // any of them is reason enough
		if a.Suppression.ID, err = decimalFingerprint(d.InhibitingFingerprints[0]); err != nil {
			return Alert{}, fmt.Errorf("%s.inhibitingFingerprints[0]: %w", path, err)
		}
	}
	return a, nil
}

// learnRepeat takes the repeat interval of a webhook's notification. Other
// integrations may have routes of their own. The longest of a request counts: it
// keeps an alert longer than it must be, rather than call it stale in error.
func (in *recorderEvent) learnRepeat(batch *Batch) error {
	d := in.Data.Notification
	if d.RepeatInterval == "" || d.Integration.Name != "" && d.Integration.Name != "webhook" {
		return nil
	}
	repeat, err := time.ParseDuration(d.RepeatInterval)
	if err != nil || repeat < 0 || repeat > maxRepeatInterval {
		return errors.New(`.data.notification.repeatInterval: must be a duration such as "3600s", of at most a year`)
	}
	batch.RepeatInterval = max(batch.RepeatInterval, repeat)
	return nil
}

// alert checks what was decoded. Labels may be missing if the fingerprint is not.
func (in *recorderAlert) alert() (Alert, error) {
	a := Alert{Labels: in.Labels.toMap(), Annotations: in.Annotations.toMap()}
	if len(a.Labels) > 0 || len(in.Fingerprint) == 0 {
		if err := checkLabels(a.Labels); err != nil {
			return Alert{}, fmt.Errorf(".labels: %w", err)
		}
	}
	var err error
	if a.StartsAt, err = parseTime(in.StartsAt); err != nil {
		return Alert{}, fmt.Errorf(".startsAt: %w", err)
	}
	if a.EndsAt, err = parseTime(in.EndsAt); err != nil {
		return Alert{}, fmt.Errorf(".endsAt: %w", err)
	}
	if len(in.Fingerprint) == 0 { // Protobuf's JSON has no field for a 0 either
		a.Fingerprint = Fingerprint(a.Labels)
	} else if a.Fingerprint, err = decimalFingerprint(in.Fingerprint); err != nil {
		return Alert{}, fmt.Errorf(".fingerprint: %w", err)
	}
	return a, nil
}

func (l *recorderLabels) toMap() map[string]string {
	if len(l.Labels) == 0 {
		return nil
	}
	m := make(map[string]string, len(l.Labels))
	for _, pair := range l.Labels {
		m[pair.Key] = pair.Value
	}
	return m
}

// decimalFingerprint is the usual form of a fingerprint that the event recorder
// writes as a decimal number, in a string because JavaScript has no such numbers.
func decimalFingerprint(raw json.RawMessage) (string, error) {
	n, err := strconv.ParseUint(string(bytes.Trim(raw, `"`)), 10, 64)
	if err != nil {
		return "", errors.New("must be a whole number of 64 bits, in decimal")
	}
	return fmt.Sprintf("%016x", n), nil
}
