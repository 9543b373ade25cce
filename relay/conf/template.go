package conf

import (
	"errors"
	"strings"

	"alertrelay/relay"
)

// checkTemplate says what is wrong with a message template.
func checkTemplate(s string) error {
	if _, err := relay.ParseTemplate(s); err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "relay: "))
	}
	return nil
}
