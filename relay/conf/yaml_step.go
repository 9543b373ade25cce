package conf

import (
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"alertrelay/relay/site"
)

// steps reads a list of steps. outer are the settings that ifs may change; nil
// means that they may change none.
func (r *siteReader) steps(n ast.Node, key string, outer *site.Varying) []site.Step {
	var list []site.Step
	for i, item := range r.sequence(n, key) {
		if s, ok := r.step(item, fmt.Sprintf("%s[%d]", key, i), outer); ok {
			list = append(list, s)
		}
	}
	return list
}

func (r *siteReader) step(n ast.Node, key string, outer *site.Varying) (s site.Step, ok bool) {
	var set site.Set
	var ret site.Return
	var block site.If
	var steps func()
	if outer != nil {
		block.Varying = *outer
	}
	ret.Origin, block.Origin = r.place(n), r.place(n)
	given := make(map[string]bool)
	note := func(name string, f field) field {
		return func(n ast.Node, key string) {
			given[name] = true
			f(n, key)
		}
	}
	keys := fields{
		"set":   note("set", r.text(func(s string) error { set.Var = strings.TrimPrefix(s, "$"); return r.define(set.Var) })),
		"value": note("value", r.expression(func(s string) { set.Value = s })),
		"return": note("return", r.text(func(s string) (err error) {
			if ret.Code, err = parseCount(s); err != nil {
				return err
			}
			return between(ret.Code, 0, 999)
		})),
		"text": note("text", r.value(&ret.Text)),
		"break": note("break", r.text(func(v string) error {
			s.Break = true
			return oneOf(v, "true")
		})),
		"if": note("if", r.bytes(func(s string) (err error) {
			block.Condition, err = r.condition(s)
			return err
		})),
		"steps": note("steps", func(n ast.Node, key string) {
			steps = func() { block.Steps = r.steps(n, key, map[bool]*site.Varying{true: &block.Varying}[outer != nil]) }
		}),
	}
	if outer != nil {
		for name, f := range r.varying(&block.Varying) {
			keys[name] = note("settings", f)
		}
	}
	r.mapping(n, key, keys)
	if steps != nil { // after the settings that its own ifs take over
		steps()
	}
	kinds := map[string][]string{"set": {"value"}, "return": {"text"}, "break": nil, "if": {"steps", "settings"}}
	for kind, others := range kinds {
		if !given[kind] {
			continue
		}
		allowed := map[string]bool{kind: true}
		for _, o := range others {
			allowed[o] = true
		}
		for name := range maps.Keys(given) {
			if !allowed[name] {
				r.report(r.place(n), "%s: %s does not go with %s; each step is one of set, if, return and break", key, name, kind)
				return s, false
			}
		}
		switch kind {
		case "set":
			s.Set = &set
		case "return":
			s.Return = &ret
		case "if":
			s.If = &block
			if block.Condition.Var != "" {
				r.texts = append(r.texts, usedText{r.place(n), key, "${" + block.Condition.Var + "}"})
			}
			if block.Condition.Op == "=" || block.Condition.Op == "!=" {
				r.texts = append(r.texts, usedText{r.place(n), key, block.Condition.Value})
			}
		}
		return s, true
	}
	r.report(r.place(n), "%s: wants one of set, if, return and break", key)
	return s, false
}

// define makes a name that set may give a value.
func (r *siteReader) define(name string) error {
	if name == "" || strings.Trim(name, "_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return fmt.Errorf("%q is no name; letters, digits and _ make one", name)
	}
	if reserved(name) || name == site.RestVariable {
		return errors.New("$" + name + " is the request's; choose another name")
	}
	r.vars.own[strings.ToLower(name)] = true
	return nil
}
