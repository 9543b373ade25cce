package conf

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"alertrelay/relay/site"
)

// describeSite writes what is served where: the servers, and their locations in the
// order in which a path is compared with them, with what differs from the
// defaults.
func describeSite(w io.Writer, s *site.Site) error {
	if m := pushTree(s); len(m) > 0 {
		fmt.Fprintln(w, "Channels and texts:")
		t := tabwriter.NewWriter(w, 2, 8, 2, ' ', 0)
		for _, p := range m {
			fmt.Fprintf(t, "  %s\t%s\n", p.key, short(p.value))
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	for i := range s.Servers {
		fmt.Fprintln(w)
		describeServer(w, &s.Servers[i])
	}
	return nil
}

func describeServer(w io.Writer, s *site.Server) {
	var at []string
	for _, l := range s.Listen {
		text := l.Key()
		if l.TLS {
			text += " (TLS)"
		}
		if l.Default {
			text += " (default)"
		}
		at = append(at, text)
	}
	if len(at) == 0 {
		at = []string{"the address of the setting listen"}
	}
	names := "any name"
	if len(s.Names) > 0 {
		names = strings.Join(s.Names, " ")
	}
	fmt.Fprintf(w, "Server at %s for %s, %s\n", strings.Join(at, ", "), names, s.Origin)
	for _, p := range serverTree(s, func(*site.Listen) bool { return false }) {
		switch p.key {
		case "listen", "names", "module", "locations":
			continue
		}
		fmt.Fprintf(w, "  %s: %s\n", p.key, short(p.value))
	}
	describeLocations(w, "  ", s.Locations, s.Connection)
}

func describeLocations(w io.Writer, indent string, list []site.Location, c site.Connection) {
	from := inheritedDefaults()
	from.connection = c
	for _, i := range site.MatchOrder(list) {
		l := &list[i]
		from.module = l.Module
		fmt.Fprintf(w, "%s%s  %s  %s\n", indent, l.Path(), l.Mode, l.Origin)
		for _, p := range locationTree(l, from) {
			if p.key == "path" || p.key == "mode" || p.key == "locations" {
				continue
			}
			fmt.Fprintf(w, "%s    %s: %s\n", indent, p.key, short(p.value))
		}
		describeLocations(w, indent+"  ", l.Locations, c)
	}
}

// short is a value on one line that is not too long.
func short(value any) string {
	const most = 90
	text := flow(value)
	if len(text) <= most {
		return text
	}
	cut := most
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return fmt.Sprintf("%s … (%d bytes)", text[:cut], len(text))
}

// flow is a value in YAML's short form.
func flow(value any) string {
	var parts []string
	switch v := value.(type) {
	case string:
		return v
	case yamlMap:
		for _, p := range v {
			parts = append(parts, p.key+": "+flow(p.value))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case []any:
		for _, item := range v {
			parts = append(parts, flow(item))
		}
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// Describe writes how an nginx.conf was understood: the site, what is ignored and
// why, the warnings, and the same in our YAML.
func (r *Report) Describe(w io.Writer, s *site.Site) error {
	fmt.Fprintf(w, "read %s\n\n", strings.Join(r.Files, ", "))
	if err := describeSite(w, s); err != nil {
		return err
	}
	if len(s.Servers) == 0 {
		fmt.Fprintln(w, "There is no server, so nothing is served.")
	}
	if len(r.Ignored) > 0 {
		fmt.Fprintln(w, "\nIgnored:")
		t := tabwriter.NewWriter(w, 2, 8, 2, ' ', 0)
		for _, i := range r.Ignored {
			fmt.Fprintf(t, "  %s\t%s\t%s\n", i.Name, i.Why, i.Origin)
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	if len(r.Warnings) > 0 {
		fmt.Fprintln(w, "\nWarnings:")
		for _, text := range r.Warnings {
			fmt.Fprintf(w, "  %s\n", text)
		}
	}
	fmt.Fprintln(w, "\nThe same as alertrelay.yaml:")
	fmt.Fprintln(w)
	_, err := w.Write(SiteYAML(s))
	return err
}
