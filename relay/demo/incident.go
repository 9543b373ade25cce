package demo

import "time"

// scenario is an incident: one cause, and what comes of it.
type scenario struct {
	// first warns, root is the cause, and then come the others.
	first, root string
	then        []consequence
	comment     string // of who takes the root in hand
	inhibits    string // the alert that the root keeps back
}

// consequence is an alert that fires in many places.
type consequence struct {
	name  string
	after time.Duration // the root
	share float64       // of Options.Alerts; at least one
	over  time.Duration // they do not begin at once
}

var scenarios = []scenario{
	{
		first: "ReplicationLag", root: "PostgresPrimaryDown", comment: "failing over to db-02", inhibits: "LatencyHigh",
		then: []consequence{
			{"ConnectionPoolExhausted", 20 * time.Second, 0.12, time.Minute},
			{"SlowQueries", 30 * time.Second, 0.08, time.Minute},
			{"HTTPErrorRate", 50 * time.Second, 0.2, 2 * time.Minute},
			{"CheckoutFailing", 80 * time.Second, 0.02, 0},
			{"LatencyHigh", 90 * time.Second, 0.2, 3 * time.Minute},
			{"PaymentLatency", 2 * time.Minute, 0.1, 2 * time.Minute},
			{"QueueBacklog", 3 * time.Minute, 0.2, 4 * time.Minute},
			{"PodCrashLooping", 4 * time.Minute, 0.15, 3 * time.Minute},
		},
	},
	{
		first: "PacketLoss", root: "SwitchDown", comment: "on the way to the data center", inhibits: "HostUnreachable",
		then: []consequence{
			{"HostUnreachable", 15 * time.Second, 0.5, time.Minute},
			{"BGPPeerDown", 25 * time.Second, 0.05, time.Minute},
			{"KubeNodeNotReady", time.Minute, 0.25, 2 * time.Minute},
			{"HTTPErrorRate", 90 * time.Second, 0.1, 2 * time.Minute},
			{"PaymentLatency", 2 * time.Minute, 0.08, time.Minute},
			{"QueueBacklog", 4 * time.Minute, 0.1, 3 * time.Minute},
		},
	},
	{
		first: "MemoryPressure", root: "KubeAPIDown", comment: "restoring etcd", inhibits: "DeploymentStuck",
		then: []consequence{
			{"KubeNodeNotReady", 40 * time.Second, 0.4, 3 * time.Minute},
			{"PodCrashLooping", time.Minute, 0.25, 4 * time.Minute},
			{"DeploymentStuck", 2 * time.Minute, 0.2, 3 * time.Minute},
			{"QueueBacklog", 3 * time.Minute, 0.2, 4 * time.Minute},
			{"LatencyHigh", 4 * time.Minute, 0.1, 3 * time.Minute},
		},
	},
}

// warned is how long before the cause the first sign is.
const warned = 2 * time.Minute

func (s *Sim) ruleOf(name string) *rule {
	for _, r := range s.rules {
		if r.name == name {
			return r
		}
	}
	panic("demo: no rule " + name) // it is part of the program
}

// incident has a scenario happen, from its first sign to its end.
func (s *Sim) incident(n int) {
	c := &scenarios[n%len(scenarios)]
	no := new(int)
	length := s.between(20*time.Minute, 35*time.Minute)
	ends := s.now + warned + length
	r := s.ruleOf(c.first)
	if a := s.fire(r, r.on[0], no); a != nil {
		s.endAfter(a, warned+length+s.between(0, 3*time.Minute))
	}
	s.after(warned, func() {
		r := s.ruleOf(c.root)
		root := s.fire(r, r.on[0], no)
		if root == nil {
			return
		}
		s.endAfter(root, ends-s.now)
		s.ackAfter(root, s.between(3*time.Minute, 5*time.Minute), c.comment)
		for _, t := range c.then {
			s.spread(t, ends, no)
		}
		s.after(8*time.Minute, func() { s.inhibit(root, c.inhibits) })
	})
}

// spread has a consequence fire in several places, until a while after the end.
func (s *Sim) spread(c consequence, ends time.Duration, no *int) {
	r := s.ruleOf(c.name)
	n := min(max(1, int(c.share*float64(s.o.Alerts))), len(r.on))
	for _, i := range s.rnd.Perm(len(r.on))[:n] {
		begins := c.after + time.Duration(s.rnd.Int64N(int64(c.over)+1))
		lasts := s.between(10*time.Second, 6*time.Minute)
		s.after(begins, func() {
			if a := s.fire(r, r.on[i], no); a != nil {
				s.endAfter(a, max(ends-s.now+lasts, minLife))
				if r.severity == critical && s.rnd.IntN(4) == 0 {
					s.ackAfter(a, s.between(2*time.Minute, 8*time.Minute), "")
				}
			}
		})
	}
}

// inhibit has the cause keep back some of what comes of it.
func (s *Sim) inhibit(root *alert, name string) {
	if s.firing[root.id()] != root {
		return
	}
	for i, a := range s.order {
		if a.rule.name == name && a.sent && a.muted == nil && a.group != nil && i%2 == 0 {
			s.silenceOne(a, &muting{inhibitor: root})
			s.notifySoon(a.group)
		}
	}
}

// incidentAgain has one incident after another happen in the present.
func (s *Sim) incidentAgain(n int) {
	s.incident(n)
	s.after(max(s.inPresent(8*time.Minute), time.Hour), func() { s.incidentAgain(n + 1) })
}
