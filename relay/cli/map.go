package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"alertrelay/alerts"
	"alertrelay/alerts/mapping"
	"alertrelay/relay/conf"
)

const mapDescription = `A mapping says what in a sender's JSON is an alert's identity, status, labels and
text. Some are built in, as presets; the others are YAML files.

Examples:
   alertrelay map presets                            what is built in
   alertrelay map presets uptime-kuma                one of them, to begin with
   alertrelay map test --preset uptime-kuma body.json`

const mapTestDescription = `Shows the alerts that the mapping makes of BODY, a file or standard input, and the
subject that each would go to. Nothing is stored. A body that the mapping gives no
meaning to ends with the reason, and exit code 1; a relay would refuse it with 422,
and keep it in the channel _meta.deadletter.SOURCE.

Examples:
   alertrelay map test --preset uptime-kuma body.json
   alertrelay map test --mapping my.yaml --source backup - <body.json
   alertrelay map test --preset generic --config alertrelay.yaml --format json body.json
   alertrelay map test --preset icinga --content-type application/x-www-form-urlencoded body`

const mapPresetsDescription = `Lists the mappings that are built in, or shows one, with how its sender is set up.

Examples:
   alertrelay map presets
   alertrelay map presets zabbix >my.yaml`

func mapCommand(io IO) *cli.Command {
	command := &cli.Command{
		Name:        "map",
		Usage:       "try out mappings of JSON to alerts",
		UsageText:   "alertrelay map test|presets",
		Description: mapDescription,
		Subcommands: []*cli.Command{
			{
				Name:        "test",
				Usage:       "show what a mapping makes of a body",
				UsageText:   "alertrelay map test --preset NAME | --mapping FILE [BODY|-] [flags]",
				Description: mapTestDescription,
				Flags: withEnv(
					&cli.StringFlag{Name: "preset", Usage: "the mapping `NAME` that is built in"},
					&cli.StringFlag{Name: "mapping", Usage: "the mapping in `FILE` (YAML)"},
					&cli.StringFlag{Name: "source", Usage: "the source's `NAME`", DefaultText: "the preset's name, or test"},
					&cli.StringFlag{Name: "config", Usage: "take the routes from the configuration `FILE` (YAML)"},
					&cli.StringFlag{Name: "content-type", Usage: "the `TYPE` that the sender says, if it is a form"},
					&cli.StringFlag{Name: "format", Usage: "show `text` or json", Value: "text"},
				),
				Action: func(c *cli.Context) error { return mapTest(c, io.Environ) },
			},
			{
				Name:        "presets",
				Usage:       "list the mappings that are built in, or show one",
				UsageText:   "alertrelay map presets [NAME]",
				Description: mapPresetsDescription,
				Action:      mapPresets,
			},
		},
	}
	command.Action = func(c *cli.Context) error {
		if !c.Args().Present() {
			return cli.ShowSubcommandHelp(c)
		}
		return unknownAmong(command.Subcommands, c.Args().First())
	}
	return command
}

func mapPresets(c *cli.Context) error {
	switch c.NArg() {
	case 0:
		w := tabwriter.NewWriter(c.App.Writer, 0, 0, 2, ' ', 0)
		for _, p := range mapping.Presets() {
			fmt.Fprintf(w, "%s\t%s\n", p.Name, p.About)
		}
		return w.Flush()
	case 1:
		text, err := mapping.PresetYAML(c.Args().First())
		if err != nil {
			return usagef("%s", strings.TrimPrefix(err.Error(), "mapping: "))
		}
		_, err = c.App.Writer.Write(text)
		return err
	}
	return usagef("more than one name (%q)", c.Args().Get(1))
}

func mapTest(c *cli.Context, environ []string) error {
	if c.NArg() > 1 {
		return usagef("more than one body (%q)", c.Args().Get(1))
	}
	format := c.String("format")
	if format != "text" && format != "json" {
		return usagef("--format: %q is not known; valid are text, json", format)
	}
	m, source, err := chosenMapping(c)
	if err != nil {
		return err
	}
	router, err := routerOf(c.String("config"), environ)
	if err != nil {
		return err
	}
	body, err := readBody(c)
	if err != nil {
		return err
	}
	header := http.Header{}
	if kind := c.String("content-type"); kind != "" {
		header.Set("Content-Type", kind)
	}
	batch, err := m.Decode(source, header, body)
	if err != nil {
		return fmt.Errorf("no alert: %w", err)
	}
	shown := make([]shownAlert, len(batch.Alerts))
	for i := range batch.Alerts {
		shown[i] = show(&batch.Alerts[i], router)
	}
	if format == "json" {
		err = showJSON(c.App.Writer, shown)
	} else {
		err = showText(c.App.Writer, shown, batch.Invalid == nil)
	}
	return errors.Join(err, batch.Invalid)
}

// chosenMapping is the mapping of --preset or --mapping, and the source's name.
func chosenMapping(c *cli.Context) (*mapping.Mapping, string, error) {
	flags := chosen(c, "preset", "mapping")
	if len(flags) != 1 {
		return nil, "", usagef("one of --preset and --mapping is needed; alertrelay map presets lists the presets")
	}
	source := "test"
	var m *mapping.Mapping
	var err error
	if flags[0] == "preset" {
		name := c.String("preset")
		source = strings.ReplaceAll(name, "-", "_")
		if m, err = mapping.Preset(name); err != nil {
			return nil, "", usagef("--preset: %s", strings.TrimPrefix(err.Error(), "mapping: "))
		}
	} else {
		file := c.String("mapping")
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, "", usagef("--mapping: %s; name an existing file", err)
		}
		if m, err = mapping.Parse(text); err != nil {
			var lines []string
			for line := range strings.SplitSeq(err.Error(), "\n") {
				lines = append(lines, file+": "+strings.TrimPrefix(line, "mapping: "))
			}
			return nil, "", usagef("%s", strings.Join(lines, "\n"))
		}
	}
	if c.IsSet("source") {
		source = c.String("source")
	}
	if err := alerts.CheckSource(source); err != nil {
		return nil, "", usagef("--source: %s", err)
	}
	return m, source, nil
}

// routerOf has the routes of a configuration, or the default one.
func routerOf(file string, environ []string) (*alerts.Router, error) {
	var routes []alerts.Route
	if file != "" {
		cfg, err := conf.Load(conf.Sources{File: file, Environ: environ})
		if err != nil {
			return nil, err
		}
		for _, r := range cfg.Routes {
			routes = append(routes, alerts.Route{Match: r.Match, Subject: r.Subject, Continue: r.Continue, Origin: r.Origin})
		}
	}
	router, err := alerts.ParseRoutes("", routes)
	if err != nil {
		return nil, usagef("%s", err)
	}
	return router, nil
}

func readBody(c *cli.Context) ([]byte, error) {
	if name := c.Args().First(); name != "" && name != "-" {
		body, err := os.ReadFile(name)
		if err != nil {
			return nil, usagef("%s; name an existing file, or - for standard input", err)
		}
		return body, nil
	}
	return io.ReadAll(c.App.Reader)
}

// shownAlert is an alert as map test shows it.
type shownAlert struct {
	Subjects     []string            `json:"subjects"`
	ID           string              `json:"id"`
	Status       alerts.Status       `json:"status"`
	Labels       map[string]string   `json:"labels"`
	Annotations  map[string]string   `json:"annotations,omitempty"`
	StartsAt     time.Time           `json:"startsAt,omitzero"`
	EndsAt       time.Time           `json:"endsAt,omitzero"`
	ReportedAt   time.Time           `json:"reportedAt,omitzero"`
	GeneratorURL string              `json:"generatorURL,omitempty"`
	Links        map[string]string   `json:"links,omitempty"`
	Values       map[string]string   `json:"values,omitempty"`
	Reason       string              `json:"reason,omitempty"`
	By           string              `json:"by,omitempty"`
	Comment      string              `json:"comment,omitempty"`
	Suppression  *alerts.Suppression `json:"suppression,omitempty"`
}

func show(a *alerts.Alert, router *alerts.Router) shownAlert {
	s := shownAlert{
		ID: a.ID(), Status: a.Status, Labels: a.Labels, Annotations: a.Annotations,
		StartsAt: a.StartsAt, EndsAt: a.EndsAt, ReportedAt: a.ReportedAt, GeneratorURL: a.GeneratorURL,
		Links: a.Links, Values: a.Values, Reason: a.Reason, By: a.By, Comment: a.Comment, Suppression: a.Suppression,
	}
	for _, channel := range router.Channels(a) {
		s.Subjects = append(s.Subjects, "alerts."+channel)
	}
	return s
}

func showJSON(w io.Writer, shown []shownAlert) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(shown)
}

// showText quotes what is from the body: it may have anything in it that a
// terminal obeys.
func showText(out io.Writer, shown []shownAlert, whole bool) error {
	if len(shown) == 0 && whole {
		_, err := fmt.Fprintln(out, "No alert: the body would be taken, and means nothing.")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for i, a := range shown {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "status\t%s\n", a.Status)
		for _, subject := range a.Subjects {
			fmt.Fprintf(w, "subject\t%s\n", subject)
		}
		fmt.Fprintf(w, "id\t%s\n", a.ID)
		for _, group := range []struct {
			name  string
			texts map[string]string
		}{{"label", a.Labels}, {"annotation", a.Annotations}, {"value", a.Values}, {"link", a.Links}} {
			for _, name := range slices.Sorted(maps.Keys(group.texts)) {
				fmt.Fprintf(w, "%s\t%s=%s\n", group.name, quoteName(name), strconv.QuoteToGraphic(group.texts[name]))
			}
		}
		for _, t := range []struct {
			name string
			at   time.Time
		}{{"starts at", a.StartsAt}, {"ends at", a.EndsAt}, {"reported at", a.ReportedAt}} {
			if !t.at.IsZero() {
				fmt.Fprintf(w, "%s\t%s\n", t.name, t.at.Format(time.RFC3339Nano))
			}
		}
		by, comment := a.By, a.Comment
		if a.Suppression != nil {
			by, comment = a.Suppression.By, a.Suppression.Comment
		}
		for _, f := range [][2]string{{"generator URL", a.GeneratorURL}, {"reason", a.Reason}, {"by", by}, {"comment", comment}} {
			if f[1] != "" {
				fmt.Fprintf(w, "%s\t%s\n", f[0], strconv.QuoteToGraphic(f[1]))
			}
		}
	}
	return w.Flush()
}

// quoteName leaves names as they are that need no quotes.
func quoteName(name string) string {
	if quoted := strconv.QuoteToGraphic(name); quoted != `"`+name+`"` || strings.Contains(name, "=") {
		return quoted
	}
	return name
}
