package web

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"

	"alertrelay/relay"
)

// infoFormat renders statistics in one of the module's formats (protocol 6.2 to
// 6.4). Ids and host names are escaped as the format wants (quirk 19), which
// leaves ordinary ones as they are.
type infoFormat interface {
	channel(b []byte, c *relay.ChannelStats) []byte
	group(b []byte, a about, channels []relay.ChannelStats) []byte
	summary(b []byte, s summary) []byte
}

const isoTime = "2006-01-02T15:04:05"

// negotiate finds the format as the module does: the text after the first slash
// that begins with a known word decides (quirk 18).
func negotiate(accept string) (contentType string, f infoFormat) {
	for {
		_, rest, found := strings.Cut(accept, "/")
		if !found {
			return "application/json", jsonInfo{}
		}
		accept = rest
		switch {
		case strings.HasPrefix(rest, "plain"):
			return "text/plain", plainInfo{}
		case strings.HasPrefix(rest, "json"):
			return "application/json", jsonInfo{}
		case strings.HasPrefix(rest, "yaml"):
			return "application/yaml", yamlInfo{}
		case strings.HasPrefix(rest, "xml"):
			return "application/xml", xmlInfo{}
		case strings.HasPrefix(rest, "x-json"):
			return "text/x-json", jsonInfo{}
		case strings.HasPrefix(rest, "x-yaml"):
			return "text/x-yaml", yamlInfo{}
		}
	}
}

type jsonInfo struct{}

// quoted is s as a JSON string. Nearly every id is plain.
func quoted(s string) string {
	if plain(s) {
		return `"` + s + `"`
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil { // a string always encodes
		panic(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= 0x7f {
			return false
		}
	}
	return true
}

// item is in every publisher's answer, so it is put together by hand.
func (jsonInfo) item(b []byte, c *relay.ChannelStats) []byte {
	b = append(b, `{"channel": `...)
	b = append(b, quoted(c.Channel)...)
	b = append(b, `, "published_messages": `...)
	b = strconv.AppendUint(b, c.Published, 10)
	b = append(b, `, "stored_messages": `...)
	b = strconv.AppendUint(b, c.Stored, 10)
	b = append(b, `, "subscribers": `...)
	b = strconv.AppendInt(b, int64(c.Subscribers), 10)
	return append(b, '}')
}

func (f jsonInfo) channel(b []byte, c *relay.ChannelStats) []byte {
	return append(f.item(b, c), "\r\n"...)
}

func (f jsonInfo) group(b []byte, a about, channels []relay.ChannelStats) []byte {
	b = fmt.Appendf(b, `{"hostname": %s, "time": "%s", "channels": %d, "wildcard_channels": %d, "uptime": %d, "infos": [`+"\r\n",
		quoted(a.hostname), a.time.UTC().Format(isoTime), a.channels, a.prefixed, int(a.uptime.Seconds()))
	for i := range channels {
		if i > 0 {
			b = append(b, ",\r\n"...)
		}
		b = f.item(b, &channels[i])
	}
	if len(channels) > 0 {
		b = append(b, "\r\n"...)
	}
	return append(b, "]}\r\n"...)
}

func (jsonInfo) summary(b []byte, s summary) []byte {
	b = fmt.Appendf(b, `{"hostname": %s, "time": "%s", "channels": %d, "wildcard_channels": %d, "published_messages": %d, "stored_messages": %d, `+
		`"messages_in_trash": 0, "channels_in_delete": 0, "channels_in_trash": 0, "subscribers": %d, "uptime": %d, "by_worker": [`+"\r\n",
		quoted(s.hostname), s.time.UTC().Format(isoTime), s.channels, s.prefixed, s.published, s.stored, s.subscribers, int(s.uptime.Seconds()))
	for i, w := range s.workers {
		if i > 0 {
			b = append(b, ",\r\n"...)
		}
		b = fmt.Appendf(b, `{"pid": "%d", "subscribers": %d, "uptime": %d}`, w.pid, w.subscribers, w.uptime)
	}
	return append(b, "\r\n]}\r\n"...)
}

type plainInfo struct{}

// line takes line ends out of an id: they would begin another field.
func line(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\r' || r == '\n' {
			return '?'
		}
		return r
	}, s)
}

func (plainInfo) item(b []byte, c *relay.ChannelStats) []byte {
	return fmt.Appendf(b, "channel: %s\r\npublished_messages: %d\r\nstored_messages: %d\r\nactive_subscribers: %d",
		line(c.Channel), c.Published, c.Stored, c.Subscribers)
}

func (f plainInfo) channel(b []byte, c *relay.ChannelStats) []byte {
	return append(f.item(b, c), "\r\n"...)
}

func (f plainInfo) group(b []byte, a about, channels []relay.ChannelStats) []byte {
	b = fmt.Appendf(b, "hostname: %s, time: %s, channels: %d, wildcard_channels: %d, uptime: %d, infos: \r\n",
		line(a.hostname), a.time.UTC().Format(isoTime), a.channels, a.prefixed, int(a.uptime.Seconds()))
	for i := range channels {
		if i > 0 {
			b = append(b, ",\r\n"...)
		}
		b = f.item(b, &channels[i])
	}
	return append(b, "\r\n"...)
}

func (plainInfo) summary(b []byte, s summary) []byte {
	b = append(summaryLines(b, s, "", line(s.hostname)), "by_worker:\r\n"...)
	for i, w := range s.workers {
		if i > 0 {
			b = append(b, ",\r\n"...)
		}
		b = fmt.Appendf(b, "  pid: %d\r\n  subscribers: %d\r\n  uptime: %d", w.pid, w.subscribers, w.uptime)
	}
	return append(b, "\r\n"...)
}

// summaryLines are the lines that plain and YAML share.
func summaryLines(b []byte, s summary, indent, hostname string) []byte {
	for _, field := range []struct {
		name  string
		value any
	}{
		{"hostname", hostname},
		{"time", s.time.UTC().Format(isoTime)},
		{"channels", s.channels},
		{"wildcard_channels", s.prefixed},
		{"published_messages", s.published},
		{"stored_messages", s.stored},
		{"messages_in_trash", 0},
		{"channels_in_delete", 0},
		{"channels_in_trash", 0},
		{"subscribers", s.subscribers},
		{"uptime", int(s.uptime.Seconds())},
	} {
		b = fmt.Appendf(b, "%s%s: %v\r\n", indent, field.name, field.value)
	}
	return b
}

type yamlInfo struct{}

// yamlScalar leaves ordinary ids plain, and quotes what YAML would read as
// something else than this text.
func yamlScalar(s string) string {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '.', c == '=', c == '/':
		case c == '-' && i > 0:
		default:
			return quoted(s)
		}
	}
	if s == "" {
		return quoted(s)
	}
	return s
}

func (yamlInfo) channel(b []byte, c *relay.ChannelStats) []byte {
	return fmt.Appendf(b, "  channel: %s\r\n  published_messages: %d\r\n  stored_messages: %d\r\n  subscribers: %d\r\n",
		yamlScalar(c.Channel), c.Published, c.Stored, c.Subscribers)
}

func (f yamlInfo) group(b []byte, a about, channels []relay.ChannelStats) []byte {
	b = fmt.Appendf(b, "hostname: %s\r\ntime: %s\r\nchannels: %d\r\nwildcard_channels: %d\r\nuptime: %d\r\ninfos: \r\n",
		yamlScalar(a.hostname), a.time.UTC().Format(isoTime), a.channels, a.prefixed, int(a.uptime.Seconds()))
	for i := range channels {
		b = f.channel(append(b, " -\r\n"...), &channels[i])
	}
	if len(channels) == 0 {
		b = append(b, "\r\n"...)
	}
	return b
}

func (yamlInfo) summary(b []byte, s summary) []byte {
	b = append(summaryLines(b, s, "  ", yamlScalar(s.hostname)), "  by_worker:\r\n"...)
	for _, w := range s.workers {
		b = fmt.Appendf(b, "   -\r\n    pid: %d\r\n    subscribers: %d\r\n    uptime: %d\r\n", w.pid, w.subscribers, w.uptime)
	}
	return b
}

type xmlInfo struct{}

const xmlDeclaration = `<?xml version="1.0" encoding="UTF-8" ?>` + "\r\n"

func xmlText(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder takes everything
	return b.String()
}

func (xmlInfo) item(b []byte, c *relay.ChannelStats) []byte {
	return fmt.Appendf(b, "<channel>\r\n  <name>%s</name>\r\n  <published_messages>%d</published_messages>\r\n"+
		"  <stored_messages>%d</stored_messages>\r\n  <subscribers>%d</subscribers>\r\n</channel>\r\n",
		xmlText(c.Channel), c.Published, c.Stored, c.Subscribers)
}

func (f xmlInfo) channel(b []byte, c *relay.ChannelStats) []byte {
	return append(f.item(append(b, xmlDeclaration...), c), "\r\n"...)
}

func (f xmlInfo) group(b []byte, a about, channels []relay.ChannelStats) []byte {
	b = fmt.Appendf(b, xmlDeclaration+"<root>\r\n  <hostname>%s</hostname>\r\n  <time>%s</time>\r\n  <channels>%d</channels>\r\n"+
		"  <wildcard_channels>%d</wildcard_channels>\r\n  <uptime>%d</uptime>\r\n  <infos>\r\n",
		xmlText(a.hostname), a.time.UTC().Format(isoTime), a.channels, a.prefixed, int(a.uptime.Seconds()))
	for i := range channels {
		b = f.item(b, &channels[i])
	}
	return append(b, "  </infos>\r\n</root>\r\n"...)
}

func (xmlInfo) summary(b []byte, s summary) []byte {
	b = fmt.Appendf(b, xmlDeclaration+"<infos>\r\n  <hostname>%s</hostname>\r\n  <time>%s</time>\r\n  <channels>%d</channels>\r\n"+
		"  <wildcard_channels>%d</wildcard_channels>\r\n  <published_messages>%d</published_messages>\r\n  <stored_messages>%d</stored_messages>\r\n"+
		"  <messages_in_trash>0</messages_in_trash>\r\n  <channels_in_delete>0</channels_in_delete>\r\n  <channels_in_trash>0</channels_in_trash>\r\n"+
		"  <subscribers>%d</subscribers>\r\n  <uptime>%d</uptime>\r\n  <by_worker>",
		xmlText(s.hostname), s.time.UTC().Format(isoTime), s.channels, s.prefixed, s.published, s.stored, s.subscribers, int(s.uptime.Seconds()))
	for _, w := range s.workers {
		b = fmt.Appendf(b, "<worker>\r\n  <pid>%d</pid>\r\n  <subscribers>%d</subscribers>\r\n  <uptime>%d</uptime>\r\n</worker>\r\n", w.pid, w.subscribers, w.uptime)
	}
	return append(b, "</by_worker>\r\n</infos>\r\n"...)
}
