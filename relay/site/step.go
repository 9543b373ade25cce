package site

import (
	"regexp"
	"slices"
	"strings"
)

// Step is one of the directives that run in order for each request. Exactly one
// of its fields is set.
type Step struct {
	Set    *Set
	If     *If
	Return *Return
	// Break ends the steps.
	Break bool
}

// Set gives a variable its value.
type Set struct {
	// Var is the variable's name, without the dollar sign; the same whatever its
	// case.
	Var string
	// Value is a text with variables.
	Value string
}

// If runs its steps, and has its settings count instead of the location's, where
// its condition holds. Of several that hold, the settings of the last count.
type If struct {
	Condition Condition
	// Varying are the complete settings: those of the block and for the rest those
	// of what it is in.
	Varying
	Steps []Step
	// Origin is the place in the file, "file:line".
	Origin string
}

// Condition of an If. Without Op it holds if the variable is neither empty nor
// "0".
type Condition struct {
	// Var is the variable's name, without the dollar sign.
	Var string
	// Op is "", "=", "!=", "~", "~*", "!~" or "!~*".
	Op string
	// Value is what the variable is compared with: a text with variables, or a
	// regular expression.
	Value string
}

// String is the condition as nginx and our YAML have it, without brackets.
func (c Condition) String() string {
	if c.Op == "" {
		return "$" + c.Var
	}
	return "$" + c.Var + " " + c.Op + " " + c.Value
}

// Return answers the request.
type Return struct {
	// Code is the status; 444 closes the connection.
	Code int
	// Text is the body, or for 301, 302, 303, 307 and 308 the URL, with variables.
	Text Value
	// Origin is the place in the file, "file:line".
	Origin string
}

// Redirects reports whether the text is a URL.
func (r *Return) Redirects() bool {
	return slices.Contains([]int{301, 302, 303, 307, 308}, r.Code)
}

func bareSteps(steps []Step) []Step {
	steps = slices.Clone(steps)
	for i := range steps {
		if b := steps[i].If; b != nil {
			bare := *b
			bare.Origin, bare.Steps = "", bareSteps(b.Steps)
			steps[i].If = &bare
		}
		if b := steps[i].Return; b != nil {
			bare := *b
			bare.Origin = ""
			steps[i].Return = &bare
		}
	}
	return steps
}

// Compile gives the regular expression of a condition that has one, else nil.
// known is false for an unknown Op.
func (c *Condition) Compile() (re *regexp.Regexp, known bool, err error) {
	switch c.Op {
	case "", "=", "!=":
		return nil, true, nil
	case "~", "~*", "!~", "!~*":
		re, err = CompileRegexp(c.Value, strings.HasSuffix(c.Op, "*"))
		return re, true, err
	}
	return nil, false, nil
}
