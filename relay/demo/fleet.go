package demo

import (
	"fmt"
	"strings"
)

// Names of the sources.
const (
	sourceAM   = "am"
	sourceProm = "prom"
	sourceEdge = "edge"
)

const (
	critical = "critical"
	warning  = "warning"
	info     = "info"
)

// rule is an alerting rule: what fires, where, and what it says.
type rule struct {
	name, severity, team string
	source               string // who evaluates it
	on                   []place
	// expr is the query, and summary what is told, with %s for where and %s for the
	// value.
	expr, summary string
	description   string
	low, high     float64 // of the value
	unit          string
	weight        int  // how often it fires, beside the others; 0: in incidents only
	flaps         bool // it comes and goes
}

// place is where an alert fires.
type place struct {
	labels map[string]string
	name   string
}

func hosts(cluster string, names ...string) []place {
	var list []place
	for _, n := range names {
		list = append(list, place{map[string]string{"instance": n + ":9100", "cluster": cluster}, n})
	}
	return list
}

func services(cluster string, names ...string) []place {
	var list []place
	for _, n := range names {
		list = append(list, place{map[string]string{"service": n, "cluster": cluster}, n})
	}
	return list
}

func disks(cluster string, names ...string) []place {
	var list []place
	for _, n := range names {
		host, mount, _ := strings.Cut(n, ":")
		list = append(list, place{map[string]string{"instance": host + ":9100", "mountpoint": mount, "cluster": cluster}, host + " " + mount})
	}
	return list
}

func numbered(format string, n int) []string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf(format, i+1))
	}
	return list
}

func both(a, b []place) []place { return append(append([]place{}, a...), b...) }

// people are on call.
var people = []string{"ana", "björn", "chen", "dana", "emeka", "farah"}

// rules are all there are, in an order that does not change: the seed draws from it.
func rules() []*rule {
	dbs := hosts("eu-1", numbered("db-%02d", 8)...)
	webs := both(hosts("eu-1", numbered("web-%02d", 12)...), hosts("us-1", numbered("web-us-%02d", 8)...))
	nodes := both(hosts("eu-1", numbered("node-%02d", 16)...), hosts("us-1", numbered("node-us-%02d", 10)...))
	switches := both(hosts("eu-1", numbered("sw-eu-%02d", 6)...), hosts("us-1", numbered("sw-us-%02d", 4)...))
	shops := both(services("eu-1", "checkout", "cart", "search", "catalog", "login", "images"), services("us-1", "checkout", "cart", "search", "login"))
	pays := services("eu-1", "payment-api", "ledger", "fraud-check", "payouts", "card-gateway")
	pods := services("eu-1", "mailer", "thumbnailer", "indexer", "reports", "webhooks", "exports", "billing-sync", "geo", "sessions", "notifier")
	vols := disks("eu-1", "db-01:/var/lib/postgresql", "db-02:/var/lib/postgresql", "db-05:/", "web-03:/var/log", "web-07:/", "node-04:/var/lib/containerd", "node-11:/var/lib/containerd", "db-07:/backup")
	sites := hosts("edge-north", "pos-01", "pos-02", "pos-03", "gw-01", "gw-02")
	return []*rule{
		{
			name: "DiskWillFill", severity: warning, team: "platform", source: sourceAM, on: vols, weight: 5, low: 81, high: 94, unit: "%",
			expr: "predict_linear(node_filesystem_avail_bytes[6h], 86400) < 0", summary: "%s is %s full and will be full within a day", description: "At the rate of the last six hours there will be no space left in 24 hours.",
		},
		{
			name: "DiskFull", severity: critical, team: "platform", source: sourceAM, on: vols, weight: 3, low: 96, high: 99, unit: "%",
			expr: "node_filesystem_avail_bytes / node_filesystem_size_bytes < 0.04", summary: "%s is %s full",
		},
		{
			name: "HighCPU", severity: warning, team: "web", source: sourceProm, on: webs, weight: 6, low: 86, high: 99, unit: "%",
			expr: "instance:cpu:rate5m > 0.85", summary: "CPU of %s at %s for 10 minutes",
		},
		{
			name: "MemoryPressure", severity: warning, team: "platform", source: sourceProm, on: nodes, weight: 5, low: 90, high: 98, unit: "%",
			expr: "instance:memory:used > 0.9", summary: "Memory of %s at %s",
		},
		{
			name: "ClockSkew", severity: info, team: "platform", source: sourceProm, on: nodes, weight: 2, low: 60, high: 400, unit: " ms",
			expr: "abs(node_timex_offset_seconds) > 0.05", summary: "The clock of %s is off by %s",
		},
		{
			name: "RebootRequired", severity: info, team: "platform", source: sourceProm, on: nodes, weight: 4, low: 3, high: 30, unit: " days",
			expr: "node_reboot_required > 0", summary: "%s has waited for a reboot for %s",
		},
		{
			name: "ReplicationLag", severity: warning, team: "db", source: sourceAM, on: dbs[1:], weight: 4, low: 12, high: 190, unit: " s",
			expr: "pg_replication_lag_seconds > 10", summary: "Replica %s is %s behind", description: "Reads from this replica are old. Failover to it would lose data.",
		},
		{
			name: "SlowQueries", severity: warning, team: "db", source: sourceAM, on: dbs, weight: 4, low: 1.2, high: 8, unit: " s",
			expr: "pg:query_p95:rate5m > 1", summary: "Queries on %s take %s (p95)",
		},
		{
			name: "PostgresConnections", severity: warning, team: "db", source: sourceAM, on: dbs, weight: 2, low: 82, high: 97, unit: "%",
			expr: "pg_connections / pg_max_connections > 0.8", summary: "%s uses %s of its connections",
		},
		{
			name: "BackupTooOld", severity: info, team: "db", source: sourceAM, on: dbs, weight: 2, low: 26, high: 70, unit: " h",
			expr: "time() - pg_last_backup_timestamp > 93600", summary: "The last backup of %s is %s old",
		},
		{
			name: "PostgresPrimaryDown", severity: critical, team: "db", source: sourceAM, on: dbs[:1], low: 1, high: 3, unit: " min",
			expr: `pg_up{role="primary"} == 0`, summary: "The primary %s has not answered for %s", description: "Nothing can be written. Fail over to db-02 if it does not come back.",
		},
		{
			name: "ConnectionPoolExhausted", severity: critical, team: "db", source: sourceAM, on: shops, low: 100, high: 100, unit: "%",
			expr: "pool_in_use / pool_size >= 1", summary: "%s waits for database connections, %s in use",
		},
		{
			name: "HTTPErrorRate", severity: critical, team: "web", source: sourceAM, on: shops, weight: 5, low: 2, high: 41, unit: "%",
			expr: "http:errors:ratio5m > 0.02", summary: "%s answers %s of requests with 5xx",
		},
		{
			name: "LatencyHigh", severity: warning, team: "web", source: sourceAM, on: shops, weight: 6, low: 0.8, high: 6, unit: " s",
			expr: "http:latency_p99:rate5m > 0.75", summary: "p99 of %s is %s",
		},
		{
			name: "CertificateExpires", severity: warning, team: "web", source: sourceAM, on: services("global", "www.shop.example", "api.shop.example", "pay.shop.example", "img.shop.example"), weight: 1, low: 4, high: 13, unit: " days",
			expr: "probe_ssl_earliest_cert_expiry - time() < 14*86400", summary: "The certificate of %s expires in %s",
		},
		{
			name: "CheckoutFailing", severity: critical, team: "payments", source: sourceAM, on: services("eu-1", "checkout"), low: 20, high: 95, unit: "%",
			expr: "checkout:failures:ratio1m > 0.2", summary: "%s: %s of orders cannot be paid", description: "Customers see an error after they pressed Pay.",
		},
		{
			name: "PaymentLatency", severity: warning, team: "payments", source: sourceAM, on: pays, weight: 3, low: 1.5, high: 9, unit: " s",
			expr: "payment:latency_p95:rate5m > 1.5", summary: "%s takes %s (p95)",
		},
		{
			name: "CardDeclines", severity: warning, team: "payments", source: sourceAM, on: services("eu-1", "visa", "mastercard", "amex"), weight: 2, low: 9, high: 30, unit: "%",
			expr: "payment:declines:ratio15m > 0.09", summary: "%s declines %s of payments",
		},
		{
			name: "ReconciliationBehind", severity: info, team: "payments", source: sourceAM, on: pays, weight: 2, low: 2, high: 11, unit: " h",
			expr: "ledger_reconciled_age_seconds > 7200", summary: "%s is reconciled only up to %s ago",
		},
		{
			name: "QueueBacklog", severity: warning, team: "platform", source: sourceAM, on: pods, weight: 4, low: 12_000, high: 480_000, unit: " messages",
			expr: "queue_depth > 10000", summary: "%s has %s waiting",
		},
		{
			name: "PodCrashLooping", severity: warning, team: "platform", source: sourceProm, on: pods, weight: 4, low: 3, high: 14, unit: " times",
			expr: "increase(kube_pod_container_status_restarts_total[10m]) > 2", summary: "%s has restarted %s in 10 minutes",
		},
		{
			name: "KubeNodeNotReady", severity: critical, team: "platform", source: sourceProm, on: nodes, low: 2, high: 9, unit: " min",
			expr: `kube_node_status_condition{condition="Ready",status="true"} == 0`, summary: "Node %s has not been ready for %s",
		},
		{
			name: "KubeAPIDown", severity: critical, team: "platform", source: sourceAM, on: services("eu-1", "kube-apiserver"), low: 1, high: 3, unit: " min",
			expr: `up{job="apiserver"} == 0`, summary: "%s has been gone for %s", description: "Nothing can be scheduled; what runs goes on.",
		},
		{
			name: "DeploymentStuck", severity: info, team: "platform", source: sourceAM, on: pods, weight: 2, low: 15, high: 90, unit: " min",
			expr: "kube_deployment_status_condition{condition=\"Progressing\"} == 0", summary: "The deployment of %s has stood for %s",
		},
		{
			name: "InterfaceFlapping", severity: warning, team: "net", source: sourceAM, on: switches, flaps: true, low: 4, high: 21, unit: " times",
			expr: "changes(ifOperStatus[5m]) > 3", summary: "An uplink of %s went up and down %s in 5 minutes",
		},
		{
			name: "ProbeFlapping", severity: warning, team: "web", source: sourceProm, on: services("global", "www.shop.example", "status.shop.example"), flaps: true, low: 1, high: 3, unit: " of 5 probes",
			expr: "avg_over_time(probe_success[5m]) < 0.8", summary: "%s: %s fail",
		},
		{
			name: "PacketLoss", severity: warning, team: "net", source: sourceAM, on: switches, weight: 4, low: 0.5, high: 12, unit: "%",
			expr: "ping:loss:ratio5m > 0.005", summary: "%s loses %s of packets",
		},
		{
			name: "SwitchDown", severity: critical, team: "net", source: sourceAM, on: switches[:2], low: 1, high: 4, unit: " min",
			expr: `snmp_up{role="core"} == 0`, summary: "The core switch %s has not answered for %s", description: "Racks behind it are cut off, unless their second uplink holds.",
		},
		{
			name: "BGPPeerDown", severity: critical, team: "net", source: sourceAM, on: services("eu-1", "as64500", "as64511", "as64499"), weight: 3, low: 1, high: 20, unit: " min",
			expr: "bgp_session_up == 0", summary: "The session with %s has been down for %s",
		},
		{
			name: "HostUnreachable", severity: critical, team: "net", source: sourceAM, on: both(webs[:12], nodes[:16]), low: 1, high: 6, unit: " min",
			expr: "probe_success{job=\"icmp\"} == 0", summary: "%s has not answered pings for %s",
		},
		{
			name: "PowerSupplyFailed", severity: info, team: "net", source: sourceAM, on: switches, weight: 1, low: 1, high: 2, unit: " of 2",
			expr: "psu_ok == 0", summary: "%s: power supply %s has failed",
		},
		{
			name: "TillOffline", severity: warning, team: "payments", source: sourceEdge, on: sites[:3], weight: 3, low: 3, high: 30, unit: " min",
			expr: "up{job=\"till\"} == 0", summary: "Till %s has been offline for %s",
		},
		{
			name: "UplinkOnBackup", severity: warning, team: "net", source: sourceEdge, on: sites[3:], weight: 3, low: 5, high: 50, unit: " min",
			expr: "uplink_backup_active == 1", summary: "%s has used its mobile uplink for %s",
		},
	}
}
