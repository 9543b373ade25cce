package alerts

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
)

// webhookVersion1 is that of Grafana's webhook. Alertmanager's of that version is
// older than its releases.
const webhookVersion1 = "1"

// grafanaAlert is an alert in Grafana's webhook. The fields of amAlert are written
// out, because errors would name an embedded one.
type grafanaAlert struct {
	Status       Status            `json:"status"`
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     string            `json:"startsAt"`
	EndsAt       string            `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL"`
	Fingerprint  string            `json:"fingerprint"`

	SilenceURL   string                     `json:"silenceURL"`
	DashboardURL string                     `json:"dashboardURL"`
	PanelURL     string                     `json:"panelURL"`
	ImageURL     string                     `json:"imageURL"`
	Values       map[string]json.RawMessage `json:"values"`
}

// Grafana is the webhook of Grafana's own alerting, version 1. Its fingerprint
// covers labels that it does not send.
func Grafana() Sender {
	return Sender{Decode: DecodeGrafana, Methods: []string{http.MethodPost, http.MethodPut}}
}

// DecodeGrafana is the Decoder of Grafana's webhook. Fields it does not know are
// passed over; the title and the message are made of the alerts, and are too.
func DecodeGrafana(source string, _ http.Header, body []byte) (Batch, error) {
	return decodeWebhook(source, body, readGrafanaAlert, (*amNotification).checkGrafana)
}

func (n *amNotification) checkGrafana() error {
	switch {
	case n.version == webhookVersion4:
		return errors.New(`version: is "4", that of an Alertmanager, be it Mimir's; its address is /in/alertmanager/{source}`)
	case n.version == "":
		return errors.New("version: is missing; this address takes the body of Grafana's webhook contact point as it is, without a custom payload")
	case n.version != webhookVersion1:
		return errors.New(`version: must be "1", that of Grafana's webhook; other senders have addresses of their own`)
	case !n.hasOrgID:
		return errors.New("orgId: is missing, which Grafana's webhook has; other senders have addresses of their own")
	}
	return nil
}

func readGrafanaAlert(r *jsonReader, path string) (Alert, error) {
	var in grafanaAlert
	if err := r.value(path, &in); err != nil {
		return Alert{}, err
	}
	return r.checked(path, in.alert)
}

func (in *grafanaAlert) alert() (Alert, error) {
	am := amAlert{in.Status, in.Labels, in.Annotations, in.StartsAt, in.EndsAt, in.GeneratorURL, in.Fingerprint}
	a, err := am.alert()
	if err != nil {
		return Alert{}, err
	}
	for _, link := range []struct{ field, name, url string }{
		{"silenceURL", "silence", in.SilenceURL},
		{"dashboardURL", "dashboard", in.DashboardURL},
		{"panelURL", "panel", in.PanelURL},
		{"imageURL", "image", in.ImageURL},
	} {
		if len(link.url) > maxFieldBytes {
			return Alert{}, fmt.Errorf(".%s: is longer than %d bytes", link.field, maxFieldBytes)
		}
		if link.url == "" {
			continue
		}
		if a.Links == nil {
			a.Links = make(map[string]string)
		}
		a.Links[link.name] = link.url
	}
	if a.Values, err = valueTexts(in.Values); err != nil {
		return Alert{}, fmt.Errorf(".values: %w", err)
	}
	return a, nil
}

// valueTexts makes text of the values that an expression had. null is none: JSON
// has no other word for NaN.
func valueTexts(values map[string]json.RawMessage) (map[string]string, error) {
	if len(values) > maxLabels {
		return nil, fmt.Errorf("are more than %d", maxLabels)
	}
	var texts map[string]string
	for name, raw := range values {
		if len(name) > maxNameBytes {
			return nil, fmt.Errorf("a name is longer than %d bytes", maxNameBytes)
		}
		text := ""
		switch raw[0] {
		case 'n':
			continue
		case '"':
			if err := json.Unmarshal(raw, &text); err != nil || len(text) > maxFieldBytes {
				return nil, fmt.Errorf("a value is longer than %d bytes", maxFieldBytes)
			}
		case '{', '[', 't', 'f':
			return nil, errors.New("must be numbers")
		default:
			number, err := strconv.ParseFloat(string(raw), 64)
			if err != nil {
				return nil, errors.New("a number is out of range")
			}
			text = shortNumber(number)
		}
		if texts == nil {
			texts = make(map[string]string, len(values))
		}
		texts[name] = text
	}
	return texts, nil
}

// shortNumber is the shortest text that is the number, with an exponent only where
// it would be very long.
func shortNumber(f float64) string {
	format := byte('f')
	if abs := math.Abs(f); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	return strconv.FormatFloat(f, format, -1, 64)
}
