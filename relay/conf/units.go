package conf

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

const maxDuration = 3650 * 24 * time.Hour

var durationUnits = []struct {
	name string
	unit time.Duration
}{
	// "ms" before "m", of which it would else be one and a rest.
	{"w", 7 * 24 * time.Hour},
	{"d", 24 * time.Hour},
	{"h", time.Hour},
	{"ms", time.Millisecond},
	{"m", time.Minute},
	{"s", time.Second},
}

// ParseDuration reads "90s", "5m", "1h30m", "30d", "2w". A unit is required.
// Results are 0 to 3650 days, in whole milliseconds.
func ParseDuration(s string) (time.Duration, error) {
	if s == "" {
		return 0, errors.New("is empty; write a duration such as 90s, 5m, 1h30m or 30d")
	}
	if s == "0" {
		return 0, nil
	}
	if _, err := strconv.ParseFloat(s, 64); err == nil {
		return 0, fmt.Errorf("%q has no unit; write %ss or %sm, or use h, d, w", s, s, s)
	}
	bad := fmt.Errorf("%q is no duration; write a number and a unit (ms, s, m, h, d, w), such as 90s, 5m, 1h30m or 30d", s)
	var total float64
	for rest := s; rest != ""; {
		i := 0
		for i < len(rest) && (rest[i] >= '0' && rest[i] <= '9' || rest[i] == '.') {
			i++
		}
		n, err := strconv.ParseFloat(rest[:i], 64)
		if err != nil {
			return 0, bad
		}
		rest = rest[i:]
		found := false
		for _, u := range durationUnits {
			if after, ok := strings.CutPrefix(rest, u.name); ok {
				total += n * float64(u.unit)
				rest, found = after, true
				break
			}
		}
		if !found {
			return 0, bad
		}
	}
	if total > float64(maxDuration) {
		return 0, fmt.Errorf("%q is too long; 3650d is the most", s)
	}
	return time.Duration(total).Round(time.Millisecond), nil
}

// FormatDuration writes d, rounded to milliseconds, as ParseDuration reads it:
// "30d", "1h30m".
func FormatDuration(d time.Duration) string {
	d = d.Round(time.Millisecond)
	if d == 0 {
		return "0s"
	}
	var b strings.Builder
	if d < 0 {
		b.WriteByte('-')
		d = -d
	}
	for _, u := range []string{"d", "h", "m", "s", "ms"} {
		for _, known := range durationUnits {
			if known.name == u && d >= known.unit {
				fmt.Fprintf(&b, "%d%s", d/known.unit, u)
				d %= known.unit
			}
		}
	}
	return b.String()
}

var sizeUnits = []struct {
	name string
	unit int64
}{
	{"tib", 1 << 40},
	{"gib", 1 << 30},
	{"mib", 1 << 20},
	{"kib", 1 << 10},
	{"tb", 1e12},
	{"gb", 1e9},
	{"mb", 1e6},
	{"kb", 1e3},
	{"b", 1},
}

// ParseSize reads "64MiB", "1.5 GiB", "500MB", and plain bytes.
func ParseSize(s string) (int64, error) {
	if s == "" {
		return 0, errors.New("is empty; write a size such as 64MiB or 1GiB")
	}
	number, unit := strings.ToLower(s), int64(1)
	for _, u := range sizeUnits {
		if before, ok := strings.CutSuffix(number, u.name); ok {
			number, unit = strings.TrimSpace(before), u.unit
			break
		}
	}
	n, err := strconv.ParseFloat(number, 64)
	if err == nil && n >= 0 && n*float64(unit) < math.MaxInt64/2 {
		return int64(n * float64(unit)), nil
	}
	if before, last := number[:max(0, len(number)-1)], number[max(0, len(number)-1):]; unit == 1 && strings.Contains("kmgt", last) {
		if _, err := strconv.ParseFloat(before, 64); err == nil {
			return 0, fmt.Errorf("%q is ambiguous; write %s%siB (powers of 1024) or %s%sB (powers of 1000)", s, before, strings.ToUpper(last), before, strings.ToUpper(last))
		}
	}
	return 0, fmt.Errorf("%q is no size; write a number and a unit (KiB, MiB, GiB, KB, MB, GB), such as 64MiB or 1GiB", s)
}

// FormatSize writes n as ParseSize reads it, in the largest unit that leaves a
// whole number.
func FormatSize(n int64) string {
	for _, u := range []struct {
		name string
		unit int64
	}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"GB", 1e9}, {"MB", 1e6}, {"KB", 1e3}} {
		if n >= u.unit && n%u.unit == 0 {
			return strconv.FormatInt(n/u.unit, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10) + "B"
}

func parseCount(s string) (int, error) {
	if s == "" {
		return 0, errors.New("is empty; write a whole number")
	}
	n, err := strconv.Atoi(strings.ReplaceAll(s, "_", ""))
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%q is no whole number from 0", s)
	}
	return n, nil
}

func between(n, low, high int) error {
	if n < low || n > high {
		return fmt.Errorf("%d is out of range, %d to %d", n, low, high)
	}
	return nil
}

func parseBool(s string) (bool, error) {
	switch s {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither true nor false", s)
}
