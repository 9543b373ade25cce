package alerts

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"
)

// jsonReader reads a body piece by piece, so that an error can tell the element
// of a list and the byte. json.Unmarshal knows neither: its errors name
// "alerts.labels" for any of 5,000 alerts. Bytes are counted from 1; that of a
// wrong value is its last.
type jsonReader struct {
	body []byte
	dec  *json.Decoder
}

// newJSONReader refuses what is not UTF-8: encoding/json would silently put
// other characters in its place, and the fingerprint would no longer fit.
func newJSONReader(body []byte) (*jsonReader, error) {
	if !utf8.Valid(body) {
		return nil, fmt.Errorf("body: invalid UTF-8 at byte %d", invalidUTF8(body)+1)
	}
	return &jsonReader{body: body, dec: json.NewDecoder(bytes.NewReader(body))}, nil
}

func invalidUTF8(b []byte) int {
	i := 0
	for i < len(b) {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			break
		}
		i += n
	}
	return i
}

// maxKeys bounds an object that is read key by key, which is slow: 30 MiB of keys
// took 12 s on two busy cores.
const maxKeys = 1000

// object calls member with each key. member must read the value.
func (r *jsonReader) object(path string, member func(key string) error) error {
	if err := r.open(path, '{', "an object"); err != nil {
		return err
	}
	for n := 1; r.dec.More(); n++ {
		if n > maxKeys {
			return fmt.Errorf("%s: has more than %d keys, at byte %d", path, maxKeys, r.dec.InputOffset())
		}
		key, err := r.dec.Token()
		if err != nil {
			return r.syntax(err)
		}
		if err := member(key.(string)); err != nil { // the decoder lets only strings be keys
			return err
		}
	}
	return r.close()
}

// array calls element with each index. element must read the value.
func (r *jsonReader) array(path string, element func(i int) error) error {
	if err := r.open(path, '[', "a list"); err != nil {
		return err
	}
	for i := 0; r.dec.More(); i++ {
		if err := element(i); err != nil {
			return err
		}
	}
	return r.close()
}

func (r *jsonReader) open(path string, want json.Delim, what string) error {
	token, err := r.dec.Token()
	if err != nil {
		return r.syntax(err)
	}
	if token != want {
		return fmt.Errorf("%s: must be %s, at byte %d", path, what, r.dec.InputOffset())
	}
	return nil
}

func (r *jsonReader) close() error {
	if _, err := r.dec.Token(); err != nil {
		return r.syntax(err)
	}
	return nil
}

// maxValueBytes bounds a value that is decoded at once. A map took
// seven times the memory of its JSON.
const maxValueBytes = 4 << 20

// value reads the next value into v.
func (r *jsonReader) value(path string, v any) error {
	start := r.next()
	var raw json.RawMessage
	if err := r.dec.Decode(&raw); err != nil {
		return r.syntax(err)
	}
	if len(raw) > maxValueBytes {
		return fmt.Errorf("%s: is larger than %d bytes, at byte %d", path, maxValueBytes, r.dec.InputOffset())
	}
	err := json.Unmarshal(raw, v)
	if wrong := (*json.UnmarshalTypeError)(nil); errors.As(err, &wrong) {
		if wrong.Field != "" {
			path += "." + wrong.Field
		}
		// Value may go on with the number itself.
		got, _, _ := strings.Cut(wrong.Value, " ")
		return fmt.Errorf("%s: %s %s where %s belongs, at byte %d", path, article(got), got, kindName(wrong.Type), start+int(wrong.Offset))
	}
	if err != nil {
		return r.syntax(err)
	}
	return nil
}

// checked is what check makes of the value at path, which was just read; its
// error begins with the field's path below that.
func (r *jsonReader) checked(path string, check func() (Alert, error)) (Alert, error) {
	a, err := check()
	if err != nil {
		return Alert{}, fmt.Errorf("%s%w, before byte %d", path, err, r.dec.InputOffset())
	}
	return a, nil
}

// next is where the next value begins.
func (r *jsonReader) next() int {
	i := int(r.dec.InputOffset())
	for i < len(r.body) && strings.IndexByte(" \t\r\n,:", r.body[i]) >= 0 {
		i++
	}
	return i
}

// skip passes over the next value.
func (r *jsonReader) skip() error {
	var ignored json.RawMessage
	if err := r.dec.Decode(&ignored); err != nil {
		return r.syntax(err)
	}
	return nil
}

// end refuses anything behind the value.
func (r *jsonReader) end() error {
	if i := r.next(); i < len(r.body) {
		return fmt.Errorf("body: more than one JSON value, the second at byte %d", i+1)
	}
	return nil
}

// syntax is the error of a body that is no JSON. The decoder's own error does
// not always know the byte, so the body is read once more.
func (r *jsonReader) syntax(err error) error {
	var ignored json.RawMessage
	whole := json.Unmarshal(r.body, &ignored)
	if wrong := (*json.SyntaxError)(nil); errors.As(whole, &wrong) {
		return fmt.Errorf("body: invalid JSON at byte %d: %w", wrong.Offset, wrong)
	}
	return fmt.Errorf("body: invalid JSON at byte %d: %w", r.dec.InputOffset(), err)
}

func kindName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Map, reflect.Struct:
		return "an object"
	case reflect.Slice:
		return "a list"
	default:
		return "a whole number of at most 9 digits"
	}
}

func article(noun string) string {
	if strings.ContainsRune("aeiou", rune(noun[0])) {
		return "an"
	}
	return "a"
}
