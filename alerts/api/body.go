package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	maxBodyBytes = 64 << 10
	bodyTime     = 5 * time.Second
	maxName      = 100  // runes of who says something
	maxComment   = 1000 // runes
)

// readJSON reads the body into v, strictly. That it must be called JSON keeps the
// forms of other sites out, too.
func readJSON(w http.ResponseWriter, r *http.Request, v any) error {
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != typeJSON {
		return &refusal{status: http.StatusUnsupportedMediaType, reason: "the body must be JSON: Content-Type: application/json"}
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(bodyTime)) // where it is not possible the server has its own
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBodyBytes))
	_ = control.SetReadDeadline(time.Time{})
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return &refusal{status: http.StatusRequestEntityTooLarge, reason: fmt.Sprintf("the body is larger than %d bytes", maxBodyBytes)}
	}
	if err != nil {
		return &refusal{status: http.StatusBadRequest, reason: "the body has not arrived whole"}
	}
	if !utf8.Valid(body) { // or else other characters would silently be put in their place
		return &refusal{status: http.StatusBadRequest, reason: "the body is no UTF-8"}
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return bodyError(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return &refusal{status: http.StatusBadRequest, reason: "the body goes on after its object"}
	}
	return nil
}

func bodyError(err error) error {
	if e := (*json.UnmarshalTypeError)(nil); errors.As(err, &e) {
		if e.Field == "" {
			return &refusal{status: http.StatusBadRequest, reason: "the body must be an object"}
		}
		kind := map[string]string{"string": "a string", "bool": "true or false", "slice": "a list", "struct": "a time"}[e.Type.Kind().String()]
		return wrong(e.Field, "must be "+kind)
	}
	if name, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		name = strings.Trim(name, `"`)
		return wrong(fmt.Sprintf("%.40s", name), "is not known")
	}
	if e := (*time.ParseError)(nil); errors.As(err, &e) {
		return &refusal{status: http.StatusBadRequest, reason: "a time is not of the form 2026-11-22T07:00:00Z"}
	}
	if e := (*json.SyntaxError)(nil); errors.As(err, &e) {
		return &refusal{status: http.StatusBadRequest, reason: fmt.Sprintf("the body is no JSON, at byte %d", e.Offset)}
	}
	return &refusal{status: http.StatusBadRequest, reason: "the body is no JSON: it ends too early"}
}

// checkText says what is wrong with a text of a person; more is whether it may
// have several lines.
func checkText(field, s string, most int, more bool) error {
	if n := utf8.RuneCountInString(s); n > most {
		return wrong(field, fmt.Sprintf("has %d characters, %d are possible", n, most))
	}
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(c rune) bool { return unicode.IsControl(c) && (!more || c != '\n' && c != '\t' && c != '\r') }) {
		return wrong(field, "has control characters")
	}
	return nil
}

// checkPerson checks and trims who says something, and what.
func checkPerson(byField string, by, comment *string) error {
	*by, *comment = strings.TrimSpace(*by), strings.TrimSpace(*comment)
	if *by == "" {
		return wrong(byField, "is missing; say who you are")
	}
	if err := checkText(byField, *by, maxName, false); err != nil {
		return err
	}
	return checkText("comment", *comment, maxComment, true)
}
