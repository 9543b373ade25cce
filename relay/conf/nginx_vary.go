package conf

import "alertrelay/relay/site"

// value gives a value with variables, checked.
func (r *nginxReader) value(sc *scope, name string) site.Value {
	v, at := find(sc, name, site.Value{})
	if at != nil {
		if err := r.vars.check(v.Text); err != nil {
			r.fail(at, "%s", err)
		}
	}
	return v
}

// varying gives the settings of a location, or of an if in it.
func (r *nginxReader) varying(sc *scope) site.Varying {
	return site.Varying{
		Channels:    r.value(sc, pushPath),
		Time:        r.value(sc, "push_stream_last_received_message_time"),
		Tag:         r.value(sc, "push_stream_last_received_message_tag"),
		EventID:     r.value(sc, "push_stream_last_event_id"),
		Store:       get(sc, "push_stream_store_messages", false),
		AllowEvents: get(sc, "push_stream_allow_connections_to_events_channel", false),
	}
}

// buildSteps resolves the ifs among the steps of a block. loc is the location, or
// server, that the block is in; fail takes what is wrong with their variables.
func (r *nginxReader) buildSteps(sc, loc *scope, fail func(d *directive, err error)) []site.Step {
	var steps []site.Step
	for _, s := range sc.steps {
		var err error
		step := s.Step
		switch {
		case step.Set != nil:
			err = r.vars.check(step.Set.Value)
		case step.Return != nil:
			err = r.vars.check(step.Return.Text.Text)
		case s.inner != nil:
			c := s.inner.condition
			err = r.vars.known(c.Var)
			if err == nil && (c.Op == "=" || c.Op == "!=") {
				err = r.vars.check(c.Value)
			}
			step.If = &site.If{Condition: c, Steps: r.buildSteps(s.inner, loc, fail), Origin: s.by.place()}
			if loc.mode != site.ModeNone {
				step.If.Varying = r.varying(s.inner)
			}
			if gzip, ok := s.inner.values["gzip"]; ok {
				r.rep.Ignored = append(r.rep.Ignored, Ignored{Name: "gzip", Origin: gzip.by.place(), Why: "it is not changed by an if"})
			}
		}
		if err != nil {
			fail(s.by, err)
		}
		steps = append(steps, step)
	}
	return steps
}

// failed is buildSteps' fail where a problem stops the start.
func (r *nginxReader) failed(d *directive, err error) { r.fail(d, "%s", err) }
