package alerts

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics count what senders bring. A nil Metrics counts nothing.
type Metrics struct {
	received, stored, deduplicated, ignored, lateCopies, truncated *prometheus.CounterVec // by source
	refused                                                        *prometheus.CounterVec // by reason
	lastMessage, clockSkew                                         *prometheus.GaugeVec   // by source

	mu      sync.Mutex          // guards sources
	sources map[string]struct{} // that have a label's value of their own
}

// maxSourceLabels bounds the sources with metrics of their own: anybody who may
// post can make up names. The others share otherSource, which is no source's
// name.
const (
	maxSourceLabels = 100
	otherSource     = "(other)"
)

// NewMetrics makes the metrics and registers them with reg, if it is not nil. It
// panics if they are registered already.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	auto := promauto.With(reg)
	bySource := func(name, help string) *prometheus.CounterVec {
		return auto.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{"source"})
	}
	return &Metrics{
		received:     bySource("alertrelay_alerts_received_total", "Alerts in requests that were answered with 200."),
		stored:       bySource("alertrelay_alerts_stored_total", "Alerts that became an event."),
		deduplicated: bySource("alertrelay_alerts_deduplicated_total", "Alerts that said what was known: repeats, retries and copies."),
		ignored:      bySource("alertrelay_alerts_ignored_total", "Alerts that meant nothing: resolves of what does not fire, and late copies."),
		lateCopies:   bySource("alertrelay_alerts_late_copies_total", "Alerts ignored because another member of the cluster has resolved them just before."),
		truncated:    bySource("alertrelay_alerts_truncated_total", "Alerts that the sender left out, by max_alerts."),
		refused: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "alertrelay_alerts_refused_requests_total", Help: "Requests that were not answered with 200, by reason.",
		}, []string{"reason"}),
		lastMessage: auto.NewGaugeVec(prometheus.GaugeOpts{
			Name: "alertrelay_alerts_last_message_timestamp_seconds", Help: "When the source was last answered with 200, in Unix time.",
		}, []string{"source"}),
		clockSkew: auto.NewGaugeVec(prometheus.GaugeOpts{
			Name: "alertrelay_alerts_clock_skew_seconds",
			Help: "How far the newest time in the source's last request was in the future of our clock.",
		}, []string{"source"}),
		sources: make(map[string]struct{}),
	}
}

func (m *Metrics) accept(source string, r Result, truncated int, now time.Time) {
	if m == nil {
		return
	}
	source = m.label(source)
	m.received.WithLabelValues(source).Add(float64(r.Received))
	m.stored.WithLabelValues(source).Add(float64(r.Stored))
	m.deduplicated.WithLabelValues(source).Add(float64(r.Deduplicated))
	m.ignored.WithLabelValues(source).Add(float64(r.Ignored))
	m.lateCopies.WithLabelValues(source).Add(float64(r.LateCopies))
	m.truncated.WithLabelValues(source).Add(float64(truncated))
	m.lastMessage.WithLabelValues(source).Set(float64(now.UnixMilli()) / 1000)
}

// skew compares what a sender says of the past with our clock. A clock of the
// sender that is behind cannot be told from alerts that are old.
func (m *Metrics) skew(source string, b *Batch, now time.Time) {
	if m == nil || len(b.Alerts) == 0 {
		return
	}
	ahead := time.Duration(0)
	for i := range b.Alerts {
		ahead = max(ahead, b.Alerts[i].StartsAt.Sub(now), b.Alerts[i].ReportedAt.Sub(now))
	}
	m.clockSkew.WithLabelValues(m.label(source)).Set(ahead.Seconds())
}

func (m *Metrics) refuse(reason string) {
	if m != nil {
		m.refused.WithLabelValues(reason).Inc()
	}
}

func (m *Metrics) label(source string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, ok := m.sources[source]; ok {
		return source
	}
	if len(m.sources) == maxSourceLabels {
		return otherSource
	}
	m.sources[source] = struct{}{}
	return source
}
