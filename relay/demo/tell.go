package demo

import (
	"maps"
	"slices"
	"time"
)

// changed has the sender of an alert notify.
func (s *Sim) changed(a *alert) {
	if a.group == nil {
		s.prom = append(s.prom, a)
		if !s.promSet {
			s.promSet = true
			s.after(evalInterval, s.evaluate)
		}
		return
	}
	g := a.group
	if a.endsAt.IsZero() {
		g.firing = append(g.firing, a)
		g.ended = slices.DeleteFunc(g.ended, func(o *alert) bool { return o.id() == a.id() })
	} else {
		g.firing = slices.DeleteFunc(g.firing, func(o *alert) bool { return o == a })
		switch {
		case a.muted != nil && a.sent: // Alertmanager tells the event recorder only
			s.recorder(g.source, recorderResolved(a, s.wall(s.now)))
		case a.sent:
			g.ended = append(g.ended, a)
		}
	}
	s.notifySoon(g)
}

func (s *Sim) notifySoon(g *group) {
	if g.pending {
		return
	}
	g.pending = true
	wait := groupInterval
	if !g.notified {
		wait = groupWait
		g.notified = true
		s.after(wait+s.repeatOf(g), func() { s.repeat(g) })
	}
	s.after(wait, func() { s.notify(g) })
}

func (s *Sim) repeatOf(g *group) time.Duration {
	if g.source == sourceEdge {
		return s.short(repeatEdge * 4 / 5)
	}
	return repeatAM * 4 / 5
}

// repeat notifies of a group again, until nothing of it fires. The far site's are
// repeated by repeatEdge.
func (s *Sim) repeat(g *group) {
	if len(g.firing) == 0 && !g.pending {
		g.notified = false
		return
	}
	if g.source != sourceEdge {
		s.notify(g)
	}
	s.after(s.repeatOf(g), func() { s.repeat(g) })
}

// repeatEdge has the far site repeat all it has.
func (s *Sim) repeatEdge() {
	for _, key := range slices.Sorted(maps.Keys(s.groups)) {
		if g := s.groups[key]; g.source == sourceEdge && len(g.firing) > 0 {
			s.notify(g)
		}
	}
	s.keepEdgeTalking()
	s.after(s.short(repeatEdge*4/5), s.repeatEdge)
}

// keepEdgeTalking has something fire at the far site at all times: a site that has
// nothing to say is silent.
func (s *Sim) keepEdgeTalking() {
	if s.gone || slices.ContainsFunc(s.order, func(a *alert) bool { return a.rule.source == sourceEdge }) {
		return
	}
	for _, r := range s.rules {
		if r.source == sourceEdge {
			if a := s.fire(r, r.on[s.rnd.IntN(len(r.on))], nil); a != nil {
				s.endAfter(a, max(minLife+s.span(meanLife), s.short(2*edgeGone)))
			}
			return
		}
	}
}

// notify sends a group: what fires and is not muted, and what has ended since.
func (s *Sim) notify(g *group) {
	if g.source == sourceEdge && s.gone {
		s.after(groupInterval, func() { s.notifyAgain(g) })
		return
	}
	g.pending = false
	var shown, again []*alert
	for _, a := range g.firing {
		if a.muted == nil {
			shown = append(shown, a)
		} else {
			again = append(again, a)
		}
	}
	if n := len(shown) + len(g.ended); n > 0 {
		body := webhook(g, shown, g.ended)
		s.out = append(s.out, Request{At: s.wall(s.now), Path: "/in/alertmanager/" + g.source, Body: body, Of: n})
	}
	for _, a := range shown {
		a.sent = true
	}
	g.ended = nil
	for _, a := range again {
		if a.sent { // it says so at each notification
			s.recorder(g.source, recorderMuted(a, s.wall(s.now)))
		}
	}
}

func (s *Sim) notifyAgain(g *group) {
	if g.pending {
		s.notify(g)
	}
}

func (s *Sim) recorder(source string, body []byte) {
	s.out = append(s.out, Request{At: s.wall(s.now), Path: "/in/events/" + source, Body: body, Of: 1})
}

// evaluate has Prometheus send what has changed.
func (s *Sim) evaluate() {
	s.promSet = false
	changed := s.prom
	s.prom = nil
	var list []*alert
	for i, a := range changed {
		if slices.ContainsFunc(changed[i+1:], func(o *alert) bool { return o.id() == a.id() }) {
			continue // the last word counts
		}
		if !a.endsAt.IsZero() && !a.sent {
			continue
		}
		list = append(list, a)
	}
	s.post(list)
}

// resend has Prometheus say again what fires.
func (s *Sim) resend() {
	var list []*alert
	for _, a := range s.order {
		if a.group == nil && a.sent {
			list = append(list, a)
		}
	}
	s.post(list)
	s.after(resendDelay, s.resend)
}

func (s *Sim) post(list []*alert) {
	if len(list) == 0 {
		return
	}
	now := s.wall(s.now)
	s.out = append(s.out, Request{At: now, Path: "/in/prom/api/v2/alerts", Body: posted(list, now), Of: len(list)})
	for _, a := range list {
		a.sent = true
	}
}
