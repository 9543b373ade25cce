package site

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
	page := NewLocation(ModeStream, MatchPrefix, "/sub/", false)
	page.Template = "<script>p(~id~,'~channel:js~','~text:js~','~event-id:js~','~time~','~tag~');</script>"
	page.Header, page.Footer = framePage, "</body></html>"
	page.ContentType = "text/html; charset=utf-8"
	return []Location{
		NewLocation(ModeAdmin, MatchExact, "/pub", false),
		NewLocation(ModeStatistics, MatchExact, "/channels-stats", false),
		page,
		NewLocation(ModeEventSource, MatchPrefix, "/ev/", false),
		NewLocation(ModeWebSocket, MatchPrefix, "/ws/", false),
		NewLocation(ModeLongPoll, MatchPrefix, "/lp/", false),
		NewLocation(ModePoll, MatchPrefix, "/poll/", false),
	}
}
