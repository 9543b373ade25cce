package web

import "time"

// jsonTemplate is the message of eventsource, WebSocket and long-polling in the
// founding configuration, with its values escaped and the event id.
const jsonTemplate = `{"id":~id~,"channel":~channel:json~,"text":~text:json~,"tag":"~tag~","time":"~time~","eventid":~event-id:json~}`

// framePage is the page of the founding configuration's streaming location, for
// an iframe of pushstream.js.
const framePage = `<html><head><meta http-equiv="Content-Type" content="text/html; charset=utf-8">
<meta http-equiv="Cache-Control" content="no-store">
<script type="text/javascript">
window.onError = null;
try { document.domain = (window.location.hostname.match(/^(\d{1,3}\.){3}\d{1,3}$/)) ? window.location.hostname : window.location.hostname.split('.').slice(-1 * Math.max(window.location.hostname.split('.').length - 1, (window.location.hostname.match(/(\w{4,}\.\w{2}|\.\w{3,})$/) ? 2 : 3))).join('.'); } catch (e) {}
parent.PushStream.register(this);
</script>
</head>
<body>`

// Builtin is what is served without a configuration: the locations of the
// founding configuration, with texts escaped, several channels in one order,
// wildcards and exact cursors.
func Builtin() []Location {
	const (
		ping    = 10 * time.Second
		pollTTL = 30 * time.Second
	)
	subscriber := func(mode Mode, path string) Location {
		return Location{
			Path: path, Mode: mode, Channels: Rest(path),
			Time: Arg("time"), Tag: Arg("tag"), EventID: Arg("eventid"), HeaderCursor: true,
			Template: jsonTemplate, ContentType: "application/json; charset=utf-8",
			PingInterval: ping, PollTTL: pollTTL,
			Wildcards: true, AllowOrigin: Constant("*"),
		}
	}
	page := subscriber(Streaming, "/sub/")
	page.Template = "<script>p(~id~,'~channel:js~','~text:js~','~event-id:js~','~time~','~tag~');</script>"
	page.Header, page.Footer = framePage, "</body></html>"
	page.ContentType = "text/html; charset=utf-8"
	return []Location{
		{Path: "/pub", Mode: AdminPublisher, Channels: Arg("id"), AllowOrigin: Constant("*")},
		{Path: "/channels-stats", Mode: Statistics, Channels: Arg("id")},
		page,
		subscriber(EventSource, "/ev/"),
		subscriber(WebSocket, "/ws/"),
		subscriber(LongPolling, "/lp/"),
		subscriber(Polling, "/poll/"),
	}
}
