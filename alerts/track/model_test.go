package track_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"alertrelay/alerts"
	"alertrelay/alerts/alertstest"
	"alertrelay/alerts/track"
	"alertrelay/embedded"
	"alertrelay/relay"
	"alertrelay/relay/feed"
	"alertrelay/relay/relaytest"
)

var (
	modelSeed   = flag.Uint64("model.seed", 0, "seed of TestModel and TestModelAtOnce; 0 means a new one")
	modelRounds = flag.Int("model.rounds", 8, "rounds of TestModel and TestModelAtOnce")
)

// The model says what must become of alerts. It is written from the description of
// the state machine, and knows nothing of relays, sequences or buckets.

const (
	modelRepeat = time.Hour
	modelGroup  = 10 * time.Minute
	copyWindow  = 30 * time.Second
)

// modelAlert is an alert with one state in all channels where it is active.
type modelAlert struct {
	alerts.Alert // as it is reported when it fires

	active  bool
	status  alerts.Status
	starts  time.Time
	acked   string
	kept    string // "group", or the silence's id
	told    string // the ExternalURL of the last event
	lastHrd time.Time
	stale   time.Time
	expires time.Time
	in      map[string]bool     // channels where it is active
	history map[string][]string // kinds, by channel
	ended   map[string]modelEnd
}

// modelEnd is the resolve that ended it in a channel.
type modelEnd struct {
	starts, at time.Time
	by         string
}

func (m *modelAlert) event(kind string) {
	for c := range m.in {
		m.history[c] = append(m.history[c], kind)
	}
}

func (m *modelAlert) heard(now time.Time, a *alerts.Alert) {
	m.lastHrd = now
	if !a.ExpiresAt.IsZero() {
		m.stale, m.expires = time.Time{}, a.ExpiresAt
		return
	}
	m.stale, m.expires = now.Add((modelRepeat+modelGroup)*11/10), now.Add(2*modelRepeat+modelGroup)
}

func (m *modelAlert) end(kind string, now time.Time, by string) {
	m.event(kind)
	for c := range m.in {
		if kind == "resolved" {
			m.ended[c] = modelEnd{m.starts, now, by}
		} else {
			delete(m.ended, c)
		}
	}
	m.in, m.active, m.acked, m.kept = map[string]bool{}, false, "", ""
}

func (m *modelAlert) fires(a *alerts.Alert, now time.Time, wanted []string) {
	if !m.active {
		for _, c := range wanted {
			e, ok := m.ended[c]
			if ok && e.starts.Equal(a.StartsAt) && a.ExternalURL != "" && a.ExternalURL != e.by && now.Sub(e.at) < copyWindow {
				continue
			}
			m.in[c], m.active = true, true
			m.history[c] = append(m.history[c], "firing")
			delete(m.ended, c)
		}
		if m.active {
			m.status, m.starts, m.told = alerts.Firing, a.StartsAt, a.ExternalURL
			m.heard(now, a)
		}
		return
	}
	since := m.starts
	if a.Direct && m.lastHrd.After(since) {
		since = m.lastHrd
	}
	kind := ""
	switch {
	case a.StartsAt.After(since):
		kind, m.starts, m.acked = "updated", a.StartsAt, ""
	case m.status == alerts.Suppressed:
		kind = "unsuppressed"
	case m.status == alerts.Stale:
		kind = "fresh"
	}
	if kind != "" {
		m.event(kind)
		m.status, m.kept, m.told = alerts.Firing, "", a.ExternalURL
	}
	m.heard(now, a)
}

func (m *modelAlert) resolves(a *alerts.Alert, now time.Time) {
	old := m.starts.After(a.EndsAt)
	if a.Direct {
		old = m.lastHrd.After(a.EndsAt.Add(5 * time.Second))
	}
	if m.active && !old {
		m.end("resolved", now, a.ExternalURL)
	}
}

func (m *modelAlert) silenced(id string, now time.Time) {
	if !m.active {
		return
	}
	if m.kept != id {
		m.event("suppressed")
		m.status, m.kept = alerts.Suppressed, id
	}
	m.heard(now, &alerts.Alert{})
}

func (m *modelAlert) missing() {
	if m.active && m.status != alerts.Suppressed {
		m.event("suppressed")
		m.status, m.kept = alerts.Suppressed, "group"
	}
}

func (m *modelAlert) takes(a *alerts.Alert, now time.Time, wanted []string) {
	switch a.Status {
	case alerts.Firing:
		m.fires(a, now, wanted)
	case alerts.Resolved:
		m.resolves(a, now)
	case alerts.Suppressed:
		m.silenced(a.Suppression.ID, now)
	}
}

// ages: listened is since when some relay has run. What was not heard of since has
// its whole lifetime from then on.
func (m *modelAlert) ages(now, listened time.Time) {
	life := 2*modelRepeat + modelGroup
	if m.stale.IsZero() {
		life = 5 * time.Minute
	}
	unheard := m.lastHrd.Before(listened) && now.Before(listened.Add(life))
	switch {
	case m.active && !m.expires.IsZero() && m.expires.Before(now) && !unheard:
		m.end("expired", now, "")
	case m.active && m.status == alerts.Firing && !m.stale.IsZero() && m.stale.Before(now):
		m.event("stale")
		m.status = alerts.Stale
	}
}

func (m *modelAlert) moves(wanted []string) {
	if !m.active {
		return
	}
	in := map[string]bool{}
	for _, c := range wanted {
		in[c] = true
		if !m.in[c] {
			m.history[c] = append(m.history[c], "firing")
			delete(m.ended, c)
		}
	}
	for c := range m.in {
		if !in[c] {
			m.history[c] = append(m.history[c], "moved")
		}
	}
	m.in = in
}

// modelRun is a model and the relays it is compared with.
type modelRun struct {
	t       *testing.T
	rnd     *rand.Rand
	clock   *clock
	server  *embedded.Server
	js      jetstream.JetStream
	relays  [2]*rig
	started [2]time.Time
	routes  int
	senders []*modelSender
}

// modelSender reports its own alerts, one thing at a time.
type modelSender struct {
	*modelRun
	rnd      *rand.Rand
	alerts   []*modelAlert
	left     modelAlert // the relay's own alert that this sender leaves some out
	receiver string
	log      []string
}

func modelRoutes(t testing.TB, n int) track.Settings {
	routes := [][]alerts.Route{
		nil,
		{{Subject: "alerts.teams.{team}"}},
		{{Match: []string{`alertname=~".*[02468]"`}, Subject: "alerts.pager", Continue: true}, {Subject: "alerts.teams.{team}"}},
	}
	return track.Settings{
		Router:  alertstest.Router(t, routes[n]...),
		Sources: map[string]track.Source{"am": {RepeatInterval: modelRepeat, GroupInterval: modelGroup}},
	}
}

func (r *modelRun) wanted(a *alerts.Alert) []string {
	switch {
	case r.routes == 0:
		return []string{channelOf(*a)}
	case r.routes == 2 && strings.ContainsAny(a.Labels["alertname"][len(a.Labels["alertname"])-1:], "02468"):
		return []string{"pager." + a.ID(), teamChannel(*a)}
	}
	return []string{teamChannel(*a)}
}

func (r *modelRun) begin(i int) {
	r.started[i] = r.clock.now()
	r.relays[i] = start(r.t, r.server, (&faults{}).into(alertstest.Options{Settings: modelRoutes(r.t, r.routes), Now: r.clock.now}))
}

func newModelRun(t *testing.T, senders, alertsEach int) *modelRun {
	seed := *modelSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-model.seed %d -model.rounds %d", seed, *modelRounds)
	r := &modelRun{t: t, rnd: rand.New(rand.NewPCG(seed, 0)), clock: newClock(), server: startServer(t)}
	r.clock.stands = time.Now().UTC().Truncate(time.Millisecond)
	r.js = client(t, r.server)
	r.begin(0)
	r.begin(1)
	for i := range senders {
		s := &modelSender{modelRun: r, rnd: rand.New(rand.NewPCG(seed, uint64(i+1))), receiver: fmt.Sprint("receiver", i)}
		s.left.in, s.left.history, s.left.ended = map[string]bool{}, map[string][]string{}, map[string]modelEnd{}
		labels := map[string]string{"alertname": "AlertsTruncated", "severity": "warning", "source": "am", "receiver": s.receiver, "group": "{}"}
		s.left.Alert = alerts.Alert{Source: alerts.OwnSource, Fingerprint: alerts.Fingerprint(labels), Labels: labels}
		for n := range alertsEach {
			a := alertstest.Firing(fmt.Sprintf("A%d_%d", i, n))
			a.Receiver = s.receiver
			if a.StartsAt = (time.Time{}); n%4 == 3 {
				a.Direct, a.GroupKey, a.Receiver, a.ExternalURL = true, "", "", ""
			}
			s.alerts = append(s.alerts, &modelAlert{
				Alert: a, in: map[string]bool{}, history: map[string][]string{}, ended: map[string]modelEnd{},
			})
		}
		r.senders = append(r.senders, s)
	}
	return r
}

func (s *modelSender) relay() *rig { return s.relays[s.rnd.IntN(2)] }

// send sends until it is taken. Something may go wrong before.
func (s *modelSender) send(do func(ctx context.Context, r *rig) error) {
	f := &faults{}
	switch s.rnd.IntN(8) {
	case 0:
		f.loseAcks.Store(int64(s.rnd.IntN(3)))
	case 1:
		f.putsFail.Store(int64(s.rnd.IntN(3)))
	case 2: // copies to both at once
		var wg sync.WaitGroup
		for _, r := range s.relays {
			wg.Go(func() {
				if err := do(s.t.Context(), r); err != nil {
					s.t.Error(err)
				}
			})
		}
		wg.Wait()
		return
	}
	for range 20 {
		err := do(f.with(s.t.Context()), s.relay())
		if err == nil {
			return
		}
		if !errors.Is(err, errFault) {
			s.t.Error(err)
		}
	}
}

// current is what an alert's sender says of it: a new incident or the same.
func (s *modelSender) current(m *modelAlert, anew bool) alerts.Alert {
	a := m.Alert
	a.StartsAt = m.starts
	if a.StartsAt.IsZero() || anew {
		a.StartsAt = s.clock.now().Add(-time.Duration(s.rnd.IntN(10)) * time.Second)
	}
	if a.Direct {
		a.ExpiresAt = s.clock.now().Add(4*time.Minute + 30*time.Second)
	} else {
		a.ExternalURL = fmt.Sprint("http://am", s.rnd.IntN(2))
	}
	return a
}

func (s *modelSender) report(m *modelAlert, a alerts.Alert) {
	s.send(func(ctx context.Context, r *rig) error {
		_, err := r.Record(ctx, alerts.Batch{Source: "am", Alerts: []alerts.Alert{a}})
		return err
	})
	m.takes(&a, s.clock.now(), s.wanted(&m.Alert))
	if a.GroupKey != "" {
		s.leavesOut(0)
	}
}

// leavesOut: the relay's own alert says whether the last notification of the
// group left alerts out. It is known to all relays before the next.
func (s *modelSender) leavesOut(n int) {
	c := "_meta.warning.AlertsTruncated." + s.left.ID()
	switch {
	case n > 0 && !s.left.active:
		s.left.in[c], s.left.active, s.left.status = true, true, alerts.Firing
		s.left.event("firing")
	case n == 0 && s.left.active:
		s.left.end("resolved", time.Time{}, "")
	default:
		return
	}
	s.applied()
}

func (s *modelSender) applied() {
	for _, r := range s.relays {
		must(s.t, r.Stream.Log().Applied(s.t.Context()))
	}
}

// step does something at random.
func (s *modelSender) step() {
	m := s.alerts[s.rnd.IntN(len(s.alerts))]
	now := s.clock.now()
	name := m.Labels["alertname"]
	switch n := s.rnd.IntN(100); {
	case n < 30:
		a := s.current(m, s.rnd.IntN(5) == 0)
		s.note("%s fires by %s since %s", name, a.ExternalURL, a.StartsAt)
		s.report(m, a)
	case n < 50:
		a := s.current(m, false)
		a.Status, a.EndsAt = alerts.Resolved, now
		if s.rnd.IntN(4) == 0 {
			a.EndsAt = now.Add(-time.Duration(s.rnd.IntN(300)) * time.Second)
		}
		if s.rnd.IntN(4) == 0 {
			a.Labels = nil
		}
		s.note("%s resolves by %s at %s", name, a.ExternalURL, a.EndsAt)
		s.report(m, a)
	case n < 62:
		a := alerts.Alert{
			Source: "am", Fingerprint: m.Fingerprint, Status: alerts.Suppressed,
			Suppression: &alerts.Suppression{Kind: alerts.Silenced, ID: fmt.Sprint("s", s.rnd.IntN(2))},
		}
		s.note("%s is silenced by %s", name, a.Suppression.ID)
		s.report(m, a)
	case n < 72:
		s.note("%s is acknowledged", name)
		s.acknowledge(m, fmt.Sprint("p", s.rnd.IntN(2)))
	case n < 78:
		s.note("%s is unacknowledged", name)
		s.acknowledge(m, "")
	case n < 95:
		s.group()
	case n < 97:
		s.note("%s: its channels are deleted", name)
		for c := range m.history {
			_, err := s.relay().Stream.DeleteChannel(s.t.Context(), c, nil)
			must(s.t, err)
		}
		m.in, m.active, m.acked, m.kept = map[string]bool{}, false, "", ""
		clear(m.history)
		clear(m.ended)
		s.applied()
	default: // twice in one body
		a, b := s.current(m, false), s.current(m, false)
		if b.Status, b.EndsAt = alerts.Resolved, now; s.rnd.IntN(2) == 0 {
			a, b = b, a
		}
		a.ExternalURL, b.ExternalURL = m.ExternalURL, m.ExternalURL
		s.note("%s: %s and %s", name, a.Status, b.Status)
		// No faults: what the first of two says is not the same the second time.
		_, err := s.relay().Record(s.t.Context(), alerts.Batch{Source: "am", Alerts: []alerts.Alert{a, b}})
		must(s.t, err)
		m.takes(&a, now, s.wanted(&m.Alert))
		m.takes(&b, now, s.wanted(&m.Alert))
		if a.GroupKey != "" {
			s.leavesOut(0)
		}
	}
}

func (s *modelSender) note(format string, args ...any) {
	s.log = append(s.log, fmt.Sprintf(format, args...))
}

func (s *modelSender) acknowledge(m *modelAlert, by string) {
	var want error
	if !m.active {
		want = track.ErrNotActive
	}
	s.send(func(ctx context.Context, r *rig) error {
		var err error
		if by == "" {
			err = r.Unacknowledge(ctx, m.ID(), "", "")
		} else {
			err = r.Acknowledge(ctx, m.ID(), by, "")
		}
		if errors.Is(err, errFault) || want == nil && err == nil || want != nil && errors.Is(err, want) {
			if errors.Is(err, errFault) {
				return err
			}
			return nil
		}
		return fmt.Errorf("%s: %w", m.ID(), err)
	})
	switch {
	case !m.active || m.acked == by:
	case by == "":
		m.event("unacked")
	default:
		m.event("acked")
	}
	if m.active {
		m.acked = by
	}
}

// group is a notification of all that fires, with some left out.
func (s *modelSender) group() {
	now := s.clock.now()
	by := fmt.Sprint("http://am", s.rnd.IntN(2))
	batch := alerts.Batch{Source: "am", WholeGroup: true}
	var named, left []*modelAlert
	for _, m := range s.alerts {
		if m.Direct || !m.active {
			continue
		}
		a := s.current(m, s.rnd.IntN(20) == 0)
		a.ExternalURL = by
		switch s.rnd.IntN(8) {
		case 0: // not told of, and not because this member of the cluster is behind
			if m.told == by || now.Sub(m.lastHrd) >= copyWindow {
				left = append(left, m)
				continue
			}
		case 1:
			a.Status, a.EndsAt = alerts.Resolved, now
		}
		batch.Alerts, named = append(batch.Alerts, a), append(named, m)
	}
	if s.rnd.IntN(4) == 0 {
		batch.Truncated, batch.WholeGroup = 1+s.rnd.IntN(5), false
	}
	if len(batch.Alerts) == 0 {
		return
	}
	s.note("group by %s: %d, %d missing, %d left out", by, len(named), len(left), batch.Truncated)
	s.applied()
	s.send(func(ctx context.Context, r *rig) error {
		_, err := r.Record(ctx, batch)
		return err
	})
	for i, m := range named {
		m.takes(&batch.Alerts[i], now, s.wanted(&batch.Alerts[i]))
	}
	if batch.Truncated == 0 {
		for _, m := range left {
			m.missing()
		}
	}
	s.leavesOut(batch.Truncated)
}

func (r *modelRun) all(yield func(*modelAlert) bool) {
	for _, s := range r.senders {
		for _, m := range append(slices.Clone(s.alerts), &s.left) {
			if !yield(m) {
				return
			}
		}
	}
}

// pass lets time pass, and the relays find out what is stale.
func (r *modelRun) pass(d time.Duration) {
	r.clock.add(d)
	settle(r.t, r.relays[:]...)
	r.age()
}

func (r *modelRun) age() {
	listened := r.started[0]
	if r.started[1].Before(listened) {
		listened = r.started[1]
	}
	for m := range r.all {
		m.ages(r.clock.now(), listened)
	}
}

// happens is what concerns all alerts, at random.
func (r *modelRun) happens() string {
	switch r.rnd.IntN(7) {
	case 0:
		d := time.Duration(10+r.rnd.IntN(100)) * time.Second
		r.pass(d)
		return "time passes: " + d.String()
	case 1:
		d := 70*time.Minute + time.Duration(r.rnd.IntN(80))*time.Minute
		r.pass(d)
		return "much time passes: " + d.String()
	case 2:
		r.pass(40 * time.Second)
		r.routes = (r.routes + 1 + r.rnd.IntN(2)) % 3
		for _, relay := range r.relays {
			relay.Configure(modelRoutes(r.t, r.routes))
		}
		for m := range r.all {
			if m.Source != alerts.OwnSource {
				m.moves(r.wanted(&m.Alert))
			}
		}
		relaytest.Eventually(r.t, "all alerts have moved", func() bool { return r.differences() == "" })
		return fmt.Sprint("other routes: ", r.routes)
	case 3:
		return r.crashes()
	case 4:
		must(r.t, r.js.DeleteStream(r.t.Context(), "KV_"+feed.BucketName))
		relaytest.Eventually(r.t, "the bucket is there again", func() bool {
			_, err := r.js.KeyValue(r.t.Context(), feed.BucketName)
			return err == nil
		})
		relaytest.Eventually(r.t, "the bucket is mended", func() bool {
			r.pass(6 * time.Second)
			n := 0
			for m := range r.all {
				n += len(m.in)
			}
			return len(records(r.t, r.js)) == n
		})
		return "the bucket is deleted"
	case 5:
		i := r.rnd.IntN(2)
		r.relays[i].Stop()
		r.begin(i)
		return "a relay is started again"
	default:
		return r.loses()
	}
}

// crashes: a relay ends before it has written to the bucket what it has stored.
func (r *modelRun) crashes() string {
	s := r.senders[r.rnd.IntN(len(r.senders))]
	m := s.alerts[r.rnd.IntN(len(s.alerts))]
	a := s.current(m, false)
	if r.rnd.IntN(2) == 0 {
		a.Status, a.EndsAt = alerts.Resolved, r.clock.now()
	}
	i := r.rnd.IntN(2)
	f := &faults{}
	f.putsFail.Store(1 << 30)
	_, err := r.relays[i].Record(f.with(r.t.Context()), alerts.Batch{Source: "am", Alerts: []alerts.Alert{a}})
	if err != nil && !errors.Is(err, errFault) {
		r.t.Error(err)
	}
	m.takes(&a, r.clock.now(), r.wanted(&m.Alert))
	if a.GroupKey != "" && err == nil {
		s.leavesOut(0)
	}
	r.relays[i].Stop()
	if r.rnd.IntN(2) == 0 {
		for range 2 { // the other one finds out
			settle(r.t, r.relays[1-i])
			r.clock.add(6 * time.Second)
		}
		settle(r.t, r.relays[1-i])
	}
	r.begin(i)
	settle(r.t, r.relays[:]...)
	if a.Direct {
		a.ExpiresAt = r.clock.now().Add(4*time.Minute + 30*time.Second)
	}
	s.report(m, a)
	r.age()
	return fmt.Sprintf("relay %d crashes: %s is %s", i, m.Labels["alertname"], a.Status)
}

// loses: the log loses the events of an alert, while no relay runs.
func (r *modelRun) loses() string {
	s := r.senders[r.rnd.IntN(len(r.senders))]
	m := s.alerts[r.rnd.IntN(len(s.alerts))]
	stream, err := r.js.Stream(r.t.Context(), "ALERTS")
	must(r.t, err)
	for _, relay := range r.relays {
		relay.Stop()
	}
	for c := range m.history {
		must(r.t, stream.Purge(r.t.Context(), jetstream.WithPurgeSubject("alerts."+c)))
	}
	clear(m.history)
	clear(m.ended)
	m.event(string(m.status))
	r.begin(0)
	r.begin(1)
	return m.Labels["alertname"] + " is lost from the log"
}

// differences says what of the log and of what the relays show is not what the
// model says.
func (r *modelRun) differences() string {
	var d []string
	got := make(map[string][]string)
	msgs, err := r.relays[0].Stream.Archive(r.t.Context(), relay.ArchiveQuery{Channel: ">"})
	must(r.t, err)
	for _, m := range msgs {
		e, err := alerts.ParseEvent(m.Text)
		must(r.t, err)
		got[m.Channel] = append(got[m.Channel], string(e.Kind))
	}
	active := make(map[string]*modelAlert)
	for m := range r.all {
		for c, want := range m.history {
			if !slices.Equal(got[c], want) {
				d = append(d, fmt.Sprintf("%s: the log has\n\t%v, want\n\t%v", c, got[c], want))
			}
			delete(got, c)
		}
		if m.active {
			active[m.ID()] = m
		}
	}
	for c, kinds := range got {
		d = append(d, fmt.Sprintf("%s: the log has %v, want nothing", c, kinds))
	}
	for i, relay := range r.relays {
		list := relay.current(track.Query{})
		if len(list) != len(active) {
			d = append(d, fmt.Sprintf("relay %d shows %d alerts, want %d", i, len(list), len(active)))
		}
		for _, c := range list {
			m := active[c.ID]
			if m == nil {
				d = append(d, fmt.Sprintf("relay %d shows %s, which is not active", i, c.Labels["alertname"]))
				continue
			}
			ack, kept := "", ""
			if c.Ack != nil {
				ack = c.Ack.By
			}
			if s := c.Suppression; s != nil {
				if kept = s.ID; s.Kind == alerts.MissingFromGroup {
					kept = s.Kind
				}
			}
			slices.Sort(c.Channels)
			in := slices.Sorted(maps.Keys(m.in))
			if c.Status != m.status || ack != m.acked || kept != m.kept || !slices.Equal(c.Channels, in) ||
				m.Source != alerts.OwnSource && !c.StartsAt.Equal(m.starts) {
				d = append(d, fmt.Sprintf("relay %d shows %s %s %q %q %s %v, want %s %q %q %s %v", i, c.Labels["alertname"],
					c.Status, ack, kept, c.StartsAt, c.Channels, m.status, m.acked, m.kept, m.starts, in))
			}
		}
	}
	return strings.Join(d, "\n")
}

// check compares everything.
func (r *modelRun) check() {
	r.t.Helper()
	if d := r.differences(); d != "" {
		r.t.Error(d)
	}
	agree(r.t, r.js, r.relays[:]...)
	heard := records(r.t, r.js)
	for m := range r.all {
		if m.Source == alerts.OwnSource {
			continue
		}
		for c := range m.in {
			if got := heard[c]; !got.LastSeen.Equal(m.lastHrd) || !got.StaleAt.Equal(m.stale) || !got.ExpiresAt.Equal(m.expires) {
				r.t.Errorf("%s: the bucket has %s, stale %s, expires %s; want %s, %s, %s", c, got.LastSeen, got.StaleAt, got.ExpiresAt, m.lastHrd, m.stale, m.expires)
			}
		}
	}
	// The relays hear of the bucket a moment later.
	relaytest.Eventually(r.t, "the relays know what the bucket has", func() bool {
		for _, relay := range r.relays {
			for _, c := range relay.current(track.Query{}) {
				if !c.LastSeen.Equal(heard[c.Channel].LastSeen) {
					return false
				}
			}
		}
		return true
	})
}

// Senders report at random to two relays, each alert by one sender. What becomes of
// it must be what the model says.
func TestModel(t *testing.T) {
	r := newModelRun(t, 4, 8)
	for round := range *modelRounds {
		what := r.happens()
		var wg sync.WaitGroup
		for _, s := range r.senders {
			s.log = nil
			wg.Go(func() {
				for range 40 {
					s.step()
				}
			})
		}
		wg.Wait()
		r.pass(7 * time.Second)
		r.pass(7 * time.Second)
		if r.check(); t.Failed() {
			t.Errorf("round %d: %s", round, what)
			for i, s := range r.senders {
				t.Logf("sender %d:\n%s", i, strings.Join(s.log, "\n"))
			}
			return
		}
	}
}

// follows are the kinds that may come after another in a channel.
func follows(before, kind string) bool {
	active := before != "" && before != "resolved" && before != "expired" && before != "moved"
	return (kind != "firing") == active
}

// Senders report at random of the same alerts, at once. What becomes of them is not
// known, but it makes sense and all relays say the same.
func TestModelAtOnce(t *testing.T) {
	r := newModelRun(t, 1, 6)
	first := r.senders[0]
	for i := range 5 { // they know nothing of each other, and their models are wrong
		s := &modelSender{modelRun: r, rnd: rand.New(rand.NewPCG(r.rnd.Uint64(), uint64(i))), receiver: first.receiver, left: first.left}
		s.left.in, s.left.history, s.left.ended = map[string]bool{}, map[string][]string{}, map[string]modelEnd{}
		for _, m := range first.alerts {
			s.alerts = append(s.alerts, &modelAlert{
				Alert: m.Alert, in: map[string]bool{}, history: map[string][]string{}, ended: map[string]modelEnd{},
			})
		}
		r.senders = append(r.senders, s)
	}
	for range *modelRounds {
		var wg sync.WaitGroup
		for _, s := range r.senders {
			wg.Go(func() {
				for range 25 {
					s.stepAtOnce()
				}
			})
		}
		wg.Wait()
		i := r.rnd.IntN(2)
		switch r.rnd.IntN(4) {
		case 0:
			r.clock.add(80 * time.Minute)
		case 1:
			r.relays[i].Stop()
			r.begin(i)
		case 2:
			r.routes = r.rnd.IntN(2)
			for _, relay := range r.relays {
				relay.Configure(modelRoutes(t, r.routes))
			}
		}
		for range 2 {
			settle(t, r.relays[:]...)
			r.clock.add(6 * time.Second)
		}
		if r.atRest(); t.Failed() {
			return
		}
	}
}

// stepAtOnce is step without what is expected of one who is alone.
func (s *modelSender) stepAtOnce() {
	m := s.alerts[s.rnd.IntN(len(s.alerts))]
	now := s.clock.now()
	var batch alerts.Batch
	switch n := s.rnd.IntN(10); {
	case n < 4:
		batch.Alerts = []alerts.Alert{s.current(m, s.rnd.IntN(10) == 0)}
	case n < 7:
		a := s.current(m, false)
		a.Status, a.EndsAt = alerts.Resolved, now
		batch.Alerts = []alerts.Alert{a}
	case n < 8:
		by := []string{"", "p"}[s.rnd.IntN(2)]
		do := s.relay().Unacknowledge
		if by != "" {
			do = s.relay().Acknowledge
		}
		if err := do(s.t.Context(), m.ID(), by, ""); err != nil && !errors.Is(err, track.ErrNotActive) {
			s.t.Error(err)
		}
		return
	default:
		batch.WholeGroup = true
		for _, m := range s.alerts {
			if !m.Direct && s.rnd.IntN(2) == 0 {
				batch.Alerts = append(batch.Alerts, s.current(m, false))
			}
		}
		if len(batch.Alerts) == 0 {
			return
		}
	}
	batch.Source = "am"
	s.send(func(ctx context.Context, r *rig) error {
		_, err := r.Record(ctx, batch)
		return err
	})
}

func (r *modelRun) atRest() {
	r.t.Helper()
	relaytest.Eventually(r.t, "nothing is in two channels", func() bool {
		settle(r.t, r.relays[:]...)
		for _, c := range r.relays[0].current(track.Query{}) {
			if len(c.Channels) > 1 {
				return false
			}
		}
		return true
	})
	repaired(r.t, r.clock, r.js, r.relays[:]...)
	before := make(map[string]string)
	msgs, err := r.relays[0].Stream.Archive(r.t.Context(), relay.ArchiveQuery{Channel: ">"})
	must(r.t, err)
	for _, m := range msgs {
		e, err := alerts.ParseEvent(m.Text)
		must(r.t, err)
		if kind := string(e.Kind); !follows(before[m.Channel], kind) {
			r.t.Errorf("%s: event %d is %s after %q", m.Channel, m.Seq, kind, before[m.Channel])
		}
		before[m.Channel] = string(e.Kind)
	}
	a, _, err := r.relays[0].List(track.Query{})
	must(r.t, err)
	b, _, err := r.relays[1].List(track.Query{})
	must(r.t, err)
	if !slices.EqualFunc(a, b, func(a, b track.Current) bool { return a.ID == b.ID && a.Seq == b.Seq && a.Status == b.Status }) {
		r.t.Errorf("got\n%+v\n%+v", a, b)
	}
}
