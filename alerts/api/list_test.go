package api_test

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"alertrelay/alerts"
	"alertrelay/relay"
	"alertrelay/relay/relaytest"
)

type list struct {
	Head struct {
		Time   string
		Tag    uint64
		Cursor string
	}
	Total  int
	Alerts []map[string]any
}

func (l *list) names() string {
	var names []string
	for _, a := range l.Alerts {
		names = append(names, a["labels"].(map[string]any)["alertname"].(string))
	}
	return strings.Join(names, " ")
}

func TestListOfNothing(t *testing.T) {
	r := start(t)
	var l list
	r.get("/api/v1/alerts?pretty", &l)
	if l.Alerts == nil || len(l.Alerts) != 0 || l.Head.Cursor != "0:0" {
		t.Errorf("got %+v", l)
	}
}

func TestList(t *testing.T) {
	r := start(t)
	disk, net, odd := firing("DiskFull"), firing("NetDown", "team", "web", "severity", "warning"), firing("Odd", "path", `a<b>&"\`)
	over := firing("Over")
	r.record(disk, net, odd, over)
	r.record(resolved(over))
	for _, c := range []struct{ query, want string }{
		{"", "DiskFull NetDown Odd"},
		{"?channel=db.>", "DiskFull Odd"},
		{"?channel=db.>&channel=*.warning.>", "DiskFull NetDown Odd"},
		{"?channel=" + "db.critical.DiskFull." + disk.ID(), "DiskFull"},
		{"?channel=nothing", ""},
		{"?match=" + url.QueryEscape(`severity="warning"`), "NetDown"},
		{"?match=" + url.QueryEscape(`alertname=~"Disk.*"`) + "&match=" + url.QueryEscape(`source="am"`), "DiskFull"},
		{"?match=" + url.QueryEscape(`team="db",path=""`), "DiskFull"},
		{"?status=firing&limit=100", "DiskFull NetDown Odd"},
		{"?status=suppressed", ""},
		{"?status=resolved", "Over"},
		{"?ended=true", "DiskFull NetDown Odd Over"},
		{"?ended", "DiskFull NetDown Odd Over"},
		{"?ended=false", "DiskFull NetDown Odd"},
	} {
		for _, more := range []string{"", "pretty"} {
			path := "/api/v1/alerts" + c.query
			if more != "" {
				path += map[bool]string{true: "&", false: "?"}[strings.Contains(path, "?")] + more
			}
			var l list
			r.get(path, &l)
			got := map[string]bool{}
			for name := range strings.FieldsSeq(l.names()) {
				got[name] = true
			}
			want := strings.Fields(c.want)
			ok := len(got) == len(want) && l.Total == len(want)
			for _, name := range want {
				ok = ok && got[name]
			}
			if !ok {
				t.Errorf("%s: got %s, want %s", path, l.names(), c.want)
			}
		}
	}
	var l list
	r.get("/api/v1/alerts?limit=1", &l)
	if len(l.Alerts) != 1 || l.Total != 3 {
		t.Errorf("limit: got %d of %d", len(l.Alerts), l.Total)
	}

	var a map[string]any
	r.get("/api/v1/alerts/"+odd.ID(), &a)
	if a["channel"] != "db.critical.Odd."+odd.ID() || a["labels"].(map[string]any)["path"] != odd.Labels["path"] ||
		a["lastSeen"] == nil || a["expiresAt"] == nil || a["seq"] != 3.0 && a["seq"] == nil || a["channels"] != nil {
		t.Errorf("got %v", a)
	}
	r.get("/api/v1/alerts/"+over.ID(), &a)
	if a["status"] != "resolved" {
		t.Errorf("got %v", a)
	}
	r.refused(r.do(http.MethodGet, "/api/v1/alerts/am-0000000000000000"), 404, "id", "no alert of this id")
	r.refused(r.do(http.MethodGet, "/api/v1/alerts/nonsense"), 404, "id", "no alert's id")
}

// TestForeignEvents: an event that somebody else has published need not look like
// ours, and the answer is as described all the same.
func TestForeignEvents(t *testing.T) {
	r := start(t)
	own, foreign := firing("Own"), firing("Foreign")
	r.record(own)
	for _, text := range []string{
		`{"status":"firing","id":%q}`, ` {"id":%q,"status":"firing","labels":null,"extra":1} `,
		`{"id":%q,"source":"am","fingerprint":"x","event":"firing","status":"firing","receiver":"` + "\xff" + `"}`,
	} {
		text = fmt.Sprintf(text, foreign.ID())
		_, err := r.Stream.Publish(t.Context(), relay.Publication{Channel: "a." + foreign.ID(), Text: []byte(text)})
		must(t, err)
		must(t, r.Stream.Log().Applied(t.Context()))
		for _, path := range []string{"/api/v1/alerts", "/api/v1/alerts?pretty"} {
			a := r.do(http.MethodGet, path)
			var l list
			a.json(t, 200, &l)
			if l.Total != 2 || len(l.Alerts) != 2 || !utf8.Valid(a.body) || l.Alerts[0]["labels"] == nil || l.Alerts[1]["labels"] == nil {
				t.Errorf("%s: got %s", text, a.body)
			}
		}
	}
	// One that is listed and one that is asked for are the same.
	var l list
	var one map[string]any
	r.get("/api/v1/alerts?match=alertname%3DOwn", &l)
	r.get("/api/v1/alerts/"+own.ID(), &one)
	if !reflect.DeepEqual(l.Alerts[0], one) {
		t.Errorf("got %v, want %v", l.Alerts[0], one)
	}
}

func TestETag(t *testing.T) {
	r := start(t)
	disk := firing("DiskFull")
	r.record(disk)
	for _, path := range []string{"/api/v1/alerts", "/api/v1/alerts/" + disk.ID()} {
		etag := r.do(http.MethodGet, path).Header.Get("Etag")
		if !strings.HasPrefix(etag, `W/"`) {
			t.Fatalf("got %q", etag)
		}
		if a := r.do(http.MethodGet, path, header("If-None-Match", `"x", `+etag)); a.StatusCode != 304 || len(a.body) > 0 {
			t.Errorf("got %d %s", a.StatusCode, a.body)
		}
		if a := r.do(http.MethodHead, path); a.StatusCode != 200 || len(a.body) > 0 || a.Header.Get("Etag") != etag {
			t.Errorf("HEAD: got %d %v", a.StatusCode, a.Header)
		}
		must(t, r.Acknowledge(t.Context(), disk.ID(), "ada", path))
		if a := r.do(http.MethodGet, path, header("If-None-Match", etag)); a.StatusCode != 200 {
			t.Errorf("after an event: got %d", a.StatusCode)
		}
	}
	// A channel that is deleted is no event.
	etag := r.do(http.MethodGet, "/api/v1/alerts").Header.Get("Etag")
	_, err := r.Stream.DeleteChannel(t.Context(), "db.critical.DiskFull."+disk.ID(), nil)
	must(t, err)
	relaytest.Eventually(t, "it is gone", func() bool {
		return r.do(http.MethodGet, "/api/v1/alerts", header("If-None-Match", etag)).StatusCode == 200
	})
}

func TestWrongQueries(t *testing.T) {
	r := start(t)
	for path, field := range map[string]string{
		"/api/v1/alerts?matsch=a":                      "matsch",
		"/api/v1/alerts?match=":                        "match",
		"/api/v1/alerts?match=" + url.QueryEscape(`=`): "match",
		"/api/v1/alerts?match=" + url.QueryEscape(strings.Repeat(`a="b",`, 64)+`a="b"`): "match",
		"/api/v1/alerts?channel=":                                      "channel",
		"/api/v1/alerts?channel=a.>.b*":                                "channel",
		"/api/v1/alerts?channel=a*.*":                                  "channel",
		"/api/v1/alerts?channel=" + strings.Repeat("a", 513):           "channel",
		"/api/v1/alerts?" + strings.Repeat("channel=a&", 65):           "channel",
		"/api/v1/alerts?status=loud":                                   "status",
		"/api/v1/alerts?ended=perhaps":                                 "ended",
		"/api/v1/alerts?limit=0":                                       "limit",
		"/api/v1/alerts?limit=100001":                                  "limit",
		"/api/v1/alerts?limit=1&limit=2":                               "limit",
		"/api/v1/alerts?pretty=no":                                     "pretty",
		"/api/v1/alerts?a=%zz":                                         "",
		"/api/v1/history?since=yesterday":                              "since",
		"/api/v1/history?since=10":                                     "since",
		"/api/v1/history?since=-2h":                                    "since",
		"/api/v1/history?until=2h&since=1h":                            "until",
		"/api/v1/history?since=2026-11-22":                             "since",
		"/api/v1/history?after=x":                                      "after",
		"/api/v1/history?format=xml":                                   "format",
		"/api/v1/history?id=x":                                         "id",
		"/api/v1/history?channel=" + url.QueryEscape("a.>.b*.*"):       "channel",
		"/api/v1/sources?x":                                            "x",
		"/api/v1/openapi.yaml?x":                                       "x",
		"/api/v1/alerts/am-0000000000000000?ended=true":                "ended",
		"/api/v1/history?since=" + url.QueryEscape("99999w"):           "since",
		"/api/v1/history?since=" + url.QueryEscape("9999999999999999"): "since",
	} {
		r.refused(r.do(http.MethodGet, path), 400, field, "")
	}
	r.refused(r.do(http.MethodGet, "/api/v1/alerts?match="+strings.Repeat("a", 20_000)), 414, "", "longer than")
}

func TestMethodsAndHeaders(t *testing.T) {
	r := start(t)
	a := r.do(http.MethodPost, "/api/v1/alerts")
	r.refused(a, 405, "", "GET, HEAD, OPTIONS")
	if got := a.Header.Get("Allow"); got != "GET, HEAD, OPTIONS" {
		t.Errorf("Allow: got %q", got)
	}
	if got := r.do(http.MethodGet, "/api/v1/alerts/am-0000000000000000/ack").Header.Get("Allow"); got != "DELETE, POST, OPTIONS" {
		t.Errorf("Allow: got %q", got)
	}
	r.refused(r.do(http.MethodGet, "/api/v1/nothing"), 404, "", "openapi.yaml")
	r.refused(r.do(http.MethodGet, "/api/"), 404, "", "openapi.yaml")
	if a := r.do(http.MethodOptions, "/api/v1/alerts"); a.StatusCode != 204 || a.Header.Get("Allow") != "GET, HEAD, OPTIONS" {
		t.Errorf("got %d %v", a.StatusCode, a.Header)
	}
	for _, path := range []string{"/api/v1/alerts", "/api/v1/nothing", "/api/v1/openapi.yaml", "/api/v1/history"} {
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": "same-origin"} {
			a := r.do(http.MethodGet, path, header("Origin", "https://evil.example"))
			if got := a.Header.Get(name); got != want {
				t.Errorf("%s: %s: got %q", path, name, got)
			}
			if a.Header.Get("Access-Control-Allow-Origin") != "" || !strings.Contains(a.Header.Get("Content-Security-Policy"), "default-src 'none'") {
				t.Errorf("%s: got %v", path, a.Header)
			}
		}
	}
	for _, path := range []string{"/api/v1/alerts", "/api/v1/sources", "/api/v1/history", "/api/v1/history?format=csv", "/api/v1/openapi.yaml"} {
		if a := r.do(http.MethodHead, path); a.StatusCode != 200 || len(a.body) > 0 || a.Header.Get("Content-Type") == "" {
			t.Errorf("HEAD %s: got %d %v", path, a.StatusCode, a.Header)
		}
	}
}

func TestOrigins(t *testing.T) {
	r := start(t, withOrigins("https://wall.example"))
	origin := header("Origin", "https://wall.example")
	if got := r.do(http.MethodGet, "/api/v1/alerts", origin).Header.Get("Access-Control-Allow-Origin"); got != "https://wall.example" {
		t.Errorf("got %q", got)
	}
	a := r.do(http.MethodOptions, "/api/v1/alerts", origin, header("Access-Control-Request-Method", "GET"))
	if a.StatusCode != 204 || a.Header.Get("Access-Control-Allow-Methods") != "GET, HEAD" {
		t.Errorf("preflight: got %d %v", a.StatusCode, a.Header)
	}
	a = r.do(http.MethodGet, "/api/v1/alerts", header("Origin", "https://evil.example"))
	if a.Header.Get("Access-Control-Allow-Origin") != "" || !strings.Contains(strings.Join(a.Header.Values("Vary"), ","), "Origin") {
		t.Errorf("got %v", a.Header)
	}
	// It may read only.
	a = r.do(http.MethodPost, "/api/v1/alerts/am-0000000000000000/ack", origin, body(`{"by":"ada"}`))
	r.refused(a, 403, "", "another site")
	if a.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("got %v", a.Header)
	}
	all := start(t, withOrigins("*"))
	if got := all.do(http.MethodGet, "/api/v1/alerts", origin).Header.Get("Access-Control-Allow-Origin"); got != "*" {
		t.Errorf("got %q", got)
	}
}

// TestManyAlerts lists 20,000 alerts. What it takes is told, not checked: the
// machine may have other things to do.
func TestManyAlerts(t *testing.T) {
	if testing.Short() {
		t.Skip("long")
	}
	const n = 20_000
	r := start(t)
	for first := 0; first < n; first += 5000 {
		var batch []alerts.Alert
		for i := first; i < first+5000; i++ {
			a := firing("Many", "instance", fmt.Sprintf("host-%d.example.org:9100", i), "job", "node", "cluster", "eu-1")
			a.Annotations["description"] = strings.Repeat("what it means and what to do about it. ", 8)
			batch = append(batch, a)
		}
		r.record(batch...)
	}
	before := heap()
	for _, zipped := range []bool{false, true} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+"/api/v1/alerts", nil)
		must(t, err)
		if zipped {
			req.Header.Set("Accept-Encoding", "gzip")
		}
		begun := time.Now()
		resp, err := (&http.Client{Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true}}).Do(req)
		must(t, err)
		count := &counter{r: resp.Body}
		var in io.Reader = count
		if zipped {
			in, err = gzip.NewReader(count)
			must(t, err)
		}
		first, most := time.Since(begun), uint64(0)
		alertsSeen := 0
		buf := make([]byte, 1<<20)
		for last := 0; ; last++ {
			k, err := in.Read(buf)
			alertsSeen += strings.Count(string(buf[:k]), `"fingerprint"`) // a cut one is rare, and told
			if last%50 == 0 {
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapAlloc)
			}
			if err == io.EOF {
				break
			}
			must(t, err)
		}
		resp.Body.Close()
		t.Logf("gzip %t: %d alerts, %d bytes, first after %s, all after %s; heap %d MB more at most",
			zipped, alertsSeen, count.n, first, time.Since(begun), (int64(most)-int64(before))>>20)
	}
	var l list
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.url+"/api/v1/alerts", nil)
	must(t, err)
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	defer resp.Body.Close()
	must(t, json.NewDecoder(resp.Body).Decode(&l))
	if len(l.Alerts) != n || l.Total != n || l.Head.Tag != n {
		t.Errorf("got %d alerts of %d, head %+v", len(l.Alerts), l.Total, l.Head)
	}
	c, ok := relay.ParseEventCursor(l.Head.Cursor)
	at, timeOK := relay.ParseTime(l.Head.Time)
	if !ok || !timeOK || !c.Time.Equal(at) || strconv.FormatUint(c.Tag, 10) != strconv.FormatUint(l.Head.Tag, 10) {
		t.Errorf("got %+v", l.Head)
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

type counter struct {
	r io.Reader
	n int
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += n
	return n, err
}
