package boardtest

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/http"
	"slices"
	"testing"
	"time"

	"alertrelay/alerts"
	"alertrelay/relay/relaytest"
)

// alert is an event of an alert that fires since some time, and its channel. pairs
// are names and values of labels.
type alert struct {
	alerts.Event
	channel string
}

func fires(team, severity, name string, since time.Duration, pairs ...string) alert {
	a := alert{Event: alerts.Event{
		Source: "am", Kind: alerts.KindFiring, Status: alerts.Firing,
		Labels:      map[string]string{"alertname": name, "severity": severity, "team": team},
		Annotations: map[string]string{"summary": name + " is firing"},
		StartsAt:    time.Now().Add(-since).UTC(), UpdatedAt: time.Now().UTC(),
		GeneratorURL: "http://prom.example:9090/graph?g0.expr=up", Receiver: "relay", ExternalURL: "http://am.example:9093",
	}}
	for i := 0; i < len(pairs); i += 2 {
		a.Labels[pairs[i]] = pairs[i+1]
	}
	h := fnv.New64a()
	fmt.Fprint(h, a.Labels)
	a.Fingerprint = fmt.Sprintf("%016x", h.Sum64())
	a.ID = a.Source + "-" + a.Fingerprint
	a.channel = fmt.Sprintf("%s.%s.%s.%s", team, severity, name, a.ID)
	return a
}

// says sets the summary, and other annotations by name and value.
func (a alert) says(summary string, pairs ...string) alert {
	a.Annotations = map[string]string{"summary": summary}
	for i := 0; i < len(pairs); i += 2 {
		a.Annotations[pairs[i]] = pairs[i+1]
	}
	return a
}

// is sets what has happened.
func (a alert) is(kind alerts.Kind, status alerts.Status) alert {
	a.Kind, a.Status, a.UpdatedAt = kind, status, time.Now().UTC()
	if status == alerts.Resolved {
		a.EndsAt = a.UpdatedAt
	}
	return a
}

func (a alert) resolved() alert { return a.is(alerts.KindResolved, alerts.Resolved) }

func (a alert) acked(by, comment string) alert {
	a = a.is(alerts.KindAcked, alerts.Firing)
	a.Ack = &alerts.Ack{By: by, Comment: comment, At: a.UpdatedAt}
	return a
}

func (a alert) silenced(by, comment string, until time.Duration) alert {
	a = a.is(alerts.KindSuppressed, alerts.Suppressed)
	a.Suppression = &alerts.Suppression{
		Kind: alerts.Silenced, ID: "5a1d", By: by, Comment: comment, Since: a.UpdatedAt, Until: a.UpdatedAt.Add(until),
	}
	return a
}

// play publishes events in their order.
func play(t *testing.T, r *relaytest.Relay, all ...alert) {
	t.Helper()
	for _, a := range all {
		text, err := a.Encode()
		if err != nil {
			t.Fatal(err)
		}
		r.Publish(a.channel, string(text))
	}
}

// playAll has Alertmanager report many alerts at once, and again as long as it is
// answered with 503: a busy machine may not store them in time.
func playAll(t *testing.T, base string, all []alert) {
	t.Helper()
	for part := range slices.Chunk(all, 1_000) {
		var reports []map[string]any
		for _, a := range part {
			reports = append(reports, map[string]any{
				"status": a.Status, "labels": a.Labels, "annotations": a.Annotations, "startsAt": a.StartsAt, "endsAt": a.EndsAt,
				"generatorURL": a.GeneratorURL, "fingerprint": a.Fingerprint,
			})
		}
		body, err := json.Marshal(map[string]any{
			"version": "4", "groupKey": "{}:{}", "status": "firing", "receiver": "relay", "externalURL": "http://am.example:9093", "truncatedAlerts": 1,
			"groupLabels": map[string]string{}, "commonLabels": map[string]string{}, "commonAnnotations": map[string]string{}, "alerts": reports,
		})
		if err != nil {
			t.Fatal(err)
		}
		relaytest.Eventually(t, "the relay takes them", func() bool {
			got := relaytest.Send(t, base+"/in/alertmanager/am", string(body))
			if got.Status != http.StatusOK && got.Status != http.StatusServiceUnavailable {
				t.Fatalf("got %d %s", got.Status, got.Text)
			}
			return got.Status == http.StatusOK
		})
	}
}

// night is what a board may have on it at three in the morning.
func night() []alert {
	const wiki = "https://wiki.example/runbooks/"
	db := fires("db", "critical", "PostgresReplicationLag", 47*time.Minute, "instance", "pg-2.eu:9187", "cluster", "orders", "job", "postgres").
		says("Replica pg-2 is 4 m 12 s behind its primary", "runbook_url", wiki+"pg-lag", "dashboard_url", "https://grafana.example/d/pg",
			"description", "Writes go on; reads from the replica are stale.\nFail over only after the primary is known to be healthy.")
	disk := fires("db", "critical", "DiskWillFillIn4Hours", 3*time.Hour+12*time.Minute, "instance", "pg-1.eu:9100", "device", "/dev/nvme1n1", "mountpoint", "/var/lib/postgresql").
		says("/var/lib/postgresql on pg-1 is full in about 2 h 40 m", "runbook_url", wiki+"disk")
	all := []alert{
		db, disk,
		fires("web", "critical", "HighErrorRate", 94*time.Second, "service", "checkout", "region", "eu-west-1", "job", "ingress").
			says("checkout answers 7.3 % of requests with 5xx", "runbook_url", wiki+"5xx"),
		fires("web", "error", "CertificateExpiresSoon", 26*time.Hour, "host", "pay.example.com", "issuer", "R11").
			says("The certificate of pay.example.com expires in 2 d 4 h"),
		fires("infra", "warning", "NodeMemoryPressure", 12*time.Minute, "node", "k8s-worker-17", "cluster", "prod-eu").says("k8s-worker-17 has 3 % of its memory left"),
		fires("infra", "warning", "NTPDrift", 5*24*time.Hour, "instance", "edge-4:9100").says("The clock of edge-4 is 340 ms off"),
		fires("data", "warning", "KafkaConsumerLag", 22*time.Minute, "topic", "payments", "group", "ledger", "partition", "3").says("ledger is 1.2 M messages behind on payments/3"),
		fires("web", "info", "DeployInProgress", 4*time.Minute, "service", "search", "version", "2026.11.24-3").says("search is being deployed"),
		fires("data", "none", "BackupRunning", 50*time.Minute, "host", "backup-1").says("The nightly backup runs"),
	}
	acked := fires("db", "critical", "PgBouncerPoolExhausted", 33*time.Minute, "instance", "pgb-1:9127", "pool", "orders").
		says("The pool orders has no free connection", "runbook_url", wiki+"pool")
	all = append(all, acked, acked.acked("Mei Lin", "raising the pool, 10 m"))
	quiet := fires("infra", "warning", "HostDown", 8*time.Hour, "instance", "rack9-sw2").says("rack9-sw2 does not answer")
	all = append(all, quiet, quiet.silenced("jonas", "switch is replaced, CHG-4411", 3*time.Hour))
	inhibited := fires("web", "warning", "LatencyHigh", 2*time.Minute, "service", "checkout").says("p99 of checkout is 4.1 s")
	inhibited = inhibited.is(alerts.KindSuppressed, alerts.Suppressed)
	inhibited.Suppression = &alerts.Suppression{Kind: alerts.Inhibited, ID: "c0ffee", Since: inhibited.UpdatedAt}
	all = append(all, inhibited)
	stale := fires("data", "warning", "SparkJobStuck", 6*time.Hour, "job_id", "etl-77").says("etl-77 has made no progress for 2 h").is(alerts.KindStale, alerts.Stale)
	over := fires("web", "warning", "QueueBacklog", 19*time.Minute, "queue", "mail").says("12,400 mails wait")
	flapping := fires("infra", "warning", "LinkFlapping", 7*time.Minute, "instance", "core-1", "port", "xe-0/0/3").says("xe-0/0/3 went down 9 times")
	flapping.Flaps = 9
	return append(all, stale, over, over.resolved(), flapping)
}
