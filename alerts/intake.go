package alerts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/semaphore"

	"alertrelay/relay"
)

// Recorder takes what senders report, and keeps it. Tracker of package track is
// one.
type Recorder interface {
	// Record returns when everything is stored. An error other than a
	// *TooLargeError means that some may not be; doing it again is right.
	Record(ctx context.Context, b Batch) (Result, error)
}

// Result counts what became of the alerts of a request. An alert with several
// channels counts once.
type Result struct {
	// Received = Stored + Deduplicated + Ignored.
	Received int
	// Stored alerts have a new event.
	Stored int
	// Deduplicated alerts were known to be so: repeats, retries, and copies of
	// the other members of a cluster.
	Deduplicated int
	// Ignored alerts mean nothing now: resolves of what does not fire, and firing
	// ones from a cluster's member that has not heard of the resolve.
	Ignored int

	// LateCopies are those of Ignored that came from a cluster's member that has
	// not heard of the resolve.
	LateCopies int
}

// TooLargeError is a Recorder's error for an alert that the store does not take
// even without its annotations.
type TooLargeError struct {
	// Index is the alert's place in the batch.
	Index int
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("alerts[%d]: is larger than the store takes, even without its annotations; shorten its labels and URLs", e.Index)
}

// Options configure an Intake. Recorder is required; the zero value of each
// other field means the default.
type Options struct {
	// Recorder takes what is decoded.
	Recorder Recorder
	// MaxBodyBytes bounds the body of a request, 32 MiB. It may have 50,000 alerts.
	MaxBodyBytes int64
	// MaxInFlightBytes bounds the bodies of all requests together, 64 MiB. It
	// must be larger than MaxBodyBytes. Decoded, a body takes several times its
	// size.
	MaxInFlightBytes int64
	// MaxRequests is how many requests are worked on at once, 16.
	MaxRequests int
	// WaitTimeout is how long a request waits until it is one of them, 1 s.
	WaitTimeout time.Duration
	// ReadTimeout is the time for a body to arrive, 5 s.
	ReadTimeout time.Duration
	// RequestTimeout is the time for a request as a whole, 9 s: senders give up
	// after 10 s, and then do not hear the reason.
	RequestTimeout time.Duration
	// Credentials are what a source's sender must show; nil stands for the zero
	// value. A source that is not known is refused. A nil function means that every
	// source is known, and everybody may post. Many goroutines call it at once.
	Credentials func(source string) (c *Credentials, known bool)
	// DeadLetters takes bodies that nothing gives a meaning to (UnmappedError), one
	// DeadLetter each. nil: they are refused, and not kept.
	DeadLetters relay.Publisher
	// Metrics count; nil counts nothing.
	Metrics *Metrics
	// Log takes what operators should know; nil discards it.
	Log *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

func (o *Options) setDefaults() error {
	switch {
	case o.Recorder == nil:
		return errors.New("alerts: Recorder is required")
	case o.MaxBodyBytes < 0 || o.MaxInFlightBytes < 0 || o.MaxRequests < 0:
		return errors.New("alerts: MaxBodyBytes, MaxInFlightBytes and MaxRequests must not be negative")
	case o.WaitTimeout < 0 || o.ReadTimeout < 0 || o.RequestTimeout < 0:
		return errors.New("alerts: WaitTimeout, ReadTimeout and RequestTimeout must not be negative")
	}
	setDefault(&o.MaxBodyBytes, 32<<20)
	setDefault(&o.MaxInFlightBytes, 64<<20)
	setDefault(&o.MaxRequests, 16)
	setDefault(&o.WaitTimeout, time.Second)
	setDefault(&o.ReadTimeout, 5*time.Second)
	setDefault(&o.RequestTimeout, 9*time.Second)
	if o.MaxInFlightBytes <= o.MaxBodyBytes {
		return fmt.Errorf("alerts: MaxInFlightBytes is %d, and must be larger than MaxBodyBytes, %d", o.MaxInFlightBytes, o.MaxBodyBytes)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Intake takes notifications over HTTP. It starts no goroutine that outlives a
// request.
type Intake struct {
	opts   Options
	log    *slog.Logger
	bodies bodyReader
	slots  *semaphore.Weighted // of requests that are worked on
}

// New makes an Intake. The error names the option that is wrong.
func New(o Options) (*Intake, error) {
	if err := o.setDefaults(); err != nil {
		return nil, err
	}
	return &Intake{
		opts: o,
		log:  o.Log.With("component", "alerts"),
		bodies: bodyReader{
			budget: semaphore.NewWeighted(o.MaxInFlightBytes), maxBytes: o.MaxBodyBytes,
			timeout: o.ReadTimeout, wait: o.WaitTimeout,
		},
		slots: semaphore.NewWeighted(int64(o.MaxRequests)),
	}, nil
}

// Handler takes what one kind of sender posts. Its pattern must have the source
// in it, and no method: "/in/alertmanager/{source}". Unless the sender wants
// something else, it answers
//
//	200 {"received":3,"stored":1,"unchanged":2}: every event is stored
//	400, 413 and the reason: this body can never be taken
//	401: the credentials do not fit
//	404: nobody has configured this source
//	405: only POST
//	422 and the reason: nothing says what this body means; it is kept as a
//	    DeadLetter. If not all of a list has a meaning, the rest is stored
//	503 and the reason: the store or the relay cannot take it now; posting it
//	    again is right, also if a part of it was stored
func (in *Intake) Handler(s Sender) http.Handler {
	if s.Methods == nil {
		s.Methods = []string{http.MethodPost}
	}
	if s.Answer == nil {
		s.Answer = answer
	}
	if s.Refuse == nil {
		s.Refuse = refuse
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodOptions && s.Handshake != nil {
			s.Handshake(w, r)
			return
		}
		source := r.PathValue("source")
		start := in.opts.Now()
		batch, result, err := in.take(w, r, source, &s)
		if err != nil {
			in.refuse(w, r, source, &s, err)
			return
		}
		in.log.Debug("alerts taken", "source", source, "received", result.Received, "stored", result.Stored, "duration", in.opts.Now().Sub(start))
		w.Header().Set("Cache-Control", "no-store")
		s.Answer(w, batch, result)
	})
}

func answer(w http.ResponseWriter, _ Batch, r Result) {
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"received":%d,"stored":%d,"unchanged":%d}`+"\n", r.Received, r.Stored, r.Received-r.Stored)
}

// refuse tells the reason in plain text: Alertmanager writes it into its log.
func refuse(w http.ResponseWriter, status int, err error) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprintln(w, err)
}

// Reasons of refusals, as the metric has them.
const (
	reasonMethod      = "method"
	reasonSource      = "source"
	reasonAuth        = "auth"
	reasonBody        = "body"
	reasonUnmapped    = "unmapped"
	reasonIncomplete  = "incomplete"
	reasonSlow        = "slow_body"
	reasonTooLarge    = "too_large"
	reasonOverload    = "overload"
	reasonUnavailable = "unavailable"
)

// refusal is an error with its answer.
type refusal struct {
	status int
	reason string
	err    error // told to the sender
}

func (e *refusal) Error() string { return e.err.Error() }
func (e *refusal) Unwrap() error { return e.err }

// take does all of a request but the answer.
func (in *Intake) take(w http.ResponseWriter, r *http.Request, source string, s *Sender) (Batch, Result, error) {
	if !slices.Contains(s.Methods, r.Method) {
		return Batch{}, Result{}, &refusal{http.StatusMethodNotAllowed, reasonMethod, fmt.Errorf("only %s is possible here", strings.Join(s.Methods, ", "))}
	}
	if err := checkSender(source); err != nil {
		return Batch{}, Result{}, &refusal{http.StatusBadRequest, reasonSource, err}
	}
	admitted, err := in.admit(r, source)
	if err != nil {
		return Batch{}, Result{}, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), in.opts.RequestTimeout)
	defer cancel()
	body, release, err := in.bodies.read(ctx, w, r)
	if err != nil {
		return Batch{}, Result{}, err
	}
	defer release()
	if err := in.enter(ctx); err != nil {
		return Batch{}, Result{}, err
	}
	defer in.slots.Release(1)

	if err := admitted.checkBody(body); err != nil {
		return Batch{}, Result{}, err
	}
	batch, err := s.Decode(source, r.Header, body)
	unmapped := (*UnmappedError)(nil)
	if err == nil || errors.As(err, &unmapped) { // what is wrong with a body may be told to everybody
		if err := admitted.checkKey(batch.Key); err != nil {
			return Batch{}, Result{}, err
		}
	}
	if errors.Is(err, errTooMany) {
		return Batch{}, Result{}, &refusal{http.StatusRequestEntityTooLarge, reasonTooLarge, err}
	}
	if unmapped != nil {
		return Batch{}, Result{}, in.unmapped(ctx, source, r.Header, body, err)
	}
	if err != nil {
		return Batch{}, Result{}, &refusal{http.StatusBadRequest, reasonBody, err}
	}
	batch.Source = source
	in.opts.Metrics.skew(source, &batch, in.opts.Now())
	if batch.Truncated > 0 {
		in.log.Warn("sender has left alerts out, so they are on no screen; raise max_alerts or set it to 0", "source", source, "truncated", batch.Truncated)
	}
	result, err := in.opts.Recorder.Record(ctx, batch)
	if tooLarge := (*TooLargeError)(nil); errors.As(err, &tooLarge) {
		return Batch{}, Result{}, &refusal{http.StatusRequestEntityTooLarge, reasonTooLarge, err}
	}
	if err != nil {
		return Batch{}, Result{}, err
	}
	if unmapped := (*UnmappedError)(nil); errors.As(batch.Invalid, &unmapped) {
		return Batch{}, Result{}, in.unmapped(ctx, source, r.Header, body, batch.Invalid)
	}
	if batch.Invalid != nil {
		return Batch{}, Result{}, &refusal{http.StatusBadRequest, reasonBody, batch.Invalid}
	}
	in.opts.Metrics.accept(source, result, batch.Truncated, in.opts.Now())
	return batch, result, nil
}

// admit checks who posts, as far as the headers tell it.
func (in *Intake) admit(r *http.Request, source string) (*admission, error) {
	if in.opts.Credentials == nil {
		return (*Credentials)(nil).admit(r, time.Time{})
	}
	c, known := in.opts.Credentials(source)
	if !known {
		return nil, &refusal{
			http.StatusNotFound, reasonSource,
			fmt.Errorf("source %q is not configured; add sources.%s to the configuration, or correct the last part of the address", source, source),
		}
	}
	return c.admit(r, in.opts.Now())
}

func (in *Intake) enter(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, in.opts.WaitTimeout)
	defer cancel()
	if err := in.slots.Acquire(ctx, 1); err != nil {
		return &refusal{http.StatusServiceUnavailable, reasonOverload, errors.New("too many requests at once; try again")}
	}
	return nil
}

// refuse answers with the reason. What the store says stays in our log.
func (in *Intake) refuse(w http.ResponseWriter, r *http.Request, source string, s *Sender, err error) {
	refused := (*refusal)(nil)
	if !errors.As(err, &refused) {
		refused = &refusal{http.StatusServiceUnavailable, reasonUnavailable, errors.New("alerts cannot be stored now; try again")}
	}
	in.opts.Metrics.refuse(refused.reason)
	level := slog.LevelWarn
	if refused.reason == reasonUnavailable && !errors.Is(err, relay.ErrUnavailable) && r.Context().Err() == nil {
		level = slog.LevelError // nothing that passes by itself
	}
	in.log.Log(r.Context(), level, "alerts refused", "source", fmt.Sprintf("%.40s", source), "remote", r.RemoteAddr, "status", refused.status, "err", err)
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	if refused.status == http.StatusMethodNotAllowed {
		h.Set("Allow", strings.Join(s.Methods, ", "))
	}
	if auth := (*authError)(nil); errors.As(refused.err, &auth) {
		for _, challenge := range auth.challenges {
			h.Add("WWW-Authenticate", challenge)
		}
	}
	s.Refuse(w, refused.status, refused.err)
}
