package am

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"alertrelay/alerts"
)

const (
	defaultInterval  = 30 * time.Second
	minInterval      = 5 * time.Second
	defaultMinUptime = 5 * time.Minute
	// lookTimeout bounds a look with all that follows from it.
	lookTimeout = time.Minute
	// manyHeld is from how many alerts on it is told that the Alertmanager has
	// none of them.
	manyHeld = 10
	// maxReports bounds what is recorded at once: a batch is decided on as a whole.
	maxReports = 5000
)

// ReconcilerOptions configure a Reconciler. Source, Client, Holder and Recorder
// are required; the zero value of each other field means the default.
type ReconcilerOptions struct {
	// Source is the name of the source whose Alertmanager it is.
	Source string
	Client *Client
	// Holder tells what the relay has, also of alerts.OwnSource.
	Holder   Holder
	Recorder alerts.Recorder
	// Interval is the time between two looks, 30 s. It is at least 5 s.
	Interval time.Duration
	// MinUptime is for how long a member must be up to be believed that an alert
	// is over, 5 min: a new one is empty until Prometheus sends again.
	MinUptime time.Duration
	// Receivers are the names of the relay's receivers in Alertmanager's
	// configuration. Alerts that are routed to none of them are not adopted. None:
	// those that notifications have come from; before the first, every alert is
	// adopted.
	Receivers []string
	// ExpiryWarning is how long before its end a silence that keeps something back
	// is told of, 15 min. Negative: never.
	ExpiryWarning time.Duration
	// Metrics count; nil counts nothing.
	Metrics *Metrics
	// Log takes what operators should know; nil discards it.
	Log *slog.Logger
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

func (o *ReconcilerOptions) setDefaults() error {
	switch {
	case o.Source == "" || o.Source == alerts.OwnSource:
		return errors.New("am: Source is required, and must not be the relay's own")
	case o.Client == nil || o.Holder == nil || o.Recorder == nil:
		return errors.New("am: Client, Holder and Recorder are required")
	case o.Interval != 0 && o.Interval < minInterval:
		return fmt.Errorf("am: Interval: must be at least %s", minInterval)
	case o.MinUptime < 0:
		return errors.New("am: MinUptime: must not be negative")
	}
	for field, value := range map[*time.Duration]time.Duration{
		&o.Interval: defaultInterval, &o.MinUptime: defaultMinUptime, &o.ExpiryWarning: defaultWarning,
	} {
		if *field == 0 {
			*field = value
		}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return nil
}

// Reconciler compares, again and again, what an Alertmanager has with what the
// relay has, and reports the differences. Its methods may be called by several
// goroutines at once.
type Reconciler struct {
	opts ReconcilerOptions
	log  *slog.Logger

	turn       chan struct{} // has one while nobody looks; who has taken it owns comparison and what follows
	comparison comparison
	empty      bool // the last look had no alert of many
	disagree   bool // the members do

	mu     sync.Mutex // guards what follows
	health Health
}

// Health is how looking goes.
type Health struct {
	// LastTry and LastGood are zero if there was no look, or none that went well.
	LastTry, LastGood time.Time
	// Alerts is how many the Alertmanager had at the last good look.
	Alerts int
	// Err is what was wrong with the last look; nil if nothing was.
	Err error
}

// NewReconciler makes a Reconciler. The error names the option that is wrong.
func NewReconciler(o ReconcilerOptions) (*Reconciler, error) {
	if err := o.setDefaults(); err != nil {
		return nil, err
	}
	r := &Reconciler{
		opts: o, log: o.Log.With("component", "reconcile", "source", o.Source), turn: make(chan struct{}, 1),
		comparison: comparison{
			source: o.Source, minUptime: o.MinUptime,
			receivers: o.Receivers, learn: len(o.Receivers) == 0,
		},
	}
	r.turn <- struct{}{}
	return r, nil
}

// Run looks at once and then at every interval, until ctx ends; then it returns
// nil. A look that goes wrong is told in the log, once.
func (r *Reconciler) Run(ctx context.Context) error {
	tick := time.NewTicker(r.opts.Interval)
	defer tick.Stop()
	for {
		_ = r.Look(ctx) // it has told
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Health says how the looks go. It does not block.
func (r *Reconciler) Health() Health {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.health
}

// Look looks once, and returns when all that it has found is recorded. It waits
// for another look that goes on. A look that goes wrong changes nothing.
func (r *Reconciler) Look(ctx context.Context) error {
	select {
	case <-r.turn:
		defer func() { r.turn <- struct{}{} }()
	case <-ctx.Done():
		return ctx.Err()
	}
	within, cancel := context.WithTimeoutCause(ctx, lookTimeout, fmt.Errorf("the look has taken longer than %s", lookTimeout))
	defer cancel()
	there, err := r.look(within)
	if ctx.Err() != nil {
		return ctx.Err() // it was told to end, and says nothing of the Alertmanager
	}
	r.note(there, err)
	return err
}

// note keeps how a look went, and tells when that changes.
func (r *Reconciler) note(there int, err error) {
	now := r.opts.Now()
	r.mu.Lock()
	was, first := r.health.Err, r.health.LastTry.IsZero()
	r.health.LastTry, r.health.Err = now, err
	if err == nil {
		r.health.LastGood, r.health.Alerts = now, there
	}
	r.mu.Unlock()
	r.opts.Metrics.look(r.opts.Source, err, now)
	switch {
	case err != nil && was == nil:
		r.log.Warn("alerts cannot be compared with the Alertmanager's; what it holds back or has resolved meanwhile is not known", "err", err)
	case err == nil && was != nil:
		r.log.Info("alerts are compared with the Alertmanager's again")
	case err == nil && first:
		r.log.Info("alerts are compared with the Alertmanager's")
	}
}

// look returns how many alerts the Alertmanager has.
func (r *Reconciler) look(ctx context.Context) (there int, err error) {
	l, err := r.opts.Client.Look(ctx, r.opts.Now)
	if err != nil {
		return 0, err
	}
	known, err := r.opts.Holder.Known(r.opts.Source)
	if err != nil {
		return 0, fmt.Errorf("am: source %s: %w", r.opts.Source, err)
	}
	d := r.comparison.compare(&l, known)
	r.tellEmpty(&l, &d)
	reports := r.confirm(ctx, &l, d.reports)
	if err := r.record(ctx, r.opts.Source, reports); err != nil {
		return 0, err
	}
	if r.opts.ExpiryWarning < 0 {
		return d.there, nil
	}
	own, err := r.opts.Holder.Known(alerts.OwnSource)
	if err != nil {
		return 0, fmt.Errorf("am: source %s: %w", alerts.OwnSource, err)
	}
	return d.there, r.record(ctx, alerts.OwnSource, expiring(r.opts.Source, d.silences, own, l.At, r.opts.ExpiryWarning))
}

// tellEmpty tells, once, of an Alertmanager without any of many alerts: that is
// what one looks like that has lost its state, or is another's.
func (r *Reconciler) tellEmpty(l *Look, d *differences) {
	was := r.empty
	r.empty = d.there == 0 && d.held >= manyHeld
	if r.empty && !was {
		r.log.Warn("the Alertmanager has no alert; what is held is resolved at the next look, if it is up for long enough",
			"member", l.Member, "held", d.held, "uptime", l.Uptime.Round(time.Second), "min_uptime", r.opts.MinUptime)
	}
}

// confirm asks the other members before something is cleared: one that Prometheus
// does not reach loses every alert, and the others go on notifying.
func (r *Reconciler) confirm(ctx context.Context, l *Look, reports []alerts.Alert) []alerts.Alert {
	clears := 0
	for i := range reports {
		if reports[i].Status == alerts.Resolved {
			clears++
		}
	}
	if clears == 0 || len(r.opts.Client.members) == 1 {
		r.disagree = false
		return reports
	}
	elsewhere := r.opts.Client.elsewhere(ctx, l.Member)
	kept := make([]alerts.Alert, 0, len(reports))
	for _, a := range reports {
		if a.Status != alerts.Resolved || !elsewhere[a.Fingerprint] {
			kept = append(kept, a)
		}
	}
	was := r.disagree
	r.disagree = len(kept) < len(reports)
	if r.disagree && !was {
		r.log.Warn("the members of the Alertmanager's cluster disagree on what fires; check that every Prometheus sends to each of them",
			"member", l.Member, "missing", len(reports)-len(kept))
	}
	return kept
}

// record gives reports on, the same alert's never in two batches at once.
func (r *Reconciler) record(ctx context.Context, source string, reports []alerts.Alert) error {
	for len(reports) > 0 {
		n := min(len(reports), maxReports)
		for n < len(reports) && reports[n].Fingerprint == reports[n-1].Fingerprint {
			n++
		}
		_, err := r.opts.Recorder.Record(ctx, alerts.Batch{Source: source, Alerts: reports[:n], Asked: true})
		if tooLarge := (*alerts.TooLargeError)(nil); errors.As(err, &tooLarge) {
			err = nil // it was stored without it, and next time it would be the same
		}
		if err != nil {
			return fmt.Errorf("am: differences cannot be recorded: %w", err)
		}
		reports = reports[n:]
	}
	return nil
}
