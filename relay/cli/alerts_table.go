package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"alertrelay/relay/client"
)

// eachAlert acknowledges, or takes it back, and shows the alerts as they are then.
func eachAlert(c *cli.Context, in IO, relay *client.Client, do func(ctx context.Context, id, by, comment string) (client.Alert, error)) error {
	if !c.Args().Present() {
		return usagef("no alert; %s ID (alertrelay alerts ls shows the ids)", fullName(c))
	}
	who, err := by(c, in, relay)
	if err != nil {
		return err
	}
	var changed []client.Alert
	for _, id := range c.Args().Slice() {
		a, err := do(c.Context, id, who, c.String("comment"))
		if err != nil {
			return fmt.Errorf("%s: %w", id, explain(err, c.String("server")))
		}
		changed = append(changed, a)
	}
	return writeTable(c.App.Writer, alertTable(changed), isTerminal(c.App.Writer) && environment(in, "NO_COLOR") == "")
}

// table is lines of cells, the first of which are the names, with a colour for each
// line.
type table struct {
	rows    [][]string
	colours []string
}

// Colours are SGR sequences (ECMA-48 8.3.117).
const (
	red, yellow, blue, grey, noColour = "\x1b[31m", "\x1b[33m", "\x1b[34m", "\x1b[90m", "\x1b[0m"
	maxCell                           = 60 // runes
)

// severities are the usual ones, the worst first.
var severities = []string{"critical", "error", "warning", "info"}

func alertTable(list []client.Alert) table {
	rank := func(a client.Alert) int {
		i := slices.Index(severities, a.Labels["severity"])
		if i < 0 {
			i = len(severities)
		}
		return i
	}
	slices.SortStableFunc(list, func(a, b client.Alert) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), a.StartsAt.Compare(b.StartsAt), cmp.Compare(a.ID, b.ID))
	})
	t := table{rows: [][]string{{"STATUS", "SEVERITY", "ALERT", "WHAT", "SINCE", "ID", "CHANNEL"}}, colours: []string{""}}
	for _, a := range list {
		status := a.Status
		if a.Ack != nil {
			status += " [" + a.Ack.By + "]"
		}
		what := a.Annotations["summary"]
		if instance := a.Labels["instance"]; instance != "" && !strings.Contains(what, instance) {
			what = strings.TrimSpace(instance + " " + what)
		}
		since := ""
		if !a.StartsAt.IsZero() {
			since = age(time.Since(a.StartsAt))
		}
		t.rows = append(t.rows, []string{status, a.Labels["severity"], a.Labels["alertname"], what, since, a.ID, strings.TrimSuffix(a.Channel, "."+a.ID)})
		colour := ""
		switch {
		case a.Status != "firing":
			colour = grey
		case a.Labels["severity"] == "critical" || a.Labels["severity"] == "error":
			colour = red
		case a.Labels["severity"] == "warning":
			colour = yellow
		case a.Labels["severity"] == "info":
			colour = blue
		}
		t.colours = append(t.colours, colour)
	}
	return t
}

// age is "12s", "5m", "3h12m" or "4d3h".
func age(d time.Duration) string {
	d = max(d, 0)
	days, hours := d/(24*time.Hour), d%(24*time.Hour)/time.Hour
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm", d/time.Minute)
	case days == 0:
		return fmt.Sprintf("%dh%dm", hours, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%dd%dh", days, hours)
}

func writeTable(w io.Writer, t table, coloured bool) error {
	widths := make([]int, len(t.rows[0]))
	for _, row := range t.rows {
		for i := range row {
			row[i] = shown(row[i])
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
	}
	var b strings.Builder
	for n, row := range t.rows {
		line := ""
		for i, cell := range row {
			if i > 0 {
				line += "  "
			}
			line += cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
		}
		line = strings.TrimRight(line, " ")
		if coloured && t.colours != nil && t.colours[n] != "" {
			line = t.colours[n] + line + noColour
		}
		b.WriteString(line + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// printable is a text as it may go to a terminal: in one line, and without sequences
// that would do something there.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == utf8.RuneError {
			return ' '
		}
		return r
	}, s)
}

// shown is a printable text for a cell.
func shown(s string) string {
	s = printable(s)
	if runes := []rune(s); len(runes) > maxCell && strings.Contains(s, " ") { // ids and channels are to be copied
		s = string(runes[:maxCell-1]) + "…"
	}
	return cmp.Or(s, "-")
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
