package alerts

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Times of an alert that is posted as to Alertmanager's API.
const (
	// resolveTimeout is Alertmanager's default for an alert without an end.
	resolveTimeout = 5 * time.Minute
	// expiryGrace is what the next report may be late: what is over has expired half a
	// minute later, with a moment to find it out.
	expiryGrace = 28 * time.Second
)

// postedAlert is an alert in a POST to Alertmanager's API.
type postedAlert struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     string            `json:"startsAt"`
	EndsAt       string            `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL"`
}

// Prometheus is what Prometheus posts to an Alertmanager, POST /api/v2/alerts, as
// do vmalert, amtool, and the rulers of Thanos, Loki and Mimir. They put
// "/api/v2/alerts" behind the configured prefix. now is the clock that says which
// alerts are over, as none of them has a status; nil means time.Now.
//
// The answers have the forms of Alertmanager's: 200 and nothing; 400 and a JSON
// string for alerts that are wrong, of which the others are stored; and
// {"code":…,"message":…} if nothing is.
func Prometheus(now func() time.Time) Sender {
	if now == nil {
		now = time.Now
	}
	return Sender{
		Decode: func(source string, _ http.Header, body []byte) (Batch, error) {
			return decodePosted(source, body, now().UTC())
		},
		Answer: func(w http.ResponseWriter, _ Batch, _ Result) { w.WriteHeader(http.StatusOK) },
		Refuse: refusePosted,
	}
}

// decodePosted reads a list of alerts that was posted at now. An alert that is
// wrong by itself does not keep the others out: nobody repeats a refused request,
// and what it holds has nothing in common but the time.
func decodePosted(source string, body []byte, now time.Time) (Batch, error) {
	r, err := newJSONReader(body)
	if err != nil {
		return Batch{}, err
	}
	batch := Batch{Source: source}
	if string(bytes.TrimSpace(body)) == "null" { // Go's encoding of a list that was never made
		return batch, nil
	}
	var invalid invalidAlerts
	err = r.array("body", func(i int) error {
		if i == maxAlerts {
			return errTooMany
		}
		path := fmt.Sprintf("[%d]", i)
		var in postedAlert
		if err := r.value(path, &in); err != nil {
			return err
		}
		startsAt, endsAt, err := in.times(now)
		if err != nil {
			return fmt.Errorf("%s%w, before byte %d", path, err, r.dec.InputOffset())
		}
		a, err := in.alert(startsAt, endsAt, now)
		if err != nil {
			invalid.add(fmt.Errorf("%s%w, before byte %d", path, err, r.dec.InputOffset()))
			return nil
		}
		a.Source = source
		batch.Alerts = append(batch.Alerts, a)
		return nil
	})
	if err == nil {
		err = r.end()
	}
	if err != nil {
		return Batch{}, err
	}
	if invalid.n > 0 {
		batch.Invalid = &invalid
	}
	return batch, nil
}

// times are the alert's, those that are missing put in as Alertmanager does.
func (in *postedAlert) times(now time.Time) (startsAt, endsAt time.Time, err error) {
	if startsAt, err = parseTime(in.StartsAt); err != nil {
		return startsAt, endsAt, fmt.Errorf(".startsAt: %w", err)
	}
	if endsAt, err = parseTime(in.EndsAt); err != nil {
		return startsAt, endsAt, fmt.Errorf(".endsAt: %w", err)
	}
	if startsAt.IsZero() {
		startsAt = endsAt
	}
	if startsAt.IsZero() {
		startsAt = now
	}
	if endsAt.IsZero() {
		endsAt = now.Add(resolveTimeout)
	}
	return startsAt, endsAt, nil
}

// alert checks what Alertmanager checks, and our bounds. The error begins with
// the field's path below the alert, and has Alertmanager's words if it refuses
// the same.
func (in *postedAlert) alert(startsAt, endsAt, now time.Time) (Alert, error) {
	if endsAt.Before(startsAt) {
		return Alert{}, errors.New(".endsAt: start time must be before end time")
	}
	switch err := checkLabels(in.Labels); {
	case len(in.Labels) == 0:
		return Alert{}, errors.New(".labels: at least one label pair required")
	case err != nil:
		return Alert{}, fmt.Errorf(".labels: invalid label set: %w", err)
	case len(in.GeneratorURL) > maxFieldBytes:
		return Alert{}, fmt.Errorf(".generatorURL: is longer than %d bytes", maxFieldBytes)
	}
	a := Alert{
		Fingerprint: Fingerprint(in.Labels), Status: Firing, Labels: in.Labels, Annotations: in.Annotations,
		StartsAt: startsAt, GeneratorURL: in.GeneratorURL, Direct: true,
	}
	if !endsAt.After(now) {
		a.Status, a.EndsAt = Resolved, endsAt
		return a, nil
	}
	if given, _ := parseTime(in.StartsAt); given.IsZero() {
		// What is put in is another time with each report, and not another incident.
		a.StartsAt = time.Time{}
	}
	if a.ExpiresAt = endsAt.Add(expiryGrace); a.ExpiresAt.Year() > 9999 { // which has no JSON
		a.ExpiresAt = endsAt
	}
	return a, nil
}

// invalidAlerts is what is wrong with some alerts of a request whose others are
// stored.
type invalidAlerts struct {
	n     int
	first []error
}

// maxInvalidTold bounds what is told of a request with many of them.
const maxInvalidTold = 10

func (e *invalidAlerts) add(err error) {
	e.n++
	if len(e.first) < maxInvalidTold {
		e.first = append(e.first, err)
	}
}

func (e *invalidAlerts) Error() string {
	var b strings.Builder
	for i, err := range e.first {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(err.Error())
	}
	if more := e.n - len(e.first); more > 0 {
		fmt.Fprintf(&b, "; and %d more", more)
	}
	return b.String()
}

// refusePosted writes a refusal in the forms that Alertmanager has: a string if
// the alerts are wrong, which amtool shows, and an object if the request is.
func refusePosted(w http.ResponseWriter, status int, err error) {
	var answer any = struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	}{status, err.Error()}
	if errors.As(err, new(*invalidAlerts)) {
		answer = err.Error()
	}
	text, _ := json.Marshal(answer) // neither can fail
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n'))
}
