package conf

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"alertrelay/relay/site"
)

// slot reads the value of a directive. Its errors are nginx's, without the place.
type slot func(d *directive) (any, error)

func textSlot(d *directive) (any, error) { return d.args[0], nil }

func valueSlot(d *directive) (any, error) {
	_, err := site.Variables(d.args[0])
	return site.ValueOf(d.args[0]), err
}

func flagSlot(d *directive) (any, error) {
	switch strings.ToLower(d.args[0]) {
	case "on":
		return true, nil
	case "off":
		return false, nil
	}
	return nil, fmt.Errorf(`invalid value "%s" in "%s" directive, it must be "on" or "off"`, d.args[0], d.name)
}

func numberSlot(d *directive) (any, error) {
	n, err := strconv.ParseUint(d.args[0], 10, 63)
	if err != nil {
		return nil, fmt.Errorf(`"%s" directive invalid number`, d.name)
	}
	return int(n), nil
}

func secondsSlot(d *directive) (any, error) { return timeSlot(d, time.Second) }

func millisecondsSlot(d *directive) (any, error) { return timeSlot(d, time.Millisecond) }

func timeSlot(d *directive, grain time.Duration) (any, error) {
	t, ok := nginxTime(d.args[0], grain)
	if !ok {
		return nil, fmt.Errorf(`"%s" directive invalid value`, d.name)
	}
	if t > maxDuration {
		return nil, fmt.Errorf(`"%s" directive invalid value: 3650d is the most that is supported`, d.name)
	}
	return t, nil
}

// nginxTime reads "30", "30s", "1h30m", "1h 30m", "1M": units from the greatest to
// the smallest, and seconds without one. Only times in milliseconds take "ms".
func nginxTime(s string, grain time.Duration) (time.Duration, bool) {
	const day = 24 * time.Hour
	units := []struct {
		name byte
		unit time.Duration
	}{{'y', 365 * day}, {'M', 30 * day}, {'w', 7 * day}, {'d', day}, {'h', time.Hour}, {'m', time.Minute}, {'s', time.Second}}
	var total time.Duration
	add := func(n uint64, unit time.Duration) bool {
		if n > uint64((math.MaxInt64-total)/unit) {
			return false
		}
		total += time.Duration(n) * unit
		return true
	}
	if s == "" {
		return 0, false
	}
	next := 0 // index of the greatest unit that may follow
	for s != "" {
		digits := len(s) - len(strings.TrimLeft(s, "0123456789"))
		n, err := strconv.ParseUint(s[:digits], 10, 63)
		if err != nil {
			return 0, false
		}
		s = s[digits:]
		if s == "" || s[0] == ' ' {
			// Seconds; only the last number may be without a unit.
			ok := strings.Trim(s, " ") == "" && add(n, time.Second)
			return total, ok
		}
		unit := time.Duration(0)
		if strings.HasPrefix(s, "ms") {
			if grain != time.Millisecond {
				return 0, false
			}
			unit, s, next = time.Millisecond, s[1:], len(units)
		} else {
			for i := next; i < len(units); i++ {
				if units[i].name == s[0] {
					unit, next = units[i].unit, i+1
					break
				}
			}
		}
		if unit == 0 || !add(n, unit) {
			return 0, false
		}
		s = strings.TrimLeft(s[1:], " ")
	}
	return total, true
}

// nginxSize reads "10", "10k", "10m", and with giga also "10g".
func nginxSize(s string, giga bool) (int64, bool) {
	unit := int64(1)
	if s != "" {
		switch s[len(s)-1] {
		case 'k', 'K':
			unit = 1 << 10
		case 'm', 'M':
			unit = 1 << 20
		case 'g', 'G':
			if !giga {
				return 0, false
			}
			unit = 1 << 30
		}
		if unit > 1 {
			s = s[:len(s)-1]
		}
	}
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil || n > uint64(1<<53/unit) { // more is nobody's, and floats would round it
		return 0, false
	}
	return int64(n) * unit, true
}

func sizeSlot(d *directive) (any, error) {
	n, ok := nginxSize(d.args[0], true)
	if !ok {
		return nil, fmt.Errorf(`"%s" directive invalid value`, d.name)
	}
	return n, nil
}
