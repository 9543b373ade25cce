package demo

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"alertrelay/alerts"
)

// Options configure a Sim. The zero value of each field means the default.
type Options struct {
	// Seed decides what happens; 0 means 1.
	Seed uint64
	// Alerts is about how many fire at a time, 40; an incident adds as many. It is
	// 4 to 150: of the fleet's places there are not more.
	Alerts int
	// Past is how much has happened before, 12 h; less than 0 means nothing.
	Past time.Duration
	// Speed is how many simulated seconds pass in one of the present, 10; 1 to 100.
	Speed float64
	// Start is when the past ends. It is required.
	Start time.Time
}

// Bounds of Options, and what is taken for zero.
const (
	DefaultSeed   = 1
	DefaultAlerts = 40
	DefaultPast   = 12 * time.Hour
	DefaultSpeed  = 10
	MinAlerts     = 4
	MaxAlerts     = 150
	MaxPast       = 7 * 24 * time.Hour
	MinSpeed      = 1
	MaxSpeed      = 100
)

func (o *Options) check() error {
	if o.Seed == 0 {
		o.Seed = DefaultSeed
	}
	if o.Alerts == 0 {
		o.Alerts = DefaultAlerts
	}
	switch {
	case o.Past == 0:
		o.Past = DefaultPast
	case o.Past < 0:
		o.Past = 0
	}
	if o.Speed == 0 {
		o.Speed = DefaultSpeed
	}
	switch {
	case o.Start.IsZero():
		return errors.New("demo: Start is required")
	case o.Alerts < MinAlerts || o.Alerts > MaxAlerts:
		return fmt.Errorf("demo: Alerts: %d is out of range, %d to %d", o.Alerts, MinAlerts, MaxAlerts)
	case o.Past > MaxPast:
		return fmt.Errorf("demo: Past: %s is more than %s", o.Past, MaxPast)
	case !(o.Speed >= MinSpeed && o.Speed <= MaxSpeed):
		return fmt.Errorf("demo: Speed: %v is out of range, %d to %d", o.Speed, MinSpeed, MaxSpeed)
	}
	return nil
}

// How the fleet behaves, in simulated time.
const (
	meanLife = 30 * time.Minute
	minLife  = 2 * time.Minute
	// groupWait and groupInterval are how long an Alertmanager gathers before it
	// notifies of a new group, and of a change of one.
	groupWait     = 8 * time.Second
	groupInterval = 20 * time.Second
	// evalInterval is how long a change waits in Prometheus.
	evalInterval = 5 * time.Second
	// resendDelay is Prometheus' --rules.alert.resend-delay.
	resendDelay = 5 * time.Minute
	// firstMinutes is how long it takes until as many fire as are to.
	firstMinutes = 3 * time.Minute
)

// What the sources are configured to, which the relay counts by its clock.
const (
	repeatAM   = 15 * time.Minute
	groupAM    = time.Minute
	repeatEdge = 2 * time.Minute
	groupEdge  = 10 * time.Second
	silentEdge = 2 * time.Minute
	// edgeGone is how long the far site says nothing: longer than until its alerts
	// are stale, (repeat + group) * 11 / 10, and shorter than until they expire,
	// 2 * repeat + group.
	edgeGone = 225 * time.Second
	// edgeNoticed is when the relay has noticed.
	edgeNoticed = 160 * time.Second
)

// alert is one that fires.
type alert struct {
	rule        *rule
	place       place
	labels      map[string]string
	annotations map[string]string
	fingerprint string
	startsAt    time.Time
	began       time.Duration
	group       *group    // nil with Prometheus
	sent        bool      // the relay knows of it
	muted       *muting   // why it is left out of its group
	acked       bool      // or about to be
	incident    *int      // the incident it belongs to
	endsAt      time.Time // once it has ended
}

func (a *alert) id() string { return a.rule.source + "-" + a.fingerprint }

// muting is why alerts are left out.
type muting struct {
	id, by, comment string
	until           time.Time
	inhibitor       *alert // instead of all that
}

// group is a group of alerts in an Alertmanager.
type group struct {
	source, key string
	labels      map[string]string
	firing      []*alert // in the order in which they began
	ended       []*alert // since the last notification
	pending     bool     // a notification is about to be sent
	notified    bool
}

// Request is what somebody sends to the relay. One without a Path is a moment in
// which nobody sends anything, and the relay finds out by itself that it is so.
type Request struct {
	// At is when, by the relay's clock.
	At time.Time
	// Path is where it is posted to.
	Path string
	Body []byte
	// Of is how many alerts it tells of.
	Of int
}

// Sim makes up what happens. The same Options make the same requests. It is not
// for several goroutines at once.
type Sim struct {
	o       Options
	live    time.Time // when the present begins
	rnd     *rand.Rand
	rules   []*rule
	weights int
	now     time.Duration // since the beginning of the past
	tasks   tasks
	taskNo  int
	out     []Request
	firing  map[string]*alert // by id
	order   []*alert          // the same, in the order in which they began
	groups  map[string]*group
	prom    []*alert // what has changed in Prometheus
	promSet bool     // it is about to be sent
	gone    bool     // the far site is silent
}

// New makes a Sim that begins with the past.
func New(o Options) (*Sim, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	s := &Sim{
		o: o, live: o.Start, rnd: rand.New(rand.NewPCG(o.Seed, 0x5eed)), rules: rules(),
		firing: make(map[string]*alert), groups: make(map[string]*group),
	}
	for _, r := range s.rules {
		s.weights += r.weight
	}
	for i := range o.Alerts * 8 / 10 {
		s.at(time.Duration(i)*firstMinutes/time.Duration(o.Alerts), s.begin)
	}
	s.at(firstMinutes, s.births)
	s.at(resendDelay, s.resend)
	s.at(s.short(repeatEdge*4/5), s.repeatEdge)
	s.at(2*time.Minute, s.flap)
	s.at(4*time.Minute, s.mute)
	s.plan()
	return s, nil
}

// plan says when the great things happen.
func (s *Sim) plan() {
	past := s.o.Past
	if past >= 2*time.Hour {
		for i, share := range []float64{0.22, 0.55, 0.86} {
			s.at(time.Duration(share*float64(past)), func() { s.incident(i) })
		}
		s.at(past*7/10, s.silenceEdge)
	} else if past >= 45*time.Minute {
		s.at(past*4/10, func() { s.incident(0) })
	}
	if past >= 10*time.Minute { // something is silenced when the present begins
		s.at(past-5*time.Minute, s.silenceOneGroup)
		s.at(past-3*time.Minute, s.silenceOneGroup)
	}
	// Of the present, by the clock on the wall: whoever looks wants to see it.
	s.at(past+s.inPresent(20*time.Second), s.silenceEdgeAgain)
	s.at(past+s.inPresent(75*time.Second), func() { s.incidentAgain(0) })
	s.at(past+s.inPresent(40*time.Second), s.silenceOneGroup)
	s.at(past+s.inPresent(12*time.Second), s.flap)
}

// inPresent is how much simulated time passes in the present while d passes.
func (s *Sim) inPresent(d time.Duration) time.Duration {
	return time.Duration(float64(d) * s.o.Speed)
}

// short is a duration that is counted by the relay's clock.
func (s *Sim) short(d time.Duration) time.Duration {
	if s.now < s.o.Past {
		return d
	}
	return s.inPresent(d)
}

// wall is when something is by the relay's clock.
func (s *Sim) wall(at time.Duration) time.Time {
	t := s.live.Add(time.Duration(float64(at-s.o.Past) / s.o.Speed))
	if at < s.o.Past {
		t = s.o.Start.Add(at - s.o.Past)
	}
	return t.UTC().Truncate(time.Millisecond)
}

// Begin has the present begin now instead of at Options.Start, because telling the
// past took a while.
func (s *Sim) Begin(now time.Time) {
	if now.After(s.live) {
		s.live = now
	}
}

// Firing is how many fire by now.
func (s *Sim) Firing() int { return len(s.firing) }

// births keeps about as many alerts firing as are wanted.
func (s *Sim) births() {
	s.begin()
	mean := meanLife / time.Duration(s.o.Alerts)
	if n := len(s.firing); n > s.o.Alerts*5/4 {
		mean *= 2
	} else if n < s.o.Alerts*3/4 {
		mean /= 2
	}
	s.after(s.span(mean)+time.Millisecond, s.births)
}

// begin has some alert fire for a while.
func (s *Sim) begin() {
	n := s.rnd.IntN(s.weights)
	i := slices.IndexFunc(s.rules, func(r *rule) bool { n -= r.weight; return n < 0 })
	r := s.rules[i]
	life := minLife + s.span(meanLife)
	if r.severity == info {
		life *= 2
	}
	if a := s.fire(r, r.on[s.rnd.IntN(len(r.on))], nil); a != nil {
		s.endAfter(a, life)
	}
}

// endAfter ends an alert some time from now.
func (s *Sim) endAfter(a *alert, life time.Duration) { s.after(life, func() { s.end(a) }) }

// fire has an alert begin, unless it fires, or too many do. The far site begins
// nothing that the relay could not hear of.
func (s *Sim) fire(r *rule, at place, incident *int) *alert {
	a := s.newAlert(r, at)
	if s.firing[a.id()] != nil || len(s.firing) >= s.most() || r.source == sourceEdge && s.gone {
		return nil
	}
	a.incident = incident
	s.firing[a.id()] = a
	s.order = append(s.order, a)
	s.changed(a)
	if incident == nil {
		s.maybeAck(a)
	}
	return a
}

// most is how many may fire.
func (s *Sim) most() int { return s.o.Alerts * 3 }

func (s *Sim) newAlert(r *rule, at place) *alert {
	labels := map[string]string{"alertname": r.name, "severity": r.severity, "team": r.team}
	maps.Copy(labels, at.labels)
	value := formatValue(r.low+s.rnd.Float64()*(r.high-r.low), r.unit)
	a := &alert{
		rule: r, place: at, labels: labels, fingerprint: alerts.Fingerprint(labels),
		startsAt: s.wall(s.now), began: s.now,
		annotations: map[string]string{
			"summary":     fmt.Sprintf(r.summary, at.name, value+r.unit),
			"value":       value,
			"runbook_url": "https://runbooks.example/" + strings.ToLower(r.name),
		},
	}
	if r.description != "" {
		a.annotations["description"] = r.description
	}
	if r.source != sourceProm {
		key := fmt.Sprintf("{}:{alertname=%q, cluster=%q}", r.name, labels["cluster"])
		g := s.groups[r.source+key]
		if g == nil {
			g = &group{source: r.source, key: key, labels: map[string]string{"alertname": r.name, "cluster": labels["cluster"]}}
			s.groups[r.source+key] = g
		}
		a.group = g
	}
	return a
}

// formatValue has a digit behind the point if the value is small and none that
// is counted.
func formatValue(v float64, unit string) string {
	if v < 10 && !slices.Contains([]string{" times", " messages", " days", " of 5 probes", " of 2"}, unit) {
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 0, 64)
}

// end has an alert end, if it still fires. The far site ends nothing while it
// cannot be heard: it would be told of later.
func (s *Sim) end(a *alert) {
	if s.firing[a.id()] != a {
		return
	}
	if a.rule.source == sourceEdge && s.gone {
		s.after(s.short(edgeGone), func() { s.end(a) })
		return
	}
	delete(s.firing, a.id())
	s.order = slices.DeleteFunc(s.order, func(o *alert) bool { return o == a })
	a.endsAt = s.wall(s.now)
	for _, o := range slices.Clone(s.order) { // what it kept back shows
		if o.muted != nil && o.muted.inhibitor == a {
			s.unmute(o)
		}
	}
	s.changed(a)
}
