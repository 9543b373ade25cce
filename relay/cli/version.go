package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/urfave/cli/v2"
)

// release is set by the linker: -X alertrelay/relay/cli.release=v1.2.3. Empty
// means what Go knows of the module.
var release string

func versionCommand() *cli.Command {
	return &cli.Command{
		Name:      "version",
		Usage:     "show the version",
		UsageText: "alertrelay version",
		Description: `Shows the version, the commit it was built from, and the embedded NATS server's.

Example:
   alertrelay version`,
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			_, err := fmt.Fprintln(c.App.Writer, "alertrelay "+version())
			return err
		},
	}
}

// version is "v1.2.3 (commit 0123456789ab, 2026-11-24, nats-server v2.15.2,
// go1.26.0 linux/amd64)", without what is not known.
func version() string {
	name := release
	var details []string
	if info, ok := debug.ReadBuildInfo(); ok {
		if name == "" {
			name = info.Main.Version
		}
		settings := make(map[string]string)
		for _, s := range info.Settings {
			settings[s.Key] = s.Value
		}
		if commit := settings["vcs.revision"]; commit != "" {
			commit = commit[:min(len(commit), 12)]
			if settings["vcs.modified"] == "true" {
				commit += ", modified"
			}
			details = append(details, "commit "+commit)
		}
		if t := settings["vcs.time"]; t != "" {
			date, _, _ := strings.Cut(t, "T")
			details = append(details, date)
		}
		for _, dep := range info.Deps {
			if dep.Path == "github.com/nats-io/nats-server/v2" {
				details = append(details, "nats-server "+dep.Version)
			}
		}
	}
	if name == "" {
		name = "(devel)"
	}
	details = append(details, runtime.Version()+" "+runtime.GOOS+"/"+runtime.GOARCH)
	return name + " (" + strings.Join(details, ", ") + ")"
}
