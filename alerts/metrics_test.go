package alerts_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"alertrelay/alerts"
)

func TestClockSkew(t *testing.T) {
	reg := prometheus.NewRegistry()
	srv, _ := serveSender(t, alerts.Alertmanager(), alerts.Options{Metrics: alerts.NewMetrics(reg), Now: func() time.Time { return noon }})
	for _, tt := range []struct {
		body string
		want float64
	}{
		{body(plainAlert), 0},
		{body(plainAlert + "," + strings.Replace(plainAlert, "07:00:00Z", "12:00:02.5Z", 1) + "," + strings.Replace(plainAlert, "07:00:00Z", "12:00:01Z", 1)), 2.5},
		{body(""), 2.5}, // says nothing
		{body(plainAlert), 0},
	} {
		if status, answer, _ := send(t, srv, http.MethodPost, "/in/x/am", tt.body, nil); status != 200 {
			t.Fatalf("got %d %s", status, answer)
		}
		if got, ok := series(t, reg, "alertrelay_alerts_clock_skew_seconds")["am"]; got != tt.want || !ok {
			t.Errorf("got %v, want %v", got, tt.want)
		}
	}
	reg = prometheus.NewRegistry()
	events, _ := serveSender(t, alerts.EventRecorder(), alerts.Options{
		Metrics: alerts.NewMetrics(reg), Now: func() time.Time { return time.Date(2026, 11, 22, 6, 59, 30, 0, time.UTC) },
	})
	if status, answer, _ := send(t, events, http.MethodPost, "/in/x/am", recorded(mutedBySilence), nil); status != 200 {
		t.Errorf("got %d %s", status, answer)
	}
	if got := series(t, reg, "alertrelay_alerts_clock_skew_seconds")["am"]; got != 30 {
		t.Errorf("got %v, want 30", got)
	}
}
