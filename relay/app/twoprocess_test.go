package app_test

import (
	"fmt"
	"net/http"
	"os/exec"
	"sync"
	"testing"
	"time"

	"alertrelay/alerts"
	"alertrelay/relay/apptest"
	"alertrelay/relay/relaytest"
)

// Both members of a cluster of Alertmanagers send one notification, 100 times, each
// to a relay that is a process of its own: it is one event. An alert that times out
// and fires again with the same startsAt is three.
func TestCopiesAtTwoProcesses(t *testing.T) {
	t.Parallel()
	const path = "/in/alertmanager/am"
	n := relaytest.StartNATS(t)
	program := relaytest.Build(t, "alertrelay")
	var relays []*exec.Cmd
	var bases, copies []string
	for i := range 2 {
		addr := relaytest.FreeAddress(t)
		base := "http://" + addr
		args := []string{"serve", "--listen", addr, "--nats-url", n.URL, "--data", t.TempDir(), "--log-level", "error"}
		relays, bases = append(relays, relaytest.StartProcess(t, program, base, args)), append(bases, base)
		copies = append(copies, apptest.Fixture(t, fmt.Sprintf("alertmanager/alertmanager-0.34.2-ha-duplicate-from-am%d.json", i+1)))
	}
	for range 100 {
		var wg sync.WaitGroup
		for i, base := range bases {
			wg.Go(func() { relaytest.Post(t, base+path, copies[i], http.StatusOK) })
		}
		wg.Wait()
	}
	for _, base := range bases {
		apptest.WasTold(t, base, ">", "HaSlow firing")
	}

	began := time.Now()
	for i, name := range []string{"1-firing", "2-timeout-resolved", "3-firing-again-same-startsAt"} {
		relaytest.Post(t, bases[i%2]+path, apptest.Fixture(t, "alertmanager/alertmanager-0.34.2-refire-"+name+".json"), http.StatusOK)
	}
	took := time.Since(began)
	for _, base := range bases {
		apptest.WasTold(t, base, ">", "HaSlow firing", "ReFire firing", "ReFire resolved", "ReFire firing")
		for _, e := range apptest.Active(t, base, ">") {
			if e.Status != alerts.Firing {
				t.Errorf("%s: %s is %s", base, e.Labels["alertname"], e.Status)
			}
		}
	}
	t.Logf("200 copies were one event; firing, resolved and firing again within %s were three", took)
	for _, cmd := range relays {
		stopRelay(t, cmd)
	}
}
