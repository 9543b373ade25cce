package conf

import (
	"slices"
	"strconv"
	"strings"

	"alertrelay/relay/site"
)

func (r *nginxReader) set(sc *scope, d *directive) {
	name, ok := strings.CutPrefix(d.args[0], "$")
	if !ok || name == "" || strings.Trim(name, "_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		r.fail(d, `invalid variable name "%s"`, d.args[0])
		return
	}
	if reserved(name) {
		r.fail(d, `the duplicate "%s" variable`, name)
		return
	}
	r.vars.own[strings.ToLower(name)] = true
	sc.steps = append(sc.steps, scopeStep{Step: site.Step{Set: &site.Set{Var: name, Value: d.args[1]}}, by: d})
}

// reserved reports whether a name is a variable of the request, which set cannot
// change.
func reserved(name string) bool {
	v := variables{}
	return v.known(name) == nil
}

// returns reads "return code [text]" and "return URL".
func (r *nginxReader) returns(sc *scope, d *directive) {
	ret := &site.Return{Origin: d.place()}
	code, err := strconv.ParseUint(d.args[0], 10, 32)
	switch {
	case err != nil && len(d.args) == 1 && (strings.HasPrefix(d.args[0], "http://") || strings.HasPrefix(d.args[0], "https://") || strings.HasPrefix(d.args[0], "$scheme")):
		ret.Code, ret.Text = 302, site.ValueOf(d.args[0])
	case err != nil || code > 999:
		r.fail(d, `invalid return code "%s"`, d.args[0])
		return
	default:
		ret.Code = int(code)
		if len(d.args) == 2 {
			ret.Text = site.ValueOf(d.args[1])
		}
	}
	sc.steps = append(sc.steps, scopeStep{Step: site.Step{Return: ret}, by: d})
}

func (r *nginxReader) breaks(sc *scope, d *directive) {
	sc.steps = append(sc.steps, scopeStep{Step: site.Step{Break: true}, by: d})
}

func (r *nginxReader) ifBlock(sc *scope, d *directive) {
	in := inServerIf
	if sc.in == inLocation || sc.in == inLocationIf {
		in = inLocationIf
	}
	if isFileTest(d) {
		sc.refused = append(sc.refused, d)
		return
	}
	block := sc.below(in, d)
	if c, ok := r.ifCondition(d); ok {
		block.condition = c
		sc.steps = append(sc.steps, scopeStep{inner: block, by: d})
	}
	r.walk(block, d.block)
}

// ifCondition reads "($a)", "($a = b)", "( $a = b )". ok is false if it is
// refused.
func (r *nginxReader) ifCondition(d *directive) (c site.Condition, ok bool) {
	words := append([]string(nil), d.args...)
	first, last := 0, len(words)-1
	var open, closed bool
	if words[first], open = strings.CutPrefix(words[first], "("); open && words[first] == "" {
		first++
	}
	if last >= 0 {
		if words[last], closed = strings.CutSuffix(words[last], ")"); closed && words[last] == "" {
			last--
		}
	}
	if !open || !closed || first > last {
		r.fail(d, `invalid condition "%s"`, strings.Join(d.args, " "))
		return c, false
	}
	words = words[first : last+1]
	name, isVariable := strings.CutPrefix(words[0], "$")
	switch {
	case !isVariable || name == "" || len(words) != 1 && len(words) != 3:
		r.fail(d, `invalid condition "%s"`, words[0])
		return c, false
	case len(words) == 1:
		return site.Condition{Var: name}, true
	}
	c = site.Condition{Var: name, Op: words[1], Value: words[2]}
	re, known, err := c.Compile()
	switch {
	case !known:
		r.fail(d, `unexpected "%s" in condition`, c.Op)
		return c, false
	case err != nil:
		r.fail(d, "%s", err)
		return c, false
	case re != nil:
		r.vars.capture(re)
	}
	return c, true
}

// isFileTest reports whether a condition asks for a file: "(!-f $x)".
func isFileTest(d *directive) bool {
	op := strings.TrimPrefix(strings.TrimPrefix(d.args[0], "("), "!")
	return strings.HasPrefix(d.args[0], "(") && len(d.args) >= 2 && slices.Contains([]string{"-f", "-d", "-e", "-x"}, op)
}
