package web

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"alertrelay/relay/site"
)

// settings are those that an if can change, ready to use.
type settings struct {
	channels, time, tag, eventID value
	store, allowEvents           bool
}

func newSettings(v *site.Varying) (*settings, error) {
	s := &settings{store: v.Store, allowEvents: v.AllowEvents}
	for _, f := range []struct {
		to   *value
		from site.Value
	}{{&s.channels, v.Channels}, {&s.time, v.Time}, {&s.tag, v.Tag}, {&s.eventID, v.EventID}} {
		var err error
		if *f.to, err = newValue(f.from); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// step is a site.Step ready to run.
type step struct {
	name  string // of the variable that is set
	value value
	test  *condition
	then  *settings // where test holds; nil for a server's
	steps []step
	reply *reply
	stop  bool
}

type condition struct {
	variable variable
	op       string
	value    value
	regexp   *regexp.Regexp
}

// reply is what a return answers.
type reply struct {
	code      int
	text      value
	redirects bool
}

// newSteps takes the steps of a server (located is false) or of a location.
func newSteps(list []site.Step, located bool) ([]step, error) {
	var steps []step
	for i := range list {
		s, err := newStep(&list[i], located)
		if err != nil {
			return nil, err
		}
		steps = append(steps, s)
	}
	return steps, nil
}

func newStep(from *site.Step, located bool) (s step, err error) {
	switch {
	case from.Set != nil:
		s.name = from.Set.Var
		s.value, err = newText(from.Set.Value)
	case from.Return != nil:
		s.reply = &reply{code: from.Return.Code, redirects: from.Return.Redirects()}
		s.reply.text, err = newValue(from.Return.Text)
	case from.If != nil:
		if s.test, err = newCondition(&from.If.Condition); err != nil {
			return s, err
		}
		if located {
			if s.then, err = newSettings(&from.If.Varying); err != nil {
				return s, err
			}
		}
		s.steps, err = newSteps(from.If.Steps, located)
	default:
		s.stop = true
	}
	return s, err
}

func newCondition(from *site.Condition) (*condition, error) {
	re, known, err := from.Compile()
	if err != nil {
		return nil, err
	}
	if !known {
		return nil, fmt.Errorf("unknown operator %q", from.Op)
	}
	c := &condition{variable: newVariable(from.Var), op: from.Op, regexp: re}
	if re == nil && from.Op != "" {
		c.value, err = newText(from.Value)
	}
	return c, err
}

func (c *condition) holds(q *visit) bool {
	got := c.variable(q)
	switch c.op {
	case "":
		return got != "" && got != "0"
	case "=":
		return got == c.value.raw(q)
	case "!=":
		return got != c.value.raw(q)
	case "!~", "!~*":
		return !c.regexp.MatchString(got)
	}
	return q.match(c.regexp, got)
}

// run runs steps in order, and gives the reply of a return. stop is true after a
// break.
func (q *visit) run(steps []step) (r *reply, stop bool) {
	for i := range steps {
		switch s := &steps[i]; {
		case s.reply != nil:
			return s.reply, true
		case s.stop:
			return nil, true
		case s.test == nil:
			q.assign(s.name, s.value.raw(q))
		case s.test.holds(q):
			if s.then != nil {
				q.set = s.then
			}
			if r, stop := q.run(s.steps); stop {
				return r, true
			}
		}
	}
	return nil, false
}

// statusClose closes the connection without an answer, as in nginx.
const statusClose = 444

// write answers the request.
func (r *reply) write(w http.ResponseWriter, q *visit) {
	text := r.text.raw(q)
	h := w.Header()
	switch {
	case r.code == statusClose:
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			conn.Close()
			return
		}
		h.Set("Connection", "close")
		empty(w, http.StatusBadRequest)
	case r.code < http.StatusOK || r.code > 999: // net/http takes no others
		empty(w, http.StatusInternalServerError)
	case r.redirects:
		h.Set("Location", headerValue(absolute(text, q)))
		empty(w, r.code)
	case text == "" || r.code == http.StatusNoContent || r.code == http.StatusNotModified:
		empty(w, r.code)
	default:
		contentType := "text/plain"
		if q.loc != nil {
			contentType = q.loc.ContentType
		}
		h["Content-Type"] = []string{contentType}
		h.Set("Content-Length", strconv.Itoa(len(text)))
		w.WriteHeader(r.code)
		_, _ = io.WriteString(w, text) // the client's trouble
	}
}

// absolute makes a URL of a path, as nginx does.
func absolute(url string, q *visit) string {
	if !strings.HasPrefix(url, "/") {
		return url
	}
	host := hostVariable(q)
	if port := localPart(q, portPart); port != "" && (port != "80" || q.tls()) && (port != "443" || !q.tls()) {
		host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
		host = net.JoinHostPort(host, port)
	}
	return scheme(q) + "://" + host + url
}
