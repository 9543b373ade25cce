package web

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"alertrelay/relay/site"
)

// Metrics counts what the server does. A nil *Metrics counts nothing.
type Metrics struct {
	connections [site.ModeWebSocket + 1]prometheus.Gauge
	delivered   [site.ModeWebSocket + 1]prometheus.Counter
	refused     *prometheus.CounterVec
	published   prometheus.Counter
	publishTime prometheus.Histogram
}

// NewMetrics makes the metrics and registers them with reg.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := &Metrics{
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "alertrelay_http_refused_total", Help: "Requests that were refused, by what the location does and status.",
		}, []string{"mode", "status"}),
		published: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "alertrelay_http_published_total", Help: "Messages stored for HTTP and WebSocket publishers, one for each channel.",
		}),
		publishTime: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "alertrelay_http_publish_duration_seconds", Help: "Time from a publisher's whole body to the answer.",
			Buckets: []float64{.0001, .0005, .001, .005, .01, .05, .1, .5, 1, 5, 10},
		}),
	}
	connections := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "alertrelay_subscribers", Help: "Open subscriber connections, by what they are.",
	}, []string{"mode"})
	delivered := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "alertrelay_deliveries_total", Help: "Messages written to subscribers, by what they are.",
	}, []string{"mode"})
	for mode := site.ModeStream; mode <= site.ModeWebSocket; mode++ {
		m.connections[mode] = connections.WithLabelValues(mode.String())
		m.delivered[mode] = delivered.WithLabelValues(mode.String())
	}
	reg.MustRegister(m.refused, m.published, m.publishTime, connections, delivered)
	return m
}

func (m *Metrics) connect(mode site.Mode, change float64) {
	if m != nil {
		m.connections[mode].Add(change)
	}
}

func (m *Metrics) deliver(mode site.Mode, n int) {
	if m != nil {
		m.delivered[mode].Add(float64(n))
	}
}

func (m *Metrics) refuse(mode site.Mode, status int) {
	if m != nil {
		m.refused.WithLabelValues(mode.String(), strconv.Itoa(status)).Inc()
	}
}

func (m *Metrics) publish(n int, took time.Duration) {
	if m != nil {
		m.published.Add(float64(n))
		m.publishTime.Observe(took.Seconds())
	}
}
