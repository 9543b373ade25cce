package conf

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// describeSources writes who may post, what is asked of them, and whose absence
// is an alert, in words and without secrets.
func (c *Config) describeSources(w io.Writer) error {
	if len(c.Sources) == 0 {
		fmt.Fprintln(w, "\nEvery source may post alerts, and nothing is asked of it.")
	} else {
		fmt.Fprintln(w, "\nOnly these sources may post alerts:")
	}
	t := tabwriter.NewWriter(w, 2, 8, 2, ' ', 0)
	for i := range c.Sources {
		s := &c.Sources[i]
		fmt.Fprintf(t, "  %s\t%s\n", s.Name, s.Origin)
		for _, line := range s.describe() {
			fmt.Fprintf(t, "  \t%s\n", line)
		}
	}
	if len(c.Watchdogs) > 0 {
		fmt.Fprintln(t, "\nIt is an alert that one of these is missing:")
	}
	for _, d := range c.Watchdogs {
		fmt.Fprintf(t, "  %s\tfor %s\t%s\n", strings.Join(d.Match, " and "), FormatDuration(d.Within), d.Origin)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	return c.API.describe(w)
}

// describe writes who may acknowledge and silence.
func (a *API) describe(w io.Writer) error {
	who, colon := "Everybody who reaches the address", "."
	switch {
	case a.Token.IsSet() && len(a.Tokens) > 0:
		who, colon = "Who shows the api.token, in any name, or a token of his own, in that name,", ":"
	case a.Token.IsSet():
		who = "Who shows the api.token"
	case len(a.Tokens) > 0:
		who, colon = "Only who shows a token of his own, in that name,", ":"
	}
	fmt.Fprintf(w, "\n%s may acknowledge and silence alerts%s\n", who, colon)
	t := tabwriter.NewWriter(w, 2, 8, 2, ' ', 0)
	for _, n := range a.Tokens {
		tokens := ""
		if len(n.Tokens) > 1 {
			tokens = fmt.Sprintf("\t%d tokens are good", len(n.Tokens))
		}
		fmt.Fprintf(t, "  %s\t%s%s\n", n.Name, n.Origin, tokens)
	}
	return t.Flush()
}

// describe says what a source must show.
func (a *Auth) describe() string {
	var ways []string
	add := func(n int, what string) {
		switch {
		case n == 1:
			ways = append(ways, what)
		case n > 1:
			ways = append(ways, fmt.Sprintf("%s (%d are good)", what, n))
		}
	}
	add(len(a.Bearer), "a bearer token")
	add(len(a.Basic), "user and password")
	headers := make(map[string]int)
	for _, h := range a.Header {
		headers[h.Name]++
	}
	for _, h := range a.Header {
		add(headers[h.Name], "header "+h.Name)
		delete(headers, h.Name)
	}
	add(len(a.PathToken), "a token in the path")
	add(len(a.RoutingKey), "a routing key")
	text := strings.Join(ways, " or ")
	if h := a.HMAC; h != nil {
		if text != "" {
			text += ", and "
		}
		text += "a signature in " + h.Header
		if len(h.Secrets) > 1 {
			text += fmt.Sprintf(" (%d secrets are good)", len(h.Secrets))
		}
		if h.TimestampHeader != "" {
			text += fmt.Sprintf(" with a time in %s at most %s away", h.TimestampHeader, FormatDuration(h.MaxAge))
		}
	}
	if text == "" {
		return "need not show anything"
	}
	return "shows " + text
}

// describe says what is known of a source, in lines.
func (s *Source) describe() []string {
	lines := []string{s.Auth.describe(), fmt.Sprintf("repeats every %s, groups every %s", FormatDuration(s.RepeatInterval), FormatDuration(s.GroupInterval))}
	if len(s.API) > 0 {
		with := ""
		switch {
		case s.APIAuth.Bearer.IsSet():
			with = ", with a bearer token"
		case s.APIAuth.Basic != nil:
			with = ", with user and password"
		}
		lines = append(lines, fmt.Sprintf("is asked at %s every %s%s", strings.Join(s.API, " or "), FormatDuration(s.APIInterval), with))
	}
	if s.AckAsSilence > 0 {
		lines = append(lines, "an acknowledged alert is silenced for "+FormatDuration(s.AckAsSilence))
	}
	if s.SilentAfter > 0 {
		lines = append(lines, "it is an alert that nothing was heard for "+FormatDuration(s.SilentAfter))
	}
	switch {
	case s.Mapping.Preset != "":
		lines = append(lines, "any JSON is read by the preset "+s.Mapping.Preset)
	case s.Mapping.IsSet():
		lines = append(lines, "any JSON is read by the mapping at "+s.Mapping.Origin)
	}
	return lines
}
