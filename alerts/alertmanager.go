package alerts

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"
	"unicode"
)

// Bounds of one alert. Real ones have a dozen labels.
const (
	maxLabels       = 256
	maxNameBytes    = 1024
	maxFieldBytes   = 64 << 10 // of a receiver, group key or URL
	maxTruncated    = 999_999_999
	webhookVersion4 = "4"
)

// amAlert is an alert in Alertmanager's webhook. Times are strings, because the
// error of a time.Time would not name its field.
type amAlert struct {
	Status       Status            `json:"status"`
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     string            `json:"startsAt"`
	EndsAt       string            `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL"`
	Fingerprint  string            `json:"fingerprint"`
}

// amNotification is the rest of the webhook's body.
type amNotification struct {
	version, receiver, groupKey, externalURL string
	routeLabels                              map[string]string
	truncated                                int32
	hasAlerts                                bool
	hasOrgID                                 bool // Grafana's, which has most of the other fields too
}

// Alertmanager is Alertmanager's webhook, version 4.
func Alertmanager() Sender { return Sender{Decode: DecodeAlertmanager} }

// DecodeAlertmanager is the Decoder of Alertmanager's webhook, version 4. Fields
// it does not know are passed over, because newer versions add some.
func DecodeAlertmanager(source string, _ http.Header, body []byte) (Batch, error) {
	return decodeWebhook(source, body, readAMAlert, (*amNotification).checkVersion4)
}

func readAMAlert(r *jsonReader, path string) (Alert, error) {
	var in amAlert
	if err := r.value(path, &in); err != nil {
		return Alert{}, err
	}
	return r.checked(path, in.alert)
}

// decodeWebhook reads the body of Alertmanager's webhook, or of one made after
// it. alert reads an element of its alerts; check says what is wrong with the
// version.
func decodeWebhook(source string, body []byte, alert func(r *jsonReader, path string) (Alert, error), check func(n *amNotification) error) (Batch, error) {
	r, err := newJSONReader(body)
	if err != nil {
		return Batch{}, err
	}
	var n amNotification
	var batch Batch
	err = r.object("body", func(key string) error {
		switch key {
		case "version":
			return r.value(key, &n.version)
		case "receiver":
			return r.value(key, &n.receiver)
		case "groupKey":
			return r.value(key, &n.groupKey)
		case "externalURL":
			return r.value(key, &n.externalURL)
		case "routeLabels":
			return r.value(key, &n.routeLabels)
		case "truncatedAlerts":
			return r.value(key, &n.truncated)
		case "orgId":
			n.hasOrgID = true
		case "alerts":
			if n.hasAlerts {
				return errors.New("alerts: there are two of them")
			}
			n.hasAlerts = true
			return r.array(key, func(i int) error {
				if i == maxAlerts {
					return errTooMany
				}
				a, err := alert(r, fmt.Sprintf("alerts[%d]", i))
				if err == nil {
					batch.Alerts = append(batch.Alerts, a)
				}
				return err
			})
		}
		return r.skip()
	})
	if err == nil {
		err = r.end()
	}
	if err == nil {
		err = check(&n)
	}
	if err == nil {
		err = n.check()
	}
	if err != nil {
		return Batch{}, err
	}
	receiver := unquoteMeta(n.receiver)
	for i := range batch.Alerts {
		a := &batch.Alerts[i]
		a.Source, a.Receiver, a.GroupKey, a.ExternalURL, a.RouteLabels = source, receiver, n.groupKey, n.externalURL, n.routeLabels
	}
	batch.Source, batch.Truncated = source, int(n.truncated)
	batch.WholeGroup = len(batch.Alerts) > 0 && n.truncated == 0
	return batch, nil
}

func (n *amNotification) checkVersion4() error {
	switch {
	case n.version == "":
		return errors.New(`version: is missing; this address takes the body of Alertmanager's webhook_config as it is, without "payload:"`)
	case n.version == webhookVersion1 && n.hasOrgID:
		return errors.New(`version: is "1" with an orgId, which is Grafana's webhook; its address is /in/grafana/{source}`)
	case n.version != webhookVersion4:
		return errors.New(`version: must be "4", that of Alertmanager's webhook; other senders have addresses of their own`)
	}
	return nil
}

// check is what holds for every version.
func (n *amNotification) check() error {
	switch {
	case !n.hasAlerts:
		return errors.New("alerts: is missing")
	case n.truncated < 0 || n.truncated > maxTruncated:
		return errors.New("truncatedAlerts: is out of range")
	case len(n.receiver) > maxFieldBytes || len(n.groupKey) > maxFieldBytes || len(n.externalURL) > maxFieldBytes:
		return fmt.Errorf("receiver, groupKey, externalURL: one is longer than %d bytes", maxFieldBytes)
	case len(n.routeLabels) > maxLabels:
		return fmt.Errorf("routeLabels: are more than %d", maxLabels)
	}
	return nil
}

// alert checks what was decoded. The error begins with the field's path below
// the alert.
func (in *amAlert) alert() (Alert, error) {
	a := Alert{Status: in.Status, Labels: in.Labels, Annotations: in.Annotations, GeneratorURL: in.GeneratorURL}
	if in.Status != Firing && in.Status != Resolved {
		return Alert{}, errors.New(`.status: must be "firing" or "resolved"`)
	}
	if err := checkLabels(a.Labels); err != nil {
		return Alert{}, fmt.Errorf(".labels: %w", err)
	}
	if len(a.GeneratorURL) > maxFieldBytes {
		return Alert{}, fmt.Errorf(".generatorURL: is longer than %d bytes", maxFieldBytes)
	}
	var err error
	if a.StartsAt, err = parseTime(in.StartsAt); err != nil {
		return Alert{}, fmt.Errorf(".startsAt: %w", err)
	}
	if a.EndsAt, err = parseTime(in.EndsAt); err != nil {
		return Alert{}, fmt.Errorf(".endsAt: %w", err)
	}
	a.Fingerprint = fingerprint(in.Fingerprint, a.Labels)
	return a, nil
}

// checkLabels takes labels without a value away, which are the same as none, and
// says what is wrong with the others.
func checkLabels(labels map[string]string) error {
	for name, value := range labels {
		switch {
		case value == "":
			delete(labels, name)
		case name == "":
			return errors.New("a name is empty")
		case len(name) > maxNameBytes:
			return fmt.Errorf("a name is longer than %d bytes", maxNameBytes)
		case strings.ContainsFunc(name, unicode.IsControl):
			return errors.New("a name has a control character in it")
		}
	}
	if len(labels) == 0 {
		return errors.New("are missing; an alert needs at least one label")
	}
	if len(labels) > maxLabels {
		return fmt.Errorf("are more than %d", maxLabels)
	}
	return nil
}

// parseTime takes an empty string and Go's zero time for "none".
func parseTime(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, s)
	t = t.UTC()
	// In UTC, a time of a valid year can be in one that has no JSON.
	if err != nil || t.Year() < 1 || t.Year() > 9999 {
		return time.Time{}, errors.New("must be a time as in RFC 3339, 2006-01-02T15:04:05Z")
	}
	return t, nil
}

// unquoteMeta undoes regexp.QuoteMeta, which Alertmanager applies to the
// receiver's name. A name that it cannot have made is left as it is.
func unquoteMeta(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	if plain := b.String(); regexp.QuoteMeta(plain) == s {
		return plain
	}
	return s
}
