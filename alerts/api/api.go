package api

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/semaphore"

	"alertrelay/alerts/track"
	"alertrelay/relay"
)

// Tracker knows what every alert is now. track.Tracker is one.
type Tracker interface {
	Find(q track.Query) (*track.Listing, error)
	Heard() map[string]time.Time
	// Acknowledge and Unacknowledge return when Find shows it.
	Acknowledge(ctx context.Context, id, by, comment string) error
	Unacknowledge(ctx context.Context, id, by, comment string) error
}

// HistoryQuery says which messages are wanted. Zero fields set no bound.
type HistoryQuery struct {
	// Channel is a channel's id or a wildcard; ">" is all channels.
	Channel string
	// Since and Until bound the time of messages: not before Since, and before
	// Until.
	Since, Until time.Time
	// After is the sequence after which messages come.
	After uint64
	// Limit is how many may come.
	Limit int
}

// Archive has the messages of the past.
type Archive interface {
	// History calls each with the messages that match, in the order of the stream.
	// An error of each ends it and is returned.
	History(ctx context.Context, q HistoryQuery, each func(relay.Message) error) error
}

// Options configure the API. Tracker and Archive are required.
type Options struct {
	Tracker Tracker
	Archive Archive
	// Token is asked what is wanted of whoever changes something, as
	// "Authorization: Bearer …". nil or empty: a token of Tokens, or if there are
	// none, nothing: anyone may, but for pages of other sites in somebody's browser.
	// Whoever shows it says who he is in the request.
	Token func() string
	// Tokens are asked for those that are good beside Token, and say themselves who
	// shows them. nil: none. It must not block.
	Tokens func() []NamedToken
	// Origins are sites whose pages may read, "https://wall.example.org"; "*" is
	// every site. They may not change anything.
	Origins []string
	// Sources is asked what is configured of the sources, by name; nil: nothing.
	// It must not block.
	Sources func() map[string]Source
	// Silencers is asked for the sources that can be silenced, by name; nil: none.
	// It must not block.
	Silencers func() map[string]Silencer
	// OnAck is called after an alert was acknowledged, before that is answered,
	// with the alert as it is then. The request's end ends ctx. nil: nobody is
	// told.
	OnAck func(ctx context.Context, current track.Current, by, comment string)
	// Log takes what operators should know; nil discards it.
	Log *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

const (
	// maxStreams is how many large answers are made at once, waitTime how long
	// another one waits.
	maxStreams = 16
	waitTime   = 2 * time.Second
	// requestTime is the time for what asks the store or a sender.
	requestTime = 10 * time.Second
)

type api struct {
	o       Options
	log     *slog.Logger
	foreign *http.CrossOriginProtection
	streams *semaphore.Weighted
}

// route is a method and a path of the API, with its parts in braces.
type route struct {
	method, path string
	handle       func(http.ResponseWriter, *http.Request) error
}

// routes are all there are. HEAD comes with GET, and OPTIONS with each path.
func (a *api) routes() []route {
	return []route{
		{http.MethodGet, "/api/v1/alerts", a.list},
		{http.MethodGet, "/api/v1/alerts/{id}", a.one},
		{http.MethodPost, "/api/v1/alerts/{id}/ack", a.changes(a.ack)},
		{http.MethodDelete, "/api/v1/alerts/{id}/ack", a.changes(a.dropAck)},
		{http.MethodPost, "/api/v1/alerts/{id}/unack", a.changes(a.unack)},
		{http.MethodGet, "/api/v1/history", a.history},
		{http.MethodGet, "/api/v1/sources", a.sources},
		{http.MethodGet, "/api/v1/silences", a.silences},
		{http.MethodPost, "/api/v1/silences", a.changes(a.createSilence)},
		{http.MethodPost, "/api/v1/silences/preview", a.changes(a.previewSilence)},
		{http.MethodDelete, "/api/v1/silences/{source}/{id}", a.changes(a.expireSilence)},
		{http.MethodGet, "/api/v1/whoami", a.whoami},
		{http.MethodGet, "/api/v1/openapi.yaml", a.description},
	}
}

// Handler serves the paths under /api/v1. It starts no goroutine that outlives a
// request. It panics if a required option is missing.
func Handler(o Options) http.Handler {
	if o.Tracker == nil || o.Archive == nil {
		panic("api: Tracker and Archive are required")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Token == nil {
		o.Token = func() string { return "" }
	}
	if o.Tokens == nil {
		o.Tokens = func() []NamedToken { return nil }
	}
	a := &api{
		o: o, log: o.Log.With("component", "api"),
		foreign: http.NewCrossOriginProtection(), streams: semaphore.NewWeighted(maxStreams),
	}
	byPath := make(map[string]map[string]func(http.ResponseWriter, *http.Request) error)
	for _, r := range a.routes() {
		if byPath[r.path] == nil {
			byPath[r.path] = make(map[string]func(http.ResponseWriter, *http.Request) error)
		}
		byPath[r.path][r.method] = r.handle
		if r.method == http.MethodGet {
			byPath[r.path][http.MethodHead] = r.handle
		}
	}
	mux := http.NewServeMux()
	for path, methods := range byPath {
		mux.Handle(path, a.resource(methods))
	}
	mux.Handle("/", a.resource(nil))
	return mux
}

// resource answers the methods of one path; nil if there is nothing there.
func (a *api) resource(methods map[string]func(http.ResponseWriter, *http.Request) error) http.Handler {
	allow := strings.Join(slices.Sorted(maps.Keys(methods)), ", ") + ", OPTIONS"
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		secure(w.Header())
		a.share(w, r)
		handle, ok := methods[r.Method]
		switch {
		case methods == nil:
			a.refuse(w, r, &refusal{status: http.StatusNotFound, reason: "there is nothing at this path; /api/v1/openapi.yaml lists what there is"})
		case r.Method == http.MethodOptions:
			w.Header().Set("Allow", allow)
			w.WriteHeader(http.StatusNoContent)
		case !ok:
			w.Header().Set("Allow", allow)
			a.refuse(w, r, &refusal{status: http.StatusMethodNotAllowed, reason: "only " + allow + " are possible here"})
		default:
			if err := handle(w, r); err != nil {
				a.refuse(w, r, err)
			}
		}
	})
}

// enter waits until another large answer may be made. The caller must call leave.
func (a *api) enter(ctx context.Context) (leave func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, waitTime)
	defer cancel()
	if a.streams.Acquire(ctx, 1) != nil {
		return nil, &refusal{status: http.StatusServiceUnavailable, reason: "too many ask at once; try again"}
	}
	return func() { a.streams.Release(1) }, nil
}

// errEnough ends a walk over what there is.
var errEnough = errors.New("api: enough")
