package conf_test

import (
	"testing"
	"time"

	"alertrelay/relay/conf"
)

func TestDurations(t *testing.T) {
	for s, want := range map[string]time.Duration{
		"90s": 90 * time.Second, "5m": 5 * time.Minute, "1h30m": 90 * time.Minute, "30d": 720 * time.Hour, "2w": 336 * time.Hour,
		"1.5h": 90 * time.Minute, "250ms": 250 * time.Millisecond, "0": 0, "1d12h": 36 * time.Hour, "0.29s": 290 * time.Millisecond, "0.0001s": 0,
	} {
		if got, err := conf.ParseDuration(s); err != nil || got != want {
			t.Errorf("%s: got %s, %v, want %s", s, got, err, want)
		}
	}
	for _, s := range []string{"", "5", "m", "-5m", "5x", "5m3", "1e3s", "99999d", "NaN", "Inf", " 5m"} {
		if got, err := conf.ParseDuration(s); err == nil {
			t.Errorf("%q: got %s, want an error", s, got)
		}
	}
	for d, want := range map[time.Duration]string{720 * time.Hour: "30d", 90 * time.Minute: "1h30m", 0: "0s", 1500 * time.Millisecond: "1s500ms", time.Microsecond: "0s", -time.Hour: "-1h"} {
		if got := conf.FormatDuration(d); got != want {
			t.Errorf("%s: got %s, want %s", d, got, want)
		}
	}
}

func TestSizes(t *testing.T) {
	for s, want := range map[string]int64{
		"64MiB": 64 << 20, "1GiB": 1 << 30, "1.5 gib": 3 << 29, "500MB": 500e6, "123": 123, "7b": 7, "2KiB": 2048, "3TB": 3e12,
	} {
		if got, err := conf.ParseSize(s); err != nil || got != want {
			t.Errorf("%s: got %d, %v, want %d", s, got, err, want)
		}
	}
	for _, s := range []string{"", "x", "-1", "5g", "MiB", "1e300GiB", "NaN", "inf"} {
		if got, err := conf.ParseSize(s); err == nil {
			t.Errorf("%q: got %d, want an error", s, got)
		}
	}
	for n, want := range map[int64]string{64 << 20: "64MiB", 500e6: "500MB", 123: "123B", 0: "0B"} {
		if got := conf.FormatSize(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"listen", "nats-listen", "nats-url", "data", "h"}
	for name, want := range map[string]string{"lisen": "listen", "nats_listen": "nats-listen", "dtaa": "data", "nats-ulr": "nats-url", "verbose": "", "LISTEN": "listen", "x": "", "": ""} {
		if got := conf.Nearest(name, names); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}
