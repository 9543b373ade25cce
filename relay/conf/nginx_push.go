package conf

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"alertrelay/relay/site"
)

// Names of the module's directives that are used in more than one place.
const (
	pushStatistics  = "push_stream_channels_statistics"
	pushPublisher   = "push_stream_publisher"
	pushSubscriber  = "push_stream_subscriber"
	pushMemory      = "push_stream_shared_memory_size"
	pushPath        = "push_stream_channels_path"
	pushHeader      = "push_stream_header_template"
	pushHeaderFile  = "push_stream_header_template_file"
	pushTemplate    = "push_stream_message_template"
	pushPrefix      = "push_stream_wildcard_channel_prefix"
	pushWildcards   = "push_stream_max_number_of_wildcard_channels"
	pushWildcardMax = "push_stream_wildcard_channel_max_qtd"
	pushPadding     = "push_stream_padding_by_user_agent"
)

// pushRules are the 36 directives of the module (protocol 2.1).
func pushRules() map[string]rule {
	const settings = inAny
	return map[string]rule{
		pushStatistics: {in: inLocation, read: (*nginxReader).statistics},
		pushPublisher:  {in: inLocation, max: 1, read: (*nginxReader).publisher},
		pushSubscriber: {in: inLocation, max: 1, read: (*nginxReader).subscriber},

		pushMemory: {in: inHTTP, min: 1, max: 2, slot: memorySlot},
		"push_stream_channel_deleted_message_text":    setting(inHTTP, textSlot),
		"push_stream_ping_message_text":               setting(inHTTP, textSlot),
		"push_stream_channel_inactivity_time":         setting(inHTTP, secondsSlot),
		"push_stream_message_ttl":                     setting(inHTTP, secondsSlot),
		"push_stream_timeout_with_body":               setting(inHTTP, flagSlot),
		"push_stream_max_subscribers_per_channel":     setting(inHTTP, numberSlot),
		"push_stream_max_messages_stored_per_channel": setting(inHTTP, numberSlot),
		"push_stream_max_channel_id_length":           setting(inHTTP, numberSlot),
		"push_stream_max_number_of_channels":          setting(inHTTP, numberSlot),
		pushWildcards:                                 setting(inHTTP, numberSlot),
		pushPrefix:                                    setting(inHTTP, textSlot),
		"push_stream_events_channel_id":               setting(inHTTP, textSlot),

		pushPath:                                          setting(settings|inLocationIf, valueSlot),
		"push_stream_store_messages":                      setting(settings|inLocationIf, flagSlot),
		"push_stream_channel_info_on_publish":             setting(settings, flagSlot),
		"push_stream_authorized_channels_only":            setting(settings, flagSlot),
		pushHeader:                                        setting(settings, textSlot),
		pushHeaderFile:                                    {in: settings, min: 1, max: 1, read: (*nginxReader).headerFile},
		pushTemplate:                                      setting(settings, textSlot),
		"push_stream_footer_template":                     setting(settings, textSlot),
		pushWildcardMax:                                   setting(settings, numberSlot),
		"push_stream_ping_message_interval":               setting(settings, millisecondsSlot),
		"push_stream_subscriber_connection_ttl":           setting(settings, millisecondsSlot),
		"push_stream_longpolling_connection_ttl":          setting(settings, millisecondsSlot),
		"push_stream_websocket_allow_publish":             setting(settings, flagSlot),
		"push_stream_last_received_message_time":          setting(settings|inLocationIf, valueSlot),
		"push_stream_last_received_message_tag":           setting(settings|inLocationIf, valueSlot),
		"push_stream_last_event_id":                       setting(settings|inLocationIf, valueSlot),
		"push_stream_user_agent":                          setting(settings, valueSlot),
		pushPadding:                                       setting(settings, textSlot),
		"push_stream_allowed_origins":                     setting(settings, valueSlot),
		"push_stream_allow_connections_to_events_channel": setting(settings|inLocationIf, flagSlot),
	}
}

const (
	prefixModule = "push stream module: "
	minMemory    = 32 * 4096
)

func memorySlot(d *directive) (any, error) {
	n, ok := nginxSize(d.args[0], false)
	if !ok || n < minMemory {
		return nil, errors.New("The push_stream_shared_memory_size value must be at least 128KiB") //nolint:staticcheck // the module's words
	}
	return n, nil
}

var errDuplicate = errors.New("directive is duplicate")

// statistics wins over a subscriber or publisher before it, as in the module.
func (r *nginxReader) statistics(sc *scope, d *directive) {
	sc.mode, sc.modeAt = site.ModeStatistics, d
}

func (r *nginxReader) publisher(sc *scope, d *directive) {
	r.handler(sc, d, "normal", "normal, admin", map[string]site.Mode{"normal": site.ModePublisher, "admin": site.ModeAdmin})
}

func (r *nginxReader) subscriber(sc *scope, d *directive) {
	r.handler(sc, d, "streaming", "streaming, polling, long-polling, eventsource, websocket", map[string]site.Mode{
		"streaming": site.ModeStream, "polling": site.ModePoll, "long-polling": site.ModeLongPoll, "eventsource": site.ModeEventSource, "websocket": site.ModeWebSocket,
	})
}

func (r *nginxReader) handler(sc *scope, d *directive, word, accepted string, modes map[string]site.Mode) {
	if sc.mode != site.ModeNone {
		r.fail(d, `"%s" %s`, d.name, errDuplicate)
		return
	}
	if len(d.args) > 0 {
		word = d.args[0]
	}
	mode, ok := modes[strings.ToLower(word)]
	if !ok {
		r.fail(d, prefixModule+"invalid %s mode value: %s, accepted values (%s)", d.name, word, accepted)
		mode = modes[strings.SplitN(accepted, ",", 2)[0]] // so that nothing else is said of the location
	}
	sc.mode, sc.modeAt = mode, d
}

// headerFile fills the slot of the header template.
func (r *nginxReader) headerFile(sc *scope, d *directive) {
	if _, ok := sc.values[pushHeader]; ok {
		r.fail(d, `"%s" %s or template set by '%s'`, d.name, errDuplicate, pushHeader)
		return
	}
	// Relative to the working directory, unlike an include.
	content, err := readRegular(d.args[0], maxNginxBytes)
	if err != nil {
		r.fail(d, prefixModule+`unable to open file "%s" for header template`, d.args[0])
	}
	sc.values[pushHeader] = held{value: string(content), by: d}
}

// checkModule says what of the settings in http makes no sense; only called if a
// location uses the module.
func (r *nginxReader) checkModule(http *scope) {
	if _, at := find[int64](http, pushMemory, 0); at == nil {
		r.fail(http.by, prefixModule+pushMemory+" must be set.")
	}
	for _, name := range []string{
		"push_stream_max_number_of_channels", pushWildcards, "push_stream_max_subscribers_per_channel",
		"push_stream_max_messages_stored_per_channel", "push_stream_max_channel_id_length",
	} {
		r.notZero(http, name)
	}
	r.notZeroTime(http, "push_stream_message_ttl")
}

func (r *nginxReader) notZero(sc *scope, name string) {
	if n, at := find(sc, name, 0); at != nil && n == 0 {
		r.fail(at, "%s%s cannot be zero.", prefixModule, name)
	}
}

func (r *nginxReader) notZeroTime(sc *scope, name string) {
	if t, at := find[time.Duration](sc, name, 0); at != nil && t == 0 {
		r.fail(at, "%s%s cannot be zero.", prefixModule, name)
	}
}

// checkLocation says what of a location's settings makes no sense; only called
// for those that use the module.
func (r *nginxReader) checkLocation(sc *scope) {
	if _, at := find(sc, pushPath, site.Value{}); at == nil {
		r.fail(sc.by, prefixModule+pushPath+" must be set.")
	}
	for _, name := range []string{"push_stream_ping_message_interval", "push_stream_subscriber_connection_ttl", "push_stream_longpolling_connection_ttl"} {
		r.notZeroTime(sc, name)
	}
	if t, at := find(sc, pushTemplate, "~text~"); t == "" && sc.mode != site.ModeEventSource {
		r.fail(at, prefixModule+pushTemplate+" cannot be blank.")
	}
	r.notZero(sc, pushWildcardMax)
	total, totalAt := find(sc, pushWildcards, 0)
	most, at := find(sc, pushWildcardMax, total)
	if at == nil {
		at = totalAt
	}
	if prefix, _ := find(sc, pushPrefix, ""); most > 0 && prefix == "" {
		r.fail(at, "%scannot set wildcard channel max qtd if %s is not set or blank.", prefixModule, pushPrefix)
	}
	if totalAt != nil && total > 0 && total < most {
		r.fail(at, "%smax number of wildcard channels cannot be smaller than value in %s.", prefixModule, pushWildcardMax)
	}
	if s, at := find(sc, pushPadding, ""); at != nil {
		if _, err := parsePadding(s); err != nil {
			r.fail(at, "%s%s", prefixModule, err)
			r.fail(at, "%sunable to parse paddings by user agent", prefixModule)
		}
	}
	// The module would send such a token as it is.
	if s, at := find(sc, pushTemplate, ""); at != nil {
		if err := checkTemplate(s); err != nil {
			r.fail(at, `"%s": %s`, pushTemplate, err)
		}
	}
}

// fail adds a problem at the place of d, once.
func (r *nginxReader) fail(d *directive, format string, args ...any) {
	text := fmt.Sprintf(format, args...) + " in " + d.place()
	if !r.told[text] {
		r.told[text] = true
		*r.problems = append(*r.problems, text)
	}
}
