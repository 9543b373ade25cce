package app

import (
	"github.com/prometheus/client_golang/prometheus"

	"alertrelay/relay"
	"alertrelay/relay/store"
)

// registerMetrics registers what the hub and the store know when they are asked.
func registerMetrics(reg prometheus.Registerer, hub *relay.Hub, st *store.Store, peers *store.Peers) {
	gauge := func(name, help string, value func() float64) {
		reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
	}
	counter := func(name, help string, value func() float64) {
		reg.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, value))
	}
	gauge("alertrelay_ready", "1 when retained messages are loaded.", func() float64 {
		if hub.Ready() {
			return 1
		}
		return 0
	})
	gauge("alertrelay_channels", "Channels that exist now.", func() float64 { return float64(hub.ChannelCount()) })
	gauge("alertrelay_stream_applied_sequence", "Sequence up to which the stream has been read.", func() float64 { return float64(hub.Applied()) })
	gauge("alertrelay_peers", "Other relays on the same stream that were heard of in the last seconds.", func() float64 { return float64(peers.Seen()) })
	counter("alertrelay_dropped_events_total", "Events that were not told on the events channel, because the store was away for too long or would not take them.",
		func() float64 { return float64(hub.DroppedEvents()) })
	counter("alertrelay_messages_total", "Messages read from the stream since the start.", func() float64 { return float64(hub.PublishedCount()) })
	counter("alertrelay_missed_messages_total", "Messages that left the stream before they were read: more was published to one channel at once than it keeps.",
		func() float64 { return float64(st.Missed()) })
	counter("alertrelay_foreign_messages_total", "Messages in the stream that belong to no channel and are passed over.", func() float64 { return float64(st.Foreign()) })
}
