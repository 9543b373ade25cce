package amtest

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"alertrelay/alerts"
	"alertrelay/relay/apptest"
	"alertrelay/relay/relaytest"
)

// listener is a proxy before a relay that keeps what senders post. It can hold back
// the answers.
type listener struct {
	*httptest.Server
	hold atomic.Int64 // nanoseconds

	mu    sync.Mutex // guards what follows
	posts []posted
}

// posted is a request as it came.
type posted struct {
	at   time.Time
	path string
	body string
}

func listen(t *testing.T, r *relaytest.Relay) *listener {
	t.Helper()
	target, err := url.Parse(r.URL)
	if err != nil {
		t.Fatal(err)
	}
	l := new(listener)
	relay := httputil.NewSingleHostReverseProxy(target)
	relay.Transport = &http.Transport{DisableKeepAlives: true}
	relay.ErrorLog = log.New(t.Output(), "proxy: ", 0)
	relay.ModifyResponse = func(resp *http.Response) error {
		select {
		case <-time.After(time.Duration(l.hold.Load())):
		case <-resp.Request.Context().Done():
		}
		return nil
	}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Log(err)
			return
		}
		l.mu.Lock()
		l.posts = append(l.posts, posted{time.Now(), req.URL.Path, string(body)})
		l.mu.Unlock()
		req.Body = io.NopCloser(bytes.NewReader(body))
		relay.ServeHTTP(w, req)
	}))
	t.Cleanup(l.Close)
	return l
}

// heard counts the bodies that have all of the texts in them.
func (l *listener) heard(texts ...string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.posts {
		if !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(p.body, text) }) {
			n++
		}
	}
	return n
}

// member is an Alertmanager of a cluster, which can be restarted.
type member struct {
	apptest.Alertmanager
	program string
	args    []string
	cmd     *exec.Cmd
}

// startCluster starts Alertmanagers that are a cluster and post to the address.
func startCluster(t *testing.T, n int, address string) []*member {
	t.Helper()
	const pkg = "prometheus-alertmanager"
	program, tool := relaytest.Program(t, pkg, pkg, "alertmanager"), relaytest.Program(t, pkg, "amtool")
	config := apptest.Example(t, "alertmanager.yml", "http://127.0.0.1:8080/", address+"/", "group_interval: 5s", "group_interval: 2s", "repeat_interval: 1m", "repeat_interval: 3s")
	var members []*member
	var gossip []string
	for range n {
		gossip = append(gossip, relaytest.FreeAddress(t))
	}
	for i := range n {
		m := &member{Alertmanager: apptest.Alertmanager{Addr: relaytest.FreeAddress(t), Tool: tool, Began: time.Now()}, program: program}
		m.args = []string{
			"--config.file=" + config, "--storage.path=" + t.TempDir(), "--log.level=warn",
			"--web.listen-address=" + m.Addr, "--cluster.listen-address=" + gossip[i], "--cluster.peer-timeout=1s",
			"--cluster.gossip-interval=20ms", "--cluster.pushpull-interval=1s", "--cluster.reconnect-interval=1s",
		}
		for j, peer := range gossip {
			if j != i {
				m.args = append(m.args, "--cluster.peer="+peer)
			}
		}
		m.cmd = relaytest.StartProgram(t, program, m.args...)
		members = append(members, m)
	}
	for _, m := range members {
		m.settled(t, n)
	}
	return members
}

// settled waits until a member is ready and knows all of them.
func (m *member) settled(t *testing.T, n int) {
	t.Helper()
	relaytest.Eventually(t, "the cluster has settled", func() bool {
		_, body := relaytest.Get(t.Context(), "http://"+m.Addr+"/metrics")
		status, text := relaytest.Get(t.Context(), "http://"+m.Addr+"/api/v2/status")
		return status == http.StatusOK && bytes.Contains(text, []byte(`"status":"ready"`)) &&
			bytes.Contains(body, []byte(fmt.Sprintf("alertmanager_cluster_members %d\n", n)))
	})
}

// restart kills it and starts it with what it has stored.
func (m *member) restart(t *testing.T, n int) {
	t.Helper()
	if err := m.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = m.cmd.Wait()
	m.cmd = relaytest.StartProgram(t, m.program, m.args...)
	m.settled(t, n)
}

// Members of a cluster whose receiver is slower than their patience with each other
// both send. What is restarted in between costs nothing.
func TestRealClusterIsHeardOnce(t *testing.T) {
	t.Parallel()
	r := relaytest.Start(t)
	proxy := listen(t, r)
	members := startCluster(t, 2, proxy.URL)
	all := func(end time.Time, name string) {
		t.Helper()
		for _, m := range members {
			m.Began = members[0].Began
			m.Add(t, end, name, "team=ha", "severity=critical")
		}
	}
	named := func(name string) string { return fmt.Sprintf(`"alertname":%q`, name) }
	both := func(what string, texts ...string) {
		t.Helper()
		relaytest.Eventually(t, "both members say: "+what, func() bool {
			for _, m := range members {
				_, port, _ := strings.Cut(m.Addr, ":")
				if proxy.heard(append(texts, ":"+port+`"`)...) == 0 { // in externalURL
					return false
				}
			}
			return true
		})
	}

	proxy.hold.Store(int64(2500 * time.Millisecond))
	all(time.Time{}, "Slow")
	both("Slow fires", named("Slow"), `"status":"firing"`)
	all(time.Now(), "Slow")
	both("Slow is over", named("Slow"), `"status":"resolved"`)
	proxy.hold.Store(0)
	apptest.Becomes(t, r, "Slow", alerts.Resolved)
	apptest.WasTold(t, r.URL, "ha.critical.Slow.>", "Slow firing", "Slow resolved")

	// A member and the relay are restarted while an alert fires.
	all(time.Time{}, "Lasts")
	apptest.Becomes(t, r, "Lasts", alerts.Firing)
	members[0].restart(t, len(members))
	r.Restart()
	all(time.Time{}, "Lasts") // as Prometheus does from time to time
	before := proxy.heard(named("Lasts"))
	relaytest.Eventually(t, "it is repeated", func() bool { return proxy.heard(named("Lasts")) > before })
	all(time.Now(), "Lasts")
	apptest.Becomes(t, r, "Lasts", alerts.Resolved)

	// An alert fires while the relay is away, and is over while one member is.
	r.Stop()
	all(time.Time{}, "Waits")
	relaytest.Eventually(t, "it is sent", func() bool { return proxy.heard(named("Waits")) > 0 })
	r.Restart()
	apptest.Becomes(t, r, "Waits", alerts.Firing)
	members[1].restart(t, len(members))
	all(time.Now(), "Waits")
	apptest.Becomes(t, r, "Waits", alerts.Resolved)

	// The last of all: what came twice would be before it.
	all(time.Time{}, "Last")
	apptest.Becomes(t, r, "Last", alerts.Firing)
	apptest.WasTold(t, r.URL, "ha.>", "Slow firing", "Slow resolved", "Lasts firing", "Lasts resolved", "Waits firing", "Waits resolved", "Last firing")
	t.Logf("the members have posted %d times", proxy.heard())
}

// Both members' copies of one notification, 100 times, to two relays at once.
func TestCopiesAtTwoRelays(t *testing.T) {
	t.Parallel()
	n := relaytest.StartNATS(t)
	relays := []*relaytest.Relay{relaytest.Start(t, relaytest.UseNATS(n)), relaytest.Start(t, relaytest.UseNATS(n))}
	for range 100 {
		var wg sync.WaitGroup
		for i, r := range relays {
			wg.Go(func() { apptest.PostPayload(t, r, fmt.Sprintf("0.34.2-ha-duplicate-from-am%d", i+1)) })
		}
		wg.Wait()
	}
	// An alert that times out and fires again with the same startsAt.
	for i, name := range []string{"1-firing", "2-timeout-resolved", "3-firing-again-same-startsAt"} {
		apptest.PostPayload(t, relays[i%2], "0.34.2-refire-"+name)
	}
	for _, r := range relays {
		relaytest.Eventually(t, "all events are there", func() bool { return len(apptest.History(t, r.URL, ">")) >= 4 })
		apptest.WasTold(t, r.URL, ">", "HaSlow firing", "ReFire firing", "ReFire resolved", "ReFire firing")
	}
}
