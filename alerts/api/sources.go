package api

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// Source is what is configured of a source, and how asking it goes.
type Source struct {
	// API is the address of its Alertmanager's API; empty: it is not asked.
	API string
	// SilentAfter is how long it may say nothing; 0: any time.
	SilentAfter time.Duration
	// Reconcile is how asking the API goes; nil if it is not asked.
	Reconcile *Reconcile
}

// Reconcile is how asking the API of a source goes.
type Reconcile struct {
	// LastTry and LastSuccess are zero if there was none.
	LastTry, LastSuccess time.Time
	// Error is why the last try failed; empty if it did not. It is shown.
	Error string
	// Alerts is how many alerts the source had at the last success.
	Alerts int
}

type sourceJSON struct {
	Name string `json:"name"`
	// LastHeard is missing if the source was not heard of yet.
	LastHeard  time.Time     `json:"lastHeard,omitzero"`
	Age        *float64      `json:"ageSeconds,omitempty"`
	Configured *sourceConfig `json:"configured,omitempty"`
	// Silent: it says nothing for longer than it may.
	Silent    bool           `json:"silent"`
	Reconcile *reconcileJSON `json:"reconcile,omitempty"`
}

type sourceConfig struct {
	API         string  `json:"api,omitempty"`
	SilentAfter float64 `json:"silentAfterSeconds,omitempty"`
}

type reconcileJSON struct {
	Healthy     bool      `json:"healthy"`
	LastTry     time.Time `json:"lastTry,omitzero"`
	LastSuccess time.Time `json:"lastSuccess,omitzero"`
	Error       string    `json:"error,omitempty"`
	Alerts      int       `json:"alerts"`
}

// sources answers with the sources that are configured or were heard of.
func (a *api) sources(w http.ResponseWriter, r *http.Request) error {
	if p := query(r); p.err != nil {
		return p.err
	}
	heard, configured := a.o.Tracker.Heard(), map[string]Source(nil)
	if a.o.Sources != nil {
		configured = a.o.Sources()
	}
	now := a.o.Now()
	all := []sourceJSON{}
	for name := range maps.Keys(union(heard, configured)) {
		s := sourceJSON{Name: name, LastHeard: heard[name].UTC().Truncate(time.Millisecond)}
		if heard[name].IsZero() {
			s.LastHeard = time.Time{}
		} else {
			age := max(now.Sub(heard[name]), 0).Round(time.Millisecond).Seconds() // it may have been heard of by another clock
			s.Age = &age
		}
		if c, ok := configured[name]; ok {
			s.Configured = &sourceConfig{withoutPassword(c.API), c.SilentAfter.Seconds()}
			s.Silent = c.SilentAfter > 0 && !heard[name].IsZero() && now.Sub(heard[name]) > c.SilentAfter
			if c.Reconcile != nil {
				s.Reconcile = &reconcileJSON{
					Healthy: c.Reconcile.Error == "" && !c.Reconcile.LastSuccess.IsZero(),
					LastTry: c.Reconcile.LastTry.UTC(), LastSuccess: c.Reconcile.LastSuccess.UTC(), Error: c.Reconcile.Error, Alerts: c.Reconcile.Alerts,
				}
			}
		}
		all = append(all, s)
	}
	slices.SortFunc(all, func(x, y sourceJSON) int { return cmp.Compare(x.Name, y.Name) })
	answer(w, r, http.StatusOK, struct {
		Time    time.Time    `json:"time"`
		Sources []sourceJSON `json:"sources"`
	}{now.UTC().Truncate(time.Millisecond), all})
	return nil
}

func union[A, B any](a map[string]A, b map[string]B) map[string]struct{} {
	all := make(map[string]struct{})
	for name := range a {
		all[name] = struct{}{}
	}
	for name := range b {
		all[name] = struct{}{}
	}
	return all
}

// withoutPassword is an address as it may be shown.
func withoutPassword(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Redacted()
}
