package alerts

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
)

const (
	// maxToken bounds a token. Four of them, the prefix and the id stay within
	// maxSubject.
	maxToken = 96
	// cutToken is how much of a longer one is kept in front of the hash.
	cutToken = maxToken - len(cutMark) - 2*hashBytes
	// cutMark cannot be in a token that was not cut: after "=" come two digits.
	cutMark   = "=="
	hashBytes = 8

	upperHex = "0123456789ABCDEF"
)

var errToken = errors.New("alerts: not a token of a label's value")

// EncodeToken makes a label's value one token of a subject: letters, digits, "-"
// and "_" stay, every other byte becomes "=" and two upper-case hex digits. No
// value is "_", and the value "_" is "=5F". A token of more than 96 bytes is cut,
// at most 78 bytes of it staying in front of "==" and 16 lower-case hex digits of
// the value's SHA-256.
//
// "=" and not "%", because the token is to be a key of a JetStream bucket too.
func EncodeToken(value string) string {
	switch value {
	case "":
		return "_"
	case "_":
		return "=5F"
	}
	size := 0
	for i := range len(value) {
		size += unitSize(value[i])
	}
	if size == len(value) && size <= maxToken {
		return value
	}
	limit := maxToken
	if size > maxToken {
		limit = cutToken
	}
	b := make([]byte, 0, maxToken)
	for i := 0; i < len(value) && len(b)+unitSize(value[i]) <= limit; i++ {
		if c := value[i]; unitSize(c) == 1 {
			b = append(b, c)
		} else {
			b = append(b, '=', upperHex[c>>4], upperHex[c&15])
		}
	}
	if size > maxToken {
		sum := sha256.Sum256([]byte(value))
		b = append(b, cutMark...)
		b = hex.AppendEncode(b, sum[:hashBytes])
	}
	return string(b)
}

// unitSize is how many bytes of a token a byte of the value takes.
func unitSize(c byte) int {
	if c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_' {
		return 1
	}
	return 3
}

// DecodeToken undoes EncodeToken. If cut is true, value is only the beginning of
// the label's value, and may end within a character. What EncodeToken does not
// make is an error.
func DecodeToken(token string) (value string, cut bool, err error) {
	switch token {
	case "_":
		return "", false, nil
	case escapedMeta:
		return metaToken, false, nil
	}
	units, hash, cut := strings.Cut(token, cutMark)
	b := make([]byte, 0, len(units))
	for i := 0; i < len(units); i++ {
		c := units[i]
		if c == '=' {
			if i+2 >= len(units) {
				return "", false, errToken
			}
			hi, lo := strings.IndexByte(upperHex, units[i+1]), strings.IndexByte(upperHex, units[i+2])
			if hi < 0 || lo < 0 {
				return "", false, errToken
			}
			c = byte(hi<<4 | lo)
			i += 2
		}
		b = append(b, c)
	}
	value = string(b)
	if !cut {
		if EncodeToken(value) != token {
			return "", false, errToken
		}
		return value, false, nil
	}
	if !isFingerprint(hash) || !isCut(units, value) {
		return "", false, errToken
	}
	return value, true, nil
}

// isCut reports whether units are what is in front of the hash: each written as
// EncodeToken writes it, and so many that one more might not have fitted.
func isCut(units, value string) bool {
	size := 0
	for i := range len(value) {
		size += unitSize(value[i])
	}
	return size == len(units) && size > cutToken-3 && size <= cutToken
}
