//go:build acceptance

package acceptance

import (
	"strings"
	"testing"
	"time"

	"alertrelay/alerts"
	"alertrelay/relay/relaytest"
)

// Feature 4: two members of a cluster, of which the second waits 3 s for the first,
// and a relay that answers after 4 s. Both send everything, and it is told once.
func TestSlowRelayAndCluster(t *testing.T) {
	t.Parallel()
	const repeat = time.Minute
	r := startRelay(t, "sources: {am: {repeat_interval: 1m, group_interval: 15s}}\n")
	slow := startProxy(t, r, 4*time.Second)
	members := []*alertmanager{newAlertmanager(t), newAlertmanager(t)}
	gossip := []string{relaytest.FreeAddress(t), relaytest.FreeAddress(t)}
	for i, am := range members {
		am.began = members[0].began
		am.run(slow.URL, repeat, "--cluster.listen-address="+gossip[i], "--cluster.peer="+gossip[1-i], "--cluster.peer-timeout=3s")
	}
	for _, am := range members {
		am.settled(len(members))
	}
	from := func(am *alertmanager, status string) []posted {
		_, port, _ := strings.Cut(am.addr, ":")
		return slow.heard(`"alertname":"Pair"`, ":"+port+`"`, `"status":"`+status+`"`) // in externalURL
	}
	both := func(status string, times int) {
		t.Helper()
		r.until("both members say "+status, 2*repeat+30*time.Second, func() bool {
			return len(from(members[0], status)) >= times && len(from(members[1], status)) >= times
		})
	}

	labels := []string{"Pair", "team=ha", "severity=critical"}
	for _, am := range members {
		am.fire(labels...)
	}
	both("firing", 2) // the first time, and the first repetition
	r.hadEvents("Pair", "firing")
	firing, apart := len(from(members[0], "firing"))+len(from(members[1], "firing")), from(members[1], "firing")[0].at.Sub(from(members[0], "firing")[0].at).Abs()
	between(t, "the second member has sent", apart, 2500*time.Millisecond, 4*time.Second)

	for _, am := range members {
		am.resolve(labels...)
	}
	both("resolved", 1)
	r.until("Pair has left", 10*time.Second, func() bool { return !r.is("Pair", alerts.Firing) })
	time.Sleep(30 * time.Second) // two group intervals, in which a copy might come
	r.hadEvents("Pair", "firing resolved")
	t.Logf("%d posts of both members that it fires, the first two %s apart, and %d that it is over: 1 firing, 1 resolved",
		firing, brief(apart), len(from(members[0], "resolved"))+len(from(members[1], "resolved")))
}
