package conf

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// checkAddress wants host:port.
func checkAddress(s string) error {
	if s == "" {
		return errors.New("is empty; write host:port, such as 127.0.0.1:8080, or :8080 for every interface")
	}
	if _, err := strconv.Atoi(s); err == nil {
		return fmt.Errorf("%q is a port only; write 127.0.0.1:%s, or :%s for every interface", s, s, s)
	}
	if strings.Contains(s, "://") {
		return fmt.Errorf("%q is a URL; write host:port only", s)
	}
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return fmt.Errorf("%q is no address; write host:port, such as 127.0.0.1:8080 or [::1]:8080", s)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("%q has no valid port; ports are 0 (any free one) to 65535", s)
	}
	return nil
}

// checkNATSURL wants one or more URLs of NATS servers. Its errors do not show
// what it was given: there may be a password in it.
func checkNATSURL(s string) error {
	for part := range strings.SplitSeq(s, ",") {
		part = strings.TrimSpace(part)
		if !strings.Contains(part, "://") {
			part = "nats://" + part
		}
		u, err := url.Parse(part)
		if err != nil || u.Hostname() == "" {
			return errors.New("is no URL of a NATS server; write nats://host:4222, several separated by commas (characters such as @ / : in a password are written %40 %2F %3A)")
		}
		switch u.Scheme {
		case "nats", "tls", "ws", "wss":
		default:
			return fmt.Errorf("has the scheme %q; those of NATS are nats, tls, ws and wss", u.Scheme)
		}
	}
	return nil
}

// RedactURL hides user, password and token of a comma-separated list of URLs, so
// that it can be shown and logged.
func RedactURL(s string) string {
	parts := strings.Split(s, ",")
	for i, part := range parts {
		scheme, rest, found := strings.Cut(part, "://")
		if !found {
			scheme, rest = "", part
		}
		// By hand, because it must also hold for what url.Parse refuses.
		if at := strings.LastIndexByte(rest, '@'); at >= 0 {
			rest = "xxxxx@" + rest[at+1:]
		}
		if found {
			rest = scheme + "://" + rest
		}
		parts[i] = rest
	}
	return strings.Join(parts, ",")
}
