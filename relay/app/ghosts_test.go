package app_test

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"alertrelay/alerts"
	"alertrelay/relay/relaytest"
)

// silence has amtool silence alerts, and returns the silence's id.
func (am *alertmanager) silence(t *testing.T, matchers ...string) string {
	t.Helper()
	return am.amtool(t, append([]string{"silence", "add", "--author=ada", "--comment=by the test", "--duration=1h"}, matchers...)...)
}

// amtool runs amtool and returns what it says.
func (am *alertmanager) amtool(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), am.tool, append([]string{"--alertmanager.url=http://" + am.addr}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("amtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// Alertmanager says nothing of an alert that is silenced or inhibited, not even that
// it is over. Such an alert is shown as suppressed if the rest of its group still
// comes, as stale if not, and goes when it was not heard of for too long; it is never
// shown as one that fires for ever.
func TestNoGhosts(t *testing.T) {
	t.Parallel()
	r := relaytest.Start(t, settings(t, "sources: {am: {repeat_interval: 6s, group_interval: 2s}}\n"))
	am := startAlertmanager(t, r, "group_by: ['...']", "group_by: [team]",
		"group_interval: 5s", "group_interval: 1s", "repeat_interval: 1m", "repeat_interval: 1s",
		"receivers:\n", `inhibit_rules:
  - {source_matchers: [severity="critical"], target_matchers: [severity="warning"], equal: [site]}
receivers:
`)
	fire := func(name string, labels ...string) { am.add(t, time.Time{}, append([]string{name}, labels...)...) }
	resolve := func(name string, labels ...string) { am.add(t, time.Now(), append([]string{name}, labels...)...) }

	fire("Stays", "team=pair")
	fire("SilencedInGroup", "team=pair")
	fire("SilencedAWhile", "team=pair")
	fire("SilencedAlone", "team=alone")
	fire("InhibitedInGroup", "team=inh", "site=one", "severity=warning")
	fire("InhibitedAlone", "team=edge", "site=two", "severity=warning")
	for _, name := range []string{"Stays", "SilencedInGroup", "SilencedAWhile", "SilencedAlone", "InhibitedInGroup", "InhibitedAlone"} {
		becomes(t, r, name, alerts.Firing)
	}

	am.silence(t, "alertname=SilencedInGroup")
	am.silence(t, "alertname=SilencedAlone")
	aWhile := am.silence(t, "alertname=SilencedAWhile")
	fire("Inhibits", "team=inh", "site=one", "severity=critical")
	fire("InhibitsOthers", "team=core", "site=two", "severity=critical")

	for _, name := range []string{"SilencedInGroup", "SilencedAWhile", "InhibitedInGroup"} {
		if e := becomes(t, r, name, alerts.Suppressed); e.Suppression == nil || e.Suppression.Kind != alerts.MissingFromGroup {
			t.Errorf("%s: got the suppression %+v, want that it is missing from its group", name, e.Suppression)
		}
	}
	am.amtool(t, "silence", "expire", aWhile)
	if e := becomes(t, r, "SilencedAWhile", alerts.Firing); e.Suppression != nil {
		t.Errorf("it fires, and is suppressed by %+v", e.Suppression)
	}

	// All of them end, and nobody is told.
	resolve("SilencedInGroup", "team=pair")
	resolve("SilencedAlone", "team=alone")
	resolve("InhibitedInGroup", "team=inh", "site=one", "severity=warning")
	resolve("InhibitedAlone", "team=edge", "site=two", "severity=warning")
	for name, between := range map[string]alerts.Kind{
		"SilencedInGroup": alerts.KindSuppressed, "InhibitedInGroup": alerts.KindSuppressed,
		"SilencedAlone": alerts.KindStale, "InhibitedAlone": alerts.KindStale,
	} {
		if e := becomes(t, r, name, alerts.Expired); e.Reason != "no news" || e.Suppression != nil {
			t.Errorf("%s: expired for the reason %q, with %+v", name, e.Reason, e.Suppression)
		}
		// A busy machine may have been late for a moment.
		kinds := slices.DeleteFunc(kindsOf(t, r.URL, name), func(k alerts.Kind) bool { return k == alerts.KindFresh })
		if kinds = slices.Compact(kinds); kinds[0] != alerts.KindFiring || kinds[len(kinds)-2] != between {
			t.Errorf("%s: got the events %q, want firing, %s, expired", name, kinds, between)
		}
		if slices.Contains(kinds, alerts.KindResolved) {
			t.Errorf("%s: got the events %q, and nobody has said that it is over", name, kinds)
		}
	}
	want := []string{"Inhibits firing", "InhibitsOthers firing", "SilencedAWhile firing", "Stays firing"}
	relaytest.Eventually(t, fmt.Sprintf("the others fire still: %q", want), func() bool { return slices.Equal(activeStatus(t, r.URL, ">"), want) })

	// What fires again is shown again.
	am.amtool(t, "silence", "expire", am.amtool(t, "silence", "query", "-q", "alertname=SilencedAlone"))
	fire("SilencedAlone", "team=alone")
	becomes(t, r, "SilencedAlone", alerts.Firing)
}
