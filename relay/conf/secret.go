package conf

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Secret is a text that is not for logs and screens: whatever formats, logs or
// marshals it gets "(set)", or "(none)" for the zero value. Secrets are not
// compared by ==.
type Secret struct {
	text *string // fmt does not ask unexported fields of others how they print, and shows an address
}

// NewSecret makes a Secret; of the empty text it makes the zero value.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{&text}
}

// Reveal gives the text itself, "" for the zero value.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsSet reports whether there is a text.
func (s Secret) IsSet() bool { return s.text != nil }

// String is what may be seen.
func (s Secret) String() string {
	if s.IsSet() {
		return "(set)"
	}
	return "(none)"
}

// Format writes String, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { io.WriteString(f, s.String()) } //nolint:errcheck // fmt.State takes everything

// LogValue is what logs show.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText is what JSON and YAML show.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// maxSecret is the longest secret, in bytes.
const maxSecret = 4096

// secretCheck says what is wrong with a secret, without showing it.
type secretCheck func(string) error

// parseSecret makes a secret of what is written.
func parseSecret(s string, check secretCheck) (Secret, error) {
	switch {
	case s == "":
		return Secret{}, errors.New("is empty; write the secret, or leave the key out")
	case len(s) > maxSecret:
		return Secret{}, fmt.Errorf("is longer than %d bytes", maxSecret)
	}
	return NewSecret(s), check(s)
}

// readSecret reads a secret from a file, without the newline at its end.
func readSecret(path string, check secretCheck) (Secret, error) {
	if path == "" {
		return Secret{}, errors.New("is empty; name the file that holds the secret, or leave the key out")
	}
	content, err := readRegular(path, maxSecret+len("\r\n"))
	if err != nil {
		return Secret{}, err
	}
	text := string(content)
	if line, ok := strings.CutSuffix(text, "\n"); ok {
		text = strings.TrimSuffix(line, "\r")
	}
	if text == "" {
		return Secret{}, fmt.Errorf("%s holds nothing", path)
	}
	s, err := parseSecret(text, check)
	if err != nil {
		return s, fmt.Errorf("what is in %s %w", path, err)
	}
	return s, nil
}

// checkToken wants what a header takes as one word.
func checkToken(s string) error {
	if strings.ContainsFunc(s, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return errors.New("has a space, a line break or another character that a token cannot have; it takes the letters, digits and signs of ASCII")
	}
	return nil
}

// checkHeaderText wants what arrives as it was sent as the value of a header.
func checkHeaderText(s string) error {
	if hasControl(s) || strings.TrimSpace(s) != s {
		return errors.New("has a line break or another control character, or begins or ends with a space, which no header can have")
	}
	return nil
}

// checkPathToken wants what stands in an address as it is.
func checkPathToken(s string) error {
	const unreserved = "-._~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	if strings.Trim(s, unreserved) != "" || strings.Trim(s, ".") == "" {
		return errors.New(`has a character that an address cannot have as it is; it takes a-z, A-Z, 0-9, "-", "_", "." and "~"`)
	}
	return nil
}

func checkPassword(s string) error {
	if hasControl(s) {
		return errors.New("has a line break or another control character, which no password can have")
	}
	return nil
}

func checkAnything(string) error { return nil }

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f })
}

// secrets adds the keys of secrets, name for themselves and name_file for files
// that hold them, each with one or several.
func (r *yamlReader) secrets(keys fields, name string, check secretCheck, to *[]Secret) {
	take := func(parse func(string, secretCheck) (Secret, error)) field {
		return r.each(r.text(func(v string) error {
			s, err := parse(v, check)
			*to = append(*to, s)
			return err
		}))
	}
	keys[name], keys[name+"_file"] = take(parseSecret), take(readSecret)
}

// secret adds the keys of one secret. haveSecret checks that one of them is there.
func (r *yamlReader) secret(keys fields, name string, check secretCheck, to *Secret) {
	take := func(parse func(string, secretCheck) (Secret, error)) field {
		return r.text(func(v string) (err error) { *to, err = parse(v, check); return err })
	}
	keys[name], keys[name+"_file"] = take(parseSecret), take(readSecret)
}

// haveSecret wants one of the keys of a secret, and not both.
func (r *yamlReader) haveSecret(n ast.Node, key, name string, given map[string]ast.Node) {
	_, itself := given[name]
	file, inFile := given[name+"_file"]
	switch {
	case given == nil:
	case itself && inFile:
		r.report(r.place(file), "%s: %s and %s_file exclude each other; leave one out", key, name, name)
	case !itself && !inFile:
		r.report(r.place(n), "%s: %s or %s_file is missing", key, name, name)
	}
}

// each makes of a field one that takes a list too, and calls it for each item.
func (r *yamlReader) each(read field) field {
	return func(n ast.Node, key string) {
		value, ok := r.resolve(n)
		if !ok {
			return
		}
		list, several := value.(*ast.SequenceNode)
		if !several {
			read(n, key)
			return
		}
		if len(list.Values) == 0 {
			r.report(r.place(n), "%s: is an empty list; leave the key out for none", key)
		}
		for i, item := range list.Values {
			read(item, fmt.Sprintf("%s[%d]", key, i))
		}
	}
}
