package am

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics count looks at Alertmanagers. A nil Metrics counts nothing.
type Metrics struct {
	looks, failures *prometheus.CounterVec // by source
	lastGood        *prometheus.GaugeVec   // by source
}

// NewMetrics makes the metrics and registers them with reg, if it is not nil. It
// panics if they are registered already.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	auto := promauto.With(reg)
	bySource := []string{"source"} // those that are configured, so there are few
	return &Metrics{
		looks: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "alertrelay_alerts_reconcile_looks_total", Help: "Comparisons with what the source's Alertmanager has, failed ones included.",
		}, bySource),
		failures: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "alertrelay_alerts_reconcile_failures_total", Help: "Comparisons that failed, and changed nothing.",
		}, bySource),
		lastGood: auto.NewGaugeVec(prometheus.GaugeOpts{
			Name: "alertrelay_alerts_reconcile_last_success_timestamp_seconds", Help: "When the last comparison went well, in Unix time.",
		}, bySource),
	}
}

func (m *Metrics) look(source string, err error, now time.Time) {
	if m == nil {
		return
	}
	m.looks.WithLabelValues(source).Inc()
	failures := m.failures.WithLabelValues(source) // there from the start
	if err != nil {
		failures.Inc()
		return
	}
	m.lastGood.WithLabelValues(source).Set(float64(now.UnixMilli()) / 1000)
}
