package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"alertrelay/alerts"
)

// Silencer silences alerts of one source, through its Alertmanager's API. Its
// methods may be called by several goroutines at once. Errors: a *RefusedError if
// the source does not take what was asked; others mean that it cannot be asked now.
type Silencer interface {
	// List gives the silences that are active or pending, and those that have
	// expired a while ago.
	List(ctx context.Context) ([]Silence, error)
	// Preview gives the alerts that a silence would match now.
	Preview(ctx context.Context, s Silence) ([]Silenced, error)
	// Create makes a silence and returns its id.
	Create(ctx context.Context, s Silence) (id string, err error)
	// Expire ends a silence. Error: ErrNoSilence.
	Expire(ctx context.Context, id string) error
}

// Silence is a silence of a source.
type Silence struct {
	// ID is empty if it is to be made.
	ID string
	// Matchers are in Alertmanager's syntax; all must hold.
	Matchers []string
	// StartsAt and EndsAt are UTC, and EndsAt the later one.
	StartsAt, EndsAt   time.Time
	CreatedBy, Comment string
	// State is "active", "pending" or "expired"; empty if it is to be made.
	State string
}

// Silenced is an alert that a silence matches.
type Silenced struct {
	// Fingerprint is the source's.
	Fingerprint string
	Labels      map[string]string
}

// ErrNoSilence means that the source has no silence of this id.
var ErrNoSilence = errors.New("api: no such silence")

// RefusedError is a Silencer's error for what the source does not take.
type RefusedError struct{ Reason string }

func (e *RefusedError) Error() string { return e.Reason }

const (
	maxMatchers    = 64
	maxSilence     = 366 * 24 * time.Hour
	maxPreview     = 1000 // alerts that are told one by one
	silenceIDBytes = 100
	// silenceSlack is how far in the past a silence may begin: clocks differ.
	silenceSlack = 5 * time.Minute
)

type silenceRequest struct {
	Source    string    `json:"source"`
	Matchers  []string  `json:"matchers"`
	StartsAt  time.Time `json:"startsAt"`
	EndsAt    time.Time `json:"endsAt"`
	Duration  string    `json:"duration"`
	CreatedBy string    `json:"createdBy"`
	Comment   string    `json:"comment"`
	Preview   bool      `json:"preview"`
}

type silenceJSON struct {
	Source    string    `json:"source"`
	ID        string    `json:"id,omitempty"`
	State     string    `json:"state,omitempty"`
	Matchers  []string  `json:"matchers"`
	StartsAt  time.Time `json:"startsAt"`
	EndsAt    time.Time `json:"endsAt"`
	CreatedBy string    `json:"createdBy"`
	Comment   string    `json:"comment"`
}

func newSilence(source string, s *Silence) silenceJSON {
	matchers := s.Matchers
	if matchers == nil {
		matchers = []string{}
	}
	return silenceJSON{source, s.ID, s.State, matchers, s.StartsAt.UTC(), s.EndsAt.UTC(), s.CreatedBy, s.Comment}
}

// silencer finds the source that can be silenced.
func (a *api) silencer(source string) (Silencer, error) {
	all, err := a.silencers()
	if err != nil {
		return nil, err
	}
	if s := all[source]; s != nil {
		return s, nil
	}
	names := strings.Join(slices.Sorted(maps.Keys(all)), ", ")
	if source == "" {
		return nil, wrong("source", "is missing; one of "+names)
	}
	return nil, &refusal{
		status: http.StatusNotFound, field: "source",
		reason: fmt.Sprintf("source: %.40q has no API; set sources.<name>.api to its Alertmanager's address. These have one: %s", source, names),
	}
}

func (a *api) silencers() (map[string]Silencer, error) {
	if a.o.Silencers != nil {
		if all := a.o.Silencers(); len(all) > 0 {
			return all, nil
		}
	}
	return nil, &refusal{
		status: http.StatusNotImplemented,
		reason: "no source has an API, so nothing can be silenced here; set sources.<name>.api to the Alertmanager's address, such as http://alertmanager:9093",
	}
}

// ofSource is an error of a Silencer as it is told.
func ofSource(source string, err error) error {
	refused := (*RefusedError)(nil)
	switch {
	case errors.Is(err, ErrNoSilence):
		return &refusal{status: http.StatusNotFound, field: "id", reason: "source " + source + " has no silence of this id"}
	case errors.As(err, &refused):
		return &refusal{status: http.StatusBadRequest, reason: "source " + source + " refuses it: " + refused.Reason}
	}
	return &refusal{
		status: http.StatusBadGateway, err: err,
		reason: "the API of source " + source + " does not answer as it should; the relay's log says why",
	}
}

// silences answers with those of one source, or of all; a source that does not
// answer is named beside them.
func (a *api) silences(w http.ResponseWriter, r *http.Request) error {
	p := query(r, "source")
	source := p.one("source")
	if p.err != nil {
		return p.err
	}
	all, err := a.silencers()
	if err != nil {
		return err
	}
	if source != "" {
		one, err := a.silencer(source)
		if err != nil {
			return err
		}
		all = map[string]Silencer{source: one}
	}
	ctx, cancel := context.WithTimeout(r.Context(), requestTime)
	defer cancel()
	type failure struct {
		Source string `json:"source"`
		Error  string `json:"error"`
	}
	var mu sync.Mutex // guards found and failed
	found, failed := []silenceJSON{}, []failure(nil)
	var last error
	var wg sync.WaitGroup
	for name, s := range all {
		wg.Go(func() {
			list, err := s.List(ctx)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				last = ofSource(name, err)
				failed = append(failed, failure{name, last.Error()})
				a.log.Warn("silences cannot be read", "source", name, "err", err)
			}
			for i := range list {
				found = append(found, newSilence(name, &list[i]))
			}
		})
	}
	wg.Wait()
	if len(failed) == len(all) {
		return last
	}
	slices.SortFunc(found, func(x, y silenceJSON) int {
		return cmp.Or(x.EndsAt.Compare(y.EndsAt), cmp.Compare(x.Source, y.Source), cmp.Compare(x.ID, y.ID))
	})
	slices.SortFunc(failed, func(x, y failure) int { return cmp.Compare(x.Source, y.Source) })
	w.Header().Set("Cache-Control", "no-store")
	answer(w, r, http.StatusOK, struct {
		Silences []silenceJSON `json:"silences"`
		Errors   []failure     `json:"errors,omitempty"`
	}{found, failed})
	return nil
}

// createSilence makes a silence, or only says what it would match.
func (a *api) createSilence(w http.ResponseWriter, r *http.Request) error {
	return a.silence(w, r, false)
}

func (a *api) previewSilence(w http.ResponseWriter, r *http.Request) error {
	return a.silence(w, r, true)
}

func (a *api) silence(w http.ResponseWriter, r *http.Request, preview bool) error {
	if p := query(r); p.err != nil {
		return p.err
	}
	if _, err := a.silencers(); err != nil {
		return err
	}
	var q silenceRequest
	if err := readJSON(w, r, &q); err != nil {
		return err
	}
	if err := signed(r, "createdBy", &q.CreatedBy); err != nil {
		return err
	}
	preview = preview || q.Preview
	s, err := a.checkSilence(&q, preview)
	if err != nil {
		return err
	}
	silencer, err := a.silencer(q.Source)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), requestTime)
	defer cancel()
	if preview {
		matched, err := silencer.Preview(ctx, s)
		if err != nil {
			return ofSource(q.Source, err)
		}
		answer(w, r, http.StatusOK, newPreview(q.Source, &s, matched))
		return nil
	}
	if s.ID, err = silencer.Create(ctx, s); err != nil {
		return ofSource(q.Source, err)
	}
	a.logOf(r).Info("silence made", "source", q.Source, "id", s.ID)
	w.Header().Set("Location", "/api/v1/silences/"+q.Source+"/"+url.PathEscape(s.ID))
	answer(w, r, http.StatusCreated, newSilence(q.Source, &s))
	return nil
}

type silencedJSON struct {
	ID          string            `json:"id"`
	Fingerprint string            `json:"fingerprint"`
	Labels      map[string]string `json:"labels"`
}

type previewJSON struct {
	silenceJSON
	Total  int            `json:"total"`
	Alerts []silencedJSON `json:"alerts"`
}

func newPreview(source string, s *Silence, matched []Silenced) previewJSON {
	p := previewJSON{newSilence(source, s), len(matched), []silencedJSON{}}
	for _, m := range matched[:min(len(matched), maxPreview)] {
		if m.Labels == nil {
			m.Labels = map[string]string{}
		}
		p.Alerts = append(p.Alerts, silencedJSON{source + "-" + m.Fingerprint, m.Fingerprint, m.Labels})
	}
	return p
}

// checkSilence says what is wrong with a request, and makes a silence of it.
func (a *api) checkSilence(q *silenceRequest, preview bool) (Silence, error) {
	now := a.o.Now().UTC().Truncate(time.Millisecond)
	switch {
	case len(q.Matchers) == 0:
		return Silence{}, wrong("matchers", `are missing; write them such as ["alertname=\"DiskFull\""]`)
	case len(q.Matchers) > maxMatchers:
		return Silence{}, wrong("matchers", fmt.Sprintf("are %d, %d are possible", len(q.Matchers), maxMatchers))
	}
	m, err := alerts.ParseMatchers(q.Matchers)
	if err != nil {
		return Silence{}, &refusal{status: http.StatusBadRequest, reason: err.Error(), field: "matchers"}
	}
	if m.Match(func(string) string { return "" }) { // Alertmanager's rule
		return Silence{}, wrong("matchers", "would match alerts without any label; one must want a value")
	}
	s := Silence{Matchers: q.Matchers, StartsAt: q.StartsAt.UTC(), EndsAt: q.EndsAt.UTC()}
	if q.StartsAt.IsZero() {
		s.StartsAt = now
	}
	switch {
	case q.Duration != "" && !q.EndsAt.IsZero():
		return Silence{}, wrong("duration", "excludes endsAt")
	case q.Duration != "":
		d, err := parseDuration(q.Duration)
		if err != nil {
			return Silence{}, wrong("duration", err.Error())
		}
		s.EndsAt = s.StartsAt.Add(d)
	case q.EndsAt.IsZero() && preview: // what it matches does not depend on it
		s.EndsAt = s.StartsAt.Add(time.Hour)
	case q.EndsAt.IsZero():
		return Silence{}, wrong("endsAt", "is missing; give it or a duration")
	}
	end := "endsAt"
	if q.Duration != "" {
		end = "duration"
	}
	switch {
	case s.StartsAt.Before(now.Add(-silenceSlack)):
		return Silence{}, wrong("startsAt", "is in the past")
	case !s.EndsAt.After(s.StartsAt) || !s.EndsAt.After(now):
		return Silence{}, wrong(end, "must be later than now and startsAt")
	case s.EndsAt.Sub(s.StartsAt) > maxSilence:
		return Silence{}, wrong(end, "is too late; a silence lasts 366 days at most")
	}
	if preview && strings.TrimSpace(q.CreatedBy) == "" {
		q.CreatedBy = "preview"
	}
	if err := checkPerson("createdBy", &q.CreatedBy, &q.Comment); err != nil {
		return Silence{}, err
	}
	s.CreatedBy, s.Comment = q.CreatedBy, q.Comment
	return s, nil
}

// expireSilence ends a silence.
func (a *api) expireSilence(w http.ResponseWriter, r *http.Request) error {
	if p := query(r); p.err != nil {
		return p.err
	}
	source, id := r.PathValue("source"), r.PathValue("id")
	silencer, err := a.silencer(source)
	if err != nil {
		return err
	}
	if len(id) > silenceIDBytes {
		return ofSource(source, ErrNoSilence)
	}
	ctx, cancel := context.WithTimeout(r.Context(), requestTime)
	defer cancel()
	if err := silencer.Expire(ctx, id); err != nil {
		return ofSource(source, err)
	}
	a.logOf(r).Info("silence expired", "source", source, "id", id)
	w.WriteHeader(http.StatusNoContent)
	return nil
}
