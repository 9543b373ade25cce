package track

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"alertrelay/alerts"
)

// Metrics count what became of alerts. A nil Metrics counts nothing.
type Metrics struct {
	events *prometheus.CounterVec // by kind and reason
}

// NewMetrics makes the metrics and registers them with reg, if it is not nil. It
// panics if they are registered already.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	return &Metrics{events: promauto.With(reg).NewCounterVec(prometheus.CounterOpts{
		Name: "alertrelay_alert_events_total",
		Help: "Events that this relay has stored, by kind; why alerts ended is the reason of the kinds resolved and expired.",
	}, []string{"kind", "reason"})}
}

func (m *Metrics) event(e *alerts.Event) {
	if m == nil {
		return
	}
	reason := ""
	if e.Kind == alerts.KindResolved || e.Kind == alerts.KindExpired {
		reason = "sender"
		if e.Reason != "" {
			reason = e.Reason // ours: a sender's text is in annotations
		}
	}
	m.events.WithLabelValues(string(e.Kind), reason).Inc()
}

// Collect registers what is read when it is asked for.
func (t *Tracker) Collect(reg prometheus.Registerer) { reg.MustRegister(collector{t}) }

var (
	activeDesc = prometheus.NewDesc("alertrelay_alerts_active", "Alerts that are active now, by status.", []string{"status"}, nil)
	silentDesc = prometheus.NewDesc("alertrelay_alerts_source_age_seconds", "How long ago the source was last heard of, by any relay.", []string{"source"}, nil)
)

// maxSources bounds the sources that are told of: anybody who may post can make up
// names.
const maxSources = 100

type collector struct{ t *Tracker }

func (c collector) Describe(ch chan<- *prometheus.Desc) {
	ch <- activeDesc
	ch <- silentDesc
}

func (c collector) Collect(ch chan<- prometheus.Metric) {
	counts := c.t.Count()
	for _, s := range []alerts.Status{alerts.Firing, alerts.Suppressed, alerts.Stale} {
		ch <- prometheus.MustNewConstMetric(activeDesc, prometheus.GaugeValue, float64(counts[s]), string(s))
	}
	now, n := c.t.now(), 0
	for source, at := range c.t.Heard() {
		if n++; n > maxSources {
			break
		}
		ch <- prometheus.MustNewConstMetric(silentDesc, prometheus.GaugeValue, max(now.Sub(at), time.Duration(0)).Seconds(), source)
	}
}
