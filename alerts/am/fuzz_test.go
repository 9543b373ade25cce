package am

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"alertrelay/alerts"
)

func payload(f *testing.F, name string) []byte {
	f.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "alertmanager-0.34.2-GET-api-v2-"+name+".json"))
	if err != nil {
		f.Fatal(err)
	}
	return b
}

// Whatever is taken for alerts can be reported, stored and compared.
func FuzzDecodeAlerts(f *testing.F) {
	f.Add(payload(f, "alerts-with-suppressed"))
	f.Add([]byte(`[{"fingerprint":"3ed2017067eac33e","labels":{"":"x","a":""},"startsAt":"0001-01-01T00:00:00+14:00","status":{"state":"x"}}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		list, err := decodeAlerts(body)
		if err != nil {
			if list != nil {
				t.Error("alerts and an error")
			}
			return
		}
		c := comparison{source: "am", learn: true}
		l := Look{At: noon, Uptime: time.Hour, Alerts: list}
		c.compare(&l, nil)
		d := c.compare(&l, nil)
		if len(d.reports) < len(list) {
			t.Errorf("got %d reports of %d alerts that are missing", len(d.reports), len(list))
		}
		for i := range d.reports {
			a := &d.reports[i]
			if !alerts.IsID(a.ID()) || len(a.Labels) == 0 {
				t.Errorf("got report %+v", a)
			}
			if _, err := alerts.NewEvent(a, noon).Encode(); err != nil {
				t.Error(err)
			}
		}
	})
}

func FuzzDecodeSilences(f *testing.F) {
	f.Add(payload(f, "silences"))
	f.Fuzz(func(t *testing.T, body []byte) {
		list, err := decodeSilences(body)
		if err != nil {
			return
		}
		for i := range list {
			if s := &list[i]; s.ID == "" || s.EndsAt.IsZero() {
				t.Errorf("got %+v", s)
			}
			_ = list[i].Check(noon)
			list[i].isAckOf("am-3ed2017067eac33e")
		}
	})
}

// A configuration may be anything that an Alertmanager takes, and more.
func FuzzDiagnose(f *testing.F) {
	f.Add("route: {receiver: relay, routes: [{matchers: [a=b], continue: true, repeat_interval: 1d}]}\nreceivers: [{name: relay, webhook_configs: [{url: 'http://a/in/alertmanager/am', timeout: 1s}]}]", "0.34.2")
	f.Fuzz(func(t *testing.T, config, version string) {
		s := Status{Member: "http://am", Version: version, Now: noon, StartedAt: noon, Config: config}
		r, err := Diagnose(&s, []string{s.Member}, DoctorOptions{})
		if err == nil && len(r.Advice) == 0 {
			t.Error("got no advice")
		}
	})
}
