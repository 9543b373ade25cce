package alerts

import (
	"strings"
	"unicode/utf8"
)

// MaxAlerts bounds the alerts of a request. A Decoder refuses more of them with
// ErrTooMany.
const MaxAlerts = maxAlerts

// ErrTooMany is a Decoder's error for a request with more than MaxAlerts.
var ErrTooMany = errTooMany

// CheckLabels is for decoders outside of this package: it takes labels without a
// value away, which are the same as none, and says what is wrong with the others.
func CheckLabels(labels map[string]string) error { return checkLabels(labels) }

// Bounds of what is taken from payloads whose texts have any length. What is
// longer is cut: a stack trace must not make the store refuse the alert.
const (
	// MaxLabelBytes bounds a label's value, where labels are not the identity.
	MaxLabelBytes = 1 << 10
	// MaxAnnotationBytes bounds an annotation.
	MaxAnnotationBytes = 16 << 10
)

const cutOff = "…"

// Cut shortens s to at most n bytes, the last of which say that it was cut. It
// does not cut within a character.
func Cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	n -= len(cutOff)
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return strings.Clone(s[:max(n, 0)]) + cutOff
}

// CheckSource says what is wrong with the name of a source, and how to mend it.
func CheckSource(source string) error { return checkSource(source) }
