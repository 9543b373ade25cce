package am

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"alertrelay/alerts"
)

// States of an Alert. Others, of versions to come, are kept as they are.
const (
	StateActive      = "active"
	StateSuppressed  = "suppressed"
	StateUnprocessed = "unprocessed" // new: not routed yet
)

// Alert is an alert that an Alertmanager has, as its API tells.
type Alert struct {
	Fingerprint string
	// State is one of the constants above.
	State               string
	Labels, Annotations map[string]string
	StartsAt, EndsAt    time.Time
	GeneratorURL        string
	// Receivers are the names of those that it is routed to.
	Receivers []string
	// SilencedBy are ids of silences, and InhibitedBy are fingerprints of alerts.
	// Of time intervals, which are a route's, this part of the API says nothing.
	SilencedBy, InhibitedBy []string
}

// Status is what a member tells of itself.
type Status struct {
	Member string
	// Version is "0.34.2".
	Version string
	// StartedAt is when it was started, and Now the time of its answer, both by
	// its clock.
	StartedAt, Now time.Time
	// Cluster is "ready", "settling" or "disabled", and Peers are the addresses of
	// the members that it knows, itself included.
	Cluster string
	Peers   []string
	// Config is its configuration, in YAML, with all defaults and without secrets.
	Config string
}

// Uptime is for how long it has been running.
func (s *Status) Uptime() time.Duration { return s.Now.Sub(s.StartedAt) }

// Silence is a silence of an Alertmanager.
type Silence struct {
	ID string
	// State is "active", "pending" or "expired".
	State            string
	Matchers         []Matcher
	StartsAt, EndsAt time.Time
	UpdatedAt        time.Time
	CreatedBy        string
	Comment          string
}

// States of a Silence.
const (
	SilenceActive  = "active"
	SilencePending = "pending"
	SilenceExpired = "expired"
)

// Matcher is a matcher of a silence. Its JSON is the API's.
type Matcher struct {
	Name    string `json:"name"`
	Value   string `json:"value"`
	IsRegex bool   `json:"isRegex"`
	// IsEqual false is "!=" or "!~".
	IsEqual bool `json:"isEqual"`
}

// UnmarshalJSON takes a missing isEqual for true, as the API does.
func (m *Matcher) UnmarshalJSON(data []byte) error {
	type plain Matcher
	p := plain{IsEqual: true}
	if err := json.Unmarshal(data, &p); err != nil {
		return fmt.Errorf("matcher: %w", err)
	}
	*m = Matcher(p)
	return nil
}

// gettableAlert is an alert in the API's words.
type gettableAlert struct {
	Fingerprint  string            `json:"fingerprint"`
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL"`
	Receivers    []struct {
		Name string `json:"name"`
	} `json:"receivers"`
	Status struct {
		State       string   `json:"state"`
		SilencedBy  []string `json:"silencedBy"`
		InhibitedBy []string `json:"inhibitedBy"`
	} `json:"status"`
}

// decodeAlerts is strict where a mistake would clear alerts: null, an object, or
// an element without a fingerprint is an error, not an alert less.
func decodeAlerts(body []byte) ([]Alert, error) {
	var in []gettableAlert
	if err := decodeList(body, &in); err != nil {
		return nil, err
	}
	list := make([]Alert, 0, len(in))
	seen := make(map[string]bool, len(in))
	for i := range in {
		a, err := in[i].alert()
		if err != nil {
			return nil, fmt.Errorf("[%d].%w", i, err)
		}
		if !seen[a.Fingerprint] {
			seen[a.Fingerprint] = true
			list = append(list, a)
		}
	}
	return list, nil
}

func (in *gettableAlert) alert() (Alert, error) {
	for name, value := range in.Labels {
		if name == "" || value == "" { // the same as no such label
			delete(in.Labels, name)
		}
	}
	switch {
	case !isFingerprint(in.Fingerprint):
		return Alert{}, errors.New("fingerprint: must be 16 hex digits")
	case len(in.Labels) == 0:
		return Alert{}, errors.New("labels: are missing")
	case in.Status.State == "":
		return Alert{}, errors.New("status.state: is missing")
	case !isTime(in.StartsAt) || in.StartsAt.IsZero() || !isTime(in.EndsAt):
		return Alert{}, errors.New("startsAt, endsAt: one is missing or out of range")
	}
	a := Alert{
		Fingerprint: in.Fingerprint, State: in.Status.State, Labels: in.Labels, Annotations: in.Annotations,
		StartsAt: in.StartsAt.UTC(), EndsAt: in.EndsAt.UTC(), GeneratorURL: in.GeneratorURL,
		SilencedBy: in.Status.SilencedBy, InhibitedBy: in.Status.InhibitedBy,
	}
	for _, r := range in.Receivers {
		if r.Name != "" {
			a.Receivers = append(a.Receivers, r.Name)
		}
	}
	return a, nil
}

type gettableSilence struct {
	ID     string `json:"id"`
	Status struct {
		State string `json:"state"`
	} `json:"status"`
	Matchers  []Matcher `json:"matchers"`
	StartsAt  time.Time `json:"startsAt"`
	EndsAt    time.Time `json:"endsAt"`
	UpdatedAt time.Time `json:"updatedAt"`
	CreatedBy string    `json:"createdBy"`
	Comment   string    `json:"comment"`
}

func (in *gettableSilence) silence() (Silence, error) {
	switch {
	case in.ID == "":
		return Silence{}, errors.New("id: is missing")
	case in.Status.State == "":
		return Silence{}, errors.New("status.state: is missing")
	case !isTime(in.StartsAt) || !isTime(in.EndsAt) || !isTime(in.UpdatedAt) || in.EndsAt.IsZero():
		return Silence{}, errors.New("startsAt, endsAt, updatedAt: one is missing or out of range")
	}
	return Silence{
		ID: in.ID, State: in.Status.State, Matchers: in.Matchers,
		StartsAt: in.StartsAt.UTC(), EndsAt: in.EndsAt.UTC(), UpdatedAt: in.UpdatedAt.UTC(),
		CreatedBy: in.CreatedBy, Comment: in.Comment,
	}, nil
}

func decodeSilences(body []byte) ([]Silence, error) {
	var in []gettableSilence
	if err := decodeList(body, &in); err != nil {
		return nil, err
	}
	list := make([]Silence, 0, len(in))
	for i := range in {
		s, err := in[i].silence()
		if err != nil {
			return nil, fmt.Errorf("[%d].%w", i, err)
		}
		list = append(list, s)
	}
	return list, nil
}

func decodeSilence(body []byte) (Silence, error) {
	var in gettableSilence
	if err := decode(body, &in); err != nil {
		return Silence{}, err
	}
	return in.silence()
}

// postableSilence is a silence in the API's words. An empty id makes a new one.
type postableSilence struct {
	ID        string    `json:"id,omitempty"`
	Matchers  []Matcher `json:"matchers"`
	StartsAt  time.Time `json:"startsAt"`
	EndsAt    time.Time `json:"endsAt"`
	CreatedBy string    `json:"createdBy"`
	Comment   string    `json:"comment"`
}

func newPostableSilence(s *Silence) postableSilence {
	return postableSilence{s.ID, s.Matchers, s.StartsAt.UTC(), s.EndsAt.UTC(), s.CreatedBy, s.Comment}
}

func decodeSilenceID(body []byte) (string, error) {
	var in struct {
		SilenceID string `json:"silenceID"`
	}
	if err := decode(body, &in); err != nil {
		return "", err
	}
	if in.SilenceID == "" {
		return "", errors.New("silenceID: is missing")
	}
	return in.SilenceID, nil
}

func decodeStatus(body []byte) (Status, error) {
	var in struct {
		Cluster struct {
			Status string `json:"status"`
			Peers  []struct {
				Address string `json:"address"`
			} `json:"peers"`
		} `json:"cluster"`
		VersionInfo struct {
			Version string `json:"version"`
		} `json:"versionInfo"`
		Config struct {
			Original string `json:"original"`
		} `json:"config"`
		Uptime time.Time `json:"uptime"`
	}
	if err := decode(body, &in); err != nil {
		return Status{}, err
	}
	// Without it, nobody would know whether the member is old enough to be
	// believed.
	if in.Uptime.IsZero() {
		return Status{}, errors.New("uptime: is missing")
	}
	s := Status{Version: in.VersionInfo.Version, StartedAt: in.Uptime.UTC(), Cluster: in.Cluster.Status, Config: in.Config.Original}
	for _, p := range in.Cluster.Peers {
		s.Peers = append(s.Peers, p.Address)
	}
	return s, nil
}

// decodeList refuses null, which encoding/json takes for an empty list.
func decodeList(body []byte, v any) error {
	if b := bytes.TrimLeft(body, " \t\r\n"); len(b) == 0 || b[0] != '[' {
		return errors.New("is no list")
	}
	return decode(body, v)
}

// decode refuses what is not UTF-8: encoding/json would put other characters in
// its place, and labels would be others. Its errors quote nothing.
func decode(body []byte, v any) error {
	if !utf8.Valid(body) {
		return errors.New("is not UTF-8")
	}
	err := json.Unmarshal(body, v)
	syntax, wrong := (*json.SyntaxError)(nil), (*json.UnmarshalTypeError)(nil)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &syntax):
		return fmt.Errorf("is no JSON, at byte %d", syntax.Offset)
	case errors.As(err, &wrong) && wrong.Field != "":
		return fmt.Errorf("%s: has the wrong type, at byte %d", wrong.Field, wrong.Offset)
	}
	return errors.New("has a value that makes no sense")
}

// isTime reports whether a time has a JSON in UTC.
func isTime(t time.Time) bool {
	y := t.UTC().Year()
	return y >= 1 && y <= 9999
}

func isFingerprint(s string) bool { return alerts.IsID("x-" + s) }

func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i, c := range []byte(s) {
		isDash := i == 8 || i == 13 || i == 18 || i == 23
		isHex := c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
		if isDash != (c == '-') || !isDash && !isHex {
			return false
		}
	}
	return true
}
