package mapping

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"alertrelay/alerts"
)

// maxFields bounds a form.
const maxFields = 1000

// jsonBody returns the JSON of a body: the body itself, or what is in a form. A
// form without the field is an object of its fields.
func jsonBody(head http.Header, body []byte, field string) (string, error) {
	media, params, err := mime.ParseMediaType(head.Get("Content-Type"))
	var fields map[string]string
	switch {
	case err != nil:
	case media == "application/x-www-form-urlencoded" && !looksLikeJSON(body): // curl -d says so of any text
		fields, err = urlForm(string(body))
	case media == "multipart/form-data":
		fields, err = multipartForm(body, params["boundary"])
	}
	if fields == nil {
		return checkJSON(body)
	}
	if err != nil {
		return "", &alerts.UnmappedError{Reason: "body: is no valid form of at most 1000 fields"}
	}
	if text, ok := fields[field]; ok {
		return checkJSON([]byte(text))
	}
	text, err := json.Marshal(fields)
	if err != nil {
		return "", err
	}
	return string(text), nil
}

func looksLikeJSON(body []byte) bool {
	body = bytes.TrimSpace(body)
	return len(body) > 0 && (body[0] == '{' || body[0] == '[')
}

func checkJSON(body []byte) (string, error) {
	body = bytes.TrimPrefix(body, []byte("\ufeff"))
	switch {
	case len(bytes.TrimSpace(body)) == 0:
		return "", &alerts.UnmappedError{Reason: "body: is empty; set up the sender to post JSON"}
	case !utf8.Valid(body):
		return "", &alerts.UnmappedError{Reason: "body: is no UTF-8; set up the sender to post JSON"}
	case !json.Valid(body):
		return "", &alerts.UnmappedError{Reason: "body: is no JSON; set up the sender to post JSON, or a form with JSON in a field"}
	}
	return string(body), nil
}

// urlForm and multipartForm never return nil: it is a form, valid or not. Of
// several fields of a name the first counts.
func urlForm(body string) (map[string]string, error) {
	fields := make(map[string]string)
	if strings.Count(body, "&") >= maxFields {
		return fields, errors.New("mapping: too many fields")
	}
	values, err := url.ParseQuery(body)
	for name, v := range values {
		fields[name] = v[0]
	}
	return fields, err
}

func multipartForm(body []byte, boundary string) (map[string]string, error) {
	fields := make(map[string]string)
	r := multipart.NewReader(bytes.NewReader(body), boundary)
	for range maxFields {
		part, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return fields, nil
		}
		if err != nil {
			return fields, err
		}
		text, err := io.ReadAll(part)
		if err != nil {
			return fields, err
		}
		if _, known := fields[part.FormName()]; !known && part.FormName() != "" {
			fields[part.FormName()] = string(text)
		}
	}
	return fields, errors.New("mapping: too many fields")
}
