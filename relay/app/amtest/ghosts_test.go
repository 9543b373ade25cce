package amtest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"alertrelay/alerts"
	"alertrelay/relay/apptest"
	"alertrelay/relay/relaytest"
)

// Alertmanager says nothing of an alert that is silenced or inhibited, not even that
// it is over. Such an alert is shown as suppressed if the rest of its group still
// comes, as stale if not, and goes when it was not heard of for too long; it is never
// shown as one that fires for ever.
func TestNoGhosts(t *testing.T) {
	t.Parallel()
	r := relaytest.Start(t, apptest.Settings(t, "sources: {am: {repeat_interval: 6s, group_interval: 2s}}\n"))
	am := apptest.StartAlertmanager(t, r, "group_by: ['...']", "group_by: [team]",
		"group_interval: 5s", "group_interval: 1s", "repeat_interval: 1m", "repeat_interval: 1s",
		"receivers:\n", `inhibit_rules:
  - {source_matchers: [severity="critical"], target_matchers: [severity="warning"], equal: [site]}
receivers:
`)
	fire := func(name string, labels ...string) { am.Add(t, time.Time{}, append([]string{name}, labels...)...) }
	resolve := func(name string, labels ...string) { am.Add(t, time.Now(), append([]string{name}, labels...)...) }

	fire("Stays", "team=pair")
	fire("SilencedInGroup", "team=pair")
	fire("SilencedAWhile", "team=pair")
	fire("SilencedAlone", "team=alone")
	fire("InhibitedInGroup", "team=inh", "site=one", "severity=warning")
	fire("InhibitedAlone", "team=edge", "site=two", "severity=warning")
	for _, name := range []string{"Stays", "SilencedInGroup", "SilencedAWhile", "SilencedAlone", "InhibitedInGroup", "InhibitedAlone"} {
		apptest.Becomes(t, r, name, alerts.Firing)
	}

	am.Silence(t, "alertname=SilencedInGroup")
	am.Silence(t, "alertname=SilencedAlone")
	aWhile := am.Silence(t, "alertname=SilencedAWhile")
	fire("Inhibits", "team=inh", "site=one", "severity=critical")
	fire("InhibitsOthers", "team=core", "site=two", "severity=critical")

	for _, name := range []string{"SilencedInGroup", "SilencedAWhile", "InhibitedInGroup"} {
		if e := apptest.Becomes(t, r, name, alerts.Suppressed); e.Suppression == nil || e.Suppression.Kind != alerts.MissingFromGroup {
			t.Errorf("%s: got the suppression %+v, want that it is missing from its group", name, e.Suppression)
		}
	}
	am.Amtool(t, "silence", "expire", aWhile)
	if e := apptest.Becomes(t, r, "SilencedAWhile", alerts.Firing); e.Suppression != nil {
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
		if e := apptest.Becomes(t, r, name, alerts.Expired); e.Reason != "no news" || e.Suppression != nil {
			t.Errorf("%s: expired for the reason %q, with %+v", name, e.Reason, e.Suppression)
		}
		// A busy machine may have been late for a moment.
		kinds := slices.DeleteFunc(apptest.KindsOf(t, r.URL, name), func(k alerts.Kind) bool { return k == alerts.KindFresh })
		if kinds = slices.Compact(kinds); kinds[0] != alerts.KindFiring || kinds[len(kinds)-2] != between {
			t.Errorf("%s: got the events %q, want firing, %s, expired", name, kinds, between)
		}
		if slices.Contains(kinds, alerts.KindResolved) {
			t.Errorf("%s: got the events %q, and nobody has said that it is over", name, kinds)
		}
	}
	want := []string{"Inhibits firing", "InhibitsOthers firing", "SilencedAWhile firing", "Stays firing"}
	relaytest.Eventually(t, fmt.Sprintf("the others fire still: %q", want), func() bool { return slices.Equal(apptest.ActiveStatus(t, r.URL, ">"), want) })

	// What fires again is shown again.
	am.Amtool(t, "silence", "expire", am.Amtool(t, "silence", "query", "-q", "alertname=SilencedAlone"))
	fire("SilencedAlone", "team=alone")
	apptest.Becomes(t, r, "SilencedAlone", alerts.Firing)
}
