package am

import (
	"fmt"
	"strconv"
	"strings"
)

// sourceName is the source that is proposed.
func (d *doctor) sourceName() string {
	switch {
	case d.opts.Source != "":
		return d.opts.Source
	case d.source != "":
		return d.source
	}
	return defaultSource
}

// receiverBlock is the receiver and its route, for alertmanager.yml.
func (d *doctor) receiverBlock(name string) string {
	if name == "" {
		name = d.opts.Receiver
	}
	if name == "" {
		name = defaultName
	}
	relay := strings.TrimRight(d.opts.Relay, "/")
	if relay == "" {
		relay = defaultRelay
	}
	timeout := fmt.Sprintf("        timeout: %s\n", short(minWebhookTimeout))
	if !d.version.atLeast(0, 28, 0) {
		timeout = fmt.Sprintf("        # timeout: %s # from 0.28 on\n", short(minWebhookTimeout))
	}
	name = quoteYAML(name)
	return "route: # yours, with this one as the first below it\n" +
		"  routes:\n" +
		"    - receiver: " + name + "\n" +
		"      continue: true # the others get everything as before\n" +
		"      group_by: ['...']\n" +
		"      group_wait: " + short(goodWait) + "\n" +
		"      group_interval: " + short(goodInterval) + "\n" +
		"      repeat_interval: " + short(goodRepeat) + "\n" +
		"receivers:\n" +
		"  - name: " + name + "\n" +
		"    webhook_configs:\n" +
		"      - url: " + quoteYAML(relay+inputPath+d.sourceName()) + "\n" +
		"        send_resolved: true\n" +
		"        max_alerts: 0\n" +
		timeout +
		"        # http_config: {authorization: {credentials_file: FILE}} # if the relay asks for a token\n"
}

// sourcesBlock is the source, for alertrelay.yaml.
func (d *doctor) sourcesBlock(members []string, w *amWebhook) string {
	var api []string
	for _, m := range members {
		api = append(api, quoteYAML(m))
	}
	repeat, interval, why := goodRepeat, goodInterval, "as in the route above"
	if d.repeat > 0 && d.repeat <= maxRepeat && d.interval <= maxGroupInterval {
		repeat, interval, why = d.repeat, d.interval, "as in the route there is"
	}
	auth := "    # auth: {bearer_file: FILE} # the token, if it should show one\n"
	if w != nil && w.shows() {
		auth = "    # auth: {bearer_file: FILE} # what http_config of its receiver shows\n"
	}
	return "sources:\n" +
		"  " + d.sourceName() + ":\n" +
		"    api: [" + strings.Join(api, ", ") + "] # what is silenced, and over\n" +
		auth +
		"    repeat_interval: " + short(repeat) + " # " + why + "\n" +
		"    group_interval: " + short(interval) + "\n"
}

// quoteYAML leaves what is plain anyhow as it is.
func quoteYAML(s string) string {
	plain := s != ""
	for i, c := range []byte(s) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		plain = plain && (letter || i > 0 && (c >= '0' && c <= '9' || strings.IndexByte("-_./", c) >= 0 || c == ':' && i+1 < len(s) && s[i+1] != ' '))
	}
	switch strings.ToLower(s) {
	case "true", "false", "null", "yes", "no", "on", "off", "y", "n":
		plain = false
	}
	if plain {
		return s
	}
	return strconv.Quote(s)
}
