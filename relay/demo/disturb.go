package demo

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"
)

// flap has an alert come and go for a while.
func (s *Sim) flap() {
	var flapping []*rule
	for _, r := range s.rules {
		if r.flaps {
			flapping = append(flapping, r)
		}
	}
	r := flapping[s.rnd.IntN(len(flapping))]
	s.flapOnce(r, r.on[s.rnd.IntN(len(r.on))], 4+s.rnd.IntN(6))
	s.after(s.between(20*time.Minute, 40*time.Minute), s.flap)
}

func (s *Sim) flapOnce(r *rule, at place, times int) {
	if a := s.fire(r, at, nil); a != nil {
		s.endAfter(a, s.between(40*time.Second, 100*time.Second))
	}
	if times > 1 {
		s.after(s.between(150*time.Second, 200*time.Second), func() { s.flapOnce(r, at, times-1) })
	}
}

// mute has somebody silence something from time to time.
func (s *Sim) mute() {
	s.silenceOneGroup()
	s.after(s.between(25*time.Minute, 50*time.Minute), s.mute)
}

// silenceOneGroup has somebody silence an alert and those like it.
func (s *Sim) silenceOneGroup() {
	var candidates []*alert
	for _, a := range s.order {
		if a.rule.source == sourceAM && a.sent && a.muted == nil && a.incident == nil && !a.acked && !a.rule.flaps && s.now-a.began > time.Minute {
			candidates = append(candidates, a)
		}
	}
	if len(candidates) == 0 {
		return
	}
	g := candidates[s.rnd.IntN(len(candidates))].group
	length := s.between(20*time.Minute, 60*time.Minute)
	by := people[s.rnd.IntN(len(people))]
	comments := []string{"Planned maintenance, see CHG-%d", "Known, the fix is rolled out tomorrow (OPS-%d)", "Test of the new hardware, OPS-%d", "Waiting for the vendor, case %d"}
	m := &muting{
		id: silenceID(s.rnd), by: by, until: s.wall(s.now + length),
		comment: fmt.Sprintf(comments[s.rnd.IntN(len(comments))], 4000+s.rnd.IntN(900)),
	}
	for _, a := range g.firing {
		if a.sent && a.muted == nil {
			s.silenceOne(a, m)
		}
	}
	s.notifySoon(g)
	s.after(length, func() {
		for _, a := range slices.Clone(g.firing) {
			if a.muted == m {
				s.unmute(a)
			}
		}
	})
}

func (s *Sim) silenceOne(a *alert, m *muting) {
	a.muted = m
	s.recorder(a.rule.source, recorderMuted(a, s.wall(s.now)))
}

func (s *Sim) unmute(a *alert) {
	a.muted = nil
	s.notifySoon(a.group)
}

func silenceID(r *rand.Rand) string {
	return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x", r.Uint32(), r.Uint32()&0xffff, r.Uint32()&0xfff, r.Uint32()&0x3fff|0x8000, r.Uint64()&0xffffffffffff)
}

// maybeAck has somebody take an alert in hand after a while: most of what is
// critical, little of the rest.
func (s *Sim) maybeAck(a *alert) {
	chance := map[string]float64{critical: 0.6, warning: 0.12}[a.rule.severity]
	if s.rnd.Float64() < chance {
		s.ackAfter(a, s.between(time.Minute, 6*time.Minute), "")
	}
}

// ackAfter acknowledges an alert, if it still fires then.
func (s *Sim) ackAfter(a *alert, d time.Duration, comment string) {
	by := people[s.rnd.IntN(len(people))]
	if comment == "" {
		comment = []string{"looking", "on it", "known, a fix is on its way", "", "rebooting it"}[s.rnd.IntN(5)]
	}
	s.after(d, func() {
		if s.firing[a.id()] != a || !a.sent || a.muted != nil || a.acked || a.rule.source == sourceEdge {
			return
		}
		a.acked = true
		s.out = append(s.out, Request{At: s.wall(s.now), Path: "/api/v1/alerts/" + a.id() + "/ack", Body: acknowledgement(by, comment), Of: 1})
	})
}

// silenceEdge has the far site say nothing for a while, so that its alerts are
// stale and it is missed. In the past the relay gets a moment to notice.
func (s *Sim) silenceEdge() {
	s.repeatEdgeNow() // from here on all its alerts age alike
	s.gone = true
	look := func() { s.out = append(s.out, Request{At: s.wall(s.now)}) }
	if s.now < s.o.Past {
		s.after(edgeNoticed, look)
	}
	s.after(s.short(edgeGone), func() {
		s.gone = false
		s.repeatEdgeNow()
		if s.now < s.o.Past {
			s.after(time.Second, look)
		}
	})
}

func (s *Sim) repeatEdgeNow() {
	for _, key := range slices.Sorted(maps.Keys(s.groups)) {
		if g := s.groups[key]; g.source == sourceEdge && len(g.firing)+len(g.ended) > 0 {
			s.notify(g)
		}
	}
}

func (s *Sim) silenceEdgeAgain() {
	s.silenceEdge()
	s.after(s.inPresent(12*time.Minute), s.silenceEdgeAgain)
}
