package alerts

import (
	"fmt"
	"maps"
	"slices"
)

// fingerprint is the sender's if it is well formed, and computed if not. The
// sender's goes first: Grafana's covers labels that it does not send.
func fingerprint(sent string, labels map[string]string) string {
	if isFingerprint(sent) {
		return sent
	}
	return Fingerprint(labels)
}

func isFingerprint(s string) bool {
	if len(s) != 16 {
		return false
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// Fingerprint is what Alertmanager and Prometheus compute: FNV-1a of 64
// bits over the labels in the order of their names, a byte 0xff after each name
// and each value. Labels with empty values must be gone before.
func Fingerprint(labels map[string]string) string {
	const offset, prime = 14695981039346656037, 1099511628211
	h := uint64(offset)
	add := func(s string) {
		for i := range len(s) {
			h = (h ^ uint64(s[i])) * prime
		}
		h = (h ^ 0xff) * prime
	}
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		add(name)
		add(labels[name])
	}
	return fmt.Sprintf("%016x", h)
}

// IsID reports whether s is an alert's id, "<source>-<fingerprint>".
func IsID(s string) bool {
	dash := len(s) - 17
	return dash > 0 && s[dash] == '-' && checkSource(s[:dash]) == nil && isFingerprint(s[dash+1:])
}
