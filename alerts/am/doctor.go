package am

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"alertrelay/alerts"
)

// Level says what somebody has to do about an Advice.
type Level string

// The levels.
const (
	Good   Level = "ok"
	Note   Level = "note"
	Change Level = "change"
)

// Advice is a line about an Alertmanager's configuration.
type Advice struct {
	Level Level
	Text  string
}

// DoctorOptions say what is looked for.
type DoctorOptions struct {
	// Relay is the relay's URL, as the Alertmanager reaches it. Empty: it is known
	// by the path of its address, and http://127.0.0.1:8080 is what is proposed.
	Relay string
	// Source is the name of the source; empty means that of the address, or "am".
	Source string
	// Receiver is the name of the relay's receiver; empty means that it is looked
	// for. It is needed if the Alertmanager hides addresses, as it does from 0.26
	// on, and the name has no "relay" in it.
	Receiver string
}

// check gives the relay's address, nil if there is none.
func (o *DoctorOptions) check() (relay *url.URL, err error) {
	if o.Source != "" && !alerts.IsID(o.Source+"-0000000000000000") {
		return nil, &InvalidError{fmt.Errorf("am: Source: %.40q must be 1 to 16 of a-z, 0-9 and _", o.Source)}
	}
	if o.Relay == "" {
		return nil, nil
	}
	relay, err = url.Parse(o.Relay)
	if err != nil || relay.Scheme != "http" && relay.Scheme != "https" || relay.Hostname() == "" || relay.User != nil {
		return nil, &InvalidError{fmt.Errorf("am: Relay: is no URL without a user; write it as %s", defaultRelay)}
	}
	return relay, nil
}

// Report is what the doctor says.
type Report struct {
	Advice []Advice
	// Alertmanager and Relay are YAML to paste into alertmanager.yml and
	// alertrelay.yaml.
	Alertmanager, Relay string
}

// Changes is how many things should be changed.
func (r *Report) Changes() int {
	n := 0
	for _, a := range r.Advice {
		if a.Level == Change {
			n++
		}
	}
	return n
}

// Write writes it for people.
func (r *Report) Write(w io.Writer) error {
	var b strings.Builder
	for _, a := range r.Advice {
		fmt.Fprintf(&b, "%-7s %s\n", a.Level, a.Text)
	}
	fmt.Fprintf(&b, "\nFor alertmanager.yml:\n\n%s\nFor alertrelay.yaml:\n\n%s", r.Alertmanager, r.Relay)
	_, err := io.WriteString(w, b.String())
	return err
}

// Examine asks every member of o, and says what its configuration should have.
// Errors: *InvalidError, which names the option, ErrUnreachable if no member has
// answered.
func Examine(ctx context.Context, o Options, d DoctorOptions) (Report, error) {
	all, err := NewClient(o)
	if err != nil {
		return Report{}, &InvalidError{err}
	}
	if _, err := d.check(); err != nil {
		return Report{}, err
	}
	var answers []Status
	var silent []error
	for _, member := range all.members {
		s, err := all.status(ctx, member)
		if err != nil {
			silent = append(silent, err)
			continue
		}
		answers = append(answers, s)
	}
	if len(answers) == 0 {
		return Report{}, fmt.Errorf("%w: %w", ErrUnreachable, oneLine(silent))
	}
	r, err := Diagnose(&answers[0], all.members, d)
	if err != nil {
		return Report{}, fmt.Errorf("am: %s: %w", answers[0].Member, err)
	}
	for _, err := range silent {
		r.add(Change, "%s", err)
	}
	for i := range answers[1:] {
		if s := &answers[i+1]; s.Config != answers[0].Config {
			r.add(Change, "%s has another configuration than %s; members of a cluster should have the same", s.Member, answers[0].Member)
		}
	}
	return r, nil
}

func (r *Report) add(level Level, format string, args ...any) {
	r.Advice = append(r.Advice, Advice{level, fmt.Sprintf(format, args...)})
}

const (
	inputPath     = "/in/alertmanager/"
	defaultRelay  = "http://127.0.0.1:8080"
	defaultSource = "am"
	defaultName   = "relay" // of the receiver

	minWebhookTimeout = 10 * time.Second
	maxRepeat         = time.Hour
	maxGroupInterval  = time.Minute
	maxGroupWait      = 10 * time.Second
)

// The intervals that are proposed.
const (
	goodWait     = time.Second
	goodInterval = 15 * time.Second
	goodRepeat   = 5 * time.Minute
)

// Diagnose says what the configuration of a member should have. members are the
// URLs for the relay's api. Errors: *InvalidError, which names the option; another
// means that the configuration cannot be read.
func Diagnose(s *Status, members []string, o DoctorOptions) (Report, error) {
	c, err := parseConfig(s.Config)
	if err != nil {
		return Report{}, fmt.Errorf("its configuration %w", err)
	}
	d := &doctor{config: c, opts: o, version: parseVersion(s.Version)}
	if d.relay, err = o.check(); err != nil {
		return Report{}, err
	}
	d.member(s, members)
	name, w := d.find()
	if w != nil {
		d.webhook(name, w)
		d.routes(name)
	}
	d.Alertmanager, d.Relay = d.receiverBlock(name), d.sourcesBlock(members, w)
	return d.Report, nil
}

// doctor collects a Report.
type doctor struct {
	Report
	config  amConfig
	opts    DoctorOptions
	relay   *url.URL // nil if not given
	version version
	source  string // of the address; empty if not known
	// repeat and interval are those of the relay's route.
	repeat, interval time.Duration
}

// version is that of an Alertmanager; zero if it is not known.
type version [3]int

func parseVersion(s string) version {
	var v version
	for i, part := range strings.SplitN(strings.TrimPrefix(s, "v"), ".", 3) {
		digits := part[:len(part)-len(strings.TrimLeft(part, "0123456789"))]
		n, err := strconv.Atoi(digits)
		if err != nil {
			return version{}
		}
		v[i] = n
	}
	return v
}

func (v version) atLeast(major, minor, patch int) bool {
	return slices.Compare(v[:], []int{major, minor, patch}) >= 0
}

// member says what there is to say of the member itself.
func (d *doctor) member(s *Status, members []string) {
	d.add(Good, "Alertmanager %s answers at %s, up for %s", orUnknown(s.Version), s.Member, short(s.Uptime().Round(time.Second)))
	if d.version == (version{}) {
		d.add(Note, "its version is not known, so what it can do is not either")
	} else if !d.version.atLeast(0, 25, 0) {
		d.add(Note, "versions before 0.25 are not tested with the relay")
	}
	if d.version.atLeast(0, 33, 0) {
		d.add(Note, "it can report events too (from 0.33 on, --enable-feature=event-recorder, off by default), also of silenced alerts; the relay's api: makes that unnecessary")
	}
	if d.version.atLeast(0, 34, 2) {
		d.add(Note, "from 0.34.2 on, browsers of other sites may not read its API (no CORS headers); pages that did can read the relay")
	}
	switch n := len(s.Peers); {
	case n > len(members):
		d.add(Note, "its cluster has %d members: name the URL of each in api:, and give all of them the same source", n)
	case n > 1:
		d.add(Good, "its cluster has %d members, and all of them are named", n)
	}
	if s.Cluster == "settling" {
		d.add(Note, "its cluster is still settling")
	}
}

func orUnknown(s string) string {
	if s == "" {
		return "(unknown version)"
	}
	return s
}

// find looks for the relay's receiver.
func (d *doctor) find() (name string, w *amWebhook) {
	type candidate struct {
		receiver string
		hook     *amWebhook
	}
	var ours, named []candidate
	var hidden []string
	for i := range d.config.Receivers {
		r := &d.config.Receivers[i]
		for j := range r.Webhooks {
			hook := candidate{r.Name, &r.Webhooks[j]}
			switch {
			case d.opts.Receiver != "":
				if r.Name == d.opts.Receiver {
					ours = append(ours, hook)
				}
			case d.isRelay(hook.hook):
				ours = append(ours, hook)
			case hook.hook.hidden():
				hidden = append(hidden, r.Name)
				if strings.Contains(strings.ToLower(r.Name), "relay") {
					named = append(named, hook)
				}
			}
		}
	}
	switch {
	case len(ours) > 1:
		d.add(Change, "%d webhooks post to the relay (receivers %s): everything comes more than once; keep one", len(ours), ours[0].receiver+", "+ours[1].receiver)
		return ours[0].receiver, ours[0].hook
	case len(ours) == 1:
		d.add(Good, "receiver %q posts to the relay", ours[0].receiver)
		return ours[0].receiver, ours[0].hook
	case d.opts.Receiver != "":
		d.add(Change, "there is no receiver %q with a webhook", d.opts.Receiver)
	case len(named) == 1:
		d.add(Note, "receiver %q is taken for the relay's because of its name: this version hides addresses; --receiver names another", named[0].receiver)
		return named[0].receiver, named[0].hook
	case len(hidden) > 0:
		d.add(Change, "no receiver is known to be the relay's: this version hides the addresses of %s; name the relay's with --receiver, or add the one below", strings.Join(hidden, ", "))
	default:
		d.add(Change, "no receiver posts to the relay; add the one below")
	}
	return "", nil
}

// isRelay reports whether an address is the relay's.
func (d *doctor) isRelay(w *amWebhook) bool {
	u, err := url.Parse(w.URL)
	if err != nil || w.hidden() {
		return false
	}
	if d.relay != nil {
		return u.Host == d.relay.Host
	}
	return strings.Contains(u.Path, inputPath)
}

// webhook looks at the receiver.
func (d *doctor) webhook(name string, w *amWebhook) {
	if u, err := url.Parse(w.URL); err == nil && !w.hidden() {
		_, source, ok := strings.Cut(u.Path, inputPath)
		switch {
		case !ok || source == "" || strings.Contains(source, "/"):
			d.add(Change, "receiver %q posts to %s; the path is %sNAME, with the name of the source", name, u.Redacted(), inputPath)
		case d.opts.Source != "" && source != d.opts.Source:
			d.add(Change, "receiver %q posts as source %q, and not %q", name, source, d.opts.Source)
		default:
			d.source = source
			d.add(Good, "it posts as source %q", source)
		}
	}
	if w.SendResolved != nil && !*w.SendResolved {
		d.add(Change, "receiver %q: send_resolved is false: no alert would ever leave the screens in time; set it to true", name)
	} else {
		d.add(Good, "send_resolved is true")
	}
	if w.MaxAlerts > 0 {
		d.add(Change, "receiver %q: max_alerts is %d: firing alerts are cut off too; set it to 0", name, w.MaxAlerts)
	} else {
		d.add(Good, "max_alerts is 0: no alert is left out")
	}
	if w.Payload != nil {
		d.add(Change, "receiver %q: payload: makes a body that the relay does not know; leave it out", name)
	}
	switch timeout, err := time.ParseDuration(w.Timeout); {
	case !d.version.atLeast(0, 28, 0):
		d.add(Note, "timeout: is possible from 0.28 on; then set it to %s", short(minWebhookTimeout))
	case w.Timeout == "" || err == nil && timeout == 0:
		d.add(Change, "receiver %q: timeout is missing: a connection that hangs holds a group back for its whole group_interval; set it to %s", name, short(minWebhookTimeout))
	case err != nil || timeout < minWebhookTimeout:
		d.add(Change, "receiver %q: timeout is %s: a relay that takes a moment gets everything twice; set it to %s", name, w.Timeout, short(minWebhookTimeout))
	default:
		d.add(Good, "timeout is %s", short(timeout))
	}
	if !w.shows() {
		d.add(Note, "it shows no credentials; if the relay should ask for some, set http_config and sources.%s.auth", d.sourceName())
	}
}

// routes looks at how alerts come to the receiver.
func (d *doctor) routes(name string) {
	found := d.config.routesTo(name)
	if len(found) == 0 {
		d.add(Change, "no route names receiver %q, so it gets nothing; add the route below", name)
		return
	}
	if len(found) > 1 {
		d.add(Note, "%d routes name receiver %q: an alert that two of them match comes twice, which does no harm", len(found), name)
	}
	d.repeat, d.interval = found[0].repeat, found[0].interval
	for i := range found {
		d.route(&found[i])
	}
}

func (d *doctor) route(r *routeTo) {
	switch {
	case r.badDuration != "":
		d.add(Change, "%s: %s is no duration", r.place, r.badDuration)
	case r.root && r.routes > 0:
		d.add(Change, "%s: the relay is the receiver of the top route, so it gets only what no route below it matches; add the route below as the first", r.place)
	case r.behind != "" && r.behindAll:
		d.add(Change, "%s: gets nothing, because %s before it matches everything and has no continue; make the relay's the first route, with continue: true", r.place, r.behind)
	case r.behind != "":
		d.add(Change, "%s: does not get what %s before it matches, which has no continue; make the relay's the first route, with continue: true", r.place, r.behind)
	case r.keeps:
		d.add(Change, "%s: has no continue, so the routes after it do not get what it matches; set continue: true", r.place)
	default:
		d.add(Good, "%s: no other route takes alerts away from it, nor it from others", r.place)
	}
	if len(r.matchers) > 0 {
		d.add(Note, "%s: only alerts with %s come to the relay", r.place, strings.Join(r.matchers, ", "))
	}
	if r.muted {
		d.add(Change, "%s: time intervals keep alerts back without a word to the relay; leave them out for it", r.place)
	}
	stale, expired := lifetimes(r.repeat, r.interval)
	goodStale, goodExpired := lifetimes(goodRepeat, goodInterval)
	switch {
	case r.repeat > maxRepeat:
		d.add(Change, "%s: repeat_interval is %s: an alert of which nothing more is heard is stale after %s, and expires after %s; with %s and a group_interval of %s that is %s and %s",
			r.place, short(r.repeat), short(stale), short(expired), short(goodRepeat), short(goodInterval), short(goodStale), short(goodExpired))
	default:
		d.add(Good, "%s: repeat_interval is %s: an alert of which nothing more is heard is stale after %s, and expires after %s", r.place, short(r.repeat), short(stale), short(expired))
	}
	if r.interval > maxGroupInterval {
		d.add(Change, "%s: group_interval is %s: what changes in a group, a resolve too, is told that much later; set it to %s", r.place, short(r.interval), short(goodInterval))
	} else {
		d.add(Good, "%s: group_interval is %s", r.place, short(r.interval))
	}
	if r.wait > maxGroupWait {
		d.add(Note, "%s: group_wait is %s: a new alert is told that much later; %s is enough for the relay", r.place, short(r.wait), short(goodWait))
	}
	if !slices.Equal(r.groupBy, []string{"..."}) {
		d.add(Note, "%s: alerts come in groups; with group_by: ['...'] no alert waits for another", r.place)
	}
}

// lifetimes are after what time an alert is stale and expired, as the relay
// reckons it.
func lifetimes(repeat, interval time.Duration) (stale, expired time.Duration) {
	return ((repeat + interval) * 11 / 10).Round(time.Second), 2*repeat + interval
}

// short is "4h30m" for "4h30m0s".
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
