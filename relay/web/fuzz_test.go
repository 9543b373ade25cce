package web

import (
	"bytes"
	"net/http"
	"net/url"
	"path"
	"strings"
	"testing"
	"unicode/utf8"

	"alertrelay/relay"
	"alertrelay/relay/site"
)

// get is a request as net/http gives it to handlers.
func get(path, query string) *http.Request {
	return &http.Request{Method: http.MethodGet, ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, URL: &url.URL{Path: path, RawQuery: query}}
}

// visiting is a request at a location.
func visiting(loc *location, r *http.Request) *visit {
	return &visit{r: r, link: &link{}, host: &host{Server: &site.Server{}}, loc: loc, set: loc.settings, path: r.URL.Path}
}

// compiled is a location without a server.
func compiled(t testing.TB, l site.Location) *location {
	t.Helper()
	s := site.New()
	loc, err := newLocation(&l, &s, 0)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

// decodedSimply reads the rules of protocol 2.3 in another way than decodeValue:
// it eats what it has read.
func decodedSimply(s string) string {
	var b strings.Builder
	for decoded := false; s != ""; {
		c := s[0]
		switch {
		case c == '?' && !decoded:
			return b.String() + s
		case c == '?':
			return b.String() + "?"
		case c != '%':
			b.WriteByte(c)
			s = s[1:]
			continue
		}
		decoded = true
		if s = s[1:]; s == "" {
			break
		}
		if !strings.ContainsRune("0123456789abcdefABCDEF", rune(s[0])) {
			continue
		}
		if len(s) < 2 {
			break
		}
		if text, err := url.PathUnescape("%" + s[:2]); err == nil {
			b.WriteString(text)
			if text == "?" {
				break
			}
		}
		s = s[2:]
	}
	return b.String()
}

// A value is decoded as the module does it, and what comes out is taken apart into
// ids that may exist, or refused.
func FuzzChannels(f *testing.F) {
	for _, s := range []string{
		"a", "a/b.b3", "%41", "a%2Fb", "%zz1", "%4z1", "%", "%4", "x%3Fzz", "x?%41", "x%41y?zz", "a%0A", "a%00b", "ALL", "a*", "db.>", "*.x.>", "%2A", "a%2562",
		"/", "//", "a//b", ".b3", "a.b99999999999999999999", "%e9", "+", "&id=x", "ID=x", "?", "%%41", "%3f%41",
	} {
		f.Add(s, "id")
	}
	const maxID, maxElements = 200, 50
	s := &Server{opts: Options{MaxChannelID: maxID, MaxElements: maxElements}}
	sub := compiled(f, site.NewLocation(site.ModeStream, site.MatchPrefix, "/sub/", false))
	arg := func(name string, r *http.Request) string {
		v := value{set: true, parts: []part{{variable: newVariable("arg_" + name)}}}
		return v.of(visiting(sub, r))
	}
	f.Fuzz(func(t *testing.T, text, name string) {
		value := decodeValue(text)
		if want := decodedSimply(text); value != want {
			t.Errorf("%q becomes %q, want %q", text, value, want)
		}
		if len(value) > len(text) {
			t.Errorf("%q grows to %q", text, value)
		}
		if got := sub.settings.channels.of(visiting(sub, get("/sub/"+text, ""))); got != value {
			t.Errorf("Rest of %q is %q, want %q", text, got, value)
		}
		if got := arg(name, get("/", text)); len(got) > len(text) {
			t.Errorf("argument %q of %q is %q", name, text, got)
		}
		if name != "" && !strings.EqualFold(name, "x") && isASCII(name) && !strings.ContainsAny(text+name, "&=") {
			if got := arg(strings.ToUpper(name), get("/", "&x&"+name+"="+text+"&"+name+"=second")); got != value {
				t.Errorf("argument %q is %q, want %q", name, got, value)
			}
		}
		for _, wildcards := range []bool{false, true} {
			reqs, refused := s.elements(value, wildcards)
			if refused != nil {
				if reqs != nil || refused.status < 400 || refused.status >= 500 {
					t.Errorf("%q: got %v with %v", value, reqs, refused)
				}
				continue
			}
			if len(reqs) == 0 || len(reqs) > maxElements+1 {
				t.Errorf("%q: got %d elements", value, len(reqs))
			}
			seen := make(map[string]bool)
			for _, r := range reqs {
				switch {
				case r.Channel == "" || len(r.Channel) > maxID || strings.Contains(r.Channel, "/") || r.Channel == "ALL" || r.Backtrack < 0 || seen[r.Channel]:
					t.Errorf("%q: got %+v", value, r)
				case strings.Contains(r.Channel, "*") && (!wildcards || !relay.IsWildcard(r.Channel)):
					t.Errorf("%q: got %+v with wildcards: %v", value, r, wildcards)
				}
				seen[r.Channel] = true
			}
		}
	})
}

// A path is compared with locations in one form, which is that of path.Clean but
// for a slash at the end.
func FuzzNormalize(f *testing.F) {
	for _, s := range []string{"/", "/a", "//a//b/", "/a/./b", "/a/../b", "/..", "/a/../..", "/a/..", "/a/.", "/...", "/.a", "/a/..b", "", "*", "/a\x00/../b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, p string) {
		got, ok := normalize(p)
		if !strings.HasPrefix(p, "/") {
			return
		}
		depth, above := 0, false
		for segment := range strings.SplitSeq(p, "/") {
			switch segment {
			case "", ".":
			case "..":
				depth--
			default:
				depth++
			}
			above = above || depth < 0
		}
		if ok == above {
			t.Fatalf("%q: got %v", p, ok)
		}
		if !ok {
			return
		}
		want := path.Clean(p)
		last := p[strings.LastIndexByte(p, '/')+1:]
		if want != "/" && (last == "" || last == "." || last == "..") {
			want += "/"
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", p, got, want)
		}
		if again, _ := normalize(got); again != got {
			t.Errorf("%q becomes %q, and then %q", p, got, again)
		}
	})
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func FuzzCallback(f *testing.F) {
	for _, s := range []string{"cb", "a.b[0]", "%63b", "a%28", "", "%", "%zz", "a%0D%0Ab", "<script>", "a;b", "a&callback=b", strings.Repeat("a", 257)} {
		f.Add(s)
	}
	loc := compiled(f, site.NewLocation(site.ModeLongPoll, site.MatchPrefix, "/lp/", false))
	f.Fuzz(func(t *testing.T, text string) {
		c := &subscriber{poll: &poll{}, loc: loc, mode: site.ModeLongPoll, format: loc.chunked}
		refused := c.readCallback(get("/lp/a", "callback="+text))
		name := c.poll.callback
		switch {
		case refused != nil && (name != "" || refused.status != http.StatusBadRequest):
			t.Errorf("%q: refused with %+v, and taken as %q", text, *refused, name)
		case len(name) > maxCallback || strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$.[]") != "":
			t.Errorf("%q: taken as %q", text, name)
		case (name != "") != (c.format == loc.plain):
			t.Errorf("%q: taken as %q, in the wrong format", text, name)
		}
	})
}

// What clients say of where they were is either a place or none; and what comes
// back to them is a header.
func FuzzCursor(f *testing.F) {
	for _, s := range [][3]string{
		{"Sun, 06 Nov 1994 08:49:37 GMT", "W/3", "e1"},
		{"Thu,+01+Jan+1970+00:00:00+GMT", "0", "1700000000:42"},
		{"Thu, 1 Jan 1970 00:00:00 GMT", `"3"`, ""},
		{"Sunday, 06-Nov-94 08:49:37 GMT", "-1", ":"},
		{"Sun Nov  6 08:49:37 1994", "18446744073709551616", "a\nb"},
		{"null", "W/1, W/2", "99999999999999:1"},
	} {
		f.Add(s[0], s[1], s[2], true)
		f.Add(s[0], s[1], s[2], false)
	}
	locations := make(map[bool][]*location)
	for _, module := range []bool{false, true} {
		for _, kind := range []struct {
			mode               site.Mode
			arguments, headers bool
		}{{site.ModeEventSource, false, false}, {site.ModeEventSource, true, true}, {site.ModePoll, true, false}} {
			l := site.NewLocation(kind.mode, site.MatchPrefix, "/x/", module)
			l.Channels, l.HeaderCursor = site.ValueOf("$rest"), kind.headers
			l.Time, l.Tag, l.EventID = site.Value{}, site.Value{}, site.Value{}
			if kind.arguments {
				l.Time, l.Tag, l.EventID = site.ValueOf("$arg_time"), site.ValueOf("$arg_tag"), site.ValueOf("$arg_eventid")
			}
			locations[module] = append(locations[module], compiled(f, l))
		}
	}
	f.Fuzz(func(t *testing.T, at, tag, id string, module bool) {
		query := url.Values{"time": {at}, "tag": {tag}, "eventid": {id}}.Encode()
		for _, loc := range locations[module] {
			r := get("/x/a", query)
			if !loc.Time.Set {
				r.URL.RawQuery = ""
				r.Header = http.Header{"If-Modified-Since": {at}, "If-None-Match": {tag}, "Last-Event-Id": {id}}
			}
			from := visiting(loc, r).cursor()
			if from.InOrder == module || !from.Time.IsZero() && from.Time.Unix() < 0 {
				t.Errorf("got %+v", from)
			}
			if module && !loc.Time.Set && id != "" && (from.EventID == nil || *from.EventID != id) {
				t.Errorf("event id %q is read as %+v", id, from)
			}
			c := &subscriber{poll: &poll{from: from}, loc: loc, mode: site.ModePoll, keepAlive: true, format: loc.chunked}
			head := c.nothing()
			if n := bytes.Count(head, []byte("\n")); n > 10 || !bytes.HasSuffix(head, []byte("\r\n\r\n")) || n != bytes.Count(head, []byte("\r\n")) {
				t.Errorf("got %q", head)
			}
		}
	})
}

func FuzzAccept(f *testing.F) {
	for _, s := range []string{"", "*/*", "text/plain", "application/json;q=0.1, text/x-yaml", "application/jsonp", "a/b/xml", "/", "//plain", "application/JSON"} {
		f.Add(s, "id")
	}
	f.Fuzz(func(t *testing.T, accept, id string) {
		contentType, format := negotiate(accept)
		kind := contentType[strings.IndexByte(contentType, '/')+1:]
		if accept != "" && contentType != "application/json" && !strings.Contains(accept, "/"+kind) {
			t.Errorf("%q is answered with %s", accept, contentType)
		}
		b := format.channel(nil, &relay.ChannelStats{Channel: id})
		lines := map[string]int{"plain": 4, "json": 1, "x-json": 1, "yaml": 4, "x-yaml": 4, "xml": 8}[kind]
		if got := bytes.Count(b, []byte("\n")); got != lines || got != bytes.Count(b, []byte("\r\n")) {
			t.Errorf("%s for channel %q has %d lines, want %d: %q", contentType, id, got, lines, b)
		}
	})
}
