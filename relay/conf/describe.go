package conf

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Describe writes what the configuration means: every setting with where it
// comes from, and the lists in words. Secrets are not shown.
func (c *Config) Describe(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "SETTING\tVALUE\tFROM")
	for _, s := range Settings() {
		value := s.show(c)
		switch {
		case c.NATS.URL != "" && (s.Key == "data" || s.Key == "nats.listen"):
			value = "(not used: the stream is at nats.url)"
		case s.Key == keyToken && c.API.TokenFile != "":
			value = "(what api.token_file holds)"
		case s.Key == "nats.url" && value == "":
			value = "(embedded server)"
		case value == "":
			value = "(none)"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\n", s.Key, value, c.Origin(s.Key))
	}
	if err := t.Flush(); err != nil {
		return err
	}

	if text := c.memoryMeans(); text != "" {
		fmt.Fprintln(w, "\n"+text)
	}

	fmt.Fprintln(w, "\nChannels keep, by the first group that matches:")
	t = tabwriter.NewWriter(w, 2, 8, 2, ' ', 0)
	for _, g := range c.Groups {
		subscribers := "any number of subscribers"
		if g.MaxSubscribers > 0 {
			subscribers = plural(g.MaxSubscribers, "subscriber")
		}
		match := g.Match
		switch match {
		case MatchAlerts:
			match += " (alerts: <source>-<16 hex digits> is the last token)"
		case ">":
			match += " (all others)"
		}
		fmt.Fprintf(t, "  %s\t%s for %s\t%s\t%s\n", match, plural(g.MaxMessages, "message"), FormatDuration(g.MaxAge), subscribers, g.Origin)
	}
	if err := t.Flush(); err != nil {
		return err
	}

	fmt.Fprintln(w, "\nAlerts go, by the first route that matches, to:")
	t = tabwriter.NewWriter(w, 2, 8, 2, ' ', 0)
	for _, r := range c.Routes {
		match := "every alert"
		if len(r.Match) > 0 {
			match = strings.Join(r.Match, " and ")
		}
		then := ""
		if r.Continue {
			then = "and on to the next route"
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\n", r.Subject, match, then, r.Origin)
	}
	fmt.Fprintln(t, "  alerts.{team|owner|namespace}.{severity}.{alertname}\tevery other alert\t\tbuilt in")
	if err := t.Flush(); err != nil {
		return err
	}
	if err := c.describeSources(w); err != nil {
		return err
	}
	switch {
	case c.Nginx != nil:
		fmt.Fprint(w, "\nnginx.conf: ")
		return c.Nginx.Describe(w, c.Site)
	case c.Site != nil:
		fmt.Fprintln(w)
		if err := describeSite(w, c.Site); err != nil {
			return err
		}
	}
	if c.Builtin() {
		fmt.Fprintln(w, "\nThe built-in locations are served.")
	}
	return nil
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
