package web_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"alertrelay/relay"
	"alertrelay/relay/conf"
	"alertrelay/relay/site"
)

// fromNginx serves what an nginx.conf says, on any port.
func fromNginx(t testing.TB, file string, change ...func(*setup)) *server {
	t.Helper()
	c, err := conf.Load(conf.Sources{NginxConf: file})
	if err != nil {
		t.Fatal(err)
	}
	st := *c.Site
	for i := range st.Servers {
		st.Servers[i].Listen = []site.Listen{{Address: anyPort, Default: st.Servers[i].Listen[0].Default}}
	}
	return newServer(t, nil, append([]func(*setup){func(o *setup) {
		o.site = st
		o.hub = relay.HubOptions{
			Limits: c.GroupLimits, Inactivity: st.InactivityTime, DeletedText: st.DeletedText,
			MaxChannels: st.MaxChannels, WildcardPrefix: st.WildcardPrefix, MaxWildcardChannels: st.MaxWildcardChannels,
			EventsChannel: st.EventsChannel,
		}
		o.web.MaxChannelID = c.Limits.ChannelID
	}}, change...)...)
}

// nginx serves the text of an http block, beside the directive that must be there.
func nginx(t testing.TB, http string, change ...func(*setup)) *server {
	t.Helper()
	return fromNginx(t, writeNginx(t, http), change...)
}

func writeNginx(t testing.TB, http string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "nginx.conf")
	if err := os.WriteFile(file, []byte("events { }\nhttp { push_stream_shared_memory_size 10m;\n"+http+"\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// serverA is server A of protocol section 16, read from its nginx.conf.
func serverA(t *testing.T) *server {
	t.Helper()
	return fromNginx(t, "../conf/testdata/server-a.conf")
}

// The transcripts of protocol section 16, adapted where section 14 says not to do
// as the module does (Qn). Until T14 the server has one channel fewer than the
// module: t05 (Q14). After that numbers of channels are <N>, because some
// transcripts are played side by side.
//
// Not here: nothing of section 16 is about padding, gzip or header template files.
// Server E, with the events channel, is in events_test.go.
var transcripts = []struct{ name, text string }{
	{"T01 publish, full response headers", `
		> POST /pub?id=t01 | body "hello"
		< 200 OK | Content-Type: application/json | Content-Length: 85 | Connection: keep-alive | Expires: <std> | Cache-Control: <std> | body "{"channel": "t01", "published_messages": 1, "stored_messages": 1, "subscribers": 0}\r\n"`},
	{"T02 publish with PUT, counters grow, history is capped at 3", `
		# POST t02 "1st"
		# POST t02 "2nd"
		# POST t02 "3rd"
		# POST t02 "4th"
		> PUT /pub?id=t02 | body "5th"
		< 200 OK | Content-Type: application/json | body "{"channel": "t02", "published_messages": 5, "stored_messages": 3, "subscribers": 0}\r\n"`},
	{"T03 publisher GET: existing, missing, no id", `
		> GET /pub?id=t02
		< 200 OK | Content-Type: application/json | body "{"channel": "t02", "published_messages": 5, "stored_messages": 3, "subscribers": 0}\r\n"
		> GET /pub?id=nope
		< 404 Not Found | no body
		> GET /pub
		< 400 Bad Request | X-Nginx-PushStream-Explain: No channel id provided. | no body
		> GET /pub?id=
		< 400 Bad Request | X-Nginx-PushStream-Explain: No channel id provided. | no body`},
	{"T04 publish to a non-storing location, info off", `
		> POST /pubn?id=t04 | body "x"
		< 200 OK | Content-Type: application/json | Access-Control-Allow-Origin: * | Access-Control-Allow-Methods: GET, POST, PUT | body "{"channel": "t04", "published_messages": 1, "stored_messages": 0, "subscribers": 0}\r\n"
		> POST /pubq?id=t04 | body "x"
		< 200 OK | no body`},
	{"T05 empty body is refused, and the channel does not exist (Q14)", `
		> POST /pub?id=t05 | body ""
		< 400 Bad Request | X-Nginx-PushStream-Explain: Empty post requests are not allowed. | no body
		> GET /pub?id=t05
		< 404 Not Found | no body`},
	{"T06 body over the limit", `
		> POST /pubs?id=t06 | body "12345678901"
		< 413 Request Entity Too Large | Content-Type: text/html | Connection: close | (no Expires/Cache-Control) | body "<html>\r\n<head><title>413 Request Entity Too Large</title></head>\r\n<body>\r\n<center><h1>413 Request Entity Too Large</h1></center>\r\n<hr><center>nginx/1.22.1</center>\r\n</body>\r\n</html>\r\n" [closes]`},
	{"T07 forbidden and oversized ids", `
		> GET /pub?id=ALL
		< 403 Forbidden | X-Nginx-PushStream-Explain: Channel id not authorized for this method. | no body
		> GET /pub?id=a*b
		< 403 Forbidden | X-Nginx-PushStream-Explain: Channel id not authorized for this method. | no body
		> GET /pub?id=123456789012345678901
		< 400 Bad Request | X-Nginx-PushStream-Explain: Channel id is too large. | no body`},
	{"T08 one publish, several channels, duplicates publish once (Q9)", `
		> POST /pub?id=t08a/t08b/t08a | body "x"
		< 200 OK | Content-Type: application/json | body "{"hostname": "<HOST>", "time": "<ISO>", "channels": 5, "wildcard_channels": 0, "uptime": <N>, "infos": [\r\n{"channel": "t08a", "published_messages": 1, "stored_messages": 1, "subscribers": 0},\r\n{"channel": "t08b", "published_messages": 1, "stored_messages": 1, "subscribers": 0}\r\n]}\r\n"`},
	{"T09 list GET with one hit collapses to the single form", `
		> GET /pub?id=nope/t08b
		< 200 OK | Content-Type: application/json | body "{"channel": "t08b", "published_messages": 1, "stored_messages": 1, "subscribers": 0}\r\n"
		> GET /pub?id=nope/nope2
		< 404 Not Found | no body`},
	{"T10 method tables", `
		> DELETE /pubn?id=t01
		< 405 Not Allowed | Access-Control-Allow-Origin: * | Access-Control-Allow-Methods: GET, POST, PUT | Allow: GET, POST, PUT | no body
		> HEAD /pub?id=t01
		< 405 Not Allowed | Allow: GET, POST, PUT, DELETE | no body
		> OPTIONS /pub?id=t01
		< 200 OK | Content-Length: 0 | Connection: keep-alive | Expires: <std> | Cache-Control: <std> | no body
		> OPTIONS /pubn
		< 200 OK | Content-Length: 0 | Connection: keep-alive | Expires: <std> | Cache-Control: <std> | Access-Control-Allow-Origin: * | Access-Control-Allow-Methods: GET, POST, PUT | Access-Control-Allow-Headers: If-Modified-Since,If-None-Match,Etag,Event-Id,Event-Type,Last-Event-Id | no body
		> POST /stats
		< 405 Not Allowed | Allow: GET | no body
		> OPTIONS /sub/x
		< 200 OK | Content-Length: 0 | Connection: keep-alive | no body
		> HEAD /sub/x
		< 405 Not Allowed | Allow: GET | no body
		> OPTIONS /ws/x
		< 405 Not Allowed | Connection: close | Allow: GET | (no Expires/Cache-Control) | no body [closes]`},
	{"T11 Accept negotiation on one channel", `
		> GET /pub?id=t01 | Accept: text/plain
		< 200 OK | Content-Type: text/plain | body "channel: t01\r\npublished_messages: 1\r\nstored_messages: 1\r\nactive_subscribers: 0\r\n"
		> GET /pub?id=t01 | Accept: application/yaml
		< 200 OK | Content-Type: application/yaml | body "  channel: t01\r\n  published_messages: 1\r\n  stored_messages: 1\r\n  subscribers: 0\r\n"
		> GET /pub?id=t01 | Accept: application/xml
		< 200 OK | Content-Type: application/xml | body "<?xml version="1.0" encoding="UTF-8" ?>\r\n<channel>\r\n  <name>t01</name>\r\n  <published_messages>1</published_messages>\r\n  <stored_messages>1</stored_messages>\r\n  <subscribers>0</subscribers>\r\n</channel>\r\n\r\n"
		> GET /pub?id=t01 | Accept: text/x-json
		< 200 OK | Content-Type: text/x-json | body "{"channel": "t01", "published_messages": 1, "stored_messages": 1, "subscribers": 0}\r\n"
		> GET /pub?id=t01 | Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8
		< 200 OK | Content-Type: application/xml | body "<?xml version="1.0" encoding="UTF-8" ?>\r\n<channel>\r\n  <name>t01</name>\r\n  <published_messages>1</published_messages>\r\n  <stored_messages>1</stored_messages>\r\n  <subscribers>0</subscribers>\r\n</channel>\r\n\r\n"`},
	{"T12 statistics: one, list, prefix, missing", `
		> GET /stats?id=t01
		< 200 OK | Content-Type: application/json | Content-Length: 85 | Connection: keep-alive | Expires: <std> | Cache-Control: <std> | X-Nginx-PushStream-Tag: 0.5.5 | X-Nginx-PushStream-Commit: 3bc016f811d50374251960db091557571dfd7393 | body "{"channel": "t01", "published_messages": 1, "stored_messages": 1, "subscribers": 0}\r\n"
		> GET /stats?id=t08b/t01
		< 200 OK | Content-Type: application/json | body "{"hostname": "<HOST>", "time": "<ISO>", "channels": 5, "wildcard_channels": 0, "uptime": <N>, "infos": [\r\n{"channel": "t08b", "published_messages": 1, "stored_messages": 1, "subscribers": 0},\r\n{"channel": "t01", "published_messages": 1, "stored_messages": 1, "subscribers": 0}\r\n]}\r\n"
		> GET /stats?id=t08*
		< 200 OK | Content-Type: application/json | body "{"hostname": "<HOST>", "time": "<ISO>", "channels": 5, "wildcard_channels": 0, "uptime": <N>, "infos": [\r\n{"channel": "t08a", "published_messages": 1, "stored_messages": 1, "subscribers": 0},\r\n{"channel": "t08b", "published_messages": 1, "stored_messages": 1, "subscribers": 0}\r\n]}\r\n"
		> GET /stats?id=nope*
		< 200 OK | Content-Type: application/json | body "{"hostname": "<HOST>", "time": "<ISO>", "channels": 5, "wildcard_channels": 0, "uptime": <N>, "infos": [\r\n]}\r\n"
		> GET /stats?id=nope
		< 404 Not Found | no body`},
	{"T13 statistics list in plain, yaml, xml", `
		> GET /stats?id=t08a/t08b | Accept: text/plain
		< 200 OK | Content-Type: text/plain | body "hostname: <HOST>, time: <ISO>, channels: 5, wildcard_channels: 0, uptime: <N>, infos: \r\nchannel: t08a\r\npublished_messages: 1\r\nstored_messages: 1\r\nactive_subscribers: 0,\r\nchannel: t08b\r\npublished_messages: 1\r\nstored_messages: 1\r\nactive_subscribers: 0\r\n"
		> GET /stats?id=t08a/t08b | Accept: text/x-yaml
		< 200 OK | Content-Type: text/x-yaml | body "hostname: <HOST>\r\ntime: <ISO>\r\nchannels: 5\r\nwildcard_channels: 0\r\nuptime: <N>\r\ninfos: \r\n -\r\n  channel: t08a\r\n  published_messages: 1\r\n  stored_messages: 1\r\n  subscribers: 0\r\n -\r\n  channel: t08b\r\n  published_messages: 1\r\n  stored_messages: 1\r\n  subscribers: 0\r\n"
		> GET /stats?id=t08a/t08b | Accept: application/xml
		< 200 OK | Content-Type: application/xml | body "<?xml version="1.0" encoding="UTF-8" ?>\r\n<root>\r\n  <hostname><HOST></hostname>\r\n  <time><ISO></time>\r\n  <channels>5</channels>\r\n  <wildcard_channels>0</wildcard_channels>\r\n  <uptime><N></uptime>\r\n  <infos>\r\n<channel>\r\n  <name>t08a</name>\r\n  <published_messages>1</published_messages>\r\n  <stored_messages>1</stored_messages>\r\n  <subscribers>0</subscribers>\r\n</channel>\r\n<channel>\r\n  <name>t08b</name>\r\n  <published_messages>1</published_messages>\r\n  <stored_messages>1</stored_messages>\r\n  <subscribers>0</subscribers>\r\n</channel>\r\n  </infos>\r\n</root>\r\n"`},
	{"T14 percent-decoding and grammar of ids, escaped (Q19)", `
		> POST /pub?id=t14%2Ft14x | body "x"
		< 200 OK | Content-Type: application/json | body "{"hostname": "<HOST>", "time": "<ISO>", "channels": 7, "wildcard_channels": 0, "uptime": <N>, "infos": [\r\n{"channel": "t14", "published_messages": 1, "stored_messages": 1, "subscribers": 0},\r\n{"channel": "t14x", "published_messages": 1, "stored_messages": 1, "subscribers": 0}\r\n]}\r\n"
		> POST /pub?id=t14.b | body "x"
		< 200 OK | Content-Type: application/json | body "{"channel": "t14.b", "published_messages": 1, "stored_messages": 1, "subscribers": 0}\r\n"
		> POST /pub?id=t14.b7 | body "x"
		< 200 OK | Content-Type: application/json | body "{"channel": "t14", "published_messages": 2, "stored_messages": 2, "subscribers": 0}\r\n"
		> POST /pub?ID=t14%20%22+ | body "x"
		< 200 OK | Content-Type: application/json | body "{"channel": "t14 \\"+", "published_messages": 1, "stored_messages": 1, "subscribers": 0}\r\n"`},
	{"T15 a leading slash, as pushstream.js sends it, makes no channel without a name (Q8)", `
		> POST /pub?id=/t15 | body "x"
		< 200 OK | Content-Type: application/json | body "{"channel": "t15", "published_messages": 1, "stored_messages": 1, "subscribers": 0}\r\n"`},
	{"T16 delete", `
		# POST t16 "x"
		> DELETE /pub?id=t16
		< 200 OK | X-Nginx-PushStream-Explain: Channel deleted. | no body
		> DELETE /pub?id=t16
		< 404 Not Found | no body
		> POST /pub?id=t16 | body "again"
		< 200 OK | Content-Type: application/json | body "{"channel": "t16", "published_messages": 1, "stored_messages": 1, "subscribers": 0}\r\n"`},
	{"T17 stream: headers, header template, live messages, delete", `
		> GET /sub/t17
		# POST t17 "one"
		# POST t17 "two"
		# DELETE t17
		< 200 OK | Content-Type: text/plain | Transfer-Encoding: chunked | Connection: keep-alive | Expires: <std> | Cache-Control: <std> | chunks "HEAD" "[1:t17:one]" "[2:t17:two]" "[-2:t17:Channel deleted]" "FOOT" | END
		> GET /pub?id=nope
		< 404 Not Found | no body`},
	{"T18 stream over HTTP 1.0", `
		> GET /sub/t18 HTTP/1.0
		# POST t18 "one"
		# DELETE t18 "bye"
		< 200 OK | Content-Type: text/plain | Connection: close | Expires: <std> | Cache-Control: <std> | body "HEAD[1:t18:one][-2:t18:bye]FOOT" [closes]`},
	{"T20 stream: two channels, one deleted, connection stays", `
		> GET /sub/t20a/t20b
		# DELETE t20a
		# POST t20b "still"
		# POST t20a "reborn"
		# DELETE t20b
		< 200 OK | Content-Type: text/plain | chunks "HEAD" "[-2:t20a:Channel deleted]" "[1:t20b:still]" "[-2:t20b:Channel deleted]" "FOOT" | END`},
	{"T21 stream: backtrack per channel, path order", `
		# POST t21a "a1"
		# POST t21b "b1"
		# POST t21a "a2"
		# POST t21b "b2"
		# POST t21b "b3"
		# POST t21a "a3"
		> GET /sub/t21b.b2/t21a.b9/t21c.b1
		< 200 OK | Content-Type: text/plain | chunks "HEAD" "[2:t21b:b2]" "[3:t21b:b3]" "[1:t21a:a1]" "[2:t21a:a2]" "[3:t21a:a3]" (open)`},
	{"T22 stream: a duplicate channel in the path delivers and counts once (Q9)", `
		> GET /sub/t22/t22
		# POST t22 "m"
		< 200 OK | Content-Type: text/plain | chunks "HEAD" "[1:t22:m]" (stays)
		> GET /stats?id=t22
		< 200 OK | Content-Type: application/json | body "{"channel": "t22", "published_messages": 1, "stored_messages": 1, "subscribers": 1}\r\n"`},
	{"T23 subscriber errors", `
		> GET /sub/
		< 400 Bad Request | X-Nginx-PushStream-Explain: No channel id provided. | no body
		> GET /sub/ALL
		< 403 Forbidden | X-Nginx-PushStream-Explain: Channel id not authorized for this method. | no body
		> GET /sub/a*
		< 403 Forbidden | X-Nginx-PushStream-Explain: Channel id not authorized for this method. | no body
		> GET /sub/123456789012345678901
		< 400 Bad Request | X-Nginx-PushStream-Explain: Channel id is too large. | no body`},
	{"T24 authorized channels and wildcard rule", `
		# POST t24 "x"
		> POST /pubq?id=t24n | body "x"
		< 200 OK | no body
		> GET /auth/missing
		< 403 Forbidden | X-Nginx-PushStream-Explain: Subscriber could not create channels. | no body
		> GET /auth/t24n
		< 403 Forbidden | X-Nginx-PushStream-Explain: Subscriber could not create channels. | no body
		> GET /auth/t24
		< 200 OK | Content-Type: text/plain | chunks "HEAD" (open)
		> GET /auth/bd_x
		< 403 Forbidden | X-Nginx-PushStream-Explain: Subscribed too much wildcard channels. | no body
		> GET /auth/t24/bd_x
		< 200 OK | Content-Type: text/plain | chunks "HEAD" (open)
		> GET /auth/t24/bd_x/bd_y
		< 403 Forbidden | X-Nginx-PushStream-Explain: Subscribed too much wildcard channels. | no body`},
	{"T25 CORS", `
		> GET /cors/t25 | Origin: http://o.example
		< 304 Not Modified | Content-Type: text/plain | Content-Length: 0 | Connection: keep-alive | Access-Control-Allow-Origin: http://o.example | Access-Control-Allow-Methods: GET | Access-Control-Allow-Headers: If-Modified-Since,If-None-Match,Etag,Event-Id,Event-Type,Last-Event-Id | Expires: <std> | Cache-Control: <std> | no body
		> GET /cors/t25
		< 304 Not Modified | Content-Type: text/plain | no body`},
	{"T26 poll: nothing stored, request validators are echoed", `
		> GET /po/t26
		< 304 Not Modified | Content-Type: text/plain | Content-Length: 0 | Connection: keep-alive | Expires: <std> | Cache-Control: <std> | no body
		> GET /po/t26 | If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT | If-None-Match: W/3
		< 304 Not Modified | Content-Type: text/plain | Content-Length: 0 | Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT | Connection: keep-alive | Expires: <std> | Cache-Control: <std> | Etag: W/3 | no body
		> GET /po/t26 | If-None-Match: "3"
		< 304 Not Modified | Content-Type: text/plain | no body`},
	{"T27 to T29, T32 and T33 polls of three messages in one second", `
		# SAME t27 "m1" t27 "m2" t27 "m3"
		> GET /po/t27.b3
		< 200 OK | Content-Type: text/plain | Last-Modified: <T> | Transfer-Encoding: chunked | Connection: keep-alive | Expires: <std> | Cache-Control: <std> | Etag: W/<tag3> | chunks "{1,<tag1>,m1}" "{2,<tag2>,m2}" "{3,<tag3>,m3}" | END
		> GET /po/t27 | If-Modified-Since: <T>
		< 304 Not Modified | Content-Type: text/plain | Last-Modified: <T> | no body
		> GET /po/t27 | If-Modified-Since: <T> | If-None-Match: 0
		< 200 OK | Content-Type: text/plain | Last-Modified: <T> | Etag: W/<tag3> | chunks "{1,<tag1>,m1}" "{2,<tag2>,m2}" "{3,<tag3>,m3}" | END
		> GET /po/t27 | If-Modified-Since: <T> | If-None-Match: W/<tag2>
		< 200 OK | Content-Type: text/plain | Last-Modified: <T> | Etag: W/<tag3> | chunks "{3,<tag3>,m3}" | END
		> GET /po/t27 | If-Modified-Since: <T> | If-None-Match: W/<tag3>
		< 304 Not Modified | Content-Type: text/plain | Last-Modified: <T> | Etag: W/<tag3> | no body
		> GET /po/t27 | If-None-Match: 0
		< 304 Not Modified | Content-Type: text/plain | Etag: W/0 | no body

		> GET /po/t27 | If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT
		< 200 OK | Content-Type: text/plain | Last-Modified: <T> | Etag: W/<tag3> | chunks "{1,<tag1>,m1}" "{2,<tag2>,m2}" "{3,<tag3>,m3}" | END
		> GET /po/t27 | If-Modified-Since: Thu, 1 Jan 1970 00:00:00 GMT
		< 200 OK | Content-Type: text/plain | Last-Modified: <T> | Etag: W/<tag3> | chunks "{1,<tag1>,m1}" "{2,<tag2>,m2}" "{3,<tag3>,m3}" | END
		> GET /po/t27 | If-Modified-Since: null | If-None-Match: 0
		< 304 Not Modified | Content-Type: text/plain | Etag: W/0 | no body

		> GET /pa/t27?time=Thu%2C%2001%20Jan%201970%2000%3A00%3A00%20GMT&tag=
		< 200 OK | Content-Type: text/plain | Last-Modified: <T> | Etag: W/<tag3> | chunks "{1,<tag1>,m1}" "{2,<tag2>,m2}" "{3,<tag3>,m3}" | END
		> GET /pa/t27?time=Thu,+01+Jan+1970+00:00:00+GMT
		< 304 Not Modified | Content-Type: text/plain | no body
		> GET /pa/t27 | If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT
		< 304 Not Modified | Content-Type: text/plain | no body

		> GET /po/t27.b2?callback=cb
		< 200 OK | Content-Type: application/javascript | Last-Modified: <T> | Transfer-Encoding: chunked | Connection: keep-alive | Expires: <std> | Cache-Control: <std> | Etag: W/<tag3> | chunks "cb" "([" "{2,<tag2>,m2}" "," "{3,<tag3>,m3}" "]);" | END
		> GET /po/t27?callback=a%2Eb
		< 304 Not Modified | Content-Type: application/javascript | no body

		> GET /sub/t27.b1 | X-Nginx-PushStream-Mode: Polling
		< 200 OK | Content-Type: text/plain | Last-Modified: <T> | Etag: W/<tag3> | chunks "HEAD" "[3:t27:m3]" "FOOT" | END
		> GET /ev/t27.b1 | X-Nginx-PushStream-Mode: polling
		< 200 OK | Content-Type: text/plain | Last-Modified: <T> | Etag: W/<tag3> | chunks ": \n" "data: m3\n\n" | END`},
	{"T30 poll: event id", `
		# POST t30 "a" | Event-Id: e1
		# POST t30 "b"
		# POST t30 "c" | Event-Id: e2
		> GET /po/t30 | Last-Event-Id: e1
		< 200 OK | Content-Type: text/plain | Last-Modified: <DATE> | Etag: W/<tag3> | chunks "{2,<tag2>,b}" "{3,<tag3>,c}" | END
		> GET /po/t30 | Last-Event-Id: zz
		< 304 Not Modified | Content-Type: text/plain | no body
		> GET /po/t30.b1 | Last-Event-Id: e1
		< 200 OK | Content-Type: text/plain | Last-Modified: <DATE> | Etag: W/<tag3> | chunks "{3,<tag3>,c}" | END
		> GET /pa/t30?eventid=e1&time=
		< 200 OK | Content-Type: text/plain | Last-Modified: <DATE> | Etag: W/<tag3> | chunks "{2,<tag2>,b}" "{3,<tag3>,c}" | END
		> GET /pa/t30?eventid=zz&time=Thu,%2001%20Jan%201970%2000:00:00%20GMT
		< 200 OK | Content-Type: text/plain | Last-Modified: <DATE> | Etag: W/<tag3> | chunks "{1,<tag1>,a}" "{2,<tag2>,b}" "{3,<tag3>,c}" | END`},
	{"T31 poll: two channels share the tag sequence", `
		# SAME t31a "1" t31b "2" t31a "3"
		> GET /po/t31b.b1/t31a.b2
		< 200 OK | Content-Type: text/plain | Last-Modified: <T> | Etag: W/<tag3> | chunks "{1,<tag2>,2}" "{1,<tag1>,1}" "{2,<tag3>,3}" | END
		> GET /po/t31b/t31a | If-Modified-Since: <T> | If-None-Match: W/<tag1>
		< 200 OK | Content-Type: text/plain | Last-Modified: <T> | Etag: W/<tag3> | chunks "{1,<tag2>,2}" "{2,<tag3>,3}" | END`},
	{"T34 long poll: waits, answers with one message, keeps the connection, collects what came meanwhile", `
		> GET /lp/t34
		# SAME t34 "one"
		< 200 OK | Content-Type: text/plain | Last-Modified: <T> | Transfer-Encoding: chunked | Connection: keep-alive | Expires: <std> | Cache-Control: <std> | Etag: W/<tag1> | chunks "{1,<tag1>,one}" | END
		# POST t34 "two"
		# POST t34 "three"
		> GET /lp/t34 | If-Modified-Since: <T> | If-None-Match: W/<tag1>
		< 200 OK | Content-Type: text/plain | Last-Modified: <DATE> | Etag: W/<tag3> | chunks "{2,<tag2>,two}" "{3,<tag3>,three}" | END
		> GET /lp/t34
		# POST t34 "four"
		< 200 OK | Content-Type: text/plain | Last-Modified: <NOW> | Etag: W/<tag4> | chunks "{4,<tag4>,four}" | END`},
	{"T36 long poll: channel deleted", `
		> GET /lp/t36
		# DELETE t36
		< 200 OK | Content-Type: text/plain | Last-Modified: <NOW> | Etag: W/0 | chunks "{-2,0,Channel deleted}" | END
		> GET /lp/t36?callback=cb
		# DELETE t36
		< 200 OK | Content-Type: application/javascript | Last-Modified: <NOW> | Etag: W/0 | chunks "cb" "([" "{-2,0,Channel deleted}" "]);" | END`},
	{"T38 eventsource: defaults, id and event lines, lines, blank lines dropped", `
		> GET /ev/t38
		# POST t38 "one"
		# POST t38 "two" | Event-Id: 7 | Event-Type: alert
		# POST t38 "l1\r\nl2\n\nl3\rl4\n"
		< 200 OK | Content-Type: text/event-stream; charset=utf-8 | Transfer-Encoding: chunked | Connection: keep-alive | Expires: <std> | Cache-Control: <std> | chunks ": \n" "data: one\n\n" "id: 7\n" "event: alert\n" "data: two\n\n" "data: l1\ndata: l2\ndata: l3\ndata: l4\n\n" (open)`},
	{"T40 eventsource: resume with Last-Event-ID", `
		> GET /ev/t38 | Last-Event-ID: 7
		< 200 OK | Content-Type: text/event-stream; charset=utf-8 | chunks ": \n" "data: l1\ndata: l2\ndata: l3\ndata: l4\n\n" (open)
		> GET /ev/t38 | Last-Event-ID: nope
		< 200 OK | Content-Type: text/event-stream; charset=utf-8 | chunks ": \n" (open)`},
	{"T41 websocket: handshake", `
		> GET /ws/t41 | WS 13
		< 101 Switching Protocols | Expires: <std> | Cache-Control: <std> | Upgrade: WebSocket | Connection: Upgrade | Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo= | frames ""`},
	{"T41 websocket: handshake, version 8", `
		> GET /ws/t41 | WS 8
		< 101 Switching Protocols | Upgrade: WebSocket | Connection: Upgrade | Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo= | frames ""`},
	{"T41 websocket: handshake errors", `
		> GET /ws/t41
		< 400 Bad Request | Connection: close | X-Nginx-PushStream-Explain: Don't have at least one of the mandatory headers: Connection, Upgrade, Sec-WebSocket-Key and Sec-WebSocket-Version | no body [closes]
		> GET /ws/t41 | WS 7
		< 400 Bad Request | Connection: close | Sec-WebSocket-Version: 8, 13 | X-Nginx-PushStream-Explain: Version not supported. Supported versions: 8, 13 | no body [closes]`},
	{"T42 websocket: refusals arrive as close frames 1008, a missing channel too (Q29)", `
		> GET /ws2/missing | WS 13
		< 101 Switching Protocols | Upgrade: WebSocket | Connection: Upgrade | Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo= | frames "\x88I\x03\xf0{"http_status": 403, "explain":"Subscriber could not create channels."}" [closes]
		> GET /ws/ALL | WS 13
		< 101 Switching Protocols | Upgrade: WebSocket | Connection: Upgrade | Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo= | frames "\x88N\x03\xf0{"http_status": 403, "explain":"Channel id not authorized for this method."}" [closes]
		> GET /ws/123456789012345678901 | WS 13
		< 101 Switching Protocols | Upgrade: WebSocket | Connection: Upgrade | Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo= | frames "\x88<\x03\xf0{"http_status": 400, "explain":"Channel id is too large."}" [closes]
		> GET /ws/ | WS 13
		< 101 Switching Protocols | Upgrade: WebSocket | Connection: Upgrade | Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo= | frames "\x88;\x03\xf0{"http_status": 400, "explain":"No channel id provided."}" [closes]`},
	{"T44 websocket: delivery", `
		> GET /ws/t44 | WS 13
		# POST t44 "hi"
		< 101 Switching Protocols | Upgrade: WebSocket | Connection: Upgrade | Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo= | frames "\x81\n[1:t44:hi]"`},
	{"T45 websocket: client publishes to all its channels", `
		> GET /ws/t45a/t45b | WS 13
		# FRAME 81 "hello"
		< 101 Switching Protocols | Upgrade: WebSocket | Connection: Upgrade | Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo= | frames "\x81\x0e[1:t45a:hello]\x81\x0e[1:t45b:hello]"`},
	{"T45 websocket: client publishes in fragments", `
		> GET /ws/t45d | WS 13
		# FRAME 01 "Hel"
		# FRAME 80 "lo"
		< 101 Switching Protocols | Upgrade: WebSocket | Connection: Upgrade | Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo= | frames "\x81\x0e[1:t45d:Hello]"`},
	{"T45 websocket: empty text is ignored", `
		> GET /ws/t45e | WS 13
		# FRAME 81 ""
		< 101 Switching Protocols | Upgrade: WebSocket | Connection: Upgrade | Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo= | frames ""`},
	{"T45 websocket: what clients published is stored", `
		> GET /pub?id=t45a/t45b
		< 200 OK | Content-Type: application/json | body "{"hostname": "<HOST>", "time": "<ISO>", "channels": <N>, "wildcard_channels": <N>, "uptime": <N>, "infos": [\r\n{"channel": "t45a", "published_messages": 1, "stored_messages": 1, "subscribers": 0},\r\n{"channel": "t45b", "published_messages": 1, "stored_messages": 1, "subscribers": 0}\r\n]}\r\n"`},
	{"T46 websocket: a ping is answered with its payload (Q13)", `
		> GET /ws/t46 | WS 13
		# FRAME 89 "abc"
		< 101 Switching Protocols | Upgrade: WebSocket | Connection: Upgrade | Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo= | frames "\x8a\x03abc"
		# FRAME 89 ""
		< frames "\x8a\x00"`},
	{"T46 websocket: a pong is ignored", `
		> GET /ws/t46 | WS 13
		# FRAME 8a "x"
		< 101 Switching Protocols | Upgrade: WebSocket | Connection: Upgrade | Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo= | frames ""`},
	{"T46 websocket: an empty close", `
		> GET /ws/t46 | WS 13
		# FRAME 88 ""
		< 101 Switching Protocols | Upgrade: WebSocket | Connection: Upgrade | Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo= | frames "\x88\x00" [closes]`},
	{"T46 websocket: a close with a code is echoed (Q13)", `
		> GET /ws/t46 | WS 13
		# FRAME 88 "\x03\xe8"
		< 101 Switching Protocols | Upgrade: WebSocket | Connection: Upgrade | Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo= | frames "\x88\x02\x03\xe8" [closes]`},
	{"T46 websocket: binary", `
		> GET /ws/t46 | WS 13
		# FRAME 82 "abc"
		< 101 Switching Protocols | Upgrade: WebSocket | Connection: Upgrade | Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo= | frames "\x88\x00" [closes]`},
	{"T46 websocket: invalid UTF-8 (Q13)", `
		> GET /ws/t46 | WS 13
		# FRAME 81 "\xff\xfe"
		< 101 Switching Protocols | Upgrade: WebSocket | Connection: Upgrade | Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo= | frames "\x88\x0b\x03\xefnot UTF-8" [closes]`},
	{"T47 websocket: channel deleted", `
		> GET /ws/t47 | WS 13
		# DELETE t47
		< 101 Switching Protocols | Upgrade: WebSocket | Connection: Upgrade | Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo= | frames "\x81\x18[-2:t47:Channel deleted]\x88\x00" [closes]`},
	{"T48 websocket: replay of the last", `
		# POST t48 "m1"
		# POST t48 "m2"
		> GET /ws/t48.b1 | WS 13
		< 101 Switching Protocols | Upgrade: WebSocket | Connection: Upgrade | Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo= | frames "\x81\n[2:t48:m2]"`},
	{"T48 websocket: replay from the beginning", `
		> GET /ws/t48 | If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT | WS 13
		< 101 Switching Protocols | Upgrade: WebSocket | Connection: Upgrade | Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo= | frames "\x81\n[1:t48:m1]\x81\n[2:t48:m2]"`},
	{"T49 binary body is untouched on streams", `
		> GET /sub/t49
		# POST t49 "\x00\xff"\n"
		< 200 OK | Content-Type: text/plain | chunks "HEAD" "[1:t49:\x00\xff"\n]" (open)`},
	{"T55 summary statistics, four formats", `
		> GET /stats | Accept: application/json
		< 200 OK | Content-Type: application/json | body "{"hostname": "<HOST>", "time": "<ISO>", "channels": <N>, "wildcard_channels": <N>, "published_messages": <N>, "stored_messages": <N>, "messages_in_trash": <N>, "channels_in_delete": <N>, "channels_in_trash": <N>, "subscribers": <N>, "uptime": <N>, "by_worker": [\r\n{"pid": "<PID>", "subscribers": <N>, "uptime": <N>}\r\n]}\r\n"
		> GET /stats | Accept: text/plain
		< 200 OK | Content-Type: text/plain | body "hostname: <HOST>\r\ntime: <ISO>\r\nchannels: <N>\r\nwildcard_channels: <N>\r\npublished_messages: <N>\r\nstored_messages: <N>\r\nmessages_in_trash: <N>\r\nchannels_in_delete: <N>\r\nchannels_in_trash: <N>\r\nsubscribers: <N>\r\nuptime: <N>\r\nby_worker:\r\n  pid: <PID>\r\n  subscribers: <N>\r\n  uptime: <N>\r\n"
		> GET /stats | Accept: application/yaml
		< 200 OK | Content-Type: application/yaml | body "  hostname: <HOST>\r\n  time: <ISO>\r\n  channels: <N>\r\n  wildcard_channels: <N>\r\n  published_messages: <N>\r\n  stored_messages: <N>\r\n  messages_in_trash: <N>\r\n  channels_in_delete: <N>\r\n  channels_in_trash: <N>\r\n  subscribers: <N>\r\n  uptime: <N>\r\n  by_worker:\r\n   -\r\n    pid: <PID>\r\n    subscribers: <N>\r\n    uptime: <N>\r\n"
		> GET /stats | Accept: application/xml
		< 200 OK | Content-Type: application/xml | body "<?xml version="1.0" encoding="UTF-8" ?>\r\n<infos>\r\n  <hostname><HOST></hostname>\r\n  <time><ISO></time>\r\n  <channels><N></channels>\r\n  <wildcard_channels><N></wildcard_channels>\r\n  <published_messages><N></published_messages>\r\n  <stored_messages><N></stored_messages>\r\n  <messages_in_trash><N></messages_in_trash>\r\n  <channels_in_delete><N></channels_in_delete>\r\n  <channels_in_trash><N></channels_in_trash>\r\n  <subscribers><N></subscribers>\r\n  <uptime><N></uptime>\r\n  <by_worker><worker>\r\n  <pid><PID></pid>\r\n  <subscribers><N></subscribers>\r\n  <uptime><N></uptime>\r\n</worker>\r\n</by_worker>\r\n</infos>\r\n"`},
}

// timed are the transcripts in which only time passes: they run side by side.
var timed = []struct{ name, text string }{
	{"T19 stream: ping, connection ttl, footer", `
		> GET /ping/t19
		< 200 OK | Content-Type: text/plain | chunks "HEAD" "[-1:: ]" "[-1:: ]" "FOOT" | END`},
	{"T35 long poll: timeout", `
		> GET /lp/t35
		< 304 Not Modified | Content-Type: text/plain | Content-Length: 0 | Last-Modified: <NOW> | Connection: keep-alive | Expires: <std> | Cache-Control: <std> | Etag: W/0 | no body
		> GET /lp/t35?callback=cb
		< 304 Not Modified | Content-Type: application/javascript | Last-Modified: <NOW> | Etag: W/0 | no body`},
	{"T39 eventsource: header, ping, template, footer, ttl", `
		# POST t39 "x\ny"
		> GET /ev2/t39.b1
		< 200 OK | Content-Type: text/event-stream; charset=utf-8 | chunks ": a\n: b\n" "data: {1,x}\ndata: {1,y}\n\n" ": -1\n" ": z\n" | END`},
	{"T43 websocket: header, ping, footer, close at ttl", `
		# POST t43 "so that it may be subscribed to"
		> GET /ws2/t43 | WS 13
		< 101 Switching Protocols | Upgrade: WebSocket | Connection: Upgrade | Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo= | frames "\x81\x04HEAD\x89\x00\x81\x04FOOT\x88\x00" [closes]`},
}

func TestTranscripts(t *testing.T) {
	s := serverA(t)
	for _, tr := range transcripts {
		t.Run(tr.name, func(t *testing.T) { s.play(t, tr.text) })
	}
	t.Run("timed", func(t *testing.T) {
		for _, tr := range timed {
			t.Run(tr.name, func(t *testing.T) {
				t.Parallel()
				s.play(t, tr.text)
			})
		}
	})
	t.Run("T44 websocket: lengths", func(t *testing.T) { frameLengths(t, s) })
	t.Run("T45 websocket: unmasked text", func(t *testing.T) {
		s.play(t, `
			> GET /ws/t45c | WS 13
			# UNMASKED 81 "hello"
			< 101 Switching Protocols | Upgrade: WebSocket | Connection: Upgrade | Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo= | frames "\x81\x0e[1:t45c:hello]"`)
	})
}

// frameLengths is T44: what a frame's head looks like at the borders of the three
// forms of its length.
func frameLengths(t *testing.T, s *server) {
	c := s.open(t, "GET /ws/t44L", upgrade("13")...)
	c.response()
	for i, want := range []struct {
		body  int
		head  string
		total int
	}{
		{116, "\x81}[1:t44L:xx", 127},
		{117, "\x81~\x00~[2:t44L:", 130},
		{65526, "\x81~\xff\xff[3:t44L:", 65539},
		{65527, "\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00[4", 65546},
	} {
		s.do(t, "POST /pub?id=t44L", strings.Repeat("x", want.body))
		got := c.take(want.total)
		if !strings.HasPrefix(got, want.head) {
			t.Errorf("frame %d begins with %q, want %q", i+1, got[:20], want.head)
		}
		if got[len(got)-1] != ']' {
			t.Errorf("frame %d does not end where it should", i+1)
		}
	}
	c.silent()
}

// The limits of T53 as far as they need no events channel, and what a refusal
// leaves behind: nothing (Q14).
func TestLimits(t *testing.T) {
	t.Parallel()
	s := newServer(t, []site.Location{
		at(site.ModeAdmin, "/pub"),
		at(site.ModeStream, "/sub/", func(l *site.Location) { l.Header = "HEAD" }),
		at(site.ModePoll, "/po/"),
		at(site.ModeWebSocket, "/ws/"),
	}, func(o *setup) {
		o.hub.Limits = func(string) relay.Limits { return relay.Limits{MaxSubscribers: 1} }
		o.hub.MaxChannels = 2
	})
	held := s.open(t, "GET /sub/full")
	held.response()
	s.play(t, `
		> GET /sub/full
		< 403 Forbidden | X-Nginx-PushStream-Explain: Subscribers limit per channel has been exceeded. | no body
		> GET /po/full
		< 403 Forbidden | X-Nginx-PushStream-Explain: Subscribers limit per channel has been exceeded. | no body
		> GET /sub/new/full
		< 403 Forbidden | X-Nginx-PushStream-Explain: Subscribers limit per channel has been exceeded. | no body
		> GET /pub?id=new
		< 404 Not Found | no body
		> GET /sub/new1/new2
		< 403 Forbidden | X-Nginx-PushStream-Explain: Number of channels were exceeded. | no body
		> GET /pub?id=new1
		< 404 Not Found | no body`)
	c := s.open(t, "GET /ws/full", upgrade("13")...)
	c.response()
	if got, want := c.take(86), "\x88T\x03\xf0{\"http_status\": 403, \"explain\":\"Subscribers limit per channel has been exceeded.\"}"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	c.closed()
	if n := s.hub.ChannelCount(); n != 1 {
		t.Errorf("got %d channels, want the one with a subscriber", n)
	}
}
