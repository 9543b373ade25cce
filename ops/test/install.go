package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// tool is a program that tests run.
type tool struct {
	name     string   // for people
	commands []string // any of them will do
	packages []string // Debian's, which bring it
	services []string // that its packages would start and enable
	why      string
}

var compiler = tool{
	name: "C compiler", commands: []string{"gcc", "cc", "clang"}, packages: []string{"gcc", "libc6-dev"},
	why: "the race detector links with it",
}

// tools are what the tests use; without one of them its tests are skipped.
var tools = []tool{
	compiler,
	{
		name: "Chromium", commands: []string{"chromium", "chromium-browser", "google-chrome"},
		packages: []string{"chromium", "fonts-dejavu-core"},
		why:      "the board and the browser examples are tested in it",
	},
	{
		name: "Prometheus", commands: []string{"prometheus"}, packages: []string{"prometheus"},
		services: []string{"prometheus"},
		why:      "sends real alerts, and its promtool checks our rules",
	},
	{
		name: "Alertmanager", commands: []string{"prometheus-alertmanager", "alertmanager"},
		packages: []string{"prometheus-alertmanager"}, services: []string{"prometheus-alertmanager"},
		why: "sends real alerts, and its amtool checks our configuration",
	},
	{
		name: "curl", commands: []string{"curl"}, packages: []string{"curl", "ca-certificates"},
		why: "the README's commands are run with it",
	},
}

// installArg has the program install, as root, the tools named after it.
const installArg = "install-as-root"

// provide installs what is missing and says which tools are there then. Its error
// is an installation that was tried and failed.
func provide(ctx context.Context) (ready map[string]bool, err error) {
	var missing []string
	for _, t := range tools {
		if !t.there() {
			say("missing: %s; %s", t.name, t.why)
			missing = append(missing, t.name)
		}
	}
	if len(missing) > 0 {
		if err := asRoot(ctx, missing); err != nil {
			return nil, err
		}
	}
	ready = make(map[string]bool)
	for _, t := range tools {
		ready[t.name] = t.there()
	}
	return ready, nil
}

func (t *tool) there() bool {
	return slices.ContainsFunc(t.commands, found)
}

// found reports whether there is a command of that name.
func found(name string) bool {
	_, err := exec.LookPath(name)
	return err == nil
}

// asRoot installs tools, by this program once more under sudo if need be.
func asRoot(ctx context.Context, names []string) error {
	if !found("apt-get") {
		say("no apt-get here: install them yourself, or do without their tests")
		return nil
	}
	if os.Geteuid() == 0 {
		return install(ctx, names)
	}
	if !found("sudo") {
		say("not root, and no sudo here: install them yourself, or do without their tests")
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return command(ctx, "sudo", append([]string{self, installArg}, names...)...)
}

// install installs the packages of tools. No service of theirs runs afterwards,
// now or after a reboot.
func install(ctx context.Context, names []string) (err error) {
	var packages, services []string
	for _, t := range tools {
		if slices.Contains(names, t.name) {
			packages, services = append(packages, t.packages...), append(services, t.services...)
		}
	}
	say("installing with apt-get: %s", strings.Join(packages, " "))
	allow, err := forbidServices()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, allow()) }()
	if err := os.Setenv("DEBIAN_FRONTEND", "noninteractive"); err != nil {
		return err
	}
	if err := patiently(ctx, "update", "-q"); err != nil {
		say("going on with the package lists that are there: %v", err)
	}
	args := []string{"install", "-q", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300"}
	if err := patiently(ctx, append(args, packages...)...); err != nil {
		return err
	}
	if found("systemctl") && len(services) > 0 {
		if err := command(ctx, "systemctl", append([]string{"disable"}, services...)...); err != nil {
			say("could not disable %s: %v", strings.Join(services, ", "), err)
		}
	}
	return nil
}

// policyFile is asked by Debian's packages before they start a service; its exit
// code 101 forbids it.
const policyFile = "/usr/sbin/policy-rc.d"

// forbidServices keeps packages from starting services until allow is called. A
// policy that is there stays as it is.
func forbidServices() (allow func() error, err error) {
	f, err := os.OpenFile(policyFile, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if errors.Is(err, fs.ErrExist) {
		return func() error { return nil }, nil
	}
	if err != nil {
		return nil, err
	}
	_, err = f.WriteString("#!/bin/sh\nexit 101\n")
	if err := errors.Join(err, f.Close(), os.Chmod(policyFile, 0o755)); err != nil {
		return nil, errors.Join(err, os.Remove(policyFile))
	}
	return func() error { return os.Remove(policyFile) }, nil
}

// patiently runs apt-get, again while it fails: it waits for dpkg's lock if told
// to, but not for the lists' and the archives'.
func patiently(ctx context.Context, args ...string) error {
	const tries = 6
	for try := 1; ; try++ {
		err := command(ctx, "apt-get", args...)
		if err == nil || try == tries || ctx.Err() != nil {
			return err
		}
		say("again in 10 s: %v", err)
		select {
		case <-ctx.Done():
			return fmt.Errorf("apt-get %s: %w", args[0], context.Cause(ctx))
		case <-time.After(10 * time.Second):
		}
	}
}
